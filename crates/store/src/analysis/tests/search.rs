use super::common::Collection;
use crate::Language::{English, German, Other};

#[test]
fn exact_name_outranks_similar_names() {
    let pairs = [
        ("C++", "C"),
        ("C#", "C"),
        ("F#", "F"),
        (".NET", "net"),
        ("node.js", "node"),
        ("AT&T", "T"),
        ("§ 12(3)", "§ 12(4)"),
        ("−5 °C", "5 °C"),
        ("CVE-2024-3094", "CVE-2024-3095"),
        ("100mg", "10 mg"),
        ("A-113/B", "A-113/C"),
        ("v1.10", "v1.1"),
        ("R&D", "R D"),
        ("user@example.org", "user@example.com"),
        ("foo_bar", "foo bar"),
        ("résumé", "resume"),
        ("Müller", "Muller"),
        ("US", "us"),
    ];
    for (one, other) in pairs {
        // A lowercase query does not say whether it means a name.
        let both = [(one, other), (other, one)];
        for (query, other_name) in both.into_iter().filter(|(query, _)| *query != "us") {
            // The wrong text has the shared word more often relative to its length.
            let right = format!(
                "A long note on {query} and many other things that fill its lines with words."
            );
            let wrong = format!("Note on {other_name}.");
            let texts = [
                ("wrong", wrong.as_str()),
                ("right", right.as_str()),
                ("else", "Nothing of that."),
            ];
            let found = Collection::new(English, &texts).find(query);
            assert_eq!(
                found.first().map(String::as_str),
                Some("right"),
                "{query} before {other_name}: {found:?}"
            );
        }
    }
}

#[test]
fn search_ignores_diacritics_but_prefers_exact_matches() {
    let texts = [
        ("marked", "Her résumé lists shipyards."),
        ("plain", "Her resume lists shipyards."),
        ("x", "No ships."),
    ];
    for language in [English, Other] {
        let collection = Collection::new(language, &texts);
        assert_eq!(collection.find("résumé"), ["marked", "plain"]);
        assert_eq!(collection.find("RESUME"), ["plain", "marked"]);
    }
}

#[test]
fn query_of_stop_words_finds_its_title() {
    let texts = [
        ("band", "The Who\nA band of four from London; it was loud."),
        (
            "album",
            "The The\nIt is the band of one man, and that is all of it.",
        ),
        (
            "clown",
            "IT\nA novel about a clown in the drains of a town.",
        ),
        (
            "prince",
            "Hamlet\nTo be, or not to be, that is the question of the play.",
        ),
        (
            "or",
            "OR\nA gate of logic: one of two is enough for it to be on.",
        ),
        (
            "noise",
            "Weather\nIt is to be the wettest of the months, or not, as it was in the year that was to be the driest.",
        ),
    ];
    let collection = Collection::new(English, &texts);
    for (query, first) in [
        ("The The", "album"),
        ("the who", "band"),
        ("IT", "clown"),
        ("to be or not to be", "prince"),
        ("To be, or not to be?", "prince"),
        ("OR", "or"),
    ] {
        assert_eq!(
            collection.find(query).first().map(String::as_str),
            Some(first),
            "{query}"
        );
    }
}

#[test]
fn stop_words_are_ignored_beside_other_words_but_negations_count() {
    let texts = [
        ("a", "The kiln is hot."),
        ("b", "A kiln that does not cool."),
        ("c", "It is the one that is in the way of it."),
    ];
    let collection = Collection::new(English, &texts);
    assert_eq!(collection.find("what is the kiln"), ["a", "b"]);
    assert_eq!(collection.find("kilns that do not cool")[0], "b");
    let german = Collection::new(
        German,
        &[
            ("a", "Der Ofen ist heiß."),
            ("b", "Der Ofen ist nicht heiß."),
        ],
    );
    assert_eq!(german.find("nicht heiß")[0], "b");
}

#[test]
fn finds_words_of_scripts_without_spaces() {
    let texts = [
        ("zh", "山坡上的旧磨坊用石灰岩砌成，每逢秋天磨面粉。"),
        ("mixed", "我的手机是Pixel 9，昨天刚买。水很贵。"),
        (
            "ja",
            "丘の上の風車小屋は石灰岩でできていて、秋に小麦を挽く。",
        ),
        ("th", "โรงสีเก่าบนเนินเขาสร้างด้วยหินปูนและบดแป้งทุกฤดูใบไม้ร่วง"),
        ("lo", "ໂຮງສີເກົ່າຢູ່ເທິງພູ"),
        ("km", "រោងម៉ាស៊ីនកិនស្រូវចាស់នៅលើភ្នំ"),
        ("my", "တောင်ပေါ်ရှိ စက်ဟောင်း"),
        ("ko", "언덕 위의 풍차에서 밀가루를 만든다."),
    ];
    let collection = Collection::new(English, &texts);
    for (query, first) in [
        ("磨坊", "zh"),
        ("面粉", "zh"),
        ("水", "mixed"),
        ("Pixel 9", "mixed"),
        ("風車小屋", "ja"),
        ("小麦", "ja"),
        ("หินปูน", "th"),
        ("โรงสี", "th"),
        ("ໂຮງສີ", "lo"),
        ("ភ្នំ", "km"),
        ("စက်", "my"),
        ("풍차", "ko"),
        ("밀가루", "ko"),
    ] {
        assert_eq!(
            collection.find(query).first().map(String::as_str),
            Some(first),
            "{query}"
        );
    }
}

#[test]
fn finds_english_words_in_a_collection_of_another_language() {
    let collection = Collection::new(
        Other,
        &[("a", "The Engine runs on wood gas."), ("b", "Die casting")],
    );
    assert_eq!(collection.find("engine"), ["a"]);
    assert_eq!(collection.find("die"), ["b"]);
}

#[test]
fn search_uses_full_case_folding() {
    let collection = Collection::new(Other, &[("a", "Die Straße nach İzmir"), ("b", "ΟΔΟΣ")]);
    assert_eq!(collection.find("STRASSE"), ["a"]);
    assert_eq!(collection.find("izmir"), ["a"]);
    assert_eq!(collection.find("οδός"), ["b"]);
}

#[test]
fn uppercase_query_word_matches_the_acronym() {
    let texts = [
        ("dept", "Our IT desk opens at nine."),
        ("desk", "It is a desk. Put it down, it holds."),
    ];
    assert_eq!(Collection::new(English, &texts).find("IT desk")[0], "dept");
}
