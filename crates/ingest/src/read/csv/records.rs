//! Records of CSV, none of which is held in memory beyond a limit.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use std::io::{self, Read};

/// How much is read at once.
const CHUNK: usize = 1 << 16;
/// After each quotation mark that none closes, up to the limit is read again. So often; then they are ordinary
/// characters to the end of the file.
const MAX_UNCLOSED: usize = 100;

/// One record: its fields, without their quotation marks.
pub struct Row<'a> {
    bytes: &'a [u8],
    ends: &'a [usize],
    /// Its fields hold quotation marks that should have been doubled.
    pub is_as_written: bool,
}

impl<'a> Row<'a> {
    pub fn fields(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (bytes, starts) = (self.bytes, std::iter::once(0).chain(self.ends.iter().copied()));
        starts.zip(self.ends).map(move |(start, end)| &bytes[start..*end])
    }
}

/// What is wrong with a record, or with the file.
#[derive(Debug)]
pub enum Problem {
    /// It cannot be read. Nothing follows.
    Io(io::Error),
    /// It is longer than the limit. The next record follows.
    TooLarge { bytes: u64, limit: u64 },
    /// A field begins with a quotation mark, and to the end of the file, or as far as the limit, none ends it. What
    /// follows begins on the next line.
    Unclosed,
}

