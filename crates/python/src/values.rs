//! Between Python's values and those of JSON.

use crate::errors::{input, input_type};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyMapping, PyString, PyTuple};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

/// Deeper values are refused: each level needs a stack frame.
const MAX_DEPTH: usize = 64;

/// The Python value of what serializes to JSON: dictionaries, lists, strings and numbers.
pub fn to_python<'py>(py: Python<'py>, value: &impl Serialize) -> PyResult<Bound<'py, PyAny>> {
    let value = serde_json::to_value(value)
        .map_err(|error| crate::errors::Class::Internal.exception(py, error.to_string()))?;
    from_json(py, &value)
}

fn from_json<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Null => Ok(py.None().into_bound(py)),
        Value::Bool(flag) => flag.into_bound_py_any(py),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => number.into_bound_py_any(py),
            (None, Some(number)) => number.into_bound_py_any(py),
            (None, None) => number.as_f64().unwrap_or(f64::NAN).into_bound_py_any(py),
        },
        Value::String(text) => text.into_bound_py_any(py),
        Value::Array(items) => {
            let items = items
                .iter()
                .map(|item| from_json(py, item))
                .collect::<PyResult<Vec<_>>>()?;
            Ok(PyList::new(py, items)?.into_any())
        }
        Value::Object(fields) => {
            let dict = PyDict::new(py);
            for (name, value) in fields {
                dict.set_item(name, from_json(py, value)?)?;
            }
            Ok(dict.into_any())
        }
    }
}

/// The JSON value of a Python value. `what` names it in exceptions.
pub fn to_json(value: &Bound<'_, PyAny>, what: &str) -> PyResult<Value> {
    json_at(value, what, 0)
}

fn json_at(value: &Bound<'_, PyAny>, what: &str, depth: usize) -> PyResult<Value> {
    let py = value.py();
    if depth > MAX_DEPTH {
        return Err(input(
            py,
            format!("{what}: nested more than {MAX_DEPTH} levels deep"),
        ));
    }
    if value.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(flag.is_true().into());
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(text.to_str().map_err(|_| surrogates(py, what))?.into());
    }
    if value.is_instance_of::<PyInt>() {
        let number = value.extract::<i64>().map(Number::from);
        let number = number.or_else(|_| value.extract::<u64>().map(Number::from));
        return number.map(Value::Number).map_err(|_| {
            input(
                py,
                format!("{what}: an integer that does not fit in 64 bits"),
            )
        });
    }
    if value.is_instance_of::<PyFloat>() {
        let number: f64 = value.extract()?;
        return Number::from_f64(number).map(Value::Number).ok_or_else(|| {
            input(
                py,
                format!("{what}: expected a finite number, found {number}"),
            )
        });
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        let items = value
            .try_iter()?
            .map(|item| json_at(&item?, what, depth + 1))
            .collect::<PyResult<Vec<_>>>()?;
        return Ok(Value::Array(items));
    }
    if let Ok(mapping) = value.cast::<PyMapping>() {
        let mut fields = Map::new();
        for item in mapping.items()?.iter() {
            let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
            let name = string(&name, &format!("{what}: a name"))?;
            let value = json_at(&value, &format!("{what}[{name:?}]"), depth + 1)?;
            fields.insert(name, value);
        }
        return Ok(Value::Object(fields));
    }
    // Dates and times, and the numbers of numpy.
    if let Ok(text) = value.call_method0("isoformat") {
        return json_at(&text, what, depth + 1);
    }
    if let Ok(number) = value.call_method0("item")
        && !number.is(value)
    {
        return json_at(&number, what, depth + 1);
    }
    Err(input_type(
        py,
        format!(
            "{what}: expected a string, a number, a bool, a date, a list or a dict; found {}",
            type_name(value)
        ),
    ))
}

fn surrogates(py: Python<'_>, what: &str) -> PyErr {
    input(
        py,
        format!("{what}: a string with lone surrogates, which is not valid Unicode"),
    )
}

/// The text of a Python string. `what` names it in exceptions.
pub fn string(value: &Bound<'_, PyAny>, what: &str) -> PyResult<String> {
    match value.cast::<PyString>() {
        Ok(text) => Ok(text
            .to_str()
            .map_err(|_| surrogates(value.py(), what))?
            .to_owned()),
        Err(_) => Err(input_type(
            value.py(),
            format!("{what}: expected a string, found {}", type_name(value)),
        )),
    }
}

/// The strings of a Python iterable that is not a string itself. `what` names it in exceptions.
pub fn strings(values: &Bound<'_, PyAny>, what: &str) -> PyResult<Vec<String>> {
    let wrong = || {
        input_type(
            values.py(),
            format!(
                "{what}: expected a list of strings, found {}",
                type_name(values)
            ),
        )
    };
    if values.is_instance_of::<PyString>() || values.is_instance_of::<PyDict>() {
        return Err(wrong());
    }
    let mut texts = Vec::with_capacity(values.len().unwrap_or(0));
    for (number, value) in values.try_iter().map_err(|_| wrong())?.enumerate() {
        let value = value?;
        texts.push(match value.cast::<PyString>() {
            Ok(text) => text
                .to_str()
                .map_err(|_| surrogates(value.py(), &format!("{what}[{number}]")))?
                .to_owned(),
            Err(_) => string(&value, &format!("{what}[{number}]"))?,
        });
    }
    Ok(texts)
}

/// The options in a Python dictionary. `what` names them in exceptions.
pub fn options<T: DeserializeOwned>(value: &Bound<'_, PyAny>, what: &str) -> PyResult<T> {
    let json = to_json(value, what)?;
    serde_json::from_value(json).map_err(|error| input(value.py(), error.to_string()))
}

/// The name of a value's type.
pub fn type_name(value: &Bound<'_, PyAny>) -> String {
    value
        .get_type()
        .name()
        .map_or_else(|_| "something else".to_owned(), |name| name.to_string())
}
