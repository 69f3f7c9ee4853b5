//! Office, mail, notebook and markup formats, and archives: read by the crate [`formats`]. Embedded
//! files are passed to the readers of their own formats.

use super::reader::{Emit, Item, Reader};
use super::whole_file::{bytes_of, one_file, title_of};
use super::{html, read_in_process};
use crate::article::{Article, MetaValue, one_line};
use crate::encoding;
use crate::format::{self, Format};
use crate::source::{Source, note};
use crate::{Error, Result};
use formats::{Context, Document, EmbeddedFile, Extracted, Kind, ReadError};
use notes::{Code, Note};
use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;

/// A file may be this many times as large as the size limit of a text, because most of it can be
/// images. Also limits the unpacked size of archives.
const MAX_BYTES_PER_TEXT_BYTE: u64 = 16;

pub struct Documents;

impl Reader for Documents {
    fn read(&self, source: &Source, limit: u64, emit: &mut Emit<'_>) -> Result<()> {
        let Format::Document(kind) = source.format else {
            return Err(Error::malformed(&source.path, None, "expected a document"));
        };
        let bytes = bytes_of(source, limit.saturating_mul(MAX_BYTES_PER_TEXT_BYTE))?;
        let mut reader = DocumentReader {
            source,
            limit,
            emit,
            unsupported: BTreeMap::new(),
            flow: ControlFlow::Continue(()),
        };
        let read = reader.file(kind, &bytes, None, 0);
        let DocumentReader {
            unsupported,
            flow,
            emit,
            ..
        } = reader;
        if flow.is_continue() && !unsupported.is_empty() {
            let kinds = unsupported
                .iter()
                .map(|(kind, count)| format!("{count} {kind}"))
                .collect::<Vec<_>>()
                .join(", ");
            let message = format!("left out, unsupported formats: {kinds}");
            let _ = emit(Item::Note(note(source, None, Code::PartLeftOut, message)));
        }
        read.map_err(|error| Error::malformed(&source.path, error.line, error.message))
    }
}

struct DocumentReader<'a, 'b> {
    source: &'a Source,
    limit: u64,
    emit: &'a mut Emit<'b>,
    /// Embedded files of unsupported formats: the kinds and how many there are.
    unsupported: BTreeMap<String, usize>,
    flow: ControlFlow<()>,
}

impl DocumentReader<'_, '_> {
    /// Reads a file, or the embedded file called `within`.
    fn file(
        &mut self,
        kind: Kind,
        bytes: &[u8],
        within: Option<&str>,
        depth: u32,
    ) -> Result<(), ReadError> {
        let page = |page: &str| {
            let page = html::extract(page);
            (page.title, page.text)
        };
        let max_unpacked_bytes = self.limit.saturating_mul(MAX_BYTES_PER_TEXT_BYTE);
        let text = kind
            .is_text()
            .then(|| self.decode(kind, bytes, within))
            .transpose()?;
        let bytes = text.as_ref().map_or(bytes, |text| text.as_bytes());
        let context = Context {
            extract_html: &page,
            max_text_bytes: self.limit,
            max_unpacked_bytes,
            archive_depth: depth,
        };
        formats::read(kind, bytes, &context, &mut |extracted| {
            match extracted {
                Ok(Extracted::Document(document)) => self.document(document, within),
                Ok(Extracted::EmbeddedFile(file)) => self.embedded_file(&file, within, depth),
                Ok(Extracted::Omitted(what)) => {
                    self.note(within, Code::PartLeftOut, format!("left out: {what}"))
                }
                Err(error) => self.failed(within, &error),
            }
            self.flow
        })
    }

    /// Decodes a text format by its declared or detected encoding.
    fn decode(
        &mut self,
        kind: Kind,
        bytes: &[u8],
        within: Option<&str>,
    ) -> Result<String, ReadError> {
        let declared = formats::declared_encoding(kind, bytes);
        let decoded =
            encoding::decode_declared(self.source, bytes.to_vec(), declared).map_err(|error| {
                ReadError {
                    line: None,
                    message: error.message(),
                }
            })?;
        if let Some(note) = decoded.note {
            self.note(within, note.code, note.message);
        }
        Ok(decoded.text)
    }

    fn note(&mut self, within: Option<&str>, code: Code, text: String) {
        let text = match within {
            Some(within) => format!("{within}: {text}"),
            None => text,
        };
        self.emit_item(Item::Note(note(self.source, None, code, text)));
    }

    fn emit_item(&mut self, item: Item) {
        if self.flow.is_continue() {
            self.flow = (self.emit)(item);
        }
    }

    fn failed(&mut self, within: Option<&str>, error: &ReadError) {
        let text = within.map_or_else(
            || error.message.clone(),
            |within| format!("{within}: {}", error.message),
        );
        self.emit_item(Item::Failed(Error::malformed(
            &self.source.path,
            error.line.filter(|_| within.is_none()),
            text,
        )));
    }

