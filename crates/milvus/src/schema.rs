//! The two Milvus collections of a collection.
//!
//! *Passages*: a row each, with its vector, and its words reduced to their stems as a local collection has them, so that BM25
//! counts the same terms whatever analyzers the server has. *Articles*: each as pages of JSON, for a string has at most
//! 65,535 bytes there; the first page, written last, says that the article is there. Its row of key 0 is the manifest,
//! those of negative keys are the fields that articles have.

use crate::proto::{
    CollectionSchema, CreateCollection, CreateIndex, DataType, DescribeIndex, DropCollection, FieldSchema,
    FunctionSchema, GetLoadingProgress, HasCollection, LoadCollection, Pair,
};
use crate::wire::{Abilities, Wire, parameter};
use index::Params;
use prost::Message;
use std::time::{Duration, Instant};
use store::Result;

/// The longest string, in bytes.
pub const LONGEST: usize = 65_535;
/// Which key the manifest has.
pub const MANIFEST: i64 = 0;

pub const KEY: &str = "key";
pub const ARTICLE: &str = "article";
pub const FINGERPRINT: &str = "fingerprint";
pub const FACTS: &str = "facts";
pub const VECTOR: &str = "vector";
// Of passages.
pub const ORDINAL: &str = "ordinal";
pub const START: &str = "start";
pub const END: &str = "end";
pub const LINE: &str = "line";
pub const TITLE: &str = "title";
pub const PATH: &str = "path";
pub const TEXT: &str = "text";
pub const TAG: &str = "tag";
pub const STEMS: &str = "stems";
pub const WORDS: &str = "words";
// Of articles.
pub const PAGE: &str = "page";
pub const PAGES: &str = "pages";
pub const PASSAGES: &str = "passages";
pub const QUESTIONS: &str = "questions";
pub const WRITTEN: &str = "written";
pub const RECORD: &str = "record";

/// Vectors are of unit length: their product is the cosine.
pub const METRIC: &str = "IP";
pub const BM25: &str = "BM25";

/// How long a collection may take to be loaded.
const LOADING: Duration = Duration::from_secs(600);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(100);

fn field(name: &str, of: DataType) -> FieldSchema {
    let type_params = match of {
        DataType::VarChar => vec![parameter("max_length", LONGEST)],
        _ => Vec::new(),
    };
    FieldSchema { name: name.to_owned(), data_type: of.into(), type_params, ..Default::default() }
}

fn vector(dimensions: usize) -> FieldSchema {
    FieldSchema { type_params: vec![parameter("dim", dimensions)], ..field(VECTOR, DataType::FloatVector) }
}

fn key() -> FieldSchema {
    FieldSchema { is_primary_key: true, ..field(KEY, DataType::Int64) }
}

