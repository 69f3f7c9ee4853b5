//! The best passages, looked at again, each together with the question.

use crate::Result;
use ingest::embed::CrossEncoder;
use ingest::{Embedder, Role};
use std::sync::atomic::{AtomicUsize, Ordering};
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
        in_order(&mut self.workers, passages, deadline, |worker, passage| {
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
        in_order(&mut self.workers, passages, deadline, |worker, passage| {
            Ok(dot(&asked, &worker.embed(passage, Role::Passage)?.vector))
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
        let scores = in_order(&mut self.workers, &batches, deadline, |worker, batch| {
            let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
            Ok(worker.score(question, &batch)?)
        })?;
        Ok(scores.concat())
    }
}

/// What `work` makes of the items, each on the next free worker, up to the first one that `deadline` stopped.
fn in_order<W: Send, T: Sync, R: Send>(
    workers: &mut [W],
    items: &[T],
    deadline: Instant,
    work: impl Fn(&mut W, &T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let run = |worker: &mut W| -> Result<Vec<(usize, R)>> {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return Ok(done) };
            if at > 0 && Instant::now() >= deadline {
                return Ok(done);
            }
            done.push((at, work(worker, item)?));
        }
    };
    let run = &run;
    let mut all = Vec::with_capacity(items.len());
    std::thread::scope(|scope| {
        let (first, rest) = workers.split_at_mut(workers.len().min(1));
        let others: Vec<_> = rest.iter_mut().map(|worker| scope.spawn(move || run(worker))).collect();
        for worker in first {
            all.extend(run(worker)?);
        }
        for other in others {
            match other.join() {
                Ok(done) => all.extend(done?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok::<(), crate::Error>(())
    })?;
    all.sort_unstable_by_key(|(at, _)| *at);
    let whole = all.iter().zip(0..).take_while(|((at, _), place)| at == place).count();
    all.truncate(whole);
    Ok(all.into_iter().map(|(_, result)| result).collect())
}

/// The product of two vectors, in eight sums that the compiler keeps in one register.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; 8];
    let (a_parts, b_parts) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_parts.remainder().iter().zip(b_parts.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_parts.zip(b_parts) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn work_is_done_in_order_and_stops_at_the_deadline() {
        let items: Vec<usize> = (0..100).collect();
        let far = Instant::now() + Duration::from_secs(60);
        let all = in_order(&mut [(), (), ()], &items, far, |(), item| Ok(item * 2)).unwrap();
        assert_eq!(all, (0..100).map(|item| item * 2).collect::<Vec<_>>());
        let soon = Instant::now() + Duration::from_millis(30);
        let some = in_order(&mut [(), ()], &items, soon, |(), item| {
            std::thread::sleep(Duration::from_millis(5));
            Ok(*item)
        });
        let some = some.unwrap();
        assert!(!some.is_empty() && some.len() < 100 && some == (0..some.len()).collect::<Vec<_>>());
        let late = in_order(&mut [()], &items, Instant::now(), |(), item| Ok(*item)).unwrap();
        assert_eq!(late, [0], "a search always gets something for its money");
    }

    #[test]
    fn the_nearest_piece_of_each_counts() {
        let model = ingest::embed::load("builtin", ingest::embed::Workload::Questions).unwrap();
        let workers = (0..2).map(|_| model.fork().unwrap()).collect();
        let texts = ["The cat sat on the mat.", "What drives the tides is the moon.", "Bread needs yeast."];
        let texts = texts.map(str::to_owned);
        let far = Instant::now() + Duration::from_secs(60);
        let scores = MaxSim::new(workers).scores("what drives the tides", &texts, far).unwrap();
        assert!(scores[1] > scores[0] && scores[1] > scores[2] && scores.iter().all(|s| (-1.0..=1.0001).contains(s)));
    }

    #[test]
    fn dots_of_any_length() {
        for n in [0, 1, 7, 8, 9, 384] {
            let a: Vec<f32> = (0..n).map(|i| i as f32).collect();
            assert_eq!(dot(&a, &vec![1.0; n]), (n * n.saturating_sub(1) / 2) as f32);
        }
    }
}