    fn document(&mut self, document: Document, within: Option<&str>) {
        let Document {
            name,
            title,
            text,
            metadata,
            line,
            ..
        } = document;
        let name = join_names(within, name.as_deref());
        if text.trim().is_empty() {
            let item = match &name {
                // Many sheets and chapters have no text, so that is not an error.
                Some(name) => Item::Note(note(
                    self.source,
                    None,
                    Code::NoText,
                    format!("{name}: no text in it"),
                )),
                None => Item::Failed(Error::Empty {
                    path: self.source.path.clone(),
                }),
            };
            return self.emit_item(item);
        }
        let title = title.unwrap_or_else(|| match &name {
            Some(name) => name.clone(),
            None => title_of(self.source, &text),
        });
        let mut article = self.with_part_name(
            one_file(self.source, one_line(&title), text),
            name.as_deref(),
        );
        article.record_line = line.filter(|_| within.is_none());
        for (name, value) in metadata {
            article.metadata.insert(name, MetaValue::from_text(&value));
        }
        self.emit_item(Item::Article(Box::new(article)));
    }

    /// Gives an article the id of an embedded file or part called `name`.
    fn with_part_name(&self, article: Article, name: Option<&str>) -> Article {
        let source = &self.source.name;
        let id = name.map_or_else(|| source.clone(), |name| format!("{source}/{name}"));
        Article {
            id,
            path: source.clone(),
            ..article
        }
    }

    fn embedded_file(&mut self, file: &EmbeddedFile, within: Option<&str>, depth: u32) {
        let name = join_names(within, Some(&file.name)).unwrap_or_default();
        let head = &file.bytes[..file.bytes.len().min(format::SNIFF_BYTES)];
        match format::detect(Path::new(&file.name), head) {
            Ok(Format::Document(kind)) => {
                if let Err(error) = self.file(kind, &file.bytes, Some(&name), depth + 1) {
                    self.failed(Some(&name), &error);
                }
            }
            Ok(format) => self.read_with_own_reader(file, &name, format),
            Err(kind) => *self.unsupported.entry(kind.to_string()).or_default() += 1,
        }
    }

    /// Reads an embedded file of a format that is not in the crate `formats`, by way of a temporary
    /// file.
    fn read_with_own_reader(&mut self, file: &EmbeddedFile, name: &str, format: Format) {
        let path = self.source.path.clone();
        let failed = |error: Error| {
            Item::Failed(Error::Part {
                path: path.clone(),
                part: name.to_owned(),
                error: Box::new(error),
            })
        };
        // Attachments are already decoded to UTF-8, whatever they declare; a byte-order mark tells
        // the reader so.
        let bytes = match format {
            Format::Html if std::str::from_utf8(&file.bytes).is_ok() => {
                [b"\xef\xbb\xbf", &*file.bytes].concat()
            }
            _ => file.bytes.clone(),
        };
        let unpacked = tempfile::NamedTempFile::new()
            .and_then(|mut file| file.write_all(&bytes).map(|()| file));
        let file = match unpacked {
            Ok(file) => file,
            Err(error) => {
                let problem = format!("it could not be unpacked: {error}");
                return self.emit_item(failed(Error::malformed(&path, None, problem)));
            }
        };
        let own = Path::new(name);
        let source = Source {
            path: file.path().to_owned(),
            // The name serves as the title if there is no other.
            name: own
                .file_name()
                .unwrap_or(own.as_os_str())
                .to_string_lossy()
                .into_owned(),
            format,
            is_format_guessed: true,
            stat: self.source.stat,
        };
        let read = read_in_process(&source, self.limit, &mut |item| {
            let item = match item {
                Item::Article(mut article) => {
                    let record = article.id.strip_prefix(&source.name).map(str::to_owned);
                    let id = match record {
                        Some(rest) => format!("{name}{rest}"),
                        None => format!("{name}/{}", article.id),
                    };
                    article.record_line = None;
                    Item::Article(Box::new(self.with_part_name(*article, Some(&id))))
                }
                Item::Note(Note { code, message, .. }) => {
                    Item::Note(note(self.source, None, code, format!("{name}: {message}")))
                }
                Item::Failed(error) => failed(error),
            };
            self.emit_item(item);
            self.flow
        });
        if let Err(error) = read {
            self.emit_item(failed(error));
        }
    }
}

