//! One attention head over one text, in 16-bit integers.
//!
//! Queries and keys are rounded to as many bits as their dot products allow without overflow;
//! softmax weights and values to fifteen. This is more precise than bfloat16, and gives the same
//! result on every processor.

use super::functions::exp2;
use crate::aligned::Aligned;
use crate::lanes::{LANES, Lanes};

/// What the integer softmax weights of a row sum to, up to rounding.
const WEIGHT_SUM: f32 = 32_767.0;
/// The largest quantized value.
const MAX_VALUE: f32 = 32_000.0;
/// Queries processed together.
pub const QUERY_BLOCK: usize = 16;
/// Tokens whose weights and values are multiplied together, at most.
const WIDEST_STEP: usize = 64;

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
    queries: Aligned<i16>,
    /// The keys, in pairs of dimensions: for each pair, the two values of every token.
    keys: Aligned<i32>,
    /// The values, in pairs of tokens: for each pair, the two values of every dimension.
    values: Aligned<i32>,
    /// The scores of [`QUERY_BLOCK`] queries, one row of a number per token each.
    scores: Aligned<f32>,
    /// The softmax weights of the same queries.
    weights: Aligned<i16>,
    /// For [`Buffers::planes`].
    planes: Aligned<u8>,
    /// For [`Buffers::tiles`].
    tiles: Aligned<u8>,
}

impl Scratch {
    /// Makes room for texts of `length` tokens.
    pub fn reserve(&mut self, length: usize, dimensions: usize) {
        let padded = length.next_multiple_of(LANES);
        self.queries.grow((padded + QUERY_BLOCK) * dimensions);
        self.keys.grow(padded * dimensions / 2);
        self.values.grow(padded / 2 * dimensions);
        self.scores.grow(QUERY_BLOCK * padded);
        self.weights.grow(QUERY_BLOCK * padded + WIDEST_STEP);
        let steps = length.next_multiple_of(WIDEST_STEP);
        self.planes.grow(2 * QUERY_BLOCK * steps);
        self.tiles.grow(2 * dimensions * steps);
    }
}

/// Adds the values of a head up, weighted.
pub trait WeightedSum {
    /// Prepares the quantized values.
    ///
    /// # Safety
    /// The processor must support the instructions; the values must be in the buffers, which are as
    /// large as [`Scratch::reserve`] makes them for the text.
    unsafe fn prepare(job: &Attention, buffers: &Buffers);
    /// Computes the outputs of `queries` queries from `first` on, whose weights are in the buffers.
    ///
    /// # Safety
    /// As [`Self::prepare`], which must have been called; the output must have the rows.
    unsafe fn add_up(job: &Attention, buffers: &Buffers, first: usize, queries: usize, scale: f32);
}

/// Computes one head.
///
/// # Safety
/// The contract of [`Lanes`]; pointers must be valid for the rows that the fields of [`Attention`]
/// describe. `scratch` must have been reserved for as many tokens and dimensions.
#[inline(always)]
pub unsafe fn attend<S: Lanes, W: WeightedSum>(job: &Attention, scratch: &mut Scratch) {
    let (length, dimensions) = (job.length, job.dimensions);
    let padded = length.next_multiple_of(LANES);
    assert!(length > 0 && scratch.scores.len() >= QUERY_BLOCK * padded);
    assert!(
        scratch.queries.len() >= (padded + QUERY_BLOCK) * dimensions
            && scratch.values.len() >= padded / 2 * dimensions
    );
    let steps = length.next_multiple_of(WIDEST_STEP);
    assert!(
        scratch.weights.len() >= QUERY_BLOCK * padded + WIDEST_STEP
            && scratch.planes.len() >= 2 * QUERY_BLOCK * steps
            && scratch.tiles.len() >= 2 * dimensions * steps
    );
    let buffers = Buffers {
        padded,
        queries: scratch.queries.as_mut_ptr(),
        keys: scratch.keys.as_mut_ptr(),
        values: scratch.values.as_mut_ptr(),
        scores: scratch.scores.as_mut_ptr(),
        weights: scratch.weights.as_mut_ptr(),
        planes: scratch.planes.as_mut_ptr(),
        tiles: scratch.tiles.as_mut_ptr(),
    };
    // SAFETY: the assertions above guarantee room for `padded` tokens, and `first` is below
    // `length`.
    unsafe {
        let scales = quantize::<S>(job, &buffers);
        W::prepare(job, &buffers);
        for first in (0..length).step_by(QUERY_BLOCK) {
            let queries = QUERY_BLOCK.min(length - first);
            score::<S>(job, &buffers, first, queries);
            let mut query = 0;
            while query < queries {
                let together = S::ATTENTION_BLOCK.0;
                let rows = if query + together <= queries {
                    together
                } else {
                    1
                };
                match rows {
                    4 => softmax::<S, 4>(job, &buffers, first, query, scales.score),
                    2 => softmax::<S, 2>(job, &buffers, first, query, scales.score),
                    _ => softmax::<S, 1>(job, &buffers, first, query, scales.score),
                }
                query += rows;
            }
            W::add_up(job, &buffers, first, queries, scales.value);
        }
    }
}

