//! Reads rows from Milvus.

use crate::client::{Client, parameter};
use crate::columns::{Columns, longs, strings};
use crate::expression::{Terms, quote};
use crate::proto::Query;
use crate::rows::{self, parse_fingerprint};
use crate::schema::{
    ARTICLE, FACTS, FINGERPRINT, KEY, PAGE, PAGES, PASSAGES, PATH, RECORD, WRITTEN,
};
use std::collections::HashMap;
use std::sync::Arc;
use store::{ArticleMeta, PassageKey, Result, StoredArticle};

/// Matches the first page of every article: an article exists if its first page does.
pub const FIRST_PAGES: &str = "key > 0 and page == 0";
/// Rows read at once, without and with their vectors.
pub const SCAN_ROWS: usize = 10_000;
pub const SCAN_ROWS_WITH_VECTORS: usize = 5_000;
/// Limits of one query: pages of articles (a server returns at most 100 MB), passage keys, and
/// articles.
const MAX_PAGES_PER_QUERY: i64 = 400;
const MAX_KEYS_PER_QUERY: usize = 1_000;
const MAX_ARTICLES_PER_QUERY: usize = 200;

/// Reads rows as of a timestamp.
pub struct RowReader {
    pub client: Arc<Client>,
    /// Milvus' timestamp: everything written until then is visible. 0 is now.
    pub timestamp: u64,
}

impl RowReader {
    /// The Milvus collection of passages.
    pub fn passages(&self) -> &str {
        &self.client.location().collection
    }

    /// The rows for which `expr` holds.
    pub fn query(&self, collection: &str, expr: &str, fields: &[&str]) -> Result<Columns> {
        query(&self.client, collection, expr, fields, None, self.timestamp)
    }

    pub fn count(&self, collection: &str, expr: &str) -> Result<i64> {
        let columns = self.query(collection, expr, &["count(*)"])?;
        Ok(columns
            .longs("count(*)")
            .first()
            .copied()
            .unwrap_or_default())
    }

    pub fn count_passages(&self) -> Result<usize> {
        Ok(self.count(self.passages(), "")? as usize)
    }

    /// Visits all rows for which `expr` holds in key order, `rows` at a time.
    pub fn for_each_page(
        &self,
        collection: &str,
        expr: &str,
        fields: &[&str],
        rows: usize,
        visit: &mut dyn FnMut(&Columns) -> Result<()>,
    ) -> Result<()> {
        let mut last = -1;
        loop {
            let after = if expr.is_empty() {
                format!("key > {last}")
            } else {
                format!("key > {last} and {expr}")
            };
            let columns = query(
                &self.client,
                collection,
                &after,
                fields,
                Some(rows),
                self.timestamp,
            )?;
            let keys = columns.longs(KEY);
            let Some(highest) = keys.iter().max() else {
                return Ok(());
            };
            last = *highest;
            visit(&columns)?;
            if keys.len() < rows {
                return Ok(());
            }
        }
    }

    /// Visits the metadata terms of every article: the page of its row, its place there, and the
    /// terms. Each page has `column`, too.
    pub fn for_each_metadata(
        &self,
        column: &str,
        visit: &mut dyn FnMut(&Columns, usize, &Terms) -> Result<()>,
    ) -> Result<()> {
        self.for_each_page(
            &self.client.location().articles_collection(),
            FIRST_PAGES,
            &[KEY, column, FACTS],
            SCAN_ROWS,
            &mut |columns| {
                for at in 0..columns.longs(KEY).len() {
                    let terms = self.cell(columns.json(FACTS), at, FACTS)?;
                    visit(
                        columns,
                        at,
                        &serde_json::from_slice(terms).unwrap_or_default(),
                    )?;
                }
                Ok(())
            },
        )
    }

    /// The passages with these keys, in the same order. Fails if one has been deleted.
    pub fn fetch_by_keys<T>(
        &self,
        keys: &[PassageKey],
        fields: &[&str],
        row: &dyn Fn(&Columns, usize) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut found: HashMap<u64, T> = HashMap::with_capacity(keys.len());
        for chunk in keys.chunks(MAX_KEYS_PER_QUERY) {
            let list = chunk
                .iter()
                .map(|key| key.0.to_string())
                .collect::<Vec<_>>()
                .join(", ");
            let columns = self.query(self.passages(), &format!("key in [{list}]"), fields)?;
            for (at, key) in columns.longs(KEY).iter().enumerate() {
                found.insert(*key as u64, row(&columns, at)?);
            }
        }
        let deleted = |key: &PassageKey| {
            self.client.error(format!(
                "the passage with key {} has been deleted in the meantime; search again",
                key.0
            ))
        };
        keys.iter()
            .map(|key| found.remove(&key.0).ok_or_else(|| deleted(key)))
            .collect()
    }

