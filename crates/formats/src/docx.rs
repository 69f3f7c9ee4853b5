//! Word documents (`.docx`, `.docm`, `.dotx`). The text is that after accepting all tracked
//! changes, with hidden text, text boxes, footnotes, endnotes and comments. Headers and footers,
//! which repeat on every page, are omitted.

use crate::blocks::{Aside, Blocks};
use crate::ooxml::{self, Relation, Shapes};
use crate::package::Package;
use crate::xml::{Node, Step, walk};
use crate::{Context, Document, Emit, Extracted, ReadError, emit_document, emit_omitted};
use std::collections::HashMap;

pub fn read(bytes: &[u8], context: &Context<'_>, emit: &mut Emit<'_>) -> Result<(), ReadError> {
    let mut package = Package::open(bytes, context)?;
    let path = ooxml::main_part(&mut package, "word/document.xml");
    let main = package.read_required(&path)?;
    let relations = ooxml::relations(&mut package, &path);
    let styles = part(&mut package, &relations, "styles")
        .map(|bytes| headings(&bytes))
        .unwrap_or_default();
    let mut meta = ooxml::properties(&mut package);
    let mut blocks = Blocks::default();
    let mut errors: Vec<ReadError> = story(&main, &styles, &mut blocks)
        .err()
        .map(|p| p.in_part(&path))
        .into_iter()
        .collect();
    drop(main);
    for relation in relations.iter().filter(|r| {
        matches!(
            &*r.kind,
            "diagramData" | "footnotes" | "endnotes" | "comments"
        )
    }) {
        let read =
            package
                .read_required(&relation.target)
                .and_then(|bytes| match &*relation.kind {
                    "diagramData" => ooxml::drawing(&bytes, Shapes::All, &mut blocks),
                    _ => story(&bytes, &styles, &mut blocks),
                });
        errors.extend(read.err().map(|error| error.in_part(&relation.target)));
    }
    if let Some(heading) = blocks.first_heading() {
        meta.title(heading);
    }
    let text = blocks.finish();
    let document = Document {
        title: meta.title,
        text,
        metadata: meta.fields,
        ..Document::default()
    };
    let count = |kind: &str| relations.iter().filter(|r| r.kind == kind).count();
    let emit_all = || {
        emit_document(document, context, emit)?;
        errors.into_iter().try_for_each(|error| emit(Err(error)))?;
        ooxml::emit_omitted_media(&package, "word", emit)?;
        emit_omitted(
            count("header") + count("footer"),
            "header or footer",
            "headers and footers",
            emit,
        )?;
        match count("aFChunk") {
            0 => std::ops::ControlFlow::Continue(()),
            _ => emit(Ok(Extracted::Omitted(
                "text included from another format".to_owned(),
            ))),
        }
    };
    let _ = emit_all();
    Ok(())
}

fn part(package: &mut Package<'_>, relations: &[Relation], kind: &str) -> Option<Vec<u8>> {
    let relation = relations.iter().find(|relation| relation.kind == kind)?;
    package.read(&relation.target).ok().flatten()
}

/// The heading level of every heading style, by style id. Word translates the ids of styles but not
/// their names, so the names decide.
fn headings(bytes: &[u8]) -> HashMap<String, u8> {
    let (mut levels, mut parents) = (HashMap::new(), HashMap::new());
    let mut id = String::new();
    // If the styles are damaged, only the headings are lost.
    let _ = walk(bytes, |node| {
        if let Node::Open(tag) = node {
            let value = || tag.attr("val").unwrap_or_default();
            match tag.name() {
                "style" => id = tag.attr("styleId").unwrap_or_default(),
                "name" => {
                    let name = value().to_lowercase();
                    let level = match name.strip_prefix("heading ") {
                        Some(level) => level.parse().ok(),
                        None => (name == "title").then_some(1),
                    };
                    levels.extend(level.map(|level: u8| (id.clone(), level)));
                }
                "basedOn" => {
                    parents.insert(id.clone(), value());
                }
                "outlineLvl" => {
                    if let Some(level) = value().parse().ok().filter(|&level: &u8| level < 9) {
                        levels.entry(id.clone()).or_insert(level + 1);
                    }
                }
                _ => {}
            }
        }
        Step::Continue
    });
    for id in parents.keys() {
        let mut at = id;
        // A bound on the inheritance chain, in case it has a cycle.
        for _ in 0..10 {
            if let Some(&level) = levels.get(at) {
                levels.insert(id.clone(), level);
                break;
            }
            let Some(parent) = parents.get(at) else { break };
            at = parent;
        }
    }
    levels
}

#[derive(Default)]
struct Paragraph {
    level: Option<u8>,
    /// Its end is a tracked deletion: the next paragraph continues it.
    goes_on: bool,
}

