//! Removes running heads and page numbers: lines that repeat at the top or bottom of pages.
//!
//! The first occurrence of a running head is kept, because it may contain text that occurs nowhere
//! else.

use super::columns::Line;
use std::collections::{HashMap, HashSet};

/// How many lines at the top and at the bottom of a page can be running lines.
const EDGE_LINES: usize = 3;
/// How much the position of a running line may vary between pages, in points.
const MAX_DRIFT_POINTS: f64 = 6.0;
/// A line with more letters has to repeat more often to be a running line.
const LONG_LINE_LETTERS: usize = 60;
/// The minimum distance of a running line from the text, in font sizes, from baseline to baseline.
const MIN_DISTANCE: f64 = 1.6;

struct Candidate {
    page: usize,
    line: usize,
    v: f64,
    exact: String,
    numbers: Vec<i64>,
}

/// Removes running lines from the pages. Returns how many there were.
pub fn remove_running_lines(pages: &mut [Vec<Line>]) -> usize {
    let mut groups: HashMap<(bool, String), Vec<Candidate>> = HashMap::new();
    for (page, lines) in pages.iter().enumerate() {
        let mut order: Vec<usize> = (0..lines.len())
            .filter(|i| !lines[*i].is_off_axis)
            .collect();
        order.sort_by(|a, b| lines[*b].v.total_cmp(&lines[*a].v));
        let top = order.iter().take(EDGE_LINES).map(|i| (true, *i));
        let bottom = order.iter().rev().take(EDGE_LINES).map(|i| (false, *i));
        for (top, line) in top.chain(bottom) {
            let text = &lines[line].text;
            if text.chars().count() > 200 {
                continue;
            }
            let (mask, numbers) = masked(text);
            let candidate = Candidate {
                page,
                line,
                v: lines[line].v,
                exact: text.to_lowercase(),
                numbers,
            };
            groups.entry((top, mask)).or_default().push(candidate);
        }
    }
    // With one or two pages, two occurrences have to be enough.
    let few = if pages.len() <= 2 { 2 } else { 3 };
    let mut out: HashSet<(usize, usize)> = HashSet::new();
    for ((_, mask), group) in &groups {
        let letters = mask.chars().filter(|c| c.is_alphabetic()).count();
        // A long line that repeats is probably prose.
        let enough = if letters > LONG_LINE_LETTERS {
            few.max(5)
        } else {
            few
        };
        // Numbers that increase with the page number.
        let mut offsets: HashMap<(usize, i64), Vec<&Candidate>> = HashMap::new();
        for candidate in group {
            for (place, number) in candidate.numbers.iter().enumerate() {
                offsets
                    .entry((place, number.saturating_sub(candidate.page as i64)))
                    .or_default()
                    .push(candidate);
            }
        }
        for counted in offsets.values() {
            let pages: HashSet<usize> = counted.iter().map(|c| c.page).collect();
            if pages.len() >= enough {
                out.extend(
                    counted
                        .iter()
                        .skip(usize::from(letters > 2))
                        .map(|c| (c.page, c.line)),
                );
            }
        }
        if letters < 3 {
            continue;
        }
        let mut same: HashMap<&str, Vec<&Candidate>> = HashMap::new();
        for candidate in group {
            same.entry(&candidate.exact).or_default().push(candidate);
        }
        for repeated in same.values() {
            let mut sorted: Vec<&Candidate> = repeated.clone();
            sorted.sort_by(|a, b| a.v.total_cmp(&b.v));
            for here in sorted.chunk_by(|a, b| (a.v - b.v).abs() <= MAX_DRIFT_POINTS) {
                let pages: HashSet<usize> = here.iter().map(|c| c.page).collect();
                let first = pages.iter().min().copied();
                if pages.len() >= enough {
                    out.extend(
                        here.iter()
                            .filter(|c| Some(c.page) != first)
                            .map(|c| (c.page, c.line)),
                    );
                }
            }
        }
    }
    keep_body(pages, &mut out);
    for (page, lines) in pages.iter_mut().enumerate() {
        let mut at = 0;
        let mut starts_block = false;
        lines.retain_mut(|line| {
            let goes = out.contains(&(page, at));
            at += 1;
            line.starts_block |= std::mem::take(&mut starts_block);
            starts_block = goes && line.starts_block;
            !goes
        });
    }
    out.len()
}

