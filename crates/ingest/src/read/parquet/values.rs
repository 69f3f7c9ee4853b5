//! Values of Parquet columns, as values of a record.

use super::super::value::Value;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type,
    Decimal256Type, DecimalType, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};
use parquet::basic::LogicalType;
use parquet::schema::types::Type;

/// Lists and structs nested more deeply are left out.
const MAX_DEPTH: usize = 32;

/// A column of a file.
pub struct Column {
    pub name: String,
    is_uuid: bool,
}

impl Column {
    pub fn new(column: &Type) -> Self {
        Self {
            name: column.name().to_owned(),
            is_uuid: column.get_basic_info().logical_type_ref() == Some(&LogicalType::Uuid),
        }
    }

    /// The value in a row. What has no value that can be shown is left out, and `problem` says what
    /// it is.
    pub fn value(&self, array: &ArrayRef, row: usize, problem: &mut Option<String>) -> Value {
        if self.is_uuid && array.is_valid(row) {
            return uuid(bytes(array, row).unwrap_or_default());
        }
        value(array, row, 0, problem)
    }
}

/// The length of a text in bytes; 0 of any other value.
pub fn text_len(array: &ArrayRef, row: usize) -> usize {
    if array.is_null(row) {
        return 0;
    }
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value_length(row) as usize,
        DataType::LargeUtf8 => array.as_string::<i64>().value_length(row) as usize,
        _ => bytes(array, row).map_or(0, <[u8]>::len),
    }
}

/// The value of a binary column.
fn bytes(array: &ArrayRef, row: usize) -> Option<&[u8]> {
    Some(match array.data_type() {
        DataType::Binary => array.as_binary::<i32>().value(row),
        DataType::LargeBinary => array.as_binary::<i64>().value(row),
        DataType::BinaryView => array.as_binary_view().value(row),
        DataType::FixedSizeBinary(_) => array.as_fixed_size_binary().value(row),
        _ => return None,
    })
}

fn uuid(bytes: &[u8]) -> Value {
    let hex = |part: &[u8]| {
        part.iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let ends = [4, 6, 8, 10, 16];
    let starts = [0, 4, 6, 8, 10];
    let parts = starts
        .iter()
        .zip(ends)
        .filter_map(|(start, end)| bytes.get(*start..end));
    Value::Text(parts.map(hex).collect::<Vec<_>>().join("-"))
}

fn value(array: &ArrayRef, row: usize, depth: usize, problem: &mut Option<String>) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    let mut leave_out = |what: String| {
        problem.get_or_insert(what);
        Value::Null
    };
    if depth > MAX_DEPTH {
        return leave_out(format!("more than {MAX_DEPTH} values within one another"));
    }
    if let Some(bytes) = bytes(array, row) {
        return match std::str::from_utf8(bytes) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(_) => leave_out(format!("{} bytes that are not UTF-8", bytes.len())),
        };
    }
    match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => Value::Text(array.as_boolean().value(row).to_string()),
        DataType::Int8 => number::<Int8Type>(array, row),
        DataType::Int16 => number::<Int16Type>(array, row),
        DataType::Int32 => number::<Int32Type>(array, row),
        DataType::Int64 => number::<Int64Type>(array, row),
        DataType::UInt8 => number::<UInt8Type>(array, row),
        DataType::UInt16 => number::<UInt16Type>(array, row),
        DataType::UInt32 => number::<UInt32Type>(array, row),
        DataType::UInt64 => number::<UInt64Type>(array, row),
        DataType::Float16 => {
            let value = array.as_primitive::<Float16Type>().value(row);
            float(value.is_finite(), value.to_f64(), value.to_f32())
        }
        DataType::Float32 => {
            let value = array.as_primitive::<Float32Type>().value(row);
            float(value.is_finite(), f64::from(value), value)
        }
        DataType::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(row);
            float(value.is_finite(), value, value)
        }
        DataType::Decimal32(..) => decimal::<Decimal32Type>(array, row),
        DataType::Decimal64(..) => decimal::<Decimal64Type>(array, row),
        DataType::Decimal128(..) => decimal::<Decimal128Type>(array, row),
        DataType::Decimal256(..) => decimal::<Decimal256Type>(array, row),
        DataType::Utf8 => Value::Text(array.as_string::<i32>().value(row).to_owned()),
        DataType::LargeUtf8 => Value::Text(array.as_string::<i64>().value(row).to_owned()),
        DataType::Utf8View => Value::Text(array.as_string_view().value(row).to_owned()),
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().value(row);
            match infinity(days, i32::MAX) {
                Some(text) => text,
                None => date(i64::from(days)).unwrap_or_else(|| {
                    leave_out(format!("a date out of range, {days} days after 1970"))
                }),
            }
        }
        DataType::Date64 => {
            let days = array.as_primitive::<Date64Type>().value(row) / 86_400_000;
            date(days).unwrap_or_else(|| {
                leave_out(format!("a date out of range, {days} days after 1970"))
            })
        }
        DataType::Timestamp(unit, zone) => {
            let ticks = match unit {
                TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row),
                TimeUnit::Millisecond => {
                    array.as_primitive::<TimestampMillisecondType>().value(row)
                }
                TimeUnit::Microsecond => {
                    array.as_primitive::<TimestampMicrosecondType>().value(row)
                }
                TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row),
            };
            match infinity(ticks, i64::MAX) {
                Some(text) => text,
                None => timestamp(ticks, *unit, zone.is_some()).unwrap_or_else(|| {
                    leave_out(format!("a time out of range, {ticks} {unit:?}s after 1970"))
                }),
            }
        }
        DataType::Time32(TimeUnit::Second) => time(
            array.as_primitive::<Time32SecondType>().value(row).into(),
            TimeUnit::Second,
        ),
        DataType::Time32(_) => {
            let ticks = array.as_primitive::<Time32MillisecondType>().value(row);
            time(ticks.into(), TimeUnit::Millisecond)
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            let ticks = array.as_primitive::<Time64MicrosecondType>().value(row);
            time(ticks, TimeUnit::Microsecond)
        }
        DataType::Time64(_) => {
            let ticks = array.as_primitive::<Time64NanosecondType>().value(row);
            time(ticks, TimeUnit::Nanosecond)
        }
        DataType::List(_) => list(&array.as_list::<i32>().value(row), depth, problem),
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row), depth, problem),
        DataType::FixedSizeList(..) => list(&array.as_fixed_size_list().value(row), depth, problem),
        DataType::Struct(fields) => {
            let columns = fields.iter().zip(array.as_struct().columns());
            let values = columns.map(|(field, column)| {
                (field.name().clone(), value(column, row, depth + 1, problem))
            });
            Value::Map(values.collect())
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let [keys, values] = entries.columns() else {
                return Value::Null;
            };
            let entry = |at: usize| {
                let key = value(keys, at, depth + 1, problem)
                    .text()
                    .unwrap_or_default();
                (key, value(values, at, depth + 1, problem))
            };
            Value::Map((0..entries.len()).map(entry).collect())
        }
        other => leave_out(format!("of type {other}, which is not read")),
    }
}

