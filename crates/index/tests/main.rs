//! Integration tests, in one binary.

#![allow(clippy::unwrap_used, reason = "a failing unwrap fails the test")]

mod common;

mod building;
mod files;
mod filters;
mod reachability;
