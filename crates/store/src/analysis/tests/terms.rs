use super::common::terms;
use crate::Language::{English, French, German, Other, Portuguese, Turkish};
use crate::analysis::TextField::{Stems, Words};

fn has(language: crate::Language, field: crate::analysis::TextField, text: &str, term: &str) {
    let all = terms(language, field, text);
    assert!(
        all.iter().any(|own| own == term),
        "{term:?} of {text:?}: {all:?}"
    );
}

#[test]
fn names_with_signs_are_indexed_whole_and_in_parts() {
    for (text, whole, parts) in [
        ("(C++)", "c++", vec!["c"]),
        ("C#.", "c#", vec!["c"]),
        ("F#/C#", "f#", vec!["f", "c"]),
        ("the .NET way", ".net", vec!["net", "way"]),
        ("node.js,", "node.js", vec!["node", "js"]),
        ("§\u{a0}12(3)", "§12(3)", vec!["12", "3"]),
        (
            "CVE-2024-3094",
            "cve-2024-3094",
            vec!["cve", "2024", "3094"],
        ),
        ("A-113/B", "a-113/b", vec!["113", "b"]),
        ("v1.10.", "v1.10", vec!["v1", "10"]),
        ("R&D", "r&d", vec!["r", "d"]),
        ("TCP/IP", "tcp/ip", vec!["tcp", "ip"]),
        (
            "user@example.org!",
            "user@example.org",
            vec!["user", "exampl", "org"],
        ),
        ("/etc/passwd", "etc/passwd", vec!["etc", "passwd"]),
        ("foo_bar", "foo_bar", vec!["foo", "bar"]),
        ("std::vec", "std::vec", vec!["std", "vec"]),
        ("5%", "5%", vec!["5"]),
        ("צה\"ל", "צה\"ל", vec!["צה", "ל"]),
    ] {
        has(English, Words, text, whole);
        assert_eq!(terms(English, Stems, text), parts, "{text}");
    }
}

#[test]
fn punctuation_around_words_makes_no_names() {
    for text in [
        "word.",
        "(word)",
        "\"word\"",
        "word...",
        "- word",
        "word;",
        "*word*",
        "word: more",
        "a + b",
        "# word",
    ] {
        let all = terms(Other, Words, text);
        assert!(
            all.iter()
                .all(|term| term.chars().all(char::is_alphanumeric)),
            "{text}: {all:?}"
        );
    }
}

#[test]
fn quantities_are_the_same_with_and_without_a_space() {
    for (one, other) in [
        ("100mg", "100 mg"),
        ("−5 °C", "-5°C"),
        ("20\u{202f}µm", "20μm"),
        ("5 %", "5%"),
        ("21 ℃", "21°C"),
    ] {
        let whole = |text| {
            terms(English, Words, text)
                .into_iter()
                .rfind(|term| !term.starts_with('\u{1}'))
                .unwrap()
        };
        assert_eq!(whole(one), whole(other), "{one}");
        assert_eq!(
            terms(English, Stems, one),
            terms(English, Stems, other),
            "{one}"
        );
    }
    assert_ne!(
        terms(English, Words, "5 °C"),
        terms(English, Words, "−5 °C")
    );
    assert_eq!(terms(English, Stems, "at 5 in the morning"), ["5", "morn"]);
    assert_eq!(terms(English, Stems, "p53 CD4 3D"), ["p53", "cd4", "3d"]);
}

#[test]
fn camel_case_parts_are_indexed_too() {
    assert_eq!(
        terms(English, Stems, "getUserName"),
        ["getusernam", "get", "user", "name"]
    );
    assert_eq!(terms(English, Stems, "iPhone McKay"), ["iphon", "mckay"]);
}

#[test]
fn invisible_characters_do_not_split_words() {
    for text in [
        "wind\u{ad}mill",
        "wind\u{200b}mill",
        "wind\u{2060}mill",
        "wind\u{feff}mill",
        "wind\u{200c}mill",
    ] {
        assert_eq!(terms(Other, Stems, text), ["windmill"], "{text:?}");
        assert_eq!(terms(Other, Words, text), ["windmill"], "{text:?}");
    }
}

