//! OpenDocument texts, presentations and spreadsheets (`.odt`, `.odp`, `.ods`, their templates),
//! and the flat XML variants (`.fodt`). Tracked deletions are omitted; footnotes and comments come
//! at the end.

use crate::blocks::{Aside, Blocks};
use crate::meta::{Meta, date};
use crate::package::Package;
use crate::xml::{Node, Step, Tag, walk};
use crate::{Context, Document, Emit, ReadError, emit_document, emit_omitted, text, xlsx};
use std::ops::ControlFlow;

pub fn read(bytes: &[u8], context: &Context<'_>, emit: &mut Emit<'_>) -> Result<(), ReadError> {
    let mut package = Package::open(bytes, context)?;
    if let Some(manifest) = package.read("META-INF/manifest.xml")?
        && manifest.windows(15).any(|part| part == b"encryption-data")
    {
        return Err(ReadError::new(
            "it is protected by a password; save it without one",
        ));
    }
    let mut story = Story::default();
    if let Ok(Some(bytes)) = package.read("meta.xml") {
        // If the properties are damaged, only they are lost.
        let _ = story.add(&bytes);
    }
    let content = package.read_required("content.xml")?;
    let error = story
        .add(&content)
        .err()
        .map(|error| error.in_part("content.xml"));
    drop(content);
    let _ = story.emit(error, context, emit);
    Ok(())
}

pub fn read_flat(
    bytes: &[u8],
    context: &Context<'_>,
    emit: &mut Emit<'_>,
) -> Result<(), ReadError> {
    let mut story = Story::default();
    let error = story.add(bytes).err();
    let _ = story.emit(error, context, emit);
    Ok(())
}

/// An open element that decides where text goes.
enum Open {
    /// A paragraph, with its heading level.
    Paragraph(Option<u8>),
    /// A paragraph within a paragraph, in a shape anchored to a word.
    Nested(Option<u8>),
    /// A text box, a footnote or a comment, and whether an aside was started for it.
    Story(bool),
}

#[derive(Default)]
struct Story {
    meta: Meta,
    /// The initial author, and the last one.
    authors: [String; 2],
    blocks: Blocks,
    /// The sheets of a spreadsheet by name.
    sheets: Vec<(String, Blocks)>,
    is_spreadsheet: bool,
    images: usize,
    /// Nesting depth of tables; in a spreadsheet the outermost is a sheet.
    tables: usize,
    open: Vec<Open>,
    is_meta: bool,
    /// The text of the current property or comment author.
    property: Option<String>,
    /// The author of the current comment.
    comment_author: String,
    is_title: bool,
    /// The current cell has a date value; its text repeats the date in a local format and is
    /// skipped.
    has_date: bool,
    /// How often the current cell is repeated.
    repeated: usize,
}

impl Story {
    fn add(&mut self, bytes: &[u8]) -> Result<(), ReadError> {
        let result = walk(bytes, |node| {
            match node {
                Node::Open(tag) if self.is_meta => {
                    let name = tag.name().to_owned();
                    self.property = (name != "document-statistic").then(String::new);
                }
                Node::Open(tag) => return self.open(&tag),
                Node::Close(end) if self.is_meta => self.close_property(end.name()),
                Node::Close(end) => self.close(end.name()),
                Node::Text(text) => self.text(&text),
            }
            Step::Continue
        });
        self.blocks.end_paragraph(None);
        result
    }

    fn is_in_paragraph(&self) -> bool {
        matches!(self.open.last(), Some(Open::Paragraph(_) | Open::Nested(_)))
    }

    fn text(&mut self, text: &str) {
        let in_note = || self.open.iter().any(|open| matches!(open, Open::Story(_)));
        if let Some(property) = &mut self.property {
            property.push_str(text);
        } else if self.is_in_paragraph() && (!self.has_date || in_note()) {
            self.blocks.text(text);
        }
    }

    fn close_property(&mut self, name: &str) {
        let value = self.property.take().unwrap_or_default();
        match name {
            "meta" => self.is_meta = false,
            "initial-creator" => self.authors[0] = value,
            "creator" => self.authors[1] = value,
            "date" => self.meta.dublin_core("modified", &value),
            name => self.meta.dublin_core(name, &value),
        }
    }

