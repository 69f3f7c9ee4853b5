//! Mail messages (RFC 5322, MIME). Of alternatives, the plain text is read unless it is empty, then
//! the HTML. Attachments are emitted as [`EmbeddedFile`]s.

use crate::meta::Meta;
use crate::{Context, Document, EmbeddedFile, Emit, Extracted, ReadError, emit_document, text};
use mail_parser::{Address, Message, MessageParser, MimeHeaders, PartType};
use std::ops::ControlFlow;

/// Multipart bodies nested more deeply are ignored.
const MAX_MULTIPART_DEPTH: usize = 50;

pub fn read(bytes: &[u8], context: &Context<'_>, emit: &mut Emit<'_>) -> Result<(), ReadError> {
    // Apple Mail (`.emlx`) puts the length in bytes before the message.
    let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    let counted = bytes
        .get(digits..)
        .filter(|rest| digits > 0 && rest.trim_ascii_start().len() < rest.len());
    read_message(
        counted.map_or(bytes, <[u8]>::trim_ascii_start),
        None,
        None,
        context,
        emit,
    )
    .map(|_| ())
}

/// Reads one message: a whole file, or the message of a mailbox with the given number and first
/// line.
pub fn read_message(
    bytes: &[u8],
    name: Option<String>,
    line: Option<u64>,
    context: &Context<'_>,
    emit: &mut Emit<'_>,
) -> Result<ControlFlow<()>, ReadError> {
    let message = MessageParser::default().parse(bytes);
    let message = message
        .filter(|message| !message.headers().is_empty())
        .ok_or_else(|| ReadError {
            line,
            message:
                "expected a mail message, which begins with header lines such as From: and Subject:"
                    .to_owned(),
        })?;
    let meta = metadata(&message);
    let mut found = Body::default();
    found.add(&message, 0, 0, context);
    let text = found.texts.join("\n\n");
    let document = Document {
        name,
        title: meta.title,
        text,
        metadata: meta.fields,
        line,
    };
    let emit_all = || {
        if !text::is_blank(&document.text) {
            emit_document(document, context, emit)?;
        } else if found.parts.is_empty() {
            emit(Err(ReadError {
                line,
                message: "a message without text".to_owned(),
            }))?;
        }
        for (name, bytes) in found.parts {
            emit(Ok(Extracted::EmbeddedFile(EmbeddedFile {
                name,
                bytes,
                line,
            })))?;
        }
        if !found.unread.is_empty() {
            let count = found.unread.len();
            found.unread.sort();
            found.unread.dedup();
            let kinds = found.unread.join(", ");
            let s = if count == 1 { "" } else { "s" };
            emit(Ok(Extracted::Omitted(format!(
                "{count} attachment{s} of unsupported types: {kinds}"
            ))))?;
        }
        ControlFlow::Continue(())
    };
    Ok(emit_all())
}

fn metadata(message: &Message<'_>) -> Meta {
    // A subject was written by a person, so it is never taken for a placeholder.
    let title = message
        .subject()
        .map(text::one_line)
        .filter(|subject| !subject.is_empty());
    let mut meta = Meta {
        title,
        ..Meta::default()
    };
    meta.add("from", &people(message.from()));
    meta.add("to", &people(message.to()));
    meta.add("cc", &people(message.cc()));
    if let Some(date) = message.date().filter(|date| date.is_valid()) {
        meta.add("date", &date.to_rfc3339());
    }
    if let Some(subject) = message.subject() {
        meta.add("subject", subject);
    }
    meta.add("message-id", message.message_id().unwrap_or_default());
    meta
}

/// `Anna Berg <anna@example.org>, …`
fn people(address: Option<&Address<'_>>) -> String {
    let Some(address) = address else {
        return String::new();
    };
    let one = |addr: &mail_parser::Addr<'_>| match (addr.name(), addr.address()) {
        (Some(name), Some(address)) if name != address => {
            format!("{} <{address}>", text::one_line(name))
        }
        (None | Some(_), Some(address)) => address.to_owned(),
        (Some(name), None) => text::one_line(name),
        (None, None) => String::new(),
    };
    address
        .iter()
        .map(one)
        .filter(|person| !person.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}

#[derive(Default)]
struct Body {
    texts: Vec<String>,
    /// Names and contents of attachments.
    parts: Vec<(String, Vec<u8>)>,
    /// MIME types of attachments that are not read.
    unread: Vec<String>,
}

