//! Parquet: one article per row, with the same fields as a JSONL record. The line of an article is
//! its row number.

use super::value::Value;
use super::{EMBEDDED_ARTICLES_KEY, Emit, Item, Reader, json, record};
use crate::walk::Source;
use crate::{Error, Result};
use disk::PathError;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};

pub struct Parquet;

impl Reader for Parquet {
    fn read(&self, source: &Source, limit: u64, emit: &mut Emit<'_>) -> Result<()> {
        let wrong = |error: ParquetError| Error::malformed(&source.path, None, error.to_string());
        let file = std::fs::File::open(&source.path).map_err(PathError::at(&source.path))?;
        let rows = SerializedFileReader::new(file).map_err(wrong)?;
        let entries = rows.metadata().file_metadata().key_value_metadata();
        if entries
            .into_iter()
            .flatten()
            .any(|entry| entry.key == EMBEDDED_ARTICLES_KEY)
        {
            return Err(Error::AlreadyEmbedded {
                path: source.path.clone(),
            });
        }
        for (number, row) in (1..).zip(rows) {
            // Go through JSON text, so that a record gives the same article in every format.
            let Ok(Value::Map(fields)) =
                json::parse(&row.map_err(wrong)?.to_json_value().to_string())
            else {
                continue;
            };
            for item in record::items(source, number, fields) {
                let item = match item {
                    Item::Article(article) if article.text.len() as u64 > limit => {
                        let (path, bytes) = (source.path.clone(), article.text.len() as u64);
                        Item::Failed(Error::TooLarge {
                            path,
                            line: Some(number),
                            bytes,
                            limit,
                        })
                    }
                    item => item,
                };
                if emit(item).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::article::MetaValue;
    use crate::read::testing::read_path;
    use crate::{Format, format};
    use arrow_array::builder::{ListBuilder, StringBuilder};
    use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::basic::Compression;
    use parquet::file::properties::WriterProperties;
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
