//! Groups glyphs into words, and words into rows.
//!
//! Drawing order is used only for glyphs that directly follow each other. Beyond that it means
//! nothing: a footer may be drawn first, a row cell by cell, and a word letter by letter.

use super::content::Glyph;
use super::letters;

/// The smallest gap between words, relative to the font size: larger than kerning, smaller than
/// TeX's spaces.
const MIN_WORD_GAP: f64 = 0.13;
/// Letters spaced evenly by up to this, relative to the font size, are still one word.
const MAX_LETTER_SPACING: f64 = 0.8;
/// The smallest gap between words in scripts without spaces, where justified lines have gaps
/// between characters.
const MIN_WORD_GAP_CJK: f64 = 0.45;
/// The largest difference between baselines in one row, relative to the font size.
const MAX_BASELINE_SHIFT: f64 = 0.3;

/// A word, in a coordinate system with `u` in the writing direction and `v` up.
#[derive(Clone, Debug)]
pub struct Word {
    pub text: String,
    pub u: f64,
    pub end: f64,
    pub v: f64,
    pub size: f64,
    /// The index of the word in drawing order.
    pub index: usize,
    /// Whether a space was drawn after it.
    has_space_after: bool,
    /// Whether the next word starts at its end without a space: a note mark follows or precedes.
    is_closed: bool,
    /// The end of the last letter, including the spacing after it.
    reach: f64,
}

/// Words on one baseline, from left to right.
#[derive(Clone, Debug)]
pub struct Row {
    pub words: Vec<Word>,
    pub v: f64,
    pub size: f64,
}

/// The rows of one writing direction.
pub struct Group {
    pub rows: Vec<Row>,
}

/// The rows of a page from top to bottom, grouped by writing direction, the most frequent direction
/// first.
pub fn group_by_direction(glyphs: &[Glyph]) -> Vec<Group> {
    // Directions are rounded to steps of 5 degrees: scans can be skewed.
    let angle = |g: &Glyph| {
        let steps = (g.direction.1.atan2(g.direction.0).to_degrees() / 5.0).round() as i32;
        (steps * 5).rem_euclid(360)
    };
    let mut angles: Vec<(i32, Vec<&Glyph>)> = Vec::new();
    for glyph in glyphs {
        let angle = angle(glyph);
        match angles.iter_mut().find(|(a, _)| *a == angle) {
            Some((_, of)) => of.push(glyph),
            None => angles.push((angle, vec![glyph])),
        }
    }
    angles.sort_by_key(|(_, of)| std::cmp::Reverse(of.len()));
    angles
        .into_iter()
        .map(|(_, glyphs)| Group {
            rows: rows(words(&glyphs)),
        })
        .collect()
}

/// Joins glyphs that follow each other both in drawing order and in position.
fn words(glyphs: &[&Glyph]) -> Vec<Word> {
    let (x, y) = glyphs.iter().fold((0.0, 0.0), |s, g| {
        (s.0 + g.direction.0, s.1 + g.direction.1)
    });
    let norm = f64::hypot(x, y).max(1e-9);
    let (x, y) = (x / norm, y / norm);
    let mut words: Vec<Word> = Vec::new();
    let mut open = false;
    // The last accent drawn, which may belong to the next letter: text, start, end and height.
    let mut accent: Option<(String, f64, f64, f64)> = None;
    for glyph in glyphs {
        let (u, v) = (glyph.x * x + glyph.y * y, glyph.y * x - glyph.x * y);
        let size = glyph.size;
        let mut text: &str = &glyph.text;
        if text.trim().is_empty() {
            // A space ends the word before it, unless that is far away: a string may begin with a
            // space.
            if let Some(word) = words
                .last_mut()
                .filter(|w| (w.v - v).abs() < size * 0.5 && (u - w.end).abs() < size)
            {
                word.has_space_after = true;
            }
            (open, accent) = (false, None);
            continue;
        }
        let end = u + glyph.width;
        let whole;
        if let Some((mark, from, to, height)) = accent.take()
            && from >= u - 0.25 * size
            && to <= end + 0.25 * size
            && (v - height).abs() < size
            && let Some(letter) = letters::accented(text, &mark)
        {
            // The accent was added to the word as a letter of its own: replace both by the accented
            // letter.
            if let Some(word) = words.last_mut()
                && word.text.ends_with(&mark)
            {
                word.text.truncate(word.text.len() - mark.len());
                word.reach = word.reach.min(u);
                word.end = word.end.min(u);
                if word.text.is_empty() {
                    (word.u, word.v, word.size, word.end, word.reach) = (u, v, size, u, u);
                }
            }
            whole = letter;
            text = &whole;
        } else if letters::is_accent(text) {
            // The letter was drawn before its accent.
            if let Some(word) = words.last_mut().filter(|_| open)
                && u >= word.end - size
                && u < word.end - 0.2 * glyph.width
                && (v - word.v).abs() < size
                && let Some(last) = word.text.chars().next_back()
                && let Some(letter) = letters::accented(&last.to_string(), text)
            {
                word.text.truncate(word.text.len() - last.len_utf8());
                word.text.push_str(&letter);
                continue;
            }
            accent = Some((text.to_owned(), u, end, v));
        }
        let reach = end
            + if glyph.spacing.abs() <= MAX_LETTER_SPACING * size {
                glyph.spacing
            } else {
                0.0
            };
        let last = words.last_mut().filter(|_| open);
        if let Some(word) = last
            && follows(word, u, v, size, text)
            && !is_leading_note_mark(word, u, v, size, text)
        {
            // A note mark is not part of the word before it; an index is.
            let raised = size < word.size * 0.85 && v - word.v > 0.12 * word.size;
            if !(raised && is_note_mark(text, &word.text)) {
                word.text.push_str(text);
                word.end = word.end.max(end);
                word.reach = word.reach.max(reach);
                if size > word.size * 1.1 {
                    (word.v, word.size) = (v, size);
                }
                continue;
            }
            word.is_closed = true;
        } else if let Some(word) = words
            .last_mut()
            .filter(|w| open && is_leading_note_mark(w, u, v, size, text))
        {
            // A note mark before the text of the note: both are in one row.
            (word.v, word.size, word.is_closed) = (v, size, true);
        }
        let index = words.len();
        // Smaller text off the baseline belongs to the row of the word before it.
        let (mut row, mut of) = (v, size);
        if let Some(word) = words.last().filter(|w| w.is_closed && open)
            && size < word.size * 0.85
            && (v - word.v).abs() < word.size * 0.6
            && (u - word.end).abs() < word.size * 0.3
        {
            (row, of) = (word.v, word.size);
        }
        words.push(Word {
            text: text.to_owned(),
            u,
            end,
            v: row,
            size: of,
            index,
            has_space_after: false,
            is_closed: false,
            reach,
        });
        open = true;
    }
    words.retain(|w| !w.text.is_empty());
    words
}

