//! Jupyter notebooks: the cells in order, code unchanged, with text output. Images are omitted.

use crate::meta::Meta;
use crate::{Context, Document, Emit, Extracted, ReadError, emit_document, emit_omitted};
use serde_json::Value;

pub fn read(bytes: &[u8], context: &Context<'_>, emit: &mut Emit<'_>) -> Result<(), ReadError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let book: Value = serde_json::from_slice(bytes).map_err(|error| ReadError {
        line: Some(error.line() as u64),
        message: format!("expected a notebook, which is JSON: {error}"),
    })?;
    let mut meta = Meta::default();
    let about = &book["metadata"];
    meta.title(about["title"].as_str().unwrap_or_default());
    for author in about["authors"].as_array().into_iter().flatten() {
        meta.add("author", author["name"].as_str().unwrap_or_default());
    }
    let languages = [
        &about["language_info"]["name"],
        &about["kernelspec"]["language"],
    ];
    languages
        .iter()
        .filter_map(|name| name.as_str())
        .for_each(|name| meta.set("programming language", name));
    let mut notebook = Notebook::default();
    // Notebook formats before version 4 have worksheets.
    let sheets = book["worksheets"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|sheet| &sheet["cells"]);
    let mut has_cells = false;
    for cells in std::iter::once(&book["cells"])
        .chain(sheets)
        .filter_map(Value::as_array)
    {
        has_cells = true;
        cells.iter().for_each(|cell| notebook.cell(cell));
    }
    if !has_cells {
        return Err(ReadError::new(
            "expected a notebook with a list of cells; there is none",
        ));
    }
    let Notebook {
        text,
        top_heading,
        images,
    } = notebook;
    if let Some((_, heading)) = top_heading {
        meta.title(&heading);
    }
    let document = Document {
        title: meta.title,
        text,
        metadata: meta.fields,
        ..Document::default()
    };
    let _ = match document.text.is_empty() {
        true => emit(Ok(Extracted::Omitted("a notebook without text".to_owned()))),
        false => emit_document(document, context, emit),
    };
    let _ = emit_omitted(images, "image", "images", emit);
    Ok(())
}

#[derive(Default)]
struct Notebook {
    text: String,
    /// The first heading of the highest level, and that level.
    top_heading: Option<(usize, String)>,
    images: usize,
}

impl Notebook {
    fn cell(&mut self, cell: &Value) {
        let source = text_of(&cell["source"]);
        match cell["cell_type"].as_str() {
            Some("markdown") => self.markdown(&source),
            Some("heading") => {
                let level = cell["level"].as_u64().unwrap_or(1).clamp(1, 6) as usize;
                self.markdown(&format!("{} {source}", "#".repeat(level)));
            }
            Some("code") => {
                self.block(&source);
                self.block(&text_of(&cell["input"]));
                cell["outputs"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .for_each(|output| self.output(output));
            }
            _ => self.block(&source),
        }
    }

    fn output(&mut self, output: &Value) {
        let data = &output["data"];
        let images = data
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(kind, _)| kind.starts_with("image/"))
            .count();
        self.images += images + usize::from(output.get("png").or(output.get("jpeg")).is_some());
        if output["output_type"] == "error" || output["output_type"] == "pyerr" {
            let message = ["ename", "evalue"].map(|part| output[part].as_str().unwrap_or_default());
            return self.block(&message.join(": "));
        }
        let text = text_of(&output["text"]);
        self.block(&without_ansi_colors(&text));
        let text = text_of(&data["text/plain"]);
        // Skip reprs such as `<Figure at 0x…>`.
        if !(text.starts_with('<') && text.ends_with('>')) {
            self.block(&without_ansi_colors(&text));
        }
    }

    fn block(&mut self, text: &str) {
        let text = text.trim_matches('\n').trim_end();
        if text.trim().is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push_str("\n\n");
        }
        self.text.push_str(text);
    }

    /// Adds a Markdown cell and looks for the title in it.
    fn markdown(&mut self, source: &str) {
        // Pasted images are embedded as base64.
        let source: String = source
            .split_inclusive('\n')
            .filter(|line| !line.contains(";base64,"))
            .collect();
        self.block(&source);
        let mut fence = false;
        for line in source.lines() {
            fence ^= line.trim_start().starts_with("```");
            let level = line.bytes().take_while(|&b| b == b'#').count();
            let heading = line.get(level..).unwrap_or_default();
            if (1..=6).contains(&level) && heading.starts_with(' ') && !fence {
                let text = heading.trim().trim_end_matches('#').trim_end();
                if self
                    .top_heading
                    .as_ref()
                    .is_none_or(|(top, _)| level < *top)
                {
                    self.top_heading = Some((level, text.to_owned()));
                }
            }
        }
    }
}

/// A multi-line string, which notebooks store as a string or a list of lines.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

/// Removes ANSI color escapes.
fn without_ansi_colors(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        rest = rest
            .strip_prefix(|c: char| c.is_ascii_alphabetic())
            .unwrap_or(rest);
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use crate::Kind;
    use crate::testing::{read_bytes, read_single};

    #[test]
    fn cells_are_in_order_with_their_output() {
        let book = br##"{"cells":[{"cell_type":"markdown","source":["Intro\n","\n","# On bees\n","```\n","# no\n","```\n"]},
            {"cell_type":"code","source":"x = 1","outputs":[{"output_type":"stream","text":["\u001b[31mred\u001b[0m\n"]},
            {"output_type":"execute_result","data":{"text/plain":["42"],"image/png":"iVBO"}},
            {"output_type":"error","ename":"ValueError","evalue":"no","traceback":["long"]}]},
            {"cell_type":"markdown","source":"![a](data:image/png;base64,AAAA)\nafter"}],
            "metadata":{"kernelspec":{"language":"python"}},"nbformat":4}"##;
        let document = read_single(Kind::Ipynb, book);
        assert_eq!(
            document.text,
            "Intro\n\n# On bees\n```\n# no\n```\n\nx = 1\n\nred\n\n42\n\nValueError: no\n\nafter"
        );
        assert_eq!(document.title.as_deref(), Some("On bees"));
        assert_eq!(document.metadata[0].1, "python");
        assert!(
            read_bytes(Kind::Ipynb, b"{\"cells\":\n[").1[0].starts_with("2: expected a notebook")
        );
    }
}
