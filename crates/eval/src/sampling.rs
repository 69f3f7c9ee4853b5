//! Groups of queries in a random order.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// The groups that are named, each once, in an order that `seed` draws.
pub fn shuffled(groups: &[usize], seed: u64) -> Vec<usize> {
    let mut names = groups.to_vec();
    names.sort_unstable();
    names.dedup();
    names.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    names
}
