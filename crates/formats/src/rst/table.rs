//! Tables, drawn with lines or with columns of equals signs.

use super::{Rst, is_repeated_sign};
use crate::lines::indent;

/// A simple table with more columns is read as plain text.
const MAX_COLUMNS: usize = 100;

fn add_to_cell(cells: &mut Vec<String>, at: usize, text: &str) {
    if cells.len() <= at {
        cells.resize(at + 1, String::new());
    }
    if let Some(cell) = cells.get_mut(at)
        && !text.trim().is_empty()
    {
        if !cell.is_empty() {
            cell.push(' ');
        }
        cell.push_str(text.trim());
    }
}

pub(super) fn is_rule(line: &str) -> bool {
    line.len() >= 4 && is_repeated_sign(line)
}

impl<'a> Rst<'a> {
    /// Whether a table begins here.
    pub(super) fn is_table(&self) -> bool {
        let line = self.line(self.at).trim();
        line.starts_with("+-") || line.starts_with("==") && line.contains(" =")
    }

    /// Reads a grid table or a simple table.
    pub(super) fn table(&mut self) -> bool {
        let first = self.line(self.at).trim();
        if first.starts_with("+-")
            && first.ends_with('+')
            && first.bytes().all(|b| matches!(b, b'+' | b'-'))
        {
            let mut cells: Vec<String> = Vec::new();
            self.out.push("");
            while self.at < self.lines.len() {
                let line = self.line(self.at).trim();
                if line.starts_with('+') && line.bytes().all(|b| matches!(b, b'+' | b'-' | b'=')) {
                    self.row(&std::mem::take(&mut cells));
                } else if let Some(inside) =
                    line.strip_prefix('|').or_else(|| line.strip_prefix('+'))
                {
                    for (at, cell) in inside
                        .strip_suffix(['|', '+'])
                        .unwrap_or(inside)
                        .split('|')
                        .enumerate()
                    {
                        add_to_cell(&mut cells, at, cell);
                    }
                } else {
                    break;
                }
                self.at += 1;
            }
            self.row(&cells);
            self.out.push("");
            return true;
        }
        let is_border = |line: &str| {
            line.starts_with("==")
                && line.contains(" =")
                && line.bytes().all(|b| matches!(b, b'=' | b' '))
        };
        if !is_border(first) {
            return false;
        }
        let margin = indent(self.line(self.at));
        let starts: Vec<usize> = first
            .bytes()
            .enumerate()
            .filter(|&(at, b)| {
                b == b'=' && (at == 0 || first.as_bytes().get(at - 1) == Some(&b' '))
            })
            .map(|(at, _)| at + margin)
            .collect();
        if starts.len() > MAX_COLUMNS {
            return false;
        }
        let mut cells: Vec<String> = Vec::new();
        self.out.push("");
        self.at += 1;
        while self.at < self.lines.len() {
            let line = self.line(self.at);
            self.at += 1;
            if is_border(line.trim()) {
                self.row(&std::mem::take(&mut cells));
                // The last border is followed by a blank line.
                if self.line(self.at).trim().is_empty() {
                    break;
                }
                continue;
            }
            if line.trim().is_empty() || line.trim_start().bytes().all(|b| matches!(b, b'-' | b' '))
            {
                self.row(&std::mem::take(&mut cells));
                continue;
            }
            let chars: Vec<char> = line.chars().collect();
            for (at, &start) in starts.iter().enumerate() {
                let end = starts
                    .get(at + 1)
                    .copied()
                    .unwrap_or(chars.len())
                    .min(chars.len());
                let cell: String = chars
                    .get(start.min(end)..end)
                    .unwrap_or_default()
                    .iter()
                    .collect();
                // A line with an empty first cell continues the row.
                if at == 0 && !cell.trim().is_empty() {
                    self.row(&std::mem::take(&mut cells));
                }
                add_to_cell(&mut cells, at, &cell);
            }
        }
        self.row(&cells);
        self.out.push("");
        true
    }

    fn row(&mut self, cells: &[String]) {
        let cells: Vec<String> = cells.iter().map(|cell| self.inline(cell)).collect();
        if let Some(line) = crate::blocks::row_line(&cells) {
            self.has_text = true;
            self.out.push(&line);
        }
    }
}
