//! Making hits of ranked passages.

use super::Searcher;
use crate::explain::{self, Explanation, Shares};
use crate::fuse;
use crate::rank::RankedPassage;
use crate::response::{ContextWindow, Hit, NearDuplicate, Scores};
use crate::selection::Selection;
use crate::{Mode, Options, Result};
use ingest::ByteSpan;
use store::{PassageKey, StoredPassage};

impl<'a> Searcher<'a> {
    /// Loads the texts of the selected passages and, if requested, their context and explanations.
    pub(super) fn build_hits(
        &mut self,
        query: &str,
        vector: Option<&[f32]>,
        selection: Selection,
        options: &Options,
    ) -> Result<Vec<Hit>> {
        let keys: Vec<PassageKey> = selection.hits.iter().map(|hit| hit.key).collect();
        let passages = self.collection.fetch(&keys)?;
        let mut explanations = match options.explain {
            true => self
                .explain_hits(query, vector, &selection, &passages, options)?
                .into_iter(),
            false => Vec::new().into_iter(),
        };
        let ranked = selection
            .hits
            .into_iter()
            .zip(passages)
            .zip(options.offset + 1..);
        ranked
            .map(|((ranked, passage), rank)| {
                Ok(Hit {
                    rank,
                    score: ranked.score,
                    around: self.context_window(&passage, options.around)?,
                    copies: self.load_duplicates(ranked.duplicates)?,
                    explanation: explanations.next(),
                    passage_id: passage.reference.to_string(),
                    article_id: passage.reference.article_id,
                    title: passage.title,
                    path: passage.path,
                    span: passage.span,
                    line: passage.line,
                    text: passage.text,
                    scores: Scores {
                        dense: ranked.list_scores.dense,
                        lexical: ranked.list_scores.lexical,
                        rerank: ranked.rerank,
                    },
                })
            })
            .collect()
    }

    /// The passage with up to `n` neighbors on each side; `None` if `n` is 0.
    fn context_window(&self, passage: &StoredPassage, n: usize) -> Result<Option<ContextWindow>> {
        if n == 0 {
            return Ok(None);
        }
        let Some(stored) = self.collection.article(&passage.reference.article_id)? else {
            return Ok(None);
        };
        let at = passage.reference.ordinal as usize;
        let spans = stored
            .passages
            .get(at.saturating_sub(n)..(at + n + 1).min(stored.passages.len()));
        let spans = spans.unwrap_or_default();
        let start = spans
            .iter()
            .map(|span| span.start)
            .min()
            .unwrap_or(passage.span.start);
        let end = spans
            .iter()
            .map(|span| span.end)
            .max()
            .unwrap_or(passage.span.end);
        let span = ByteSpan::new(start, end);
        Ok(Some(ContextWindow {
            span,
            text: span.of(&stored.article.text).to_owned(),
        }))
    }

    fn load_duplicates(&self, duplicates: Vec<RankedPassage>) -> Result<Vec<NearDuplicate>> {
        if duplicates.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<PassageKey> = duplicates.iter().map(|duplicate| duplicate.key).collect();
        let passages = self.collection.fetch(&keys)?;
        let duplicates = duplicates
            .into_iter()
            .zip(passages)
            .map(|(duplicate, passage)| NearDuplicate {
                passage_id: passage.reference.to_string(),
                article_id: passage.reference.article_id,
                path: passage.path,
                line: passage.line,
                score: duplicate.score,
            });
        Ok(duplicates.collect())
    }

    fn explain_hits(
        &mut self,
        query: &str,
        vector: Option<&[f32]>,
        selection: &Selection,
        passages: &[StoredPassage],
        options: &Options,
    ) -> Result<Vec<Explanation>> {
        let keys: Vec<PassageKey> = selection.hits.iter().map(|hit| hit.key).collect();
        let word_scores = match options.mode {
            Mode::Dense => vec![Vec::new(); keys.len()],
            _ => self.collection.explain_lexical(query, &keys)?,
        };
        let fusion = fuse::effective_fusion(self.collection, options);
        let mut explanations = Vec::with_capacity(keys.len());
        for ((hit, passage), words) in selection.hits.iter().zip(passages).zip(word_scores) {
            let (text, start) = (passage.text.as_str(), passage.span.start);
            let sentence = match (vector, self.embedder.as_deref_mut()) {
                (Some(vector), Some(embedder)) => explain::best_sentence(
                    text,
                    start,
                    &mut explain::dense_similarity(embedder, vector),
                )?,
                _ => explain::best_sentence(text, start, &mut explain::lexical_overlap(&words))?,
            };
            let [dense, lexical] = hit.list_scores.contributions;
            explanations.push(Explanation {
                shares: Shares {
                    dense: (options.mode != Mode::Lexical).then_some(dense),
                    lexical: (options.mode != Mode::Dense).then_some(lexical),
                },
                fusion: (options.mode == Mode::Hybrid).then_some(fusion),
                words,
                sentence,
                above_cut: selection.next_score.map(|next| hit.score - next),
            });
        }
        Ok(explanations)
    }
}