impl Body {
    fn add(&mut self, message: &Message<'_>, id: u32, depth: usize, context: &Context<'_>) {
        let Some(part) = message
            .parts
            .get(id as usize)
            .filter(|_| depth < MAX_MULTIPART_DEPTH)
        else {
            return;
        };
        let kind = part.content_type().map_or_else(String::new, |kind| {
            format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()).to_ascii_lowercase()
        });
        let name = part
            .attachment_name()
            .map(file_name)
            .filter(|name| !name.is_empty());
        let is_file = name.is_some()
            && part
                .content_disposition()
                .is_some_and(|disposition| disposition.is_attachment());
        let has_name = name.is_some();
        let name = |extension: &str| {
            name.clone()
                .unwrap_or_else(|| format!("part-{id}.{extension}"))
        };
        match &part.body {
            PartType::Multipart(children) if kind == "multipart/alternative" => {
                self.add_alternative(message, children, depth, context);
            }
            PartType::Multipart(children) => {
                children
                    .iter()
                    .for_each(|&child| self.add(message, child, depth + 1, context));
            }
            PartType::Text(text) if is_file => {
                self.parts.push((name("txt"), text.as_bytes().to_vec()))
            }
            PartType::Html(html) if is_file => {
                self.parts.push((name("html"), html.as_bytes().to_vec()))
            }
            PartType::Text(_)
                if matches!(
                    &*kind,
                    "text/calendar" | "text/x-amp-html" | "text/css" | "text/vcard"
                ) =>
            {
                self.unread.push(kind);
            }
            PartType::Text(text) => self.text(&text.replace("\r\n", "\n")),
            PartType::Html(html) => {
                let (_, text) = (context.extract_html)(html);
                self.text(&text);
            }
            PartType::Message(inner) => {
                let subject = inner
                    .subject()
                    .map(file_name)
                    .filter(|subject| !subject.is_empty());
                let name = subject.map_or_else(|| name("eml"), |subject| format!("{subject}.eml"));
                // Use the part's own range: the raw message may extend into the rest of the outer
                // one.
                let (start, end) = (part.offset_body as usize, part.offset_end as usize);
                let bytes = match message.raw_message.get(start..end) {
                    Some(bytes) if part.encoding == mail_parser::Encoding::None => bytes,
                    _ => inner.raw_message(),
                };
                self.parts.push((name, bytes.to_vec()));
            }
            PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
                let is_unread = ["image/", "audio/", "video/", "font/"]
                    .iter()
                    .any(|unread| kind.starts_with(unread))
                    || kind.ends_with("signature")
                    || kind == "application/ms-tnef";
                match extension_of(&kind) {
                    _ if bytes.is_empty() => {}
                    Some(extension) if !is_unread => {
                        self.parts.push((name(extension), bytes.to_vec()))
                    }
                    // The file name may identify the format where the MIME type does not.
                    None if !is_unread && has_name => {
                        self.parts.push((name("bin"), bytes.to_vec()))
                    }
                    _ if kind.is_empty() => self.unread.push("not stated".to_owned()),
                    _ => self.unread.push(kind),
                }
            }
        }
    }

    fn text(&mut self, text: &str) {
        let text = text.trim_matches(['\n', '\r']).trim_end();
        if !text.trim().is_empty() {
            self.texts.push(text.to_owned());
        }
    }

    /// Adds one of several alternatives: the first plain-text part that is not blank, else the last
    /// other part that is not.
    fn add_alternative(
        &mut self,
        message: &Message<'_>,
        children: &[u32],
        depth: usize,
        context: &Context<'_>,
    ) {
        let is_plain = |id: u32| {
            matches!(
                message.parts.get(id as usize).map(|part| &part.body),
                Some(PartType::Text(_))
            )
        };
        let mut order: Vec<u32> = children
            .iter()
            .copied()
            .filter(|&id| is_plain(id))
            .collect();
        order.extend(children.iter().rev().copied().filter(|&id| !is_plain(id)));
        for id in order {
            let mut body = Self::default();
            body.add(message, id, depth + 1, context);
            let done = !body.texts.is_empty();
            self.texts.extend(body.texts);
            self.parts.extend(body.parts);
            self.unread.extend(body.unread);
            if done {
                return;
            }
        }
    }
}

/// The file extension for a MIME type, for attachments without a name; `None` if it is not read.
fn extension_of(kind: &str) -> Option<&'static str> {
    Some(match kind.strip_prefix("application/")? {
        "pdf" => "pdf",
        "zip" | "x-zip-compressed" => "zip",
        "rtf" => "rtf",
        "epub+zip" => "epub",
        "vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
        "vnd.openxmlformats-officedocument.presentationml.presentation" => "pptx",
        "vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        "vnd.oasis.opendocument.text" => "odt",
        "vnd.oasis.opendocument.presentation" => "odp",
        "vnd.oasis.opendocument.spreadsheet" => "ods",
        _ => return None,
    })
}

