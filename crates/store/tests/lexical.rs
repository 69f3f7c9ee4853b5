//! Words: which are looked for, and that they score the same each time.

use crate::common::{article, create, holding};
use store::Collection;

#[test]
fn a_word_and_its_misspelling_score_the_same_each_time() {
    let (_folder, collection) = holding(&[("a", "a battery lasts\nnothing else\n")]);
    let score = |question: &str| collection.search_lexical(question, 1, None).unwrap()[0].score;
    let of_word = score("battery");
    for _ in 0..50 {
        assert_eq!(score("battery batery"), of_word, "the word itself counts, not what could mean it");
        assert_eq!(score("batery battery"), of_word);
        let words = collection.explain_lexical("batery battary battary", &collection.keys().unwrap()).unwrap();
        assert_eq!(words[0][0].word, "battary", "of two misspellings the one that is asked more");
    }
}

#[test]
fn only_the_first_unknown_words_are_replaced_by_near_ones() {
    let word = |at: usize, end: &str| {
        format!("{}stone{end}", ["ab", "cd", "ef", "gh", "ij", "kl", "mn", "op", "qr", "tu"][at])
    };
    let text: Vec<String> = (0..10).map(|at| word(at, "k")).collect();
    let (_folder, collection) = holding(&[("a", &(text.join(" ") + "\n"))]);
    let question: Vec<String> = (0..10).map(|at| word(at, "x")).collect();
    let found = &collection.explain_lexical(&question.join(" "), &collection.keys().unwrap()).unwrap()[0];
    let mut found: Vec<&str> =
        found.iter().filter(|word| word.place == "text").map(|word| word.word.as_str()).collect();
    found.sort_unstable();
    assert_eq!(found, question[..4]);
    // However many there are, it is a question.
    let many: Vec<String> = (0..5000).map(|n| format!("w{n}abcdefg")).collect();
    assert!(collection.search_lexical(&many.join(" "), 10, None).unwrap().is_empty());
}

#[test]
fn the_bonus_for_words_together_does_not_depend_on_the_segments_of_the_text() {
    let texts =
        |part: usize| (0..200).map(|n| format!("red kite flies over field {}\n", part * 200 + n)).collect::<String>();
    let (first, second) = (texts(0), texts(1));
    let scores = |collection: &dyn Collection| {
        let found = collection.search_lexical("red kite", 400, None).unwrap();
        found.iter().map(|candidate| (candidate.key, candidate.score)).collect::<Vec<_>>()
    };
    let (_folder, in_one) = holding(&[("a", &first), ("b", &second)]);
    let dir = tempfile::tempdir().unwrap();
    let mut in_two = create(&dir.path().join("c"));
    let mut writer = in_two.writer().unwrap();
    for (id, text) in [("a", &first), ("b", &second)] {
        writer.put(article(id, text)).unwrap();
        writer.commit().unwrap();
    }
    drop(writer);
    in_two.refresh().unwrap();
    let found = scores(&*in_two);
    // All are alike, and the first 300 by their keys have the bonus.
    assert_eq!(found, scores(&*in_one));
    assert!(found[299].1 > found[300].1 && found.windows(2).all(|pair| pair[0].1 >= pair[1].1));
}
