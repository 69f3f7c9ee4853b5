//! Rejoins words divided at line ends; compounds keep their hyphen.
//!
//! Whether a hyphen belongs to the word is decided by how the document itself writes it elsewhere,
//! joined or with a hyphen. Failing that, by its parts: if both are words in the document, it is
//! probably a compound.

use super::columns::Line;
use std::collections::HashMap;

/// Prefixes that are also words: that they occur as words says nothing.
const PREFIXES: [&str; 40] = [
    "a", "after", "all", "an", "any", "be", "by", "can", "every", "for", "fore", "here", "how",
    "in", "inter", "it", "me", "more", "never", "no", "not", "of", "off", "on", "out", "over",
    "per", "pre", "re", "some", "sub", "super", "there", "to", "trans", "un", "under", "up",
    "where", "with",
];
/// First parts of many compounds, used if the document gives no evidence.
const FIRST_PARTS: [&str; 76] = [
    "action", "age", "area", "better", "carbon", "case", "class", "client", "code", "computer",
    "context", "cost", "cross", "custom", "data", "decision", "deep", "domain", "double", "early",
    "energy", "error", "event", "evidence", "fact", "far", "fast", "fixed", "free", "full",
    "fully", "general", "half", "hard", "heat", "high", "higher", "industry", "kernel", "labor",
    "labour", "language", "large", "late", "long", "longer", "low", "lower", "machine", "market",
    "memory", "model", "multi", "newly", "non", "object", "policy", "poorly", "price", "profit",
    "quality", "risk", "rule", "self", "server", "short", "single", "slow", "small", "so", "space",
    "state", "task", "time", "user", "well",
];
/// Words after a suspended hyphen: `pre- and postwar`.
const CONJUNCTIONS: [&str; 14] = [
    "and", "or", "und", "oder", "bzw", "et", "ou", "y", "o", "e", "to", "bis", "en", "of",
];

const HYPHENS: [char; 3] = ['-', '\u{2010}', '\u{ad}'];

/// Counts of the words in a document.
#[derive(Default)]
struct Vocabulary {
    whole: HashMap<String, usize>,
    compounds: HashMap<String, usize>,
}

impl Vocabulary {
    fn of(pages: &[Vec<Line>]) -> Self {
        let mut words = Self::default();
        let mut divided = false;
        for line in pages.iter().flatten() {
            let mut tokens = line.text.split_whitespace().peekable();
            if std::mem::take(&mut divided) {
                tokens.next();
            }
            while let Some(token) = tokens.next() {
                if tokens.peek().is_none() && token.ends_with(HYPHENS) {
                    divided = true;
                    break;
                }
                words.count(token);
            }
        }
        words
    }

    fn count(&mut self, token: &str) {
        let token = token
            .trim_matches(|c: char| !c.is_alphanumeric())
            .to_lowercase();
        if token.contains(['-', '\u{2010}']) {
            *self
                .compounds
                .entry(token.replace('\u{2010}', "-"))
                .or_default() += 1;
        }
        for part in token
            .split(|c: char| !c.is_alphabetic() && c != '\'' && c != '’')
            .filter(|p| !p.is_empty())
        {
            *self.whole.entry(part.to_owned()).or_default() += 1;
        }
    }

    /// Whether the hyphen between two parts belongs to the word.
    fn is_compound(&self, left: &str, right: &str) -> bool {
        let (left, right) = (left.to_lowercase(), right.to_lowercase());
        let whole = self
            .whole
            .get(&format!("{left}{right}"))
            .copied()
            .unwrap_or(0);
        let compound = self
            .compounds
            .get(&format!("{left}-{right}"))
            .copied()
            .unwrap_or(0);
        if whole + compound > 0 {
            return compound > whole;
        }
        let alone = |part: &str| part.chars().count() >= 3 && self.whole.contains_key(part);
        if PREFIXES.contains(&left.as_str()) {
            return false;
        }
        let second = is_second_part(&right);
        left.chars().count() == 1
            || (alone(&left) && (alone(&right) || second))
            || (FIRST_PARTS.contains(&left.as_str()) && second)
    }
}

