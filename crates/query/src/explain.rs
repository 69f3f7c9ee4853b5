//! Explains a hit's score.

use ingest::chunk::sentence::split;
use ingest::{ByteSpan, Embedder, Role};
use serde::Serialize;
use store::{Fusion, WordScore};

/// Why a hit ranks where it does.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Explanation {
    /// What each list adds to the score; they add up to it unless the hit was reranked.
    pub shares: Shares,
    /// The fusion in effect; absent if only one list was searched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fusion: Option<Fusion>,
    /// What each query word adds to the BM25 score, best first.
    pub words: Vec<WordScore>,
    /// The passage's sentence most similar to the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentence: Option<BestSentence>,
    /// The score's distance to the first candidate that is not a hit; absent if all are hits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub above_cut: Option<f32>,
}

/// What each list adds to a score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Shares {
    /// The dense list's part; absent in lexical search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dense: Option<f32>,
    /// The lexical list's part; absent in dense search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lexical: Option<f32>,
}

/// The sentence of a passage that is most similar to the query.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BestSentence {
    /// Byte range in the article's text.
    #[cfg_attr(feature = "openapi", schema(value_type = [usize; 2]))]
    pub span: ByteSpan,
    /// Its cosine or, without a model, the weighted share of the query's words that it has.
    pub score: f32,
}

/// The sentence of `text` with the highest `similarity`; `None` if there is no sentence. `start` is
/// the byte in the article at which `text` begins.
pub fn best_sentence(
    text: &str,
    start: usize,
    similarity: &mut dyn FnMut(&str) -> ingest::Result<f32>,
) -> ingest::Result<Option<BestSentence>> {
    let mut best: Option<BestSentence> = None;
    for span in split(text)
        .into_iter()
        .map(|span| span.trimmed(text))
        .filter(|span| !span.is_empty())
    {
        let score = similarity(span.of(text))?;
        if best.as_ref().is_none_or(|best| score > best.score) {
            best = Some(BestSentence {
                span: ByteSpan::new(start + span.start, start + span.end),
                score,
            });
        }
    }
    Ok(best)
}

/// Cosine similarity to the query's unit vector.
pub fn dense_similarity<'a>(
    embedder: &'a mut dyn Embedder,
    query: &'a [f32],
) -> impl FnMut(&str) -> ingest::Result<f32> + 'a {
    move |sentence| {
        Ok(index::distance::dot()(
            query,
            &embedder.embed(sentence, Role::Passage)?.vector,
        ))
    }
}

/// The share of the query words that the sentence has, weighted by their BM25 scores. A word counts
/// if words of the sentence begin with its stems, in the same order.
pub fn lexical_overlap(words: &[WordScore]) -> impl FnMut(&str) -> ingest::Result<f32> {
    let total: f32 = words.iter().map(|word| word.score).sum();
    move |sentence| {
        let sentence = sentence.to_lowercase();
        let matches = |word: &WordScore| {
            let mut parts = sentence.split(|c: char| !c.is_alphanumeric());
            word.found_as
                .split(' ')
                .all(|stem| parts.any(|part| part.starts_with(stem)))
        };
        Ok(words
            .iter()
            .filter(|word| matches(word))
            .map(|word| word.score)
            .sum::<f32>()
            / total.max(f32::MIN_POSITIVE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentence_with_the_most_word_weight_is_best() {
        let word = |stem: &str, score: f32| WordScore {
            word: stem.into(),
            found_as: stem.into(),
            place: "text",
            score,
        };
        let text = "Bread is old. Tides follow the moon. The sun helps.";
        let words = [word("tide", 3.0), word("moon", 2.0), word("sun", 1.0)];
        let best = best_sentence(text, 100, &mut lexical_overlap(&words))
            .unwrap()
            .unwrap();
        assert_eq!((best.span.start - 100, best.span.end - 100), (14, 36));
        assert!((best.score - 5.0 / 6.0).abs() < 1e-6);
        assert_eq!(
            best_sentence("", 0, &mut lexical_overlap(&words)).unwrap(),
            None
        );
    }
}
