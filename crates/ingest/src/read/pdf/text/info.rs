//! Reads document metadata and text strings.

use hayro_syntax::Pdf;
use hayro_syntax::object::{Dict, Stream};

/// PDFDocEncoding from 0x18 to 0x1f.
const LOW: [char; 8] = [
    '\u{2d8}', '\u{2c7}', '\u{2c6}', '\u{2d9}', '\u{2dd}', '\u{2db}', '\u{2da}', '\u{2dc}',
];
/// PDFDocEncoding from 0x80 to 0xa0. All other codes are those of Latin-1.
const HIGH: [char; 33] = [
    '•', '†', '‡', '…', '—', '–', 'ƒ', '⁄', '‹', '›', '−', '‰', '„', '“', '”', '‘', '’', '‚', '™',
    '\u{fb01}', '\u{fb02}', 'Ł', 'Œ', 'Š', 'Ÿ', 'Ž', 'ı', 'ł', 'œ', 'š', 'ž', '\u{fffd}', '€',
];

/// Decodes a text string: UTF-16 or UTF-8 by its byte-order mark, else PDFDocEncoding.
pub fn decode_text_string(bytes: &[u8]) -> String {
    let units = |of: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..]
            .chunks_exact(2)
            .map(|p| of([p[0], p[1]]))
            .collect();
        String::from_utf16_lossy(&units)
    };
    let text: String = match bytes {
        [0xfe, 0xff, ..] => units(u16::from_be_bytes),
        [0xff, 0xfe, ..] => units(u16::from_le_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        // UTF-8 without a mark is invalid but common.
        _ if !bytes.is_ascii() && std::str::from_utf8(bytes).is_ok() => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        _ => bytes
            .iter()
            .map(|b| match b {
                0x18..=0x1f => LOW[usize::from(b - 0x18)],
                0x80..=0xa0 => HIGH[usize::from(b - 0x80)],
                b => char::from(*b),
            })
            .collect(),
    };
    // Language codes within the string are enclosed in escape characters.
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        match c {
            '\u{1b}' => inside = !inside,
            '\r' => out.push('\n'),
            c if inside
                || c == '\0'
                || c == '\u{fffd}'
                || (c.is_control() && c != '\n' && c != '\t') => {}
            c => out.push(c),
        }
    }
    out
}

/// The title, the author and the creation date, if they are stated.
pub fn document_info(pdf: &Pdf) -> (Option<String>, Option<String>, Option<String>) {
    let info = pdf.metadata();
    let read = |bytes: &Option<Box<[u8]>>| {
        bytes
            .as_deref()
            .map(decode_text_string)
            .map(|t| one_line(&t))
    };
    let xmp = xmp_packet(pdf);
    let xmp = |tag: &str| xmp.as_deref().and_then(|x| element_text(x, tag));
    let title = read(&info.title)
        .filter(|t| is_title(t))
        .or_else(|| xmp("dc:title").filter(|t| is_title(t)));
    let author = read(&info.author)
        .filter(|a| is_name(a))
        .or_else(|| xmp("dc:creator").filter(|a| is_name(a)));
    let created = info
        .creation_date
        .map(|d| format!("{:04}-{:02}-{:02}", d.year, d.month, d.day));
    let created =
        created.or_else(|| xmp("xmp:CreateDate").and_then(|d| d.get(..10).map(str::to_owned)));
    (title, author, created)
}

/// Joins a text to one line.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a title is not a placeholder: a file name, or the default of a program.
fn is_title(title: &str) -> bool {
    let lower = title.to_lowercase();
    let unset = [
        "untitled",
        "unknown",
        "unspecified",
        "title",
        "document",
        "(untitled)",
        "none",
        "null",
        "(anonymous)",
    ];
    let program = [
        "microsoft word -",
        "microsoft powerpoint -",
        "microsoft excel -",
        "layout 1",
        "print",
        "untitled-",
    ];
    let ends = [
        ".doc", ".docx", ".odt", ".rtf", ".tex", ".dvi", ".pdf", ".ps", ".eps", ".ppt", ".pptx",
        ".xls", ".xlsx", ".qxd", ".qxp", ".indd", ".pmd", ".fm", ".html", ".htm", ".txt", ".md",
        ".svg", ".tif", ".jpg", ".png", ".cdr", ".ai", ".dwg", ".sxw", ".wpd", ".texi", ".xml",
    ];
    title.chars().filter(|c| c.is_alphabetic()).count() >= 2
        && title.chars().count() <= 300
        && !unset.contains(&lower.as_str())
        && !program.iter().any(|p| lower.starts_with(p))
        && !ends.iter().any(|e| lower.ends_with(e))
        && !title.contains(['/', '\\']) | title.contains(' ')
}

fn is_name(name: &str) -> bool {
    let lower = name.to_lowercase();
    let unset = [
        "anonymous",
        "(anonymous)",
        "unknown",
        "unspecified",
        "user",
        "administrator",
        "admin",
        "root",
        "author",
    ];
    name.chars().any(char::is_alphabetic)
        && name.chars().count() <= 300
        && !unset.contains(&lower.as_str())
}

/// The document catalog.
pub fn catalog(pdf: &Pdf) -> Option<Dict<'_>> {
    pdf.xref().get::<Dict<'_>>(pdf.xref().root_id())
}

/// The XMP metadata, up to 1 MiB.
fn xmp_packet(pdf: &Pdf) -> Option<String> {
    let data = catalog(pdf)?
        .get::<Stream<'_>>("Metadata")?
        .decoded_data()
        .ok()?;
    Some(String::from_utf8_lossy(data.get(..1 << 20).unwrap_or(&data)).into_owned())
}

/// The text of the first element of that name, including that of its children.
fn element_text(xml: &str, name: &str) -> Option<String> {
    let from = xml.find(&format!("<{name}"))?;
    let rest = &xml[from..];
    let rest = &rest[..rest.find(&format!("</{name}"))?];
    let out = strip_tags(rest);
    let out = out
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'");
    let out = one_line(&out.replace("&amp;", "&"));
    (!out.is_empty()).then_some(out)
}

/// Replaces each tag of XML by a space.
pub fn strip_tags(xml: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in xml.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                out.push(' ');
            }
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out
}
