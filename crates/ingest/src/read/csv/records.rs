//! Splits CSV into records, without holding overlong ones in memory.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use std::io::{self, Read};

/// The read buffer size in bytes.
const CHUNK_BYTES: usize = 1 << 16;
/// After each unclosed quote, up to `limit` bytes are read again. After this many of them, quotes
/// are ordinary characters for the rest of the file, so that reading takes linear time.
const MAX_UNCLOSED: usize = 100;

/// A record, with its fields unquoted.
pub struct Row<'a> {
    bytes: &'a [u8],
    ends: &'a [usize],
    /// Whether quotes within its fields were not doubled.
    pub has_undoubled_quotes: bool,
}

impl<'a> Row<'a> {
    pub fn fields(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (bytes, starts) = (
            self.bytes,
            std::iter::once(0).chain(self.ends.iter().copied()),
        );
        starts
            .zip(self.ends)
            .map(move |(start, end)| &bytes[start..*end])
    }
}

/// Why a record cannot be read.
#[derive(Debug)]
pub enum RecordError {
    /// Reading failed. There are no more records.
    Io(io::Error),
    /// The record is over the limit. The next record follows.
    TooLarge { bytes: u64, limit: u64 },
    /// A field begins with a quote that is not closed before the end of the file or the limit. The
    /// next record begins on the next line.
    Unclosed,
}

#[derive(Default)]
struct Quotes {
    /// A quoted field is not closed.
    open: bool,
    /// There is text between a closing quote and the next delimiter.
    text_after_close: bool,
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Splits a record on one line whose quotes are not doubled: a quote ends a field only before a
/// delimiter or the end of the line. A backslash before a quote is an escape and is removed.
fn split_undoubled(record: &[u8], delimiter: u8) -> (Vec<u8>, Vec<usize>) {
    let end = record.len() - record.iter().rev().take_while(|b| is_line_end(**b)).count();
    let (mut bytes, mut ends, mut at) = (Vec::with_capacity(end), Vec::new(), 0);
    let ends_field = |at: usize| at == end || record[at] == delimiter;
    loop {
        let is_quoted = at < end && record[at] == b'"';
        at += usize::from(is_quoted);
        while at < end {
            match record[at] {
                b'"' if is_quoted && ends_field(at + 1) => {
                    at += 1;
                    break;
                }
                byte if !is_quoted && byte == delimiter => break,
                b'\\' if record.get(at + 1) == Some(&b'"') => at += 1,
                byte => {
                    bytes.push(byte);
                    at += 1;
                    continue;
                }
            }
            // An escaped quote never ends the field.
            bytes.push(record[at]);
            at += 1;
        }
        ends.push(bytes.len());
        if at >= end {
            return (bytes, ends);
        }
        at += 1;
    }
}

/// Iterates over the records of a file.
pub struct Records<R> {
    input: R,
    delimiter: u8,
    limit: usize,
    reader: Reader,
    /// Whether quotes have their special meaning.
    quoting: bool,
    /// The bytes read from the file, from the current record on.
    raw: Vec<u8>,
    /// The offset of the current record in `raw`.
    start: usize,
    at_end: bool,
    /// The line of `start`, from 1.
    line: u64,
    unclosed: usize,
    fields: Vec<u8>,
    ends: Vec<usize>,
}

impl<R: Read> Records<R> {
    pub fn new(input: R, delimiter: u8, limit: u64) -> Self {
        Self {
            input,
            delimiter,
            limit: usize::try_from(limit).unwrap_or(usize::MAX / 2),
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            quoting: true,
            raw: Vec::new(),
            start: 0,
            at_end: false,
            line: 1,
            unclosed: 0,
            fields: vec![0; 1024],
            ends: vec![0; 16],
        }
    }

