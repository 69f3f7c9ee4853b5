//! The best passages, looked at again, each together with the question.

use crate::Result;
use crate::parallel::in_order;
use index::distance::dot;
use ingest::embed::CrossEncoder;
use ingest::{Embedder, Role};
use std::time::Instant;

/// Late interaction of the built-in model: its name among rerankers.
pub const MAXSIM: &str = "maxsim";
/// The cosine of the built-in model, for collections of another model's vectors.
pub const BUILTIN: &str = "builtin";

/// What becomes of a reranker's scores. All are in standard deviations over the passages it scored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Place {
    /// They count so much, 0..=1, beside the score of the search.
    Beside(f32),
    /// They stand in for nearness in meaning: words count as they did.
    ForMeaning,
    /// They alone decide, as they are.
    Alone,
}

/// Scores passages again. Higher is better, on a scale of its own.
pub trait Reranker: Send {
    /// The name it is asked for by.
    fn name(&self) -> &str;

    /// What becomes of its scores.
    fn place(&self) -> Place;

    /// The scores of the first passages: all of them, or fewer where `deadline` comes before the last. The
    /// first ones are scored whatever the time.
    ///
    /// # Errors
    /// When the model fails.
    fn scores(&mut self, question: &str, passages: &[String], deadline: Instant) -> Result<Vec<f32>>;
}

/// Late interaction: for each word piece of the question the cosine of the passage's nearest one, averaged
/// (the MaxSim of ColBERT, with a model that was not trained for it).
pub struct MaxSim {
    workers: Vec<Box<dyn Embedder>>,
}

impl MaxSim {
    /// With a worker for each thread, all of a model that gives the vectors of word pieces.
    pub fn new(workers: Vec<Box<dyn Embedder>>) -> Self {
        Self { workers }
    }
}

impl Reranker for MaxSim {
    fn name(&self) -> &str {
        MAXSIM
    }

    /// nDCG@10 of the 50 best with weights 0, .2, .35, .5: SciFact .7358, .7355, .7407, .7376; SQuAD .8891, .8981,
    /// .9024, .9039; Cranfield .4114, .4089, .4049, .4042.
    fn place(&self) -> Place {
        Place::Beside(0.35)
    }

    fn scores(&mut self, question: &str, passages: &[String], deadline: Instant) -> Result<Vec<f32>> {
        let Some(first) = self.workers.first_mut() else { return Ok(Vec::new()) };
        let Some(asked) = first.tokens(question)? else { return Ok(Vec::new()) };
        let dot = dot();
        in_order(&mut self.workers, passages, Some(deadline), |worker, passage| {
            let Some(read) = worker.tokens(passage)? else { return Ok(0.0) };
            let nearest = asked.vectors.chunks_exact(asked.dimensions).map(|of_question| {
                let cosines = read.vectors.chunks_exact(read.dimensions).map(|piece| dot(of_question, piece));
                cosines.fold(-1.0, f32::max)
            });
            Ok(nearest.sum::<f32>() * asked.dimensions as f32 / asked.vectors.len() as f32)
        })
    }
}

/// The cosine of question and passage by another model than the collection's: a static model finds the
/// candidates, this one ranks them. nDCG@10 of the 50 best, beside that of a collection of this model's own: SciFact .740
/// and .738, Cranfield .409 and .414, SQuAD .885 and .889; with the static model's cosines kept in the sum .709 or less
/// on SciFact.
pub struct Cosine {
    workers: Vec<Box<dyn Embedder>>,
}

impl Cosine {
    /// With a worker for each thread.
    pub fn new(workers: Vec<Box<dyn Embedder>>) -> Self {
        Self { workers }
    }
}

impl Reranker for Cosine {
    fn name(&self) -> &str {
        BUILTIN
    }

    fn place(&self) -> Place {
        Place::ForMeaning
    }

    fn scores(&mut self, question: &str, passages: &[String], deadline: Instant) -> Result<Vec<f32>> {
        let Some(first) = self.workers.first_mut() else { return Ok(Vec::new()) };
        let asked = first.embed(question, Role::Query)?.vector;
        in_order(&mut self.workers, passages, Some(deadline), |worker, passage| {
            Ok(dot()(&asked, &worker.embed(passage, Role::Passage)?.vector))
        })
    }
}

/// A cross-encoder: its scores alone decide.
pub struct Cross {
    name: String,
    workers: Vec<CrossEncoder>,
}

/// How many passages a cross-encoder reads at once.
const BATCH: usize = 4;

impl Cross {
    /// With a worker for each thread.
    pub fn new(name: String, workers: Vec<CrossEncoder>) -> Self {
        Self { name, workers }
    }
}

impl Reranker for Cross {
    fn name(&self) -> &str {
        &self.name
    }

    fn place(&self) -> Place {
        Place::Alone
    }

    fn scores(&mut self, question: &str, passages: &[String], deadline: Instant) -> Result<Vec<f32>> {
        let batches: Vec<&[String]> = passages.chunks(BATCH).collect();
        let scores = in_order(&mut self.workers, &batches, Some(deadline), |worker, batch| -> Result<_> {
            let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
            Ok(worker.score(question, &batch)?)
        })?;
        Ok(scores.concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_nearest_piece_of_each_counts() {
        let model = ingest::embed::load("builtin").unwrap();
        let workers = (0..2).map(|_| model.fork().unwrap()).collect();
        let texts = ["The cat sat on the mat.", "What drives the tides is the moon.", "Bread needs yeast."];
        let texts = texts.map(str::to_owned);
        let far = Instant::now() + Duration::from_secs(60);
        let scores = MaxSim::new(workers).scores("what drives the tides", &texts, far).unwrap();
        assert!(scores[1] > scores[0] && scores[1] > scores[2] && scores.iter().all(|s| (-1.0..=1.0001).contains(s)));
    }
}
