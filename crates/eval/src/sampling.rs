//! Random orders of query groups, for splits.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// The distinct values of `groups` in a random order that depends only on `seed`.
pub fn shuffled_groups(groups: &[usize], seed: u64) -> Vec<usize> {
    let mut names = groups.to_vec();
    names.sort_unstable();
    names.dedup();
    names.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    names
}
