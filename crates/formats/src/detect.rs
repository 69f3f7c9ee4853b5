//! Format detection by a file's first bytes and its name.

use crate::{mail, mbox};

/// The formats read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Word.
    Docx,
    /// PowerPoint.
    Pptx,
    /// Excel.
    Xlsx,
    /// OpenDocument, of every sort.
    Odf,
    /// OpenDocument as one XML file.
    FlatOdf,
    /// An EPUB book.
    Epub,
    /// Rich Text Format.
    Rtf,
    /// One mail.
    Eml,
    /// A mailbox.
    Mbox,
    /// A Jupyter notebook.
    Ipynb,
    /// SubRip subtitles.
    Srt,
    /// WebVTT subtitles.
    Vtt,
    /// An Org outline.
    Org,
    /// reStructuredText.
    Rst,
    /// AsciiDoc.
    AsciiDoc,
    /// A manual page.
    Man,
    /// LaTeX.
    Latex,
    /// A zip archive of files.
    Zip,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 18] = [
        Self::Docx,
        Self::Pptx,
        Self::Xlsx,
        Self::Odf,
        Self::FlatOdf,
        Self::Epub,
        Self::Rtf,
        Self::Eml,
        Self::Mbox,
        Self::Ipynb,
        Self::Srt,
        Self::Vtt,
        Self::Org,
        Self::Rst,
        Self::AsciiDoc,
        Self::Man,
        Self::Latex,
        Self::Zip,
    ];

    /// Whether it is a markup format in plain text, in any encoding. The other formats declare
    /// their encodings inside.
    pub fn is_text(self) -> bool {
        matches!(
            self,
            Self::Srt
                | Self::Vtt
                | Self::Org
                | Self::Rst
                | Self::AsciiDoc
                | Self::Man
                | Self::Latex
        )
    }

    /// Whether reading a hostile file can take far more memory or time than its size suggests, so
    /// that it should be read in a separate process.
    pub fn needs_sandbox(self) -> bool {
        matches!(
            self,
            Self::Docx
                | Self::Pptx
                | Self::Xlsx
                | Self::Odf
                | Self::FlatOdf
                | Self::Epub
                | Self::Eml
                | Self::Mbox
                | Self::Zip
        )
    }
}

/// The signature of an OLE2 compound file: the container of Office documents until 2003, and of
/// encrypted ones since.
pub(crate) const OLE2_MAGIC: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// The lower-case extension of a file name; empty if there is none.
pub(crate) fn extension(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let extension = file
        .rsplit_once('.')
        .filter(|(stem, _)| !stem.is_empty())
        .map_or("", |(_, extension)| extension);
    extension.to_ascii_lowercase()
}

/// The kind of the file called `name` whose first bytes are `head`; `None` if it is not read by
/// this crate. Content takes precedence over the name.
pub fn detect(name: &str, head: &[u8]) -> Option<Kind> {
    let extension = extension(name);
    let by_name = by_extension(&extension);
    let start = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    if head.starts_with(OLE2_MAGIC) {
        return None;
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return zip(head, &extension, by_name);
    }
    if start.starts_with(b"{\\rtf") {
        return Some(Kind::Rtf);
    }
    if start.starts_with(b"WEBVTT") && start.get(6).is_none_or(u8::is_ascii_whitespace) {
        return Some(Kind::Vtt);
    }
    if mbox::is_mailbox(start) {
        return Some(Kind::Mbox);
    }
    if start.starts_with(b"<") && has(start, b"<office:document") {
        return Some(Kind::FlatOdf);
    }
    if start.starts_with(b"{") && (has(start, b"\"nbformat\"") || has(start, b"\"cell_type\"")) {
        return Some(Kind::Ipynb);
    }
    // A file that is not what its name says is probably damaged; let its reader report how.
    if let Some(kind) = by_name {
        return match kind {
            Kind::AsciiDoc if start.starts_with(b"-----BEGIN") => None,
            _ => Some(kind),
        };
    }
    let is_section = matches!(extension.as_bytes(), [b'1'..=b'9', rest @ ..] if rest.len() <= 4 && rest.iter().all(u8::is_ascii_alphanumeric));
    if (is_section || extension == "man" || extension == "mdoc") && is_manual(start) {
        return Some(Kind::Man);
    }
    // Maildir and MH name messages by number.
    let may_be_mail = !head.contains(&0)
        && matches!(&*extension, "" | "txt" | "text" | "mail" | "msg" | "email")
        || extension.contains(',')
        || is_section;
    if may_be_mail && mail::is_mail(start) {
        return Some(Kind::Eml);
    }
    if extension.is_empty() && is_subtitles(start) {
        return Some(Kind::Srt);
    }
    None
}

