//! Several short texts in one run of the encoder: each weight is then read once for all of them.
//! The vectors are the same, to the bit.

use super::{Embedding, normalized};
use crate::Result;

/// Texts are run together up to so many tokens. Beyond, it saves no time.
const PACK_TOKENS: usize = 256;

/// The tokens of a text.
pub struct Tokens<'a> {
    pub text: &'a str,
    pub ids: Vec<u32>,
    /// How many tokens were truncated.
    pub truncated: usize,
}

impl<'a> Tokens<'a> {
    /// The text with its tokens and the number of truncated ones.
    pub fn new(text: &'a str, (ids, truncated): (Vec<u32>, usize)) -> Self {
        Self {
            text,
            ids,
            truncated,
        }
    }
}

/// Embeds texts in packs. `vectors` runs the model on a pack.
pub fn embed(
    texts: &[Tokens<'_>],
    model: &str,
    mut vectors: impl FnMut(&[&[u32]]) -> Vec<Vec<f32>>,
) -> Result<Vec<Embedding>> {
    let mut embeddings = Vec::with_capacity(texts.len());
    let mut rest = texts;
    while !rest.is_empty() {
        let (pack, others) = rest.split_at(first_pack(rest));
        let ids: Vec<&[u32]> = pack.iter().map(|text| text.ids.as_slice()).collect();
        for (text, vector) in pack.iter().zip(vectors(&ids)) {
            embeddings.push(Embedding {
                vector: normalized(vector, model, text.text)?,
                tokens: text.ids.len() + text.truncated,
                truncated_tokens: text.truncated,
            });
        }
        rest = others;
    }
    Ok(embeddings)
}

/// How many of the first texts go into one run: at least one.
fn first_pack(texts: &[Tokens<'_>]) -> usize {
    let mut tokens = 0;
    let fitting = texts.iter().take_while(|text| {
        tokens += text.ids.len();
        tokens <= PACK_TOKENS
    });
    fitting.count().max(1)
}

#[cfg(test)]
mod tests {
    use super::super::{Embedder, Role, builtin::BuiltinEmbedder};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn packs_hold_so_many_tokens_or_one_text() {
        let packs = |lengths: &[usize]| {
            let text = |&length: &usize| Tokens {
                text: "",
                ids: vec![0; length],
                truncated: 0,
            };
            let texts: Vec<Tokens<'_>> = lengths.iter().map(text).collect();
            let mut found = Vec::new();
            let run = |ids: &[&[u32]]| {
                found.push(ids.len());
                vec![vec![1.0]; ids.len()]
            };
            assert_eq!(embed(&texts, "", run).unwrap().len(), lengths.len());
            found
        };
        assert_eq!(packs(&[]), [0; 0]);
        assert_eq!(packs(&[1, 2, 3]), [3]);
        assert_eq!(packs(&[256, 1, 255, 1]), [1, 2, 1]);
        assert_eq!(packs(&[300, 300, 2, 300]), [1, 1, 1, 1]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        #[test]
        fn texts_have_the_same_vectors_alone_and_together(
            texts in prop::collection::vec("([a-z]{1,9} ){0,40}", 1..10),
        ) {
            let mut model = BuiltinEmbedder::load().unwrap();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let together = model.embed_all(&texts, Role::Passage).unwrap();
            for (text, embedding) in texts.iter().zip(together) {
                prop_assert_eq!(model.embed(text, Role::Passage).unwrap(), embedding);
            }
        }
    }
}
