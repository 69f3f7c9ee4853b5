//! Rich Text Format. Fields are represented by their results; deleted revisions, headers, footers
//! and pictures are omitted; footnotes and comments come at the end.

mod control;
#[cfg(test)]
mod tests;

use crate::blocks::{Aside, Blocks};
use crate::meta::Meta;
use crate::{Context, Document, Emit, ReadError, emit_document, emit_omitted};
use control::{charset, code_page, control};
use encoding_rs::Encoding;
use std::collections::HashMap;

/// Files with more deeply nested groups are cut off there.
const MAX_GROUP_DEPTH: usize = 1000;

pub fn read(bytes: &[u8], context: &Context<'_>, emit: &mut Emit<'_>) -> Result<(), ReadError> {
    let start = bytes
        .iter()
        .position(|b| !b.is_ascii_whitespace() && !matches!(b, 0xef | 0xbb | 0xbf))
        .unwrap_or(0);
    let bytes = bytes.get(start..).unwrap_or_default();
    if !bytes.starts_with(b"{\\rtf") {
        return Err(ReadError::new("expected {\\rtf at the beginning"));
    }
    let mut reader = Rtf::new();
    let error = reader.run(bytes).err();
    reader.flush();
    reader.blocks.end_paragraph(None);
    let (mut meta, images) = (reader.meta, reader.images);
    if let Some(heading) = reader.blocks.first_heading() {
        meta.title(heading);
    }
    let text = reader.blocks.finish();
    let document = Document {
        title: meta.title,
        text,
        metadata: meta.fields,
        ..Document::default()
    };
    let emit_all = || {
        emit_document(document, context, emit)?;
        error.map_or(std::ops::ControlFlow::Continue(()), |error| {
            emit(Err(error))
        })?;
        emit_omitted(images, "embedded image", "embedded images", emit)
    };
    let _ = emit_all();
    Ok(())
}

/// Where the text of a group goes (an RTF *destination*).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Destination {
    Body,
    Skip,
    Fonts,
    Styles,
    /// A document property, by its Dublin Core name.
    Property(&'static str),
    /// The author of the comment that follows.
    CommentAuthor,
}

/// The state of a group, inherited from the enclosing one.
#[derive(Clone)]
struct Group {
    destination: Destination,
    is_deleted: bool,
    /// How many fallback characters follow each `\u` escape, for readers without Unicode (`\uc`).
    fallback_chars: usize,
    font: i32,
    /// The end of this group ends an aside.
    aside: bool,
}

/// The properties of the current paragraph.
#[derive(Default)]
struct Paragraph {
    outline: Option<u8>,
    style: i32,
    in_table: bool,
}

struct Rtf {
    blocks: Blocks,
    meta: Meta,
    groups: Vec<Group>,
    encoding: &'static Encoding,
    fonts: HashMap<i32, &'static Encoding>,
    levels: HashMap<i32, u8>,
    /// Text not decoded yet, in the encoding of the current font; a character may take two bytes.
    raw: Vec<u8>,
    /// Text for a destination other than the body.
    aside: String,
    /// The high surrogate of a character given by two `\u` escapes.
    surrogate: Option<u16>,
    /// How many fallback characters are still to be skipped.
    skip_chars: usize,
    paragraph: Paragraph,
    is_row_open: bool,
    comment_author: String,
    images: usize,
    /// The date of a property: year, month, day, hour, minute.
    moment: [i32; 5],
}

impl Rtf {
    fn new() -> Self {
        let group = Group {
            destination: Destination::Body,
            is_deleted: false,
            fallback_chars: 1,
            font: -1,
            aside: false,
        };
        Self {
            blocks: Blocks::default(),
            meta: Meta::default(),
            groups: vec![group],
            encoding: encoding_rs::WINDOWS_1252,
            fonts: HashMap::new(),
            levels: HashMap::new(),
            raw: Vec::new(),
            aside: String::new(),
            surrogate: None,
            skip_chars: 0,
            paragraph: Paragraph::default(),
            is_row_open: false,
            comment_author: String::new(),
            images: 0,
            moment: [0; 5],
        }
    }

