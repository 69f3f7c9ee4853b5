//! Rankings: what a system gave for each query, and the TREC files they are kept in, a result a
//! line: `query Q0 document rank score name`.

use crate::{Error, Result, lines};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::path::Path;

/// A document with its score.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored<Id = String> {
    /// The document's id: an article, or a passage as `article#n`.
    pub id: Id,
    /// Higher is better.
    pub score: f32,
}

/// What one system gave, best first.
///
/// Every document's id is kept once and stands as a number in the rankings: the same ones come up
/// in query after query.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Run {
    /// The system's name.
    pub name: String,
    ids: Vec<String>,
    numbers: HashMap<String, u32>,
    rankings: BTreeMap<String, Vec<Scored<u32>>>,
}

impl Run {
    /// A system that has given nothing yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Sets the ranking of a query, in trec_eval's order: by score, and where scores are equal as
    /// 32-bit floats, by id, later ones first.
    pub fn set(&mut self, query: impl Into<String>, ranking: Vec<Scored>) {
        let ranking = ranking.into_iter().map(|found| Scored { id: self.number(&found.id), score: found.score });
        let ranking = ranking.collect();
        self.put(query.into(), ranking);
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

    fn put(&mut self, query: String, mut ranking: Vec<Scored<u32>>) {
        let id = |found: &Scored<u32>| self.ids[found.id as usize].as_str();
        // Adding zero makes one of the two zeros, which are equal.
        ranking.sort_unstable_by(|a, b| (b.score + 0.0).total_cmp(&(a.score + 0.0)).then_with(|| id(b).cmp(id(a))));
        self.rankings.insert(query, ranking);
    }

    /// The ranking of a query; empty if it gave none.
    pub fn ranking(&self, query: &str) -> impl ExactSizeIterator<Item = Scored<&str>> {
        self.numbered(query).iter().map(|found| Scored { id: self.ids[found.id as usize].as_str(), score: found.score })
    }

    /// The ranking of a query with documents by their numbers.
    pub(crate) fn numbered(&self, query: &str) -> &[Scored<u32>] {
        self.rankings.get(query).map(Vec::as_slice).unwrap_or_default()
    }

    /// The number of a document, if it is in any ranking.
    pub(crate) fn number_of(&self, id: &str) -> Option<u32> {
        self.numbers.get(id).copied()
    }

    /// The queries it answered, in the order of their ids.
    pub fn queries(&self) -> impl Iterator<Item = &str> {
        self.rankings.keys().map(String::as_str)
    }

    /// How many results it has in all.
    pub fn results(&self) -> usize {
        self.rankings.values().map(Vec::len).sum()
    }

    /// Reads a TREC run file; its name is the system's. The rank column is not looked at: the
    /// scores decide, as for trec_eval.
    ///
    /// # Errors
    /// When a line does not read, a score is no finite number, a document stands twice for a
    /// query, or there are no results.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.file_stem().map_or_else(|| path.to_string_lossy(), |stem| stem.to_string_lossy());
        let mut run = Self::new(name);
        let mut rankings: BTreeMap<String, Vec<(Scored<u32>, u64)>> = BTreeMap::new();
        lines::each(path, |number, line| {
            let mut columns = line.split_ascii_whitespace();
            let mut next = || columns.next();
            let (Some(query), Some(_), Some(id), Some(_), Some(score), Some(_), None) =
                (next(), next(), next(), next(), next(), next(), next())
            else {
                let problem = format!("expected the six columns `query Q0 document rank score name`, found {line:?}");
                return Err(Error::line(path, number, problem));
            };
            // As trec_eval does: read with 64 bits, kept with 32.
            let value: f64 = score
                .parse()
                .map_err(|_| Error::line(path, number, format!("expected a number as score, found {score:?}")))?;
            if !value.is_finite() {
                return Err(Error::line(path, number, format!("expected a finite score, found {score}")));
            }
            let found = Scored { id: run.number(id), score: value as f32 };
            match rankings.get_mut(query) {
                Some(ranking) => ranking.push((found, number)),
                None => {
                    rankings.insert(query.to_owned(), vec![(found, number)]);
                }
            }
            Ok(())
        })?;
        if rankings.is_empty() {
            return Err(Error::file(path, "no results in it"));
        }
        // By document: the line of its last result, and for which query that was.
        let mut last = vec![(0u64, usize::MAX); run.ids.len()];
        for (at, (query, ranking)) in rankings.into_iter().enumerate() {
            for (found, line) in &ranking {
                let before = std::mem::replace(&mut last[found.id as usize], (*line, at));
                if before.1 == at {
                    let id = &run.ids[found.id as usize];
                    let problem =
                        format!("the document {id:?} stands on line {} already for the query {query:?}", before.0);
                    return Err(Error::line(path, *line, problem));
                }
            }
            run.put(query, ranking.into_iter().map(|(found, _)| found).collect());
        }
        Ok(run)
    }
}

