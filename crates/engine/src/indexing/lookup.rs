//! What the pipeline can skip: articles and vectors that the collection has already.

use crate::PathNamer;
use ingest::Fingerprint;
use ingest::pipeline::Known;
use std::collections::HashMap;
use store::{ArticleCard, Catalogue};

/// Knows the collection's articles and vectors, and whether the files that articles came from still exist.
pub struct CatalogLookup<'a> {
    pub catalog: &'a Catalogue,
    pub names: &'a PathNamer,
}

impl Known for CatalogLookup<'_> {
    fn article(&self, id: &str, fingerprint: &Fingerprint) -> bool {
        self.catalog.article(id, fingerprint)
    }

    fn vector(&self, text: &Fingerprint) -> bool {
        self.catalog.vector(text)
    }

    fn source(&self, id: &str) -> Option<&str> {
        let path = self.catalog.articles.get(id)?.path.as_str();
        self.names.absolute(path).exists().then_some(path)
    }

    fn keeps(&self) -> bool {
        self.catalog.keeps
    }
}

/// Knows articles by id, but no vectors: every text is embedded.
pub struct NoVectors<'a>(pub &'a HashMap<String, ArticleCard>);

impl Known for NoVectors<'_> {
    fn article(&self, id: &str, fingerprint: &Fingerprint) -> bool {
        self.0.get(id).is_some_and(|card| card.fingerprint == *fingerprint)
    }

    fn vector(&self, _: &Fingerprint) -> bool {
        false
    }

    fn keeps(&self) -> bool {
        false
    }
}
