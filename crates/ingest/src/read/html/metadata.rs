//! What a page says about itself: in `meta` elements, in JSON-LD, in the names of its elements.

use super::clutter::Clutter;
use super::layout;

use super::title::collapsed;
use super::tree::{Id, Tree};
use super::words::is_author;
use serde_json::Value;

/// The longest line that passes for a name of authors, in bytes.
const BYLINE: usize = 100;

/// What is known of a page; the first source that says something counts.
#[derive(Debug, Default)]
pub struct Facts {
    pub title: Option<String>,
    author: Option<String>,
    pub site: Option<String>,
    language: Option<String>,
    published: Option<String>,
    description: Option<String>,
}

impl Facts {
    pub fn of(tree: &Tree, clutter: &Clutter) -> Self {
        let mut metas = Vec::new();
        let mut linked = Facts::default();
        let mut marked = Facts::default();
        let mut bylines = Vec::new();
        let mut named = Vec::new();
        let mut language = None;
        for id in tree.subtree(Id::ROOT) {
            let Some(element) = tree.element(id) else {
                continue;
            };
            match element.local() {
                "html" => {
                    language = element
                        .attr("lang")
                        .or_else(|| element.attr("xml:lang"))
                        .map(collapsed)
                }
                "meta" => {
                    let name = ["property", "name", "itemprop", "http-equiv"]
                        .iter()
                        .find_map(|key| element.attr(key));
                    if let (Some(name), Some(content)) = (name, element.attr("content")) {
                        metas.push((name.trim().to_lowercase(), content));
                    }
                }
                "script"
                    if element
                        .attr("type")
                        .is_some_and(|kind| kind.trim() == "application/ld+json") =>
                {
                    if let Ok(value) = serde_json::from_str(tree.raw_text(id).trim()) {
                        linked.read_json(&value);
                    }
                }
                "time"
                    if element.attr("pubdate").is_some()
                        || element.attr("itemprop") == Some("datePublished") =>
                {
                    set(&mut marked.published, element.attr("datetime"));
                }
                _ => {
                    let marked = element.attr("itemprop") == Some("author")
                        || element.attr("rel") == Some("author");
                    let list = if marked { &mut bylines } else { &mut named };
                    if (marked || is_author(element)) && list.len() < 20 && !clutter.has(id) {
                        add_byline(list, &layout::line(tree, clutter, id));
                    }
                }
            }
        }
        marked.author = [bylines, named]
            .into_iter()
            .find(|list| !list.is_empty())
            .map(|list| list.join(", "));
        let mut facts = Facts {
            language: language.filter(|code| !code.is_empty()),
            ..Facts::default()
        };
        // JSON-LD has the names of authors where meta elements often have those of their accounts.
        (facts.author, facts.published) = (linked.author.take(), linked.published.take());
        let mut said = Facts::default();
        said.read_metas(&metas);
        for other in [said, linked, marked] {
            facts.fill(other);
        }
        facts
    }

    fn read_metas(&mut self, metas: &[(String, &str)]) {
        let first = |names: &[&str]| {
            names.iter().find_map(|name| {
                let said = metas
                    .iter()
                    .filter(|(key, _)| key == name)
                    .map(|(_, content)| collapsed(content));
                said.into_iter().find(|text| !text.is_empty())
            })
        };
        let all = |names: &[&str]| {
            names.iter().find_map(|name| {
                let mut said: Vec<String> = Vec::new();
                for (_, content) in metas.iter().filter(|(key, _)| key == name) {
                    let text = collapsed(content);
                    if !text.is_empty() && !text.contains("://") && !said.contains(&text) {
                        said.push(text);
                    }
                }
                (!said.is_empty()).then(|| said.join(", "))
            })
        };
        self.title = first(&["og:title", "twitter:title", "dc.title", "dcterms.title"]);
        self.author = all(&[
            "author",
            "article:author",
            "dc.creator",
            "dcterms.creator",
            "citation_author",
            "parsely-author",
            "byl",
        ]);
        self.site = first(&["og:site_name", "application-name"]);
        self.language = first(&[
            "content-language",
            "dc.language",
            "dcterms.language",
            "language",
            "og:locale",
        ]);
        self.published = first(&[
            "article:published_time",
            "og:published_time",
            "datepublished",
            "date",
            "pubdate",
            "publishdate",
            "publish-date",
            "dc.date.issued",
            "dcterms.issued",
            "dc.date",
            "dcterms.date",
            "dcterms.created",
            "dc.date.created",
            "citation_publication_date",
            "parsely-pub-date",
            "sailthru.date",
        ]);
        self.description = first(&[
            "og:description",
            "description",
            "dc.description",
            "twitter:description",
        ]);
    }

