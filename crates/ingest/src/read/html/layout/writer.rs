//! Text with what separates it: white space collapses as on the screen, gaps are written when text
//! follows.

use super::super::stats::Census;
use super::super::tag::Tag;
use super::super::tree::Tree;

/// What separates the text before from the text after, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gap {
    None,
    /// A space, unless a mark that closes follows: from an element that ends a word but not a
    /// sentence.
    Word,
    Space,
    Line,
    Block,
}

/// What lines within it mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    /// A blank line between blocks.
    Free,
    /// Blocks are lines.
    Item,
    /// All on one line.
    Flat,
}

/// Where the text stands between two spans or links without a blank between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seam {
    None,
    /// A span was closed.
    Closed,
    ClosedLink,
    /// Another was opened right after.
    Reopened,
    /// A link was opened right after a link.
    Links,
}

impl Seam {
    /// What it is once an element has been opened.
    pub(super) fn opened(self, tag: Tag) -> Self {
        match self {
            Self::ClosedLink if tag == Tag::Link => Self::Links,
            Self::Closed | Self::ClosedLink => Self::Reopened,
            other => other,
        }
    }
}

pub(super) struct Writer<'a> {
    pub(super) tree: &'a Tree,
    pub(super) census: &'a Census,
    pub(super) out: String,
    pub(super) gap: Gap,
    /// The most that the gap may become before the next text.
    pub(super) most: Gap,
    /// A sign for the next text: of a list item.
    pub(super) marker: Option<String>,
    /// Bars before the next text: one for each cell passed.
    pub(super) bars: usize,
    pub(super) containers: Vec<Container>,
    /// Of the tables around: whether their rows are lines.
    pub(super) tables: Vec<bool>,
    /// Of the lists around: the number of the next item, none without numbers.
    pub(super) lists: Vec<Option<i64>>,
    /// Blanks of preformatted text that nothing follows yet.
    pub(super) held: String,
    /// How many preformatted elements are around.
    pub(super) pre: usize,
    /// Whether the preformatted element has no text yet.
    pub(super) pre_starts: bool,
    /// Readings of the ruby that is open.
    pub(super) readings: Option<String>,
    pub(super) in_reading: usize,
    pub(super) seam: Seam,
    /// How many elements of code are around.
    pub(super) code: usize,
    /// The last description of an image, which is often given twice.
    pub(super) last_alt: String,
}

impl<'a> Writer<'a> {
    pub(super) fn new(tree: &'a Tree, census: &'a Census) -> Self {
        Self {
            tree,
            census,
            out: String::new(),
            gap: Gap::None,
            most: Gap::Block,
            marker: None,
            bars: 0,
            containers: Vec::new(),
            tables: Vec::new(),
            lists: Vec::new(),
            held: String::new(),
            pre: 0,
            pre_starts: false,
            readings: None,
            in_reading: 0,
            seam: Seam::None,
            code: 0,
            last_alt: String::new(),
        }
    }

    /// Asks for at least this gap before the next text.
    pub(super) fn want(&mut self, gap: Gap) {
        let limit = match self.containers.last() {
            Some(Container::Flat) => Gap::Space,
            Some(Container::Item) => Gap::Line,
            _ => Gap::Block,
        };
        let gap = gap.min(limit);
        if self.pre > 0 {
            if gap >= Gap::Line && !self.held.contains('\n') {
                self.held.push('\n');
            }
            return;
        }
        self.gap = self.gap.max(gap.min(self.most.max(self.gap)));
    }

    /// Lets the gap grow no further before the next text.
    pub(super) fn fix(&mut self) {
        self.most = self.gap;
    }

