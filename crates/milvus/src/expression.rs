//! Conditions as Milvus's expressions.
//!
//! The facts of an article (its metadata, title and path) are written as one JSON object, a key a value: the kind of value
//! (`s` text in lower case, `d` date, `n` number), `:`, the field, `:`, which of its values. Servers differ in what `in`,
//! `!=`, `is null` and a missing key mean; `exists` in parentheses and a comparison after it mean the same to all.

use ingest::fold::fold_value;
use ingest::{Article, Date, MetaValue, Number};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::ops::Bound;
use store::filter::{Clause, Filter, ID, Operand, PATH, Test, Value};

/// Longer values are cut: nobody asks for them whole.
const MAX_VALUE_BYTES: usize = 1000;
/// A JSON field has at most 65,536 bytes.
const MAX_TERMS_BYTES: usize = 60_000;
/// What an expression goes through of a field's values.
const MAX_VALUES_PER_FIELD: usize = 32;

/// How many values a field has at most in any article, by kind.
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

    /// At least as many of each.
    fn max(&mut self, other: Self) {
        *self = Self {
            texts: self.texts.max(other.texts),
            dates: self.dates.max(other.dates),
            numbers: self.numbers.max(other.numbers),
        };
    }
}

/// The fields that articles have.
pub type Fields = BTreeMap<String, ValueCounts>;

/// Adds the fields of one to those of others.
pub fn merge_fields(fields: &mut Fields, other: &Fields) {
    for (name, counts) in other {
        fields.entry(name.clone()).or_default().max(*counts);
    }
}

/// What conditions can ask of an article, and which fields these are.
pub fn metadata_terms(article: &Article) -> (Map<String, Json>, Fields) {
    let own_fields = ["path", "title"].into_iter().zip([&article.path, &article.title]);
    let own_fields = own_fields.map(|(name, text)| (name.to_owned(), vec![Value::Text(text.clone())]));
    let metadata = article.metadata.iter().map(|(name, value): (_, &MetaValue)| (name.clone(), Value::all(value)));
    let (mut facts, mut fields, mut bytes) = (Map::new(), Fields::new(), 0);
    for (name, values) in own_fields.chain(metadata) {
        let mut counts = ValueCounts::default();
        for value in values {
            let json = match &value {
                Value::Number(number) => number_json(number),
                Value::Date(date) => Json::from(date.replacen(' ', "T", 1)),
                Value::Text(text) => {
                    Json::from(fold_value(&text[..text.floor_char_boundary(MAX_VALUE_BYTES)]).as_ref())
                }
            };
            let count = counts.of_kind(&value);
            let key = term_key(kind(&value), &name, *count);
            // A colon and a comma beside.
            bytes += Json::from(key.as_str()).to_string().len() + json.to_string().len() + 2;
            if bytes > MAX_TERMS_BYTES {
                break;
            }
            *count += 1;
            facts.insert(key, json);
        }
        fields.insert(name, counts);
    }
    (facts, fields)
}

/// A number as servers compare them: with a decimal point, but where that would change it.
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
        // Servers look for a key as it stands in the expression: what would have to be escaped there is found by none.
        if c.is_control() || matches!(c, '%' | '"' | '\\' | '[' | ']') {
            key.push_str(&format!("%{:02x}", u32::from(c)));
        } else {
            key.push(c);
        }
    }
    key.push_str(&format!(":{at}"));
    key
}

/// The values of a field in an article's facts.
pub fn field_values<'a>(facts: &'a Map<String, Json>, field: &'a str) -> impl Iterator<Item = Value> + 'a {
    ['s', 'd', 'n'].into_iter().flat_map(move |kind| {
        (0..).map_while(move |at| {
            let value = facts.get(&term_key(kind, field, at))?;
            Some(match kind {
                'n' => Value::Number(value.as_number()?.clone().into()),
                'd' => Value::Date(value.as_str()?.to_owned()),
                _ => Value::Text(value.as_str()?.to_owned()),
            })
        })
    })
}

/// A string as every server reads it.
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

/// What a condition says of the rows of a server; `None` where a server cannot be is_expressible all of it.
pub fn to_expression(filter: &Filter, fields: &Fields) -> Option<String> {
    let joined = |parts: &[Filter], with: &str| {
        let parts = parts.iter().map(|part| to_expression(part, fields)).collect::<Option<Vec<_>>>()?;
        Some(format!("({})", parts.join(with)))
    };
    match filter {
        Filter::And(parts) => joined(parts, " and "),
        Filter::Or(parts) => joined(parts, " or "),
        Filter::Not(part) => Some(format!("(not {})", to_expression(part, fields)?)),
        Filter::Is(clause) => clause_expression(clause, fields.get(&clause.field).copied().unwrap_or_default()),
    }
}