/// Keeps lines that are close to a line that stays, because they belong to the text: slides repeat
/// lines of the previous slide.
fn keep_body(pages: &[Vec<Line>], out: &mut HashSet<(usize, usize)>) {
    for (page, lines) in pages.iter().enumerate() {
        let mut order: Vec<usize> = (0..lines.len())
            .filter(|i| !lines[*i].is_off_axis)
            .collect();
        order.sort_by(|a, b| lines[*b].v.total_cmp(&lines[*a].v));
        for _ in 0..2 {
            let edge = order
                .iter()
                .take_while(|i| out.contains(&(page, **i)))
                .count();
            for at in (0..edge).rev() {
                let Some(next) = order.get(at + 1) else {
                    continue;
                };
                let (line, next) = (&lines[order[at]], &lines[*next]);
                if (line.v - next.v).abs() >= MIN_DISTANCE * line.size.max(next.size) {
                    break;
                }
                out.remove(&(page, order[at]));
            }
            order.reverse();
        }
        // If most of a page would be removed, it is not running lines.
        let letters = |of: &dyn Fn(&usize) -> bool| -> usize {
            (0..lines.len())
                .filter(of)
                .map(|i| lines[i].text.chars().filter(|c| c.is_alphabetic()).count())
                .sum()
        };
        if letters(&|i| out.contains(&(page, *i))) * 2 > letters(&|_| true) {
            for at in (0..lines.len()).filter(|i| lines[*i].text.chars().any(char::is_alphabetic)) {
                out.remove(&(page, at));
            }
        }
        // Lines in the middle of a page are never running lines.
        let top = order
            .iter()
            .take_while(|i| out.contains(&(page, **i)))
            .count();
        let bottom = order
            .iter()
            .rev()
            .take_while(|i| out.contains(&(page, **i)))
            .count();
        for i in order
            .iter()
            .take(order.len().saturating_sub(bottom))
            .skip(top)
        {
            out.remove(&(page, *i));
        }
    }
}

/// A line with its numbers replaced by `#`, and the numbers.
fn masked(text: &str) -> (String, Vec<i64>) {
    let mut numbers = Vec::new();
    let mut mask = String::new();
    for token in text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|t| !t.is_empty())
    {
        if !mask.is_empty() {
            mask.push(' ');
        }
        if let Some(number) = token
            .parse::<u32>()
            .ok()
            .map(i64::from)
            .or_else(|| roman(token))
        {
            numbers.push(number);
            mask.push('#');
        } else {
            mask.push_str(&token.to_lowercase());
        }
    }
    (mask, numbers)
}

/// Parses a Roman numeral in lower or upper case, as used for the pages of a preface.
fn roman(text: &str) -> Option<i64> {
    if text.len() > 8
        || !(text.bytes().all(|b| b.is_ascii_lowercase())
            || text.bytes().all(|b| b.is_ascii_uppercase()))
    {
        return None;
    }
    let value = |b: u8| match b.to_ascii_lowercase() {
        b'i' => Some(1),
        b'v' => Some(5),
        b'x' => Some(10),
        b'l' => Some(50),
        b'c' => Some(100),
        _ => None,
    };
    let values: Vec<i64> = text.bytes().map(value).collect::<Option<_>>()?;
    let mut sum = 0;
    for (at, value) in values.iter().enumerate() {
        sum += if values.get(at + 1).is_some_and(|next| next > value) {
            -value
        } else {
            *value
        };
    }
    (sum > 0).then_some(sum)
}
