//! The question-and-answer layout: a summary line, then alternating question and answer lines;
//! blank lines are ignored. Questions become the article's [questions](Article::questions) and are
//! not part of the body.

use super::whole_file::one_file;
use crate::article::{Article, ByteSpan, QaPair};
use crate::chunk::sentence;
use crate::source::Source;
use crate::{Error, Result};

pub fn parse(source: &Source, text: &str) -> Result<Article> {
    let lines = lines(text);
    let wrong = |line: u64, problem: &str| Err(Error::malformed(&source.path, Some(line), problem));
    let Some((&(summary, _), pairs)) = lines.split_first() else {
        return Err(Error::Empty {
            path: source.path.clone(),
        });
    };
    let (mut body, mut questions) = (vec![summary], Vec::new());
    for pair in pairs.chunks(2) {
        let (question, line) = pair[0];
        if !question.of(text).ends_with('?') {
            return wrong(
                line,
                "expected a question that ends in `?`, as every second line does after the summary",
            );
        }
        let Some(&(answer, answer_line)) = pair.get(1) else {
            return wrong(
                line,
                "expected the question's answer on the next line, found the end of the file",
            );
        };
        if answer.of(text).ends_with('?') {
            return wrong(
                answer_line,
                "expected the answer to the question before, found a question",
            );
        }
        body.push(answer);
        questions.push(QaPair {
            question: question.of(text).to_owned(),
            answer,
        });
    }
    let title = sentence::split(summary.of(text))
        .first()
        .map(|span| span.trimmed(summary.of(text)).of(summary.of(text)));
    let title = title.unwrap_or_default().to_owned();
    let mut article = one_file(source, title, text.to_owned());
    article.body = body;
    article.questions = questions;
    Ok(article)
}

/// The non-blank lines, trimmed, with their numbers from 1.
fn lines(text: &str) -> Vec<(ByteSpan, u64)> {
    let mut start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text[start..].split_inclusive('\n')) {
        let span = ByteSpan::new(start, start + line.len()).trimmed(text);
        if !span.is_empty() {
            found.push((span, number));
        }
        start += line.len();
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::Format;
    use crate::read::testing::read_bytes;

    #[test]
    fn questions_are_not_part_of_the_body() {
        let text = "Short sum. And more.\r\nWhy so?\r\nBecause.\r\n\r\nHow?\r\nThus.\r\n";
        let (articles, errors) = read_bytes("a.txt", Format::Qa, text.as_bytes());
        assert!(errors.is_empty(), "{errors:?}");
        let article = &articles[0];
        let body: Vec<&str> = article.body.iter().map(|s| s.of(&article.text)).collect();
        assert_eq!(body, ["Short sum. And more.", "Because.", "Thus."]);
        assert_eq!(article.title, "Short sum.");
        assert_eq!(article.questions[1].question, "How?");
        assert_eq!(article.questions[1].answer.of(&article.text), "Thus.");
        assert_eq!(article.line_at(article.body[2].start), 6);
    }

    #[test]
    fn a_guessed_layout_that_breaks_later_is_read_as_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.txt");
        let text = "Sum.\n".to_owned() + &"Why?\nSo.\n".repeat(600) + "And now\nprose.\n";
        assert!(text.len() > crate::format::LAYOUT_BYTES);
        std::fs::write(&path, &text).unwrap();
        let entry = crate::walk::Walk::new(std::slice::from_ref(&path), |_| false)
            .files
            .pop()
            .unwrap();
        let found = crate::walk::IngestItem::from_entry(entry, None, "a".to_owned());
        let crate::walk::IngestItem::Source(source) = found else {
            panic!("{found:?}")
        };
        assert_eq!(source.format, Format::Qa);
        let mut articles = Vec::new();
        let read = crate::read::read(&source, crate::read::Limits::DEFAULT, None, &mut |item| {
            let crate::read::Item::Article(article) = item else {
                panic!("{item:?}")
            };
            articles.push(article);
            std::ops::ControlFlow::Continue(())
        });
        assert!(read.is_ok());
        assert_eq!(
            (articles[0].body[0].len(), articles[0].questions.len()),
            (text.len(), 0)
        );
        // With an explicit format, a violation of the layout is an error.
        assert_eq!(read_bytes("a.txt", Format::Qa, text.as_bytes()).1.len(), 1);
    }

    #[test]
    fn layout_errors_name_the_line() {
        assert_eq!(
            read_bytes("a.txt", Format::Qa, b"Sum.\nWhy?\nSo.\nNo question.\nSo.\n").1,
            [
                "a.txt:4: expected a question that ends in `?`, as every second line does after the summary"
            ]
        );
        assert_eq!(
            read_bytes("a.txt", Format::Qa, b"Sum.\nWhy?\n").1,
            ["a.txt:2: expected the question's answer on the next line, found the end of the file"]
        );
        assert_eq!(
            read_bytes("a.txt", Format::Qa, b"Sum.\nWhy?\nHow?\n").1,
            ["a.txt:3: expected the answer to the question before, found a question"]
        );
    }
}