    /// A value of a column, or an error if the server left it out.
    pub fn cell<'a, T>(&self, of: &'a [T], at: usize, name: &str) -> Result<&'a T> {
        of.get(at).ok_or_else(|| {
            self.client
                .error(format!("the server gave a row without {name}"))
        })
    }

    /// The versions of every article, by id.
    pub fn all_versions(&self) -> Result<HashMap<String, ArticleVersions>> {
        self.versions_where(FIRST_PAGES)
    }

    /// The versions of these articles, by id.
    pub fn versions_of(&self, ids: &[&str]) -> Result<HashMap<String, ArticleVersions>> {
        let mut versions = HashMap::new();
        for ids in ids.chunks(MAX_ARTICLES_PER_QUERY) {
            versions
                .extend(self.versions_where(&format!("{FIRST_PAGES} and {}", article_in(ids)))?);
        }
        Ok(versions)
    }

    fn versions_where(&self, expr: &str) -> Result<HashMap<String, ArticleVersions>> {
        let mut versions: HashMap<String, ArticleVersions> = HashMap::new();
        let fields = [KEY, ARTICLE, FINGERPRINT, PATH, PAGES, PASSAGES, WRITTEN];
        self.for_each_page(
            &self.client.location().articles_collection(),
            expr,
            &fields,
            SCAN_ROWS,
            &mut |columns| {
                for (at, id) in columns.strings(ARTICLE).iter().enumerate() {
                    let version = ArticleVersions {
                        fingerprint: self
                            .cell(columns.strings(FINGERPRINT), at, FINGERPRINT)?
                            .clone(),
                        path: self.cell(columns.strings(PATH), at, PATH)?.clone(),
                        pages: *self.cell(columns.longs(PAGES), at, PAGES)?,
                        passages: *self.cell(columns.longs(PASSAGES), at, PASSAGES)?,
                        written: *self.cell(columns.longs(WRITTEN), at, WRITTEN)?,
                        older: Vec::new(),
                    };
                    let version = match versions.remove(id) {
                        // An interrupted writer has written the new version but not deleted the old
                        // one.
                        Some(other) => version.merge(other),
                        None => version,
                    };
                    versions.insert(id.clone(), version);
                }
                Ok(())
            },
        )?;
        Ok(versions)
    }

    /// The articles with these ids, each with its fingerprint in hexadecimal.
    pub fn articles(&self, ids: &[&String]) -> Result<HashMap<String, (String, StoredArticle)>> {
        let fields = [
            KEY,
            ARTICLE,
            FINGERPRINT,
            PATH,
            PAGE,
            PAGES,
            WRITTEN,
            RECORD,
        ];
        let columns = self.query(
            &self.client.location().articles_collection(),
            &article_in(ids),
            &fields,
        )?;
        let found = ids.iter().filter_map(|id| {
            let rows = rows_of_article(&columns, id);
            Some(((*id).clone(), rows::article(id, &rows)?))
        });
        Ok(found.collect())
    }
}

/// The versions of an article: the current one, and those not yet deleted.
pub struct ArticleVersions {
    pub fingerprint: String,
    pub path: String,
    /// The number of pages of all versions together.
    pub pages: i64,
    /// The number of passages of the current version, or [`BEING_DELETED`].
    pub passages: i64,
    pub written: i64,
    /// The fingerprints of the other versions.
    pub older: Vec<String>,
}

/// Stored instead of the number of passages while an article is being deleted.
pub const BEING_DELETED: i64 = -1;

impl ArticleVersions {
    /// Combines two versions. The one that was written last is current.
    fn merge(self, other: Self) -> Self {
        let is_last = (self.written, &self.fingerprint) > (other.written, &other.fingerprint);
        let (mut version, mut other) = if is_last {
            (self, other)
        } else {
            (other, self)
        };
        version.pages += other.pages;
        version.older.append(&mut other.older);
        version.older.push(other.fingerprint);
        version
    }

    /// The fingerprints of all versions, the current one first.
    pub fn fingerprints(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.fingerprint).chain(&self.older)
    }
}

