//! Reading rows.

use crate::columns::{Columns, numbers, strings};
use crate::expression::quoted;
use crate::proto::Query;
use crate::rows::{self, fingerprint};
use crate::schema::{ARTICLE, FINGERPRINT, KEY, PAGE, PAGES, PASSAGES, PATH, RECORD, WRITTEN};
use crate::wire::{Wire, parameter};
use std::collections::HashMap;
use std::sync::Arc;
use store::{ArticleCard, PassageKey, Result, StoredArticle};

/// The first page of every article: there is an article where it is.
pub const FIRST_PAGES: &str = "key > 0 and page == 0";
/// How many rows are read at once, with and without their vectors.
pub const PAGE_ROWS: usize = 10_000;
pub const PAGE_VECTORS: usize = 5_000;
/// How many pages of articles are asked for at once, for a server gives 100 MB at most; how many rows by their keys, and cards.
const PAGES_AT_ONCE: i64 = 400;
const KEYS: usize = 1_000;
const CARDS: usize = 200;

/// Rows of a collection as of a time.
pub struct Rows {
    pub wire: Arc<Wire>,
    /// Milvus's time: what was written until then is seen.
    pub after: u64,
}

impl Rows {
    /// Rows for which an expression holds.
    pub fn query(&self, collection: &str, expr: &str, fields: &[&str]) -> Result<Columns> {
        query(&self.wire, collection, expr, fields, None, self.after)
    }

    pub fn counted(&self, collection: &str, expr: &str) -> Result<i64> {
        let columns = self.query(collection, expr, &["count(*)"])?;
        Ok(columns.numbers("count(*)").first().copied().unwrap_or_default())
    }

