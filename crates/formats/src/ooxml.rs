//! Shared by the readers of Word, PowerPoint and Excel files (Office Open XML): relationships,
//! document properties, drawings.

use crate::blocks::Blocks;
use crate::meta::Meta;
use crate::package::{Package, resolve};
use crate::xml::{Node, Step, leaves, walk};
use crate::{Emit, ReadError, emit_omitted};
use std::ops::ControlFlow;

/// A relationship of one part to another.
pub struct Relation {
    pub id: String,
    /// The last path segment of its type URI: `footnotes`, `slide`.
    pub kind: String,
    /// The path of the target part in the package.
    pub target: String,
}

/// The relationships of a part, without external ones. `""` is the package itself.
pub fn relations(package: &mut Package<'_>, part: &str) -> Vec<Relation> {
    let (folder, file) = part.rsplit_once('/').unwrap_or(("", part));
    let path = format!("{folder}/_rels/{file}.rels");
    let Ok(Some(bytes)) = package.read(&path) else {
        return Vec::new();
    };
    let leaves = leaves(&bytes).unwrap_or_default();
    let internal = leaves
        .iter()
        .filter(|l| l.name == "Relationship" && l.attr("TargetMode") != Some("External"));
    internal
        .filter_map(|leaf| {
            let kind = leaf.attr("Type")?;
            Some(Relation {
                id: leaf.attr("Id")?.to_owned(),
                kind: kind
                    .rsplit_once('/')
                    .map_or(kind, |(_, last)| last)
                    .to_owned(),
                target: resolve(part, leaf.attr("Target")?),
            })
        })
        .collect()
}

/// The path of the main document part; `usual` if no relationship names it.
pub fn main_part(package: &mut Package<'_>, usual: &str) -> String {
    let relation = relations(package, "")
        .into_iter()
        .find(|r| r.kind == "officeDocument");
    relation
        .map(|r| r.target)
        .filter(|target| package.find(target).is_some())
        .unwrap_or_else(|| usual.to_owned())
}

/// The document properties: title, author, dates.
pub fn properties(package: &mut Package<'_>) -> Meta {
    let mut meta = Meta::default();
    let relation = relations(package, "")
        .into_iter()
        .find(|r| r.kind == "core-properties");
    let path = relation.map_or_else(|| "docProps/core.xml".to_owned(), |r| r.target);
    if let Ok(Some(bytes)) = package.read(&path) {
        for leaf in leaves(&bytes).unwrap_or_default() {
            meta.dublin_core(&leaf.name, &leaf.text);
        }
    }
    meta
}

/// Reports how many images, charts and embedded files are omitted.
pub fn emit_omitted_media(
    package: &Package<'_>,
    folder: &str,
    emit: &mut Emit<'_>,
) -> ControlFlow<()> {
    let count = |under: &str, is: fn(&str) -> bool| {
        let path = format!("{folder}/{under}/");
        package
            .names()
            .iter()
            .flatten()
            .filter(|n| n.strip_prefix(&path).is_some_and(is))
            .count()
    };
    let (images, embedded) = (count("media", |_| true), count("embeddings", |_| true));
    let charts = count("charts", |name| {
        name.starts_with("chart") && name.ends_with(".xml")
    });
    emit_omitted(
        images,
        "embedded image or video",
        "embedded images or videos",
        emit,
    )?;
    emit_omitted(charts, "chart", "charts", emit)?;
    emit_omitted(embedded, "embedded file", "embedded files", emit)
}

/// Which shapes of a drawing are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shapes {
    /// All shapes but slide numbers, headers, footers and dates: for slides, drawings and diagrams.
    All,
    /// Only the body placeholder: for a slide's notes page.
    Notes,
}

/// Adds the text of the shapes and tables of a drawing. The title placeholder of a slide becomes a
/// heading.
pub fn drawing(bytes: &[u8], shapes: Shapes, blocks: &mut Blocks) -> Result<(), ReadError> {
    let (mut in_text, mut is_title) = (false, false);
    let mut wanted = shapes == Shapes::All;
    let result = walk(bytes, |node| {
        match node {
            Node::Open(tag) => match tag.name() {
                "Fallback" | "pPr" | "rPr" | "endParaRPr" | "bodyPr" | "lstStyle" | "cellProps" => {
                    return Step::Skip;
                }
                "sp" | "graphicFrame" => (is_title, wanted) = (false, shapes == Shapes::All),
                "ph" => {
                    let kind = tag.attr("type").unwrap_or_default();
                    is_title = matches!(kind.as_str(), "title" | "ctrTitle");
                    wanted = match shapes {
                        Shapes::All => {
                            !matches!(kind.as_str(), "sldNum" | "ftr" | "dt" | "hdr" | "sldImg")
                        }
                        Shapes::Notes => kind == "body",
                    };
                }
                "txBody" if !wanted => return Step::Skip,
                "fld" if tag.attr("type").as_deref() == Some("slidenum") => return Step::Skip,
                "tbl" => blocks.start_table(),
                "br" => blocks.line_break(),
                "t" => in_text = true,
                _ => {}
            },
            Node::Close(end) => match end.name() {
                "t" => in_text = false,
                "p" => blocks.end_paragraph(is_title.then_some(1)),
                "tc" => blocks.end_cell(),
                "tr" => blocks.end_row(),
                "tbl" => blocks.end_table(),
                _ => {}
            },
            Node::Text(text) if in_text => blocks.text(&text),
            Node::Text(_) => {}
        }
        Step::Continue
    });
    blocks.end_paragraph(None);
    result
}
