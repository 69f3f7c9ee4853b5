//! Tells prose from other text when the file name says nothing: prose and notes in any script are
//! for people, while source code, logs, tables, settings and encoded bytes are not.

/// How many bytes are sampled from the beginning, and again from the middle, past a license header.
const SAMPLE_BYTES: usize = 8192;

/// Whether `text` is written for people to read.
pub fn is_prose(text: &str) -> bool {
    let start = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    // These begin source code or data, whatever comments follow.
    if ["/*", "#!", "<?", "{", "-----BEGIN", "diff --git", "%!"]
        .iter()
        .any(|sign| start.starts_with(sign))
    {
        return false;
    }
    let middle = text.floor_char_boundary(text.len() / 2);
    let (head, tail) = text.split_at(middle);
    let head = head
        .get(..head.floor_char_boundary(SAMPLE_BYTES))
        .unwrap_or(head);
    // Start at a line boundary, so that half a line is not judged by its beginning.
    let tail = if middle <= SAMPLE_BYTES {
        tail
    } else {
        tail.split_once('\n').map_or("", |(_, rest)| rest)
    };
    let tail = tail
        .get(..tail.floor_char_boundary(SAMPLE_BYTES))
        .unwrap_or(tail);
    let counts = match middle <= SAMPLE_BYTES {
        true => vec![Counts::of(&format!("{head}{tail}"))],
        false => vec![Counts::of(head), Counts::of(tail)],
    };
    // One sample alone may be a list or an example, so the mean decides.
    let found: Vec<f64> = counts
        .iter()
        .filter(|counts| counts.lines > 0)
        .map(Counts::score)
        .collect();
    !found.is_empty() && found.iter().sum::<f64>() / found.len() as f64 > 0.0
}

/// Features of a sample. Fields up to `sentences` count lines.
#[derive(Debug, Default)]
struct Counts {
    /// Non-blank lines.
    lines: usize,
    /// Lines that begin like a comment in some language.
    comments: usize,
    /// Lines that begin or end like code.
    code: usize,
    /// Lines of the form `name=value`.
    settings: usize,
    /// Lines that begin with a time, as in logs.
    timestamps: usize,
    /// Lines of a diff.
    diffs: usize,
    /// Lines with several columns.
    columns: usize,
    /// Lines with at least three plain words.
    sentences: usize,
    /// Whitespace-separated tokens.
    words: usize,
    /// Tokens that look like words of a sentence.
    plain: usize,
    /// ASCII tokens of more than 40 bytes, such as hashes and base64.
    long: usize,
    /// Non-blank characters.
    chars: usize,
    /// Characters of scripts without spaces between words.
    unspaced: usize,
    /// Punctuation that is common in code.
    signs: usize,
}

impl Counts {
    fn of(text: &str) -> Self {
        let mut counts = Self::default();
        for line in text.lines() {
            let word = line.trim();
            // Skip rules under headings.
            if word.is_empty()
                || word.len() > 2
                    && word.chars().all(|c| c.is_ascii_punctuation())
                    && !word.contains(['{', '}', '(', ')', ';'])
            {
                continue;
            }
            counts.lines += 1;
            let mut plain = 0;
            for token in word.split_whitespace() {
                // URLs and mail addresses occur in prose and in settings alike.
                if token.contains("://") || token.contains('@') && token.contains('.') {
                    continue;
                }
                counts.words += 1;
                let is_plain = is_plain(token);
                plain += usize::from(is_plain);
                counts.plain += usize::from(is_plain);
                counts.unspaced += token.chars().filter(|&c| is_unspaced(c)).count();
                counts.long += usize::from(token.len() > 40 && token.is_ascii());
            }
            for char in word
                .split_whitespace()
                .filter(|token| !token.contains("://"))
                .flat_map(str::chars)
            {
                counts.chars += 1;
                counts.signs += usize::from(matches!(
                    char,
                    '{' | '}'
                        | '['
                        | ']'
                        | '<'
                        | '>'
                        | '='
                        | ';'
                        | '|'
                        | '&'
                        | '$'
                        | '#'
                        | '@'
                        | '\\'
                        | '_'
                        | '+'
                        | '%'
                        | '^'
                        | '~'
                ));
            }
            counts.sentences += usize::from(plain >= 3);
            counts.comments += usize::from(is_comment(word));
            counts.code += usize::from(is_code(word));
            counts.settings += usize::from(is_setting(word));
            counts.timestamps += usize::from(is_log_line(word));
            counts.diffs += usize::from(is_diff(line));
            counts.columns += usize::from(is_row(word));
        }
        counts
    }

