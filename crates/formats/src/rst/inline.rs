//! Inline markup.

use super::Rst;
use crate::lines::{replace_between, unmark};

/// Replaces `:role:`text <target>`` and `` `text <target>`_ `` by their text.
fn roles(text: &str) -> String {
    let (mut plain, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, from)) = rest.split_once('`') {
        let Some((inside, after)) = from.split_once('`') else {
            break;
        };
        // The role precedes the text, between colons.
        let role = before
            .strip_suffix(':')
            .and_then(|before| before.rfind(':').map(|at| (at, before)));
        let is_role = |name: &str| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ':' | '+' | '.'))
        };
        plain.push_str(match role {
            Some((at, before)) if is_role(before.get(at + 1..).unwrap_or_default()) => {
                // The name of a role in a domain contains colons: `:py:func:`.
                let start = before
                    .char_indices()
                    .rev()
                    .take_while(|&(_, c)| is_role(&c.to_string()))
                    .last()
                    .map_or(at, |(at, _)| at);
                before.get(..start).unwrap_or_default()
            }
            _ => before,
        });
        let shown = match inside.rsplit_once('<') {
            Some((shown, target)) if target.ends_with('>') && !shown.trim().is_empty() => {
                shown.trim_end()
            }
            _ => inside.trim_start_matches(['~', '!', '.']),
        };
        plain.push_str(shown);
        rest = after
            .strip_prefix("__")
            .or_else(|| after.strip_prefix('_'))
            .unwrap_or(after);
    }
    plain.push_str(rest);
    plain
}

/// Markup characters, and the control characters that stand in for them while they are literal.
const MARKS: [char; 6] = ['*', '`', '_', '|', '[', '\\'];

const PLACEHOLDERS: [char; 6] = ['\u{1}', '\u{2}', '\u{3}', '\u{4}', '\u{5}', '\u{6}'];

fn replace_char(char: char, from: &[char; 6], to: &[char; 6]) -> char {
    from.iter()
        .zip(to)
        .find(|(from, _)| **from == char)
        .map_or(char, |(_, to)| *to)
}

/// Removes the underscore of references (`name_`) at the end of words.
fn references(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let ends_word = chars
            .peek()
            .is_none_or(|next| !next.is_alphanumeric() && !matches!(next, '_' | '(' | '*'));
        if char == '_'
            && ends_word
            && plain.ends_with(char::is_alphanumeric)
            && !plain.ends_with("__")
        {
            continue;
        }
        plain.push(char);
    }
    plain
}

/// Removes backslash escapes.
fn unescape(text: &str) -> String {
    let (mut plain, mut chars) = (String::with_capacity(text.len()), text.chars().peekable());
    while let Some(char) = chars.next() {
        if char == '\\'
            && chars
                .peek()
                .is_some_and(|c| matches!(c, '*' | '`' | '|' | '_' | '\\'))
        {
            plain.extend(chars.next());
        } else {
            plain.push(char);
        }
    }
    plain
}

impl<'a> Rst<'a> {
    /// Text without inline markup: roles and links are replaced by their text.
    pub(super) fn inline(&self, text: &str) -> String {
        if !text.contains(['`', '*', '_', '|', '\\']) {
            return text.to_owned();
        }
        // Marks within code are literal: hide them from the following steps.
        let text = replace_between(text, "``", "``", |code| {
            Some(
                code.chars()
                    .map(|c| replace_char(c, &MARKS, &PLACEHOLDERS))
                    .collect(),
            )
        });
        let text = roles(&text);
        let text = replace_between(&text, "|", "|", |name| {
            self.substitutions.get(name).map(|text| (*text).to_owned())
        });
        let text = replace_between(&text, "[", "]_", |note| {
            note.chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '#' | '*' | '-' | '.'))
                .then(String::new)
        });
        let text = unmark(&text, &["**", "*"]);
        let text = references(&unescape(&text.replace("\\ ", "")));
        text.chars()
            .map(|c| replace_char(c, &PLACEHOLDERS, &MARKS))
            .collect()
    }
}
