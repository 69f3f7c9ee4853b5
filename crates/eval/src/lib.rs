//! Runs and relevance judgements in; metrics, significance tests, causes of misses and reports
//! out.
//!
//! [`judgement`] reads qrels, [`needs`] resolves them to the passages that cover what was judged,
//! [`run`] reads and writes rankings, and [`metric`] scores them as trec_eval does.
//! [`significance`] tests differences, [`misses`] finds the stage that lost a missed judgement,
//! [`paraphrase`] measures robustness to wording. [`select`] and [`tune`] choose among many systems
//! without overfitting. [`recall`] has the figures of a graph. [`report`] writes everything as one
//! HTML page.
//!
//! This crate touches neither a model nor a collection, and it never prints.

#![deny(missing_docs)]

mod error;
pub mod judgement;
mod lines;
pub mod metric;
pub mod misses;
pub mod needs;
pub mod paraphrase;
pub mod provenance;
pub mod query;
pub mod recall;
pub mod report;
pub mod run;
mod sampling;
pub mod select;
pub mod significance;
mod student_t;
pub mod table;
pub mod trec;
pub mod tune;

pub use error::{Error, Result};
pub use judgement::Judgement;
pub use metric::Metric;
pub use needs::{Level, Need, Qrels};
pub use query::Query;
pub use run::Run;
pub use table::Table;