#[test]
fn composed_and_decomposed_characters_are_equal() {
    for (one, other) in [
        ("résumé", "re\u{301}sume\u{301}"),
        ("한글날", "한글날"),
        ("Việt", "Vie\u{323}\u{302}t"),
    ] {
        for field in [Stems, Words] {
            assert_eq!(
                terms(Other, field, one),
                terms(Other, field, other),
                "{one}"
            );
        }
    }
}

#[test]
fn combining_marks_of_other_scripts_do_not_split_words() {
    for word in ["हिन्दी", "தமிழ்", "שָׁלוֹם", "مُحَمَّد", "বাংলা", "ગુજરાતી"]
    {
        assert_eq!(terms(Other, Stems, word).len(), 1, "{word}");
    }
}

#[test]
fn long_words_are_kept_with_a_hash() {
    let long = "абв".repeat(30);
    assert_eq!(terms(Other, Stems, &long), std::slice::from_ref(&long));
    let longer = "0123456789abcdef".repeat(5000);
    let kept = terms(Other, Stems, &longer);
    assert!(kept[0].len() < 256 && kept.len() == 1);
    assert_ne!(
        kept,
        terms(Other, Stems, &longer.replacen("f0", "e0", 4000))
    );
}

#[test]
fn apostrophes_follow_the_rules_of_the_language() {
    assert_eq!(
        terms(English, Stems, "the patient's don't can’t O'Brien"),
        ["patient", "do", "not", "can", "not", "o", "brien"]
    );
    has(English, Words, "O’Brien", "o'brien");
    assert_eq!(
        terms(French, Stems, "l'eau n’est pas"),
        ["eau", "est", "pas"]
    );
    assert_eq!(terms(French, Words, "l’eau"), ["l", "eau"]);
}

#[test]
fn stems_are_indexed_with_and_without_diacritics() {
    assert_eq!(
        terms(Portuguese, Stems, "informação"),
        ["inform", "informaca"]
    );
    assert_eq!(terms(Portuguese, Stems, "informacao"), ["informaca"]);
    assert_eq!(terms(German, Stems, "Häuser"), terms(German, Stems, "Haus"));
    has(Turkish, Stems, "İstanbul", "istanbul");
}

#[test]
fn stems_drop_stop_words_but_keep_negations() {
    assert_eq!(
        terms(English, Stems, "it is not in the box"),
        ["not", "box"]
    );
    assert_eq!(
        terms(German, Stems, "das ist nicht der Ofen"),
        ["nicht", "ofen"]
    );
    has(English, Words, "it is not in the box", "it is");
}

#[test]
fn positions_increase_by_one_per_word() {
    use crate::analysis::FieldTokenizer;
    use tantivy::tokenizer::{TokenStream, Tokenizer};
    let mut tokenizer = FieldTokenizer::new(English, Stems);
    let mut positions = Vec::new();
    tokenizer
        .token_stream("The node.js of 100mg boxes 网络配置 end")
        .process(&mut |t| positions.push((t.text.clone(), t.position)));
    let expected = [
        ("node", 1),
        ("js", 2),
        ("100", 4),
        ("mg", 5),
        ("box", 6),
        ("网络", 7),
        ("络配", 8),
        ("配置", 9),
        ("end", 11),
    ];
    assert_eq!(positions, expected.map(|(term, at)| (term.to_owned(), at)));
}

#[test]
fn odd_texts_never_panic() {
    let odd = [
        "",
        " ",
        "++",
        "§",
        "§ ",
        "'s",
        "n't",
        "a'",
        "(((",
        "1(",
        "1()",
        "°C",
        "5 °",
        "\u{301}\u{301}",
        "เ",
        "្ក",
        "#.@$-",
        "-",
        "--a",
        "..a",
        "a::",
        "a://",
        "1,",
        ",1",
        "\u{1}c",
        "\u{fffd}",
    ];
    for a in odd {
        for b in odd {
            for field in [Stems, Words] {
                terms(English, field, &format!("{a}{b}"));
                terms(French, field, &format!("x{a}{b}1"));
            }
        }
    }
}
