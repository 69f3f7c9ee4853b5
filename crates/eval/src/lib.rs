//! Runs and judgements in; metrics, tests of significance, lost judgements by cause, recall
//! benchmarks and reports out.
//!
//! [`judgement`] reads what is relevant to what, [`needs`] finds the passages that hold it under
//! the present chunking, [`run`] reads and writes rankings, [`metric`] scores them as trec_eval
//! does. [`significance`] says which differences are real, [`loss`] where a missed judgement was
//! lost, [`paraphrase`] how much the wording matters, [`select`] which of many systems is best
//! without fooling oneself. [`recall`] measures a graph against the exact scan. [`report`] writes
//! it all as one HTML file.
//!
//! This crate never touches a model or a collection, and never prints.

#![deny(missing_docs)]

mod draw;
mod error;
pub mod judgement;
mod lines;
pub mod loss;
pub mod manifest;
pub mod metric;
pub mod needs;
pub mod paraphrase;
pub mod query;
pub mod recall;
pub mod report;
pub mod run;
pub mod select;
pub mod significance;
mod student_t;
pub mod table;
pub mod tune;

pub use error::{Error, Result};
pub use judgement::Judgement;
pub use metric::Metric;
pub use needs::{Judged, Level, Need};
pub use query::Query;
pub use run::Run;
pub use table::Table;
