//! The built-in model: int8 all-MiniLM-L6-v2, compiled into the binary and run by rten. See
//! `models/minilm-l6-v2-int8/README.md` for where it comes from.

use super::wordpieces::WordPieces;
use super::{Embedder, Embedding, ModelInfo, Role, Tokens, Workload, normalized};
use crate::{Error, Result};
use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;
use std::sync::Arc;

/// Its full name.
pub const NAME: &str = "minilm-l6-v2-int8";
/// The short name for it.
pub const ALIAS: &str = "builtin";
/// The length of its vectors.
pub const DIMENSIONS: usize = 384;
/// The word pieces it reads, as its authors set it.
const WINDOW: usize = 256;
/// The first 32 hex digits of the BLAKE3 hash of model.onnx followed by tokenizer.json. Written
/// here rather than computed at every start; a test computes it.
const HASH: &str = "d652bc276c1d9ac282eff62f9aac1310";

static ONNX: &[u8] = include_bytes!("../../../../models/minilm-l6-v2-int8/model.onnx");
pub(super) static TOKENIZER: &[u8] = include_bytes!("../../../../models/minilm-l6-v2-int8/tokenizer.json");

/// The built-in model, loaded. Forks share its weights.
pub struct Builtin {
    shared: Arc<Shared>,
    /// One thread of its own: rten's work must not be stolen by, or steal from, other pools.
    pool: Arc<ThreadPool>,
}

struct Shared {
    info: ModelInfo,
    pieces: Arc<WordPieces>,
    graph: Model,
    inputs: [NodeId; 3],
    output: NodeId,
}

impl Builtin {
    /// Loads it from the binary itself.
    ///
    /// # Errors
    /// None in a binary that passed its tests.
    pub fn load(workload: Workload) -> Result<Self> {
        let wrong = |problem: String| Error::Model { name: NAME.to_owned(), problem };
        // Graph and vocabulary take about as long to load as each other, and start-up is what a
        // question waits for most.
        let (graph, pieces) = std::thread::scope(|scope| {
            let pieces = scope.spawn(|| WordPieces::from_bytes(TOKENIZER, NAME));
            let mut options = ModelOptions::with_all_ops();
            options.prepack_weights(workload == Workload::Passages);
            let graph = options.load_static_slice(ONNX).map_err(|error| wrong(error.to_string()));
            (graph, pieces.join().unwrap_or_else(|_| Err(wrong("its vocabulary did not load".to_owned()))))
        });
        let (graph, pieces) = (graph?, Arc::new(pieces?));
        let node = |name: &str| graph.node_id(name).map_err(|error| wrong(error.to_string()));
        let inputs = [node("input_ids")?, node("attention_mask")?, node("token_type_ids")?];
        let output = node("last_hidden_state")?;
        let info = ModelInfo {
            name: NAME.to_owned(),
            hash: HASH.to_owned(),
            dimensions: DIMENSIONS,
            window: WINDOW,
            query_prefix: String::new(),
            passage_prefix: String::new(),
        };
        Ok(Self::with(Arc::new(Shared { info, pieces, graph, inputs, output })))
    }

    fn with(shared: Arc<Shared>) -> Self {
        Self { shared, pool: Arc::new(ThreadPool::with_num_threads(1)) }
    }
}

impl Builtin {
    /// The last states of the text's word pieces, one after the other, and how many pieces the window cut off.
    fn states(&self, text: &str) -> Result<(Vec<f32>, usize)> {
        let Shared { pieces, graph, inputs, output, .. } = &*self.shared;
        let wrong = |problem: String| Error::Embedding { name: NAME.to_owned(), bytes: text.len(), problem };
        let (ids, cut) = pieces.encode(text, WINDOW);
        let length = ids.len();
        let ids = NdTensor::from_data([1, length], ids.into_iter().map(|id| id as i32).collect::<Vec<_>>());
        let (mask, types) = (NdTensor::<i32, 2>::full([1, length], 1), NdTensor::<i32, 2>::full([1, length], 0));
        let feeds =
            vec![(inputs[0], ids.view().into()), (inputs[1], mask.view().into()), (inputs[2], types.view().into())];
        let options = RunOptions::default().with_thread_pool(Some(self.pool.clone()));
        let [states] = graph.run_n(feeds, [*output], Some(options)).map_err(|error| wrong(error.to_string()))?;
        let states: NdTensor<f32, 3> =
            states.try_into().map_err(|_| wrong("its output is no n × 384 tensor".to_owned()))?;
        Ok((states.to_vec(), cut))
    }
}

