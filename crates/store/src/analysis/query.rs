//! A question as the index is asked: its terms, what each is and where it stands. What each counts is said in
//! [`super::weights`], once the index has said how many passages hold it.

use super::analyzer::{Analyzer, Wanted};
use super::queue::{ALIKE, Kind, Place, Queue};
use super::scan::{Scanner, Unit};
use super::title;
use ingest::fold::fold_marks;
use std::collections::HashMap;
use std::ops::Range;

/// A term that is looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// It, as the index has it.
    pub term: String,
    /// In which field.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
    /// How often the question says it; what it counts, once that is known.
    pub weight: f32,
    /// The word's position in the question; the first one's if it stands there more than once.
    pub position: usize,
    /// Where in the question it stands.
    pub span: Range<usize>,
    /// The compound that it is a part of, by its place in the list.
    pub part_of: Option<usize>,
    /// Whether it is one of several characters of a run without spaces.
    pub in_run: bool,
}

/// A question's terms.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Question {
    /// All of them, in the order of the question.
    pub asked: Vec<Asked>,
    /// Pairs of stems that stand together, by their places in `asked`.
    pub pairs: Vec<[usize; 2]>,
    /// Whether it holds nothing but stop words, which are then looked for.
    pub only_stop_words: bool,
}

impl Question {
    /// Reads a question. [`Question::weigh`] has to follow.
    pub fn new(analyzer: &mut Analyzer, text: &str) -> Self {
        let mut reader = Reader::default();
        let mut queue = Queue::default();
        analyzer.begin();
        let mut scanner = Scanner::new(text);
        while let Some((unit, _)) = analyzer.next_unit(text, &mut scanner, Wanted::BOTH, &mut queue) {
            reader.unit(&unit, &queue);
        }
        reader.title(text);
        let Reader { mut question, .. } = reader;
        question.only_stop_words = question.says_nothing();
        question
    }

    /// Whether there are words, and all of them are stop words or negations.
    fn says_nothing(&self) -> bool {
        let at = |kind: Kind| self.asked.iter().filter(move |asked| asked.kind == kind).map(|asked| asked.position);
        let negations: Vec<usize> = at(Kind::Negation).collect();
        let says = |asked: &Asked| match asked.place {
            Place::Stems => !negations.contains(&asked.position),
            Place::Exact => asked.kind == Kind::Compound,
            Place::Title => false,
        };
        at(Kind::StopWord).next().is_some() && !self.asked.iter().any(says)
    }

    /// Leaves out what counts nothing.
    pub(crate) fn keep_weighty(&mut self) {
        let mut moved: Vec<Option<usize>> = Vec::new();
        let mut kept = 0;
        for asked in &self.asked {
            moved.push((asked.weight > 0.0).then_some(kept));
            kept += usize::from(asked.weight > 0.0);
        }
        let to = |at: usize| moved.get(at).copied().flatten();
        self.asked.retain(|asked| asked.weight > 0.0);
        self.asked.iter_mut().for_each(|asked| asked.part_of = asked.part_of.and_then(to));
        self.pairs = self.pairs.iter().filter_map(|[a, b]| Some([to(*a)?, to(*b)?])).collect();
    }
}

/// A question while it is read.
#[derive(Default)]
struct Reader {
    question: Question,
    /// The places of the terms in the list.
    places: HashMap<(String, Place), usize>,
    /// The last stem's place and position.
    last: Option<(usize, usize)>,
}

impl Reader {
    /// Adds the terms of a unit.
    fn unit(&mut self, unit: &Unit, queue: &Queue) {
        let grams = queue.terms().iter().filter(|(_, kind, _)| *kind == Kind::Gram).count();
        let mut own = Vec::new();
        for (token, kind, place) in queue.terms().iter().filter(|(_, kind, _)| *kind != Kind::Alike) {
            let span = token.offset_from..token.offset_to;
            let at = self.ask(&token.text, *place, *kind, token.position, span.clone(), grams > 1);
            own.push(at);
            if matches!(kind, Kind::Stem | Kind::Gram) {
                self.stem(at, token.position);
            }
            if *kind == Kind::Exact && *unit == Unit::Word {
                let alike = format!("{ALIKE}{}", fold_marks(&token.text));
                self.ask(&alike, Place::Exact, Kind::Alike, token.position, span, false);
            }
        }
        let name = own.iter().copied().find(|at| self.question.asked[*at].kind == Kind::Compound);
        for at in own.into_iter().filter(|at| Some(*at) != name) {
            self.question.asked[at].part_of = name;
        }
    }

    /// Adds a term, or counts it once more. Its place in the list.
    fn ask(
        &mut self,
        term: &str,
        place: Place,
        kind: Kind,
        position: usize,
        span: Range<usize>,
        in_run: bool,
    ) -> usize {
        let asked = &mut self.question.asked;
        let at = *self.places.entry((term.to_owned(), place)).or_insert(asked.len());
        match asked.get_mut(at) {
            Some(asked) => asked.weight += 1.0,
            None => {
                let term = term.to_owned();
                asked.push(Asked { term, place, kind, weight: 1.0, position, span, part_of: None, in_run });
            }
        }
        at
    }

    /// Pairs a stem with the one right before it.
    fn stem(&mut self, at: usize, position: usize) {
        let Some((before, last)) = self.last.replace((at, position)) else { return };
        if last + 1 == position && before != at && !self.question.pairs.contains(&[before, at]) {
            self.question.pairs.push([before, at]);
        }
    }

    /// The question may be a title.
    fn title(&mut self, text: &str) {
        let term = title::term(text);
        if !term.is_empty() {
            self.ask(&term, Place::Title, Kind::Title, 0, 0..text.len(), false);
        }
    }
}
