//! One file a command, or a few that belong together.

pub mod about;
pub mod apart;
pub mod bench;
pub mod care;
pub mod demo;
pub mod embed;
pub mod eval;
pub mod exchange;
pub mod index;
pub mod latency;
pub mod recall;
pub mod run;
pub mod search;
pub mod serve;
pub mod stop;
pub mod tune;
