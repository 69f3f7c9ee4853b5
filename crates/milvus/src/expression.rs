//! Filters as Milvus expressions.
//!
//! The metadata terms of an article (its metadata, title and path) are stored as a JSON object with
//! one key per value: the kind (`s` lowercase text, `d` date, `n` number), `:`, the field, `:`, and
//! the position among the field's values of that kind. Servers disagree about `in`, `!=`, `is null`
//! and missing keys; `exists` in parentheses followed by a comparison means the same on all of
//! them.

use ingest::fold::fold_value;
use ingest::{Article, Date, MetaValue, Number};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::ops::Bound;
use store::filter::{Clause, Filter, ID, Operand, PATH, Predicate, Value};

/// The metadata terms of an article, as its row has them.
pub type Terms = Map<String, Json>;

/// Longer texts are truncated.
const MAX_VALUE_BYTES: usize = 1000;
/// Milvus allows 65,536 bytes in a JSON field.
const MAX_TERMS_BYTES: usize = 60_000;
/// The most values of a field that an expression enumerates.
const MAX_VALUES_PER_FIELD: usize = 32;

/// The largest number of values of each kind that a field has in any article.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueCounts {
    #[serde(default, rename = "s")]
    texts: usize,
    #[serde(default, rename = "d")]
    dates: usize,
    #[serde(default, rename = "n")]
    numbers: usize,
}

impl ValueCounts {
    fn of_kind(&mut self, value: &Value) -> &mut usize {
        match value {
            Value::Text(_) => &mut self.texts,
            Value::Date(_) => &mut self.dates,
            Value::Number(_) => &mut self.numbers,
        }
    }

    /// The element-wise maximum.
    fn max(&mut self, other: Self) {
        *self = Self {
            texts: self.texts.max(other.texts),
            dates: self.dates.max(other.dates),
            numbers: self.numbers.max(other.numbers),
        };
    }
}

/// The metadata fields of all articles.
pub type Fields = BTreeMap<String, ValueCounts>;

/// Adds `other` to `fields`.
pub fn merge_fields(fields: &mut Fields, other: &Fields) {
    for (name, counts) in other {
        fields.entry(name.clone()).or_default().max(*counts);
    }
}

/// The metadata terms of an article, and its fields.
pub fn metadata_terms(article: &Article) -> (Map<String, Json>, Fields) {
    let own_fields = ["path", "title"]
        .into_iter()
        .zip([&article.path, &article.title]);
    let own_fields =
        own_fields.map(|(name, text)| (name.to_owned(), vec![Value::Text(text.clone())]));
    let metadata = article
        .metadata
        .iter()
        .map(|(name, value): (_, &MetaValue)| (name.clone(), Value::flatten(value)));
    let (mut terms, mut fields, mut bytes) = (Map::new(), Fields::new(), 0);
    for (name, values) in own_fields.chain(metadata) {
        let mut counts = ValueCounts::default();
        for value in values {
            let json = match &value {
                Value::Number(number) => number_json(number),
                Value::Date(date) => Json::from(date.replacen(' ', "T", 1)),
                Value::Text(text) => Json::from(
                    fold_value(&text[..text.floor_char_boundary(MAX_VALUE_BYTES)]).as_ref(),
                ),
            };
            let count = counts.of_kind(&value);
            let key = term_key(kind(&value), &name, *count);
            // Two more for the colon and the comma.
            bytes += Json::from(key.as_str()).to_string().len() + json.to_string().len() + 2;
            if bytes > MAX_TERMS_BYTES {
                break;
            }
            *count += 1;
            terms.insert(key, json);
        }
        fields.insert(name, counts);
    }
    (terms, fields)
}

/// A number as servers compare them: as a float, unless that would change its value.
fn number_json(number: &Number) -> Json {
    match Number::try_from(number.as_f64()) {
        Ok(float) if float == *number => Json::from(number.as_f64()),
        _ => serde_json::to_value(number).unwrap_or_default(),
    }
}

fn kind(value: &Value) -> char {
    match value {
        Value::Text(_) => 's',
        Value::Date(_) => 'd',
        Value::Number(_) => 'n',
    }
}

