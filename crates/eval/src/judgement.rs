//! 1 and above is relevant.

use crate::{Error, Result, lines};
use disk::PathError;
use ingest::ByteSpan;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What a judgement refers to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// A whole article; any of its passages will do.
    Article(String),
    /// A byte range of an article.
    Span {
        /// The article's id.
        article: String,
        /// The byte range.
        span: ByteSpan,
        /// The text expected there, for verification.
        content: Option<String>,
    },
    /// An answer given by its text.
    Answer {
        /// The article's id; `None` to search several articles.
        article: Option<String>,
        /// Alternative wordings of the answer.
        wordings: Vec<String>,
    },
}

impl Target {
    /// The article's id, unless several are to be searched.
    pub fn article_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Article(article) | Self::Span { article, .. } => Some(article),
            Self::Answer { article, .. } => article.as_mut(),
        }
    }
}

/// One relevance judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The query's id.
    pub query: String,
    /// The article, span or answer that was judged.
    pub target: Target,
    /// 1 and above is relevant.
    pub grade: i32,
    /// File and line, for messages.
    pub source: String,
}

/// Reads judgement files; of a folder, every `.tsv` file.
///
/// # Errors
/// [`Error::Io`]; [`Error::Line`] if a line is malformed or repeats a judgement; [`Error::File`] if
/// a file has no judgements.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Judgement>> {
    let mut judgements = Vec::new();
    let mut first_seen: HashMap<(String, Target), String> = HashMap::new();
    for path in paths {
        let before = judgements.len();
        read_into(path, &mut judgements, &mut first_seen)?;
        if judgements.len() == before {
            return Err(Error::file(path, "no judgements in it"));
        }
    }
    Ok(judgements)
}

/// `first_seen` maps every judgement read so far to its file and line.
fn read_into(
    path: &Path,
    judgements: &mut Vec<Judgement>,
    first_seen: &mut HashMap<(String, Target), String>,
) -> Result<()> {
    for file in files(path)? {
        let mut format = None;
        lines::for_each(&file, |number, line| {
            if format.is_none() {
                format = Some(Format::of(line));
                if format == Some(Format::Beir) && is_header(line) {
                    return Ok(());
                }
            }
            let source = format!("{}:{number}", file.display());
            let (query, target, grade) = format
                .unwrap_or(Format::Trec)
                .parse(line)
                .map_err(|error| Error::line(&file, number, error.to_string()))?;
            if let Some(first_seen) =
                first_seen.insert((query.clone(), target.clone()), source.clone())
            {
                let violation =
                    format!("the same judgement is in {first_seen}; each may occur only once");
                return Err(Error::line(&file, number, violation));
            }
            judgements.push(Judgement {
                query,
                target,
                grade,
                source,
            });
            Ok(())
        })?;
    }
    Ok(())
}

fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).map_err(PathError::at(path))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|file| file.extension().is_some_and(|extension| extension == "tsv"))
        .collect();
    files.sort_unstable();
    Ok(files)
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
enum LineError {
    #[error("expected query-id, corpus-id and score, separated by tabs, found {0:?}")]
    NotBeir(String),
    #[error("expected the four columns `query 0 article grade`, found {0:?}")]
    NotTrec(String),
    #[error("expected a judgement: {0}")]
    Json(serde_json::Error),
    #[error("expected a whole number as grade, found {0:?}")]
    Grade(String),
    #[error("expected start below end, found {start} and {end}")]
    EmptySpan { start: usize, end: usize },
    #[error("a span needs its article, as corpus-id")]
    SpanWithoutArticle,
    #[error("a span needs both start and end")]
    HalfSpan,
    #[error("an answer is empty")]
    EmptyAnswer,
    #[error("expected corpus-id, answers, or start and end; found none")]
    NoTarget,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Beir,
    Trec,
    Json,
}

fn is_header(line: &str) -> bool {
    line.split('\t')
        .map(str::trim)
        .eq(["query-id", "corpus-id", "score"])
}

impl Format {
    fn of(line: &str) -> Self {
        if line.trim_start().starts_with('{') {
            Self::Json
        } else if line.split('\t').count() == 3 {
            Self::Beir
        } else {
            Self::Trec
        }
    }

    fn parse(self, line: &str) -> Result<(String, Target, i32), LineError> {
        match self {
            Self::Json => json(line),
            Self::Beir => match line.split('\t').map(str::trim).collect::<Vec<_>>()[..] {
                [query, article, score] if !query.is_empty() && !article.is_empty() => Ok((
                    query.to_owned(),
                    Target::Article(article.to_owned()),
                    grade(score)?,
                )),
                _ => Err(LineError::NotBeir(line.to_owned())),
            },
            Self::Trec => match line.split_whitespace().collect::<Vec<_>>()[..] {
                [query, _, article, score] => Ok((
                    query.to_owned(),
                    Target::Article(article.to_owned()),
                    grade(score)?,
                )),
                _ => Err(LineError::NotTrec(line.to_owned())),
            },
        }
    }
}

fn grade(text: &str) -> Result<i32, LineError> {
    let wrong = || LineError::Grade(text.to_owned());
    let value: f64 = text.parse().map_err(|_| wrong())?;
    if value.fract() == 0.0 && value.abs() <= 1e6 {
        Ok(value as i32)
    } else {
        Err(wrong())
    }
}

