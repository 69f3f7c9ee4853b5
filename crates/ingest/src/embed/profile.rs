//! Prefixes and context windows of published model families, for models whose files do not state
//! them.

/// The prefixes and the context window of a model family. Its `Debug` text is part of the model
/// hash, so the names here must not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    pub query_prefix: &'static str,
    pub passage_prefix: &'static str,
    /// The context window in tokens, special ones included.
    pub window: usize,
}

const fn profile(
    query_prefix: &'static str,
    passage_prefix: &'static str,
    window: usize,
) -> Profile {
    Profile {
        query_prefix,
        passage_prefix,
        window,
    }
}

const BGE_QUERY_PREFIX: &str = "Represent this sentence for searching relevant passages: ";

/// Families by a part of the lower-case published name, most specific first. The values are from
/// the model cards.
const FAMILIES: &[(&str, Profile)] = &[
    ("all-minilm-l12", profile("", "", 128)),
    ("all-minilm-l6", profile("", "", 256)),
    ("all-mpnet-base", profile("", "", 384)),
    ("paraphrase-multilingual", profile("", "", 128)),
    ("multilingual-e5", profile("query: ", "passage: ", 512)),
    ("bge-m3", profile("", "", 8192)),
    (
        "zh-v1.5",
        profile("为这个句子生成表示以用于检索相关文章：", "", 512),
    ),
    ("bge-", profile(BGE_QUERY_PREFIX, "", 512)),
    ("mxbai-embed", profile(BGE_QUERY_PREFIX, "", 512)),
    ("arctic-embed-m-long", profile(BGE_QUERY_PREFIX, "", 2048)),
    ("arctic-embed", profile(BGE_QUERY_PREFIX, "", 512)),
    (
        "nomic-embed",
        profile("search_query: ", "search_document: ", 8192),
    ),
    (
        "modernbert-embed",
        profile("search_query: ", "search_document: ", 8192),
    ),
    (
        "embeddinggemma",
        profile(
            "task: search result | query: ",
            "title: none | text: ",
            2048,
        ),
    ),
    ("gte-", profile("", "", 8192)),
    ("jina-embeddings-v2", profile("", "", 8192)),
    ("clip-", profile("", "", 77)),
];

/// The profile of a model by its published name; no prefixes and 512 tokens if the family is
/// unknown.
pub fn of(name: &str) -> Profile {
    let name = name.to_lowercase();
    FAMILIES
        .iter()
        .find(|(part, _)| name.contains(part))
        .map_or(profile("", "", 512), |(_, found)| *found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_family_matches() {
        assert_eq!(of("Qdrant/all-MiniLM-L6-v2-onnx").window, 256);
        assert_eq!(of("intfloat/multilingual-e5-small").query_prefix, "query: ");
        assert_eq!(
            of("Xenova/bge-small-en-v1.5").query_prefix,
            BGE_QUERY_PREFIX
        );
        assert_eq!(of("BAAI/bge-m3").query_prefix, "");
        assert!(
            of("Xenova/bge-small-zh-v1.5")
                .query_prefix
                .starts_with('为')
        );
        assert_eq!(of("unheard/of").window, 512);
    }
}