/// Writes one query's ranking as lines of a TREC run file.
///
/// White space in ids would break the columns; it is written as [`column()`] has it.
///
/// # Errors
/// When `out` refuses.
pub fn write_ranking(out: &mut dyn Write, query: &str, ranking: &[Scored], name: &str) -> io::Result<()> {
    for (rank, Scored { id, score }) in (1..).zip(ranking) {
        writeln!(out, "{} Q0 {} {rank} {score} {}", column(query), column(id), column(name))?;
    }
    Ok(())
}

/// An id as it stands in a TREC file: each byte of white space is `%` and its two hexadecimal
/// digits, as in a URL.
pub fn column(id: &str) -> String {
    let mut column = String::with_capacity(id.len());
    for c in id.chars() {
        if c.is_whitespace() {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes).bytes().for_each(|byte| column.push_str(&format!("%{byte:02X}")));
        } else {
            column.push(c);
        }
    }
    column
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(list: &[(&str, f32)]) -> Vec<Scored> {
        list.iter().map(|&(id, score)| Scored { id: id.into(), score }).collect()
    }

    #[test]
    fn six_columns_whatever_the_ids() {
        let mut out = Vec::new();
        write_ranking(&mut out, "q 1", &scored(&[("a b", 0.5), ("c", 0.25)]), "nigh").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "q%201 Q0 a%20b 1 0.5 nigh\nq%201 Q0 c 2 0.25 nigh\n");
    }

    #[test]
    fn equal_scores_are_ordered_as_trec_eval_orders_them() {
        let mut run = Run::new("r");
        // The last two differ only beyond 32 bits, so they are equal.
        run.set("q", scored(&[("a", 0.5), ("c", 0.5), ("b", 0.5), ("z", (0.1f64 + 1e-12) as f32), ("y", 0.1)]));
        let order: Vec<&str> = run.ranking("q").map(|found| found.id).collect();
        assert_eq!(order, ["c", "b", "a", "z", "y"]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.trec");
        for (text, said) in [
            ("q Q0 a 1 0.5 x\nq Q0 b 2 0.4\n", ":2: expected the six columns"),
            ("q Q0 a 1 NaN x\n", ":1: expected a finite score, found NaN"),
            ("q Q0 a 1 high x\n", ":1: expected a number as score"),
            ("q Q0 a 1 0.5 x\nq Q0 a 2 0.4 x\n", ":2: the document \"a\" stands on line 1"),
            ("\n\n", "no results in it"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Run::read(&path).unwrap_err().to_string();
            assert!(error.contains(said), "{text:?}: {error}");
        }
        std::fs::write(&path, "q Q0 a 1 0.5 x\nq Q0 b 2 0.75 x\r\n").unwrap();
        let run = Run::read(&path).unwrap();
        assert_eq!((run.name.as_str(), run.results()), ("r", 2));
        let ranking: Vec<(&str, f32)> = run.ranking("q").map(|found| (found.id, found.score)).collect();
        assert_eq!(ranking, [("b", 0.75), ("a", 0.5)]);
    }
}
