//! Reads queries: JSON lines with `_id` and `text`, as in BEIR.

use crate::{Error, Result, lines};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;

/// A query.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Query {
    /// The id that judgements and runs use.
    #[serde(
        rename = "_id",
        alias = "id",
        deserialize_with = "lines::deserialize_id"
    )]
    pub id: String,
    /// The query's text.
    pub text: String,
    /// The information need that this query is one wording of: another query's id, or any shared
    /// name. A query without judgements takes those of its group.
    #[serde(default)]
    pub group: Option<String>,
    /// The question that this query paraphrases, exactly as an article states it.
    #[serde(default)]
    pub question: Option<String>,
    /// The file name or id of that article, if several state the same question.
    #[serde(default)]
    pub article: Option<String>,
}

impl Query {
    /// A query with an id and a text only.
    pub fn new(id: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            text: text.into(),
            group: None,
            question: None,
            article: None,
        }
    }
}

/// Reads a file of queries.
///
/// # Errors
/// [`Error::Io`]; [`Error::Line`] if a line is malformed, a query is empty or an id occurs twice;
/// [`Error::File`] if there are none.
pub fn read(path: &Path) -> Result<Vec<Query>> {
    let (mut queries, mut first) = (Vec::<Query>::new(), HashMap::new());
    lines::for_each(path, |number, line| {
        let query: Query = serde_json::from_str(line).map_err(|error| {
            Error::line(
                path,
                number,
                format!("expected {{\"_id\": …, \"text\": …}}: {error}"),
            )
        })?;
        if query.text.trim().is_empty() {
            return Err(Error::line(
                path,
                number,
                format!("the question {:?} is empty", query.id),
            ));
        }
        if let Some(first) = first.insert(query.id.clone(), number) {
            let violation = format!(
                "the id {:?} is on line {first} already; ids must differ",
                query.id
            );
            return Err(Error::line(path, number, violation));
        }
        queries.push(query);
        Ok(())
    })?;
    if queries.is_empty() {
        return Err(Error::file(path, "no questions in it"));
    }
    Ok(queries)
}