fn clause_expression(clause: &Clause, counts: ValueCounts) -> Option<String> {
    let Clause { field, test } = clause;
    if field == ID {
        return match test {
            Test::Any => Some(MATCH_ALL.to_owned()),
            Test::Word(id) => Some(format!("(article == {})", quote(id))),
            // Letter case, and what * means in a path, are nothing that servers know.
            _ => None,
        };
    }
    if [counts.texts, counts.dates, counts.numbers].iter().any(|count| *count > MAX_VALUES_PER_FIELD) {
        return None;
    }
    let mut alternatives = Vec::new();
    let mut any_value = |kind: char, count: usize, comparison: &dyn Fn(&str) -> String| {
        for at in 0..count {
            let value = format!("facts[{}]", quote(&term_key(kind, field, at)));
            alternatives.push(format!("((exists {value}) and {})", comparison(&value)));
        }
    };
    match test {
        Test::Any => {
            for (kind, count) in [('s', counts.texts), ('d', counts.dates), ('n', counts.numbers)] {
                // The first is there where any is.
                if count > 0 {
                    alternatives.push(format!("(exists facts[{}])", quote(&term_key(kind, field, 0))));
                }
            }
        }
        Test::Word(word) => {
            let operand = Operand::new(word);
            // Servers know no zones, no dates in other writings, and none that are text.
            let is_expressible = |date: &Date| !date.has_time() && counts.texts == 0 && Date::parse(word).is_some();
            if (counts.dates > 0 || counts.texts > 0)
                && operand.date.is_some_and(|date| date.has_day() && !is_expressible(&date))
            {
                return None;
            }
            any_value('s', counts.texts, &|value| format!("{value} == {}", quote(&operand.folded)));
            if operand.date.is_some() {
                any_value('d', counts.dates, &|value| {
                    format!("{value} like {}", quote(&format!("{}%", operand.folded)))
                });
            }
            if let Some(number) = &operand.number {
                any_value('n', counts.numbers, &|value| format!("{value} == {}", number_json(number)));
            }
        }
        Test::Range(low, high) => {
            let bounds = [low.as_ref().map(|text| Operand::new(text)), high.as_ref().map(|text| Operand::new(text))];
            let all = |test: &dyn Fn(&Operand) -> bool| {
                bounds.iter().all(|bound| match bound {
                    Bound::Included(operand) | Bound::Excluded(operand) => test(operand),
                    Bound::Unbounded => true,
                })
            };
            // Servers know no zones, no dates in other writings, and no numbers and dates that are text.
            let is_inexpressible = |operand: &Operand| {
                let is_expressible = |date: &Date| !date.has_time() && Date::parse(&operand.folded).is_some();
                (counts.dates > 0 && operand.date.is_some_and(|date| !is_expressible(&date)))
                    || (counts.texts > 0 && (operand.number.is_some() || operand.date.is_some()))
            };
            if !all(&|operand| !is_inexpressible(operand)) {
                return None;
            }
            let between = |value: &str, above: Option<String>, below: Option<String>| {
                let sides: Vec<String> =
                    [above, below].into_iter().flatten().map(|side| format!("{value} {side}")).collect();
                if sides.is_empty() { format!("(exists {value})") } else { sides.join(" and ") }
            };
            let side = |bound: &Bound<Operand>, with: [&str; 2], of: &dyn Fn(&Operand) -> String| match bound {
                Bound::Included(operand) => Some(format!("{} {}", with[0], of(operand))),
                Bound::Excluded(operand) => Some(format!("{} {}", with[1], of(operand))),
                Bound::Unbounded => None,
            };
            let text = |operand: &Operand| quote(&operand.folded);
            any_value('s', counts.texts, &|value| {
                between(value, side(&bounds[0], [">=", ">"], &text), side(&bounds[1], ["<=", "<"], &text))
            });
            // As far as the bound says: up to June is before what follows June.
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
                any_value('d', counts.dates, &|value| between(value, above.clone(), below.clone()));
            }
            if all(&|operand| operand.number.is_some()) {
                let number = |operand: &Operand| {
                    operand.number.as_ref().map(|number| number_json(number).to_string()).unwrap_or_default()
                };
                any_value('n', counts.numbers, &|value| {
                    between(value, side(&bounds[0], [">=", ">"], &number), side(&bounds[1], ["<=", "<"], &number))
                });
            }
        }
        Test::Glob(glob) => {
            let prefix = glob.strip_suffix('*')?;
            let plain = !prefix.contains(['*', '?', '\\', '%', '_']);
            if field == PATH
                || !plain
                || counts.numbers > 0
                || (counts.dates > 0 && !prefix.bytes().all(|b| b.is_ascii_digit() || b == b'-'))
            {
                return None;
            }
            let pattern = quote(&format!("{}%", fold_value(prefix)));
            any_value('s', counts.texts, &|value| format!("{value} like {pattern}"));
            any_value('d', counts.dates, &|value| format!("{value} like {pattern}"));
        }
    }
    Some(if alternatives.is_empty() { MATCH_NONE.to_owned() } else { format!("({})", alternatives.join(" or ")) })
}

