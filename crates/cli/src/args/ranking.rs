//! Search and ranking options, shared by all commands that search.

use super::{ArticleScoreArg, FusionArg, ModeArg};
use clap::Args as ClapArgs;
use std::time::Duration;
use store::Filter;

/// How to search.
#[derive(Debug, Clone, ClapArgs)]
pub struct SearchOptions {
    /// Search by meaning (dense), by words (lexical), or by both (hybrid) [default: hybrid]
    #[arg(long, value_enum)]
    pub mode: Option<ModeArg>,
    #[command(flatten)]
    pub ranking: Ranking,
}

/// How to rank.
#[derive(Debug, Clone, ClapArgs)]
#[command(next_help_heading = "Ranking")]
pub struct Ranking {
    /// Scan all vectors instead of searching the graph
    #[arg(long)]
    pub exact: bool,
    /// Search only articles whose metadata, id, path or title match, such as source:reuters AND
    /// date:[2025-01-01 TO 2025-06-30] AND NOT tag:sport. `nigh search --help` describes the
    /// syntax
    #[arg(long, value_name = "EXPR")]
    pub filter: Option<Filter>,
    /// Normalize dense and lexical scores with this method before adding them [default: the
    /// collection's tuned value, or z-score]
    #[arg(long, value_enum, value_name = "METHOD")]
    pub fusion: Option<FusionArg>,
    /// Weigh dense scores by W, from 0 to 1, and lexical scores by the rest [default: the
    /// collection's tuned value, or 0.5]
    #[arg(long, value_name = "W", value_parser = parse_unit_interval)]
    pub dense_weight: Option<f32>,
    /// Rerank the best passages with maxsim (late interaction of the built-in model's tokens),
    /// builtin (its cosine, for collections of another model), a cross-encoder by name or folder,
    /// or none [default: builtin for collections of the static model, else none]
    #[arg(long, value_name = "MODEL")]
    pub rerank: Option<String>,
    /// Rerank the N best passages
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub rerank_top: u32,
    /// Stop reranking after MS milliseconds; passages not reranked by then follow below [default:
    /// 2000 for a search, unlimited for a batch]
    #[arg(long, value_name = "MS")]
    pub rerank_ms: Option<u32>,
    /// Score an article by its best passage, or by the sum of its passages, each weighted 0.3
    /// times the one before
    #[arg(long, value_enum, default_value_t = ArticleScoreArg::Best)]
    pub article_score: ArticleScoreArg,
}

/// Parses a number from 0 to 1.
pub fn parse_unit_interval(text: &str) -> Result<f32, String> {
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
            rerank_budget: args
                .rerank_ms
                .map(|ms| Duration::from_millis(u64::from(ms))),
            article_score: args.article_score.into(),
        }
    }
}