fn by_extension(extension: &str) -> Option<Kind> {
    Some(match extension {
        "docx" | "docm" | "dotx" | "dotm" => Kind::Docx,
        "pptx" | "pptm" | "ppsx" | "ppsm" | "potx" | "potm" => Kind::Pptx,
        "xlsx" | "xlsm" | "xltx" | "xltm" | "xlsb" => Kind::Xlsx,
        "odt" | "ott" | "odp" | "otp" | "ods" | "ots" | "odg" | "otg" | "odm" => Kind::Odf,
        "fodt" | "fods" | "fodp" | "fodg" => Kind::FlatOdf,
        "epub" => Kind::Epub,
        "rtf" => Kind::Rtf,
        "eml" | "emlx" | "mht" | "mhtml" => Kind::Eml,
        "mbox" | "mbx" => Kind::Mbox,
        "ipynb" => Kind::Ipynb,
        "srt" => Kind::Srt,
        "vtt" => Kind::Vtt,
        "org" => Kind::Org,
        "rst" | "rest" => Kind::Rst,
        "adoc" | "asciidoc" | "asc" => Kind::AsciiDoc,
        "tex" | "ltx" | "latex" => Kind::Latex,
        "zip" => Kind::Zip,
        _ => return None,
    })
}

/// The kind of a zip file: by the `mimetype` member, then by the name, then by the other members.
fn zip(head: &[u8], extension: &str, by_name: Option<Kind>) -> Option<Kind> {
    if has(head, b"mimetypeapplication/epub+zip") {
        return Some(Kind::Epub);
    }
    if has(head, b"mimetypeapplication/vnd.oasis.opendocument.")
        || has(head, b"mimetypeapplication/vnd.sun.xml.")
    {
        return Some(Kind::Odf);
    }
    let is_office = has(head, b"[Content_Types].xml") || has(head, b"_rels/.rels");
    let folders: [(&[u8], Kind); 3] = [
        (b"word/", Kind::Docx),
        (b"ppt/", Kind::Pptx),
        (b"xl/", Kind::Xlsx),
    ];
    match by_name {
        Some(kind) if kind != Kind::Zip => Some(kind),
        _ if is_office => {
            let found = folders
                .iter()
                .find(|(folder, _)| has(head, folder))
                .map(|(_, kind)| *kind);
            found.or((by_name == Some(Kind::Zip)).then_some(Kind::Zip))
        }
        Some(kind) => Some(kind),
        // Many programs and document formats are zip files, too.
        None if extension.is_empty() => Some(Kind::Zip),
        None => None,
    }
}

/// For a document format that is recognized but not supported: what it is, and what to convert it
/// to.
pub fn unsupported_kind(name: &str, head: &[u8]) -> Option<String> {
    let extension = extension(name);
    if !head.starts_with(OLE2_MAGIC) {
        let what = match extension.as_str() {
            "pages" | "numbers" | "key" if head.starts_with(b"PK") => {
                "an iWork document; export it as PDF or to Office"
            }
            "wpd" => "a WordPerfect document; save it as .docx",
            "mobi" | "azw" | "azw3" => "a Kindle book; convert it to EPUB",
            "djvu" | "djv" => "a DjVu document; convert it to PDF",
            "one" => "a OneNote section; export it as .docx",
            _ => return None,
        };
        return Some(what.to_owned());
    }
    let wide = |text: &str| text.bytes().flat_map(|b| [b, 0]).collect::<Vec<u8>>();
    let holds = |text: &str| has(head, &wide(text));
    let new = matches!(
        by_extension(&extension),
        Some(Kind::Docx | Kind::Pptx | Kind::Xlsx)
    );
    let what = if holds("EncryptedPackage") || new {
        "an Office document with a password; save it without one"
    } else if holds("WordDocument") || matches!(&*extension, "doc" | "dot") {
        "a Word 97–2003 document; save it as .docx"
    } else if holds("PowerPoint Document") || matches!(&*extension, "ppt" | "pps" | "pot") {
        "a PowerPoint 97–2003 presentation; save it as .pptx"
    } else if holds("Workbook") || matches!(&*extension, "xls" | "xlt" | "xla") {
        "an Excel 97–2003 workbook; save it as .xlsx"
    } else if holds("__nameid_version") || extension == "msg" {
        "an Outlook message; save it as .eml"
    } else {
        "a document of an old Office program; save it in a current format"
    };
    Some(what.to_owned())
}