    /// Positive for prose.
    fn score(&self) -> f64 {
        let of = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        let lines = |part: usize| of(part, self.lines);
        // In Chinese, Japanese or Thai a whole line is one token; and code is not written in these
        // scripts.
        let unspaced = of(self.unspaced, self.chars);
        let plain = of(self.plain, self.words).max(unspaced * 1.2);
        let sentences = lines(self.sentences).max((unspaced * 1.2).min(1.0));
        let mut score = plain * 1.6 + sentences * 0.6 - 1.1;
        score -= of(self.signs, self.chars) * 4.0;
        score -= lines(self.code) * 2.0 + lines(self.settings) * 1.2 + lines(self.comments) * 1.2;
        score -= lines(self.timestamps) * 2.5 + lines(self.diffs) * 2.0 + lines(self.columns) * 2.0;
        score - of(self.long, self.words) * 3.0
    }
}

/// Whether a character belongs to a script without spaces between words.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{0f00}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

/// Whether a token looks like a word of a sentence: letters, with the usual punctuation around and
/// within.
fn is_plain(token: &str) -> bool {
    let word =
        token.trim_start_matches(['(', '"', '\'', '`', '“', '‘', '«', '„', '*', '¿', '¡', '[']);
    let word = word.trim_end_matches([
        ')', '"', '\'', '`', '”', '’', '»', '“', '.', ',', ';', ':', '!', '?', '…', '*', ']', '،',
        '؟', '।', '-',
    ]);
    let has_letter = word.chars().any(char::is_alphabetic);
    let mut before = None;
    let whole = word.chars().all(|c| {
        // "readFile" is a name, "iPhone" is rare enough.
        let is_hump = c.is_uppercase() && before.is_some_and(char::is_lowercase);
        before = Some(c);
        (c.is_alphabetic() && !is_hump)
            || is_mark(c)
            || matches!(c, '-' | '\'' | '’' | '/' | '\u{200c}' | '\u{200d}')
    });
    has_letter && whole && word.chars().count() <= 30
}

/// Signs over and under letters, which make one with them.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{0300}'..='\u{036f}' | '\u{0591}'..='\u{05c7}' | '\u{0610}'..='\u{061a}' | '\u{064b}'..='\u{065f}' | '\u{0670}' | '\u{0900}'..='\u{0e7f}')
}

fn is_comment(line: &str) -> bool {
    [
        "//", "/*", "*/", "<!--", "--  ", ";;", "#!", "\"\"\"", "REM ", ".\\\"", "dnl ",
    ]
    .iter()
    .any(|start| line.starts_with(start))
        || line.starts_with('#') && !line.starts_with("##")
        || line == "*"
}

fn is_code(line: &str) -> bool {
    const WORDS: &[&str] = &[
        "import ",
        "from ",
        "def ",
        "class ",
        "return ",
        "if (",
        "for (",
        "while (",
        "#include",
        "#define",
        "#if",
        "#endif",
        "static ",
        "const ",
        "let ",
        "var ",
        "function ",
        "fn ",
        "pub ",
        "public ",
        "private ",
        "void ",
        "int ",
        "struct ",
        "package ",
        "use ",
        "export ",
        "echo ",
        "fi",
        "done",
        "esac",
        "elif ",
        "else:",
        "try:",
        "except ",
        "typedef ",
        "extern ",
        "namespace ",
        "template<",
        "template <",
        "self.",
        "SELECT ",
        "INSERT ",
        "CREATE ",
        "set ",
        "local ",
        "sub ",
        "my $",
        "@",
        "case ",
        "unsigned ",
    ];
    let ends = line.ends_with(['{', '}', ';', '\\'])
        || line.ends_with("):")
        || line.ends_with("*/")
        || line.ends_with("->")
        || line.ends_with("(")
        || line.ends_with("),");
    // Sentences begin with "from" and "use" as well; in code there is more on the line.
    let begins = WORDS.iter().any(|word| line.starts_with(word))
        && line.contains(['(', '=', '{', ';', '<', '.', '$', '_', '*'])
        && !line.ends_with('.');
    let is_tag = line.starts_with('<') && line.ends_with('>');
    ends || begins
        || is_tag
        || line.contains("()")
        || line.contains(" == ")
        || line.contains("&&")
        || line.contains("::")
        || matches!(line, "fi" | "done" | "esac" | "else" | "end" | "begin")
}

fn is_setting(line: &str) -> bool {
    if line.starts_with('[') && line.ends_with(']') {
        return true;
    }
    let line = line.trim_start_matches(['#', ';', ' ']);
    let Some(at) = line.find(['=', ':']) else {
        return false;
    };
    let (name, value) = line.split_at(at);
    let name = name.trim();
    let is_name = !name.is_empty()
        && name.len() < 40
        && !name.contains(' ')
        && name.chars().all(|c| {
            c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '"' | '/' | '$' | '*')
        });
    is_name
        && (value.starts_with('=')
            || value.len() > 1
                && value.starts_with(':')
                && value.split_whitespace().count() <= 3
                && !value.ends_with('.'))
}

