//! End-to-end tests that run the program: one module per hazard or user story. They form a single
//! binary, so that they are linked once and run in parallel.

mod common;

mod bad_input;
mod corpora;
mod crash;
mod data;
mod demo;
#[cfg(feature = "parquet")]
mod engines;
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
mod models;
mod onnx;
mod page;
mod ranking;
mod readme;
mod recall;
mod repair;
mod scifact;
mod search;
mod serve;
mod serve_clients;
mod serve_restarts;
#[cfg(all(feature = "milvus", feature = "parquet"))]
mod spark;
mod tune;
