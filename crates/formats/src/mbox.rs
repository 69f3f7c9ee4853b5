//! Mailboxes in the `mbox` format: messages one after the other, each preceded by a line that
//! begins with `From `.

use crate::{Context, Emit, ReadError, mail};
use std::ops::ControlFlow;

pub fn read(bytes: &[u8], context: &Context<'_>, emit: &mut Emit<'_>) -> Result<(), ReadError> {
    let (mut number, mut start, mut start_line) = (0_u64, None::<usize>, 0_u64);
    let (mut at, mut line, mut after_blank) = (0, 0_u64, true);
    let emit_message = |number: u64, from: usize, to: usize, line: u64, emit: &mut Emit<'_>| {
        let mail = unquote(bytes.get(from..to).unwrap_or_default());
        match mail::read_message(&mail, Some(number.to_string()), Some(line), context, emit) {
            Ok(flow) => flow,
            Err(error) => emit(Err(error)),
        }
    };
    while at < bytes.len() {
        line += 1;
        let rest = bytes.get(at..).unwrap_or_default();
        let length = rest
            .iter()
            .position(|&b| b == b'\n')
            .map_or(rest.len(), |end| end + 1);
        let (this, next) = rest.split_at(length);
        if after_blank && this.starts_with(b"From ") && is_header(next) {
            if let Some(start) = start
                && emit_message(number, start, at, start_line, emit).is_break()
            {
                return Ok(());
            }
            number += 1;
            (start, start_line) = (Some(at + length), line);
        }
        after_blank = this.trim_ascii().is_empty();
        at += length;
    }
    match start {
        Some(start) => {
            let _: ControlFlow<()> = emit_message(number, start, bytes.len(), start_line, emit);
            Ok(())
        }
        None => Err(ReadError::new(
            "expected a mailbox with a `From …` line before every message; there is none",
        )),
    }
}

/// Whether a header line follows: paragraphs may begin with "From ", too.
fn is_header(next: &[u8]) -> bool {
    let line = next.split(|&b| b == b'\n').next().unwrap_or_default();
    let name = line
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        .count();
    (name > 0 && line.get(name) == Some(&b':')) || line.starts_with(b">From ")
}

/// Removes the `>` that escapes lines beginning with `From `.
fn unquote(mail: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(mail.len());
    for line in mail.split_inclusive(|&b| b == b'\n') {
        let signs = line.iter().take_while(|&&b| b == b'>').count();
        let is_quoted = signs > 0
            && line
                .get(signs..)
                .is_some_and(|rest| rest.starts_with(b"From "));
        plain.extend_from_slice(line.get(usize::from(is_quoted)..).unwrap_or_default());
    }
    plain
}

/// Whether `head` begins like a mailbox.
pub fn is_mailbox(head: &[u8]) -> bool {
    let Some(end) = head.iter().position(|&b| b == b'\n') else {
        return false;
    };
    head.starts_with(b"From ")
        && head
            .get(end + 1..)
            .is_some_and(|next| is_header(next) && mail::is_mail(next))
}

#[cfg(test)]
mod tests {
    use crate::Kind;
    use crate::testing::read_bytes;

    #[test]
    fn each_message_is_a_document_with_its_line() {
        let mbox = b"From a@b Tue Mar  5 10:00:00 2024\nFrom: a@b\nSubject: One\n\nText one.\n>From here on.\nFrom there.\n\nFrom me to you.\n\n\
            From c@d Tue Mar  5 11:00:00 2024\r\nFrom: c@d\r\nSubject: Two\r\n\r\nText two.\r\n\r\nFrom x\nX-Empty: yes\n\n";
        assert!(super::is_mailbox(mbox));
        let (found, errors) = read_bytes(Kind::Mbox, mbox);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(
            found[0].text,
            "Text one.\nFrom here on.\nFrom there.\n\nFrom me to you."
        );
        assert_eq!(
            (
                found[1].name.as_deref(),
                found[1].line,
                found[1].title.as_deref()
            ),
            (Some("2"), Some(11), Some("Two"))
        );
        assert_eq!(errors, ["17: a message without text"]);
    }
}
