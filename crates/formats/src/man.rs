//! Manual pages in the `man` and `mdoc` macros: sections become headings, other requests are
//! dropped.

use crate::lines::Lines;
use crate::meta::Meta;
use crate::{Context, Emit, ReadError};

pub fn read(bytes: &[u8], context: &Context<'_>, emit: &mut Emit<'_>) -> Result<(), ReadError> {
    let text = String::from_utf8_lossy(bytes);
    let mut page = Page::default();
    for line in text.lines() {
        page.line(line);
    }
    page.lines.emit(page.meta, context, emit);
    Ok(())
}

#[derive(Default)]
struct Page {
    lines: Lines,
    meta: Meta,
    name: String,
    /// The line that ends the macro definition being skipped.
    until: Option<String>,
    /// The next line is a section heading of this level.
    heading: Option<usize>,
}

impl Page {
    fn line(&mut self, line: &str) {
        let line = line.trim_end();
        if let Some(until) = &self.until {
            if line == until {
                self.until = None;
            }
            return;
        }
        let Some(request) = line.strip_prefix('.').or_else(|| line.strip_prefix('\'')) else {
            let text = plain(line);
            return match self.heading.take() {
                Some(level) => self.lines.heading(&text, level),
                None => self.lines.push(&text),
            };
        };
        let request = request.trim_start();
        if request.starts_with("\\\"") || request.is_empty() {
            return;
        }
        let (name, rest) = request.split_once([' ', '\t']).unwrap_or((request, ""));
        let words = arguments(rest);
        match name {
            "TH" | "Dt" => {
                let title: Vec<&str> = words.iter().take(2).map(String::as_str).collect();
                if let [name, section] = title.as_slice() {
                    self.meta
                        .title(&format!("{}({section})", name.to_lowercase()));
                }
                let date = words
                    .get(2)
                    .filter(|date| name == "TH" && date.starts_with(|c: char| c.is_ascii_digit()));
                date.into_iter()
                    .for_each(|date| self.meta.set("date", date));
            }
            "Dd" => self.meta.set(
                "date",
                rest.trim_start_matches("$Mdocdate:")
                    .trim_end_matches('$')
                    .trim(),
            ),
            "SH" | "SS" | "Sh" | "Ss" => {
                let level = if name.eq_ignore_ascii_case("SH") {
                    1
                } else {
                    2
                };
                match words.is_empty() {
                    true => self.heading = Some(level),
                    false => self.lines.heading(&words.join(" "), level),
                }
            }
            "PP" | "P" | "LP" | "sp" | "Pp" | "Bl" | "El" | "Bd" | "Ed" | "TP" | "HP" | "TQ"
            | "bp" => self.lines.push(""),
            "IP" | "It" => {
                self.lines.push("");
                self.words(
                    name == "It",
                    words
                        .into_iter()
                        .take(if name == "IP" { 1 } else { usize::MAX })
                        .collect(),
                );
            }
            "B" | "I" | "SM" | "SB" | "R" | "Fn" | "Nd" => self.words(false, words),
            "BR" | "RB" | "BI" | "IB" | "IR" | "RI" | "UE" | "ME" => {
                self.lines.push(&words.concat())
            }
            "UR" | "MT" => self.words(false, words),
            "MR" => self.lines.push(&format!(
                "{}({}){}",
                word_at(&words, 0),
                word_at(&words, 1),
                word_at(&words, 2)
            )),
            "Xr" => self.lines.push(&format!(
                "{}({}){}",
                word_at(&words, 0),
                word_at(&words, 1),
                words.get(2..).unwrap_or_default().join(" ")
            )),
            "Nm" => {
                if self.name.is_empty() {
                    self.name = word_at(&words, 0).to_owned();
                }
                let name = self.name.clone();
                self.words(true, if words.is_empty() { vec![name] } else { words });
            }
            "de" | "de1" | "am" | "ig" => {
                self.until = Some(
                    words
                        .get(1)
                        .filter(|_| name != "ig")
                        .map_or("..".to_owned(), |end| format!(".{end}")),
                )
            }
            // mdoc macros have one upper- and one lower-case letter and can be called on the lines
            // of others.
            _ if is_mdoc(name) => self.words(true, words),
            _ => {}
        }
    }

    fn words(&mut self, calls: bool, words: Vec<String>) {
        let words = words.into_iter().filter(|word| !calls || !is_mdoc(word));
        let mut line = String::new();
        for word in words {
            let is_sign = matches!(word.as_str(), "." | "," | ";" | ":" | ")" | "]" | "?" | "!");
            if !line.is_empty() && !is_sign {
                line.push(' ');
            }
            line.push_str(&word);
        }
        self.lines.push(&line);
    }
}

fn word_at(words: &[String], at: usize) -> &str {
    words.get(at).map(String::as_str).unwrap_or_default()
}