    /// Writes what has to stand before `next`.
    fn flush(&mut self, next: char) {
        let starts_line = self.out.is_empty() || self.gap >= Gap::Line;
        if !self.out.is_empty() {
            match self.gap {
                Gap::Block => self.out.push_str("\n\n"),
                Gap::Line => self.out.push('\n'),
                Gap::Space if self.bars == 0 => self.out.push(' '),
                Gap::Word if self.bars == 0 && !closes(next) => self.out.push(' '),
                _ => {}
            }
        }
        for bar in 0..self.bars {
            self.out
                .push_str(if starts_line || bar > 0 { "| " } else { " | " });
        }
        if let Some(marker) = self.marker.take() {
            self.out.push_str(&marker);
        }
        (self.gap, self.most, self.bars) = (Gap::None, Gap::Block, 0);
    }

    pub(super) fn word(&mut self, word: &str) {
        let Some(first) = word.chars().next() else {
            return;
        };
        self.flush(first);
        self.out.push_str(word);
    }

    pub(super) fn text(&mut self, text: &str) {
        if self.in_reading > 0 {
            if let Some(readings) = &mut self.readings {
                readings.push_str(text.trim_matches(is_blank));
            }
        } else if self.pre > 0 {
            self.preformatted(text);
        } else {
            self.running(text);
        }
    }

    pub(super) fn running(&mut self, text: &str) {
        let mut rest = text;
        loop {
            let word = rest.trim_start_matches(is_blank);
            if word.len() < rest.len() {
                self.gap = self.gap.max(Gap::Space);
            }
            if word.is_empty() {
                return;
            }
            let end = word.find(is_blank).unwrap_or(word.len());
            if self.gap == Gap::None && self.code == 0 && self.is_seam(word) {
                self.want(Gap::Word);
            }
            self.seam = Seam::None;
            if !self.starts_line() || !word[..end].chars().all(is_filler) {
                self.word(&word[..end]);
            }
            rest = &word[end..];
        }
    }

    /// Whether the next text begins a line or a cell.
    fn starts_line(&self) -> bool {
        self.out.is_empty() || self.gap >= Gap::Line || self.bars > 0 || self.marker.is_some()
    }

    /// Whether `word` is another than the one before it though nothing stands between: the text of
    /// the next link, or a name after a name in two spans, which a style sheet sets apart.
    fn is_seam(&self, word: &str) -> bool {
        match self.seam {
            Seam::Links => {
                self.out.ends_with(char::is_alphanumeric) && word.starts_with(char::is_alphanumeric)
            }
            Seam::Reopened => self.is_name_after_name(word),
            _ => false,
        }
    }

    /// Whether the text ends with a small letter and `word` begins with a capital.
    fn is_name_after_name(&self, word: &str) -> bool {
        let mut before = self.out.chars().rev();
        let mut after = word.chars();
        before.next().is_some_and(char::is_lowercase)
            && before.next().is_some_and(char::is_alphabetic)
            && after.next().is_some_and(char::is_uppercase)
            && after.next().is_some_and(char::is_alphabetic)
    }

    fn preformatted(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let word = rest.trim_start_matches(is_blank);
            self.held.push_str(&rest[..rest.len() - word.len()]);
            if word.is_empty() {
                return;
            }
            let end = word.find(is_blank).unwrap_or(word.len());
            let mut held = std::mem::take(&mut self.held);
            if self.pre_starts {
                self.pre_starts = false;
                // Empty lines at the top are none; the first line keeps its indentation.
                held = held.rsplit('\n').next().unwrap_or_default().to_owned();
            } else {
                self.gap = Gap::None;
            }
            let first = word.chars().next().unwrap_or_default();
            self.flush(first);
            self.out.push_str(&held);
            self.out.push_str(&word[..end]);
            rest = &word[end..];
        }
    }
}

/// White space that CSS collapses; a no-break space is a character like any other.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

/// What fills an empty paragraph or cell.
fn is_filler(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{200b}' | '\u{feff}' | '\u{ad}')
}

/// A mark that stands close to the word before it.
fn closes(c: char) -> bool {
    matches!(
        c,
        '.' | ','
            | ';'
            | ':'
            | '!'
            | '?'
            | ')'
            | ']'
            | '}'
            | '»'
            | '”'
            | '’'
            | '%'
            | '…'
            | '。'
            | '、'
    )
}
