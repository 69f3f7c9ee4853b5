//! The built-in model: all-MiniLM-L6-v2 quantized to int8, compiled into the binary. Its origin is
//! documented in `models/minilm-l6-v2-int8/README.md`.

use super::packing::{self, Tokens};
use super::tokenizer::Tokenizer;
use super::{Embedder, Embedding, ModelInfo, Role, TokenEmbeddings};
use crate::{Error, Result};
use encoder::{Encoder, Workspace};
use std::sync::Arc;

/// The full name of the model.
pub const NAME: &str = "minilm-l6-v2-int8";
/// The short name of the model.
pub const ALIAS: &str = "builtin";
/// The number of dimensions of its vectors.
pub const DIMENSIONS: usize = 384;
/// The context window in tokens, special ones included, as set by the model's authors.
const MAX_TOKENS: usize = 256;
/// The first 32 hex digits of the BLAKE3 hash of model.safetensors followed by tokenizer.json: a
/// constant, to save hashing at every start. A test verifies it.
pub(super) const HASH: &str = "3550c09e807f5c7a93610671e9e3ebed";
/// Former values of [`HASH`]. With ONNX Runtime's rounding, the same weights gave vectors with a
/// cosine of .999 on average and at least .998 to today's.
pub(super) const EARLIER_HASHES: &[&str] = &["d652bc276c1d9ac282eff62f9aac1310"];

const FILE: &[u8; 23_909_008] =
    include_bytes!("../../../../models/minilm-l6-v2-int8/model.safetensors");
/// The file, placed so that its weights, each of which begins 16 bytes after a multiple of 64 in
/// it, begin at cache lines.
#[repr(C, align(64))]
struct Placed {
    _padding: [u8; 48],
    file: [u8; FILE.len()],
}
static WEIGHTS: Placed = Placed {
    _padding: [0; 48],
    file: *FILE,
};
pub(super) static TOKENIZER: &[u8] =
    include_bytes!("../../../../models/minilm-l6-v2-int8/tokenizer.json");

/// An embedder for the built-in model. Forks share the weights.
pub struct BuiltinEmbedder {
    shared: Arc<Shared>,
    work: Workspace,
}

struct Shared {
    info: ModelInfo,
    tokenizer: Arc<Tokenizer>,
    encoder: Encoder,
}

impl BuiltinEmbedder {
    /// Loads the model from the binary.
    ///
    /// # Errors
    /// [`Error::Model`] if the embedded files are invalid, which the tests rule out.
    pub fn load() -> Result<Self> {
        let encoder = Encoder::from_quantized(&WEIGHTS.file).map_err(|error| Error::Model {
            name: NAME.to_owned(),
            reason: error.to_string(),
        })?;
        let info = ModelInfo {
            name: NAME.to_owned(),
            hash: HASH.to_owned(),
            dimensions: DIMENSIONS,
            window: MAX_TOKENS,
            query_prefix: String::new(),
            passage_prefix: String::new(),
        };
        let tokenizer = Arc::new(Tokenizer::from_bytes(TOKENIZER, NAME)?);
        Ok(Self {
            shared: Arc::new(Shared {
                info,
                tokenizer,
                encoder,
            }),
            work: Workspace::default(),
        })
    }
}

impl Embedder for BuiltinEmbedder {
    fn model(&self) -> &ModelInfo {
        &self.shared.info
    }

    fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.shared.tokenizer
    }

    fn embed(&mut self, text: &str, role: Role) -> Result<Embedding> {
        Ok(self.embed_all(&[text], role)?.swap_remove(0))
    }

    fn embed_all(&mut self, texts: &[&str], _role: Role) -> Result<Vec<Embedding>> {
        let encode = |text| self.shared.tokenizer.encode(text, MAX_TOKENS);
        let tokens = texts.iter().map(|text| Tokens::new(text, encode(text)));
        let tokens: Vec<Tokens<'_>> = tokens.collect();
        packing::embed(&tokens, NAME, |pack| {
            let sums = self.shared.encoder.summed_states(pack, &mut self.work);
            sums.chunks_exact(DIMENSIONS).map(<[f32]>::to_vec).collect()
        })
    }

    fn embed_tokens(&mut self, text: &str) -> Result<Option<TokenEmbeddings>> {
        let (ids, _) = self.shared.tokenizer.encode(text, MAX_TOKENS);
        let states = self.shared.encoder.hidden_states(&[&ids], &mut self.work);
        TokenEmbeddings::from_states(states, DIMENSIONS, NAME, text).map(Some)
    }

    fn fork(&self) -> Result<Box<dyn Embedder>> {
        Ok(Box::new(Self {
            shared: self.shared.clone(),
            work: Workspace::default(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::dot;
    use super::*;

    #[test]
    fn hash_constant_matches_the_files() {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&WEIGHTS.file).update(TOKENIZER);
        assert_eq!(hasher.finalize().to_hex()[..32], *HASH);
    }

    #[test]
    fn weights_begin_at_cache_lines() {
        let model = BuiltinEmbedder::load().unwrap();
        assert!(model.shared.encoder.is_aligned());
    }

    #[test]
    fn truncated_suffix_is_the_text_beyond_the_window() {
        let model = BuiltinEmbedder::load().unwrap();
        let tokenizer = model.tokenizer();
        let text = "Élan vital, naïveté; a puffin nests. ".repeat(40);
        for window in [0, 1, 7, 100, 252] {
            let rest = tokenizer.truncated_suffix(&text, window);
            let read = &text[..text.len() - rest.len()];
            assert_eq!(
                (tokenizer.count(read), tokenizer.count(rest)),
                (window, tokenizer.count(&text) - window),
                "{rest:?}"
            );
        }
        assert_eq!(tokenizer.truncated_suffix(&text, 100_000), "");
        // Also for texts of several blocks.
        let long = "a puffin nests. ".repeat(20_000);
        let rest = tokenizer.truncated_suffix(&long, 70_000);
        assert_eq!(tokenizer.count(rest), tokenizer.count(&long) - 70_000);
    }

    #[test]
    fn similar_texts_have_similar_vectors() {
        let mut model = BuiltinEmbedder::load().unwrap();
        let mut of = |text: &str| model.embed(text, Role::Query).unwrap().vector;
        let (a, b, c) = (
            of("How do I reset my password?"),
            of("I forgot my login secret and cannot sign in"),
            of("The cat sat on the mat."),
        );
        assert!((dot(&a, &a) - 1.0).abs() < 1e-5);
        assert!(
            dot(&a, &b) > 0.4 && dot(&a, &c) < 0.2,
            "{} {}",
            dot(&a, &b),
            dot(&a, &c)
        );
    }

    #[test]
    fn forks_give_the_same_vector_whatever_they_embedded_before() {
        let text = "Tides follow the moon more than the sun.";
        let mut one = BuiltinEmbedder::load().unwrap();
        let vector = one.embed(text, Role::Passage).unwrap();
        let mut fork = one.fork().unwrap();
        fork.embed(&"The moon is far from the sun. ".repeat(30), Role::Passage)
            .unwrap();
        assert_eq!(vector, fork.embed(text, Role::Passage).unwrap());
    }

    #[test]
    fn earlier_versions_of_the_model_are_compatible() {
        let info = BuiltinEmbedder::load().unwrap().model().clone();
        let with = |hash: &str| ModelInfo {
            hash: hash.to_owned(),
            ..info.clone()
        };
        let earlier = with(EARLIER_HASHES[0]);
        assert!(
            info.is_compatible_with(&info)
                && info.is_compatible_with(&earlier)
                && earlier.is_compatible_with(&info)
        );
        assert!(earlier.is_earlier_version() && !info.is_earlier_version());
        assert!(!info.is_compatible_with(&with("0")) && !with("0").is_compatible_with(&earlier));
    }

    #[test]
    fn truncated_tokens_are_counted() {
        let mut model = BuiltinEmbedder::load().unwrap();
        assert_eq!(model.tokenizer().count("tides follow the moon"), 4);
        let long = "moon ".repeat(300);
        let embedding = model.embed(&long, Role::Passage).unwrap();
        assert_eq!((embedding.tokens, embedding.truncated_tokens), (302, 46));
        assert_eq!(
            embedding.vector,
            model
                .embed(&"moon ".repeat(254), Role::Passage)
                .unwrap()
                .vector
        );
        assert_eq!(model.embed("", Role::Query).unwrap().tokens, 2);
    }
}
