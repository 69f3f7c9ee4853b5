//! The v2 analyzer: the terms of each unit of a text.

use super::lexicon::Lexicon;
use super::scan::{Scanner, Unit};
use super::term_buffer::{TermBuffer, TermKind, TextField, VARIANT_MARKER};
use super::{camel_case, clusters};
use crate::Language;
use ingest::fold::chars::{Class, class, plain_sign};
use ingest::fold::{fold_into, fold_marks};
use std::ops::Range;

/// Analyzes texts of one language.
#[derive(Clone)]
pub struct Analyzer {
    language: Language,
    lexicon: Lexicon,
    /// The position of the next word.
    position: usize,
    /// The last stop word and its position; `usize::MAX` if there was none.
    last_stop: (String, usize),
    folded: String,
    joined: String,
    clusters: Vec<Range<usize>>,
}

/// Parts of names up to this length, in bytes, may be names of their own.
const MAX_SHORT_PART_BYTES: usize = 4;

/// The fields whose terms are requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldSet {
    /// Terms of [`TextField::Stems`].
    pub stems: bool,
    /// Terms of [`TextField::Words`].
    pub exact: bool,
}

impl FieldSet {
    /// Both fields.
    pub const BOTH: Self = Self {
        stems: true,
        exact: true,
    };
}

impl From<TextField> for FieldSet {
    fn from(field: TextField) -> Self {
        Self {
            stems: field == TextField::Stems,
            exact: field == TextField::Words,
        }
    }
}

impl Analyzer {
    /// An analyzer for texts in `language`.
    pub fn new(language: Language) -> Self {
        Self {
            language,
            lexicon: Lexicon::new(language),
            position: 0,
            last_stop: (String::new(), usize::MAX),
            folded: String::new(),
            joined: String::new(),
            clusters: Vec::new(),
        }
    }

    /// Resets positions for another text.
    pub fn start_text(&mut self) {
        self.position = 0;
        self.last_stop.1 = usize::MAX;
    }

    /// Fills `terms` with the terms of the next unit and returns the unit and its bytes; `None` at
    /// the end of the text. A unit can have no terms.
    pub fn next_unit(
        &mut self,
        text: &str,
        scanner: &mut Scanner<'_>,
        fields: FieldSet,
        terms: &mut TermBuffer,
    ) -> Option<(Unit, Range<usize>)> {
        terms.clear();
        let (unit, span) = scanner.next_unit()?;
        let of = |span: &Range<usize>| text.get(span.clone()).unwrap_or_default();
        match &unit {
            Unit::Word => self.words(text, scanner.parts(), fields, true, terms),
            Unit::Apostrophes => self.apostrophes(text, scanner.parts(), &span, fields, terms),
            Unit::Compound => {
                let position = self.position;
                self.words(text, scanner.parts(), fields, false, terms);
                if fields.exact {
                    let name = of(&span);
                    let kind = if is_name(name) {
                        TermKind::Compound
                    } else {
                        TermKind::Exact
                    };
                    self.whole(kind, [name, ""], position, &span, terms);
                    if kind == TermKind::Compound {
                        self.short_parts(text, scanner.parts(), position, terms);
                    }
                }
            }
            Unit::Quantity(from) => {
                let position = self.position;
                self.words(text, scanner.parts(), fields, true, terms);
                if fields.exact {
                    let measured = [of(&(span.start..*from)), of(&(*from..span.end))];
                    self.whole(TermKind::Compound, measured, position, &span, terms);
                }
            }
            Unit::Run(class) => self.run(of(&span), *class, &span, fields, terms),
        }
        Some((unit, span))
    }

    /// Adds the parts of a unit as words, each with its exact form if `exact` is set.
    fn words(
        &mut self,
        text: &str,
        parts: &[Range<usize>],
        fields: FieldSet,
        exact: bool,
        terms: &mut TermBuffer,
    ) {
        for part in parts {
            let fields = FieldSet {
                exact: fields.exact && exact,
                ..fields
            };
            self.word(text, part, fields, terms);
        }
    }

    fn word(&mut self, text: &str, part: &Range<usize>, fields: FieldSet, terms: &mut TermBuffer) {
        let raw = text.get(part.clone()).unwrap_or_default();
        let at = (part.start, part.end);
        let mut folded = std::mem::take(&mut self.folded);
        folded.clear();
        fold_into(raw, &mut folded);
        if folded.starts_with('°') {
            // `℃` folds to `°c`, whose unit is `c`.
            folded.remove(0);
        }
        let (stop, negation) = self.stems(&folded, fields.stems, at, terms);
        if fields.stems && !stop {
            camel_case::split(raw, |part| self.camel_case_part(part, at, terms));
        }
        if fields.exact {
            self.exact(text, part, &folded, (stop, stop || negation), terms);
        }
        self.folded = folded;
        self.position += 1;
    }