/// A line of the JSON format; the fields present decide the kind of target.
#[derive(Deserialize)]
struct Line {
    #[serde(
        rename = "query-id",
        alias = "query_id",
        alias = "query",
        alias = "_id",
        deserialize_with = "lines::deserialize_id"
    )]
    query: String,
    #[serde(
        rename = "corpus-id",
        alias = "corpus_id",
        alias = "article",
        default,
        deserialize_with = "lines::deserialize_optional_id"
    )]
    article: Option<String>,
    #[serde(alias = "grade", alias = "relevance", alias = "label", default)]
    score: Option<f64>,
    #[serde(default)]
    start: Option<usize>,
    #[serde(default)]
    end: Option<usize>,
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    answers: Option<Vec<String>>,
    #[serde(default)]
    answer: Option<String>,
}

fn json(line: &str) -> Result<(String, Target, i32), LineError> {
    let line: Line = serde_json::from_str(line).map_err(LineError::Json)?;
    let grade = line
        .score
        .map_or(Ok(1), |score| grade(&score.to_string()))?;
    let wordings: Vec<String> = line
        .answers
        .into_iter()
        .flatten()
        .chain(line.answer)
        .collect();
    let target = match (line.start, line.end, line.article) {
        (Some(start), Some(end), Some(article)) if start < end => Target::Span {
            article,
            span: ByteSpan::new(start, end),
            content: line.content,
        },
        (Some(start), Some(end), Some(_)) => {
            return Err(LineError::EmptySpan { start, end });
        }
        (Some(_), _, None) | (_, Some(_), None) => {
            return Err(LineError::SpanWithoutArticle);
        }
        (Some(_), None, _) | (None, Some(_), _) => {
            return Err(LineError::HalfSpan);
        }
        (None, None, article) if !wordings.is_empty() => {
            if wordings.iter().any(|wording| wording.trim().is_empty()) {
                return Err(LineError::EmptyAnswer);
            }
            Target::Answer { article, wordings }
        }
        (None, None, Some(article)) => Target::Article(article),
        (None, None, None) => {
            return Err(LineError::NoTarget);
        }
    };
    Ok((line.query, target, grade))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<Judgement>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("q");
        std::fs::write(&path, text).unwrap();
        read(&[path])
    }

    fn article(query: &str, article: &str, grade: i32) -> (String, Target, i32) {
        (query.into(), Target::Article(article.into()), grade)
    }

    fn parsed(text: &str) -> Vec<(String, Target, i32)> {
        read_text(text)
            .unwrap()
            .into_iter()
            .map(|j| (j.query, j.target, j.grade))
            .collect()
    }

    #[test]
    fn format_is_detected_from_the_first_line() {
        let expected = vec![article("1", "a b", 2), article("2", "c", 0)];
        assert_eq!(
            parsed("query-id\tcorpus-id\tscore\r\n1\ta b\t2\r\n2\tc\t0\n"),
            expected
        );
        assert_eq!(
            parsed("1\ta b\t2\n\n2\tc\t0"),
            expected,
            "a header may be missing"
        );
        assert_eq!(
            parsed("1 0 a -1\n2 0 c 4\n"),
            [article("1", "a", -1), article("2", "c", 4)]
        );
        let json = "{\"query-id\": 1, \"corpus-id\": \"a\", \"start\": 3, \"end\": 9}\n{\"_id\": \"2\", \"answer\": \"x\", \"score\": 2}";
        let span = Target::Span {
            article: "a".into(),
            span: ByteSpan::new(3, 9),
            content: None,
        };
        let answer = Target::Answer {
            article: None,
            wordings: vec!["x".into()],
        };
        assert_eq!(
            parsed(json),
            [("1".into(), span, 1), ("2".into(), answer, 2)]
        );
        let json = "{\"query-id\": 1, \"corpus-id\": 7, \"relevance\": 0}";
        assert_eq!(parsed(json), [article("1", "7", 0)]);
    }

    #[test]
    fn errors_name_the_line() {
        for (text, line, said) in [
            (
                "query-id\tcorpus-id\tscore\n1\ta\tmany\n",
                2,
                "found \"many\"",
            ),
            ("1\ta\thigh\n2\tb\t1\n", 1, "found \"high\""),
            ("1 0 a 1\n1 0 a\n", 2, "four columns"),
            ("1 0 a 1\n2 0 b 1\n1 0 a 2\n", 3, "q:1"),
            ("{\"query-id\": \"1\"}\n", 1, "found none"),
            (
                "{\"query-id\": \"1\", \"start\": 1, \"end\": 2}\n",
                1,
                "needs its article",
            ),
            (
                "{\"query-id\": \"1\", \"corpus-id\": \"a\", \"start\": 4, \"end\": 4}\n",
                1,
                "start below end",
            ),
            (
                "{\"query-id\": \"1\", \"answers\": [\" \"]}\n",
                1,
                "is empty",
            ),
        ] {
            let error = read_text(text).unwrap_err().to_string();
            assert!(
                error.contains(&format!(":{line}: ")) && error.contains(said),
                "{text:?}: {error}"
            );
        }
        let dir = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| dir.path().join(name));
        std::fs::write(&a, "1 0 x 1\n").unwrap();
        std::fs::write(&b, "1\tx\t1\n").unwrap();
        let error = read(&[a, b]).unwrap_err().to_string();
        assert!(
            error.contains("b:1: the same judgement is in") && error.contains("a:1"),
            "{error}"
        );
        assert!(
            read_text("\n")
                .unwrap_err()
                .to_string()
                .contains("no judgements")
        );
    }
}
