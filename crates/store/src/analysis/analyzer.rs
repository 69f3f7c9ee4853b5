//! Text to terms, the same for passages and questions.

use super::lexicon::Lexicon;
use super::queue::{ALIKE, Kind, Place, Queue};
use super::scan::{Scanner, Unit};
use super::{grams, humps};
use crate::Language;
use ingest::fold::chars::{Class, class, plain_sign};
use ingest::fold::{fold_into, fold_marks};
use std::ops::Range;

/// Reads texts of one language.
#[derive(Clone)]
pub struct Analyzer {
    language: Language,
    lexicon: Lexicon,
    /// The next word's position.
    position: usize,
    /// The stop word that was read last, and its position.
    last_stop: (String, usize),
    folded: String,
    joined: String,
    clusters: Vec<Range<usize>>,
}

/// A part of a name of so many bytes may be another name.
const SHORT_PART: usize = 4;

/// Which of the terms are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Those of the field of stems.
    pub stems: bool,
    /// Those of the field of exact forms.
    pub exact: bool,
}

impl Wanted {
    /// Those of both fields.
    pub const BOTH: Self = Self { stems: true, exact: true };
}

impl From<Place> for Wanted {
    fn from(place: Place) -> Self {
        Self { stems: place == Place::Stems, exact: place == Place::Exact }
    }
}

impl Analyzer {
    /// One for texts of a language.
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

    /// Begins another text.
    pub fn begin(&mut self) {
        self.position = 0;
        self.last_stop.1 = usize::MAX;
    }

    /// The terms of the next unit of a text; `None` at its end, else the unit and its place. The queue may stay empty.
    pub fn next_unit(
        &mut self,
        text: &str,
        scanner: &mut Scanner<'_>,
        wanted: Wanted,
        queue: &mut Queue,
    ) -> Option<(Unit, Range<usize>)> {
        queue.clear();
        let (unit, span) = scanner.next_unit()?;
        let of = |span: &Range<usize>| text.get(span.clone()).unwrap_or_default();
        match &unit {
            Unit::Word => self.words(text, scanner.parts(), wanted, true, queue),
            Unit::Apostrophes => self.apostrophes(text, scanner.parts(), &span, wanted, queue),
            Unit::Compound => {
                let position = self.position;
                self.words(text, scanner.parts(), wanted, false, queue);
                if wanted.exact {
                    let name = of(&span);
                    let kind = if is_name(name) { Kind::Compound } else { Kind::Exact };
                    self.whole(kind, [name, ""], position, &span, queue);
                    if kind == Kind::Compound {
                        self.short_parts(text, scanner.parts(), position, queue);
                    }
                }
            }
            Unit::Quantity(from) => {
                let position = self.position;
                self.words(text, scanner.parts(), wanted, true, queue);
                if wanted.exact {
                    let measured = [of(&(span.start..*from)), of(&(*from..span.end))];
                    self.whole(Kind::Compound, measured, position, &span, queue);
                }
            }
            Unit::Run(class) => self.run(of(&span), *class, &span, wanted, queue),
        }
        Some((unit, span))
    }

    /// The parts of a unit as words. `each` says that each also stands for itself as it is written.
    fn words(&mut self, text: &str, parts: &[Range<usize>], wanted: Wanted, each: bool, queue: &mut Queue) {
        for part in parts {
            let wanted = Wanted { exact: wanted.exact && each, ..wanted };
            self.word(text, part, wanted, queue);
        }
    }

    fn word(&mut self, text: &str, part: &Range<usize>, wanted: Wanted, queue: &mut Queue) {
        let raw = text.get(part.clone()).unwrap_or_default();
        let at = (part.start, part.end);
        let mut folded = std::mem::take(&mut self.folded);
        folded.clear();
        fold_into(raw, &mut folded);
        if folded.starts_with('°') {
            // `℃` is two characters that count as one.
            folded.remove(0);
        }
        let (stop, negation) = self.stems(&folded, wanted.stems, at, queue);
        if wanted.stems && !stop {
            humps::split(raw, |hump| self.hump(hump, at, queue));
        }
        if wanted.exact {
            self.exact(text, part, &folded, (stop, stop || negation), queue);
        }
        self.folded = folded;
        self.position += 1;
    }

