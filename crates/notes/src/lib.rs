//! Notes: remarks about a result that are not errors. A file was skipped, an encoding guessed, a
//! query truncated.
//!
//! Takes a [`Code`] and a message; gives a [`Note`] that can be shown or serialized. Never prints
//! or stores notes: that is up to the caller. Programs may rely on the code, but not on the
//! message. All codes are defined here and listed in docs/notes.md.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use serde::{Deserialize, Serialize};
use std::fmt;

/// A remark about a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Note {
    /// The kind of the note.
    pub code: Code,
    /// One sentence without a period. Does not contain the path or the line.
    pub message: String,
    /// The file or folder that it is about, by its name in the collection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The line of the file, from 1, if the note is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The reason, if many notes can have the same one: the kind of an unsupported file, the rule
    /// that skipped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Note {
    /// Makes a note without a path.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            path: None,
            line: None,
            reason: None,
        }
    }

    /// Sets the file and the line that the note is about.
    #[must_use]
    pub fn at(self, path: impl Into<String>, line: Option<u64>) -> Self {
        Self {
            path: Some(path.into()),
            line,
            ..self
        }
    }

    /// Sets the reason.
    #[must_use]
    pub fn because(self, reason: impl Into<String>) -> Self {
        Self {
            reason: Some(reason.into()),
            ..self
        }
    }
}

/// Writes `path:line: message`, without the parts that are not set.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.path, self.line) {
            (Some(path), Some(line)) => write!(f, "{path}:{line}: {}", self.message),
            (Some(path), None) => write!(f, "{path}: {}", self.message),
            (None, _) => f.write_str(&self.message),
        }
    }
}

// The doc comments of the variants are also the table in docs/notes.md; a test compares them.
macro_rules! codes {
    ($($(#[doc = $meaning:literal])+ $code:ident,)+) => {
        /// The kind of a note. The snake-case names are stable.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum Code {
            $($(#[doc = $meaning])+ $code,)+
        }

        impl Code {
            /// All codes with their meanings.
            pub const ALL: &[(Self, &'static str)] = &[$((Self::$code, concat!($($meaning),+))),+];
        }
    };
}

codes! {
    /// The file declares no encoding, so one was guessed from its bytes.
    EncodingGuessed,
    /// Bytes that are invalid in the encoding of the file were replaced by U+FFFD.
    InvalidBytes,
    /// A file that was read as text contains zero bytes.
    ZeroBytes,
    /// An entry of front matter does not parse; it is kept as it is written.
    FrontMatterInvalid,
    /// A file contains only front matter, which is used as its text.
    FrontMatterOnly,
    /// A field occurs more than once in a record; all values are kept.
    DuplicateField,
    /// A record has a title but no text; the title is used as its text.
    TitleOnly,
    /// Quotation marks in a CSV field are not doubled; they are kept.
    UnescapedQuotes,
    /// A part of a file was left out: images, charts, unsupported attachments, running heads.
    PartLeftOut,
    /// A page, sheet or chapter has no text.
    NoText,
    /// Pages could not be read.
    PageUnreadable,
    /// Pages exceed the limits and were read only in part.
    PageTruncated,
    /// The file does not say which characters some of its letters stand for.
    UnmappedText,
    /// A file or record could not be used; the exit code is 1.
    ReadFailed,
    /// A file is in an unsupported format; `reason` is the kind of file.
    UnsupportedFormat,
    /// A file or folder was skipped; `reason` is the rule.
    LeftOut,
    /// Nearly all files of a folder are gone, so their articles were kept.
    DeletesWithheld,
    /// Passages are longer than the model's window; dense search ignores the rest of them.
    PassagesCut,
    /// Some vectors of the collection were made by an earlier engine of the same model.
    EarlierEngine,
    /// The filter matches no passage.
    FilterMatchesNothing,
    /// No passage contains a word of the question other than stop words.
    NoWordMatches,
    /// The question has only stop words, so these were searched for.
    StopWordsOnly,
    /// A word that no passage contains was replaced by similar ones (`corrections`).
    NearWords,
    /// The question is longer than the model's window; dense search ignores the rest of it.
    QuestionCut,
    /// The question is in another language than the articles.
    LanguageDiffers,
    /// Reranking ran out of time, so some passages were not reranked.
    RerankUnfinished,
    /// A question paraphrases another one that no article asks.
    UnknownQuestion,
    /// A judgement or a command names an article that is not in the collection.
    UnknownArticle,
    /// A judgement points to text that is not in the articles.
    UnresolvedJudgement,
    /// A query has judgements, but is not among the questions.
    QueryNotAsked,
    /// A query has no judgements and was left out.
    QueryNotJudged,
    /// Nothing is judged relevant to a query, which was left out.
    NothingRelevant,
    /// No result of a run file has a judgement.
    RunUnjudged,
    /// There are too few questions to show small differences; the message says what they can show.
    FewQuestions,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_display_their_place_and_serialize() {
        let note = Note::new(Code::NoText, "no text in it");
        assert_eq!(note.to_string(), "no text in it");
        let note = note.at("a.pdf", Some(3)).because("scan");
        assert_eq!(note.to_string(), "a.pdf:3: no text in it");
        let json = serde_json::to_string(&note).unwrap();
        assert_eq!(
            json,
            r#"{"code":"no_text","message":"no text in it","path":"a.pdf","line":3,"reason":"scan"}"#
        );
        assert_eq!(serde_json::from_str::<Note>(&json).unwrap(), note);
    }

    #[test]
    fn the_documentation_lists_every_code() {
        let listed = include_str!("../../../docs/notes.md");
        let rows: Vec<&str> = listed
            .lines()
            .filter(|line| line.starts_with("| `"))
            .collect();
        let expected: Vec<String> = Code::ALL
            .iter()
            .map(|(code, meaning)| format!("| `{code}` |{meaning} |"))
            .collect();
        assert_eq!(rows, expected);
    }
}
