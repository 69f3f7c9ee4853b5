//! One attention head over one text, in 16-bit integers.
//!
//! Queries and keys are rounded to as many bits as their dot products allow without overflow;
//! softmax weights and values to fifteen. This is more precise than bfloat16, and gives the same
//! result on every processor.

use super::functions::exp2;
use crate::lanes::{LANES, Lanes};

/// What the integer softmax weights of a row sum to, up to rounding.
const WEIGHT_SUM: f32 = 32_767.0;
/// The largest quantized value.
const MAX_VALUE: f32 = 32_000.0;
/// Queries processed together.
const QUERY_BLOCK: usize = 8;

/// One head over one text.
pub struct Attention {
    /// For each token its query, key and value, concatenated.
    pub input: *const f32,
    /// The length of each of them: a multiple of [`LANES`].
    pub dimensions: usize,
    /// The number of tokens.
    pub length: usize,
    /// What is added to the softmax scores by the distance of key and query: points to that of
    /// distance 0. Readable for all distances, and up to [`LANES`] beyond the last key.
    pub bias: Option<*const f32>,
    /// Receives the output of this head, starting at its columns of the first token's row.
    pub output: *mut f32,
    /// The distance between output rows in floats.
    pub stride: usize,
}

/// Buffers for one head.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The queries, one row each.
    queries: Vec<i16>,
    /// The keys, in pairs of dimensions: for each pair, the two values of every token.
    keys: Vec<i32>,
    /// The values, in pairs of tokens: for each pair, the two values of every dimension.
    values: Vec<i32>,
    /// The scores of [`QUERY_BLOCK`] queries, one row of a number per token each.
    scores: Vec<f32>,
    /// The softmax weights of the same queries.
    weights: Vec<i16>,
}

impl Scratch {
    /// Makes room for texts of `length` tokens.
    pub fn reserve(&mut self, length: usize, dimensions: usize) {
        let padded = length.next_multiple_of(LANES);
        grow(&mut self.queries, (padded + QUERY_BLOCK) * dimensions);
        grow(&mut self.keys, padded * dimensions / 2);
        grow(&mut self.values, padded / 2 * dimensions);
        grow(&mut self.scores, QUERY_BLOCK * padded);
        grow(&mut self.weights, QUERY_BLOCK * padded);
    }
}

fn grow<T: Clone + Default>(buffer: &mut Vec<T>, length: usize) {
    if buffer.len() < length {
        buffer.resize(length, T::default());
    }
}

/// Computes one head.
///
/// # Safety
/// The contract of [`Lanes`]; pointers must be valid for the rows that the fields of [`Attention`]
/// describe. `scratch` must have been reserved for as many tokens and dimensions.
#[inline(always)]
pub unsafe fn attend<S: Lanes>(job: &Attention, scratch: &mut Scratch) {
    let (length, dimensions) = (job.length, job.dimensions);
    let padded = length.next_multiple_of(LANES);
    assert!(length > 0 && scratch.scores.len() >= QUERY_BLOCK * padded);
    assert!(
        scratch.queries.len() >= (padded + QUERY_BLOCK) * dimensions
            && scratch.values.len() >= padded / 2 * dimensions
    );
    let buffers = Buffers {
        padded,
        queries: scratch.queries.as_mut_ptr(),
        keys: scratch.keys.as_mut_ptr(),
        values: scratch.values.as_mut_ptr(),
        scores: scratch.scores.as_mut_ptr(),
        weights: scratch.weights.as_mut_ptr(),
    };
    // SAFETY: the assertions above guarantee room for `padded` tokens, and `first` is below
    // `length`.
    unsafe {
        let scales = quantize::<S>(job, &buffers);
        for first in (0..length).step_by(QUERY_BLOCK) {
            let queries = QUERY_BLOCK.min(length - first);
            score::<S>(job, &buffers, first, queries);
            for query in 0..queries {
                softmax::<S>(job, &buffers, first, query, scales.score);
            }
            weighted_sum::<S>(job, &buffers, first, queries, scales.value);
        }
    }
}

/// Pointers to the parts of [`Scratch`].
struct Buffers {
    /// The number of tokens, rounded up to a multiple of [`LANES`].
    padded: usize,
    queries: *mut i16,
    keys: *mut i32,
    values: *mut i32,
    scores: *mut f32,
    weights: *mut i16,
}

/// The scales of integer scores and weighted sums.
struct Scales {
    score: f32,
    value: f32,
}

