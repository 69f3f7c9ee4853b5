//! PowerPoint presentations (`.pptx`, `.ppsx`, `.potx`): the slides in presentation order, hidden
//! ones included, each followed by its notes and comments.

use crate::blocks::{Aside, Blocks};
use crate::ooxml::{self, Shapes};
use crate::package::Package;
use crate::xml::leaves;
use crate::{Context, Document, Emit, ReadError, emit_document};

pub fn read(bytes: &[u8], context: &Context<'_>, emit: &mut Emit<'_>) -> Result<(), ReadError> {
    let mut package = Package::open(bytes, context)?;
    let mut meta = ooxml::properties(&mut package);
    let (mut blocks, mut errors) = (Blocks::default(), Vec::new());
    let slides = slides(&mut package)?;
    for (at, slide) in slides.iter().enumerate() {
        let read = package
            .read_required(slide)
            .and_then(|bytes| ooxml::drawing(&bytes, Shapes::All, &mut blocks));
        errors.extend(
            read.err()
                .map(|error| error.in_part(&format!("slide {} ({slide})", at + 1))),
        );
        // Diagrams are part of the slide and come first; notes follow.
        let mut relations = ooxml::relations(&mut package, slide);
        relations.sort_by_key(|relation| match &*relation.kind {
            "diagramData" => 0,
            "notesSlide" => 1,
            _ => 2,
        });
        for relation in relations {
            let shapes = match &*relation.kind {
                "diagramData" => Shapes::All,
                "notesSlide" => Shapes::Notes,
                "comments" => {
                    let read = package
                        .read_required(&relation.target)
                        .and_then(|bytes| comments(&bytes, &mut blocks));
                    errors.extend(read.err().map(|error| error.in_part(&relation.target)));
                    continue;
                }
                _ => continue,
            };
            let read = package
                .read_required(&relation.target)
                .and_then(|bytes| ooxml::drawing(&bytes, shapes, &mut blocks));
            errors.extend(read.err().map(|error| error.in_part(&relation.target)));
        }
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
    let emit_all = || {
        emit_document(document, context, emit)?;
        errors.into_iter().try_for_each(|error| emit(Err(error)))?;
        ooxml::emit_omitted_media(&package, "ppt", emit)
    };
    let _ = emit_all();
    Ok(())
}

/// The paths of the slides in presentation order, or by file number if the slide list is damaged.
fn slides(package: &mut Package<'_>) -> Result<Vec<String>, ReadError> {
    let path = ooxml::main_part(package, "ppt/presentation.xml");
    let relations = ooxml::relations(package, &path);
    let list = leaves(&package.read_required(&path)?).unwrap_or_default();
    let ids = list.iter().filter(|leaf| leaf.name == "sldId");
    // A slide's own number is also called `id`, without a namespace; the relationship id is the
    // later attribute.
    let ids = ids.filter_map(|leaf| leaf.attrs.iter().rev().find(|(name, _)| name == "id"));
    let slides: Vec<String> = ids
        .filter_map(|(_, id)| relations.iter().find(|r| r.id == *id))
        .map(|relation| relation.target.clone())
        .collect();
    if !slides.is_empty() {
        return Ok(slides);
    }
    let number = |name: &String| {
        let digits = name
            .strip_prefix("ppt/slides/slide")?
            .strip_suffix(".xml")?;
        digits.parse::<u32>().ok()
    };
    let mut found: Vec<(u32, String)> = package
        .names()
        .iter()
        .flatten()
        .filter_map(|name| Some((number(name)?, name.clone())))
        .collect();
    found.sort();
    Ok(found.into_iter().map(|(_, name)| name).collect())
}

/// Comments on a slide: classic ones have a `text` element, modern ones the text body of a shape.
fn comments(bytes: &[u8], blocks: &mut Blocks) -> Result<(), ReadError> {
    let old: Vec<String> = leaves(bytes)?
        .into_iter()
        .filter(|leaf| leaf.name == "text")
        .map(|leaf| leaf.text)
        .collect();
    for text in &old {
        blocks.text("Comment: ");
        blocks.text(text);
        blocks.end_paragraph(None);
    }
    if old.is_empty() {
        blocks.start_aside(Aside::After);
        let read = ooxml::drawing(bytes, Shapes::All, blocks);
        blocks.end_aside("Comment");
        blocks.end_paragraph(None);
        return read;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::Kind;
    use crate::testing::{read_single, zip};

    #[test]
    fn slides_are_in_presentation_order_with_their_notes() {
        let types = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        let rels = |rels: &[(&str, &str, &str)]| {
            let rels: String = rels
                .iter()
                .map(|(id, kind, target)| {
                    format!("<Relationship Id='{id}' Type='{types}/{kind}' Target='{target}'/>")
                })
                .collect();
            format!("<Relationships>{rels}</Relationships>")
        };
        let shape = |kind: &str, text: &str| {
            format!(
                "<p:sp><p:nvSpPr><p:nvPr><p:ph type='{kind}'/></p:nvPr></p:nvSpPr><p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"
            )
        };
        let bytes = zip(&[
            (
                "ppt/presentation.xml",
                "<p:presentation><p:sldIdLst><p:sldId id='256' r:id='b'/><p:sldId id='257' r:id='a'/></p:sldIdLst></p:presentation>",
            ),
            (
                "ppt/_rels/presentation.xml.rels",
                &rels(&[
                    ("a", "slide", "slides/slide1.xml"),
                    ("b", "slide", "slides/slide2.xml"),
                ]),
            ),
            (
                "ppt/slides/slide1.xml",
                &format!(
                    "<p:sld>{}{}</p:sld>",
                    shape("title", "Second"),
                    shape("sldNum", "2")
                ),
            ),
            (
                "ppt/slides/slide2.xml",
                &format!(
                    "<p:sld>{}{}</p:sld>",
                    shape("ctrTitle", "First"),
                    shape("body", "Point")
                ),
            ),
            (
                "ppt/slides/_rels/slide2.xml.rels",
                &rels(&[("n", "notesSlide", "../notesSlides/n.xml")]),
            ),
            (
                "ppt/notesSlides/n.xml",
                &format!(
                    "<p:notes>{}{}</p:notes>",
                    shape("sldImg", "no"),
                    shape("body", "Speak slowly.")
                ),
            ),
            (
                "docProps/core.xml",
                "<c><dc:title>PowerPoint Presentation</dc:title></c>",
            ),
        ]);
        let document = read_single(Kind::Pptx, &bytes);
        assert_eq!(document.text, "First\n\nPoint\n\nSpeak slowly.\n\nSecond\n");
        assert_eq!(document.title.as_deref(), Some("First"));
    }
}
