//! Parquet: one article per row, with the same fields as a JSONL record. The line of an article is
//! its row number.

mod values;

use super::reader::{EMBEDDED_ARTICLES_KEY, Emit, Item, Reader};
use super::record;
use crate::source::{Source, note};
use crate::{Error, Result};
use arrow_array::RecordBatch;
use disk::PathError;
use notes::Code;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::ConvertedType;
use parquet::file::metadata::ParquetMetaData;
use parquet::schema::types::Type;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use values::{Column, text_len};

/// Rows are decoded in batches of about this many bytes, and no more than this many rows.
const BATCH_BYTES: i64 = 4 << 20;
const MAX_BATCH_ROWS: i64 = 1024;

/// Columns of embedded articles, whoever wrote them.
const EMBEDDED_COLUMNS: [&str; 4] = ["passage_id", "fingerprint", "vector", "article"];

pub struct Parquet;

impl Reader for Parquet {
    fn read(&self, source: &Source, limit: u64, emit: &mut Emit<'_>) -> Result<()> {
        let wrong = |problem: String| Error::malformed(&source.path, None, problem);
        let file = std::fs::File::open(&source.path).map_err(PathError::at(&source.path))?;
        // Types are those of Parquet: the ones that an engine notes beside them differ by engine.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
            .map_err(|error| wrong(error.to_string()))?;
        let columns = builder.parquet_schema().root_schema().get_fields();
        if is_embedded(
            builder.metadata(),
            columns.iter().map(|column| column.name()),
        ) {
            return Err(Error::AlreadyEmbedded {
                path: source.path.clone(),
            });
        }
        // The library reads intervals without their months.
        let is_interval =
            |column: &Type| column.get_basic_info().converted_type() == ConvertedType::INTERVAL;
        let (left_out, read): (Vec<usize>, Vec<usize>) =
            (0..columns.len()).partition(|&at| is_interval(&columns[at]));
        for at in left_out {
            let message = format!("the intervals in its column {:?}", columns[at].name());
            if emit(Item::Note(note(source, None, Code::PartLeftOut, message))).is_break() {
                return Ok(());
            }
        }
        let read_columns: Vec<Column> = read.iter().map(|&at| Column::new(&columns[at])).collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), read);
        let rows = batch_rows(builder.metadata());
        let batches = builder
            .with_projection(mask)
            .with_batch_size(rows)
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        let mut reader = RowReader {
            source,
            limit,
            columns: &read_columns,
            number: 0,
            odd: BTreeMap::new(),
        };
        for batch in batches {
            let batch = batch.map_err(|error| wrong(error.to_string()))?;
            if reader.read(&batch, emit).is_break() {
                return Ok(());
            }
        }
        reader.report_odd(emit);
        Ok(())
    }
}

/// Whether a file has embedded articles: by its metadata, or by its columns where an engine has
/// written it anew, without the metadata.
fn is_embedded<'a>(metadata: &ParquetMetaData, columns: impl Iterator<Item = &'a str>) -> bool {
    let entries = metadata.file_metadata().key_value_metadata();
    let names: Vec<&str> = columns.collect();
    entries
        .into_iter()
        .flatten()
        .any(|entry| entry.key == EMBEDDED_ARTICLES_KEY)
        || EMBEDDED_COLUMNS.iter().all(|name| names.contains(name))
}

/// How many rows to decode at once.
fn batch_rows(metadata: &ParquetMetaData) -> usize {
    let groups = metadata.row_groups().iter();
    let bytes_per_row = groups.map(|group| group.total_byte_size() / group.num_rows().max(1));
    let largest = bytes_per_row.max().unwrap_or(1).max(1);
    (BATCH_BYTES / largest).clamp(1, MAX_BATCH_ROWS) as usize
}

/// Makes articles of rows.
struct RowReader<'a> {
    source: &'a Source,
    limit: u64,
    columns: &'a [Column],
    /// The number of the last row.
    number: u64,
    /// By column: the first row with a value that was left out, why, and how many there are.
    odd: BTreeMap<String, (u64, String, u64)>,
}

