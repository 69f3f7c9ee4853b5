//! The memory a build needs is close to its estimate.

mod common;

use common::Random;
use index::{Builder, Params, VectorFile, WriteOptions, graph};
use std::alloc::{GlobalAlloc, Layout, System};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes allocated now.
static ALLOCATED: AtomicUsize = AtomicUsize::new(0);
/// The most bytes allocated at once.
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The system allocator, with counters.
struct Counting;

#[expect(unsafe_code, reason = "GlobalAlloc is an unsafe trait")]
// SAFETY: every call is passed on unchanged to the system allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let allocated = ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(allocated, Ordering::Relaxed);
        // SAFETY: the caller upholds the contract of `GlobalAlloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller upholds the contract of `GlobalAlloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn build_memory_is_at_most_the_estimate_and_at_least_half_of_it() {
    let (batch, hnsw_rs) = (Builder::Batch, Builder::HnswRs);
    for (rows, dimensions, m, builder) in [
        (10_000, 384, 16, batch),
        (10_000, 64, 16, batch),
        (6_000, 256, 48, batch),
        (4_000, 384, 16, hnsw_rs),
        (4_000, 64, 48, hnsw_rs),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let params = Params {
            m,
            ef_construction: 40,
            builder,
            ..Params::default()
        };
        let path = common::write(
            &WriteOptions::default(),
            folder.path(),
            &Random(7).clustered(rows / 100, 100, 0.3, dimensions),
        );
        let vectors = VectorFile::open(&path).unwrap();
        let before = ALLOCATED.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        let graph = graph::build(&vectors, params, 2, &|_, _| ControlFlow::Continue(())).unwrap();
        let peak = PEAK.load(Ordering::Relaxed) - before;
        let estimate = graph::estimate_build_memory(rows, dimensions, params) as usize;
        assert!(
            peak <= estimate && peak * 2 >= estimate,
            "{rows} of {dimensions}, m {m}, {builder:?}: {peak} bytes, estimate {estimate}"
        );
        drop(graph);
    }
}