    /// All rows for which an expression holds, `rows` at a time, in the order of their keys.
    pub fn pages(
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
            let columns = query(&self.wire, collection, &after, fields, Some(rows), self.after)?;
            let keys = columns.numbers(KEY);
            let Some(highest) = keys.iter().max() else { return Ok(()) };
            last = *highest;
            visit(&columns)?;
            if keys.len() < rows {
                return Ok(());
            }
        }
    }

    /// Rows by their keys, in the order of these; an error where one is gone.
    pub fn by_keys<T>(
        &self,
        keys: &[PassageKey],
        fields: &[&str],
        row: &dyn Fn(&Columns, usize) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut found: HashMap<u64, T> = HashMap::with_capacity(keys.len());
        for some in keys.chunks(KEYS) {
            let list = some.iter().map(|key| key.0.to_string()).collect::<Vec<_>>().join(", ");
            let columns = self.query(&self.wire.location().collection, &format!("key in [{list}]"), fields)?;
            for (at, key) in columns.numbers(KEY).iter().enumerate() {
                found.insert(*key as u64, row(&columns, at)?);
            }
        }
        let gone = |key: &PassageKey| {
            self.wire.wrong(format!("the passage with key {} was deleted meanwhile; ask again", key.0))
        };
        keys.iter().map(|key| found.remove(&key.0).ok_or_else(|| gone(key))).collect()
    }

    /// A field of a row, or an error that says that the server did not give it.
    pub fn part<'a, T>(&self, of: &'a [T], at: usize, name: &str) -> Result<&'a T> {
        of.get(at).ok_or_else(|| self.wire.wrong(format!("the server gave a row without {name}")))
    }

    /// What is known of every article.
    pub fn all_cards(&self) -> Result<HashMap<String, Card>> {
        self.cards_where(FIRST_PAGES)
    }

    /// What is known of some articles.
    pub fn cards_of(&self, ids: &[&str]) -> Result<HashMap<String, Card>> {
        let mut cards = HashMap::new();
        for ids in ids.chunks(CARDS) {
            cards.extend(self.cards_where(&format!("{FIRST_PAGES} and {}", named(ids)))?);
        }
        Ok(cards)
    }

    fn cards_where(&self, expr: &str) -> Result<HashMap<String, Card>> {
        let mut cards: HashMap<String, Card> = HashMap::new();
        let fields = [KEY, ARTICLE, FINGERPRINT, PATH, PAGES, PASSAGES, WRITTEN];
        self.pages(&self.wire.location().articles(), expr, &fields, PAGE_ROWS, &mut |columns| {
            for (at, id) in columns.strings(ARTICLE).iter().enumerate() {
                let card = Card {
                    fingerprint: self.part(columns.strings(FINGERPRINT), at, FINGERPRINT)?.clone(),
                    path: self.part(columns.strings(PATH), at, PATH)?.clone(),
                    pages: *self.part(columns.numbers(PAGES), at, PAGES)?,
                    passages: *self.part(columns.numbers(PASSAGES), at, PASSAGES)?,
                    written: *self.part(columns.numbers(WRITTEN), at, WRITTEN)?,
                    older: Vec::new(),
                };
                let card = match cards.remove(id) {
                    // A writer that was stopped between writing the one and deleting the other.
                    Some(other) => card.beside(other),
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
        let columns = self.query(&self.wire.location().articles(), &named(ids), &fields)?;
        let found = ids.iter().filter_map(|id| {
            let own = own(&columns, id);
            Some(((*id).clone(), rows::article(id, &own)?))
        });
        Ok(found.collect())
    }
}

/// What is known of an article without reading it.
pub struct Card {
    pub fingerprint: String,
    pub path: String,
    /// How many pages it and the other versions have.
    pub pages: i64,
    /// How many it has, or [`GOING`].
    pub passages: i64,
    pub written: i64,
    /// How many other versions there are, which are no longer meant.
    pub older: Vec<String>,
}

/// In the place of how many passages an article has: it is being deleted.
pub const GOING: i64 = -1;

impl Card {
    /// The card of two versions: the one that was written last is meant.
    fn beside(self, other: Self) -> Self {
        let is_last = (self.written, &self.fingerprint) > (other.written, &other.fingerprint);
        let (mut card, mut other) = if is_last { (self, other) } else { (other, self) };
        card.pages += other.pages;
        card.older.append(&mut other.older);
        card.older.push(other.fingerprint);
        card
    }

    /// The fingerprints of all versions, the one that is meant first.
    pub fn versions(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.fingerprint).chain(&self.older)
    }
}

impl From<Card> for ArticleCard {
    fn from(card: Card) -> Self {
        // One that a writer left in two versions, or did not delete to its end, is like none that is known: put again, it
        // is there once.
        let is_one = card.older.is_empty() && card.passages != GOING;
        let print = if is_one { card.fingerprint.as_str() } else { "" };
        Self { fingerprint: fingerprint(print), path: card.path }
    }
}

/// The ids of articles in their order, as many together as may be read at once.
pub fn batches(cards: &HashMap<String, Card>) -> Vec<Vec<&String>> {
    let mut cards: Vec<(&String, i64)> = cards.iter().map(|(id, card)| (id, card.pages)).collect();
    cards.sort_unstable();
    let (mut batches, mut pages) = (Vec::<Vec<&String>>::new(), 0);
    for (id, more) in cards {
        pages += more;
        match batches.last_mut() {
            Some(batch) if pages <= PAGES_AT_ONCE && batch.len() < CARDS => batch.push(id),
            _ => {
                pages = more;
                batches.push(vec![id]);
            }
        }
    }
    batches
}

/// Of rows of several articles those of one.
fn own(columns: &Columns, id: &str) -> Columns {
    let rows: Vec<usize> = (0..).zip(columns.strings(ARTICLE)).filter(|(_, of)| *of == id).map(|(at, _)| at).collect();
    let texts = |name| strings(name, rows.iter().filter_map(|&at| columns.strings(name).get(at).cloned()).collect());
    let values = |name| numbers(name, rows.iter().filter_map(|&at| columns.numbers(name).get(at).copied()).collect());
    Columns(vec![texts(FINGERPRINT), texts(PATH), texts(RECORD), values(PAGE), values(PAGES), values(WRITTEN)])
}

/// The condition that it is of one of these articles.
pub fn named(ids: &[impl AsRef<str>]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| quoted(id.as_ref())).collect();
    format!("{ARTICLE} in [{}]", ids.join(", "))
}

/// Rows for which an expression holds, `limit` of them in the order of their keys. `after` is the time as of which they are
/// read, 0 for now.
pub fn query(
    wire: &Wire,
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
    let answer = wire.ask(Query {
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
        let card = |print: &str, written| Card {
            fingerprint: print.into(),
            path: String::new(),
            pages: 1,
            passages: 1,
            written,
            older: Vec::new(),
        };
        for order in [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]] {
            let cards = order.map(|at| card(&format!("v{at}"), at));
            let mut joined = cards.into_iter().reduce(|one, next| next.beside(one)).unwrap();
            joined.older.sort();
            assert_eq!(
                (joined.fingerprint.as_str(), joined.pages, joined.older),
                ("v3", 3, vec!["v1".into(), "v2".into()])
            );
        }
    }

    #[test]
    fn as_much_is_read_at_once_as_a_server_gives() {
        let card = |pages| Card {
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
        assert_eq!(batches(&cards), [vec!["a", "b"], vec!["c"], vec!["d"], vec!["e"]]);
    }
}