fn join_names(within: Option<&str>, name: Option<&str>) -> Option<String> {
    match (within, name) {
        (Some(within), Some(name)) => Some(format!("{within}/{name}")),
        (one, other) => one.or(other).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use crate::Format;
    use crate::read::testing::read_bytes;
    use formats::Kind;
    use std::io::Write;

    fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, bytes) in members {
            zip.start_file(*name, zip::write::SimpleFileOptions::default())
                .unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn archive_members_are_separate_articles() {
        let inner = zip(&[(
            "deep.txt",
            b"The weir holds back the river in summer and lets it go in spring.",
        )]);
        let bytes = zip(&[
            (
                "docs/a.md",
                b"---\nauthor: Ann\n---\n# On weirs\n\nThe weir.",
            ),
            (
                "page.html",
                "<title>P\u{e9}at</title><p>Peat burns slowly.".as_bytes(),
            ),
            ("rows.csv", b"id,text\nx,Larch\n,Oak\n"),
            ("photo.png", b"\x89PNG\r\n\x1a\n\0\0"),
            ("broken.pdf", b"%PDF-1.4 nothing"),
            ("more.zip", &inner),
        ]);
        let (articles, notes) = read_bytes("a.zip", Format::Document(Kind::Zip), &bytes);
        let read: Vec<_> = articles
            .iter()
            .map(|a| (a.id.as_str(), a.title.as_str(), a.path.as_str()))
            .collect();
        assert_eq!(
            read,
            [
                ("a.zip/docs/a.md", "On weirs", "a.zip"),
                ("a.zip/page.html", "P\u{e9}at", "a.zip"),
                ("a.zip/rows.csv/x", "", "a.zip"),
                ("a.zip/rows.csv#3", "", "a.zip"),
                (
                    "a.zip/more.zip/deep.txt",
                    "The weir holds back the river in summer and lets it go in spring.",
                    "a.zip"
                ),
            ]
        );
        assert_eq!(articles[0].metadata["author"].shown(), "Ann");
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(
            notes[0].starts_with("a.zip: broken.pdf: not a readable PDF"),
            "{notes:?}"
        );
        assert_eq!(
            notes[1],
            "note: a.zip: left out, unsupported formats: 1 image"
        );
    }

    #[test]
    fn markup_is_decoded_by_declared_or_detected_encoding() {
        let russian = "Смотритель маяка каждый вечер поднимался по лестнице и зажигал лампу, чтобы корабли видели берег.";
        let cue = format!("1\r\n00:00:01,000 --> 00:00:04,000\r\n{russian}\r\n");
        let (articles, notes) = read_bytes(
            "a.srt",
            Format::Document(Kind::Srt),
            &encoding_rs::WINDOWS_1251.encode(&cue).0,
        );
        assert_eq!(articles[0].text.trim(), russian);
        assert_eq!(
            notes,
            ["note: a.srt: no encoding is declared; read as windows-1251, which is a guess"]
        );

        let declared = format!(".. -*- coding: koi8-r -*-\n\nМаяк\n====\n\n{russian}\n");
        let (articles, notes) = read_bytes(
            "a.rst",
            Format::Document(Kind::Rst),
            &encoding_rs::KOI8_R.encode(&declared).0,
        );
        assert!(
            articles[0].title == "Маяк" && articles[0].text.contains(russian) && notes.is_empty(),
            "{notes:?}"
        );

        let wide: Vec<u8> = format!("\u{feff}* Heading\n{russian}\n")
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let (articles, notes) = read_bytes("a.org", Format::Document(Kind::Org), &wide);
        assert!(
            articles[0].text.contains(russian) && notes.is_empty(),
            "{notes:?}"
        );
    }

    #[test]
    fn mailbox_messages_are_separate_articles() {
        let mail = |n: u8, text: &str| {
            format!(
                "From ann@example.org Mon Jan  5 10:00:00 2026\nFrom: Ann <ann@example.org>\nSubject: Note {n}\nDate: Mon, 5 Jan 2026 10:00:00 +0000\n\n{text}\n\n"
            )
        };
        let text = mail(1, "The lamp is lit.") + &mail(2, "The horn is mended.");
        let (articles, errors) =
            read_bytes("box.mbox", Format::Document(Kind::Mbox), text.as_bytes());
        assert!(errors.is_empty(), "{errors:?}");
        let read: Vec<_> = articles
            .iter()
            .map(|a| (a.id.as_str(), a.title.as_str(), a.text.trim()))
            .collect();
        assert_eq!(
            read,
            [
                ("box.mbox/1", "Note 1", "The lamp is lit."),
                ("box.mbox/2", "Note 2", "The horn is mended.")
            ]
        );
    }

    #[test]
    fn a_truncated_document_is_an_error() {
        let (articles, errors) = read_bytes(
            "a.docx",
            Format::Document(Kind::Docx),
            b"PK\x03\x04 and no more",
        );
        assert!(
            articles.is_empty() && errors.len() == 1 && errors[0].starts_with("a.docx: "),
            "{errors:?}"
        );
    }
}