/// Whether a small raised text after `word` is a note mark.
fn is_note_mark(text: &str, word: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '*' | '†' | '‡' | '§' | '¶' | ','))
        && word.chars().filter(|c| c.is_alphabetic()).count() >= 3
        && !word.chars().any(|c| c.is_ascii_digit())
}

/// Whether `word` is a small raised number or letter before larger text, and so not part of the
/// word that begins there.
fn is_leading_note_mark(word: &Word, u: f64, v: f64, size: f64, text: &str) -> bool {
    let capital = text.chars().next().is_some_and(char::is_uppercase);
    let letter = word.text.len() == 1 && word.text.bytes().all(|b| b.is_ascii_lowercase());
    (word
        .text
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '*' | '†' | '‡' | '§' | '¶'))
        || (capital && letter))
        && word.size < 0.85 * size
        && word.v > v + 0.12 * size
        && word.v < v + 0.7 * size
        && (-0.2..1.0).contains(&((u - word.end) / size))
}

/// Whether a letter at a position continues a word.
fn follows(word: &Word, u: f64, v: f64, size: f64, text: &str) -> bool {
    let larger = word.size.max(size);
    let smaller = word.size.min(size);
    let gap = u - word.reach;
    let shift = (v - word.v).abs();
    // A lowered letter that reaches under the one before it, such as the E in TeX, belongs to the
    // word.
    let tucked = shift < 0.3 * larger && gap < -0.05 * larger;
    let same = shift < 0.12 * larger || (shift < 0.6 * larger && smaller < 0.87 * larger) || tucked;
    same && gap < min_gap(&word.text, text) * smaller.max(larger * 0.7)
        && u - word.end > -0.6 * larger
        && u > word.u - 0.2 * larger
}

/// The smallest gap that separates two texts, relative to the font size.
fn min_gap(left: &str, right: &str) -> f64 {
    let cjk = |c: Option<char>| c.is_some_and(letters::is_spaceless);
    if cjk(left.chars().next_back()) && cjk(right.chars().next()) {
        MIN_WORD_GAP_CJK
    } else {
        MIN_WORD_GAP
    }
}

/// Groups words into rows, from top to bottom.
fn rows(mut words: Vec<Word>) -> Vec<Row> {
    words.sort_by(|a, b| b.v.total_cmp(&a.v).then(a.u.total_cmp(&b.u)));
    let mut rows: Vec<Row> = Vec::new();
    for word in words {
        match rows.last_mut() {
            // The baseline of the first word stands for the row.
            Some(row) if (row.v - word.v).abs() <= MAX_BASELINE_SHIFT * row.size.min(word.size) => {
                row.size = row.size.max(word.size);
                row.words.push(word);
            }
            _ => rows.push(Row {
                v: word.v,
                size: word.size,
                words: vec![word],
            }),
        }
    }
    for row in &mut rows {
        row.words
            .sort_by(|a, b| a.u.total_cmp(&b.u).then(a.index.cmp(&b.index)));
        row.words = join_parts(std::mem::take(&mut row.words));
        join_letter_spaced(&mut row.words);
    }
    rows
}

