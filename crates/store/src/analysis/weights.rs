//! What each term of a question counts.

use super::question::{Asked, Question};
use super::queue::Kind;

/// What the exact form of a word counts beside its stem. More is better where questions use the words of the passages
/// (SQuAD, MedQuAD) and worse where they do not (SciFact's training questions).
const EXACT: f32 = 0.15;
/// What it counts where the index also has a word that differs by its marks or by a sign alone: in a question of hardly
/// more than this word, and among many.
const ALIKE: [f32; 2] = [1.0, 0.4];
/// What a name made with signs counts, and what its words count where the name itself is known.
const NAMED: [(f32, f32); 2] = [(2.0, 0.3), (1.0, 0.6)];
/// A question of so many words is hardly more than the names in it.
const SHORT: usize = 4;
/// What a short word in capitals counts beside the word: where that is a stop word, or in a question of hardly more, and
/// among many others.
const ACRONYM: (f32, f32) = (1.0, 0.1);
/// What a stem counts that is another because the marks are left out.
const FOLDED: f32 = 0.5;
/// What a single character of a longer run counts.
const CHARACTER: f32 = 0.2;
/// What a title counts that is the question, word by word, and where that says nothing else.
const TITLE: (f32, f32) = (0.3, 2.0);

impl Question {
    /// Weighs the terms by how many passages hold each, in their order. Terms that nothing holds are left out, but for
    /// stems: a near word may stand for those.
    pub fn weigh(&mut self, found: &[u64]) {
        let holds = |at: usize| found.get(at).is_some_and(|found| *found > 0);
        let at = |kind: Kind, any: bool| -> Vec<usize> {
            let of_kind = self.asked.iter().enumerate().filter(|(_, asked)| asked.kind == kind);
            of_kind.filter(|(at, _)| any || holds(*at)).map(|(_, asked)| asked.position).collect()
        };
        let (stops, alike) = (at(Kind::StopWord, true), at(Kind::Alike, false));
        let words = at(Kind::Stem, true).len() + at(Kind::Gram, true).len();
        let names = self.asked.iter().filter(|asked| asked.kind == Kind::Compound).count();
        let parts = self.asked.iter().filter(|asked| asked.kind == Kind::Stem && asked.part_of.is_some()).count();
        let long = usize::from(words + names - parts > SHORT);
        let only_stop_words = self.only_stop_words;
        for (place, asked) in self.asked.iter_mut().enumerate() {
            let Asked { kind, position, part_of, in_run, .. } = asked;
            let weight = match kind {
                Kind::Stem | Kind::Gram if part_of.is_some_and(holds) => NAMED[long].1,
                Kind::Stem | Kind::Gram => 1.0,
                Kind::Folded => FOLDED,
                Kind::Compound => NAMED[long].0,
                Kind::StopWord | Kind::StopPair | Kind::Negation if only_stop_words => 1.0,
                Kind::StopWord | Kind::StopPair | Kind::Alike => 0.0,
                Kind::Exact | Kind::Negation if *in_run => CHARACTER,
                Kind::Exact if alike.contains(position) => ALIKE[long],
                Kind::Exact | Kind::Negation => EXACT,
                Kind::Acronym if long == 0 || stops.contains(position) => ACRONYM.0,
                Kind::Acronym => ACRONYM.1,
                Kind::Title => {
                    if only_stop_words {
                        TITLE.1
                    } else {
                        TITLE.0
                    }
                }
            };
            let kept = holds(place) || matches!(kind, Kind::Stem);
            asked.weight *= if kept { weight } else { 0.0 };
        }
        self.keep_weighty();
    }
}
