//! One head of attention over one text, in whole numbers of sixteen bits.
//!
//! Queries and keys are rounded to as many bits as let their products add up without loss, the weights of a row and the
//! values to fifteen: finer than the bfloat16 that processors offer for this, and the same on all of them.

use super::functions::exp2;
use crate::lanes::{LANES, Lanes};

/// What the weights of a row add up to.
const ONE: f32 = 32_767.0;
/// The largest value.
const LARGEST_VALUE: f32 = 32_000.0;
/// So many queries go together.
const QUERIES: usize = 8;

/// A head over a text.
pub struct Attention {
    /// For each token its query, key and value, one after the other.
    pub input: *const f32,
    /// How many numbers each of them has: a multiple of [`LANES`].
    pub dimensions: usize,
    /// How many tokens there are.
    pub length: usize,
    /// Where the head's part of the first token's row begins.
    pub output: *mut f32,
    /// From one row of the output to the next.
    pub stride: usize,
}

/// What a head works in.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Queries, a row each.
    queries: Vec<i16>,
    /// Keys: of every two numbers those of all tokens side by side.
    keys: Vec<i32>,
    /// Values: of every two tokens those of all numbers side by side.
    values: Vec<i32>,
    /// Of some queries, a row each of one number for each token.
    scores: Vec<f32>,
    /// The same as weights.
    weights: Vec<i16>,
}

impl Scratch {
    /// Makes room for texts of `length` tokens.
    pub fn reserve(&mut self, length: usize, dimensions: usize) {
        let padded = length.next_multiple_of(LANES);
        fit(&mut self.queries, (padded + QUERIES) * dimensions);
        fit(&mut self.keys, padded * dimensions / 2);
        fit(&mut self.values, padded / 2 * dimensions);
        fit(&mut self.scores, QUERIES * padded);
        fit(&mut self.weights, QUERIES * padded);
    }
}

fn fit<T: Clone + Default>(buffer: &mut Vec<T>, length: usize) {
    if buffer.len() < length {
        buffer.resize(length, T::default());
    }
}

/// # Safety
/// As [`Lanes`] and the fields of [`Attention`] say; there is room for as many tokens and dimensions in `scratch`.
#[inline(always)]
pub unsafe fn attend<S: Lanes>(job: &Attention, scratch: &mut Scratch) {
    let (length, dimensions) = (job.length, job.dimensions);
    let padded = length.next_multiple_of(LANES);
    assert!(length > 0 && scratch.scores.len() >= QUERIES * padded);
    assert!(
        scratch.queries.len() >= (padded + QUERIES) * dimensions && scratch.values.len() >= padded / 2 * dimensions
    );
    let room = Room {
        padded,
        queries: scratch.queries.as_mut_ptr(),
        keys: scratch.keys.as_mut_ptr(),
        values: scratch.values.as_mut_ptr(),
        scores: scratch.scores.as_mut_ptr(),
        weights: scratch.weights.as_mut_ptr(),
    };
    // SAFETY: the assertions; `padded` is `length` in whole vectors, and `first` below `length`.
    unsafe {
        let scales = quantize::<S>(job, &room);
        for first in (0..length).step_by(QUERIES) {
            let queries = QUERIES.min(length - first);
            score::<S>(job, &room, first, queries);
            for query in 0..queries {
                softmax::<S>(job, &room, query, scales.score);
            }
            weigh::<S>(job, &room, first, queries, scales.value);
        }
    }
}

/// The parts of [`Scratch`].
struct Room {
    padded: usize,
    queries: *mut i16,
    keys: *mut i32,
    values: *mut i32,
    scores: *mut f32,
    weights: *mut i16,
}

/// What a whole number counts.
struct Scales {
    score: f32,
    value: f32,
}

