//! The end-to-end tests, which run the program: a module for each hazard or user story. One binary,
//! so that they are linked once and wait side by side.

mod common;

mod bad_input;
mod corpora;
mod crash;
mod data;
mod demo;
mod eval;
mod eval_bad_input;
mod exchange;
mod filters;
mod fixed;
mod formats;
mod hostile;
mod index;
mod interrupted;
#[cfg(feature = "milvus")]
mod milvus;
mod onnx;
mod page;
mod ranking;
mod readme;
mod recall;
mod repair;
mod scifact;
mod search;
mod serve;
#[cfg(all(feature = "milvus", feature = "parquet"))]
mod spark;
mod tune;