/// Whether a line begins with a time, as log lines do (and not with a number of a list).
fn is_log_line(line: &str) -> bool {
    let head: String = line.chars().take(40).collect();
    let head = head.trim_start_matches(['[', '(', '<']);
    let digits = |text: &str, from: usize, count: usize| {
        text.get(from..from + count)
            .is_some_and(|part| part.bytes().all(|b| b.is_ascii_digit()))
    };
    let clock = head.match_indices(':').any(|(at, _)| {
        at >= 2
            && digits(head, at - 2, 2)
            && digits(head, at + 1, 2)
            && head.get(at + 3..at + 4) == Some(":")
    });
    let date = digits(head, 0, 4)
        && head
            .get(4..5)
            .is_some_and(|sign| matches!(sign, "-" | "/" | "."));
    let seconds = digits(head.trim_start(), 0, 3) && head.contains('.') && line.contains(']');
    clock || date || seconds
}

fn is_diff(line: &str) -> bool {
    ["@@ ", "+++ ", "--- ", "diff --git", "index "]
        .iter()
        .any(|start| line.starts_with(start))
        || line.starts_with(['+', '-'])
            && !line.starts_with("- ")
            && !line.starts_with("--")
            && !line.starts_with("+ ")
}

/// Whether a line has columns: tabs, bars, or semicolons or commas without a space after them.
fn is_row(line: &str) -> bool {
    let tight = line
        .as_bytes()
        .windows(2)
        .filter(|pair| matches!(pair, [b',' | b';', next] if !next.is_ascii_whitespace()))
        .count();
    let count = |sign: u8| line.bytes().filter(|&b| b == sign).count();
    let numbers = line
        .split_whitespace()
        .filter(|token| {
            token.bytes().any(|b| b.is_ascii_digit())
                && !token.bytes().any(|b| b.is_ascii_lowercase())
        })
        .count();
    let tokens = line.split_whitespace().count();
    tight >= 3
        || count(b'\t') >= 2
        || count(b'|') >= 3
        || count(b':') >= 4
        || tokens >= 3 && numbers * 2 > tokens
}

#[cfg(test)]
mod tests {
    use super::is_prose;

    #[test]
    fn prose_is_recognized_in_any_script() {
        for text in [
            "Honey keeps for years.\n\nIt holds too little water for anything to grow in it, says Anna (see https://x.y/z).",
            "Notes\n=====\n\n- buy sugar for the bees\n- clean the second hive before winter\n- ask Bert about the queen\n",
            "Der Honig hält sich jahrelang, weil in ihm nichts wachsen kann.",
            "Мёд хранится годами, потому что в нём слишком мало воды.",
            "蜂蜜可以保存很多年，因为里面的水分太少，什么也长不出来。",
            "はちみつは水分が少ないので、何年も保存できます。",
            "น้ำผึ้งเก็บไว้ได้หลายปีเพราะมีน้ำน้อยเกินไป",
            "العسل يبقى سنوات طويلة لأن الماء فيه قليل جدا.",
            "शहद कई साल तक रहता है क्योंकि उसमें पानी बहुत कम होता है।",
            "꿀은 물이 너무 적어서 몇 년 동안 보관할 수 있습니다.",
        ] {
            assert!(is_prose(text), "{text}");
        }
    }

    #[test]
    fn code_logs_and_data_are_not_prose() {
        for text in [
            "fn main() {\n    let x = 1;\n    println!(\"{x}\");\n}\n",
            "import os\n\ndef walk(path):\n    for name in os.listdir(path):\n        print(name)\n",
            "2024-03-05 10:07:11 INFO the server has started\n2024-03-05 10:07:12 WARN it is slow today\n",
            "Mar  5 10:07:11 host sshd[12]: Accepted key for anna from there\nMar  5 10:07:12 host sshd[12]: session opened for user\n",
            "name,age,city\nAnna,34,Bonn\nBert,41,Köln\nCarl,29,Ulm\n",
            "aGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd29ybGQ=\naGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd29ybGQ=\n",
            "d41d8cd98f00b204e9800998ecf8427e  usr/share/doc/a\nd41d8cd98f00b204e9800998ecf8427e  usr/share/doc/b\n",
            "!function(e,t){\"use strict\";var n=t.document;e.exports=n?t(e,!0):function(e){if(!e.document)throw new Error}}(window)",
            "user=anna\npassword=secret\nhost = example.org\n[section]\nport=80\n",
            "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-the old line of text\n+the new line of text\n",
            "12 34 56\n78 90 12\n",
            "",
        ] {
            assert!(!is_prose(text), "{text}");
        }
    }
}
