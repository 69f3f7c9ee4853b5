//! Conversion between rows and Parquet columns.

use crate::Row;
use arrow_array::builder::{Float32Builder, Int64Builder, ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int64Type};
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

/// The rows of a batch. The outer error says that the batch has wrong columns, an inner one that a
/// row is malformed.
pub fn rows(batch: &RecordBatch) -> Result<Vec<Result<Row, String>>, String> {
    for (name, column_type) in COLUMNS {
        let column = batch
            .column_by_name(name)
            .ok_or_else(|| format!("it has no column {name:?}"))?;
        let (expected, found) = (column_type.arrow_type(), column.data_type());
        let is_vector =
            matches!(found, DataType::List(inner) if *inner.data_type() == DataType::Float32);
        if *found != expected && !(column_type == ColumnType::Vector && is_vector) {
            return Err(format!(
                "expected {expected} in its column {name:?}, found {found}"
            ));
        }
    }
    Ok((0..batch.num_rows()).map(|at| row(batch, at)).collect())
}

fn row(batch: &RecordBatch, at: usize) -> Result<Row, String> {
    let column = |name: &str| {
        batch
            .column_by_name(name)
            .filter(|column| column.is_valid(at))
    };
    let text = |name| column(name).map(|column| column.as_string::<i32>().value(at).to_owned());
    let number = |name| {
        let value = column(name).map(|column| column.as_primitive::<Int64Type>().value(at));
        value
            .map(|value| {
                u64::try_from(value)
                    .map_err(|_| format!("{name}: expected a number from 0, found {value}"))
            })
            .transpose()
    };
    let vector = column("vector").map(|column| column.as_list::<i32>().value(at));
    let vector = vector.map(|vector| vector.as_primitive::<Float32Type>().values().to_vec());
    let metadata =
        text("metadata").map_or(Ok(Default::default()), |json| serde_json::from_str(&json));
    let article = text("article")
        .map(|json| serde_json::from_str(&json))
        .transpose();
    Ok(Row {
        passage_id: text("passage_id"),
        article_id: text("article_id").ok_or("expected an article_id, found none")?,
        ordinal: number("ordinal")?,
        title: text("title").unwrap_or_default(),
        path: text("path").unwrap_or_default(),
        metadata: metadata.map_err(|error| format!("metadata: {error}"))?,
        start: number("start")?,
        end: number("end")?,
        line: number("line")?,
        text: text("text"),
        fingerprint: text("fingerprint"),
        vector,
        article: article.map_err(|error| format!("article: {error}"))?,
    })
}
