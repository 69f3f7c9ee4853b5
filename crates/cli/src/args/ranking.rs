//! How to search and rank: the flags that every command that searches has.

use super::{ArticleScoreArg, FusionArg, ModeArg};
use clap::Args as ClapArgs;
use std::time::Duration;
use store::Filter;

/// How to search.
#[derive(Debug, Clone, ClapArgs)]
pub struct How {
    /// Nearness in meaning (dense), words in common (lexical), or both (hybrid) [default: hybrid]
    #[arg(long, value_enum)]
    pub mode: Option<ModeArg>,
    #[command(flatten)]
    pub ranking: Ranking,
}

/// How to rank.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "Ranking")]
pub struct Ranking {
    /// Look at every vector instead of walking the graph
    #[arg(long)]
    pub exact: bool,
    /// Which articles may answer, by their metadata, id, path or title: source:reuters AND
    /// date:[2025-01-01 TO 2025-06-30] AND NOT tag:sport; see `nigh search --help`
    #[arg(long, value_name = "EXPR")]
    pub filter: Option<Filter>,
    /// What makes the scores of the two lists comparable [default: as the collection was tuned, or
    /// z-score]
    #[arg(long, value_enum, value_name = "METHOD")]
    pub fusion: Option<FusionArg>,
    /// What nearness in meaning counts, from 0 to 1; words count the rest [default: as the
    /// collection was tuned, or 0.5]
    #[arg(long, value_name = "W", value_parser = zero_to_one)]
    pub dense_weight: Option<f32>,
    /// Look at the best again: maxsim (the built-in model, word piece by word piece), builtin (its
    /// cosine, for collections of another model), a cross-encoder by name or folder, or none
    /// [default: builtin for a collection of the static model, else none]
    #[arg(long, value_name = "MODEL")]
    pub rerank: Option<String>,
    /// How many of the best are reranked
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rerank_top: u32,
    /// How many milliseconds reranking may take; what is left then stays below [default: 2000 for
    /// a search, no limit for a batch]
    #[arg(long, value_name = "MS")]
    pub rerank_ms: Option<u32>,
    /// An article's score: that of its best passage, or with a share of its further ones
    #[arg(long, value_enum, default_value_t = ArticleScoreArg::Best)]
    pub article_score: ArticleScoreArg,
}

pub fn zero_to_one(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("expected a number from 0 to 1".to_owned()),
    }
}

impl From<&Ranking> for engine::Ranking {
    fn from(args: &Ranking) -> Self {
        Self {
            exact: args.exact,
            filter: args.filter.clone(),
            fusion: args.fusion.map(Into::into),
            dense_weight: args.dense_weight,
            rerank: args.rerank.clone(),
            rerank_top: args.rerank_top as usize,
            rerank_budget: args.rerank_ms.map(|ms| Duration::from_millis(u64::from(ms))),
            article_score: args.article_score.into(),
        }
    }
}