/// No article has an empty id.
const MATCH_ALL: &str = "(article != \"\")";
const MATCH_NONE: &str = "(article == \"\")";

/// The first string after all that begin with `prefix`, which ends in a digit.
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
        let metadata =
            serde_json::json!({"source": "Reuters", "year": 2025, "date": "2025-06-30", "tags": ["Sea", "moon"]});
        let metadata = metadata.as_object().unwrap().iter();
        let metadata = metadata.filter_map(|(name, value)| Some((name.clone(), MetaValue::from_json(value)?)));
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
    fn facts_are_a_key_a_value_and_read_back() {
        let (facts, fields) = metadata_terms(&article());
        assert_eq!((&facts["s:source:0"], &facts["n:year:0"]), (&Json::from("reuters"), &Json::from(2025.0)));
        assert_eq!(fields["tags"], ValueCounts { texts: 2, dates: 0, numbers: 0 });
        assert_eq!(
            field_values(&facts, "tags").collect::<Vec<_>>(),
            [Value::Text("sea".into()), Value::Text("moon".into())]
        );
        assert_eq!(field_values(&facts, "date").collect::<Vec<_>>(), [Value::Date("2025-06-30".into())]);
        assert_eq!(field_values(&facts, "none").count(), 0);
    }

    #[test]
    fn facts_are_no_larger_than_a_server_takes_and_their_names_need_no_escapes() {
        let numbers = MetaValue::List((0..9000).map(|n| MetaValue::Number(n.into())).collect());
        let metadata = [("a \"b\\ [c]".to_owned(), MetaValue::Number(1.into())), ("n".repeat(30), numbers)];
        let (facts, _) = metadata_terms(&Article { metadata: metadata.into_iter().collect(), ..article() });
        let bytes = Json::Object(facts.clone()).to_string().len();
        assert!((MAX_TERMS_BYTES - 100..65_536).contains(&bytes), "{bytes}");
        assert!(facts.keys().all(|key| !key.contains(['"', '\\', '[', ']'])), "{:?}", facts.keys().next());
        assert_eq!(field_values(&facts, "a \"b\\ [c]").count(), 1);
    }

    #[test]
    fn conditions_become_expressions() {
        let (_, fields) = metadata_terms(&article());
        let of = |condition: &str| to_expression(&condition.parse().unwrap(), &fields);
        let expected = r#"(((exists facts["s:source:0"]) and facts["s:source:0"] == "reuters"))"#;
        assert_eq!(of("source:REUTERS").unwrap(), expected);
        assert!(of("NOT source:*").unwrap().starts_with("(not ("));
        assert!(of("year:2025").unwrap().contains("facts[\"n:year:0\"] == 2025.0"));
        assert!(of("date:2025-06").unwrap().contains("like \"2025-06%\""));
        // All of June, as far as the bound says.
        assert!(
            of("date:[2025-01 TO 2025-06]").unwrap().contains(">= \"2025-01\" and facts[\"d:date:0\"] < \"2025-07\"")
        );
        assert!(of("tags:moon").unwrap().contains("s:tags:1"));
        assert_eq!(of("id:\"a\\\"b\"").unwrap(), r#"(article == "a\"b")"#);
        // What is no date lies in no range of dates.
        assert_eq!(of("date:[a TO z]").unwrap(), MATCH_NONE);
        assert!(of("year:9007199254740993").unwrap().ends_with("== 9007199254740993))"));
        for inexpressible in [
            "path:*.md",
            "title:*ides",
            "id:a*",
            "year:20*",
            "date:2025-06-30T10",
            "date:>=2025-06-30T10:00Z",
            "source:>5",
        ] {
            assert_eq!(of(inexpressible), None, "{inexpressible}");
        }
    }
}