fn term_key(kind: char, field: &str, at: usize) -> String {
    let mut key = format!("{kind}:");
    for c in field.chars() {
        // Servers look up a key exactly as the expression spells it, so a key that needs escaping
        // there would never be found.
        if c.is_control() || matches!(c, '%' | '"' | '\\' | '[' | ']') {
            key.push_str(&format!("%{:02x}", u32::from(c)));
        } else {
            key.push(c);
        }
    }
    key.push_str(&format!(":{at}"));
    key
}

/// The values of a field among an article's metadata terms.
pub fn field_values<'a>(terms: &'a Terms, field: &'a str) -> impl Iterator<Item = Value> + 'a {
    ['s', 'd', 'n'].into_iter().flat_map(move |kind| {
        (0..).map_while(move |at| {
            let value = terms.get(&term_key(kind, field, at))?;
            Some(match kind {
                'n' => Value::Number(value.as_number()?.clone().into()),
                'd' => Value::Date(value.as_str()?.to_owned()),
                _ => Value::Text(value.as_str()?.to_owned()),
            })
        })
    })
}

/// Quotes a string so that every server reads it the same way.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A filter as an expression; `None` if Milvus cannot express all of it.
pub fn to_expression(filter: &Filter, fields: &Fields) -> Option<String> {
    let join = |parts: &[Filter], with: &str| {
        let parts = parts
            .iter()
            .map(|part| to_expression(part, fields))
            .collect::<Option<Vec<_>>>()?;
        Some(format!("({})", parts.join(with)))
    };
    match filter {
        Filter::And(parts) => join(parts, " and "),
        Filter::Or(parts) => join(parts, " or "),
        Filter::Not(part) => Some(format!("(not {})", to_expression(part, fields)?)),
        Filter::Clause(clause) => clause_expression(
            clause,
            fields.get(&clause.field).copied().unwrap_or_default(),
        ),
    }
}

