//! What a fuzzer calls: nothing of it may panic, run long or need much memory, whatever the bytes.

use crate::{Context, Found, Kind, detect, is_prose, kind_name, read, unreadable};
use std::ops::ControlFlow;

/// Reads `data` as a file of one kind; parts of it are read as well, as what they seem to be.
pub fn fuzz_kind(kind: Kind, data: &[u8]) {
    go(kind, data, 0, &mut 0);
}

/// The first byte chooses the kind, the rest is the file.
pub fn fuzz_any(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    let kind = Kind::ALL.get(usize::from(first) % Kind::ALL.len()).copied().unwrap_or(Kind::Zip);
    let _ = (detect("a", rest), unreadable("a", rest), kind_name("a", rest), is_prose(&String::from_utf8_lossy(rest)));
    fuzz_kind(kind, rest);
}

fn go(kind: Kind, data: &[u8], depth: u32, parts: &mut usize) {
    let html = |page: &str| (String::new(), page.to_owned());
    let context = Context { html: &html, limit: 1 << 20, unpacked: 8 << 20, depth };
    let _ = read(kind, data, &context, &mut |item| {
        if let Ok(Found::Part(part)) = item {
            *parts += 1;
            if depth < 3
                && *parts < 100
                && let Some(kind) = detect(&part.name, &part.bytes)
            {
                go(kind, &part.bytes, depth + 1, parts);
            }
        }
        ControlFlow::Continue(())
    });
}