/// Adds the text of a part: the main document, the notes or the comments.
fn story(bytes: &[u8], styles: &HashMap<String, u8>, blocks: &mut Blocks) -> Result<(), ReadError> {
    let (mut in_text, mut in_properties) = (false, false);
    let mut paragraphs: Vec<Paragraph> = Vec::new();
    // For each open field, whether its result has begun; before that comes its code.
    let mut fields: Vec<bool> = Vec::new();
    let mut label = String::new();
    walk(bytes, |node| {
        match node {
            Node::Open(tag) if in_properties => match tag.name() {
                "pPrChange" | "rPrChange" | "sectPr" => return Step::Skip,
                "pStyle" => set_level(
                    &mut paragraphs,
                    styles.get(&tag.attr("val").unwrap_or_default()).copied(),
                ),
                "outlineLvl" => {
                    let level = tag.attr("val").and_then(|value| value.parse::<u8>().ok());
                    set_level(
                        &mut paragraphs,
                        level.filter(|&level| level < 9).map(|level| level + 1),
                    );
                }
                "del" | "moveFrom" => {
                    if let Some(paragraph) = paragraphs.last_mut() {
                        paragraph.goes_on = true;
                    }
                }
                _ => {}
            },
            Node::Open(tag) => match tag.name() {
                "del" | "moveFrom" | "Fallback" | "instrText" | "delText" | "delInstrText"
                | "fldData" | "rPr" | "tblPr" | "tblGrid" | "trPr" | "tcPr" | "sectPr"
                | "sdtPr" | "sdtEndPr" | "rt" | "binData" => {
                    return Step::Skip;
                }
                "footnote" | "endnote" | "comment" => {
                    // Separators between text and notes are stored as footnotes with a type.
                    if tag.attr("type").is_some_and(|kind| kind != "normal") {
                        return Step::Skip;
                    }
                    let author = tag.attr("author").unwrap_or_default();
                    label = match (tag.name(), author.trim()) {
                        ("comment", "") => "Comment".to_owned(),
                        ("comment", author) => format!("Comment by {author}"),
                        _ => String::new(),
                    };
                    blocks.start_aside(Aside::End);
                }
                "p" => paragraphs.push(Paragraph::default()),
                "pPr" => in_properties = true,
                "t" => in_text = true,
                "tab" | "ptab" => blocks.text(" "),
                "br" | "cr" => blocks.line_break(),
                "noBreakHyphen" => blocks.text("\u{2011}"),
                "fldChar" => match tag.attr("fldCharType").as_deref() {
                    Some("begin") => fields.push(false),
                    Some("separate") => {
                        if let Some(field) = fields.last_mut() {
                            *field = true;
                        }
                    }
                    _ => {
                        fields.pop();
                    }
                },
                "tbl" => blocks.start_table(),
                "txbxContent" => blocks.start_aside(Aside::After),
                _ => {}
            },
            Node::Close(end) => match end.name() {
                "pPr" => in_properties = false,
                "t" => in_text = false,
                "p" => {
                    let paragraph = paragraphs.pop().unwrap_or_default();
                    if !paragraph.goes_on {
                        blocks.end_paragraph(paragraph.level);
                    }
                }
                "tc" => blocks.end_cell(),
                "tr" => blocks.end_row(),
                "tbl" => blocks.end_table(),
                "txbxContent" => blocks.end_aside(""),
                "footnote" | "endnote" | "comment" => blocks.end_aside(&label),
                _ => {}
            },
            Node::Text(text) if in_text && fields.iter().all(|&result| result) => {
                blocks.text(&text)
            }
            Node::Text(_) => {}
        }
        Step::Continue
    })
}

