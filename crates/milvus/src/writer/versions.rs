//! Replacing and deleting versions of articles.

use super::{MAX_MESSAGE_ROWS, MilvusWriter};
use crate::expression::quote;
use crate::reader::BEING_DELETED;
use crate::rows::{self, PageRow};
use crate::schema::{ARTICLE, FINGERPRINT};
use std::collections::BTreeMap;
use store::Result;

/// The most versions that one delete expression lists.
const MAX_VERSIONS_PER_DELETE: usize = 200;

/// An expression for the rows of one version of an article.
fn version_expression(id: &str, fingerprint: &str) -> String {
    format!(
        "({ARTICLE} == {} and {FINGERPRINT} == {})",
        quote(id),
        quote(fingerprint)
    )
}

impl MilvusWriter {
    /// Dates the pending pages after the versions that exist, even if a clock was wrong, and
    /// returns expressions for the versions that they replace.
    pub(super) fn replaced_versions(&mut self) -> Result<Vec<String>> {
        let written: BTreeMap<&str, &str> = self
            .pages
            .iter()
            .map(|row| (row.article.as_str(), row.fingerprint.as_str()))
            .collect();
        let ids: Vec<&str> = written.keys().copied().collect();
        let existing = self.reader().versions_of(&ids)?;
        let older = existing.iter().flat_map(|(id, versions)| {
            versions
                .fingerprints()
                .map(move |fingerprint| (id, fingerprint))
        });
        let older = older
            .filter(|(id, fingerprint)| written.get(id.as_str()) != Some(&fingerprint.as_str()));
        let replaced = older
            .map(|(id, fingerprint)| version_expression(id, fingerprint))
            .collect();
        for row in &mut self.pages {
            if let Some(versions) = existing.get(&row.article) {
                row.written = row.written.max(versions.written + 1);
            }
        }
        Ok(replaced)
    }

    /// Marks articles as being deleted, so that nobody takes them for complete, and returns
    /// expressions for their versions.
    pub(super) fn mark_being_deleted(&mut self, ids: &[&str]) -> Result<Vec<String>> {
        let (mut rows, mut versions) = (Vec::new(), Vec::new());
        for (id, article_versions) in self.reader().versions_of(ids)? {
            for fingerprint in article_versions.fingerprints() {
                versions.push(version_expression(&id, fingerprint));
                let (article, fingerprint, path) = (
                    id.clone(),
                    fingerprint.clone(),
                    article_versions.path.clone(),
                );
                let row = PageRow::without_article(
                    rows::row_key(&id, &fingerprint, "page", 0),
                    String::new(),
                );
                rows.push(PageRow {
                    article,
                    fingerprint,
                    path,
                    passages: BEING_DELETED,
                    written: article_versions.written,
                    ..row
                });
            }
        }
        let name = self.client.location().articles_collection();
        for chunk in rows.chunks(MAX_MESSAGE_ROWS) {
            self.upsert(&name, PageRow::columns(chunk), chunk.len())?;
        }
        Ok(versions)
    }

    /// The Milvus collections in the order of deletion: an article exists until its first page is
    /// deleted.
    pub(super) fn collections_in_delete_order(&self) -> [String; 2] {
        [
            self.client.location().collection.clone(),
            self.client.location().articles_collection(),
        ]
    }

    /// Deletes the rows for which one of these expressions holds.
    pub(super) fn delete_where(&mut self, expressions: &[String]) -> Result<()> {
        for chunk in expressions.chunks(MAX_VERSIONS_PER_DELETE) {
            for name in self.collections_in_delete_order() {
                self.delete_rows(&name, chunk.join(" or "))?;
            }
        }
        Ok(())
    }
}