#[derive(Default)]
struct Quotes {
    /// A field begins with one that none closes.
    open: bool,
    /// Behind a closing one the field goes on.
    text_behind: bool,
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// The fields of a record on one line whose quotation marks are not doubled: a mark ends a field only in front of a
/// delimiter or the end of the line. A backslash before a mark is left out, for there it stands in place of doubling.
fn as_written(record: &[u8], delimiter: u8) -> (Vec<u8>, Vec<usize>) {
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
            // A mark behind a backslash is never the last one.
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

/// The records of a file, one after the other.
pub struct Records<R> {
    input: R,
    delimiter: u8,
    limit: usize,
    reader: Reader,
    /// Whether quotation marks are more than characters.
    quoting: bool,
    /// What was read of the file from the current record on.
    raw: Vec<u8>,
    /// Where in it the current record begins.
    start: usize,
    at_end: bool,
    /// The line on which `start` lies.
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

    /// The next record, with the line on which it begins, from 1; `None` after the last.
    pub fn next(&mut self) -> Option<(u64, Result<Row<'_>, Problem>)> {
        self.reader.reset();
        let (mut at, mut filled, mut ended) = (self.start, 0, 0);
        loop {
            if at == self.raw.len() && !self.at_end {
                // In front of a record lies what others were.
                at -= self.start;
                self.raw.drain(..self.start);
                self.start = 0;
                if self.raw.len() > self.limit {
                    return Some(self.beyond_limit());
                }
                if let Err(error) = self.read() {
                    self.at_end = true;
                    self.raw.clear();
                    self.start = 0;
                    return Some((self.line, Err(Problem::Io(error))));
                }
                continue;
            }
            // Given nothing more, the reader ends the record, whatever it stands in.
            if at == self.raw.len() && self.quotes(&self.raw[self.start..]).open {
                return Some(self.unclosed());
            }
            let (result, read, wrote, ends) =
                self.reader.read_record(&self.raw[at..], &mut self.fields[filled..], &mut self.ends[ended..]);
            (at, filled, ended) = (at + read, filled + wrote, ended + ends);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.fields.resize((self.fields.len() * 2).max(1024), 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize((self.ends.len() * 2).max(16), 0),
                ReadRecordResult::Record => {
                    if self.runs_on(at) {
                        return Some(self.unclosed());
                    }
                    let line = self.skip_blank_lines();
                    let bytes = at - self.start;
                    let is_as_written = self.quotes(&self.raw[self.start..at]).text_behind;
                    if is_as_written {
                        (self.fields, self.ends) = as_written(&self.raw[self.start..at], self.delimiter);
                        (filled, ended) = (self.fields.len(), self.ends.len());
                    }
                    self.pass(at);
                    if bytes > self.limit {
                        return Some((line, Err(Problem::TooLarge { bytes: bytes as u64, limit: self.limit as u64 })));
                    }
                    let (bytes, ends) = (&self.fields[..filled], &self.ends[..ended]);
                    return Some((line, Ok(Row { bytes, ends, is_as_written })));
                }
                ReadRecordResult::End => return None,
            }
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let before = self.raw.len();
        self.raw.resize(before + CHUNK, 0);
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

    /// How the quotation marks of a record, as far as it was read, lie.
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
                quotes.text_behind |= bytes.peek().is_some_and(|&next| !ends_field(next));
            }
        }
        quotes
    }

    /// Whether the record that ends at `at` has several lines, and text behind a closing quotation mark: one that is
    /// missing further up turned the meaning of all that followed.
    fn runs_on(&self, at: usize) -> bool {
        let record = &self.raw[self.start..at];
        let record = &record[record.iter().take_while(|b| is_line_end(**b)).count()..];
        let lines = record.iter().rev().skip_while(|b| is_line_end(**b));
        lines.copied().any(is_line_end) && self.quotes(record).text_behind
    }

    fn beyond_limit(&mut self) -> (u64, Result<Row<'_>, Problem>) {
        let line = self.skip_blank_lines();
        if self.raw[self.start..].iter().any(|b| is_line_end(*b)) {
            return self.unclosed();
        }
        // One endless line: what is left of it is passed over.
        let mut bytes = (self.raw.len() - self.start) as u64;
        loop {
            self.raw.clear();
            self.start = 0;
            if let Err(error) = self.read() {
                self.at_end = true;
                return (line, Err(Problem::Io(error)));
            }
            let end = self.raw.iter().position(|b| is_line_end(*b));
            bytes += end.unwrap_or(self.raw.len()) as u64;
            if end.is_some() || self.at_end {
                self.pass(end.unwrap_or(self.raw.len()));
                return (line, Err(Problem::TooLarge { bytes, limit: self.limit as u64 }));
            }
        }
    }

    /// Goes on at the line after the one on which the record begins.
    fn unclosed(&mut self) -> (u64, Result<Row<'_>, Problem>) {
        let line = self.skip_blank_lines();
        let rest = &self.raw[self.start..];
        let end = rest.iter().position(|b| is_line_end(*b)).unwrap_or(rest.len());
        self.pass(self.start + end);
        self.unclosed += 1;
        if self.unclosed == MAX_UNCLOSED {
            self.quoting = false;
            self.reader = ReaderBuilder::new().delimiter(self.delimiter).quoting(false).build();
        }
        (line, Err(Problem::Unclosed))
    }

    /// Passes over empty lines, and gives the line that is not.
    fn skip_blank_lines(&mut self) -> u64 {
        let blank = self.raw[self.start..].iter().take_while(|b| is_line_end(**b)).count();
        self.pass(self.start + blank);
        self.line
    }

    /// The next record begins at `at`. Lines end with CR, LF or both.
    fn pass(&mut self, at: usize) {
        let passed = &self.raw[self.start..at];
        let returns = passed.iter().zip(self.raw.iter().skip(self.start + 1).map(Some).chain([None]));
        let lone = returns.filter(|(b, next)| **b == b'\r' && *next != Some(&b'\n')).count();
        self.line += (lone + passed.iter().filter(|b| **b == b'\n').count()) as u64;
        self.start = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The records of a text, as they come in pieces of seven bytes.
    fn records(text: &str, limit: u64) -> Vec<(u64, Result<Vec<String>, String>)> {
        struct Pieces<'a>(&'a [u8]);
        impl Read for Pieces<'_> {
            fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
                let count = self.0.len().min(to.len()).min(7);
                to[..count].copy_from_slice(&self.0[..count]);
                self.0 = &self.0[count..];
                Ok(count)
            }
        }
        let mut records = Records::new(Pieces(text.as_bytes()), b',', limit);
        let mut all = Vec::new();
        while let Some((line, record)) = records.next() {
            let fields = |row: Row<'_>| row.fields().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
            all.push((line, record.map(fields).map_err(|problem| format!("{problem:?}"))));
        }
        all
    }

    fn row(fields: &[&str]) -> Result<Vec<String>, String> {
        Ok(fields.iter().map(|field| (*field).to_owned()).collect())
    }

    #[test]
    fn every_end_of_line_is_one() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["a,b", "", "\"1", "2\",\"say \"\"x\"\"\"", "last,"].join(end);
            let inside = format!("1{end}2");
            let expected = [(1, row(&["a", "b"])), (3, row(&[&inside, "say \"x\""])), (5, row(&["last", ""]))];
            assert_eq!(records(&text, 100), expected, "{end:?}");
            assert_eq!(records(&(text + end), 100), expected, "{end:?}");
        }
        assert!(records("", 100).is_empty() && records("\n\r\n", 100).is_empty());
    }

    #[test]
    fn a_record_over_the_limit_is_passed_over() {
        let text = format!("a\n{}\nb\n", "x".repeat(200_000));
        let too_large = || Err("TooLarge { bytes: 200000, limit: 100000 }".to_owned());
        assert_eq!(records(&text, 100_000), [(1, row(&["a"])), (2, too_large()), (3, row(&["b"]))]);
        let last = format!("\n\r\n{}", "x".repeat(200_000));
        assert_eq!(records(&last, 100_000), [(3, Err("TooLarge { bytes: 200000, limit: 100000 }".to_owned()))]);
        let short = format!("a\n{}\nb\n", "x".repeat(20));
        let too_large = || Err("TooLarge { bytes: 20, limit: 10 }".to_owned());
        assert_eq!(records(&short, 10), [(1, row(&["a"])), (2, too_large()), (3, row(&["b"]))]);
    }

    #[test]
    fn what_no_quotation_mark_closes_costs_a_line_and_no_memory() {
        let text = format!("a\n\"open\n{}", "b,c\n".repeat(50_000));
        let all = records(&text, 100_000);
        assert_eq!(all.len(), 50_002);
        assert_eq!(all[1], (2, Err("Unclosed".to_owned())));
        assert_eq!((&all[2], &all[50_001]), (&(3, row(&["b", "c"])), &(50_002, row(&["b", "c"]))));
        assert_eq!(records("a\nb,\"\n", 100), [(1, row(&["a"])), (2, Err("Unclosed".to_owned()))]);
    }

    #[test]
    fn marks_without_end_are_ordinary_characters_in_the_end() {
        // Each line would be read on from, to the limit.
        let all = records(&"a\"b,\"c\n".repeat(300), 1000);
        assert_eq!(all.iter().filter(|(_, record)| record.is_err()).count(), MAX_UNCLOSED);
        assert_eq!(all.last().unwrap(), &(300, row(&["a\"b", "\"c"])));
    }
}
