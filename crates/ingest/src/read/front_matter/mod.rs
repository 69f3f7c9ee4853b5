//! Front matter: a block of YAML (`---`), TOML (`+++`) or JSON (`{`) at the very beginning of a
//! document.
//!
//! An invalid entry does not affect the others: in YAML it is kept as text, in TOML it is dropped,
//! and in both it is reported.

mod toml;
mod yaml;

use super::json;
use super::value::{Value, merge_repeated};

/// The front matter of a document.
#[derive(Debug, Default)]
pub struct FrontMatter {
    /// The entries in document order.
    pub entries: Vec<(String, Value)>,
    /// The byte offset of the body.
    pub end: usize,
    /// Problems with their lines in the document, from 1.
    pub problems: Vec<(u64, String)>,
}

/// Reads the front matter at the beginning of a document; `None` if there is none.
pub fn read(text: &str) -> Option<FrontMatter> {
    if text.starts_with('{') {
        let (Value::Map(entries), end) = json::parse_first(text)? else {
            return None;
        };
        let rest = &text[end..];
        let line_end = rest.find('\n').map_or(rest.len(), |at| at + 1);
        return rest[..line_end]
            .trim()
            .is_empty()
            .then(|| front_matter(entries, end + line_end, Vec::new()));
    }
    let (block, end) =
        block(text, "---", &["---", "..."]).or_else(|| block(text, "+++", &["+++"]))?;
    let (entries, problems) = if text.starts_with('-') {
        yaml::entries(block)?
    } else {
        toml::entries(block)?
    };
    // The block begins on the second line of the document.
    let problems = problems
        .into_iter()
        .map(|(line, problem)| (line + 1, problem))
        .collect();
    Some(front_matter(entries, end, problems))
}

/// The text between the opening and the closing line, and the offset after the latter.
fn block<'a>(text: &'a str, open: &str, close: &[&str]) -> Option<(&'a str, usize)> {
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().filter(|line| line.trim_end() == open)?;
    let mut at = first.len();
    for line in lines {
        if close.contains(&line.trim_end()) {
            return Some((&text[first.len()..at], at + line.len()));
        }
        at += line.len();
    }
    None
}

