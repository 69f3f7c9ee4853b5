//! Runs: the rankings of a system. TREC run files have a line `query Q0 document rank score name`
//! per result.

use crate::{Error, Result, lines, trec};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::path::Path;

/// A result: a document and its score.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored<Id = String> {
    /// The document's id: an article's, or a passage's as `article#n`.
    pub id: Id,
    /// Higher is better.
    pub score: f32,
}

/// The rankings of one system, best first.
///
/// Document ids are interned as numbers, since the same documents occur in many rankings.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Run {
    /// The system's name.
    pub name: String,
    ids: Vec<String>,
    numbers: HashMap<String, u32>,
    rankings: BTreeMap<String, Vec<Scored<u32>>>,
}

impl Run {
    /// A run without rankings.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// Sets the ranking of a query and sorts it as trec_eval does: by score as a 32-bit float, ties
    /// by id in descending order.
    pub fn set(&mut self, query: impl Into<String>, ranking: Vec<Scored>) {
        let ranking = ranking.into_iter().map(|result| Scored {
            id: self.number(&result.id),
            score: result.score,
        });
        let ranking = ranking.collect();
        self.insert_sorted(query.into(), ranking);
    }

    fn number(&mut self, id: &str) -> u32 {
        if let Some(number) = self.numbers.get(id) {
            return *number;
        }
        let number = self.ids.len() as u32;
        self.ids.push(id.to_owned());
        self.numbers.insert(id.to_owned(), number);
        number
    }

    fn insert_sorted(&mut self, query: String, mut ranking: Vec<Scored<u32>>) {
        let id = |result: &Scored<u32>| self.ids[result.id as usize].as_str();
        // Adding 0.0 turns -0.0 into 0.0, so that the two tie.
        ranking.sort_unstable_by(|a, b| {
            (b.score + 0.0)
                .total_cmp(&(a.score + 0.0))
                .then_with(|| id(b).cmp(id(a)))
        });
        self.rankings.insert(query, ranking);
    }

    /// The ranking of a query; empty if there is none.
    pub fn ranking(&self, query: &str) -> impl ExactSizeIterator<Item = Scored<&str>> {
        self.numbered_ranking(query).iter().map(|result| Scored {
            id: self.ids[result.id as usize].as_str(),
            score: result.score,
        })
    }

    /// The ranking of a query with documents as numbers.
    pub(crate) fn numbered_ranking(&self, query: &str) -> &[Scored<u32>] {
        self.rankings
            .get(query)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// The number of a document, if it occurs in any ranking.
    pub(crate) fn number_of(&self, id: &str) -> Option<u32> {
        self.numbers.get(id).copied()
    }

    /// The ids of the queries that have a ranking, sorted.
    pub fn queries(&self) -> impl Iterator<Item = &str> {
        self.rankings.keys().map(String::as_str)
    }

    /// The number of results of all queries together.
    pub fn result_count(&self) -> usize {
        self.rankings.values().map(Vec::len).sum()
    }

    /// Reads a TREC run file; the file's stem becomes the system's name. The rank column is
    /// ignored: as in trec_eval, scores decide.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Line`] if a line is malformed, a score is not finite, or a document
    /// occurs twice for a query; [`Error::File`] if there are no results.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path
            .file_stem()
            .map_or_else(|| path.to_string_lossy(), |stem| stem.to_string_lossy());
        let mut run = Self::new(name);
        let mut rankings: BTreeMap<String, Vec<(Scored<u32>, u64)>> = BTreeMap::new();
        lines::for_each(path, |number, line| {
            let mut columns = line.split_ascii_whitespace();
            let mut next = || columns.next();
            let (Some(query), Some(_), Some(id), Some(_), Some(score), Some(_), None) =
                (next(), next(), next(), next(), next(), next(), next())
            else {
                let violation = format!(
                    "expected the six columns `query Q0 document rank score name`, found {line:?}"
                );
                return Err(Error::line(path, number, violation));
            };
            // As in trec_eval: parsed with 64 bits, kept with 32.
            let value: f64 = score.parse().map_err(|_| {
                Error::line(
                    path,
                    number,
                    format!("expected a number as score, found {score:?}"),
                )
            })?;
            if !value.is_finite() {
                return Err(Error::line(
                    path,
                    number,
                    format!("expected a finite score, found {score}"),
                ));
            }
            let result = Scored {
                id: run.number(id),
                score: value as f32,
            };
            match rankings.get_mut(query) {
                Some(ranking) => ranking.push((result, number)),
                None => {
                    rankings.insert(query.to_owned(), vec![(result, number)]);
                }
            }
            Ok(())
        })?;
        if rankings.is_empty() {
            return Err(Error::file(path, "no results in it"));
        }
        // For each document, the line of its last result, and which query (by index) that was for.
        let mut last_seen = vec![(0u64, usize::MAX); run.ids.len()];
        for (at, (query, ranking)) in rankings.into_iter().enumerate() {
            for (result, line) in &ranking {
                let previous = std::mem::replace(&mut last_seen[result.id as usize], (*line, at));
                if previous.1 == at {
                    let id = &run.ids[result.id as usize];
                    let violation = format!(
                        "the document {id:?} is on line {} already for the query {query:?}",
                        previous.0
                    );
                    return Err(Error::line(path, *line, violation));
                }
            }
            run.insert_sorted(
                query,
                ranking.into_iter().map(|(result, _)| result).collect(),
            );
        }
        Ok(run)
    }
}

