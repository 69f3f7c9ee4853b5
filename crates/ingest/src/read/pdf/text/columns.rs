//! Puts rows in reading order: across for a single column, column by column for several.
//!
//! A gutter is a vertical strip without words over several consecutive rows. It separates columns
//! if both sides are prose, or if one side was drawn before the other. Tables are read across.

use super::lines::{Row, Word, text};

/// The number of vertical strips that a region is divided into to find gutters.
const STRIPS: usize = 512;
/// The maximum nesting depth of columns.
const MAX_COLUMN_DEPTH: usize = 8;
/// Half the minimum width of a gutter, in font sizes; TeX's columns are 1 apart.
const HALF_MIN_GUTTER: f64 = 0.25;
/// The minimum width of a gutter over few rows, in font sizes: spaces of justified lines can align
/// by chance.
const MIN_WIDE_GUTTER: f64 = 0.8;
/// From this number of rows, a narrow gutter is not by chance.
const MIN_ROWS_FOR_NARROW_GUTTER: usize = 8;

/// A line of text with its position.
#[derive(Clone, Debug)]
pub struct Line {
    pub text: String,
    /// Whether a paragraph, a column or another block begins here.
    pub starts_block: bool,
    /// Whether the line reaches the right edge of its column, so that the text continues on the
    /// next line.
    pub reaches_edge: bool,
    /// Whether its writing direction differs from that of most text on the page.
    pub is_off_axis: bool,
    pub v: f64,
    pub size: f64,
}

/// The lines of `rows` in reading order.
pub fn lines(rows: Vec<Row>) -> Vec<Line> {
    let mut out = Vec::new();
    order(rows, 0, &mut out);
    out
}

fn order(rows: Vec<Row>, depth: usize, out: &mut Vec<Line>) {
    let zone = if depth < MAX_COLUMN_DEPTH && rows.len() >= 2 {
        gutter(&rows)
    } else {
        None
    };
    let Some(zone) = zone else {
        emit(&rows, out);
        return;
    };
    let mut rows = rows;
    let below = rows.split_off(zone.end);
    let within = rows.split_off(zone.start);
    if !rows.is_empty() {
        order(rows, depth + 1, out);
    }
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for row in within {
        let (l, r): (Vec<Word>, Vec<Word>) = row
            .words
            .into_iter()
            .partition(|w| (w.u + w.end) / 2.0 < zone.at);
        for (side, words) in [(&mut left, l), (&mut right, r)] {
            if let Some(first) = words.first() {
                // Use the baseline of the remaining words, which may differ slightly from that of
                // the whole row.
                side.push(Row {
                    v: first.v,
                    size: words.iter().map(|w| w.size).fold(0.0, f64::max),
                    words,
                });
            }
        }
    }
    order(left, depth + 1, out);
    order(right, depth + 1, out);
    if !below.is_empty() {
        order(below, depth + 1, out);
    }
}

/// Rows `start..end` with a common gutter at `at`.
#[derive(Clone, Copy)]
struct Zone {
    at: f64,
    start: usize,
    end: usize,
    score: usize,
}

