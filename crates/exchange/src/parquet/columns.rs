//! Conversion between rows and Parquet columns.

use crate::lenient::whole_number;
use crate::{ColumnError, Row, RowError};
use arrow_array::builder::{Float32Builder, Int64Builder, ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use std::sync::Arc;

/// The columns of the file, in order.
const COLUMNS: [(&str, ColumnType); 13] = [
    ("passage_id", ColumnType::Text),
    ("article_id", ColumnType::Text),
    ("ordinal", ColumnType::Number),
    ("title", ColumnType::Text),
    ("path", ColumnType::Text),
    ("metadata", ColumnType::Text),
    ("start", ColumnType::Number),
    ("end", ColumnType::Number),
    ("line", ColumnType::Number),
    ("text", ColumnType::Text),
    ("fingerprint", ColumnType::Text),
    ("vector", ColumnType::Vector),
    ("article", ColumnType::Text),
];

#[derive(Clone, Copy, PartialEq)]
enum ColumnType {
    Text,
    Number,
    Vector,
}

impl ColumnType {
    fn arrow_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Number => DataType::Int64,
            Self::Vector => {
                DataType::List(Arc::new(Field::new_list_field(DataType::Float32, true)))
            }
        }
    }
}

impl ColumnType {
    /// Whether a column of this type can be read: as written here, or anew by another program.
    fn reads(self, found: &DataType) -> bool {
        use DataType::*;
        match self {
            Self::Text => matches!(found, Utf8 | LargeUtf8 | Binary | LargeBinary),
            Self::Number => matches!(found, Int64 | UInt64 | Int32 | UInt32 | Float64),
            Self::Vector => match found {
                List(item) | LargeList(item) => matches!(item.data_type(), Float32 | Float64),
                _ => false,
            },
        }
    }
}

pub fn schema() -> Schema {
    Schema::new(
        COLUMNS
            .map(|(name, column_type)| {
                Field::new(name, column_type.arrow_type(), name != "article_id")
            })
            .to_vec(),
    )
}

/// Rows that are buffered to be written.
#[derive(Default)]
pub struct RowBuffer {
    rows: Vec<Row>,
    bytes: usize,
}

impl RowBuffer {
    pub fn push(&mut self, row: Row) {
        self.bytes += row.text.as_ref().map_or(0, String::len)
            + row.article.as_ref().map_or(0, |a| a.text.len());
        self.rows.push(row);
    }

    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The rows as a record batch; `None` if there are none.
    pub fn finish(self) -> Result<Option<RecordBatch>, ArrowError> {
        if self.rows.is_empty() {
            return Ok(None);
        }
        let text = |of: &dyn Fn(&Row) -> Option<String>| {
            let mut column = StringBuilder::new();
            self.rows
                .iter()
                .for_each(|row| column.append_option(of(row)));
            Arc::new(column.finish()) as ArrayRef
        };
        let number = |of: &dyn Fn(&Row) -> Option<u64>| {
            let mut column = Int64Builder::new();
            self.rows
                .iter()
                .for_each(|row| column.append_option(of(row).map(|n| n as i64)));
            Arc::new(column.finish()) as ArrayRef
        };
        let mut vectors = ListBuilder::new(Float32Builder::new());
        for row in &self.rows {
            if let Some(vector) = &row.vector {
                vectors.values().append_slice(vector);
            }
            vectors.append(row.vector.is_some());
        }
        let columns = vec![
            text(&|row| row.passage_id.clone()),
            text(&|row| Some(row.article_id.clone())),
            number(&|row| row.ordinal),
            text(&|row| Some(row.title.clone())),
            text(&|row| Some(row.path.clone())),
            text(&|row| Some(json(&row.metadata))),
            number(&|row| row.start),
            number(&|row| row.end),
            number(&|row| row.line),
            text(&|row| row.text.clone()),
            text(&|row| row.fingerprint.clone()),
            Arc::new(vectors.finish()),
            text(&|row| row.article.as_ref().map(json)),
        ];
        RecordBatch::try_new(Arc::new(schema()), columns).map(Some)
    }
}

/// Strings and numbers: writing them as JSON cannot fail.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Checks that all columns are there, with types that can be read.
pub fn check(schema: &Schema) -> Result<(), ColumnError> {
    for (name, column_type) in COLUMNS {
        let field = schema
            .field_with_name(name)
            .map_err(|_| ColumnError::Missing { name })?;
        let found = field.data_type();
        if !column_type.reads(found) {
            return Err(ColumnError::WrongType {
                name,
                expected: column_type.arrow_type().to_string(),
                found: found.to_string(),
            });
        }
    }
    Ok(())
}