/// Merges repeated names and reports them.
fn front_matter(
    entries: Vec<(String, Value)>,
    end: usize,
    mut problems: Vec<(u64, String)>,
) -> FrontMatter {
    let (entries, repeated) = merge_repeated(entries);
    problems.extend(repeated.iter().map(|name| {
        (
            1,
            format!("{name:?} occurs more than once; all values are kept"),
        )
    }));
    FrontMatter {
        entries,
        end,
        problems,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and values as JSON, the body, and the problems.
    fn read(text: &str) -> Option<(String, &str, Vec<String>)> {
        let FrontMatter {
            entries,
            end,
            problems,
        } = super::read(text)?;
        let problems = problems
            .into_iter()
            .map(|(line, problem)| format!("{line}: {problem}"))
            .collect();
        Some((Value::Map(entries).json(), &text[end..], problems))
    }

    #[test]
    fn yaml_toml_and_json_are_recognized_at_the_beginning() {
        for end in ["\n", "\r\n"] {
            for lines in [
                &["---", "a: 1.10", "b: [x, 'y']", "---", "body"][..],
                &["--- ", "a: 1.10", "b:", "- x", "- y", "...", "body"],
                &["+++", "a = \"1.10\"", "b = [\"x\", 'y']", "+++", "body"],
                &["{\"a\": \"1.10\",", "\"b\": [\"x\", \"y\"]}", "body"],
            ] {
                let text = lines.join(end);
                let (values, body, problems) = read(&text).unwrap();
                assert_eq!(
                    (values.as_str(), body),
                    (r#"{"a":"1.10","b":["x","y"]}"#, "body"),
                    "{text}"
                );
                assert!(problems.is_empty(), "{problems:?}");
            }
        }
    }

    #[test]
    fn other_blocks_are_text() {
        for text in [
            "Text\n---\na: 1\n---\n",
            "\n---\na: 1\n---\n",
            "---\na: 1\n",
            "---\nThe ferryman sings.\nHe is late.\n---\n",
            "---\n- one\n- two\n---\n",
            "----\na: 1\n----\n",
            "+++\nlantern maker and rope maker share a table\n+++\n",
            "{% include head.html %}\n",
            "{\"a\": 1} and more\n",
        ] {
            assert!(read(text).is_none(), "{text}");
        }
        assert_eq!(read("---\n---\nbody").unwrap().1, "body");
    }

    #[test]
    fn invalid_entries_are_kept_as_written() {
        let text =
            "---\ntitle: Part 2: the return\nauthor: @ann\nby: {{ name }}\ngood: [1, 2]\n---\nbody";
        let (values, _, problems) = read(text).unwrap();
        assert_eq!(
            values,
            r#"{"title":"Part 2: the return","author":"@ann","by":"{{ name }}","good":["1","2"]}"#
        );
        let lines: Vec<_> = problems.iter().map(|problem| &problem[..2]).collect();
        assert_eq!(lines, ["2:", "3:", "4:"], "{problems:?}");
    }

    #[test]
    fn repeated_names_keep_all_values() {
        let (values, _, problems) = read("---\ntags: [x]\na: b\ntags: y\n---\n").unwrap();
        assert_eq!(values, r#"{"tags":["x","y"],"a":"b"}"#);
        assert!(
            problems
                .iter()
                .any(|problem| problem.contains("\"tags\" occurs more than once")),
            "{problems:?}"
        );
    }

    #[test]
    fn yaml_values_are_kept_as_written() {
        let text = "---\nzip: 01234\nid: 12345678901234567890123\nat: 12:30\non: no\nyes: true\nnone: ~\nempty:\nhash: 7e12345\nratio: .inf\nquoted: \"a \\u00e9\"\nfolded: >\n  one\n  two\nmap: {k: v}\nsame: &x [1]\nalso: *x\n---\n";
        let (values, _, problems) = read(text).unwrap();
        assert_eq!(
            values,
            r#"{"zip":"01234","id":"12345678901234567890123","at":"12:30","on":"no","yes":"true","none":null,"empty":null,"hash":"7e12345","ratio":".inf","quoted":"a é","folded":"one two\n","map":{"k":"v"},"same":["1"],"also":["1"]}"#
        );
        assert!(problems.is_empty(), "{problems:?}");
    }

    #[test]
    fn toml_values_are_kept_as_written() {
        let text = "+++\ndate = 2025-06-15\nat = 2025-06-15T10:00:00+02:00\nn = 1_000\nf = 1.10\nbig = 9007199254740993\non = true\n[extra]\nk = 'v'\n+++\n";
        let (values, _, problems) = read(text).unwrap();
        assert_eq!(
            values,
            r#"{"date":"2025-06-15","at":"2025-06-15T10:00:00+02:00","n":"1_000","f":"1.10","big":"9007199254740993","on":"true","extra":{"k":"v"}}"#
        );
        assert!(problems.is_empty(), "{problems:?}");
        let (values, body, problems) =
            read("+++\ntitle = \"T\"\nbad = @x\ngood = 1\n+++\nbody").unwrap();
        assert!(
            values.contains(r#""title":"T""#) && values.contains(r#""good":"1""#),
            "{values}"
        );
        assert_eq!(body, "body");
        assert!(problems[0].starts_with("3: "), "{problems:?}");
    }

    #[test]
    fn alias_bombs_are_bounded() {
        let mut text = "---\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            let items = vec![format!("*a{}", n - 1); 10].join(", ");
            text += &format!("a{n}: &a{n} [{items}]\n");
        }
        text += "---\n";
        assert!(read(&text).unwrap().0.len() < 1 << 20);
    }
}
