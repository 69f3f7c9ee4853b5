//! The schemas of the two Milvus collections that make up a collection.
//!
//! *Passages*: one row each, with the vector and with the terms of the local analysis, so that BM25
//! counts the same terms whatever analyzers the server has. *Articles*: JSON split into pages,
//! because a string has at most 65,535 bytes in Milvus. The first page is written last; the article
//! exists once it is there. The row with key 0 is the manifest, and rows with negative keys are the
//! metadata fields.

use crate::client::{Client, ServerCapabilities, parameter};
use crate::proto::{
    CollectionSchema, CreateCollection, CreateIndex, DataType, DescribeIndex, DropCollection,
    FieldSchema, FunctionSchema, GetLoadingProgress, HasCollection, KeyValuePair, LoadCollection,
};
use index::Params;
use prost::Message;
use std::time::{Duration, Instant};
use store::Result;

/// The longest string in bytes.
pub const MAX_STRING_BYTES: usize = 65_535;
/// The key of the manifest's row.
pub const MANIFEST_KEY: i64 = 0;

pub const KEY: &str = "key";
pub const ARTICLE: &str = "article";
pub const FINGERPRINT: &str = "fingerprint";
/// The metadata terms.
pub const FACTS: &str = "facts";
pub const VECTOR: &str = "vector";
// Fields of passages only.
pub const ORDINAL: &str = "ordinal";
pub const START: &str = "start";
pub const END: &str = "end";
pub const LINE: &str = "line";
pub const TITLE: &str = "title";
pub const PATH: &str = "path";
pub const TEXT: &str = "text";
/// The fingerprint of the text; that of the article is [`FINGERPRINT`].
pub const TAG: &str = "tag";
/// The stems, separated by spaces.
pub const STEMS: &str = "stems";
/// The sparse vector that BM25 makes of the stems.
pub const SPARSE: &str = "words";
// Fields of articles only.
pub const PAGE: &str = "page";
/// The number of pages of the article.
pub const PAGES: &str = "pages";
/// The number of passages of the article.
pub const PASSAGES: &str = "passages";
pub const QUESTIONS: &str = "questions";
/// When the version was written, in microseconds since 1970.
pub const WRITTEN: &str = "written";
pub const RECORD: &str = "record";

/// Inner product: vectors have unit length, so it is the cosine.
pub const METRIC: &str = "IP";
pub const BM25: &str = "BM25";

/// The time limit of loading a collection.
const LOAD_TIMEOUT: Duration = Duration::from_secs(600);
/// How often to ask whether loading is done.
const LOAD_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// How the vectors of a new collection are indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexKind {
    /// With an HNSW graph.
    Hnsw,
    /// Not at all: searches are exact, by brute force.
    Flat,
}

fn field(name: &str, data_type: DataType) -> FieldSchema {
    let type_params = match data_type {
        DataType::VarChar => vec![parameter("max_length", MAX_STRING_BYTES)],
        _ => Vec::new(),
    };
    FieldSchema {
        name: name.to_owned(),
        data_type: data_type.into(),
        type_params,
        ..Default::default()
    }
}

fn vector(dimensions: usize) -> FieldSchema {
    FieldSchema {
        type_params: vec![parameter("dim", dimensions)],
        ..field(VECTOR, DataType::FloatVector)
    }
}

fn key() -> FieldSchema {
    FieldSchema {
        is_primary_key: true,
        ..field(KEY, DataType::Int64)
    }
}