/// The rows of a batch. The outer error says that the batch has wrong columns, an inner one that a
/// row is malformed.
pub fn rows(batch: &RecordBatch) -> Result<Vec<Result<Row, RowError>>, ColumnError> {
    check(&batch.schema())?;
    Ok((0..batch.num_rows()).map(|at| row(batch, at)).collect())
}

/// The text in a row of a column of text, with or without the mark that it is.
fn text(name: &'static str, column: &ArrayRef, at: usize) -> Result<String, RowError> {
    let bytes = match column.data_type() {
        DataType::Utf8 => return Ok(column.as_string::<i32>().value(at).to_owned()),
        DataType::LargeUtf8 => return Ok(column.as_string::<i64>().value(at).to_owned()),
        DataType::LargeBinary => column.as_binary::<i64>().value(at),
        _ => column.as_binary::<i32>().value(at),
    };
    String::from_utf8(bytes.to_vec()).map_err(|_| RowError::NotText {
        column: name,
        bytes: bytes.len(),
    })
}

/// The whole number from 0 in a row of a column of numbers.
fn number(name: &'static str, column: &ArrayRef, at: usize) -> Result<u64, RowError> {
    let wrong = |found: String| RowError::NotANumber {
        column: name,
        found,
    };
    let of = |value: i64| u64::try_from(value).map_err(|_| wrong(value.to_string()));
    match column.data_type() {
        DataType::Int64 => of(column.as_primitive::<Int64Type>().value(at)),
        DataType::UInt64 => Ok(column.as_primitive::<UInt64Type>().value(at)),
        DataType::Int32 => of(column.as_primitive::<Int32Type>().value(at).into()),
        DataType::UInt32 => Ok(column.as_primitive::<UInt32Type>().value(at).into()),
        _ => {
            let value = column.as_primitive::<Float64Type>().value(at);
            whole_number(value).ok_or_else(|| wrong(value.to_string()))
        }
    }
}

/// The numbers of a list, in single precision.
fn vector(column: &ArrayRef, at: usize) -> Vec<f32> {
    let items = match column.data_type() {
        DataType::LargeList(_) => column.as_list::<i64>().value(at),
        _ => column.as_list::<i32>().value(at),
    };
    match items.data_type() {
        DataType::Float32 => items.as_primitive::<Float32Type>().values().to_vec(),
        _ => {
            let values = items.as_primitive::<Float64Type>().values().iter();
            values.map(|value| *value as f32).collect()
        }
    }
}

fn row(batch: &RecordBatch, at: usize) -> Result<Row, RowError> {
    let column = |name: &str| {
        batch
            .column_by_name(name)
            .filter(|column| column.is_valid(at))
    };
    let text = |name| {
        let value = column(name).map(|column| text(name, column, at));
        value.transpose()
    };
    let number = |name| {
        // What is not a number is pandas' way to say that there is none.
        let is_nan = |column: &&ArrayRef| {
            *column.data_type() == DataType::Float64
                && column.as_primitive::<Float64Type>().value(at).is_nan()
        };
        let column = column(name).filter(|column| !is_nan(column));
        column.map(|column| number(name, column, at)).transpose()
    };
    let (metadata, article) = ("metadata", "article");
    let json_error = |column| move |error| RowError::JsonColumn { column, error };
    let metadata = match text(metadata)? {
        Some(json) => serde_json::from_str(&json).map_err(json_error(metadata))?,
        None => Default::default(),
    };
    let record = text(article)?
        .map(|json| serde_json::from_str(&json))
        .transpose();
    Ok(Row {
        passage_id: text("passage_id")?,
        article_id: text("article_id")?.ok_or(RowError::NoArticleId)?,
        ordinal: number("ordinal")?,
        title: text("title")?.unwrap_or_default(),
        path: text("path")?.unwrap_or_default(),
        metadata,
        start: number("start")?,
        end: number("end")?,
        line: number("line")?,
        text: text("text")?,
        fingerprint: text("fingerprint")?,
        vector: column("vector").map(|column| vector(column, at)),
        article: record.map_err(json_error(article))?,
    })
}