/// Pointers to the parts of [`Scratch`].
pub struct Buffers {
    /// The number of tokens, rounded up to a multiple of [`LANES`].
    pub padded: usize,
    queries: *mut i16,
    keys: *mut i32,
    /// In pairs of tokens: for each pair, the two values of every dimension.
    pub values: *mut i32,
    scores: *mut f32,
    /// A row of `padded` weights for each of [`QUERY_BLOCK`] queries.
    pub weights: *mut i16,
    /// Room for the weights in another form.
    pub planes: *mut u8,
    /// Room for the values in another form.
    pub tiles: *mut u8,
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
        let [query, key, value] = largest_values::<S>(job);
        let (to_query, to_key, to_value) = (
            S::splat(limit / query),
            S::splat(limit / key),
            S::splat(MAX_VALUE / value),
        );
        let part = |token: usize, part: usize, at: usize| {
            job.input.add((3 * token + part) * dimensions + at)
        };
        // Padding repeats the last token, so that it does not change the largest score.
        for token in 0..buffers.padded {
            let from = token.min(length - 1);
            for at in (0..dimensions).step_by(LANES) {
                let x = S::mul(S::load(part(from, 0, at)), to_query);
                S::store_i16(buffers.queries.add(token * dimensions + at), S::round(x));
            }
        }
        for at in (0..dimensions).step_by(2 * LANES) {
            let panels = 2.min((dimensions - at) / LANES);
            for token in (0..buffers.padded).step_by(LANES) {
                let mut pairs = [S::splat_int(0); LANES];
                for (row, pairs) in pairs.iter_mut().enumerate() {
                    let from = (token + row).min(length - 1);
                    let mut keys = [0i16; 2 * LANES];
                    for panel in 0..panels {
                        let x = S::mul(S::load(part(from, 1, at + panel * LANES)), to_key);
                        S::store_i16(keys.as_mut_ptr().add(panel * LANES), S::round(x));
                    }
                    *pairs = S::load_int(keys.as_ptr().cast());
                }
                let columns = S::transpose(pairs);
                for (pair, column) in columns.iter().enumerate().take(panels * LANES / 2) {
                    let to = (at / 2 + pair) * buffers.padded + token;
                    S::store_int(buffers.keys.add(to), *column);
                }
            }
        }
        for token in (0..length).step_by(2) {
            for at in (0..dimensions).step_by(LANES) {
                let low = S::and(
                    S::round(S::mul(S::load(part(token, 2, at)), to_value)),
                    S::splat_int(0xffff),
                );
                let high = if token + 1 < length {
                    S::shift_left::<16>(S::round(S::mul(S::load(part(token + 1, 2, at)), to_value)))
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

/// The largest absolute value of the queries, of the keys, and of the values.
#[inline(always)]
unsafe fn largest_values<S: Lanes>(job: &Attention) -> [f32; 3] {
    // SAFETY: each row of the input is three times `dimensions` long.
    unsafe {
        let mut largest = [1e-20; 3];
        for (part, largest) in largest.iter_mut().enumerate() {
            for at in (0..job.dimensions).step_by(LANES) {
                let from = job.input.add(part * job.dimensions + at);
                let load = |token: usize| S::abs(S::load(from.add(3 * token * job.dimensions)));
                let (mut even, mut odd) = (S::splat(*largest), S::splat(*largest));
                for token in (0..job.length).step_by(2) {
                    even = S::max(even, load(token));
                    odd = S::max(odd, load((token + 1).min(job.length - 1)));
                }
                *largest = S::reduce_max(S::max(even, odd));
            }
        }
        largest
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

/// Converts the scores of `R` queries to softmax weights that sum to [`WEIGHT_SUM`], up to rounding.
#[inline(always)]
unsafe fn softmax<S: Lanes, const R: usize>(
    job: &Attention,
    buffers: &Buffers,
    first: usize,
    query: usize,
    scale: f32,
) {
    let padded = buffers.padded;
    // SAFETY: all rows are `padded` long; the bias reaches from the first key to the last read.
    unsafe {
        let (scores, weights) = (
            buffers.scores.add(query * padded),
            buffers.weights.add(query * padded),
        );
        let scale = match job.bias {
            None => scale,
            Some(bias) => {
                for row in 0..R {
                    let bias = bias.sub(first + query + row);
                    for at in (0..padded).step_by(LANES) {
                        let score = scores.add(row * padded + at);
                        let biased =
                            S::mul_add(S::load(score), S::splat(scale), S::load(bias.add(at)));
                        S::store(score, biased);
                    }
                }
                1.0
            }
        };
        let mut largest = [S::splat(f32::MIN); R];
        for at in (0..padded).step_by(LANES) {
            for (row, largest) in largest.iter_mut().enumerate() {
                *largest = S::max(*largest, S::load(scores.add(row * padded + at)));
            }
        }
        for largest in &mut largest {
            *largest = S::splat(S::reduce_max(*largest));
        }
        let mut sums = [S::splat(0.0); R];
        let mut at = 0;
        while at + 2 * LANES <= padded {
            exponentials::<S, R, 2>(job.length, padded, scores, at, &largest, scale, &mut sums);
            at += 2 * LANES;
        }
        if at < padded {
            exponentials::<S, R, 1>(job.length, padded, scores, at, &largest, scale, &mut sums);
        }
        let mut share = [S::splat(0.0); R];
        for (share, sum) in share.iter_mut().zip(sums) {
            *share = S::splat(WEIGHT_SUM / S::reduce_sum(sum));
        }
        for at in (0..padded).step_by(LANES) {
            for (row, share) in share.into_iter().enumerate() {
                let e = S::load(scores.add(row * padded + at));
                let to = weights.add(row * padded + at);
                S::store_i16(to, S::round(S::mul(e, share)));
            }
        }
    }
}

/// Replaces `16·C` scores of `R` queries by the powers of two of their differences to the largest
/// ones, adds these to the sums, and sets those past the last key to zero.
#[inline(always)]
unsafe fn exponentials<S: Lanes, const R: usize, const C: usize>(
    length: usize,
    padded: usize,
    scores: *mut f32,
    at: usize,
    largest: &[S::F; R],
    scale: f32,
    sums: &mut [S::F; R],
) {
    // SAFETY: all rows are `padded` long, and `at` is the first of `C` panels.
    unsafe {
        let mut x = [[S::splat(0.0); C]; R];
        for row in 0..R {
            for panel in 0..C {
                let score = S::load(scores.add(row * padded + at + panel * LANES));
                x[row][panel] = S::mul(S::sub(score, largest[row]), S::splat(scale));
            }
        }
        let powers = exp2::<S, R, C>(x);
        for row in 0..R {
            for panel in 0..C {
                let at = at + panel * LANES;
                let e = if at + LANES > length {
                    S::keep_first(powers[row][panel], length - at)
                } else {
                    powers[row][panel]
                };
                sums[row] = S::add(sums[row], e);
                S::store(scores.add(row * padded + at), e);
            }
        }
    }
}

/// Sums of pairs of 16-bit numbers in lanes.
pub struct Pairs<S>(std::marker::PhantomData<S>);

impl<S: Lanes> WeightedSum for Pairs<S> {
    #[inline(always)]
    unsafe fn prepare(_: &Attention, _: &Buffers) {}

    #[inline(always)]
    unsafe fn add_up(job: &Attention, buffers: &Buffers, first: usize, queries: usize, scale: f32) {
        // SAFETY: the caller's contract.
        unsafe { weighted_sum::<S>(job, buffers, first, queries, scale) }
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