/// Joins parts of words that were drawn separately but touch.
fn join_parts(words: Vec<Word>) -> Vec<Word> {
    let mut out: Vec<Word> = Vec::with_capacity(words.len());
    for word in words {
        if let Some(last) = out.last_mut() {
            let size = last.size.min(word.size);
            let gap = word.u - last.reach;
            let is_separate =
                last.is_closed || (last.has_space_after && word.u - last.end > 0.02 * size);
            if !is_separate
                && gap < min_gap(&last.text, &word.text) * size
                && word.u - last.end > -0.5 * size
            {
                last.text.push_str(&word.text);
                last.end = last.end.max(word.end);
                last.reach = last.reach.max(word.reach);
                (last.has_space_after, last.is_closed) = (word.has_space_after, word.is_closed);
                last.size = last.size.max(word.size);
                continue;
            }
        }
        out.push(word);
    }
    out
}

/// Joins letter-spaced words, drawn as single letters with even gaps: `H A R B O U R`.
fn join_letter_spaced(words: &mut Vec<Word>) {
    let letter = |w: &Word| {
        let mut chars = w.text.chars();
        let first = chars
            .next()
            .filter(|c| c.is_alphabetic() && !letters::is_spaceless(*c));
        first.filter(|_| chars.next().is_none())
    };
    let mut out: Vec<Word> = Vec::with_capacity(words.len());
    let mut at = 0;
    while at < words.len() {
        let length = words[at..]
            .iter()
            .take_while(|w| letter(w).is_some())
            .count();
        let run = &words[at..at + length];
        let capitals = run.iter().filter_map(letter).all(char::is_uppercase);
        // Initials and variables are single letters, too, but not as many in a row.
        if length < if capitals { 4 } else { 6 } {
            let next = length.max(1);
            out.extend(words[at..at + next].iter().cloned());
            at += next;
            continue;
        }
        let gaps = run.windows(2).map(|w| w[1].u - w[0].end);
        let least = gaps.clone().fold(f64::INFINITY, f64::min);
        let even = |gap: f64| gap <= least * 1.6 + 0.05 * run[0].size;
        // Widely spaced letters are not a word but table cells or axis labels.
        if least > 1.2 * run[0].size || gaps.clone().filter(|g| even(*g)).count() * 2 < length {
            out.extend(run.iter().cloned());
            at += length;
            continue;
        }
        for (i, word) in run.iter().enumerate() {
            let goes_on = i > 0 && even(word.u - run[i - 1].end);
            match out.last_mut().filter(|_| goes_on) {
                Some(last) => {
                    last.text.push_str(&word.text);
                    (last.end, last.reach) = (word.end, word.reach);
                }
                None => out.push(word.clone()),
            }
        }
        at += length;
    }
    *words = out;
}

/// The text of the words in a row, in logical order.
pub fn text(words: &[&Word]) -> String {
    let rtl = |w: &Word| w.text.chars().any(letters::is_rtl);
    let mut order: Vec<(String, bool)> = words.iter().map(|w| (w.text.clone(), rtl(w))).collect();
    let count = order.iter().filter(|(_, rtl)| *rtl).count();
    if count > 0 {
        for (text, _) in order.iter_mut().filter(|(_, rtl)| *rtl) {
            *text = reverse_rtl(text);
        }
        let letters = order
            .iter()
            .filter(|(t, _)| t.chars().any(char::is_alphabetic))
            .count();
        if count * 2 >= letters {
            // The line runs from right to left; left-to-right runs within it keep their order.
            order.reverse();
            reverse_runs(&mut order, false);
        } else {
            reverse_runs(&mut order, true);
        }
    }
    let mut out = String::new();
    for (text, _) in order {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&text);
    }
    out
}

/// Reverses each run of words of one direction.
fn reverse_runs(order: &mut [(String, bool)], rtl: bool) {
    for run in order
        .chunk_by_mut(|a, b| a.1 == b.1)
        .filter(|run| run[0].1 == rtl)
    {
        run.reverse();
    }
}

/// Converts a right-to-left word from visual to logical order; numbers in it keep their order.
fn reverse_rtl(text: &str) -> String {
    let chars: Vec<char> = text.chars().rev().collect();
    let mut out = String::with_capacity(text.len());
    let left = |c: &char| c.is_alphanumeric() && !letters::is_rtl(*c);
    for run in chars.chunk_by(|a, b| left(a) == left(b)) {
        if run.first().is_some_and(left) {
            out.extend(run.iter().rev());
        } else {
            out.extend(run.iter().map(|c| match c {
                '(' => ')',
                ')' => '(',
                '[' => ']',
                ']' => '[',
                '«' => '»',
                '»' => '«',
                c => *c,
            }));
        }
    }
    out
}