fn clause_expression(clause: &Clause, counts: ValueCounts) -> Option<String> {
    let Clause { field, predicate } = clause;
    if field == ID {
        return match predicate {
            Predicate::Exists => Some(MATCH_ALL.to_owned()),
            Predicate::Equals(id) => Some(format!("(article == {})", quote(id))),
            // Milvus knows neither case-insensitive comparison nor what `*` means in a path.
            _ => None,
        };
    }
    if [counts.texts, counts.dates, counts.numbers]
        .iter()
        .any(|count| *count > MAX_VALUES_PER_FIELD)
    {
        return None;
    }
    let mut alternatives = Vec::new();
    let mut any_value = |kind: char, count: usize, comparison: &dyn Fn(&str) -> String| {
        for at in 0..count {
            let value = format!("facts[{}]", quote(&term_key(kind, field, at)));
            alternatives.push(format!("((exists {value}) and {})", comparison(&value)));
        }
    };
    match predicate {
        Predicate::Exists => {
            for (kind, count) in [
                ('s', counts.texts),
                ('d', counts.dates),
                ('n', counts.numbers),
            ] {
                // Values are numbered from 0, so the first exists if any does.
                if count > 0 {
                    alternatives.push(format!(
                        "(exists facts[{}])",
                        quote(&term_key(kind, field, 0))
                    ));
                }
            }
        }
        Predicate::Equals(word) => {
            let operand = Operand::new(word);
            // Servers know no time zones and no other notations of dates, and do not see dates in
            // text.
            let is_expressible =
                |date: &Date| !date.has_time() && counts.texts == 0 && Date::parse(word).is_some();
            if (counts.dates > 0 || counts.texts > 0)
                && operand
                    .date
                    .is_some_and(|date| date.has_day() && !is_expressible(&date))
            {
                return None;
            }
            any_value('s', counts.texts, &|value| {
                format!("{value} == {}", quote(&operand.folded))
            });
            if operand.date.is_some() {
                any_value('d', counts.dates, &|value| {
                    format!("{value} like {}", quote(&format!("{}%", operand.folded)))
                });
            }
            if let Some(number) = &operand.number {
                any_value('n', counts.numbers, &|value| {
                    format!("{value} == {}", number_json(number))
                });
            }
        }
        Predicate::Range(low, high) => {
            let bounds = [
                low.as_ref().map(|text| Operand::new(text)),
                high.as_ref().map(|text| Operand::new(text)),
            ];
            let all = |test: &dyn Fn(&Operand) -> bool| {
                bounds.iter().all(|bound| match bound {
                    Bound::Included(operand) | Bound::Excluded(operand) => test(operand),
                    Bound::Unbounded => true,
                })
            };
            // Servers know no time zones and no other notations of dates, and do not see numbers
            // and dates in text.
            let is_inexpressible = |operand: &Operand| {
                let is_expressible =
                    |date: &Date| !date.has_time() && Date::parse(&operand.folded).is_some();
                (counts.dates > 0 && operand.date.is_some_and(|date| !is_expressible(&date)))
                    || (counts.texts > 0 && (operand.number.is_some() || operand.date.is_some()))
            };
            if !all(&|operand| !is_inexpressible(operand)) {
                return None;
            }
            let between = |value: &str, above: Option<String>, below: Option<String>| {
                let sides: Vec<String> = [above, below]
                    .into_iter()
                    .flatten()
                    .map(|side| format!("{value} {side}"))
                    .collect();
                if sides.is_empty() {
                    format!("(exists {value})")
                } else {
                    sides.join(" and ")
                }
            };
            let side = |bound: &Bound<Operand>,
                        with: [&str; 2],
                        of: &dyn Fn(&Operand) -> String| match bound {
                Bound::Included(operand) => Some(format!("{} {}", with[0], of(operand))),
                Bound::Excluded(operand) => Some(format!("{} {}", with[1], of(operand))),
                Bound::Unbounded => None,
            };
            let text = |operand: &Operand| quote(&operand.folded);
            any_value('s', counts.texts, &|value| {
                between(
                    value,
                    side(&bounds[0], [">=", ">"], &text),
                    side(&bounds[1], ["<=", "<"], &text),
                )
            });
            // Bounds have the precision they are written in: up to June includes all of June.
            let after = |operand: &Operand| quote(&prefix_successor(&operand.folded));
            let above = match &bounds[0] {
                Bound::Excluded(operand) => Some(format!(">= {}", after(operand))),
                bound => side(bound, [">=", ">="], &text),
            };
            let below = match &bounds[1] {
                Bound::Included(operand) => Some(format!("< {}", after(operand))),
                bound => side(bound, ["<", "<"], &text),
            };
            if all(&|operand| operand.date.is_some()) {
                any_value('d', counts.dates, &|value| {
                    between(value, above.clone(), below.clone())
                });
            }
            if all(&|operand| operand.number.is_some()) {
                let number = |operand: &Operand| {
                    operand
                        .number
                        .as_ref()
                        .map(|number| number_json(number).to_string())
                        .unwrap_or_default()
                };
                any_value('n', counts.numbers, &|value| {
                    between(
                        value,
                        side(&bounds[0], [">=", ">"], &number),
                        side(&bounds[1], ["<=", "<"], &number),
                    )
                });
            }
        }
        Predicate::Glob(glob) => {
            let prefix = glob.strip_suffix('*')?;
            let is_simple_prefix = !prefix.contains(['*', '?', '\\', '%', '_']);
            if field == PATH
                || !is_simple_prefix
                || counts.numbers > 0
                || (counts.dates > 0 && !prefix.bytes().all(|b| b.is_ascii_digit() || b == b'-'))
            {
                return None;
            }
            let pattern = quote(&format!("{}%", fold_value(prefix)));
            any_value('s', counts.texts, &|value| {
                format!("{value} like {pattern}")
            });
            any_value('d', counts.dates, &|value| {
                format!("{value} like {pattern}")
            });
        }
    }
    Some(if alternatives.is_empty() {
        MATCH_NONE.to_owned()
    } else {
        format!("({})", alternatives.join(" or "))
    })
}

/// An id is never empty.
const MATCH_ALL: &str = "(article != \"\")";
const MATCH_NONE: &str = "(article == \"\")";

