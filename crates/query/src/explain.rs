//! A score taken apart.

use ingest::chunk::sentence::split;
use ingest::{ByteSpan, Embedder, Role};
use serde::Serialize;
use store::{Fusion, WordScore};

/// Why a hit stands where it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Explanation {
    /// What the lists add to the score of the search; their sum is the score, unless it was reranked.
    pub shares: Shares,
    /// How the lists were fused; absent where one list answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fusion: Option<Fusion>,
    /// What each word gives the lexical score, best first.
    pub words: Vec<WordScore>,
    /// The sentence that answers best.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentence: Option<BestSentence>,
    /// How far the score lies above that of the first passage that is no hit; absent if all are hits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub above_cut: Option<f32>,
}

/// What each part adds to a score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Shares {
    /// The dense list's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dense: Option<f32>,
    /// The lexical list's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lexical: Option<f32>,
}

/// The sentence of a passage that is nearest to the question.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BestSentence {
    /// Where it stands in the article's text, in bytes.
    #[cfg_attr(feature = "openapi", schema(value_type = [usize; 2]))]
    pub span: ByteSpan,
    /// How near it is: its cosine, or, without a model, the share of the question's words it has.
    pub score: f32,
}

/// The sentence of `text`, which begins at byte `start` of its article, that is nearest to the question.
pub fn best_sentence(
    text: &str,
    start: usize,
    nearness: &mut dyn FnMut(&str) -> ingest::Result<f32>,
) -> ingest::Result<Option<BestSentence>> {
    let mut best: Option<BestSentence> = None;
    for span in split(text).into_iter().map(|span| span.trimmed(text)).filter(|span| !span.is_empty()) {
        let score = nearness(span.of(text))?;
        if best.as_ref().is_none_or(|best| score > best.score) {
            best = Some(BestSentence { span: ByteSpan::new(start + span.start, start + span.end), score });
        }
    }
    Ok(best)
}

/// Nearness by a model.
pub fn by_meaning<'a>(
    embedder: &'a mut dyn Embedder,
    question: &'a [f32],
) -> impl FnMut(&str) -> ingest::Result<f32> + 'a {
    move |sentence| Ok(index::distance::dot()(question, &embedder.embed(sentence, Role::Passage)?.vector))
}

/// Nearness by words: the weight of those of `words` that begin a word of the sentence, as a share of all.
pub fn by_words(words: &[WordScore]) -> impl FnMut(&str) -> ingest::Result<f32> {
    let all: f32 = words.iter().map(|word| word.score).sum();
    move |sentence| {
        let sentence = sentence.to_lowercase();
        let held = |word: &WordScore| {
            let mut parts = sentence.split(|c: char| !c.is_alphanumeric());
            word.found_as.split(' ').all(|stem| parts.any(|part| part.starts_with(stem)))
        };
        Ok(words.iter().filter(|word| held(word)).map(|word| word.score).sum::<f32>() / all.max(f32::MIN_POSITIVE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_with_the_words_is_chosen() {
        let word =
            |stem: &str, score: f32| WordScore { word: stem.into(), found_as: stem.into(), place: "text", score };
        let text = "Bread is old. Tides follow the moon. The sun helps.";
        let words = [word("tide", 3.0), word("moon", 2.0), word("sun", 1.0)];
        let best = best_sentence(text, 100, &mut by_words(&words)).unwrap().unwrap();
        assert_eq!((best.span.start - 100, best.span.end - 100), (14, 36));
        assert!((best.score - 5.0 / 6.0).abs() < 1e-6);
        assert_eq!(best_sentence("", 0, &mut by_words(&words)).unwrap(), None);
    }
}