/// A name without path separators, short enough for a file name.
fn file_name(name: &str) -> String {
    let name = text::one_line(name).replace(['/', '\\', '\0'], "_");
    let name: String = name.chars().take(150).collect();
    match name.trim_matches('.').is_empty() {
        true => String::new(),
        false => name,
    }
}

/// Whether `head` begins like a mail message: with header lines, at least two of them typical of
/// mail.
pub fn is_mail(head: &[u8]) -> bool {
    let (mut known, mut seen) = (0, Vec::new());
    for (at, line) in head.split(|&b| b == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() || at > 200 {
            break;
        }
        if matches!(line.first(), Some(b' ' | b'\t')) && at > 0 {
            continue;
        }
        let Some(colon) = line.iter().position(|&b| b == b':') else {
            // The head may be cut off within a line.
            if at > 0 && known >= 2 {
                break;
            }
            return false;
        };
        let name = line.get(..colon).unwrap_or_default().to_ascii_lowercase();
        if name.is_empty()
            || !name
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        {
            return known >= 2;
        }
        let is_known = matches!(
            name.as_slice(),
            b"from"
                | b"date"
                | b"subject"
                | b"message-id"
                | b"mime-version"
                | b"received"
                | b"return-path"
                | b"delivered-to"
                | b"to"
        );
        if is_known && !seen.contains(&name) {
            known += 1;
            seen.push(name);
        }
    }
    // Plain letters have To, Subject and Date lines, too.
    known >= 2
        && (known >= 4
            || seen
                .iter()
                .any(|name| !matches!(name.as_slice(), b"to" | b"subject" | b"date")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use crate::testing::{extract, read_single};

    #[test]
    fn headers_charsets_and_alternatives_are_decoded() {
        let mail = b"From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\r\nTo: a@example.org, \"B, C\" <b@example.org>\r\n\
            Subject: =?iso-8859-1?Q?Gr=FC=DFe?=\r\n aus Bonn\r\nDate: Tue, 5 Mar 2024 10:07:00 +0100\r\nMIME-Version: 1.0\r\n\
            Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain; charset=koi8-r\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\n=D0=D2=C9=D7=C5=D4 so=\r\nft\r\n> quoted\r\n--x\r\n\
            Content-Type: text/html\r\n\r\n<p>html</p>\r\n--x--\r\n";
        assert!(is_mail(mail));
        let document = read_single(Kind::Eml, mail);
        assert_eq!(document.title.as_deref(), Some("Grüße aus Bonn"));
        assert_eq!(document.text, "привет soft\n> quoted");
        let get = |name: &str| {
            document
                .metadata
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, v)| v.as_str())
        };
        assert_eq!(get("from"), Some("Jürgen <j@example.org>"));
        assert_eq!(get("to"), Some("a@example.org, B, C <b@example.org>"));
        assert_eq!(get("date"), Some("2024-03-05T10:07:00+01:00"));
    }

    #[test]
    fn html_is_read_if_the_plain_text_is_blank_and_attachments_are_emitted() {
        let mail = b"From: a@b.c\nSubject: s\nContent-Type: multipart/mixed; boundary=m\n\n--m\nContent-Type: multipart/alternative; boundary=x\n\n\
            --x\nContent-Type: text/plain\n\n \n--x\nContent-Type: text/html\n\n<p>html &amp; more</p>\n--x--\n\
            --m\nContent-Type: application/pdf; name=\"a/../b.pdf\"\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n\nJVBERi0=\n\
            --m\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n\niVBO\n\
            --m\nContent-Type: message/rfc822\n\nSubject: inner\nFrom: x@y.z\n\nInner text\n--m--\n";
        let (found, errors) = extract(Kind::Eml, mail);
        assert!(errors.is_empty(), "{errors:?}");
        assert!(
            matches!(&found[0], Extracted::Document(d) if d.text == "html & more"),
            "{found:?}"
        );
        assert!(
            matches!(&found[1], Extracted::EmbeddedFile(p) if p.name == "a_.._b.pdf" && p.bytes == b"%PDF-"),
            "{found:?}"
        );
        assert!(
            matches!(&found[2], Extracted::EmbeddedFile(p) if p.name == "inner.eml" && p.bytes.starts_with(b"Subject: inner\nFrom: x@y.z\n\nInner text")),
            "{found:?}"
        );
        assert_eq!(
            found[3],
            Extracted::Omitted("1 attachment of unsupported types: image/png".into())
        );
    }

    #[test]
    fn letters_are_not_taken_for_mail() {
        assert!(!is_mail(b"To: all\nSubject: the bees\n\nDear all"));
        assert!(!is_mail(b"Note: something\n\ntext"));
        assert!(is_mail(b"Received: by x\n\tfor y\nFrom: a@b\nX-Y: z\n\n"));
    }
}
