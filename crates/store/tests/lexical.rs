//! Lexical search: corrections, and reproducible scores.

use crate::common::{article, collection_of, create};
use store::Collection;

#[test]
fn scores_of_a_word_and_its_misspelling_are_reproducible() {
    let (_folder, collection) = collection_of(&[("a", "a battery lasts\nnothing else\n")]);
    let score = |query: &str| collection.search_lexical(query, 1, None).unwrap()[0].score;
    let of_word = score("battery");
    for _ in 0..50 {
        assert_eq!(
            score("battery batery"),
            of_word,
            "the word itself takes precedence over its misspelling"
        );
        assert_eq!(score("batery battery"), of_word);
        let words = collection
            .explain_lexical("batery battary battary", &collection.keys().unwrap())
            .unwrap();
        assert_eq!(
            words[0][0].word, "battary",
            "the more frequent of two misspellings counts"
        );
    }
}

#[test]
fn only_the_first_unknown_words_are_corrected() {
    let word = |at: usize, end: &str| {
        format!(
            "{}stone{end}",
            ["ab", "cd", "ef", "gh", "ij", "kl", "mn", "op", "qr", "tu"][at]
        )
    };
    let text: Vec<String> = (0..10).map(|at| word(at, "k")).collect();
    let (_folder, collection) = collection_of(&[("a", &(text.join(" ") + "\n"))]);
    let query: Vec<String> = (0..10).map(|at| word(at, "x")).collect();
    let found = &collection
        .explain_lexical(&query.join(" "), &collection.keys().unwrap())
        .unwrap()[0];
    let mut found: Vec<&str> = found
        .iter()
        .filter(|word| word.place == "text")
        .map(|word| word.word.as_str())
        .collect();
    found.sort_unstable();
    assert_eq!(found, query[..4]);
    // Any number of unknown words is a valid query.
    let many: Vec<String> = (0..5000).map(|n| format!("w{n}abcdefg")).collect();
    assert!(
        collection
            .search_lexical(&many.join(" "), 10, None)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn phrase_bonus_does_not_depend_on_text_segments() {
    let texts = |part: usize| {
        (0..200)
            .map(|n| format!("red kite flies over field {}\n", part * 200 + n))
            .collect::<String>()
    };
    let (first, second) = (texts(0), texts(1));
    let scores = |collection: &dyn Collection| {
        let found = collection.search_lexical("red kite", 400, None).unwrap();
        found
            .iter()
            .map(|candidate| (candidate.key, candidate.score))
            .collect::<Vec<_>>()
    };
    let (_folder, in_one) = collection_of(&[("c", &first), ("b", &second)]);
    let dir = tempfile::tempdir().unwrap();
    let mut in_two = create(&dir.path().join("c"));
    let mut writer = in_two.writer().unwrap();
    for (id, text) in [("c", &first), ("b", &second)] {
        writer.put(article(id, text)).unwrap();
        writer.commit().unwrap();
    }
    drop(writer);
    in_two.refresh().unwrap();
    let found = scores(&*in_two);
    // All passages score the same, so all get the bonus or none.
    assert_eq!(found, scores(&*in_one));
    assert!(found.iter().all(|(_, score)| *score == found[0].1));
}