/// Queries, keys and values as whole numbers.
#[inline(always)]
unsafe fn quantize<S: Lanes>(job: &Attention, room: &Room) -> Scales {
    let (length, dimensions) = (job.length, job.dimensions);
    // As large as lets the sum of `dimensions` products be an i32.
    let limit = (f64::from(i32::MAX) / dimensions as f64).sqrt().floor() as f32;
    // SAFETY: each row of the input is three times `dimensions` long, and there is one more than `length`; offsets
    // into the room are below the sizes that `attend` asserts.
    unsafe {
        let part = |token: usize, part: usize, at: usize| S::load(job.input.add((3 * token + part) * dimensions + at));
        let mut largest = [S::splat(1e-20); 3];
        for token in 0..length {
            for (number, largest) in largest.iter_mut().enumerate() {
                for at in (0..dimensions).step_by(LANES) {
                    *largest = S::max(*largest, S::abs(part(token, number, at)));
                }
            }
        }
        let [query, key, value] = largest.map(|x| S::largest(x));
        let (to_query, to_key, to_value) =
            (S::splat(limit / query), S::splat(limit / key), S::splat(LARGEST_VALUE / value));
        // Past the last key it stands again: no score is above the largest for that.
        for token in 0..room.padded {
            let from = token.min(length - 1);
            let mut row = [0i16; LANES];
            for at in (0..dimensions).step_by(LANES) {
                S::store_halves(row.as_mut_ptr(), S::round(S::mul(part(from, 1, at), to_key)));
                for (pair, two) in row.as_chunks::<2>().0.iter().enumerate() {
                    let bits = u32::from(two[0].cast_unsigned()) | u32::from(two[1].cast_unsigned()) << 16;
                    *room.keys.add((at / 2 + pair) * room.padded + token) = bits.cast_signed();
                }
                let to = room.queries.add(token * dimensions + at);
                S::store_halves(to, S::round(S::mul(part(from, 0, at), to_query)));
            }
        }
        for token in (0..length).step_by(2) {
            for at in (0..dimensions).step_by(LANES) {
                let low = S::and(S::round(S::mul(part(token, 2, at), to_value)), S::splat_int(0xffff));
                let high = if token + 1 < length {
                    S::shift_left::<16>(S::round(S::mul(part(token + 1, 2, at), to_value)))
                } else {
                    S::splat_int(0)
                };
                S::store_int(room.values.add(token / 2 * dimensions + at), S::or(low, high));
            }
        }
        Scales { score: query * key / (limit * limit), value: value / (LARGEST_VALUE * ONE) }
    }
}

/// The products of some queries with all keys.
#[inline(always)]
unsafe fn score<S: Lanes>(job: &Attention, room: &Room, first: usize, queries: usize) {
    let (rows, columns) = S::ATTENTION;
    for query in (0..queries).step_by(rows) {
        let mut key = 0;
        while key < room.padded {
            let panels = columns.min((room.padded - key) / LANES);
            // SAFETY: queries past the last are in the room, and their scores too, for `rows` divides QUERIES.
            unsafe {
                match (rows, panels) {
                    (4, 4) => score_block::<S, 4, 4>(job, room, first, query, key),
                    (4, 3) => score_block::<S, 4, 3>(job, room, first, query, key),
                    (4, 2) => score_block::<S, 4, 2>(job, room, first, query, key),
                    (4, _) => score_block::<S, 4, 1>(job, room, first, query, key),
                    (2, 2) => score_block::<S, 2, 2>(job, room, first, query, key),
                    (2, _) => score_block::<S, 2, 1>(job, room, first, query, key),
                    (_, 2) => score_block::<S, 1, 2>(job, room, first, query, key),
                    _ => score_block::<S, 1, 1>(job, room, first, query, key),
                }
            }
            key += panels * LANES;
        }
    }
}

#[inline(always)]
unsafe fn score_block<S: Lanes, const R: usize, const C: usize>(
    job: &Attention,
    room: &Room,
    first: usize,
    query: usize,
    key: usize,
) {
    let pairs = job.dimensions / 2;
    // SAFETY: as `score` says.
    unsafe {
        let queries = room.queries.cast::<i32>().add((first + query) * pairs);
        let mut sums = [[S::splat_int(0); C]; R];
        for pair in 0..pairs {
            let mut keys = [S::splat_int(0); C];
            for (at, keys) in keys.iter_mut().enumerate() {
                *keys = S::load_int(room.keys.add(pair * room.padded + key + at * LANES));
            }
            for (at, sums) in sums.iter_mut().enumerate() {
                let x = S::splat_int(queries.add(at * pairs + pair).read_unaligned());
                for (sum, keys) in sums.iter_mut().zip(keys) {
                    *sum = S::dot_halves(*sum, x, keys);
                }
            }
        }
        for (at, sums) in sums.into_iter().enumerate() {
            for (panel, sum) in sums.into_iter().enumerate() {
                let to = room.scores.add((query + at) * room.padded + key + panel * LANES);
                S::store(to, S::to_float(sum));
            }
        }
    }
}

