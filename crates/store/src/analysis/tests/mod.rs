//! Tests of each rule of the analysis, over an index in memory.

mod common;
mod detect;
mod fuzzy;
mod search;
mod terms;
