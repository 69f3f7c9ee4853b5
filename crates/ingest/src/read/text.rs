//! Plain text: the file is one article.

use super::whole_file::{one_file, title_of};
use crate::Result;
use crate::article::Article;
use crate::source::Source;
use notes::Note;

pub fn parse(source: &Source, text: String, _: &mut Vec<Note>) -> Result<Article> {
    Ok(one_file(source, title_of(source, &text), text))
}

#[cfg(test)]
mod tests {
    use crate::Format;
    use crate::read::testing::read_bytes;

    #[test]
    fn spans_are_offsets_in_the_file() {
        let (articles, errors) = read_bytes(
            "tall-trees.txt",
            Format::Text,
            "\u{feff}Of trees\n\nThey grow.\n".as_bytes(),
        );
        assert!(errors.is_empty());
        assert_eq!(articles[0].title, "Of trees");
        assert_eq!(articles[0].body[0].start, 3);
        assert_eq!(articles[0].line_at(14), 3);
    }

    #[test]
    fn a_long_first_line_is_not_the_title() {
        let (articles, _) = read_bytes(
            "tall-trees.txt",
            Format::Text,
            "word ".repeat(50).as_bytes(),
        );
        assert_eq!(articles[0].title, "tall trees");
    }

    #[test]
    fn empty_and_oversized_files_are_errors() {
        assert_eq!(
            read_bytes("a.txt", Format::Text, b" \n\n").1,
            ["a.txt: no text in it"]
        );
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("big.txt");
        std::fs::write(&path, "x".repeat(100)).unwrap();
        let errors = crate::read::testing::read_path(&path, Format::Text, 99).1;
        assert!(
            errors[0].starts_with("big.txt: 100 bytes in one article, over the limit of 99"),
            "{errors:?}"
        );
    }
}
