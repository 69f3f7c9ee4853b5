//! What building a graph needs is what was said beforehand.

mod common;

use common::Random;
use index::{Builder, Files, Params, VectorFile, graph};
use std::alloc::{GlobalAlloc, Layout, System};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many bytes are held now, and how many were at most.
static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[expect(unsafe_code, reason = "an allocator cannot be written without")]
// SAFETY: everything is asked of the system's allocator, as it was asked of this one.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller's own promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's own promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn a_build_needs_no_more_than_was_said_and_not_much_less() {
    let (batch, hnsw_rs) = (Builder::Batch, Builder::HnswRs);
    for (rows, dimensions, m, builder) in [
        (10_000, 384, 16, batch),
        (10_000, 64, 16, batch),
        (6_000, 256, 48, batch),
        (4_000, 384, 16, hnsw_rs),
        (4_000, 64, 48, hnsw_rs),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let params = Params { m, ef_construction: 40, builder, ..Params::default() };
        let path =
            common::write(&Files::default(), folder.path(), &Random(7).clustered(rows / 100, 100, 0.3, dimensions));
        let vectors = VectorFile::open(&path).unwrap();
        let before = HELD.load(Ordering::Relaxed);
        MOST.store(before, Ordering::Relaxed);
        let graph = graph::build(&vectors, params, 2, &|_, _| ControlFlow::Continue(())).unwrap();
        let (most, said) = (MOST.load(Ordering::Relaxed) - before, graph::memory(rows, dimensions, params) as usize);
        assert!(
            most <= said && most * 2 >= said,
            "{rows} of {dimensions}, m {m}, {builder:?}: {most} bytes, {said} were said"
        );
        drop(graph);
    }
}