    /// If `add` is set, adds the stem of a folded word and, if different, the stem of the word
    /// without diacritics; neither for a stop word. Returns whether it is a stop word and whether
    /// it is a negation.
    fn stems(
        &mut self,
        folded: &str,
        add: bool,
        at: (usize, usize),
        terms: &mut TermBuffer,
    ) -> (bool, bool) {
        let entry = self.lexicon.entry(folded, add);
        if add && !entry.stop {
            terms.push(
                TextField::Stems,
                TermKind::Stem,
                self.position,
                at,
                |term| term.push_str(&entry.stem),
            );
            terms.push(
                TextField::Stems,
                TermKind::Folded,
                self.position,
                at,
                |term| term.push_str(&entry.unmarked),
            );
        }
        (entry.stop, entry.negation)
    }

    /// Adds a part of a camel-case word, such as `Case` of `camelCase`.
    fn camel_case_part(&mut self, part: &str, at: (usize, usize), terms: &mut TermBuffer) {
        let mut folded = String::new();
        fold_into(part, &mut folded);
        self.stems(&folded, true, at, terms);
    }

    /// Adds the exact form of a word. A function word is a stop word or a negation; two adjacent
    /// ones are also a term of their own, because each alone is nearly everywhere.
    fn exact(
        &mut self,
        text: &str,
        part: &Range<usize>,
        folded: &str,
        (is_stop_word, is_function_word): (bool, bool),
        terms: &mut TermBuffer,
    ) {
        let (position, at) = (self.position, (part.start, part.end));
        let kind = match (is_stop_word, is_function_word) {
            (true, _) => TermKind::StopWord,
            (_, true) => TermKind::Negation,
            _ => TermKind::Exact,
        };
        terms.push(TextField::Words, kind, position, at, |term| {
            term.push_str(folded)
        });
        if !folded.is_ascii() {
            self.variant(folded, position, at, terms);
        }
        if is_acronym(text, part) {
            let raw = text.get(part.clone()).unwrap_or_default();
            terms.push(TextField::Words, TermKind::Acronym, position, at, |term| {
                term.push_str(raw)
            });
        }
        if !is_function_word {
            return;
        }
        let (before, last) = &mut self.last_stop;
        if last.wrapping_add(1) == position && position > 0 {
            terms.push(TextField::Words, TermKind::StopPair, *last, at, |term| {
                term.push_str(before);
                term.push(' ');
                term.push_str(folded);
            });
        }
        before.clear();
        before.push_str(folded);
        *last = position;
    }

    /// Marks that the index has a word with diacritics, so that queries prefer its exact form.
    fn variant(&self, folded: &str, position: usize, at: (usize, usize), terms: &mut TermBuffer) {
        let plain = fold_marks(folded);
        if plain != folded {
            terms.push(TextField::Words, TermKind::Variant, position, at, |term| {
                term.push(VARIANT_MARKER);
                term.push_str(&plain);
            });
        }
    }

    /// Adds a name made with signs as one term: its pieces without white space.
    fn whole(
        &mut self,
        kind: TermKind,
        pieces: [&str; 2],
        position: usize,
        span: &Range<usize>,
        terms: &mut TermBuffer,
    ) {
        let mut joined = std::mem::take(&mut self.joined);
        joined.clear();
        pieces
            .iter()
            .for_each(|piece| fold_into(piece, &mut joined));
        terms.push(
            TextField::Words,
            kind,
            position,
            (span.start, span.end),
            |term| {
                term.extend(joined.chars().filter(|c| !c.is_whitespace()));
            },
        );
        self.joined = joined;
    }

    /// Marks that the index has a name which differs from a short word by signs only: `C++` from
    /// `C`.
    fn short_parts(
        &mut self,
        text: &str,
        parts: &[Range<usize>],
        position: usize,
        terms: &mut TermBuffer,
    ) {
        for part in parts
            .iter()
            .filter(|part| part.len() <= MAX_SHORT_PART_BYTES)
        {
            let raw = text.get(part.clone()).unwrap_or_default();
            terms.push(
                TextField::Words,
                TermKind::Variant,
                position,
                (part.start, part.end),
                |term| {
                    term.push(VARIANT_MARKER);
                    fold_into(raw, term);
                },
            );
        }
    }

