//! Reads the values of form fields, and annotations.

use super::content::Interpreter;
use super::fonts::Fonts;
use super::{columns, info, lines};
use hayro_font::kurbo::Affine;
use hayro_syntax::Pdf;
use hayro_syntax::object::{Array, Dict, Name, Object, Stream, String as PdfString};
use hayro_syntax::page::Page;
use std::collections::HashSet;

/// Form fields nested more deeply are ignored.
const MAX_FIELD_DEPTH: usize = 32;
/// Limit on annotations per page, on fields, and on the items of a value.
const MAX_ANNOTATIONS: usize = 20_000;

/// Annotations whose text counts. Links have theirs on the page, and popups repeat that of their
/// parent.
const TEXT_ANNOTATIONS: [&str; 16] = [
    "Text",
    "FreeText",
    "Highlight",
    "Underline",
    "Squiggly",
    "StrikeOut",
    "Stamp",
    "Caret",
    "Ink",
    "Line",
    "Square",
    "Circle",
    "Polygon",
    "PolyLine",
    "Redact",
    "FileAttachment",
];

/// The object ids of fields seen so far.
pub type Seen = HashSet<(u32, i32)>;

/// The texts of the field values and annotations of a page.
pub fn annotation_texts<'a>(page: &Page<'a>, fonts: &Fonts<'a>, seen: &mut Seen) -> Vec<String> {
    let Some(annotations) = page.raw().get::<Array<'a>>("Annots") else {
        return Vec::new();
    };
    let mut out: Vec<String> = Vec::new();
    for note in annotations.iter::<Dict<'a>>().take(MAX_ANNOTATIONS) {
        let kind = note.get::<Name<'_>>("Subtype");
        let text = match kind.as_ref().map(Name::as_str) {
            Some("Widget") => field_value(&note, fonts, seen),
            Some(kind) if TEXT_ANNOTATIONS.contains(&kind) => string(&note, "Contents")
                .or_else(|| string(&note, "RC").map(|t| rich_text(&t)))
                .or_else(|| {
                    if kind == "FreeText" || kind == "Stamp" {
                        appearance_text(&note, fonts)
                    } else {
                        None
                    }
                }),
            _ => None,
        };
        if let Some(text) = text.filter(|t| t.chars().any(char::is_alphanumeric)) {
            out.push(text);
        }
    }
    out
}

/// The values of fields that are not shown on any page.
pub fn unseen_field_values(pdf: &Pdf, seen: &mut Seen) -> Vec<String> {
    let fields = info::catalog(pdf)
        .and_then(|c| c.get::<Dict<'_>>("AcroForm"))
        .and_then(|f| f.get::<Array<'_>>("Fields"));
    let mut out = Vec::new();
    let mut stack: Vec<(Dict<'_>, usize)> = fields
        .iter()
        .flat_map(|f| f.iter::<Dict<'_>>())
        .take(MAX_ANNOTATIONS)
        .map(|d| (d, 0))
        .collect();
    let mut steps = 0;
    while let Some((dict, depth)) = stack.pop() {
        steps += 1;
        if steps > MAX_ANNOTATIONS {
            break;
        }
        let known = dict
            .obj_id()
            .is_some_and(|id| !seen.insert((id.obj_number, id.gen_number)));
        if let Some(kids) = dict
            .get::<Array<'_>>("Kids")
            .filter(|_| depth < MAX_FIELD_DEPTH)
        {
            stack.extend(
                kids.iter::<Dict<'_>>()
                    .take(MAX_ANNOTATIONS)
                    .map(|d| (d, depth + 1)),
            );
        } else if !known && let Some(value) = value(&dict) {
            out.push(value);
        }
    }
    out
}

/// Whether the form uses XFA, which is not supported.
pub fn is_xfa(pdf: &Pdf) -> bool {
    info::catalog(pdf)
        .and_then(|c| c.get::<Dict<'_>>("AcroForm"))
        .is_some_and(|f| f.contains_key("XFA"))
}

/// The value of a field where it is shown; `None` if it was emitted before.
fn field_value<'a>(widget: &Dict<'a>, fonts: &Fonts<'a>, seen: &mut Seen) -> Option<String> {
    let mut dict = widget.clone();
    let mut kind = None;
    let mut shown: Option<String> = None;
    let mut already_emitted = false;
    for _ in 0..MAX_FIELD_DEPTH {
        let id = dict.obj_id().map(|id| (id.obj_number, id.gen_number));
        let known = id.is_some_and(|id| !seen.insert(id));
        kind = kind.or_else(|| dict.get::<Name<'_>>("FT").map(|n| n.as_str().to_owned()));
        if shown.is_none() && dict.contains_key("V") {
            // A field can be shown in several places; its value is emitted once.
            already_emitted = known;
            shown = value(&dict);
        }
        match dict.get::<Dict<'a>>("Parent") {
            Some(parent) => dict = parent,
            None => break,
        }
    }
    if already_emitted {
        return None;
    }
    match kind.as_deref() {
        // The value of a button is only the name of its state, so use its label.
        Some("Btn") => {
            let on = widget
                .get::<Name<'_>>("AS")
                .is_some_and(|s| s.as_str() != "Off");
            let label = string(widget, "TU").or_else(|| string(widget, "T"));
            label.filter(|_| on)
        }
        _ => shown.or_else(|| appearance_text(widget, fonts)),
    }
}

/// The value of a field as text.
fn value(dict: &Dict<'_>) -> Option<String> {
    let text = match dict.get::<Object<'_>>("V")? {
        Object::String(text) => info::decode_text_string(text.as_bytes()),
        Object::Stream(stream) => info::decode_text_string(&stream.decoded_data().ok()?),
        Object::Array(of) => {
            let parts: Vec<String> = of
                .iter::<PdfString<'_>>()
                .take(MAX_ANNOTATIONS)
                .map(|s| info::decode_text_string(s.as_bytes()))
                .collect();
            parts.join(", ")
        }
        _ => return None,
    };
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn string(dict: &Dict<'_>, key: &str) -> Option<String> {
    let text = dict
        .get::<PdfString<'_>>(key)
        .map(|s| info::decode_text_string(s.as_bytes()))?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The text of rich content, which is XHTML.
fn rich_text(rich: &str) -> String {
    info::one_line(&info::strip_tags(rich))
}

/// The text of the appearance stream of an annotation or field.
fn appearance_text<'a>(note: &Dict<'a>, fonts: &Fonts<'a>) -> Option<String> {
    let normal = note.get::<Dict<'a>>("AP")?;
    let stream = normal.get::<Stream<'a>>("N").or_else(|| {
        let state = note.get::<Name<'_>>("AS")?;
        normal.get::<Dict<'a>>("N")?.get::<Stream<'a>>(&*state)
    })?;
    let mut interpreter = Interpreter::new(fonts, Affine::IDENTITY);
    interpreter.form(&stream, Affine::IDENTITY, None);
    let groups = lines::group_by_direction(&interpreter.drawn.glyphs);
    let text: Vec<String> = groups
        .into_iter()
        .flat_map(|g| columns::lines(g.rows))
        .map(|l| l.text)
        .collect();
    let text = text.join("\n");
    (!text.trim().is_empty()).then_some(text)
}