    /// Reads one JSON-LD value, and those in its lists and its graph.
    fn read_json(&mut self, value: &Value) {
        let mut open = vec![value];
        while let Some(value) = open.pop() {
            match value {
                Value::Array(values) => open.extend(values.iter().rev()),
                Value::Object(fields) => {
                    if let Some(graph) = fields.get("@graph") {
                        open.push(graph);
                    }
                    let is = |suffix: &str| match fields.get("@type") {
                        Some(Value::String(kind)) => kind.ends_with(suffix),
                        Some(Value::Array(kinds)) => kinds
                            .iter()
                            .any(|kind| kind.as_str().is_some_and(|kind| kind.ends_with(suffix))),
                        _ => false,
                    };
                    if is("WebSite") {
                        set(&mut self.site, fields.get("name").and_then(Value::as_str));
                    }
                    if is("Article") || is("Posting") || is("Page") || is("Report") {
                        let publisher = fields.get("publisher").and_then(|of| of.get("name"));
                        set(&mut self.author, fields.get("author").map(names).as_deref());
                        set(
                            &mut self.published,
                            fields.get("datePublished").and_then(Value::as_str),
                        );
                        set(
                            &mut self.description,
                            fields.get("description").and_then(Value::as_str),
                        );
                        set(
                            &mut self.language,
                            fields.get("inLanguage").and_then(Value::as_str),
                        );
                        set(&mut self.site, publisher.and_then(Value::as_str));
                    }
                }
                _ => {}
            }
        }
    }

    /// Takes from `other` what is not known yet.
    fn fill(&mut self, other: Self) {
        let pairs = [
            (&mut self.title, other.title),
            (&mut self.author, other.author),
            (&mut self.site, other.site),
            (&mut self.language, other.language),
            (&mut self.published, other.published),
            (&mut self.description, other.description),
        ];
        for (mine, theirs) in pairs {
            if mine.is_none() {
                *mine = theirs;
            }
        }
    }

    pub fn into_pairs(self) -> Vec<(&'static str, String)> {
        let pairs = [
            ("author", self.author),
            ("site", self.site),
            ("language", self.language),
            ("published", self.published),
            ("description", self.description),
        ];
        pairs
            .into_iter()
            .filter_map(|(key, value)| value.map(|value| (key, value)))
            .collect()
    }
}

/// Adds a line that reads as a name, without the word before it, unless it repeats one.
fn add_byline(list: &mut Vec<String>, line: &str) {
    let name = ["By ", "by ", "BY "]
        .iter()
        .find_map(|by| line.strip_prefix(by))
        .unwrap_or(line);
    let name = name
        .trim_end_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '.' | ')' | '’'))
        .trim();
    let is_name = (1..=8).contains(&name.split(' ').count())
        && name.len() <= BYLINE
        && name.contains(char::is_alphabetic)
        && !name.contains(|c: char| c.is_ascii_digit() || matches!(c, '@' | ':' | '|' | '/'));
    if is_name
        && !list
            .iter()
            .any(|other| other.contains(name) || name.contains(other.as_str()))
    {
        list.push(name.to_owned());
    }
}

fn set(fact: &mut Option<String>, value: Option<&str>) {
    if fact.is_none() {
        *fact = value.map(collapsed).filter(|text| !text.is_empty());
    }
}

/// The names of one author or several, each a string or an object.
fn names(author: &Value) -> String {
    let name = |value: &Value| {
        let name = value
            .as_str()
            .or_else(|| value.get("name").and_then(Value::as_str));
        name.filter(|name| !name.contains("://")).map(collapsed)
    };
    match author {
        Value::Array(authors) => authors
            .iter()
            .filter_map(name)
            .collect::<Vec<_>>()
            .join(", "),
        author => name(author).unwrap_or_default(),
    }
}