    /// Adds words joined by apostrophes. What an apostrophe means depends on the language.
    fn apostrophes(
        &mut self,
        text: &str,
        parts: &[Range<usize>],
        span: &Range<usize>,
        fields: FieldSet,
        terms: &mut TermBuffer,
    ) {
        let of = |span: &Range<usize>| text.get(span.clone()).unwrap_or_default();
        let last = parts.last().map(&of).unwrap_or_default();
        match self.language {
            // `l'eau` and `dell'acqua` are two words each.
            Language::French | Language::Italian => {
                return self.words(text, parts, fields, true, terms);
            }
            // `patient's` is a form of `patient`.
            Language::English if last.eq_ignore_ascii_case("s") => {
                return match parts {
                    [word, _] => self.word(text, word, fields, terms),
                    _ => self.words(text, &parts[..parts.len() - 1], fields, true, terms),
                };
            }
            _ => {}
        }
        let position = self.position;
        if self.language == Language::English && last.eq_ignore_ascii_case("t") && parts.len() == 2
        {
            self.contracted_negation(of(&parts[0]), (span.start, span.end), fields, terms);
        } else {
            self.words(text, parts, fields, false, terms);
        }
        if fields.exact {
            self.whole(TermKind::Exact, [of(span), ""], position, span, terms);
        }
    }

    /// Adds the stems of a contracted negation: `don't` is `do` and `not`.
    fn contracted_negation(
        &mut self,
        verb: &str,
        at: (usize, usize),
        fields: FieldSet,
        terms: &mut TermBuffer,
    ) {
        let mut folded = String::new();
        fold_into(verb, &mut folded);
        let verb = match folded.as_str() {
            "can" => "can",
            "won" => "will",
            "shan" => "shall",
            verb => verb.strip_suffix('n').unwrap_or(verb),
        };
        for word in [verb, "not"] {
            self.stems(word, fields.stems, at, terms);
            self.position += 1;
        }
    }

    /// Adds the terms of a run in a script without spaces between words.
    fn run(
        &mut self,
        raw: &str,
        class: Class,
        span: &Range<usize>,
        fields: FieldSet,
        terms: &mut TermBuffer,
    ) {
        let mut folded = std::mem::take(&mut self.folded);
        let mut clusters = std::mem::take(&mut self.clusters);
        folded.clear();
        fold_into(raw, &mut folded);
        clusters::split(&folded, class, &mut clusters);
        // Offsets are exact if folding keeps the length of the run, as it nearly always does;
        // otherwise they are those of the run.
        let same = folded.len() == raw.len();
        let offsets = |from: usize, to: usize| {
            if same {
                (span.start + from, span.start + to)
            } else {
                (span.start, span.end)
            }
        };
        let first = self.position;
        let mut push = |field: TextField, kind: TermKind, position: usize, range: Range<usize>| {
            let text = folded.get(range.clone()).unwrap_or_default();
            terms.push(
                field,
                kind,
                position,
                offsets(range.start, range.end),
                |term| term.push_str(text),
            );
        };
        for (at, cluster) in clusters.iter().enumerate() {
            if fields.stems {
                match clusters.get(at + 1) {
                    Some(next) => push(
                        TextField::Stems,
                        TermKind::Bigram,
                        first + at,
                        cluster.start..next.end,
                    ),
                    None if at == 0 => {
                        push(TextField::Stems, TermKind::Bigram, first, cluster.clone())
                    }
                    None => {}
                }
            }
            if fields.exact && class != Class::Hangul {
                push(
                    TextField::Words,
                    TermKind::Exact,
                    first + at,
                    cluster.clone(),
                );
            }
        }
        if fields.exact && class == Class::Hangul {
            push(TextField::Words, TermKind::Exact, first, 0..folded.len());
        }
        self.position += clusters.len();
        self.folded = folded;
        self.clusters = clusters;
    }
}

/// Whether words joined by signs are a name of their own. Words of letters only, joined by hyphens
/// or slashes (`web-based`, `and/or`), are just adjacent words, unless one is a single letter
/// (`T-cell`).
fn is_name(whole: &str) -> bool {
    whole.chars().any(|c| {
        !(c.is_alphabetic() || matches!(class(c), Class::Extend) || "-/".contains(plain_sign(c)))
    }) || whole.split(['-', '/']).any(|part| part.len() < 2)
}

/// Whether a word is an acronym: two to five capital letters, and not because the text around it is
/// in capitals.
fn is_acronym(text: &str, part: &Range<usize>) -> bool {
    const CONTEXT_BYTES: usize = 12;
    let Some(word) = text.as_bytes().get(part.clone()) else {
        return false;
    };
    if !(2..=5).contains(&word.len()) || !word.iter().all(u8::is_ascii_uppercase) {
        return false;
    }
    let bytes = text.as_bytes();
    let before = bytes
        .get(part.start.saturating_sub(CONTEXT_BYTES)..part.start)
        .unwrap_or_default();
    let after = bytes
        .get(part.end..(part.end + CONTEXT_BYTES).min(bytes.len()))
        .unwrap_or_default();
    let mut letters = before
        .iter()
        .chain(after)
        .filter(|b| b.is_ascii_alphabetic())
        .peekable();
    letters.peek().is_none() || letters.any(u8::is_ascii_lowercase)
}