fn gutter(rows: &[Row]) -> Option<Zone> {
    let left = rows
        .iter()
        .filter_map(|r| r.words.first())
        .map(|w| w.u)
        .fold(f64::INFINITY, f64::min);
    let right = rows
        .iter()
        .filter_map(end)
        .fold(f64::NEG_INFINITY, f64::max);
    let step = (right - left) / STRIPS as f64;
    if !(step > 0.0 && step.is_finite()) {
        return None;
    }
    // For each strip: the first row of the current run without words in it, and how many rows of
    // the run have words left and right of it.
    let mut runs = vec![(0usize, 0usize, 0usize); STRIPS];
    let mut zones: Vec<Zone> = Vec::new();
    let mut close = |strip: usize, run: (usize, usize, usize), end: usize| {
        let score = run.1.min(run.2);
        if score >= 2 && zones.len() < 100_000 {
            let at = left + (strip as f64 + 0.5) * step;
            zones.push(Zone {
                at,
                start: run.0,
                end,
                score: score * 16 + run.1.max(run.2),
            });
        }
    };
    let mut taken = vec![false; STRIPS];
    for (index, row) in rows.iter().enumerate() {
        taken.fill(false);
        for word in &row.words {
            let margin = HALF_MIN_GUTTER * word.size.min(row.size);
            let strip = |u: f64| (((u - left) / step).floor().max(0.0) as usize).min(STRIPS - 1);
            taken[strip(word.u - margin)..=strip(word.end + margin)].fill(true);
        }
        let first = row.words.first().map_or(f64::INFINITY, |w| w.u);
        let last = end(row).unwrap_or(f64::NEG_INFINITY);
        for strip in 0..STRIPS {
            let at = left + (strip as f64 + 0.5) * step;
            let run = &mut runs[strip];
            if taken[strip] {
                close(strip, *run, index);
                *run = (index + 1, 0, 0);
            } else {
                run.1 += usize::from(first < at);
                run.2 += usize::from(last > at);
            }
        }
    }
    for (strip, run) in runs.iter().enumerate() {
        close(strip, *run, rows.len());
    }
    zones.sort_by_key(|z| std::cmp::Reverse(z.score));
    // All strips of one gutter have the same score; take the middle one.
    let mut tried: Vec<Zone> = Vec::new();
    for group in zones.chunk_by(|a, b| a.score == b.score && a.start == b.start && a.end == b.end) {
        if tried.len() >= 12 {
            break;
        }
        let middle = group[group.len() / 2];
        if tried.iter().any(|z| {
            z.start == middle.start && z.end == middle.end && (z.at - middle.at).abs() < step * 4.0
        }) {
            continue;
        }
        tried.push(middle);
        if let Some(zone) = columns(rows, middle) {
            return Some(zone);
        }
    }
    None
}

fn end(row: &Row) -> Option<f64> {
    row.words.iter().map(|w| w.end).reduce(f64::max)
}

/// Statistics of one side of a gutter.
#[derive(Default)]
struct Side {
    rows: usize,
    words: usize,
    letters: usize,
    from: f64,
    to: f64,
    extent: f64,
    first: usize,
    last: usize,
}

impl Side {
    fn add(&mut self, index: usize, words: &[&Word]) {
        let (Some(first), Some(to)) = (words.first(), words.iter().map(|w| w.end).reduce(f64::max))
        else {
            return;
        };
        if self.rows == 0 {
            (self.from, self.to, self.first) = (first.u, to, index);
        }
        (self.from, self.to, self.last) = (self.from.min(first.u), self.to.max(to), index);
        self.rows += 1;
        self.words += words.len();
        self.letters += words.iter().map(|w| w.text.chars().count()).sum::<usize>();
        self.extent += to - first.u;
    }

    fn width(&self) -> f64 {
        self.to - self.from
    }

    /// The mean share of the side's width that its rows fill.
    fn filled(&self) -> f64 {
        self.extent / self.rows.max(1) as f64 / self.width().max(1e-9)
    }

    fn letters(&self) -> f64 {
        self.letters as f64 / self.rows.max(1) as f64
    }
}