fn passages_schema(
    name: &str,
    dimensions: usize,
    capabilities: ServerCapabilities,
) -> CollectionSchema {
    let mut fields = vec![key()];
    fields.extend(
        [ARTICLE, FINGERPRINT, TAG, TITLE, PATH, TEXT].map(|name| field(name, DataType::VarChar)),
    );
    fields.extend([ORDINAL, START, END, LINE].map(|name| field(name, DataType::Int64)));
    fields.extend([field(FACTS, DataType::Json), vector(dimensions)]);
    let mut functions = Vec::new();
    if capabilities.full_text_search {
        let mut stems = field(STEMS, DataType::VarChar);
        // The text is a list of terms, which the server only has to split.
        stems.type_params.extend([
            parameter("enable_analyzer", true),
            parameter("analyzer_params", r#"{"tokenizer":"standard"}"#),
        ]);
        fields.push(stems);
        fields.push(FieldSchema {
            is_function_output: true,
            ..field(SPARSE, DataType::SparseFloatVector)
        });
        functions.push(FunctionSchema {
            name: "bm25".to_owned(),
            kind: 1,
            input_field_names: vec![STEMS.to_owned()],
            output_field_names: vec![SPARSE.to_owned()],
        });
    }
    CollectionSchema {
        name: name.to_owned(),
        fields,
        functions,
    }
}

fn articles_schema(name: &str) -> CollectionSchema {
    let mut fields = vec![key()];
    fields.extend([ARTICLE, FINGERPRINT, PATH, RECORD].map(|name| field(name, DataType::VarChar)));
    fields.extend(
        [PAGE, PAGES, PASSAGES, QUESTIONS, WRITTEN].map(|name| field(name, DataType::Int64)),
    );
    // Milvus requires a vector field in every collection.
    fields.extend([
        field(FACTS, DataType::Json),
        vector(PLACEHOLDER_VECTOR.len()),
    ]);
    CollectionSchema {
        name: name.to_owned(),
        fields,
        functions: Vec::new(),
    }
}

/// The vector of rows that have none.
pub const PLACEHOLDER_VECTOR: [f32; 2] = [1.0, 0.0];

/// Creates the collection of articles and loads it. An existing one is the remainder of an
/// interrupted creation.
pub fn create_articles(client: &Client) -> Result<()> {
    let name = client.location().articles_collection();
    create(client, &articles_schema(&name))?;
    create_index(client, &name, VECTOR, "FLAT", METRIC, "{}")?;
    load(client, &name)
}

/// Creates the collection of passages in the same way.
pub fn create_passages(
    client: &Client,
    dimensions: usize,
    graph: Params,
    index_kind: IndexKind,
) -> Result<()> {
    let location = client.location();
    create(
        client,
        &passages_schema(&location.collection, dimensions, client.capabilities),
    )?;
    let (index_type, params) = match index_kind {
        IndexKind::Flat => ("FLAT", "{}".to_owned()),
        IndexKind::Hnsw => (
            "HNSW",
            format!(
                r#"{{"M":{},"efConstruction":{}}}"#,
                graph.m, graph.ef_construction
            ),
        ),
    };
    create_index(
        client,
        &location.collection,
        VECTOR,
        index_type,
        METRIC,
        &params,
    )?;
    if client.capabilities.full_text_search {
        let params = r#"{"bm25_k1":1.2,"bm25_b":0.75}"#;
        create_index(
            client,
            &location.collection,
            SPARSE,
            "SPARSE_INVERTED_INDEX",
            BM25,
            params,
        )?;
    }
    load(client, &location.collection)
}

fn create(client: &Client, schema: &CollectionSchema) -> Result<()> {
    if exists(client, &schema.name)? {
        return Ok(());
    }
    let created = client.write(CreateCollection {
        collection_name: schema.name.clone(),
        schema: schema.encode_to_vec(),
        properties: vec![parameter("nigh", store::FORMAT)],
    });
    match created {
        // Some servers reject what exists already, as after a retry whose first response was lost.
        Err(error) if !exists(client, &schema.name)? => Err(error),
        _ => Ok(()),
    }
}

fn create_index(
    client: &Client,
    collection: &str,
    field: &str,
    index_type: &str,
    metric: &str,
    params: &str,
) -> Result<()> {
    let created = client.write(CreateIndex {
        collection_name: collection.to_owned(),
        field_name: field.to_owned(),
        index_name: field.to_owned(),
        extra_params: vec![
            parameter("index_type", index_type),
            parameter("metric_type", metric),
            parameter("params", params),
        ],
    });
    match created {
        Err(error)
            if !describe_index(client, collection, field).is_ok_and(|index| index.is_some()) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}

/// The parameters of a field's index; `None` if it has none.
pub fn describe_index(
    client: &Client,
    collection: &str,
    field: &str,
) -> Result<Option<Vec<KeyValuePair>>> {
    let request = DescribeIndex {
        collection_name: collection.to_owned(),
        field_name: field.to_owned(),
    };
    let index = client
        .read(request)?
        .indexes
        .into_iter()
        .find(|index| index.field_name == field);
    Ok(index.map(|index| index.params))
}

/// Loads a collection into memory and waits for it. One that is loaded is left alone, to keep its
/// number of replicas.
pub fn load(client: &Client, name: &str) -> Result<()> {
    if client.is_loaded(name) {
        return Ok(());
    }
    client.write(LoadCollection {
        collection_name: name.to_owned(),
    })?;
    let started = Instant::now();
    while client
        .read(GetLoadingProgress {
            collection_name: name.to_owned(),
        })?
        .progress
        < 100
    {
        if started.elapsed() > LOAD_TIMEOUT {
            return Err(client.error(format!("not loaded after {} s", LOAD_TIMEOUT.as_secs())));
        }
        std::thread::sleep(LOAD_POLL_INTERVAL);
    }
    Ok(())
}

/// Drops both collections: first the articles, and the manifest with them. Can be repeated if it is
/// interrupted.
pub fn drop_collections(client: &Client) -> Result<()> {
    for name in [
        client.location().articles_collection(),
        client.location().collection.clone(),
    ] {
        client.write(DropCollection {
            collection_name: name,
        })?;
    }
    Ok(())
}

/// Whether a Milvus collection with this name exists.
pub fn exists(client: &Client, name: &str) -> Result<bool> {
    Ok(client
        .read(HasCollection {
            collection_name: name.to_owned(),
        })?
        .value)
}
