//! Questions: JSON lines with `_id` and `text`.

use crate::{Error, Result, lines};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;

/// A question to be asked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Query {
    /// What judgements and runs call it.
    #[serde(rename = "_id", alias = "id", deserialize_with = "lines::id")]
    pub id: String,
    /// The question.
    pub text: String,
    /// The need that it is one wording of: the id of another query, or a name of its own. A query
    /// without judgements takes those of its group.
    #[serde(default)]
    pub group: Option<String>,
    /// The question of an article that it rewords, as it stands there.
    #[serde(default)]
    pub question: Option<String>,
    /// The file name or id of that article, should several ask the same.
    #[serde(default)]
    pub article: Option<String>,
}

impl Query {
    /// A question with nothing known but its words.
    pub fn new(id: impl Into<String>, text: impl Into<String>) -> Self {
        Self { id: id.into(), text: text.into(), group: None, question: None, article: None }
    }
}

/// Reads a file of questions.
///
/// # Errors
/// When a line does not read, a question is empty, an id stands twice, or there are none.
pub fn read(path: &Path) -> Result<Vec<Query>> {
    let (mut queries, mut first) = (Vec::<Query>::new(), HashMap::new());
    lines::each(path, |number, line| {
        let query: Query = serde_json::from_str(line)
            .map_err(|error| Error::line(path, number, format!("expected {{\"_id\": …, \"text\": …}}: {error}")))?;
        if query.text.trim().is_empty() {
            return Err(Error::line(path, number, format!("the question {:?} is empty", query.id)));
        }
        if let Some(first) = first.insert(query.id.clone(), number) {
            let problem = format!("the id {:?} is on line {first} already; ids must differ", query.id);
            return Err(Error::line(path, number, problem));
        }
        queries.push(query);
        Ok(())
    })?;
    if queries.is_empty() {
        return Err(Error::file(path, "no questions in it"));
    }
    Ok(queries)
}
