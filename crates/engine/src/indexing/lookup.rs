//! What the pipeline can skip: articles and vectors that the collection has already.

use crate::PathNamer;
use ingest::Fingerprint;
use ingest::pipeline::ExistingContent;
use std::collections::HashMap;
use store::{ArticleMeta, Catalog};

/// Knows the collection's articles and vectors, and whether the files that articles came from still
/// exist.
pub struct CatalogLookup<'a> {
    pub catalog: &'a Catalog,
    pub names: &'a PathNamer,
}

impl ExistingContent for CatalogLookup<'_> {
    fn has_article(&self, id: &str, fingerprint: &Fingerprint) -> bool {
        self.catalog.has_article(id, fingerprint)
    }

    fn has_vector(&self, text: &Fingerprint) -> bool {
        self.catalog.has_vector(text)
    }

    fn article_source(&self, id: &str) -> Option<&str> {
        let path = self.catalog.articles.get(id)?.path.as_str();
        self.names.absolute(path).exists().then_some(path)
    }

    fn stores_vectors(&self) -> bool {
        self.catalog.reuses_vectors
    }
}

/// Knows articles by id, but no vectors: every text is embedded.
pub struct NoVectors<'a>(pub &'a HashMap<String, ArticleMeta>);

impl ExistingContent for NoVectors<'_> {
    fn has_article(&self, id: &str, fingerprint: &Fingerprint) -> bool {
        self.0
            .get(id)
            .is_some_and(|meta| meta.fingerprint == *fingerprint)
    }

    fn has_vector(&self, _: &Fingerprint) -> bool {
        false
    }

    fn stores_vectors(&self) -> bool {
        false
    }
}
