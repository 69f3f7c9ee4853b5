//! Finds tables in text, so that passages within a table can be given its header row.

use crate::article::ByteSpan;

/// The minimum number of consecutive lines with the same number of cells that make a table.
const MIN_TABLE_ROWS: usize = 3;

/// The tables of a text: for each, the span of the rows below the header, and the header.
pub struct Tables(Vec<(ByteSpan, String)>);

impl Tables {
    /// Finds the tables of a text: consecutive lines with cells separated by `|`.
    pub fn of(text: &str) -> Self {
        let mut tables = Vec::new();
        let mut rows: Vec<(ByteSpan, usize)> = Vec::new();
        let mut start = 0;
        // The empty line at the end closes the last table.
        for line in text.split_inclusive('\n').chain([""]) {
            let cells = cells(line);
            if rows.last().is_some_and(|(_, last)| *last != cells) {
                tables.extend(table(text, &rows));
                rows.clear();
            }
            if cells > 1 {
                rows.push((ByteSpan::new(start, start + line.len()), cells));
            }
            start += line.len();
        }
        Self(tables)
    }

    /// Whether the text has no tables.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The header of the table in whose rows the byte offset `start` is, if any.
    pub fn header_at(&self, start: usize) -> Option<&str> {
        let table = self
            .0
            .iter()
            .find(|(rows, _)| rows.start <= start && start < rows.end);
        table.map(|(_, header)| header.as_str())
    }
}

fn cells(line: &str) -> usize {
    let line = line.trim();
    let line = line.strip_prefix('|').unwrap_or(line);
    let line = line.strip_suffix('|').unwrap_or(line);
    if line.contains('|') {
        line.split('|').count()
    } else {
        0
    }
}

fn table(text: &str, rows: &[(ByteSpan, usize)]) -> Option<(ByteSpan, String)> {
    let [(header, _), .., (last, _)] = rows else {
        return None;
    };
    if rows.len() < MIN_TABLE_ROWS {
        return None;
    }
    let names = header
        .of(text)
        .trim()
        .trim_matches('|')
        .split('|')
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(" | ");
    Some((ByteSpan::new(header.end, last.end), names))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_is_found_for_positions_within_the_rows() {
        let text = "Intro.\n\n| place | litres |\n|---|---|\n| mill | 4200 |\n| inn | 2100 |\n\nEnd.\na | b\n1 | 2\n3 | 4";
        let tables = Tables::of(text);
        let at = |what: &str| tables.header_at(text.find(what).unwrap());
        assert_eq!(
            (at("| mill"), at("| inn")),
            (Some("place | litres"), Some("place | litres"))
        );
        assert_eq!((at("1 | 2"), at("3 | 4")), (Some("a | b"), Some("a | b")));
        assert_eq!(
            (at("Intro"), at("| place"), at("End"), at("a | b")),
            (None, None, None, None)
        );
        assert!(
            Tables::of("x | y\nprose | and more\n").0.is_empty(),
            "two lines are no table"
        );
    }
}
