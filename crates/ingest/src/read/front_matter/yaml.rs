//! YAML front matter, parsed entry by entry if it is not valid as a whole.

use crate::read::value::Value;
use granit_parser::{Event, Parser, ScalarStyle, ScanError};
use std::collections::HashMap;

/// A block with more values, counting those of aliases, is rejected.
const MAX_VALUES: usize = 10_000;
/// A block with more deeply nested values is rejected.
const MAX_DEPTH: usize = 32;

type Entries = (Vec<(String, Value)>, Vec<(u64, String)>);

/// The entries of a block, and the problems with their lines in it, from 1; `None` if it is not a
/// YAML mapping.
pub fn entries(block: &str) -> Option<Entries> {
    match document(block) {
        Ok(Value::Map(entries)) => Some((entries, Vec::new())),
        Ok(Value::Null)
            if block.trim().is_empty()
                || block.lines().all(|line| line.trim_start().starts_with('#')) =>
        {
            Some(Entries::default())
        }
        Ok(_) => None,
        Err(_) if !block.lines().any(is_entry) => None,
        Err(_) => Some(entry_by_entry(block)),
    }
}

/// Whether a line begins an entry: an unindented name, a colon, then white space or the line end.
fn is_entry(line: &str) -> bool {
    let begins = line
        .chars()
        .next()
        .is_some_and(|c| !c.is_whitespace() && !"#-{[]}&*!|>%@`,".contains(c));
    begins && split(line).is_some()
}

/// Splits an entry into its name and the text after the colon.
fn split(entry: &str) -> Option<(&str, &str)> {
    let colons = entry.match_indices(':').map(|(at, _)| at);
    let at = colons.into_iter().find(|at| {
        entry[at + 1..]
            .chars()
            .next()
            .is_none_or(char::is_whitespace)
    })?;
    Some((entry[..at].trim_matches(['"', '\'', ' ']), &entry[at + 1..]))
}

fn entry_by_entry(block: &str) -> Entries {
    let mut parts: Vec<(u64, String)> = Vec::new();
    for (number, line) in (1..).zip(block.split_inclusive('\n')) {
        match parts.last_mut() {
            Some((_, part)) if !is_entry(line) => part.push_str(line),
            _ if line.trim().is_empty() => {}
            _ => parts.push((number, line.to_owned())),
        }
    }
    let (mut entries, mut problems) = Entries::default();
    for (line, part) in parts {
        match document(&part) {
            Ok(Value::Map(fields)) => entries.extend(fields),
            Ok(Value::Null) => {}
            read => {
                let problem = read.err().unwrap_or(YamlError::NoEntry);
                let Some((name, written)) = split(&part) else {
                    problems.push((line, format!("{problem}; left out: {}", part.trim())));
                    continue;
                };
                // Tabs for indentation are the most common error, and their meaning is clear.
                let spaced = part
                    .lines()
                    .map(without_tabs)
                    .collect::<Vec<_>>()
                    .join("\n");
                if let Ok(Value::Map(fields)) = document(&spaced) {
                    problems.push((line, format!("{problem}; its tabs are read as spaces")));
                    entries.extend(fields);
                    continue;
                }
                problems.push((line, format!("{problem}; {name:?} is kept as written")));
                let written = written.lines().map(str::trim).collect::<Vec<_>>().join(" ");
                entries.push((
                    name.to_owned(),
                    Value::Plain(unquoted(written.trim()).to_owned()),
                ));
            }
        }
    }
    (entries, problems)
}

fn without_tabs(line: &str) -> String {
    let text = line.trim_start_matches(['\t', ' ']);
    line[..line.len() - text.len()].replace('\t', "  ") + text
}

/// Removes a pair of quotation marks around the text.
fn unquoted(text: &str) -> &str {
    let inside = |mark| {
        text.strip_prefix(mark)
            .and_then(|text| text.strip_suffix(mark))
    };
    inside('"').or_else(|| inside('\'')).unwrap_or(text)
}

/// What is wrong with a text as YAML.
#[derive(Debug, thiserror::Error)]
enum YamlError {
    #[error("{}", .0.info())]
    Syntax(ScanError),
    #[error("too many or too deeply nested values")]
    TooManyValues,
    #[error("a key that is not text")]
    KeyNotText,
    #[error("a key without a value")]
    KeyWithoutValue,
    #[error("an undefined alias")]
    UndefinedAlias,
    #[error("expected a value")]
    NoValue,
    #[error("expected a name, a colon and a value")]
    NoEntry,
}

/// Parses the first document of a text.
fn document(text: &str) -> Result<Value, YamlError> {
    let mut reader = EventReader {
        events: Parser::new_from_str(text),
        anchors: HashMap::new(),
        values: 0,
    };
    loop {
        match reader.next()? {
            Some(Event::StreamStart | Event::DocumentStart(..)) => {}
            None | Some(Event::DocumentEnd | Event::StreamEnd) => return Ok(Value::Null),
            Some(event) => {
                let value = reader.value(event, 0)?;
                // The rest must be valid, too: an error there may mean that the value ended too
                // early.
                while reader.next()?.is_some() {}
                return Ok(value);
            }
        }
    }
}

struct EventReader<E> {
    events: E,
    /// The values of anchors, with the number of values in each.
    anchors: HashMap<usize, (Value, usize)>,
    values: usize,
}

impl<'a, E, S> EventReader<E>
where
    E: Iterator<Item = Result<(Event<'a>, S), ScanError>>,
{
    fn next(&mut self) -> Result<Option<Event<'a>>, YamlError> {
        let event = self.events.next().transpose().map_err(YamlError::Syntax)?;
        Ok(event.map(|(event, _)| event))
    }

    fn value(&mut self, event: Event<'a>, depth: usize) -> Result<Value, YamlError> {
        let before = self.values;
        self.values += 1;
        if self.values > MAX_VALUES || depth > MAX_DEPTH {
            return Err(YamlError::TooManyValues);
        }
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => (scalar(&text, style), anchor),
            Event::SequenceStart(_, anchor, _) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        Some(Event::SequenceEnd) | None => break,
                        Some(event) => items.push(self.value(event, depth + 1)?),
                    }
                }
                (Value::List(items), anchor)
            }
            Event::MappingStart(_, anchor, _) => {
                let mut fields = Vec::new();
                loop {
                    let name = match self.next()? {
                        Some(Event::MappingEnd) | None => break,
                        Some(Event::Scalar(name, ..)) => name.into_owned(),
                        Some(_) => return Err(YamlError::KeyNotText),
                    };
                    let event = self.next()?.ok_or(YamlError::KeyWithoutValue)?;
                    match (name.as_str(), self.value(event, depth + 1)?) {
                        ("<<", Value::Map(merged)) => fields.extend(merged),
                        (_, value) => fields.push((name, value)),
                    }
                }
                (Value::Map(fields), anchor)
            }
            Event::Alias(anchor) => {
                let (value, size) = self
                    .anchors
                    .get(&anchor)
                    .cloned()
                    .ok_or(YamlError::UndefinedAlias)?;
                self.values += size;
                return Ok(value);
            }
            _ => return Err(YamlError::NoValue),
        };
        if anchor > 0 {
            self.anchors
                .insert(anchor, (value.clone(), self.values - before));
        }
        Ok(value)
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    match (style, text) {
        (ScalarStyle::Plain, "" | "~" | "null" | "Null" | "NULL") => Value::Null,
        (ScalarStyle::Plain, text) => Value::Plain(text.to_owned()),
        (_, text) => Value::Text(text.to_owned()),
    }
}