    /// The next record, and the line on which it begins, from 1; `None` after the last.
    pub fn next(&mut self) -> Option<(u64, Result<Row<'_>, RecordError>)> {
        self.reader.reset();
        let (mut at, mut filled, mut ended) = (self.start, 0, 0);
        loop {
            if at == self.raw.len() && !self.at_end {
                // Drop the bytes of earlier records.
                at -= self.start;
                self.raw.drain(..self.start);
                self.start = 0;
                if self.raw.len() > self.limit {
                    return Some(self.over_limit());
                }
                if let Err(error) = self.read() {
                    self.at_end = true;
                    self.raw.clear();
                    self.start = 0;
                    return Some((self.line, Err(RecordError::Io(error))));
                }
                continue;
            }
            // At the end of the input the reader would end the record, even within an open quote.
            if at == self.raw.len() && self.quotes(&self.raw[self.start..]).open {
                return Some(self.unclosed());
            }
            let (result, read, wrote, ends) = self.reader.read_record(
                &self.raw[at..],
                &mut self.fields[filled..],
                &mut self.ends[ended..],
            );
            (at, filled, ended) = (at + read, filled + wrote, ended + ends);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => {
                    self.fields.resize((self.fields.len() * 2).max(1024), 0)
                }
                ReadRecordResult::OutputEndsFull => {
                    self.ends.resize((self.ends.len() * 2).max(16), 0)
                }
                ReadRecordResult::Record => {
                    if self.has_inverted_quotes(at) {
                        return Some(self.unclosed());
                    }
                    let line = self.skip_blank_lines();
                    let bytes = at - self.start;
                    let has_undoubled_quotes =
                        self.quotes(&self.raw[self.start..at]).text_after_close;
                    if has_undoubled_quotes {
                        (self.fields, self.ends) =
                            split_undoubled(&self.raw[self.start..at], self.delimiter);
                        (filled, ended) = (self.fields.len(), self.ends.len());
                    }
                    self.advance_to(at);
                    if bytes > self.limit {
                        return Some((
                            line,
                            Err(RecordError::TooLarge {
                                bytes: bytes as u64,
                                limit: self.limit as u64,
                            }),
                        ));
                    }
                    let (bytes, ends) = (&self.fields[..filled], &self.ends[..ended]);
                    return Some((
                        line,
                        Ok(Row {
                            bytes,
                            ends,
                            has_undoubled_quotes,
                        }),
                    ));
                }
                ReadRecordResult::End => return None,
            }
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let before = self.raw.len();
        self.raw.resize(before + CHUNK_BYTES, 0);
        let read = loop {
            match self.input.read(&mut self.raw[before..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        self.raw.truncate(before + *read.as_ref().unwrap_or(&0));
        self.at_end = read? == 0;
        Ok(())
    }

    /// The state of the quotes of a record, as far as it was read.
    fn quotes(&self, record: &[u8]) -> Quotes {
        let ends_field = |byte: u8| byte == self.delimiter || matches!(byte, b'\r' | b'\n');
        let mut quotes = Quotes::default();
        let mut at_start = self.quoting;
        let mut bytes = record.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            if !quotes.open {
                quotes.open = at_start && byte == b'"';
                at_start = self.quoting && ends_field(byte);
            } else if byte == b'"' && bytes.next_if_eq(&b'"').is_none() {
                quotes.open = false;
                quotes.text_after_close |= bytes.peek().is_some_and(|&next| !ends_field(next));
            }
        }
        quotes
    }

    /// Whether the record that ends at `at` spans several lines and has text after a closing quote:
    /// then a quote is missing further up, and all following ones are inverted.
    fn has_inverted_quotes(&self, at: usize) -> bool {
        let record = &self.raw[self.start..at];
        let record = &record[record.iter().take_while(|b| is_line_end(**b)).count()..];
        let lines = record.iter().rev().skip_while(|b| is_line_end(**b));
        lines.copied().any(is_line_end) && self.quotes(record).text_after_close
    }

    fn over_limit(&mut self) -> (u64, Result<Row<'_>, RecordError>) {
        let line = self.skip_blank_lines();
        if self.raw[self.start..].iter().any(|b| is_line_end(*b)) {
            return self.unclosed();
        }
        // An overlong line: skip the rest of it.
        let mut bytes = (self.raw.len() - self.start) as u64;
        loop {
            self.raw.clear();
            self.start = 0;
            if let Err(error) = self.read() {
                self.at_end = true;
                return (line, Err(RecordError::Io(error)));
            }
            let end = self.raw.iter().position(|b| is_line_end(*b));
            bytes += end.unwrap_or(self.raw.len()) as u64;
            if end.is_some() || self.at_end {
                self.advance_to(end.unwrap_or(self.raw.len()));
                return (
                    line,
                    Err(RecordError::TooLarge {
                        bytes,
                        limit: self.limit as u64,
                    }),
                );
            }
        }
    }

    /// Reports an unclosed quote and continues on the line after the start of the record.
    fn unclosed(&mut self) -> (u64, Result<Row<'_>, RecordError>) {
        let line = self.skip_blank_lines();
        let rest = &self.raw[self.start..];
        let end = rest
            .iter()
            .position(|b| is_line_end(*b))
            .unwrap_or(rest.len());
        self.advance_to(self.start + end);
        self.unclosed += 1;
        if self.unclosed == MAX_UNCLOSED {
            self.quoting = false;
            self.reader = ReaderBuilder::new()
                .delimiter(self.delimiter)
                .quoting(false)
                .build();
        }
        (line, Err(RecordError::Unclosed))
    }

    /// Skips blank lines. Returns the current line number.
    fn skip_blank_lines(&mut self) -> u64 {
        let blank = self.raw[self.start..]
            .iter()
            .take_while(|b| is_line_end(**b))
            .count();
        self.advance_to(self.start + blank);
        self.line
    }

    /// Moves the start of the current record to `at`, counting lines that end with CR, LF or both.
    fn advance_to(&mut self, at: usize) {
        let passed = &self.raw[self.start..at];
        let returns = passed
            .iter()
            .zip(self.raw.iter().skip(self.start + 1).map(Some).chain([None]));
        let lone = returns
            .filter(|(b, next)| **b == b'\r' && *next != Some(&b'\n'))
            .count();
        self.line += (lone + passed.iter().filter(|b| **b == b'\n').count()) as u64;
        self.start = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records of a text, read in chunks of seven bytes.
    fn records(text: &str, limit: u64) -> Vec<(u64, Result<Vec<String>, String>)> {
        struct Chunks<'a>(&'a [u8]);
        impl Read for Chunks<'_> {
            fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
                let count = self.0.len().min(to.len()).min(7);
                to[..count].copy_from_slice(&self.0[..count]);
                self.0 = &self.0[count..];
                Ok(count)
            }
        }
        let mut records = Records::new(Chunks(text.as_bytes()), b',', limit);
        let mut all = Vec::new();
        while let Some((line, record)) = records.next() {
            let fields = |row: Row<'_>| {
                row.fields()
                    .map(|field| String::from_utf8_lossy(field).into_owned())
                    .collect()
            };
            all.push((
                line,
                record.map(fields).map_err(|error| format!("{error:?}")),
            ));
        }
        all
    }

