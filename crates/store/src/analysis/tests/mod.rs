//! One test for each rule of the analysis, over an index in memory.

mod common;
mod detecting;
mod near;
mod searching;
mod terms;
