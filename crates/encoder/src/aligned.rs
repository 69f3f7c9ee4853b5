//! Buffers that begin at a cache line, so that no load of a vector register crosses two lines.

// The elements are those of lines of bytes.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// The alignment of buffers in bytes.
pub const ALIGNMENT: usize = 64;

#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([u8; ALIGNMENT]);

/// A type that any bytes are a value of.
///
/// # Safety
/// There must be no invalid values, no padding, and the size must divide [`ALIGNMENT`].
pub unsafe trait Number: Copy + Default {}

// SAFETY: u8 has neither invalid values nor padding, and its size is a power of two.
unsafe impl Number for u8 {}
// SAFETY: i16 has neither invalid values nor padding, and its size is a power of two.
unsafe impl Number for i16 {}
// SAFETY: i32 has neither invalid values nor padding, and its size is a power of two.
unsafe impl Number for i32 {}
// SAFETY: f32 has neither invalid values nor padding, and its size is a power of two.
unsafe impl Number for f32 {}

/// A growable buffer of numbers that begins at a multiple of [`ALIGNMENT`].
pub struct Aligned<T> {
    lines: Vec<Line>,
    length: usize,
    of: PhantomData<T>,
}

impl<T: Number> Aligned<T> {
    /// Makes the buffer at least `length` numbers long; new ones are zero.
    pub fn grow(&mut self, length: usize) {
        if self.length < length {
            let lines = (length * size_of::<T>()).div_ceil(ALIGNMENT);
            self.lines.resize(lines, Line([0; ALIGNMENT]));
            self.length = length;
        }
    }
}

impl<T> Default for Aligned<T> {
    fn default() -> Self {
        Self {
            lines: Vec::new(),
            length: 0,
            of: PhantomData,
        }
    }
}

impl<T: Number> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: the lines have room for `length` numbers, and any initialized bytes are numbers.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.length) }
    }
}

impl<T: Number> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above; the lines are borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.length) }
    }
}

impl<T: Number> From<&[T]> for Aligned<T> {
    fn from(numbers: &[T]) -> Self {
        let mut aligned = Self::default();
        aligned.grow(numbers.len());
        aligned.copy_from_slice(numbers);
        aligned
    }
}

impl<T: Number> From<Vec<T>> for Aligned<T> {
    fn from(numbers: Vec<T>) -> Self {
        Self::from(&numbers[..])
    }
}

impl<T: Number> FromIterator<T> for Aligned<T> {
    fn from_iter<I: IntoIterator<Item = T>>(numbers: I) -> Self {
        Self::from(numbers.into_iter().collect::<Vec<_>>())
    }
}

impl<T: Number> Clone for Aligned<T> {
    fn clone(&self) -> Self {
        Self {
            lines: self.lines.clone(),
            ..*self
        }
    }
}

impl<T: Number + std::fmt::Debug> std::fmt::Debug for Aligned<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

/// Bytes of a file that is part of the program, or of a buffer.
#[derive(Debug)]
pub enum Bytes {
    /// Part of a file, wherever it begins.
    File(&'static [u8]),
    /// A buffer.
    Own(Aligned<u8>),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::File(bytes) => bytes,
            Self::Own(bytes) => bytes,
        }
    }
}