impl Embedder for Builtin {
    fn model(&self) -> &ModelInfo {
        &self.shared.info
    }

    fn pieces(&self) -> &Arc<WordPieces> {
        &self.shared.pieces
    }

    fn embed(&mut self, text: &str, _role: Role) -> Result<Embedding> {
        let (states, cut) = self.states(text)?;
        let mut mean = vec![0f32; DIMENSIONS];
        for state in states.chunks_exact(DIMENSIONS) {
            mean.iter_mut().zip(state).for_each(|(sum, x)| *sum += x);
        }
        let pieces = states.len() / DIMENSIONS + cut;
        Ok(Embedding { vector: normalized(mean, NAME, text)?, pieces, cut })
    }

    fn tokens(&mut self, text: &str) -> Result<Option<Tokens>> {
        let (states, _) = self.states(text)?;
        let units = states.chunks_exact(DIMENSIONS).map(|state| normalized(state.to_vec(), NAME, text));
        let vectors = units.collect::<Result<Vec<_>>>()?.concat();
        Ok(Some(Tokens { vectors, dimensions: DIMENSIONS }))
    }

    fn fork(&self) -> Result<Box<dyn Embedder>> {
        Ok(Box::new(Self::with(self.shared.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::super::dot;
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_files() {
        let mut hasher = blake3::Hasher::new();
        hasher.update(ONNX).update(TOKENIZER);
        assert_eq!(hasher.finalize().to_hex()[..32], *HASH);
    }

    #[test]
    fn what_a_window_does_not_read_is_what_is_left() {
        let model = Builtin::load(Workload::Questions).unwrap();
        let pieces = model.pieces();
        let text = "Élan vital, naïveté; a puffin nests. ".repeat(40);
        for window in [0, 1, 7, 100, 252] {
            let rest = pieces.beyond(&text, window);
            let read = &text[..text.len() - rest.len()];
            assert_eq!((pieces.count(read), pieces.count(rest)), (window, pieces.count(&text) - window), "{rest:?}");
        }
        assert_eq!(pieces.beyond(&text, 100_000), "");
        // Texts of several blocks, too.
        let long = "a puffin nests. ".repeat(20_000);
        let rest = pieces.beyond(&long, 70_000);
        assert_eq!(pieces.count(rest), pieces.count(&long) - 70_000);
    }

    #[test]
    fn near_in_meaning_is_near_in_space() {
        let mut model = Builtin::load(Workload::Questions).unwrap();
        let mut of = |text: &str| model.embed(text, Role::Query).unwrap().vector;
        let (a, b, c) = (
            of("How do I reset my password?"),
            of("I forgot my login secret and cannot sign in"),
            of("The cat sat on the mat."),
        );
        assert!((dot(&a, &a) - 1.0).abs() < 1e-5);
        assert!(dot(&a, &b) > 0.4 && dot(&a, &c) < 0.2, "{} {}", dot(&a, &b), dot(&a, &c));
    }

    #[test]
    fn both_workloads_and_every_fork_give_the_same_vector() {
        let text = "Tides follow the moon more than the sun.";
        let mut one = Builtin::load(Workload::Questions).unwrap();
        let mut other = Builtin::load(Workload::Passages).unwrap();
        let mut fork = other.fork().unwrap();
        let vector = one.embed(text, Role::Passage).unwrap();
        let near = other.embed(text, Role::Passage).unwrap();
        assert!(dot(&vector.vector, &near.vector) > 0.9999);
        assert_eq!(near, fork.embed(text, Role::Passage).unwrap());
    }

    #[test]
    fn what_the_window_cuts_is_counted() {
        let mut model = Builtin::load(Workload::Questions).unwrap();
        assert_eq!(model.pieces().count("tides follow the moon"), 4);
        let long = "moon ".repeat(300);
        let embedding = model.embed(&long, Role::Passage).unwrap();
        assert_eq!((embedding.pieces, embedding.cut), (302, 46));
        assert_eq!(embedding.vector, model.embed(&"moon ".repeat(254), Role::Passage).unwrap().vector);
        assert_eq!(model.embed("", Role::Query).unwrap().pieces, 2);
    }
}