impl RowReader<'_> {
    fn read(&mut self, batch: &RecordBatch, emit: &mut Emit<'_>) -> ControlFlow<()> {
        for row in 0..batch.num_rows() {
            self.number += 1;
            let longest = batch
                .columns()
                .iter()
                .map(|column| text_len(column, row))
                .max();
            if let Some(bytes) = longest
                .map(|bytes| bytes as u64)
                .filter(|n| *n > self.limit)
            {
                emit(self.too_large(bytes))?;
                continue;
            }
            let mut fields = Vec::with_capacity(self.columns.len());
            for (column, array) in self.columns.iter().zip(batch.columns()) {
                let mut problem = None;
                let value = column.value(array, row, &mut problem);
                if let Some(problem) = problem {
                    let first = (self.number, problem, 0);
                    self.odd.entry(column.name.clone()).or_insert(first).2 += 1;
                }
                fields.push((column.name.clone(), value));
            }
            for item in record::items(self.source, self.number, fields) {
                let item = match item {
                    Item::Article(article) if article.text.len() as u64 > self.limit => {
                        self.too_large(article.text.len() as u64)
                    }
                    item => item,
                };
                emit(item)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn too_large(&self, bytes: u64) -> Item {
        Item::Failed(Error::TooLarge {
            path: self.source.path.clone(),
            line: Some(self.number),
            bytes,
            limit: self.limit,
        })
    }

    /// Emits one note for each column with values that were left out.
    fn report_odd(self, emit: &mut Emit<'_>) {
        for (column, (line, problem, count)) in self.odd {
            let values = if count == 1 { "value" } else { "values" };
            let message = format!("{count} {values} of its column {column:?}, first {problem}");
            let note = note(self.source, Some(line), Code::PartLeftOut, message);
            if emit(Item::Note(note)).is_break() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Item, Parquet, Reader};
    use crate::article::MetaValue;
    use crate::read::testing::read_path;
    use crate::{Format, format};
    use arrow_array::builder::{ListBuilder, StringBuilder};
    use arrow_array::types::IntervalDayTime;
    use arrow_array::{
        ArrayRef, BinaryArray, Date32Array, Decimal128Array, Float64Array, Int64Array,
        IntervalDayTimeArray, RecordBatch, StringArray, StructArray, TimestampMicrosecondArray,
    };
    use arrow_schema::{DataType, Field};
    use parquet::arrow::ArrowWriter;
    use parquet::basic::Compression;
    use parquet::file::properties::WriterProperties;
    use std::ops::ControlFlow;
    use std::sync::Arc;

    #[test]
    fn rows_are_read_like_jsonl_records() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.parquet");
        let mut tags = ListBuilder::new(StringBuilder::new());
        tags.append_value([Some("sea"), Some("moon")]);
        tags.append_null();
        tags.append_null();
        tags.append_null();
        let columns: [(&str, ArrayRef); 4] = [
            ("id", Arc::new(Int64Array::from(vec![7, 8, 9, 10]))),
            (
                "text",
                Arc::new(StringArray::from(vec![
                    Some("Tides rise."),
                    None,
                    Some("Bread"),
                    Some("x".repeat(99).as_str()),
                ])),
            ),
            (
                "published",
                Arc::new(StringArray::from(vec![
                    Some("2025-06-30"),
                    None,
                    None,
                    None,
                ])),
            ),
            ("tags", Arc::new(tags.finish())),
        ];
        for compression in [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::ZSTD(Default::default()),
            Compression::GZIP(Default::default()),
            Compression::BROTLI(Default::default()),
            Compression::LZ4,
            Compression::LZ4_RAW,
        ] {
            let batch = RecordBatch::try_from_iter(columns.clone()).unwrap();
            let properties = WriterProperties::builder()
                .set_compression(compression)
                .build();
            let file = std::fs::File::create(&path).unwrap();
            let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
            assert_eq!(
                format::detect("x".as_ref(), &std::fs::read(&path).unwrap()),
                Ok(Format::Parquet)
            );
            let (articles, errors) = read_path(&path, Format::Parquet, 50);
            let ids: Vec<_> = articles
                .iter()
                .map(|a| (a.id.as_str(), a.text.as_str(), a.line_at(0)))
                .collect();
            assert_eq!(ids, [("7", "Tides rise.", 1), ("9", "Bread", 3)]);
            assert!(matches!(
                articles[0].metadata["published"],
                MetaValue::Date(_)
            ));
            assert!(
                matches!(&articles[0].metadata["tags"], MetaValue::List(tags) if tags.len() == 2)
            );
            assert!(
                errors[0].starts_with("c.parquet:2: its text is empty"),
                "{errors:?}"
            );
            assert!(
                errors[1].starts_with("c.parquet:4: 99 bytes in one article"),
                "{errors:?}"
            );
        }
    }

    /// Writes columns to a file, reads it, and gives its articles and everything that was said.
    fn read_columns(columns: Vec<(&str, ArrayRef)>) -> (Vec<crate::Article>, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.parquet");
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let file = std::fs::File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let (mut articles, mut said) = (Vec::new(), Vec::new());
        let source = crate::walk::Source {
            path,
            name: "c.parquet".to_owned(),
            format: Format::Parquet,
            is_format_guessed: false,
            stat: None,
        };
        Parquet
            .read(&source, 1 << 20, &mut |item| {
                match item {
                    Item::Article(article) => articles.push(*article),
                    Item::Failed(error) => said.push(error.to_string()),
                    Item::Note(note) => said.push(note.to_string()),
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        (articles, said)
    }

    #[test]
    fn an_odd_value_costs_that_value() {
        let texts = || Arc::new(StringArray::from(vec!["Tides rise.", "Bread cools."])) as ArrayRef;
        let day = IntervalDayTime::new(3, 0);
        let decimals = Decimal128Array::from(vec![12_345, -5]).with_precision_and_scale(9, 2);
        let nested = StructArray::from(vec![(
            Arc::new(Field::new("days", DataType::Date32, true)),
            Arc::new(Date32Array::from(vec![Some(20_269), Some(i32::MAX - 7)])) as ArrayRef,
        )]);
        let (articles, said) = read_columns(vec![
            ("text", texts()),
            ("span", Arc::new(IntervalDayTimeArray::from(vec![day, day]))),
            ("day", Arc::new(Date32Array::from(vec![i32::MAX, 20_269]))),
            (
                "instant",
                Arc::new(TimestampMicrosecondArray::from(vec![
                    -i64::MAX,
                    1_751_241_600_500_000,
                ])),
            ),
            (
                "share",
                Arc::new(Float64Array::from(vec![f64::INFINITY, f64::NAN])),
            ),
            ("price", Arc::new(decimals.unwrap())),
            ("nested", Arc::new(nested)),
            (
                "blob",
                Arc::new(BinaryArray::from(vec![&b"plain"[..], &[0xff, 0xfe]])),
            ),
        ]);
        let shown = |article: &crate::Article| {
            let fields = article.metadata.iter();
            fields
                .map(|(name, value)| format!("{name}={}", value.shown()))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            articles.iter().map(shown).collect::<Vec<_>>(),
            [
                vec![
                    "blob=plain",
                    "day=infinity",
                    "instant=-infinity",
                    "nested={\"days\":\"2025-06-30\"}",
                    "price=123.45",
                    "share=infinity",
                ],
                vec![
                    "day=2025-06-30",
                    "instant=2025-06-30T00:00:00.5",
                    "nested={\"days\":null}",
                    "price=-0.05",
                ],
            ]
        );
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(
            said[0].contains("intervals in its column \"span\""),
            "{said:?}"
        );
        assert!(
            said[1].contains("c.parquet:2: 1 value of its column \"blob\""),
            "{said:?}"
        );
        assert!(
            said[2].contains("\"nested\", first a date out of range, 2147483640 days"),
            "{said:?}"
        );
    }

    #[test]
    fn text_without_its_mark_is_text() {
        let (articles, said) = read_columns(vec![
            ("_id", Arc::new(BinaryArray::from(vec![&b"a"[..], b"b"]))),
            (
                "text",
                Arc::new(BinaryArray::from(vec![&b"Tides rise."[..], &[0xff, b'x']])),
            ),
        ]);
        let ids: Vec<_> = articles
            .iter()
            .map(|a| (a.id.as_str(), a.text.as_str()))
            .collect();
        assert_eq!(ids, [("a", "Tides rise.")]);
        assert!(
            said[0].contains("c.parquet:2: its text is empty"),
            "{said:?}"
        );
        assert!(said[1].contains("2 bytes that are not UTF-8"), "{said:?}");
    }

    #[test]
    fn embedded_articles_are_known_by_their_columns() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.parquet");
        let column = || Arc::new(StringArray::from(vec!["x"])) as ArrayRef;
        let names = [
            "article_id",
            "text",
            "passage_id",
            "fingerprint",
            "vector",
            "article",
        ];
        let batch = RecordBatch::try_from_iter(names.map(|name| (name, column()))).unwrap();
        let file = std::fs::File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let (articles, errors) = read_path(&path, Format::Parquet, 50);
        assert!(
            articles.is_empty() && errors[0].contains("embedded already"),
            "{errors:?}"
        );
    }

    #[test]
    fn a_file_with_only_the_signature_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.parquet");
        std::fs::write(&path, b"PAR1 and no more").unwrap();
        let (articles, errors) = read_path(&path, Format::Parquet, 50);
        assert!(
            articles.is_empty() && errors.len() == 1 && errors[0].starts_with("c.parquet: "),
            "{errors:?}"
        );
    }
}
