//! The tiles of AMX: whether the system lets this process use them, and their configuration.

// A system call asks for permission.
#![allow(unsafe_code)]

use std::sync::OnceLock;

/// The operand of LDTILECFG.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct TileConfig {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes_per_row: [u16; 16],
    rows: [u8; 16],
}

/// The rows of a tile under [`TILE_CONFIG`].
pub const TILE_ROWS: usize = 16;
/// The bytes of a row of a tile under [`TILE_CONFIG`].
pub const TILE_ROW_BYTES: usize = 64;

/// Gives all eight tiles [`TILE_ROWS`] rows of [`TILE_ROW_BYTES`].
pub static TILE_CONFIG: TileConfig = TileConfig {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    bytes_per_row: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// Whether the processor has tiles and their instructions for bytes, and the system lets this
/// process use them. Asks once.
pub(crate) fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    // Miri does not support inline assembly, and tiles have no other interface.
    *AVAILABLE.get_or_init(|| !cfg!(miri) && has_tiles() && is_permitted())
}

fn has_tiles() -> bool {
    use std::arch::x86_64::{__cpuid, __cpuid_count};
    const TILES_AND_BYTES: u32 = 1 << 24 | 1 << 25;
    __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & TILES_AND_BYTES == TILES_AND_BYTES
}

/// Asks the system for permission. Linux gives it to a process with all its threads, unless a
/// thread's alternate signal stack has no room for the tiles.
fn is_permitted() -> bool {
    const REQUEST_PERMISSION: libc::c_long = 0x1023;
    const TILE_DATA: libc::c_long = 18;
    // SAFETY: this system call takes two integers, and only changes which instructions the process
    // may use.
    unsafe { libc::syscall(libc::SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0 }
}