/// The scores of a query to weights that add up to [`ONE`], but for their rounding.
#[inline(always)]
unsafe fn softmax<S: Lanes>(job: &Attention, room: &Room, query: usize, scale: f32) {
    // SAFETY: both rows are `padded` long.
    unsafe {
        let (scores, weights) = (room.scores.add(query * room.padded), room.weights.add(query * room.padded));
        let mut largest = S::splat(f32::MIN);
        for at in (0..room.padded).step_by(LANES) {
            largest = S::max(largest, S::load(scores.add(at)));
        }
        let (largest, scale) = (S::splat(S::largest(largest)), S::splat(scale));
        let mut sum = S::splat(0.0);
        for at in (0..room.padded).step_by(LANES) {
            let e = exp2::<S>(S::mul(S::sub(S::load(scores.add(at)), largest), scale));
            let e = if at + LANES > job.length { S::first(e, job.length - at) } else { e };
            sum = S::add(sum, e);
            S::store(scores.add(at), e);
        }
        let share = S::splat(ONE / S::sum(sum));
        for at in (0..room.padded).step_by(LANES) {
            S::store_halves(weights.add(at), S::round(S::mul(S::load(scores.add(at)), share)));
        }
    }
}

/// The mean of the values of some queries, by their weights.
#[inline(always)]
unsafe fn weigh<S: Lanes>(job: &Attention, room: &Room, first: usize, queries: usize, scale: f32) {
    // Two vectors of values at a time, and as many rows as in `score`, twice those where registers are plenty.
    let rows = if S::ATTENTION.0 == 4 { 8 } else { S::ATTENTION.0 };
    for query in (0..queries).step_by(rows) {
        let mut at = 0;
        while at < job.dimensions {
            let panels = 2.min((job.dimensions - at) / LANES);
            // SAFETY: weights past the last query are in the room, and what comes of them is not written.
            unsafe {
                match (rows, panels) {
                    (8, 2) => weigh_block::<S, 8, 2>(job, room, first, query, queries, at, scale),
                    (8, _) => weigh_block::<S, 8, 1>(job, room, first, query, queries, at, scale),
                    (2, 2) => weigh_block::<S, 2, 2>(job, room, first, query, queries, at, scale),
                    (2, _) => weigh_block::<S, 2, 1>(job, room, first, query, queries, at, scale),
                    (_, 2) => weigh_block::<S, 1, 2>(job, room, first, query, queries, at, scale),
                    _ => weigh_block::<S, 1, 1>(job, room, first, query, queries, at, scale),
                }
            }
            at += panels * LANES;
        }
    }
}

#[inline(always)]
unsafe fn weigh_block<S: Lanes, const R: usize, const C: usize>(
    job: &Attention,
    room: &Room,
    first: usize,
    query: usize,
    queries: usize,
    at: usize,
    scale: f32,
) {
    // SAFETY: as `weigh` says.
    unsafe {
        let weights = room.weights.cast::<i32>().add(query * room.padded / 2);
        let mut sums = [[S::splat_int(0); C]; R];
        for pair in 0..job.length.div_ceil(2) {
            let mut values = [S::splat_int(0); C];
            for (panel, values) in values.iter_mut().enumerate() {
                *values = S::load_int(room.values.add(pair * job.dimensions + at + panel * LANES));
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let x = S::splat_int(weights.add(row * room.padded / 2 + pair).read_unaligned());
                for (sum, values) in sums.iter_mut().zip(values) {
                    *sum = S::dot_halves(*sum, x, values);
                }
            }
        }
        let scale = S::splat(scale);
        for (row, sums) in sums.into_iter().enumerate().take(queries - query) {
            let output = job.output.add((first + query + row) * job.stride + at);
            for (panel, sum) in sums.into_iter().enumerate() {
                S::store(output.add(panel * LANES), S::mul(S::to_float(sum), scale));
            }
        }
    }
}