/// Writes one query's ranking as lines of a TREC run file, with ids escaped by [`trec::escape`].
///
/// # Errors
/// Those of `out`.
pub fn write_ranking(
    out: &mut dyn Write,
    query: &str,
    ranking: &[Scored],
    name: &str,
) -> io::Result<()> {
    for (rank, Scored { id, score }) in (1..).zip(ranking) {
        writeln!(
            out,
            "{} Q0 {} {rank} {score} {}",
            trec::escape(query),
            trec::escape(id),
            trec::escape(name)
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(list: &[(&str, f32)]) -> Vec<Scored> {
        list.iter()
            .map(|&(id, score)| Scored {
                id: id.into(),
                score,
            })
            .collect()
    }

    #[test]
    fn run_file_lines_have_six_columns() {
        let mut out = Vec::new();
        write_ranking(
            &mut out,
            "q 1",
            &scored(&[("a b", 0.5), ("a%20b", 0.25)]),
            "nigh",
        )
        .unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "q%201 Q0 a%20b 1 0.5 nigh\nq%201 Q0 a%2520b 2 0.25 nigh\n"
        );
    }

    #[test]
    fn ties_are_ordered_as_in_trec_eval() {
        let mut run = Run::new("r");
        // The last two differ only beyond 32 bits, so they tie.
        run.set(
            "q",
            scored(&[
                ("a", 0.5),
                ("c", 0.5),
                ("b", 0.5),
                ("z", (0.1f64 + 1e-12) as f32),
                ("y", 0.1),
            ]),
        );
        let order: Vec<&str> = run.ranking("q").map(|result| result.id).collect();
        assert_eq!(order, ["c", "b", "a", "z", "y"]);
    }

    #[test]
    fn errors_name_the_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.trec");
        for (text, said) in [
            (
                "q Q0 a 1 0.5 x\nq Q0 b 2 0.4\n",
                ":2: expected the six columns",
            ),
            ("q Q0 a 1 NaN x\n", ":1: expected a finite score, found NaN"),
            ("q Q0 a 1 high x\n", ":1: expected a number as score"),
            (
                "q Q0 a 1 0.5 x\nq Q0 a 2 0.4 x\n",
                ":2: the document \"a\" is on line 1",
            ),
            ("\n\n", "no results in it"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Run::read(&path).unwrap_err().to_string();
            assert!(error.contains(said), "{text:?}: {error}");
        }
        std::fs::write(&path, "q Q0 a 1 0.5 x\nq Q0 b 2 0.75 x\r\n").unwrap();
        let run = Run::read(&path).unwrap();
        assert_eq!((run.name.as_str(), run.result_count()), ("r", 2));
        let ranking: Vec<(&str, f32)> = run
            .ranking("q")
            .map(|result| (result.id, result.score))
            .collect();
        assert_eq!(ranking, [("b", 0.75), ("a", 0.5)]);
    }
}