/// Narrows a gutter to the rows that are columns; `None` if they are not.
fn columns(rows: &[Row], zone: Zone) -> Option<Zone> {
    let mut zone = zone;
    // Rows above the shorter side's first row are read before both columns. The same holds below,
    // except for rows that follow without a gap, such as the rest of the longer column.
    for _ in 0..2 {
        let (left, right) = sides(rows, zone);
        let start = left.first.max(right.first);
        let reach = rows[start].v + 3.0 * rows[start].size;
        while zone.start < start && rows[zone.start].v > reach {
            zone.start += 1;
        }
        let shorter = left.last.min(right.last);
        let mut end = shorter + 1;
        while end < zone.end
            && rows[end - 1].v - rows[end].v < 2.2 * rows[end].size.min(rows[end - 1].size)
        {
            end += 1;
        }
        zone.end = end;
    }
    let (left, right) = sides(rows, zone);
    let (least, most) = (left.rows.min(right.rows), left.rows.max(right.rows));
    if least < 2 {
        return None;
    }
    let mut drawn: Vec<(usize, bool)> = rows[zone.start..zone.end]
        .iter()
        .flat_map(|r| {
            r.words
                .iter()
                .map(|w| (w.index, (w.u + w.end) / 2.0 < zone.at))
        })
        .collect();
    drawn.sort_unstable();
    let changes = drawn.windows(2).filter(|w| w[0].1 != w[1].1).count();
    let wide = left.width().min(right.width()) / left.width().max(right.width());
    let letters = left.letters().min(right.letters());
    let filled = left.filled().min(right.filled());
    let words = (left.words as f64 / left.rows as f64).min(right.words as f64 / right.rows as f64);
    let gap = rows[zone.start..zone.end]
        .iter()
        .filter_map(|r| gap(r, zone.at))
        .fold(f64::INFINITY, f64::min);
    let drawn_one_side_first = changes <= 1 + least / 8;
    let columns = if drawn_one_side_first {
        least >= 3 && letters >= 6.0 && words >= 1.3 && filled >= 0.3
    } else {
        (gap >= MIN_WIDE_GUTTER || least >= MIN_ROWS_FOR_NARROW_GUTTER)
            && least >= 3
            && most <= least * 4
            && letters >= 14.0
            && words >= 2.5
            && filled >= 0.55
            && wide >= 0.5
    };
    columns.then_some(zone)
}

/// The gap between the two sides of a row, in font sizes.
fn gap(row: &Row, at: f64) -> Option<f64> {
    let split = row
        .words
        .iter()
        .position(|w| (w.u + w.end) / 2.0 >= at)
        .filter(|i| *i > 0)?;
    let left = row.words[..split].iter().map(|w| w.end).reduce(f64::max)?;
    Some((row.words[split].u - left) / row.size.max(1e-9))
}

fn sides(rows: &[Row], zone: Zone) -> (Side, Side) {
    let (mut left, mut right) = (Side::default(), Side::default());
    for (index, row) in rows.iter().enumerate().take(zone.end).skip(zone.start) {
        let (l, r): (Vec<&Word>, Vec<&Word>) = row
            .words
            .iter()
            .partition(|w| (w.u + w.end) / 2.0 < zone.at);
        left.add(index, &l);
        right.add(index, &r);
    }
    (left, right)
}

/// Emits rows as lines, read across. A paragraph begins after a gap that is larger than usual.
fn emit(rows: &[Row], out: &mut Vec<Line>) {
    let mut gaps: Vec<f64> = rows
        .windows(2)
        .map(|w| (w[0].v - w[1].v) / w[0].size.max(w[1].size).max(1e-9))
        .collect();
    gaps.sort_by(f64::total_cmp);
    let usual = gaps
        .get(gaps.len() / 2)
        .copied()
        .unwrap_or(1.2)
        .clamp(0.8, 2.5);
    let right = rows
        .iter()
        .filter_map(end)
        .fold(f64::NEG_INFINITY, f64::max);
    for (index, row) in rows.iter().enumerate() {
        let words: Vec<&Word> = row.words.iter().collect();
        let starts_block = match index.checked_sub(1).map(|i| &rows[i]) {
            None => true,
            Some(above) => {
                let larger = above.size.max(row.size);
                (above.v - row.v) / larger.max(1e-9) > usual * 1.3 + 0.05
                    || larger > 1.25 * above.size.min(row.size)
            }
        };
        out.push(Line {
            text: text(&words),
            starts_block,
            v: row.v,
            reaches_edge: end(row).is_some_and(|end| end > right - 2.5 * row.size),
            is_off_axis: false,
            size: row.size,
        });
    }
}
