//! A block of YAML, entry by entry where it does not parse as a whole.

use crate::read::value::Value;
use granit_parser::{Event, Parser, ScalarStyle, ScanError};
use std::collections::HashMap;

/// More values than this, aliases followed, are no front matter.
const MOST_VALUES: usize = 10_000;
/// Values nested deeper than this are none either.
const DEEPEST: usize = 32;

type Entries = (Vec<(String, Value)>, Vec<(u64, String)>);

/// The entries of a block, and what is wrong with some, by their lines in it; `None` if it is no block of entries.
pub fn entries(block: &str) -> Option<Entries> {
    match document(block) {
        Ok(Value::Map(entries)) => Some((entries, Vec::new())),
        Ok(Value::Null) if block.trim().is_empty() || block.lines().all(|line| line.trim_start().starts_with('#')) => {
            Some(Entries::default())
        }
        Ok(_) => None,
        Err(_) if !block.lines().any(is_entry) => None,
        Err(_) => Some(one_by_one(block)),
    }
}

/// Whether a line begins an entry: a name without white space before it, a colon, and a blank or the end behind that.
fn is_entry(line: &str) -> bool {
    let begins = line.chars().next().is_some_and(|c| !c.is_whitespace() && !"#-{[]}&*!|>%@`,".contains(c));
    begins && split(line).is_some()
}

/// The name of an entry, and what stands behind its colon.
fn split(entry: &str) -> Option<(&str, &str)> {
    let colons = entry.match_indices(':').map(|(at, _)| at);
    let at = colons.into_iter().find(|at| entry[at + 1..].chars().next().is_none_or(char::is_whitespace))?;
    Some((entry[..at].trim_matches(['"', '\'', ' ']), &entry[at + 1..]))
}

fn one_by_one(block: &str) -> Entries {
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
                let said = read.err().unwrap_or_else(|| "not a name, a colon and a value".to_owned());
                let Some((name, written)) = split(&part) else {
                    problems.push((line, format!("{said}; left out: {}", part.trim())));
                    continue;
                };
                // Tabs that indent are the commonest reason, and what they mean is plain.
                let spaced = part.lines().map(without_tabs).collect::<Vec<_>>().join("\n");
                if let Ok(Value::Map(fields)) = document(&spaced) {
                    problems.push((line, format!("{said}; its tabs are read as spaces")));
                    entries.extend(fields);
                    continue;
                }
                problems.push((line, format!("{said}; {name:?} is kept as it is written")));
                let written = written.lines().map(str::trim).collect::<Vec<_>>().join(" ");
                entries.push((name.to_owned(), Value::Plain(unquoted(written.trim()).to_owned())));
            }
        }
    }
    (entries, problems)
}

fn without_tabs(line: &str) -> String {
    let text = line.trim_start_matches(['\t', ' ']);
    line[..line.len() - text.len()].replace('\t', "  ") + text
}

/// Without the quotation marks at both ends, if there are some.
fn unquoted(text: &str) -> &str {
    let inside = |mark| text.strip_prefix(mark).and_then(|text| text.strip_suffix(mark));
    inside('"').or_else(|| inside('\'')).unwrap_or(text)
}

/// The first document of a text.
fn document(text: &str) -> Result<Value, String> {
    let mut reading = Reading { events: Parser::new_from_str(text), anchors: HashMap::new(), values: 0 };
    loop {
        match reading.next()? {
            Some(Event::StreamStart | Event::DocumentStart(..)) => {}
            None | Some(Event::DocumentEnd | Event::StreamEnd) => return Ok(Value::Null),
            Some(event) => {
                let value = reading.value(event, 0)?;
                // What follows must parse, too: an error there may mean that the value ended too early.
                while reading.next()?.is_some() {}
                return Ok(value);
            }
        }
    }
}

struct Reading<E> {
    events: E,
    /// The values that aliases may stand for, each with how many values it is.
    anchors: HashMap<usize, (Value, usize)>,
    values: usize,
}

impl<'a, E, S> Reading<E>
where
    E: Iterator<Item = Result<(Event<'a>, S), ScanError>>,
{
    fn next(&mut self) -> Result<Option<Event<'a>>, String> {
        let event = self.events.next().transpose().map_err(|error| error.info())?;
        Ok(event.map(|(event, _)| event))
    }

    fn value(&mut self, event: Event<'a>, depth: usize) -> Result<Value, String> {
        let before = self.values;
        self.values += 1;
        if self.values > MOST_VALUES || depth > DEEPEST {
            return Err("more, or deeper nested, values than front matter has".to_owned());
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
                        Some(_) => return Err("a name that is no text".to_owned()),
                    };
                    let event = self.next()?.ok_or("a name without a value")?;
                    match (name.as_str(), self.value(event, depth + 1)?) {
                        ("<<", Value::Map(merged)) => fields.extend(merged),
                        (_, value) => fields.push((name, value)),
                    }
                }
                (Value::Map(fields), anchor)
            }
            Event::Alias(anchor) => {
                let (value, size) = self.anchors.get(&anchor).cloned().ok_or("an alias of nothing")?;
                self.values += size;
                return Ok(value);
            }
            _ => return Err("a value was expected".to_owned()),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, (value.clone(), self.values - before));
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