/// The first string after all strings that start with `prefix`. The prefix must end in a digit.
fn prefix_successor(prefix: &str) -> String {
    let mut bytes = prefix.as_bytes().to_vec();
    if let Some(last) = bytes.last_mut() {
        *last += 1;
    }
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn article() -> Article {
        let metadata = serde_json::json!({"source": "Reuters", "year": 2025, "date": "2025-06-30", "tags": ["Sea", "moon"]});
        let metadata = metadata.as_object().unwrap().iter();
        let metadata =
            metadata.filter_map(|(name, value)| Some((name.clone(), MetaValue::from_json(value)?)));
        Article {
            id: "a".into(),
            title: "Tides".into(),
            path: "a.txt".into(),
            text: String::new(),
            body: Vec::new(),
            record_line: None,
            metadata: metadata.collect(),
            questions: Vec::new(),
        }
    }

    #[test]
    fn metadata_terms_round_trip() {
        let (terms, fields) = metadata_terms(&article());
        assert_eq!(
            (&terms["s:source:0"], &terms["n:year:0"]),
            (&Json::from("reuters"), &Json::from(2025.0))
        );
        assert_eq!(
            fields["tags"],
            ValueCounts {
                texts: 2,
                dates: 0,
                numbers: 0
            }
        );
        assert_eq!(
            field_values(&terms, "tags").collect::<Vec<_>>(),
            [Value::Text("sea".into()), Value::Text("moon".into())]
        );
        assert_eq!(
            field_values(&terms, "date").collect::<Vec<_>>(),
            [Value::Date("2025-06-30".into())]
        );
        assert_eq!(field_values(&terms, "none").count(), 0);
    }

    #[test]
    fn metadata_terms_fit_the_json_field_and_need_no_escapes() {
        let numbers = MetaValue::List((0..9000).map(|n| MetaValue::Number(n.into())).collect());
        let metadata = [
            ("a \"b\\ [c]".to_owned(), MetaValue::Number(1.into())),
            ("n".repeat(30), numbers),
        ];
        let (terms, _) = metadata_terms(&Article {
            metadata: metadata.into_iter().collect(),
            ..article()
        });
        let bytes = Json::Object(terms.clone()).to_string().len();
        assert!((MAX_TERMS_BYTES - 100..65_536).contains(&bytes), "{bytes}");
        assert!(
            terms.keys().all(|key| !key.contains(['"', '\\', '[', ']'])),
            "{:?}",
            terms.keys().next()
        );
        assert_eq!(field_values(&terms, "a \"b\\ [c]").count(), 1);
    }

    #[test]
    fn filters_become_expressions_or_none() {
        let (_, fields) = metadata_terms(&article());
        let express = |condition: &str| to_expression(&condition.parse().unwrap(), &fields);
        let expected = r#"(((exists facts["s:source:0"]) and facts["s:source:0"] == "reuters"))"#;
        assert_eq!(express("source:REUTERS").unwrap(), expected);
        assert!(express("NOT source:*").unwrap().starts_with("(not ("));
        assert!(
            express("year:2025")
                .unwrap()
                .contains("facts[\"n:year:0\"] == 2025.0")
        );
        assert!(
            express("date:2025-06")
                .unwrap()
                .contains("like \"2025-06%\"")
        );
        // All of June.
        assert!(
            express("date:[2025-01 TO 2025-06]")
                .unwrap()
                .contains(">= \"2025-01\" and facts[\"d:date:0\"] < \"2025-07\"")
        );
        assert!(express("tags:moon").unwrap().contains("s:tags:1"));
        assert_eq!(express("id:\"a\\\"b\"").unwrap(), r#"(article == "a\"b")"#);
        // The bounds are not dates, so no date is in range.
        assert_eq!(express("date:[a TO z]").unwrap(), MATCH_NONE);
        assert!(
            express("year:9007199254740993")
                .unwrap()
                .ends_with("== 9007199254740993))")
        );
        for inexpressible in [
            "path:*.md",
            "title:*ides",
            "id:a*",
            "year:20*",
            "date:2025-06-30T10",
            "date:>=2025-06-30T10:00Z",
            "source:>5",
        ] {
            assert_eq!(express(inexpressible), None, "{inexpressible}");
        }
    }
}