    fn open(&mut self, tag: &Tag<'_>) -> Step {
        match tag.name() {
            "tracked-changes" | "note-citation" | "ruby-text" | "binary-data" | "forms"
            | "scripts" | "settings" | "styles" | "automatic-styles" | "master-styles"
            | "font-face-decls" | "sequence-decls" | "variable-decls" | "user-field-decls"
            | "event-listeners" | "object" | "title" | "desc" | "database-ranges"
            | "named-expressions" | "page-number" | "page-count" | "page-thumbnail"
            | "date-string" => return Step::Skip,
            "meta" => self.is_meta = true,
            "spreadsheet" => self.is_spreadsheet = true,
            "creator" => self.property = Some(String::new()),
            // The date of a comment.
            "date" if matches!(self.open.last(), Some(Open::Story(_))) => return Step::Skip,
            "p" | "h" => {
                let level = match tag.name() {
                    "h" => Some(
                        tag.attr("outline-level")
                            .and_then(|level| level.parse().ok())
                            .unwrap_or(1),
                    ),
                    _ => self.is_title.then_some(1),
                };
                if self.is_in_paragraph() {
                    self.blocks.start_aside(Aside::After);
                    self.open.push(Open::Nested(level));
                } else {
                    self.open.push(Open::Paragraph(level));
                }
            }
            "s" | "tab" => self.text(" "),
            "line-break" => self.blocks.line_break(),
            "note" | "annotation" => {
                self.comment_author.clear();
                self.blocks.start_aside(Aside::End);
                self.open.push(Open::Story(true));
            }
            "text-box" => {
                let aside = self.is_in_paragraph();
                if aside {
                    self.blocks.start_aside(Aside::After);
                }
                self.open.push(Open::Story(aside));
            }
            "frame" => {
                let class = tag.attr_named("presentation:class").unwrap_or_default();
                if matches!(
                    class.as_str(),
                    "page-number" | "header" | "footer" | "date-time" | "page"
                ) {
                    return Step::Skip;
                }
                self.is_title = class == "title";
            }
            "image" => self.images += 1,
            "table" => {
                self.tables += 1;
                if self.is_spreadsheet && self.tables == 1 {
                    self.sheets.push((
                        tag.attr("name").unwrap_or_default(),
                        std::mem::take(&mut self.blocks),
                    ));
                }
                self.blocks.start_table();
            }
            "table-cell" | "covered-table-cell" => {
                self.repeated = tag
                    .attr("number-columns-repeated")
                    .and_then(|n| n.parse().ok())
                    .unwrap_or(1);
                let value = tag.attr("date-value").filter(|_| self.is_spreadsheet);
                self.has_date = value.is_some();
                if let Some(value) = value {
                    self.blocks.text(&date(&value).replace('T', " "));
                }
            }
            _ => {}
        }
        Step::Continue
    }

    fn close(&mut self, name: &str) {
        match name {
            "creator" => self.comment_author = self.property.take().unwrap_or_default(),
            "p" | "h" => match self.open.pop() {
                Some(Open::Paragraph(level)) => self.blocks.end_paragraph(level),
                Some(Open::Nested(level)) => {
                    self.blocks.end_paragraph(level);
                    self.blocks.end_aside("");
                }
                _ => {}
            },
            "note" | "annotation" | "text-box" => {
                let comment_author = text::one_line(&self.comment_author);
                let label = match (name, comment_author.as_str()) {
                    ("annotation", "") => "Comment".to_owned(),
                    ("annotation", comment_author) => format!("Comment by {comment_author}"),
                    _ => String::new(),
                };
                if let Some(Open::Story(true)) = self.open.pop() {
                    self.blocks.end_aside(&label);
                }
            }
            "frame" => self.is_title = false,
            "table-cell" | "covered-table-cell" => {
                self.has_date = false;
                self.blocks.end_cell();
                self.blocks
                    .empty_cells(std::mem::replace(&mut self.repeated, 1).saturating_sub(1));
            }
            "table-row" => self.blocks.end_row(),
            "table" => {
                self.blocks.end_table();
                self.tables = self.tables.saturating_sub(1);
                if self.is_spreadsheet
                    && self.tables == 0
                    && let Some((_, sheet)) = self.sheets.last_mut()
                {
                    std::mem::swap(sheet, &mut self.blocks);
                }
            }
            _ => {}
        }
    }

