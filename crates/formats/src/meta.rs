//! Document metadata under the names that all formats share.

use crate::text;

/// Collects metadata; empty and repeated values are dropped.
#[derive(Debug, Clone, Default)]
pub struct Meta {
    /// The title; `None` if there is none or it is a placeholder.
    pub title: Option<String>,
    /// All other names and values, in the order they were added.
    pub fields: Vec<(String, String)>,
}

impl Meta {
    /// Adds a value. A second value of the same name is appended to the first with a comma.
    pub fn add(&mut self, name: &str, value: &str) {
        let value = text::one_line(value);
        if value.is_empty() {
            return;
        }
        match self.fields.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) if old.split(", ").any(|part| part == value) => {}
            Some((_, old)) => {
                old.push_str(", ");
                old.push_str(&value);
            }
            None => self.fields.push((name.to_owned(), value)),
        }
    }

    /// Adds a value unless the name already has one.
    pub fn set(&mut self, name: &str, value: &str) {
        if !self.fields.iter().any(|(n, _)| n == name) {
            self.add(name, value);
        }
    }

    /// Sets the title unless there is one already.
    pub fn title(&mut self, value: &str) {
        if self.title.is_none() {
            self.title = text::title(value);
        }
    }

    /// Adds a Dublin Core element, or one of the elements that OOXML and OpenDocument define beside
    /// it.
    pub fn dublin_core(&mut self, element: &str, value: &str) {
        match element {
            "title" => self.title(value),
            "creator" | "initial-creator" => self.add("author", value),
            "subject" => self.add("subject", value),
            "keywords" | "keyword" => self.add("keywords", value),
            "description" => self.set("description", value),
            "language" => self.set("language", value),
            "publisher" => self.set("publisher", value),
            "category" => self.set("category", value),
            "created" | "creation-date" => self.set("created", &date(value)),
            "modified" => self.set("modified", &date(value)),
            _ => {}
        }
    }
}

/// A date and time without the fractional seconds that some programs write.
pub fn date(value: &str) -> String {
    let value = value.trim();
    match value.split_once('.') {
        Some((moment, fraction)) if moment.contains('T') => {
            format!(
                "{moment}{}",
                fraction.trim_start_matches(|c: char| c.is_ascii_digit())
            )
        }
        _ => value.to_owned(),
    }
}