/// Quantizes queries, keys and values.
#[inline(always)]
unsafe fn quantize<S: Lanes>(job: &Attention, buffers: &Buffers) -> Scales {
    let (length, dimensions) = (job.length, job.dimensions);
    // The largest value for which a sum of `dimensions` products fits an i32.
    let limit = (f64::from(i32::MAX) / dimensions as f64).sqrt().floor() as f32;
    // SAFETY: each row of the input is three times `dimensions` long, and there is one more than
    // `length`; offsets into the buffers are below the sizes that `attend` asserts.
    unsafe {
        let part = |token: usize, part: usize, at: usize| {
            S::load(job.input.add((3 * token + part) * dimensions + at))
        };
        let mut largest = [S::splat(1e-20); 3];
        for token in 0..length {
            for (number, largest) in largest.iter_mut().enumerate() {
                for at in (0..dimensions).step_by(LANES) {
                    *largest = S::max(*largest, S::abs(part(token, number, at)));
                }
            }
        }
        let [query, key, value] = largest.map(|x| S::reduce_max(x));
        let (to_query, to_key, to_value) = (
            S::splat(limit / query),
            S::splat(limit / key),
            S::splat(MAX_VALUE / value),
        );
        // Padding repeats the last key, so that it does not change the largest score.
        for token in 0..buffers.padded {
            let from = token.min(length - 1);
            let mut row = [0i16; LANES];
            for at in (0..dimensions).step_by(LANES) {
                S::store_i16(
                    row.as_mut_ptr(),
                    S::round(S::mul(part(from, 1, at), to_key)),
                );
                for (pair, two) in row.as_chunks::<2>().0.iter().enumerate() {
                    let bits =
                        u32::from(two[0].cast_unsigned()) | u32::from(two[1].cast_unsigned()) << 16;
                    *buffers.keys.add((at / 2 + pair) * buffers.padded + token) =
                        bits.cast_signed();
                }
                let to = buffers.queries.add(token * dimensions + at);
                S::store_i16(to, S::round(S::mul(part(from, 0, at), to_query)));
            }
        }
        for token in (0..length).step_by(2) {
            for at in (0..dimensions).step_by(LANES) {
                let low = S::and(
                    S::round(S::mul(part(token, 2, at), to_value)),
                    S::splat_int(0xffff),
                );
                let high = if token + 1 < length {
                    S::shift_left::<16>(S::round(S::mul(part(token + 1, 2, at), to_value)))
                } else {
                    S::splat_int(0)
                };
                S::store_int(
                    buffers.values.add(token / 2 * dimensions + at),
                    S::or(low, high),
                );
            }
        }
        Scales {
            score: query * key / (limit * limit),
            value: value / (MAX_VALUE * WEIGHT_SUM),
        }
    }
}

/// Computes the dot products of a block of queries with all keys.
#[inline(always)]
unsafe fn score<S: Lanes>(job: &Attention, buffers: &Buffers, first: usize, queries: usize) {
    let (rows, columns) = S::ATTENTION_BLOCK;
    for query in (0..queries).step_by(rows) {
        let mut key = 0;
        while key < buffers.padded {
            let panels = columns.min((buffers.padded - key) / LANES);
            // SAFETY: queries past the last and their scores are within the buffers, since `rows`
            // divides QUERY_BLOCK.
            unsafe {
                match (rows, panels) {
                    (4, 4) => score_block::<S, 4, 4>(job, buffers, first, query, key),
                    (4, 3) => score_block::<S, 4, 3>(job, buffers, first, query, key),
                    (4, 2) => score_block::<S, 4, 2>(job, buffers, first, query, key),
                    (4, _) => score_block::<S, 4, 1>(job, buffers, first, query, key),
                    (2, 2) => score_block::<S, 2, 2>(job, buffers, first, query, key),
                    (2, _) => score_block::<S, 2, 1>(job, buffers, first, query, key),
                    (_, 2) => score_block::<S, 1, 2>(job, buffers, first, query, key),
                    _ => score_block::<S, 1, 1>(job, buffers, first, query, key),
                }
            }
            key += panels * LANES;
        }
    }
}

#[inline(always)]
unsafe fn score_block<S: Lanes, const R: usize, const C: usize>(
    job: &Attention,
    buffers: &Buffers,
    first: usize,
    query: usize,
    key: usize,
) {
    let pairs = job.dimensions / 2;
    // SAFETY: as in `score`.
    unsafe {
        let queries = buffers.queries.cast::<i32>().add((first + query) * pairs);
        let mut sums = [[S::splat_int(0); C]; R];
        for pair in 0..pairs {
            let mut keys = [S::splat_int(0); C];
            for (at, keys) in keys.iter_mut().enumerate() {
                *keys = S::load_int(buffers.keys.add(pair * buffers.padded + key + at * LANES));
            }
            for (at, sums) in sums.iter_mut().enumerate() {
                let x = S::splat_int(queries.add(at * pairs + pair).read_unaligned());
                for (sum, keys) in sums.iter_mut().zip(keys) {
                    *sum = S::dot_i16(*sum, x, keys);
                }
            }
        }
        for (at, sums) in sums.into_iter().enumerate() {
            for (panel, sum) in sums.into_iter().enumerate() {
                let to = buffers
                    .scores
                    .add((query + at) * buffers.padded + key + panel * LANES);
                S::store(to, S::to_float(sum));
            }
        }
    }
}