fn set_level(paragraphs: &mut [Paragraph], level: Option<u8>) {
    if let (Some(paragraph), Some(_)) = (paragraphs.last_mut(), level) {
        paragraph.level = level;
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{extract, read_bytes, read_single, zip};
    use crate::{Extracted, Kind};

    const TYPES: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

    fn document(body: &str, more: &[(&str, &str)]) -> Vec<u8> {
        let main = format!(
            "<?xml version='1.0'?><w:document xmlns:w='w'><w:body>{body}</w:body></w:document>"
        );
        let rels = format!(
            "<Relationships><Relationship Id='r1' Type='{TYPES}/officeDocument' Target='word/document.xml'/></Relationships>"
        );
        let kinds = ["styles", "footnotes", "comments", "header"];
        let parts: String = kinds
            .iter()
            .map(|k| format!("<Relationship Id='{k}' Type='{TYPES}/{k}' Target='{k}.xml'/>"))
            .collect();
        let parts = format!("<Relationships>{parts}</Relationships>");
        let styles = "<w:styles><w:style w:styleId='berschrift1'><w:name w:val='heading 1'/></w:style>\
            <w:style w:styleId='Own'><w:name w:val='Own'/><w:basedOn w:val='berschrift1'/></w:style></w:styles>";
        let mut members = vec![
            ("[Content_Types].xml", ""),
            ("_rels/.rels", &*rels),
            ("word/document.xml", &*main),
            ("word/_rels/document.xml.rels", &*parts),
            ("word/styles.xml", styles),
        ];
        for (name, content) in more {
            members.push((name, content));
        }
        if !more.iter().any(|(name, _)| *name == "word/footnotes.xml") {
            members.push(("word/footnotes.xml", "<w:footnotes/>"));
        }
        if !more.iter().any(|(name, _)| *name == "word/comments.xml") {
            members.push(("word/comments.xml", "<w:comments/>"));
        }
        zip(&members)
    }

    #[test]
    fn runs_revisions_fields_tables_and_notes_become_text() {
        let body = "<w:p><w:pPr><w:pStyle w:val='Own'/><w:tabs><w:tab w:val='left'/></w:tabs></w:pPr><w:r><w:t>On be</w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t>es</w:t></w:r></w:p>\
            <w:p><w:r><w:t xml:space='preserve'>Honey </w:t></w:r><w:del><w:r><w:delText>rots</w:delText></w:r></w:del><w:ins><w:r><w:t>keeps</w:t></w:r></w:ins>\
            <w:r><w:fldChar w:fldCharType='begin'/></w:r><w:r><w:instrText>PAGE</w:instrText><w:t>code</w:t></w:r><w:r><w:fldChar w:fldCharType='separate'/></w:r><w:r><w:t xml:space='preserve'> 12</w:t></w:r><w:r><w:fldChar w:fldCharType='end'/></w:r>\
            <w:r><w:tab/><w:t>years</w:t><w:br/><w:t>long</w:t></w:r><w:r><w:rPr><w:vanish/></w:rPr><w:t>, hidden</w:t></w:r><w:r><w:footnoteReference w:id='2'/></w:r></w:p>\
            <w:p><w:pPr><w:rPr><w:del/></w:rPr></w:pPr><w:r><w:t xml:space='preserve'>One </w:t></w:r></w:p><w:p><w:r><w:t>paragraph</w:t></w:r>\
            <w:r><mc:AlternateContent><mc:Choice><w:txbxContent><w:p><w:r><w:t>Box</w:t></w:r></w:p></w:txbxContent></mc:Choice><mc:Fallback><w:txbxContent><w:p><w:r><w:t>Box</w:t></w:r></w:p></w:txbxContent></mc:Fallback></mc:AlternateContent></w:r><w:r><w:t>.</w:t></w:r></w:p>\
            <w:tbl><w:tblPr/><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>c</w:t></w:r></w:p></w:tc></w:tr>\
            <w:tr><w:tc><w:p><w:r><w:t>d</w:t></w:r></w:p></w:tc><w:tc><w:p/></w:tc></w:tr></w:tbl>";
        let notes = "<w:footnotes><w:footnote w:type='separator'><w:p><w:r><w:t>---</w:t></w:r></w:p></w:footnote><w:footnote w:id='2'><w:p><w:r><w:t>A note.</w:t></w:r></w:p></w:footnote></w:footnotes>";
        let comments = "<w:comments><w:comment w:author='Anna'><w:p><w:r><w:t>Really?</w:t></w:r></w:p></w:comment></w:comments>";
        let core = "<cp:coreProperties><dc:title>Document1</dc:title><dc:creator>Anna</dc:creator><dcterms:created>2024-03-05T10:07:00Z</dcterms:created></cp:coreProperties>";
        let bytes = document(
            body,
            &[
                ("word/footnotes.xml", notes),
                ("word/comments.xml", comments),
                ("docProps/core.xml", core),
                ("word/media/i.png", "x"),
            ],
        );
        let (items, errors) = extract(Kind::Docx, &bytes);
        assert!(errors.is_empty(), "{errors:?}");
        let Extracted::Document(document) = &items[0] else {
            panic!()
        };
        assert_eq!(
            document.text,
            "On bees\n\nHoney keeps 12 years\nlong, hidden\n\nOne paragraph.\n\nBox\n\na b | c\nd\n\nA note.\n\nComment by Anna: Really?\n"
        );
        assert_eq!(document.title.as_deref(), Some("On bees"));
        assert_eq!(
            document.metadata[1],
            ("created".into(), "2024-03-05T10:07:00Z".into())
        );
        assert_eq!(
            items[1..],
            [
                Extracted::Omitted("1 embedded image or video".into()),
                Extracted::Omitted("1 header or footer".into())
            ]
        );
    }

    #[test]
    fn a_damaged_part_does_not_affect_the_others() {
        let bytes = document(
            "<w:p><w:r><w:t>Kept</w:t></w:r></w:p><w:p>",
            &[("word/footnotes.xml", "<w:footnotes><a>")],
        );
        let (documents, errors) = read_bytes(Kind::Docx, &bytes);
        assert_eq!(documents[0].text, "Kept\n");
        assert!(
            errors[0].starts_with("word/document.xml: its XML is damaged"),
            "{errors:?}"
        );
        assert!(
            errors[1].starts_with("word/footnotes.xml: its XML is damaged"),
            "{errors:?}"
        );
        assert!(
            read_bytes(Kind::Docx, bytes.get(..bytes.len() / 2).unwrap()).1[0]
                .starts_with("expected a zip file")
        );
        assert_eq!(
            read_single(
                Kind::Docx,
                &document("<w:p><w:r><w:t>a</w:t></w:r></w:p>", &[])
            )
            .text,
            "a\n"
        );
    }
}