    fn row(fields: &[&str]) -> Result<Vec<String>, String> {
        Ok(fields.iter().map(|field| (*field).to_owned()).collect())
    }

    #[test]
    fn all_line_ends_are_recognized() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["a,b", "", "\"1", "2\",\"say \"\"x\"\"\"", "last,"].join(end);
            let inside = format!("1{end}2");
            let expected = [
                (1, row(&["a", "b"])),
                (3, row(&[&inside, "say \"x\""])),
                (5, row(&["last", ""])),
            ];
            assert_eq!(records(&text, 100), expected, "{end:?}");
            assert_eq!(records(&(text + end), 100), expected, "{end:?}");
        }
        assert!(records("", 100).is_empty() && records("\n\r\n", 100).is_empty());
    }

    #[test]
    fn a_record_over_the_limit_is_skipped() {
        let text = format!("a\n{}\nb\n", "x".repeat(200_000));
        let too_large = || Err("TooLarge { bytes: 200000, limit: 100000 }".to_owned());
        assert_eq!(
            records(&text, 100_000),
            [(1, row(&["a"])), (2, too_large()), (3, row(&["b"]))]
        );
        let last = format!("\n\r\n{}", "x".repeat(200_000));
        assert_eq!(
            records(&last, 100_000),
            [(
                3,
                Err("TooLarge { bytes: 200000, limit: 100000 }".to_owned())
            )]
        );
        let short = format!("a\n{}\nb\n", "x".repeat(20));
        let too_large = || Err("TooLarge { bytes: 20, limit: 10 }".to_owned());
        assert_eq!(
            records(&short, 10),
            [(1, row(&["a"])), (2, too_large()), (3, row(&["b"]))]
        );
    }

    #[test]
    fn an_unclosed_quote_costs_one_line_and_no_memory() {
        let text = format!("a\n\"open\n{}", "b,c\n".repeat(50_000));
        let all = records(&text, 100_000);
        assert_eq!(all.len(), 50_002);
        assert_eq!(all[1], (2, Err("Unclosed".to_owned())));
        assert_eq!(
            (&all[2], &all[50_001]),
            (&(3, row(&["b", "c"])), &(50_002, row(&["b", "c"])))
        );
        assert_eq!(
            records("a\nb,\"\n", 100),
            [(1, row(&["a"])), (2, Err("Unclosed".to_owned()))]
        );
    }

    #[test]
    fn after_many_unclosed_quotes_quoting_is_turned_off() {
        // Without the limit, each line would be read on from to the end.
        let all = records(&"a\"b,\"c\n".repeat(300), 1000);
        assert_eq!(
            all.iter().filter(|(_, record)| record.is_err()).count(),
            MAX_UNCLOSED
        );
        assert_eq!(all.last().unwrap(), &(300, row(&["a\"b", "\"c"])));
    }
}