fn passages(name: &str, dimensions: usize, abilities: Abilities) -> CollectionSchema {
    let mut fields = vec![key()];
    fields.extend([ARTICLE, FINGERPRINT, TAG, TITLE, PATH, TEXT].map(|name| field(name, DataType::VarChar)));
    fields.extend([ORDINAL, START, END, LINE].map(|name| field(name, DataType::Int64)));
    fields.extend([field(FACTS, DataType::Json), vector(dimensions)]);
    let mut functions = Vec::new();
    if abilities.words {
        let mut stems = field(STEMS, DataType::VarChar);
        // They are words already: the server only takes them apart.
        stems
            .type_params
            .extend([parameter("enable_analyzer", true), parameter("analyzer_params", r#"{"tokenizer":"standard"}"#)]);
        fields.push(stems);
        fields.push(FieldSchema { is_function_output: true, ..field(WORDS, DataType::SparseFloatVector) });
        functions.push(FunctionSchema {
            name: "bm25".to_owned(),
            kind: 1,
            input_field_names: vec![STEMS.to_owned()],
            output_field_names: vec![WORDS.to_owned()],
        });
    }
    CollectionSchema { name: name.to_owned(), fields, functions }
}

fn articles(name: &str) -> CollectionSchema {
    let mut fields = vec![key()];
    fields.extend([ARTICLE, FINGERPRINT, PATH, RECORD].map(|name| field(name, DataType::VarChar)));
    fields.extend([PAGE, PAGES, PASSAGES, QUESTIONS, WRITTEN].map(|name| field(name, DataType::Int64)));
    // No collection is without a vector.
    fields.extend([field(FACTS, DataType::Json), vector(STUB.len())]);
    CollectionSchema { name: name.to_owned(), fields, functions: Vec::new() }
}

/// The vector of what has none.
pub const STUB: [f32; 2] = [1.0, 0.0];

/// Makes the collection of articles and has the server load it. One that is there was left by a creation that was
/// stopped.
pub fn create_articles(wire: &Wire) -> Result<()> {
    let name = wire.location().articles();
    create(wire, &articles(&name))?;
    index(wire, &name, VECTOR, "FLAT", METRIC, "{}")?;
    load(wire, &name)
}

/// Makes the collection of passages in the same way.
pub fn create_passages(wire: &Wire, dimensions: usize, params: Params, is_flat: bool) -> Result<()> {
    let location = wire.location();
    create(wire, &passages(&location.collection, dimensions, wire.abilities))?;
    let (kind, of) = match is_flat {
        true => ("FLAT", "{}".to_owned()),
        false => ("HNSW", format!(r#"{{"M":{},"efConstruction":{}}}"#, params.m, params.ef_construction)),
    };
    index(wire, &location.collection, VECTOR, kind, METRIC, &of)?;
    if wire.abilities.words {
        let of = r#"{"bm25_k1":1.2,"bm25_b":0.75}"#;
        index(wire, &location.collection, WORDS, "SPARSE_INVERTED_INDEX", BM25, of)?;
    }
    load(wire, &location.collection)
}

fn create(wire: &Wire, schema: &CollectionSchema) -> Result<()> {
    if has(wire, &schema.name)? {
        return Ok(());
    }
    let created = wire.change(CreateCollection {
        collection_name: schema.name.clone(),
        schema: schema.encode_to_vec(),
        properties: vec![parameter("nigh", store::FORMAT)],
    });
    match created {
        // Some servers refuse what is there already: a call whose answer was lost, done again.
        Err(error) if !has(wire, &schema.name)? => Err(error),
        _ => Ok(()),
    }
}

fn index(wire: &Wire, collection: &str, field: &str, kind: &str, metric: &str, params: &str) -> Result<()> {
    let made = wire.change(CreateIndex {
        collection_name: collection.to_owned(),
        field_name: field.to_owned(),
        index_name: field.to_owned(),
        extra_params: vec![
            parameter("index_type", kind),
            parameter("metric_type", metric),
            parameter("params", params),
        ],
    });
    match made {
        Err(error) if !described(wire, collection, field).is_ok_and(|index| index.is_some()) => Err(error),
        _ => Ok(()),
    }
}

/// The parameters of a field's index; `None` where it has none.
pub fn described(wire: &Wire, collection: &str, field: &str) -> Result<Option<Vec<Pair>>> {
    let asked = DescribeIndex { collection_name: collection.to_owned(), field_name: field.to_owned() };
    let index = wire.ask(asked)?.indexes.into_iter().find(|index| index.field_name == field);
    Ok(index.map(|index| index.params))
}

/// Has the server load a collection, and waits until it has. One that is loaded is left as it is: with as many replicas
/// as somebody wanted.
pub fn load(wire: &Wire, name: &str) -> Result<()> {
    if wire.is_loaded(name) {
        return Ok(());
    }
    wire.change(LoadCollection { collection_name: name.to_owned() })?;
    let begun = Instant::now();
    while wire.ask(GetLoadingProgress { collection_name: name.to_owned() })?.progress < 100 {
        if begun.elapsed() > LOADING {
            return Err(wire.wrong(format!("not loaded after {} s", LOADING.as_secs())));
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// Removes both collections, first what without the other is nothing.
pub fn remove(wire: &Wire) -> Result<()> {
    for name in [wire.location().articles(), wire.location().collection.clone()] {
        wire.change(DropCollection { collection_name: name })?;
    }
    Ok(())
}

/// Whether a collection of that name is there.
pub fn has(wire: &Wire, name: &str) -> Result<bool> {
    Ok(wire.ask(HasCollection { collection_name: name.to_owned() })?.value)
}