fn list(items: &ArrayRef, depth: usize, problem: &mut Option<String>) -> Value {
    let rows = 0..items.len();
    Value::List(
        rows.map(|at| value(items, at, depth + 1, problem))
            .collect(),
    )
}

fn number<T: ArrowPrimitiveType>(array: &ArrayRef, row: usize) -> Value
where
    T::Native: ToString,
{
    Value::Number(array.as_primitive::<T>().value(row).to_string())
}

/// A float with the digits of its own precision. Not-a-number is what pandas writes for no value.
fn float(is_finite: bool, value: f64, shown: impl serde::Serialize) -> Value {
    match is_finite {
        true => Value::Number(serde_json::to_string(&shown).unwrap_or_default()),
        false if value.is_nan() => Value::Null,
        false if value > 0.0 => Value::Text(INFINITY.to_owned()),
        false => Value::Text(format!("-{INFINITY}")),
    }
}

fn decimal<T: DecimalType>(array: &ArrayRef, row: usize) -> Value {
    Value::Number(array.as_primitive::<T>().value_as_string(row))
}

/// What databases call the date after all others.
const INFINITY: &str = "infinity";

/// The infinite dates and times of DuckDB and PostgreSQL: the largest number, and its negative or
/// the smallest number.
fn infinity<T: PartialOrd + Copy + std::ops::Neg<Output = T>>(value: T, max: T) -> Option<Value> {
    if value >= max {
        Some(Value::Text(INFINITY.to_owned()))
    } else if value <= -max {
        Some(Value::Text(format!("-{INFINITY}")))
    } else {
        None
    }
}

fn date(days: i64) -> Option<Value> {
    let seconds = days.checked_mul(86_400)?;
    let day = Timestamp::from_second(seconds)
        .ok()?
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    Some(Value::Text(day.to_string()))
}

fn timestamp(ticks: i64, unit: TimeUnit, has_zone: bool) -> Option<Value> {
    let instant = Timestamp::UNIX_EPOCH
        .checked_add(duration(ticks, unit))
        .ok()?;
    let text = match has_zone {
        true => instant.to_string(),
        false => {
            let local: DateTime = instant.to_zoned(jiff::tz::TimeZone::UTC).datetime();
            local.to_string()
        }
    };
    Some(Value::Text(text))
}

/// A time of day.
fn time(ticks: i64, unit: TimeUnit) -> Value {
    let time = jiff::civil::Time::midnight().saturating_add(duration(ticks, unit));
    Value::Text(time.to_string())
}

fn duration(ticks: i64, unit: TimeUnit) -> SignedDuration {
    match unit {
        TimeUnit::Second => SignedDuration::from_secs(ticks),
        TimeUnit::Millisecond => SignedDuration::from_millis(ticks),
        TimeUnit::Microsecond => SignedDuration::from_micros(ticks),
        TimeUnit::Nanosecond => SignedDuration::from_nanos(ticks),
    }
}
