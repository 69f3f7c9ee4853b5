//! Reading rows.

use crate::client::{Client, parameter};
use crate::columns::{Columns, longs, strings};
use crate::expression::quote;
use crate::proto::Query;
use crate::rows::{self, parse_fingerprint};
use crate::schema::{ARTICLE, FINGERPRINT, KEY, PAGE, PAGES, PASSAGES, PATH, RECORD, WRITTEN};
use std::collections::HashMap;
use std::sync::Arc;
use store::{ArticleCard, PassageKey, Result, StoredArticle};

/// The first page of every article: there is an article where it is.
pub const FIRST_PAGES: &str = "key > 0 and page == 0";
/// How many rows are read at once, with and without their vectors.
pub const SCAN_ROWS: usize = 10_000;
pub const SCAN_ROWS_WITH_VECTORS: usize = 5_000;
/// How many pages of articles are asked for at once, for a server gives 100 MB at most; how many rows by their keys, and cards.
const MAX_PAGES_PER_QUERY: i64 = 400;
const MAX_KEYS_PER_QUERY: usize = 1_000;
const MAX_ARTICLES_PER_QUERY: usize = 200;

/// RowReader of a collection as of a time.
pub struct RowReader {
    pub client: Arc<Client>,
    /// Milvus's time: what was written until then is seen.
    pub timestamp: u64,
}

impl RowReader {
    /// The Milvus collection of passages.
    pub fn passages(&self) -> &str {
        &self.client.location().collection
    }

    /// RowReader for which an expression holds.
    pub fn query(&self, collection: &str, expr: &str, fields: &[&str]) -> Result<Columns> {
        query(&self.client, collection, expr, fields, None, self.timestamp)
    }

    pub fn count(&self, collection: &str, expr: &str) -> Result<i64> {
        let columns = self.query(collection, expr, &["count(*)"])?;
        Ok(columns.longs("count(*)").first().copied().unwrap_or_default())
    }

    /// All rows for which an expression holds, `rows` at a time, in the order of their keys.
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
            let after = if expr.is_empty() { format!("key > {last}") } else { format!("key > {last} and {expr}") };
            let columns = query(&self.client, collection, &after, fields, Some(rows), self.timestamp)?;
            let keys = columns.longs(KEY);
            let Some(highest) = keys.iter().max() else { return Ok(()) };
            last = *highest;
            visit(&columns)?;
            if keys.len() < rows {
                return Ok(());
            }
        }
    }

    /// RowReader by their keys, in the order of these; an error where one is gone.
    pub fn fetch_by_keys<T>(
        &self,
        keys: &[PassageKey],
        fields: &[&str],
        row: &dyn Fn(&Columns, usize) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut found: HashMap<u64, T> = HashMap::with_capacity(keys.len());
        for chunk in keys.chunks(MAX_KEYS_PER_QUERY) {
            let list = chunk.iter().map(|key| key.0.to_string()).collect::<Vec<_>>().join(", ");
            let columns = self.query(self.passages(), &format!("key in [{list}]"), fields)?;
            for (at, key) in columns.longs(KEY).iter().enumerate() {
                found.insert(*key as u64, row(&columns, at)?);
            }
        }
        let gone = |key: &PassageKey| {
            self.client.error(format!("the passage with key {} was deleted meanwhile; ask again", key.0))
        };
        keys.iter().map(|key| found.remove(&key.0).ok_or_else(|| gone(key))).collect()
    }

    /// A field of a row, or an error that says that the server did not give it.
    pub fn cell<'a, T>(&self, of: &'a [T], at: usize, name: &str) -> Result<&'a T> {
        of.get(at).ok_or_else(|| self.client.error(format!("the server gave a row without {name}")))
    }

    /// What is known of every article.
    pub fn all_versions(&self) -> Result<HashMap<String, ArticleVersions>> {
        self.versions_where(FIRST_PAGES)
    }

    /// What is known of chunk articles.
    pub fn versions_of(&self, ids: &[&str]) -> Result<HashMap<String, ArticleVersions>> {
        let mut cards = HashMap::new();
        for ids in ids.chunks(MAX_ARTICLES_PER_QUERY) {
            cards.extend(self.versions_where(&format!("{FIRST_PAGES} and {}", article_in(ids)))?);
        }
        Ok(cards)
    }

    fn versions_where(&self, expr: &str) -> Result<HashMap<String, ArticleVersions>> {
        let mut cards: HashMap<String, ArticleVersions> = HashMap::new();
        let fields = [KEY, ARTICLE, FINGERPRINT, PATH, PAGES, PASSAGES, WRITTEN];
        self.for_each_page(&self.client.location().articles_collection(), expr, &fields, SCAN_ROWS, &mut |columns| {
            for (at, id) in columns.strings(ARTICLE).iter().enumerate() {
                let card = ArticleVersions {
                    fingerprint: self.cell(columns.strings(FINGERPRINT), at, FINGERPRINT)?.clone(),
                    path: self.cell(columns.strings(PATH), at, PATH)?.clone(),
                    pages: *self.cell(columns.longs(PAGES), at, PAGES)?,
                    passages: *self.cell(columns.longs(PASSAGES), at, PASSAGES)?,
                    written: *self.cell(columns.longs(WRITTEN), at, WRITTEN)?,
                    older: Vec::new(),
                };
                let card = match cards.remove(id) {
                    // A writer that was stopped between writing the one and deleting the other.
                    Some(other) => card.merge(other),
                    None => card,
                };
                cards.insert(id.clone(), card);
            }
            Ok(())
        })?;
        Ok(cards)
    }

    /// Articles, and their fingerprints, by their ids.
    pub fn articles(&self, ids: &[&String]) -> Result<HashMap<String, (String, StoredArticle)>> {
        let fields = [KEY, ARTICLE, FINGERPRINT, PATH, PAGE, PAGES, WRITTEN, RECORD];
        let columns = self.query(&self.client.location().articles_collection(), &article_in(ids), &fields)?;
        let found = ids.iter().filter_map(|id| {
            let rows = rows_of_article(&columns, id);
            Some(((*id).clone(), rows::article(id, &rows)?))
        });
        Ok(found.collect())
    }
}