impl From<ArticleVersions> for ArticleMeta {
    fn from(version: ArticleVersions) -> Self {
        // After an interrupted write or deletion, report an unknown fingerprint, so that the
        // article counts as changed and is written again.
        let is_complete = version.older.is_empty() && version.passages != BEING_DELETED;
        let fingerprint = if is_complete {
            version.fingerprint.as_str()
        } else {
            ""
        };
        Self {
            fingerprint: parse_fingerprint(fingerprint),
            path: version.path,
        }
    }
}

/// The ids in order, in groups that can be read with one query each.
pub fn batch_ids(versions: &HashMap<String, ArticleVersions>) -> Vec<Vec<&String>> {
    let mut versions: Vec<(&String, i64)> = versions
        .iter()
        .map(|(id, version)| (id, version.pages))
        .collect();
    versions.sort_unstable();
    let (mut batches, mut pages) = (Vec::<Vec<&String>>::new(), 0);
    for (id, more) in versions {
        pages += more;
        match batches.last_mut() {
            Some(batch) if pages <= MAX_PAGES_PER_QUERY && batch.len() < MAX_ARTICLES_PER_QUERY => {
                batch.push(id)
            }
            _ => {
                pages = more;
                batches.push(vec![id]);
            }
        }
    }
    batches
}

/// The rows that belong to one article.
fn rows_of_article(columns: &Columns, id: &str) -> Columns {
    let rows: Vec<usize> = (0..)
        .zip(columns.strings(ARTICLE))
        .filter(|(_, of)| *of == id)
        .map(|(at, _)| at)
        .collect();
    let texts = |name| {
        strings(
            name,
            rows.iter()
                .filter_map(|&at| columns.strings(name).get(at).cloned())
                .collect(),
        )
    };
    let values = |name| {
        longs(
            name,
            rows.iter()
                .filter_map(|&at| columns.longs(name).get(at).copied())
                .collect(),
        )
    };
    Columns(vec![
        texts(FINGERPRINT),
        texts(PATH),
        texts(RECORD),
        values(PAGE),
        values(PAGES),
        values(WRITTEN),
    ])
}

/// An expression for rows of these articles.
pub fn article_in(ids: &[impl AsRef<str>]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| quote(id.as_ref())).collect();
    format!("{ARTICLE} in [{}]", ids.join(", "))
}

/// The rows for which `expr` holds as of `timestamp` (0 is now). With a limit they come in key
/// order.
pub fn query(
    client: &Client,
    collection: &str,
    expr: &str,
    fields: &[&str],
    limit: Option<usize>,
    timestamp: u64,
) -> Result<Columns> {
    let mut query_params = Vec::new();
    if let Some(limit) = limit {
        // With `iterator` every server version returns rows in key order.
        query_params.extend([parameter("limit", limit), parameter("iterator", "False")]);
    }
    let response = client.read(Query {
        collection_name: collection.to_owned(),
        expr: expr.to_owned(),
        output_fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        query_params,
        guarantee_timestamp: timestamp,
    })?;
    Ok(Columns(response.fields_data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_written_version_is_current_and_all_others_are_listed() {
        let version = |fingerprint: &str, written| ArticleVersions {
            fingerprint: fingerprint.into(),
            path: String::new(),
            pages: 1,
            passages: 1,
            written,
            older: Vec::new(),
        };
        for order in [
            [1, 2, 3],
            [1, 3, 2],
            [2, 1, 3],
            [2, 3, 1],
            [3, 1, 2],
            [3, 2, 1],
        ] {
            let versions = order.map(|at| version(&format!("v{at}"), at));
            let mut joined = versions
                .into_iter()
                .reduce(|one, next| next.merge(one))
                .unwrap();
            joined.older.sort();
            assert_eq!(
                (joined.fingerprint.as_str(), joined.pages, joined.older),
                ("v3", 3, vec!["v1".into(), "v2".into()])
            );
        }
    }

    #[test]
    fn batch_ids_respects_the_limit_of_pages_per_query() {
        let version = |pages| ArticleVersions {
            fingerprint: String::new(),
            path: String::new(),
            pages,
            passages: 1,
            written: 0,
            older: Vec::new(),
        };
        let versions = [("a", 300), ("b", 100), ("c", 1), ("d", 1000), ("e", 1)]
            .map(|(id, pages)| (id.to_owned(), version(pages)));
        let versions = HashMap::from(versions);
        assert_eq!(
            batch_ids(&versions),
            [vec!["a", "b"], vec!["c"], vec!["d"], vec!["e"]]
        );
    }
}