/// Whether a part looks like a typical second part of compounds: `price-determining`,
/// `water-soluble`.
fn is_second_part(part: &str) -> bool {
    const WHOLE: [&str; 16] = [
        "aware", "bit", "end", "free", "known", "level", "like", "oriented", "proof", "quality",
        "scale", "sized", "specific", "term", "time", "wide",
    ];
    WHOLE.contains(&part)
        || (part.chars().count() >= 7
            && ["ing", "ed", "ent", "able", "ible", "ive"]
                .iter()
                .any(|end| part.ends_with(end)))
}

/// Rejoins the divided words of a document. The second part moves up to the line of the first, even
/// from the next column or page.
pub fn join_divided_words(pages: &mut [Vec<Line>]) {
    let words = Vocabulary::of(pages);
    let mut places = Vec::new();
    for (page, lines) in pages.iter().enumerate() {
        places.extend((0..lines.len()).map(|line| (page, line)));
    }
    for pair in places.windows(2) {
        let [(page, line), (next_page, next)] = *pair else {
            continue;
        };
        let above = &pages[page][line];
        let below = &pages[next_page][next];
        let Some(stem) = above.text.strip_suffix(HYPHENS) else {
            continue;
        };
        let soft = above.text.ends_with('\u{ad}');
        let token = stem.rsplit(char::is_whitespace).next().unwrap_or_default();
        let moved = below.text.split_whitespace().next().unwrap_or_default();
        let letters = |c: &char| c.is_alphabetic() || *c == '\'' || *c == '’';
        let head: String = {
            let mut head: Vec<char> = token.chars().rev().take_while(letters).collect();
            head.reverse();
            head.into_iter().collect()
        };
        let tail: String = moved.chars().take_while(letters).collect();
        let Some(first) = moved.chars().next().filter(|c| c.is_alphanumeric()) else {
            continue;
        };
        let ends_in_word = token.chars().next_back().is_some_and(char::is_alphanumeric);
        // Across paragraphs, columns and pages a word continues only in lower case and in the same
        // font size.
        let is_other_block = below.starts_block
            && (!first.is_lowercase() || (above.size - below.size).abs() > 0.15 * above.size);
        if !ends_in_word
            || is_other_block
            || (!soft && CONJUNCTIONS.contains(&tail.to_lowercase().as_str()))
        {
            continue;
        }
        let capitals = head.chars().count() > 1 && head.chars().all(char::is_uppercase);
        let keeps = !soft
            && (head.is_empty()
                || first.is_numeric()
                || (first.is_uppercase() && !capitals)
                || token.contains(['/', '_', '@', '\\'])
                || token.starts_with("--")
                || words.is_compound(&head, &tail));
        let stem = stem.len();
        let (moved, rest) = (
            moved.to_owned(),
            below.text.trim_start()[moved.len()..]
                .trim_start()
                .to_owned(),
        );
        let above = &mut pages[page][line].text;
        if keeps {
            let hyphen = above.split_off(stem);
            above.push_str(if hyphen == "\u{2010}" {
                "\u{2010}"
            } else {
                "-"
            });
        } else {
            above.truncate(stem);
        }
        above.push_str(&moved);
        pages[next_page][next].text = rest;
    }
    for line in pages.iter_mut().flatten() {
        if line.text.contains('\u{ad}') {
            line.text.retain(|c| c != '\u{ad}');
        }
    }
    // If a line gave away its only word, the next line begins the paragraph instead.
    for lines in pages.iter_mut() {
        let mut starts_block = false;
        lines.retain_mut(|line| {
            line.starts_block |= std::mem::take(&mut starts_block);
            if line.text.trim().is_empty() {
                starts_block = line.starts_block;
                return false;
            }
            true
        });
    }
}