/// Converts the scores of a query to softmax weights that sum to [`WEIGHT_SUM`], up to rounding.
#[inline(always)]
unsafe fn softmax<S: Lanes>(
    job: &Attention,
    buffers: &Buffers,
    first: usize,
    query: usize,
    scale: f32,
) {
    // SAFETY: both rows are `padded` long; the bias reaches from the first key to the last read.
    unsafe {
        let (scores, weights) = (
            buffers.scores.add(query * buffers.padded),
            buffers.weights.add(query * buffers.padded),
        );
        let scale = match job.bias {
            None => scale,
            Some(bias) => {
                let bias = bias.sub(first + query);
                for at in (0..buffers.padded).step_by(LANES) {
                    let score = S::mul_add(
                        S::load(scores.add(at)),
                        S::splat(scale),
                        S::load(bias.add(at)),
                    );
                    S::store(scores.add(at), score);
                }
                1.0
            }
        };
        let mut largest = S::splat(f32::MIN);
        for at in (0..buffers.padded).step_by(LANES) {
            largest = S::max(largest, S::load(scores.add(at)));
        }
        let (largest, scale) = (S::splat(S::reduce_max(largest)), S::splat(scale));
        let mut sum = S::splat(0.0);
        for at in (0..buffers.padded).step_by(LANES) {
            let e = exp2::<S>(S::mul(S::sub(S::load(scores.add(at)), largest), scale));
            let e = if at + LANES > job.length {
                S::keep_first(e, job.length - at)
            } else {
                e
            };
            sum = S::add(sum, e);
            S::store(scores.add(at), e);
        }
        let share = S::splat(WEIGHT_SUM / S::reduce_sum(sum));
        for at in (0..buffers.padded).step_by(LANES) {
            S::store_i16(
                weights.add(at),
                S::round(S::mul(S::load(scores.add(at)), share)),
            );
        }
    }
}

/// Computes the weighted sum of the values for a block of queries.
#[inline(always)]
unsafe fn weighted_sum<S: Lanes>(
    job: &Attention,
    buffers: &Buffers,
    first: usize,
    queries: usize,
    scale: f32,
) {
    // Two vectors of values at a time, and as many rows as in `score`, or twice as many with
    // AVX-512 and NEON, which have 32 registers.
    let rows = if S::ATTENTION_BLOCK.0 == 4 {
        8
    } else {
        S::ATTENTION_BLOCK.0
    };
    for query in (0..queries).step_by(rows) {
        let mut at = 0;
        while at < job.dimensions {
            let panels = 2.min((job.dimensions - at) / LANES);
            // SAFETY: weights past the last query are within the buffers, and their results are not
            // written.
            unsafe {
                match (rows, panels) {
                    (8, 2) => weighted_sum_block::<S, 8, 2>(
                        job, buffers, first, query, queries, at, scale,
                    ),
                    (8, _) => weighted_sum_block::<S, 8, 1>(
                        job, buffers, first, query, queries, at, scale,
                    ),
                    (2, 2) => weighted_sum_block::<S, 2, 2>(
                        job, buffers, first, query, queries, at, scale,
                    ),
                    (2, _) => weighted_sum_block::<S, 2, 1>(
                        job, buffers, first, query, queries, at, scale,
                    ),
                    (_, 2) => weighted_sum_block::<S, 1, 2>(
                        job, buffers, first, query, queries, at, scale,
                    ),
                    _ => weighted_sum_block::<S, 1, 1>(
                        job, buffers, first, query, queries, at, scale,
                    ),
                }
            }
            at += panels * LANES;
        }
    }
}

#[inline(always)]
unsafe fn weighted_sum_block<S: Lanes, const R: usize, const C: usize>(
    job: &Attention,
    buffers: &Buffers,
    first: usize,
    query: usize,
    queries: usize,
    at: usize,
    scale: f32,
) {
    // SAFETY: as in `weighted_sum`.
    unsafe {
        let weights = buffers
            .weights
            .cast::<i32>()
            .add(query * buffers.padded / 2);
        let mut sums = [[S::splat_int(0); C]; R];
        for pair in 0..job.length.div_ceil(2) {
            let mut values = [S::splat_int(0); C];
            for (panel, values) in values.iter_mut().enumerate() {
                *values = S::load_int(
                    buffers
                        .values
                        .add(pair * job.dimensions + at + panel * LANES),
                );
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let x = S::splat_int(
                    weights
                        .add(row * buffers.padded / 2 + pair)
                        .read_unaligned(),
                );
                for (sum, values) in sums.iter_mut().zip(values) {
                    *sum = S::dot_i16(*sum, x, values);
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