    fn emit(
        mut self,
        error: Option<ReadError>,
        context: &Context<'_>,
        emit: &mut Emit<'_>,
    ) -> ControlFlow<()> {
        let [first, last] = &self.authors;
        self.meta
            .add("author", if text::is_blank(first) { last } else { first });
        if self.is_spreadsheet {
            let is_one = self.sheets.len() == 1;
            // A truncated sheet is still open.
            if let Some((_, sheet)) = self.sheets.last_mut().filter(|_| self.tables > 0) {
                std::mem::swap(sheet, &mut self.blocks);
            }
            for (name, sheet) in self.sheets {
                let title = match is_one && xlsx::is_default_name(&name) {
                    true => self.meta.title.clone(),
                    false => Some(text::one_line(&name)),
                };
                let text = sheet.finish();
                let metadata = self.meta.fields.clone();
                if !text.is_empty() {
                    emit_document(
                        Document {
                            name: Some(name),
                            title,
                            text,
                            metadata,
                            line: None,
                        },
                        context,
                        emit,
                    )?;
                }
            }
        } else {
            if let Some(heading) = self.blocks.first_heading() {
                self.meta.title(heading);
            }
            let text = self.blocks.finish();
            let Meta {
                title,
                fields: metadata,
            } = self.meta;
            emit_document(
                Document {
                    title,
                    text,
                    metadata,
                    ..Document::default()
                },
                context,
                emit,
            )?;
        }
        if let Some(error) = error {
            emit(Err(error))?;
        }
        emit_omitted(self.images, "embedded image", "embedded images", emit)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{read_bytes, read_single, zip};
    use crate::{Kind, detect};

    const TEXT: &str = "<office:document><office:meta><dc:title>On bees</dc:title><meta:initial-creator>Anna</meta:initial-creator><dc:creator>Bert</dc:creator>\
        <meta:keyword>honey</meta:keyword></office:meta><office:styles><text:p>style</text:p></office:styles><office:body><office:text>\
        <text:tracked-changes><text:p>deleted</text:p></text:tracked-changes><text:h text:outline-level='2'>Honey</text:h>\
        <text:p>It kee<text:span>ps</text:span><text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>A note.</text:p></text:note-body></text:note>\
        <text:s text:c='3'/>well<draw:frame><draw:text-box><text:p>In a box</text:p><table:table><table:table-row><table:table-cell><text:p>x</text:p></table:table-cell></table:table-row></table:table></draw:text-box></draw:frame>.\
        <office:annotation><dc:creator>Carl</dc:creator><dc:date>2024-01-01</dc:date><text:p>Sure?</text:p></office:annotation></text:p>\
        <table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell><table:table-cell table:number-columns-repeated='1000'/><table:table-cell><text:p>b</text:p></table:table-cell></table:table-row></table:table>\
        </office:text></office:body></office:document>";

    #[test]
    fn notes_text_boxes_and_tables_become_text() {
        assert_eq!(detect("a", TEXT.as_bytes()), Some(Kind::FlatOdf));
        let document = read_single(Kind::FlatOdf, TEXT.as_bytes());
        assert_eq!(
            document.text,
            "Honey\n\nIt keeps well.\n\nIn a box\n\nx\n\na |  |  |  |  | b\n\nA note.\n\nComment by Carl: Sure?\n"
        );
        assert_eq!(document.title.as_deref(), Some("On bees"));
        assert_eq!(
            document.metadata,
            [
                ("keywords".into(), "honey".into()),
                ("author".into(), "Anna".into())
            ]
        );
    }

    #[test]
    fn sheets_use_date_values_and_encrypted_files_are_errors() {
        let sheets = "<office:document-content><office:body><office:spreadsheet><table:table table:name='Sheet1'><table:table-row><table:table-cell office:date-value='2024-03-05'>\
            <text:p>05.03.24</text:p></table:table-cell></table:table-row><table:table-row table:number-rows-repeated='1048576'><table:table-cell table:number-columns-repeated='16384'/></table:table-row></table:table>\
            <table:table table:name='Two'><table:table-row><table:table-cell><text:p>x</text:p></table:table-cell></table:table-row>";
        let (documents, errors) = read_bytes(Kind::Odf, &zip(&[("content.xml", sheets)]));
        assert_eq!(
            documents
                .iter()
                .map(|d| d.text.as_str())
                .collect::<Vec<_>>(),
            ["2024-03-05\n", "x\n"]
        );
        assert!(errors[0].contains("cut off"), "{errors:?}");
        let locked = zip(&[
            ("META-INF/manifest.xml", "<manifest:encryption-data/>"),
            ("content.xml", "?"),
        ]);
        assert!(read_bytes(Kind::Odf, &locked).1[0].contains("password"));
    }
}