    fn run(&mut self, bytes: &[u8]) -> Result<(), ReadError> {
        let mut at = 0;
        // A group that begins with \* is skipped by readers that do not know its control word.
        let mut optional = false;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            match byte {
                b'{' => {
                    self.flush();
                    self.skip_chars = 0;
                    let mut group = self.group().clone();
                    group.aside = false;
                    if self.groups.len() >= MAX_GROUP_DEPTH {
                        return Err(ReadError::new(format!(
                            "more than {MAX_GROUP_DEPTH} nested groups"
                        )));
                    }
                    self.groups.push(group);
                }
                b'}' => {
                    self.end_group();
                    // The outermost group is ours, not the file's: the file has ended.
                    if self.groups.len() <= 1 {
                        return Ok(());
                    }
                }
                b'\\' => {
                    let (word, number, next) = control(bytes, at);
                    at = next;
                    match word {
                        b"*" => {
                            optional = true;
                            continue;
                        }
                        b"'" => {
                            let hex = bytes
                                .get(at..at + 2)
                                .and_then(|hex| std::str::from_utf8(hex).ok());
                            if let Some(byte) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())
                            {
                                at += 2;
                                self.byte(byte);
                            }
                        }
                        b"bin" => {
                            at =
                                at.saturating_add(usize::try_from(number.unwrap_or(0)).unwrap_or(0))
                        }
                        word => self.word(word, number, optional),
                    }
                }
                b'\r' | b'\n' => {}
                byte => self.byte(byte),
            }
            optional = false;
        }
        self.flush();
        Err(ReadError::new(format!(
            "expected }} at the end: the file is cut off after {} bytes",
            bytes.len()
        )))
    }

    fn group(&self) -> &Group {
        // Only empty after the last brace, when no text follows.
        static NONE: Group = Group {
            destination: Destination::Skip,
            is_deleted: false,
            fallback_chars: 1,
            font: -1,
            aside: false,
        };
        self.groups.last().unwrap_or(&NONE)
    }

    fn set(&mut self, change: impl FnOnce(&mut Group)) {
        if let Some(group) = self.groups.last_mut() {
            change(group);
        }
    }

    fn byte(&mut self, byte: u8) {
        if self.skip_chars > 0 {
            self.skip_chars -= 1;
            return;
        }
        self.surrogate = None;
        self.raw.push(byte);
    }

    /// Decodes the pending bytes.
    fn flush(&mut self) {
        if self.raw.is_empty() {
            return;
        }
        let raw = std::mem::take(&mut self.raw);
        let encoding = self
            .fonts
            .get(&self.group().font)
            .copied()
            .unwrap_or(self.encoding);
        let text = match self.group().destination {
            // Names of fonts and styles are in the encoding of the file, not of a font.
            Destination::Body => encoding.decode_without_bom_handling(&raw).0,
            _ => self.encoding.decode_without_bom_handling(&raw).0,
        };
        self.text(&text);
    }

    fn text(&mut self, text: &str) {
        match self.group().destination {
            Destination::Body if self.group().is_deleted => {}
            Destination::Body => {
                self.sync_table();
                self.blocks.text(text);
            }
            Destination::Skip => {}
            _ => self.aside.push_str(text),
        }
    }

    /// Starts or ends a table according to the next paragraph: RTF marks tables on paragraphs only.
    fn sync_table(&mut self) {
        if self.paragraph.in_table == self.is_row_open
            || !self.blocks.is_at_start()
            || self.is_aside()
        {
            return;
        }
        if self.paragraph.in_table {
            self.blocks.start_table();
            self.is_row_open = true;
        } else {
            self.close_table();
        }
    }

    fn is_aside(&self) -> bool {
        self.groups.iter().any(|group| group.aside)
    }

    fn close_table(&mut self) {
        if self.is_row_open && !self.is_aside() {
            self.blocks.end_table();
            self.is_row_open = false;
        }
    }

    fn end_group(&mut self) {
        self.flush();
        self.skip_chars = 0;
        let Some(group) = self.groups.pop() else {
            return;
        };
        let outer = self.group().destination;
        match group.destination {
            Destination::Property(name) if outer != group.destination => {
                let text = std::mem::take(&mut self.aside);
                match name {
                    "created" | "modified" => {
                        let [year, month, day, hour, minute] = std::mem::take(&mut self.moment);
                        if year > 0 {
                            self.meta.set(
                                name,
                                &format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}"),
                            );
                        }
                    }
                    name => self.meta.dublin_core(name, &text),
                }
            }
            Destination::CommentAuthor if outer != group.destination => {
                self.comment_author = std::mem::take(&mut self.aside)
            }
            Destination::Fonts | Destination::Styles => {
                let name = std::mem::take(&mut self.aside);
                let name = name.trim().trim_end_matches(';').to_lowercase();
                if group.destination == Destination::Styles
                    && let Some(level) = name
                        .strip_prefix("heading ")
                        .and_then(|level| level.parse().ok())
                {
                    self.levels.insert(self.paragraph.style, level);
                }
                self.paragraph.style = 0;
            }
            _ => {}
        }
        if group.aside {
            self.blocks.end_paragraph(None);
            let label = match std::mem::take(&mut self.comment_author) {
                author if author.trim().is_empty() => String::new(),
                author => format!("Comment by {}", author.trim()),
            };
            self.blocks.end_aside(&label);
        }
    }

    fn set_destination(&mut self, destination: Destination) {
        // Everything within a skipped group is skipped.
        if self.group().destination != Destination::Skip {
            self.set(|group| group.destination = destination);
        }
    }

    fn char(&mut self, char: &str) {
        self.flush();
        if self.skip_chars > 0 {
            self.skip_chars -= 1;
            return;
        }
        self.text(char);
    }

    fn word(&mut self, word: &[u8], number: Option<i32>, optional: bool) {
        // A control word may change the font and with it the encoding, so decode what came before.
        self.flush();
        let is_on = number != Some(0);
        let Ok(word) = std::str::from_utf8(word) else {
            return;
        };
        match word {
            "par" | "sect" | "page" => {
                let level = self
                    .paragraph
                    .outline
                    .or_else(|| self.levels.get(&self.paragraph.style).copied());
                if self.is_body() {
                    self.sync_table();
                    self.blocks.end_paragraph(level);
                }
            }
            "pard" if self.is_body() => {
                self.paragraph = Paragraph::default();
            }
            "intbl" => self.paragraph.in_table = true,
            "trowd" => {
                // A row may begin before the previous paragraph has ended.
                if self.is_body() && !self.is_row_open && !self.paragraph.in_table {
                    self.blocks.end_paragraph(None);
                }
                self.paragraph.in_table = true;
            }
            "cell" | "nestcell" if self.is_body() => {
                self.paragraph.in_table = true;
                self.sync_table();
                if !self.is_row_open {
                    // An empty first cell.
                    self.blocks.start_table();
                    self.is_row_open = true;
                }
                self.blocks.end_cell();
            }
            "row" | "nestrow" if self.is_body() => {
                self.blocks.end_row();
            }
            "outlinelevel" => {
                self.paragraph.outline = number
                    .and_then(|n| u8::try_from(n).ok())
                    .filter(|&n| n < 9)
                    .map(|n| n + 1)
            }
            "s" => self.paragraph.style = number.unwrap_or(0),
            "line" | "lbr" if self.is_body() => {
                self.blocks.line_break();
            }
            "tab" | "~" | "emspace" | "enspace" | "qmspace" | "\n" | "\r" | "column" => {
                self.char(" ")
            }
            "emdash" => self.char("—"),
            "endash" => self.char("–"),
            "bullet" => self.char("•"),
            "lquote" => self.char("‘"),
            "rquote" => self.char("’"),
            "ldblquote" => self.char("“"),
            "rdblquote" => self.char("”"),
            "_" => self.char("\u{2011}"),
            "\\" | "{" | "}" => self.char(word),
            "-" | "zwj" | "zwnj" => {}
            "uc" => self.set(|group| {
                group.fallback_chars = usize::try_from(number.unwrap_or(1)).unwrap_or(1).min(16)
            }),
            "u" => self.unicode(number.unwrap_or(0)),
            "deleted" => self.set(|group| group.is_deleted = is_on),
            "plain" => self.set(|group| group.is_deleted = false),
            "ansicpg" => self.encoding = number.and_then(code_page).unwrap_or(self.encoding),
            "mac" => self.encoding = encoding_rs::MACINTOSH,
            "f" => self.set(|group| group.font = number.unwrap_or(-1)),
            "fcharset" if self.group().destination == Destination::Fonts => {
                if let Some(encoding) = number.and_then(charset) {
                    self.fonts.insert(self.group().font, encoding);
                }
            }
            "fonttbl" => self.set_destination(Destination::Fonts),
            "stylesheet" => self.set_destination(Destination::Styles),
            "pict" => {
                self.images += usize::from(self.group().destination != Destination::Skip);
                self.set_destination(Destination::Skip);
            }
            "title" => self.set_destination(Destination::Property("title")),
            "author" => self.set_destination(Destination::Property("creator")),
            "subject" => self.set_destination(Destination::Property("subject")),
            "keywords" => self.set_destination(Destination::Property("keywords")),
            "doccomm" => self.set_destination(Destination::Property("description")),
            "creatim" => self.set_destination(Destination::Property("created")),
            "revtim" => self.set_destination(Destination::Property("modified")),
            "yr" => self.moment[0] = number.unwrap_or(0),
            "mo" => self.moment[1] = number.unwrap_or(0),
            "dy" => self.moment[2] = number.unwrap_or(0),
            "hr" => self.moment[3] = number.unwrap_or(0),
            "min" => self.moment[4] = number.unwrap_or(0),
            "atnauthor" => self.set_destination(Destination::CommentAuthor),
            "footnote" | "annotation" if self.is_body() => {
                self.blocks.start_aside(Aside::End);
                self.set(|group| group.aside = true);
            }
            // The text of a shape, in an otherwise skipped group.
            "shptxt" => {
                self.blocks.start_aside(Aside::After);
                self.set(|group| (group.destination, group.aside) = (Destination::Body, true));
            }
            "info" | "shpinst" | "shp" | "shprslt" | "do" | "colortbl" | "header" | "headerl"
            | "headerr" | "headerf" | "footer" | "footerl" | "footerr" | "footerf" | "fldinst"
            | "nonshppict" | "xe" | "tc" | "rxe" | "objdata" | "objclass" | "operator"
            | "company" | "chftnsep" | "listtext" | "pntext" | "manager" | "category"
            | "hlinkbase" | "printim" | "buptim" | "filetbl" | "listtable" | "revtbl"
            | "generator" | "nonesttables" | "upr" => {
                if word == "info" || word == "shp" {
                    return;
                }
                self.set_destination(Destination::Skip);
            }
            // Optional destinations that are known here.
            "shppict" | "ud" | "nesttableprops" => {}
            _ if optional => self.set_destination(Destination::Skip),
            _ => {}
        }
    }

    fn is_body(&self) -> bool {
        self.group().destination == Destination::Body && !self.group().is_deleted
    }

    fn unicode(&mut self, number: i32) {
        // Code units over 32767 are written as negative numbers.
        let unit = number as u16;
        let char = match (self.surrogate.take(), unit) {
            (Some(high), 0xdc00..=0xdfff) => {
                char::decode_utf16([high, unit]).next().and_then(Result::ok)
            }
            (_, 0xd800..=0xdbff) => {
                self.surrogate = Some(unit);
                None
            }
            // Private-use codes of symbol fonts.
            (_, 0xf000..=0xf0ff) => None,
            _ => char::from_u32(u32::from(unit)),
        };
        if let Some(char) = char {
            self.text(char.encode_utf8(&mut [0; 4]));
        }
        let surrogate = self.surrogate;
        self.skip_chars = self.group().fallback_chars;
        self.surrogate = surrogate;
    }
}