fn is_mdoc(word: &str) -> bool {
    let mut chars = word.chars();
    let (first, second) = (chars.next(), chars.next());
    chars.next().is_none()
        && first.is_some_and(|c| c.is_ascii_uppercase())
        && second.is_some_and(|c| c.is_ascii_lowercase())
        && !matches!(
            word,
            "Is" | "It"
                | "In"
                | "No"
                | "So"
                | "To"
                | "We"
                | "Or"
                | "If"
                | "On"
                | "At"
                | "By"
                | "As"
                | "He"
                | "My"
                | "Do"
        )
        || matches!(word, "Op" | "It" | "No" | "Ns")
}

/// The arguments of a request; a quoted one may contain spaces.
fn arguments(rest: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut started) = (Vec::new(), String::new(), false, false);
    let mut chars = rest.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => word.extend(chars.next()),
            '"' if quoted || word.is_empty() => (quoted, started) = (!quoted, true),
            '\\' => {
                if chars.peek() == Some(&'"') {
                    break;
                }
                word.push(char);
                word.extend(chars.next());
            }
            ' ' | '\t' if !quoted => {
                if started || !word.is_empty() {
                    words.push(plain(&std::mem::take(&mut word)));
                }
                started = false;
            }
            char => word.push(char),
        }
    }
    if started || !word.is_empty() {
        words.push(plain(&word));
    }
    words
}

/// Text without roff escapes.
fn plain(text: &str) -> String {
    let (mut plain, mut chars) = (String::with_capacity(text.len()), text.chars().peekable());
    while let Some(char) = chars.next() {
        if char != '\\' {
            plain.push(char);
            continue;
        }
        match chars.next() {
            Some('"') | None => break,
            Some('-') => plain.push('-'),
            Some('e' | '\\') => plain.push('\\'),
            Some(' ' | '~' | '0') => plain.push(' '),
            Some(
                '&' | '|' | '^' | '%' | '/' | ',' | ':' | 'c' | '{' | '}' | ')' | 'd' | 'u' | 'p',
            ) => {}
            Some('\'') => plain.push('\''),
            Some('`') => plain.push('`'),
            Some('(') => {
                let name: String = chars.by_ref().take(2).collect();
                plain.push_str(special_char(&name));
            }
            Some('[') => {
                let name: String = chars.by_ref().take_while(|&c| c != ']').collect();
                plain.push_str(special_char(&name));
            }
            Some('*') => {
                let name = name(&mut chars);
                plain.push_str(special_char(&name));
            }
            Some('f' | 'F' | 'm' | 'M' | 'n' | 'k' | 'g') => {
                name(&mut chars);
            }
            Some('s') => {
                chars.next_if(|c| matches!(c, '+' | '-'));
                name(&mut chars);
            }
            Some('h' | 'v' | 'w' | 'x' | 'D' | 'L' | 'l' | 'o' | 'Z' | 'X' | 'N' | 'b') => {
                if let Some(quote) = chars.next() {
                    chars.by_ref().find(|&c| c == quote);
                }
            }
            Some(other) => plain.push(other),
        }
    }
    plain
}

/// Reads a roff name: one character, two after `(`, or any number in brackets.
fn name(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    match chars.next() {
        Some('(') => chars.by_ref().take(2).collect(),
        Some('[') => chars.by_ref().take_while(|&c| c != ']').collect(),
        Some(one) => one.to_string(),
        None => String::new(),
    }
}

/// The text of a roff special character; empty if unknown.
fn special_char(name: &str) -> &str {
    match name {
        "lq" | "Lq" | "rq" | "Rq" | "dq" => "\"",
        "oq" | "cq" | "aq" => "'",
        "em" => "—",
        "en" => "–",
        "bu" => "•",
        "co" => "©",
        "rg" => "®",
        "ti" => "~",
        "ha" => "^",
        "rs" => "\\",
        "ga" => "`",
        "hy" | "mi" => "-",
        "mu" => "×",
        "de" => "°",
        "+-" => "±",
        "<=" => "≤",
        ">=" => "≥",
        "->" => "→",
        "ss" => "ß",
        "la" => "<",
        "ra" => ">",
        ":a" => "ä",
        ":o" => "ö",
        ":u" => "ü",
        "'e" => "é",
        "at" => "@",
        "lB" => "[",
        "rB" => "]",
        "lC" => "{",
        "rC" => "}",
        "ba" | "or" => "|",
        "sl" => "/",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use crate::Kind;
    use crate::testing::read_single;

    #[test]
    fn markup_becomes_text() {
        let page = ".\\\" comment\n.TH HIVE 1 2024-03-05 \"Bees 1.0\"\n.de XX\nmacro\n..\n.SH NAME\nhive \\- keep \\fBbees\\fR\n.SH \"SEE ALSO\"\n\
            .TP\n.B \\-\\-all \"of them\"\nKeep all.\n.BR bee (1),\n.IP \\(bu 2\nitem\n";
        let document = read_single(Kind::Man, page.as_bytes());
        assert_eq!(document.title.as_deref(), Some("hive(1)"));
        assert_eq!(
            document.text,
            "NAME\n\nhive - keep bees\n\nSEE ALSO\n\n--all of them\nKeep all.\nbee(1),\n\n•\nitem"
        );
    }
}
