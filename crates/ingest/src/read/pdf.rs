//! PDF: the extracted text of the pages, separated by blank lines. Spans are offsets in the
//! extracted text.

mod text;

use super::reader::{Emit, Reader};
use super::whole_file::{bytes_of, hand_over, one_file, title_of};
use crate::article::MetaValue;
use crate::source::{Source, note};
use crate::{Error, Result};
use text::Document;

pub struct Pdf;

impl Reader for Pdf {
    fn read(&self, source: &Source, limit: u64, emit: &mut Emit<'_>) -> Result<()> {
        let bytes = bytes_of(source, limit)?;
        let wrong = |problem: String| Error::malformed(&source.path, None, problem);
        let document = text::read(&bytes).map_err(|error| wrong(error.to_string()))?;
        let Document {
            pages,
            title,
            author,
            created,
            notes,
            ..
        } = document;
        let text = pages
            .iter()
            .map(|page| page.trim())
            .filter(|page| !page.is_empty())
            .collect::<Vec<_>>()
            .join("\n\n");
        if text.is_empty() {
            return Err(wrong(format!(
                "no text on its {} pages; a scan must be put through OCR first",
                pages.len()
            )));
        }
        if text.len() as u64 > limit {
            let (path, bytes) = (source.path.clone(), text.len() as u64);
            return Err(Error::TooLarge {
                path,
                line: None,
                bytes,
                limit,
            });
        }
        let title = title.unwrap_or_else(|| title_of(source, &text));
        let mut article = one_file(source, title, text);
        for (name, value) in [("author", author), ("created", created)] {
            article
                .metadata
                .extend(value.map(|value| (name.to_owned(), MetaValue::from_text(&value))));
        }
        let notes = notes
            .into_iter()
            .map(|(code, message)| note(source, None, code, message));
        hand_over(source, notes, article, emit);
        Ok(())
    }
}
#[cfg(test)]
mod tests {
    use crate::Format;
    use crate::read::testing::read_bytes;

    /// A minimal one-page PDF with the text `line`.
    pub fn one_page(line: &str) -> Vec<u8> {
        let content = format!("BT /F1 12 Tf 72 720 Td ({line}) Tj ET");
        let objects = [
            "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>".to_owned(),
            format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
        ];
        let mut pdf = b"%PDF-1.4\n".to_vec();
        let mut offsets = Vec::new();
        for (i, object) in objects.iter().enumerate() {
            offsets.push(pdf.len());
            pdf.extend(format!("{} 0 obj\n{object}\nendobj\n", i + 1).bytes());
        }
        let xref = pdf.len();
        pdf.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
        offsets
            .iter()
            .for_each(|o| pdf.extend(format!("{o:010} 00000 n \n").bytes()));
        pdf.extend(
            format!(
                "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{xref}\n%%EOF\n",
                objects.len() + 1
            )
            .bytes(),
        );
        pdf
    }

    #[test]
    fn page_text_is_extracted() {
        let (articles, errors) =
            read_bytes("a.pdf", Format::Pdf, &one_page("Tides follow the moon."));
        assert!(errors.is_empty(), "{errors:?}");
        assert!(
            articles[0].text.contains("Tides follow the moon."),
            "{:?}",
            articles[0].text
        );
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let whole = one_page("Tides follow the moon.");
        for bytes in [&whole[..whole.len() / 2], b"%PDF-1.7 nothing", b""] {
            let (articles, errors) = read_bytes("a.pdf", Format::Pdf, bytes);
            assert!(articles.is_empty());
            assert!(
                errors.len() == 1 && errors[0].starts_with("a.pdf: "),
                "{errors:?}"
            );
        }
    }
}
