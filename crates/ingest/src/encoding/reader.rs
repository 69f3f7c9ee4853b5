//! Files that are read piece by piece, as UTF-8 whatever they are in.

use super::detect::{Detected, detect};
use super::utf32::Utf32;
use crate::read;
use crate::walk::Source;
use crate::{Error, Result};
use encoding_rs_io::DecodeReaderBytesBuilder;
use notes::{Code, Note};
use std::fs::File;
use std::io::{self, Cursor, Read};

/// How much of a file tells its encoding.
const HEAD: usize = 1 << 16;

/// The bytes of a file in UTF-8, without a mark; and a note where the encoding is a guess. Where the file turns out to
/// be another encoding further down, its bytes are passed on as they are.
///
/// # Errors
/// When it cannot be read, or is no text.
pub fn reader(source: &Source) -> Result<(Box<dyn Read>, Option<Note>)> {
    let io = |error| Error::io(&source.path)(error);
    let mut file = File::open(&source.path).map_err(io)?;
    let mut head = Vec::new();
    file.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(io)?;
    let mut note = None;
    let encoding = match detect(&head, head.len() < HEAD) {
        Detected::Known(encoding) => Some(encoding),
        Detected::Guess(encoding) => {
            let said = format!("no encoding is declared; read as {}, which is a guess", encoding.name());
            note = Some(read::note(source, None, Code::EncodingGuessed, said));
            Some(encoding)
        }
        Detected::Utf32(order) => {
            let whole = Cursor::new(head).chain(file);
            return Ok((Box::new(Utf32Reader { whole, order, ready: Vec::new(), begun: false }), None));
        }
        Detected::Binary(offset) => return Err(Error::Binary { path: source.path.clone(), offset }),
        Detected::Utf8 | Detected::Utf8WithZeros(_) | Detected::BrokenUtf8 { .. } => None,
    };
    let whole = Cursor::new(head).chain(file);
    Ok((Box::new(DecodeReaderBytesBuilder::new().encoding(encoding).bom_override(true).build(whole)), note))
}

struct Utf32Reader<R> {
    whole: R,
    order: Utf32,
    /// UTF-8 that was not taken yet, last byte first.
    ready: Vec<u8>,
    begun: bool,
}

impl<R: Read> Read for Utf32Reader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut taken = 0;
        while taken < into.len() {
            if self.ready.is_empty() {
                let mut four = Vec::with_capacity(4);
                self.whole.by_ref().take(4).read_to_end(&mut four)?;
                let Ok(four) = <[u8; 4]>::try_from(four) else { break };
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
