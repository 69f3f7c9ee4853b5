//! TOML front matter. An invalid entry is dropped and reported.

use crate::read::value::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

type Entries = (Vec<(String, Value)>, Vec<(u64, String)>);

/// The entries of a block, and the problems with their lines in it, from 1; `None` if it is not
/// TOML at all.
pub fn entries(block: &str) -> Option<Entries> {
    let (table, errors) = DeTable::parse_recoverable(block);
    let is_table = |line: &str| {
        line.split_once('=')
            .is_some_and(|(name, _)| name.trim().split(' ').count() == 1)
    };
    if !errors.is_empty() && !block.lines().any(is_table) {
        return None;
    }
    let line = |at: usize| 1 + block[..at.min(block.len())].matches('\n').count() as u64;
    let problems = errors.iter().map(|error| {
        let at = error.span().map_or(0, |span| span.start);
        (
            line(block.floor_char_boundary(at.min(block.len()))),
            format!("{}; the entry is skipped", error.message()),
        )
    });
    let problems: Vec<_> = problems.collect();
    let entries = fields(table.get_ref(), block);
    // The parser's recovery may give an invalid entry a wrong value, so drop it.
    let is_wrong = |name: &str| {
        problems.iter().any(|(line, _)| {
            let written = block.lines().nth(*line as usize - 1).unwrap_or_default();
            written
                .split_once('=')
                .is_some_and(|(wrong, _)| wrong.trim().trim_matches(['"', '\'']) == name)
        })
    };
    Some((
        entries
            .into_iter()
            .filter(|(name, _)| !is_wrong(name))
            .collect(),
        problems,
    ))
}

fn fields(table: &DeTable<'_>, block: &str) -> Vec<(String, Value)> {
    let mut fields: Vec<_> = table.iter().collect();
    // The table is sorted by name; restore document order.
    fields.sort_by_key(|(name, _)| name.span().start);
    fields
        .into_iter()
        .map(|(name, of)| (name.get_ref().to_string(), value(of, block)))
        .collect()
}

fn value(of: &Spanned<DeValue<'_>>, block: &str) -> Value {
    match of.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(|item| value(item, block)).collect()),
        DeValue::Table(table) => Value::Map(fields(table, block)),
        // Numbers, dates and booleans, as written.
        _ => Value::Plain(block.get(of.span()).unwrap_or_default().to_owned()),
    }
}