/// Whether the first [`SNIFF_BYTES`] of `bytes` contain `part`.
pub(crate) fn has(bytes: &[u8], part: &[u8]) -> bool {
    let bytes = bytes.get(..SNIFF_BYTES).unwrap_or(bytes);
    bytes.windows(part.len()).any(|window| window == part)
}

/// How many bytes of a file are searched for signatures.
const SNIFF_BYTES: usize = 1 << 16;

fn is_manual(start: &[u8]) -> bool {
    let begins = |line: &[u8]| {
        [
            &b".TH"[..],
            b".Dd",
            b".Dt",
            b".so ",
            b".\\\"",
            b"'\\\"",
            b".SH",
            b".de",
            b".ig",
        ]
        .iter()
        .any(|request| line.starts_with(request))
    };
    start
        .split(|&b| b == b'\n')
        .find(|line| !line.trim_ascii().is_empty())
        .is_some_and(begins)
}

fn is_subtitles(start: &[u8]) -> bool {
    let mut lines = start.split(|&b| b == b'\n').map(<[u8]>::trim_ascii);
    let (number, time) = (
        lines.next().unwrap_or_default(),
        lines.next().unwrap_or_default(),
    );
    !number.is_empty()
        && number.iter().all(u8::is_ascii_digit)
        && has(time, b" --> ")
        && time.contains(&b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_takes_precedence_over_the_name() {
        for (name, head, kind) in [
            ("a.docx", &b"{\\rtf1 x}"[..], Some(Kind::Rtf)),
            (
                "a.bin",
                b"PK\x03\x04..........................mimetypeapplication/epub+zip",
                Some(Kind::Epub),
            ),
            (
                "a.zip",
                b"PK\x03\x04....[Content_Types].xml....word/document.xml",
                Some(Kind::Docx),
            ),
            ("a.zip", b"PK\x03\x04....a.txt", Some(Kind::Zip)),
            ("a.jar", b"PK\x03\x04....META-INF/", None),
            ("a.docx", OLE2_MAGIC, None),
            ("a.docx", b"", Some(Kind::Docx)),
            (
                "a",
                b"From a@b Tue\nFrom: a@b\nSubject: x\n\n",
                Some(Kind::Mbox),
            ),
            ("1", b"From: a@b\nSubject: x\n\n", Some(Kind::Eml)),
            ("a.md", b"From: a@b\nSubject: x\n\n", None),
            (
                "a.json",
                b"{\"cells\": [{\"cell_type\": \"code\"",
                Some(Kind::Ipynb),
            ),
            ("ls.1", b".\\\" DO NOT\n.TH LS 1\n", Some(Kind::Man)),
            ("notes.1", b"text", None),
            ("x.vtt", b"\xef\xbb\xbfWEBVTT\n", Some(Kind::Vtt)),
            ("notes.txt", b"text", None),
            (".zip", b"", None),
        ] {
            assert_eq!(detect(name, head), kind, "{name}");
        }
    }

    #[test]
    fn unsupported_office_documents_are_named() {
        let locked = [
            OLE2_MAGIC,
            b"E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0",
        ]
        .concat();
        assert!(unsupported_kind("a", &locked).unwrap().contains("password"));
        assert!(
            unsupported_kind("a.docx", OLE2_MAGIC)
                .unwrap()
                .contains("password")
        );
        assert_eq!(
            unsupported_kind("a.doc", OLE2_MAGIC).unwrap(),
            "a Word 97–2003 document; save it as .docx"
        );
        assert_eq!(unsupported_kind("a.txt", b"x"), None);
    }
}