/// What is known of an article without reading it.
pub struct ArticleVersions {
    pub fingerprint: String,
    pub path: String,
    /// How many pages it and the other versions have.
    pub pages: i64,
    /// How many it has, or [`BEING_DELETED`].
    pub passages: i64,
    pub written: i64,
    /// How many other versions there are, which are no longer meant.
    pub older: Vec<String>,
}

/// In the place of how many passages an article has: it is being deleted.
pub const BEING_DELETED: i64 = -1;

impl ArticleVersions {
    /// The card of two versions: the one that was written last is meant.
    fn merge(self, other: Self) -> Self {
        let is_last = (self.written, &self.fingerprint) > (other.written, &other.fingerprint);
        let (mut card, mut other) = if is_last { (self, other) } else { (other, self) };
        card.pages += other.pages;
        card.older.append(&mut other.older);
        card.older.push(other.fingerprint);
        card
    }

    /// The fingerprints of all versions, the one that is meant first.
    pub fn fingerprints(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.fingerprint).chain(&self.older)
    }
}

impl From<ArticleVersions> for ArticleCard {
    fn from(card: ArticleVersions) -> Self {
        // One that a writer left in two versions, or did not delete to its end, is like none that is known: put again, it
        // is there once.
        let is_one = card.older.is_empty() && card.passages != BEING_DELETED;
        let fingerprint = if is_one { card.fingerprint.as_str() } else { "" };
        Self { fingerprint: parse_fingerprint(fingerprint), path: card.path }
    }
}

/// The ids of articles in their order, as many together as may be read at once.
pub fn batch_ids(cards: &HashMap<String, ArticleVersions>) -> Vec<Vec<&String>> {
    let mut cards: Vec<(&String, i64)> = cards.iter().map(|(id, card)| (id, card.pages)).collect();
    cards.sort_unstable();
    let (mut batches, mut pages) = (Vec::<Vec<&String>>::new(), 0);
    for (id, more) in cards {
        pages += more;
        match batches.last_mut() {
            Some(batch) if pages <= MAX_PAGES_PER_QUERY && batch.len() < MAX_ARTICLES_PER_QUERY => batch.push(id),
            _ => {
                pages = more;
                batches.push(vec![id]);
            }
        }
    }
    batches
}

/// Of rows of several articles those of one.
fn rows_of_article(columns: &Columns, id: &str) -> Columns {
    let rows: Vec<usize> = (0..).zip(columns.strings(ARTICLE)).filter(|(_, of)| *of == id).map(|(at, _)| at).collect();
    let texts = |name| strings(name, rows.iter().filter_map(|&at| columns.strings(name).get(at).cloned()).collect());
    let values = |name| longs(name, rows.iter().filter_map(|&at| columns.longs(name).get(at).copied()).collect());
    Columns(vec![texts(FINGERPRINT), texts(PATH), texts(RECORD), values(PAGE), values(PAGES), values(WRITTEN)])
}

/// The condition that it is of one of these articles.
pub fn article_in(ids: &[impl AsRef<str>]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| quote(id.as_ref())).collect();
    format!("{ARTICLE} in [{}]", ids.join(", "))
}

/// RowReader for which an expression holds, `limit` of them in the order of their keys. `after` is the time as of which they are
/// read, 0 for now.
pub fn query(
    client: &Client,
    collection: &str,
    expr: &str,
    fields: &[&str],
    limit: Option<usize>,
    after: u64,
) -> Result<Columns> {
    let mut query_params = Vec::new();
    if let Some(limit) = limit {
        // Only "iterator" makes every server order by key.
        query_params.extend([parameter("limit", limit), parameter("iterator", "False")]);
    }
    let answer = client.read(Query {
        collection_name: collection.to_owned(),
        expr: expr.to_owned(),
        output_fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        query_params,
        guarantee_timestamp: after,
    })?;
    Ok(Columns(answer.fields_data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_versions_the_last_is_meant_and_all_others_are_known() {
        let card = |fingerprint: &str, written| ArticleVersions {
            fingerprint: fingerprint.into(),
            path: String::new(),
            pages: 1,
            passages: 1,
            written,
            older: Vec::new(),
        };
        for order in [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]] {
            let cards = order.map(|at| card(&format!("v{at}"), at));
            let mut joined = cards.into_iter().reduce(|one, next| next.merge(one)).unwrap();
            joined.older.sort();
            assert_eq!(
                (joined.fingerprint.as_str(), joined.pages, joined.older),
                ("v3", 3, vec!["v1".into(), "v2".into()])
            );
        }
    }

    #[test]
    fn as_much_is_read_at_once_as_a_server_gives() {
        let card = |pages| ArticleVersions {
            fingerprint: String::new(),
            path: String::new(),
            pages,
            passages: 1,
            written: 0,
            older: Vec::new(),
        };
        let cards =
            [("a", 300), ("b", 100), ("c", 1), ("d", 1000), ("e", 1)].map(|(id, pages)| (id.to_owned(), card(pages)));
        let cards = HashMap::from(cards);
        assert_eq!(batch_ids(&cards), [vec!["a", "b"], vec!["c"], vec!["d"], vec!["e"]]);
    }
}