    /// The stem of a folded word, and that of it without marks where it is another; none if it is a stop word. Whether it
    /// is that, and whether it is a negation.
    fn stems(&mut self, folded: &str, wanted: bool, at: (usize, usize), queue: &mut Queue) -> (bool, bool) {
        let entry = self.lexicon.entry(folded, wanted);
        if wanted && !entry.stop {
            queue.push(Place::Stems, Kind::Stem, self.position, at, |term| term.push_str(&entry.stem));
            queue.push(Place::Stems, Kind::Folded, self.position, at, |term| term.push_str(&entry.unmarked));
        }
        (entry.stop, entry.negation)
    }

    /// A word within a word, `Case` in `camelCase`.
    fn hump(&mut self, hump: &str, at: (usize, usize), queue: &mut Queue) {
        let mut folded = String::new();
        fold_into(hump, &mut folded);
        self.stems(&folded, true, at, queue);
    }

    /// A word as it is written. `little` says that it is a stop word or a negation: two of them that stand together are a
    /// term, for each alone stands nearly everywhere.
    fn exact(
        &mut self,
        text: &str,
        part: &Range<usize>,
        folded: &str,
        (stop, little): (bool, bool),
        queue: &mut Queue,
    ) {
        let (position, at) = (self.position, (part.start, part.end));
        let kind = match (stop, little) {
            (true, _) => Kind::StopWord,
            (_, true) => Kind::Negation,
            _ => Kind::Exact,
        };
        queue.push(Place::Exact, kind, position, at, |term| term.push_str(folded));
        if !folded.is_ascii() {
            self.alike(folded, position, at, queue);
        }
        if is_acronym(text, part) {
            let raw = text.get(part.clone()).unwrap_or_default();
            queue.push(Place::Exact, Kind::Acronym, position, at, |term| term.push_str(raw));
        }
        if !little {
            return;
        }
        let (before, last) = &mut self.last_stop;
        if last.wrapping_add(1) == position && position > 0 {
            queue.push(Place::Exact, Kind::StopPair, *last, at, |term| {
                term.push_str(before);
                term.push(' ');
                term.push_str(folded);
            });
        }
        before.clear();
        before.push_str(folded);
        *last = position;
    }

    /// That a word stands here which differs from others by its marks alone.
    fn alike(&self, folded: &str, position: usize, at: (usize, usize), queue: &mut Queue) {
        let plain = fold_marks(folded);
        if plain != folded {
            queue.push(Place::Exact, Kind::Alike, position, at, |term| {
                term.push(ALIKE);
                term.push_str(&plain);
            });
        }
    }

    /// What signs join, whole: its pieces without blanks.
    fn whole(&mut self, kind: Kind, pieces: [&str; 2], position: usize, span: &Range<usize>, queue: &mut Queue) {
        let mut joined = std::mem::take(&mut self.joined);
        joined.clear();
        pieces.iter().for_each(|piece| fold_into(piece, &mut joined));
        queue.push(Place::Exact, kind, position, (span.start, span.end), |term| {
            term.extend(joined.chars().filter(|c| !c.is_whitespace()));
        });
        self.joined = joined;
    }

    /// That a name stands here which differs from its short words by signs alone: `C++` from `C`.
    fn short_parts(&mut self, text: &str, parts: &[Range<usize>], position: usize, queue: &mut Queue) {
        for part in parts.iter().filter(|part| part.len() <= SHORT_PART) {
            let raw = text.get(part.clone()).unwrap_or_default();
            queue.push(Place::Exact, Kind::Alike, position, (part.start, part.end), |term| {
                term.push(ALIKE);
                fold_into(raw, term);
            });
        }
    }

