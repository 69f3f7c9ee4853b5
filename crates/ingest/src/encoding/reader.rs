//! Streaming transcoding to UTF-8.

use super::detect::{Detected, detect};
use super::utf32::Utf32;
use crate::source::Source;
use crate::{Error, Result};
use disk::PathError;
use encoding_rs_io::DecodeReaderBytesBuilder;
use notes::Note;
use std::fs::File;
use std::io::{self, Cursor, Read};

/// How many bytes of a file determine its encoding.
const HEAD_BYTES: usize = 1 << 16;

/// Opens a file as UTF-8 without a byte-order mark, with a note if the encoding is a guess. If the
/// file begins as UTF-8, later bytes that are not UTF-8 are passed on unchanged.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::Binary`] if it is not text.
pub fn reader(source: &Source) -> Result<(Box<dyn Read>, Option<Note>)> {
    let io = |error| PathError::at(&source.path)(error);
    let mut file = File::open(&source.path).map_err(io)?;
    let mut head = Vec::new();
    file.by_ref()
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)
        .map_err(io)?;
    let mut note = None;
    let encoding = match detect(&head, head.len() < HEAD_BYTES) {
        Detected::Known(encoding) => Some(encoding),
        Detected::Guess(encoding) => {
            note = Some(super::guess_note(source, encoding));
            Some(encoding)
        }
        Detected::Utf32(order) => {
            let whole = Cursor::new(head).chain(file);
            return Ok((
                Box::new(Utf32Reader {
                    whole,
                    order,
                    ready: Vec::new(),
                    begun: false,
                }),
                None,
            ));
        }
        Detected::Binary(offset) => {
            return Err(Error::Binary {
                path: source.path.clone(),
                offset,
            });
        }
        Detected::Utf8 | Detected::Utf8WithZeros(_) | Detected::BrokenUtf8 { .. } => None,
    };
    let whole = Cursor::new(head).chain(file);
    Ok((
        Box::new(
            DecodeReaderBytesBuilder::new()
                .encoding(encoding)
                .bom_override(true)
                .build(whole),
        ),
        note,
    ))
}

struct Utf32Reader<R> {
    whole: R,
    order: Utf32,
    /// UTF-8 bytes of the current character still to be returned, in reverse order.
    ready: Vec<u8>,
    /// Whether the first character was read; only there can be a byte-order mark.
    begun: bool,
}

impl<R: Read> Read for Utf32Reader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut taken = 0;
        while taken < into.len() {
            if self.ready.is_empty() {
                let mut four = Vec::with_capacity(4);
                self.whole.by_ref().take(4).read_to_end(&mut four)?;
                let Ok(four) = <[u8; 4]>::try_from(four) else {
                    break;
                };
                let c = self.order.character(four);
                let is_mark = !self.begun && c == '\u{feff}';
                self.begun = true;
                if !is_mark {
                    self.ready.extend(c.encode_utf8(&mut [0; 4]).bytes().rev());
                }
            }
            if let Some(byte) = self.ready.pop() {
                into[taken] = byte;
                taken += 1;
            }
        }
        Ok(taken)
    }
}
