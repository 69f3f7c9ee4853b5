//! Integration tests, in one binary.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should fail there"
)]

mod common;

mod collection;
mod creation;
mod damage;
mod faults;
mod lexical;
mod merging;
mod readers;