    /// Words that apostrophes join. What they do there is a matter of the language.
    fn apostrophes(
        &mut self,
        text: &str,
        parts: &[Range<usize>],
        span: &Range<usize>,
        wanted: Wanted,
        queue: &mut Queue,
    ) {
        let of = |span: &Range<usize>| text.get(span.clone()).unwrap_or_default();
        let last = parts.last().map(&of).unwrap_or_default();
        match self.language {
            // `l'eau` and `dell'acqua` are two words each.
            Language::French | Language::Italian => return self.words(text, parts, wanted, true, queue),
            // `patient's` is a form of `patient`.
            Language::English if last.eq_ignore_ascii_case("s") => {
                return match parts {
                    [word, _] => self.word(text, word, wanted, queue),
                    _ => self.words(text, &parts[..parts.len() - 1], wanted, true, queue),
                };
            }
            _ => {}
        }
        let position = self.position;
        if self.language == Language::English && last.eq_ignore_ascii_case("t") && parts.len() == 2 {
            self.negated(of(&parts[0]), (span.start, span.end), wanted, queue);
        } else {
            self.words(text, parts, wanted, false, queue);
        }
        if wanted.exact {
            self.whole(Kind::Exact, [of(span), ""], position, span, queue);
        }
    }

    /// `don't` is `do` and `not`.
    fn negated(&mut self, verb: &str, at: (usize, usize), wanted: Wanted, queue: &mut Queue) {
        let mut folded = String::new();
        fold_into(verb, &mut folded);
        let verb = match folded.as_str() {
            "can" => "can",
            "won" => "will",
            "shan" => "shall",
            verb => verb.strip_suffix('n').unwrap_or(verb),
        };
        for word in [verb, "not"] {
            self.stems(word, wanted.stems, at, queue);
            self.position += 1;
        }
    }

    /// A run of a script without spaces.
    fn run(&mut self, raw: &str, class: Class, span: &Range<usize>, wanted: Wanted, queue: &mut Queue) {
        let mut folded = std::mem::take(&mut self.folded);
        let mut clusters = std::mem::take(&mut self.clusters);
        folded.clear();
        fold_into(raw, &mut folded);
        grams::clusters(&folded, class, &mut clusters);
        // Folding seldom changes how long such a run is; where it does, a term's place is that of the run.
        let same = folded.len() == raw.len();
        let place =
            |from: usize, to: usize| if same { (span.start + from, span.start + to) } else { (span.start, span.end) };
        let first = self.position;
        let mut push = |of: Place, kind: Kind, position: usize, range: Range<usize>| {
            let text = folded.get(range.clone()).unwrap_or_default();
            queue.push(of, kind, position, place(range.start, range.end), |term| term.push_str(text));
        };
        for (at, cluster) in clusters.iter().enumerate() {
            if wanted.stems {
                match clusters.get(at + 1) {
                    Some(next) => push(Place::Stems, Kind::Gram, first + at, cluster.start..next.end),
                    None if at == 0 => push(Place::Stems, Kind::Gram, first, cluster.clone()),
                    None => {}
                }
            }
            if wanted.exact && class != Class::Hangul {
                push(Place::Exact, Kind::Exact, first + at, cluster.clone());
            }
        }
        if wanted.exact && class == Class::Hangul {
            push(Place::Exact, Kind::Exact, first, 0..folded.len());
        }
        self.position += clusters.len();
        self.folded = folded;
        self.clusters = clusters;
    }
}

/// Whether what signs join is a name of its own. Words of letters alone that a hyphen or a slash joins (`web-based`,
/// `and/or`) are the words beside each other, unless one is a single letter (`T-cell`).
fn is_name(whole: &str) -> bool {
    whole.chars().any(|c| !(c.is_alphabetic() || matches!(class(c), Class::Extend) || "-/".contains(plain_sign(c))))
        || whole.split(['-', '/']).any(|part| part.len() < 2)
}

/// Whether a word is an acronym: a few capital letters, and not because all around it is in capitals.
fn is_acronym(text: &str, part: &Range<usize>) -> bool {
    const AROUND: usize = 12;
    let Some(word) = text.as_bytes().get(part.clone()) else { return false };
    if !(2..=5).contains(&word.len()) || !word.iter().all(u8::is_ascii_uppercase) {
        return false;
    }
    let bytes = text.as_bytes();
    let before = bytes.get(part.start.saturating_sub(AROUND)..part.start).unwrap_or_default();
    let after = bytes.get(part.end..(part.end + AROUND).min(bytes.len())).unwrap_or_default();
    let mut letters = before.iter().chain(after).filter(|b| b.is_ascii_alphabetic()).peekable();
    letters.peek().is_none() || letters.any(u8::is_ascii_lowercase)
}
