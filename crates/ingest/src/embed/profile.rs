//! What a published model expects around the text, where its files do not say: prefixes and the
//! window it was trained with.

/// Prefixes and window of a model family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    pub query_prefix: &'static str,
    pub passage_prefix: &'static str,
    /// In word pieces, special ones included.
    pub window: usize,
}

const fn profile(query_prefix: &'static str, passage_prefix: &'static str, window: usize) -> Profile {
    Profile { query_prefix, passage_prefix, window }
}

const SEARCHING: &str = "Represent this sentence for searching relevant passages: ";

/// By a part of the lower-case published name, most specific first; from the models' own cards.
const FAMILIES: &[(&str, Profile)] = &[
    ("all-minilm-l12", profile("", "", 128)),
    ("all-minilm-l6", profile("", "", 256)),
    ("all-mpnet-base", profile("", "", 384)),
    ("paraphrase-multilingual", profile("", "", 128)),
    ("multilingual-e5", profile("query: ", "passage: ", 512)),
    ("bge-m3", profile("", "", 8192)),
    ("zh-v1.5", profile("为这个句子生成表示以用于检索相关文章：", "", 512)),
    ("bge-", profile(SEARCHING, "", 512)),
    ("mxbai-embed", profile(SEARCHING, "", 512)),
    ("arctic-embed-m-long", profile(SEARCHING, "", 2048)),
    ("arctic-embed", profile(SEARCHING, "", 512)),
    ("nomic-embed", profile("search_query: ", "search_document: ", 8192)),
    ("modernbert-embed", profile("search_query: ", "search_document: ", 8192)),
    ("embeddinggemma", profile("task: search result | query: ", "title: none | text: ", 2048)),
    ("gte-", profile("", "", 8192)),
    ("jina-embeddings-v2", profile("", "", 8192)),
    ("clip-", profile("", "", 77)),
];

/// The profile of a model by its published name; no prefixes and 512 word pieces if the family is
/// not known.
pub fn of(name: &str) -> Profile {
    let name = name.to_lowercase();
    FAMILIES.iter().find(|(part, _)| name.contains(part)).map_or(profile("", "", 512), |(_, found)| *found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_told_apart() {
        assert_eq!(of("Qdrant/all-MiniLM-L6-v2-onnx").window, 256);
        assert_eq!(of("intfloat/multilingual-e5-small").query_prefix, "query: ");
        assert_eq!(of("Xenova/bge-small-en-v1.5").query_prefix, SEARCHING);
        assert_eq!(of("BAAI/bge-m3").query_prefix, "");
        assert!(of("Xenova/bge-small-zh-v1.5").query_prefix.starts_with('为'));
        assert_eq!(of("unheard/of").window, 512);
    }
}
