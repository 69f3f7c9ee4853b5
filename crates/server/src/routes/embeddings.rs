//! Embeddings, compatible with the OpenAI API.

use super::AppState;
use crate::app::App;
use crate::blocking::run_blocking;
use crate::json_body::Body;
use crate::lenient_number::whole_number;
use crate::pool::Worker;
use crate::problem::{Path, Problem, Result};
use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::{StreamExt, stream};
use ingest::Role;
use ingest::embed::{Embedding, builtin, static_model};
use serde::de::Error;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// Limits of a request: the number of texts, and the bytes in each, which is more than any model
/// reads.
const MAX_TEXTS: usize = 2048;
const MAX_TEXT_BYTES: usize = 100_000;

/// Texts to embed.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = Texts)]
pub struct EmbeddingRequest {
    /// One text, or up to 2048.
    input: Input,
    /// The model: builtin, static, or that of a collection on this server. `/v1/models` lists
    /// them.
    #[schema(example = "builtin")]
    model: String,
    /// Whether vectors are arrays of numbers, or base64 of their little-endian f32 bytes.
    encoding_format: Option<EncodingFormat>,
    /// The number of dimensions, which must be that of the model.
    #[serde(default, deserialize_with = "whole_number")]
    #[schema(minimum = 1, maximum = 100000)]
    dimensions: Option<usize>,
    /// Whether the texts are queries or passages; passages by default.
    input_type: Option<InputType>,
    /// Ignored. Accepted because clients send it.
    #[serde(rename = "user")]
    #[expect(dead_code, reason = "clients send it")]
    user: Option<String>,
}

/// One text or several.
#[derive(Debug)]
pub struct Input(Vec<String>);

impl<'de> Deserialize<'de> for Input {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = match Value::deserialize(deserializer)? {
            Value::String(text) => vec![text],
            Value::Array(texts) => texts
                .into_iter()
                .map(text)
                .collect::<Result<_, _>>()
                .map_err(D::Error::custom)?,
            _ => return Err(D::Error::custom("expected a text or a list of texts")),
        };
        Ok(Self(texts))
    }
}

fn text(value: Value) -> Result<String, &'static str> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(_) | Value::Array(_) => Err(
            "arrays of tokens are not supported, because every model has its own tokens; send text",
        ),
        _ => Err("expected a text or a list of texts"),
    }
}

impl PartialSchema for Input {
    fn schema() -> RefOr<Schema> {
        let text = || {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .min_length(Some(1))
                .max_length(Some(MAX_TEXT_BYTES))
        };
        let texts = ArrayBuilder::new()
            .items(text())
            .min_items(Some(1))
            .max_items(Some(MAX_TEXTS));
        let either = OneOfBuilder::new().item(text()).item(texts);
        either.description(Some("One text, or up to 2048")).into()
    }
}

impl ToSchema for Input {}

/// How vectors are encoded.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EncodingFormat {
    /// An array of numbers.
    #[default]
    Float,
    /// Base64 of the little-endian f32 bytes.
    Base64,
}

/// What the texts are. Some models embed queries and passages differently.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum InputType {
    /// Passages to be searched.
    #[default]
    Passage,
    /// Queries.
    Query,
}

/// The embeddings.
#[derive(Serialize, ToSchema)]
#[schema(as = Vectors)]
pub struct EmbeddingResponse {
    /// Always `list`.
    object: &'static str,
    /// One for each text, in the same order.
    data: Vec<EmbeddingData>,
    /// The model.
    model: String,
    /// How many tokens were read.
    usage: Usage,
}

/// The embedding of one text.
#[derive(Serialize, ToSchema)]
#[schema(as = Embedded)]
pub struct EmbeddingData {
    /// Always `embedding`.
    object: &'static str,
    /// The index of the text.
    index: usize,
    /// The vector, of unit length.
    embedding: EmbeddingVector,
}

/// The components of a vector.
#[derive(Serialize, ToSchema)]
#[schema(as = Numbers)]
#[serde(untagged)]
pub enum EmbeddingVector {
    /// As an array.
    Float(Vec<f32>),
    /// As base64.
    Base64(String),
}

/// How many tokens were read.
#[derive(Serialize, ToSchema)]
pub struct Usage {
    /// The number of tokens that the model read.
    prompt_tokens: usize,
    /// The same number.
    total_tokens: usize,
}

/// Embed texts
#[utoipa::path(post, operation_id = "create_embedding", path = "/v1/embeddings", tag = "embeddings",
    request_body = EmbeddingRequest,
    responses((status = 200, body = EmbeddingResponse)))]
pub async fn post(
    State(app): AppState,
    Body(request): Body<EmbeddingRequest>,
) -> Result<Json<EmbeddingResponse>> {
    let Input(input) = request.input;
    if !(1..=MAX_TEXTS).contains(&input.len()) {
        return Err(Problem::bad_request(format!(
            "input: {} texts: expected 1 to {MAX_TEXTS}",
            input.len()
        )));
    }
    for (at, text) in input.iter().enumerate() {
        if text.is_empty() || text.len() > MAX_TEXT_BYTES {
            return Err(Problem::bad_request(format!(
                "input[{at}]: a text of {} bytes: expected 1 to {MAX_TEXT_BYTES}",
                text.len()
            )));
        }
    }
    let model = known_model(&app, &request.model)?;
    let role = match request.input_type.unwrap_or_default() {
        InputType::Passage => Role::Passage,
        InputType::Query => Role::Query,
    };
    let mut data = Vec::with_capacity(input.len());
    let mut tokens_read = 0;
    let info = {
        let (app, model) = (app.clone(), model.clone());
        run_blocking(move || Ok(app.models.embedder(&model)?.model().clone())).await?
    };
    if let Some(requested) = request
        .dimensions
        .filter(|requested| *requested != info.dimensions)
    {
        return Err(Problem::bad_request(format!(
            "dimensions: the vectors of this model have {}, which cannot be changed; found {requested}",
            info.dimensions
        )));
    }
    let format = request.encoding_format.unwrap_or_default();
    // A few at a time, so that questions can run in between.
    let embeddings = stream::iter(input)
        .map(|text| embed(&app, model.clone(), text, role))
        .buffered(app.pool.threads())
        .enumerate();
    let mut embeddings = std::pin::pin!(embeddings);
    while let Some((index, embedding)) = embeddings.next().await {
        let embedding = embedding?;
        tokens_read += embedding.tokens - embedding.truncated_tokens;
        data.push(EmbeddingData {
            object: "embedding",
            index,
            embedding: EmbeddingVector::new(embedding.vector, format),
        });
    }
    let usage = Usage {
        prompt_tokens: tokens_read,
        total_tokens: tokens_read,
    };
    Ok(Json(EmbeddingResponse {
        object: "list",
        data,
        model: request.model,
        usage,
    }))
}

/// Embeds one text as soon as a thread is free.
async fn embed(app: &App, model: String, text: String, role: Role) -> Result<Embedding> {
    let work = move |worker: &mut Worker| {
        let mut embedder = worker.embedder_named(&model)?;
        let embedding = embedder.embed(&text, role);
        let models = query::SearchModels {
            embedder: Some(embedder),
            reranker: None,
        };
        worker.put_back(models, None);
        Ok(embedding?)
    };
    app.pool.run_queued(work).await
}

impl EmbeddingVector {
    fn new(vector: Vec<f32>, format: EncodingFormat) -> Self {
        match format {
            EncodingFormat::Float => Self::Float(vector),
            EncodingFormat::Base64 => {
                let bytes: Vec<u8> = vector
                    .iter()
                    .flat_map(|value| value.to_le_bytes())
                    .collect();
                Self::Base64(BASE64_STANDARD.encode(bytes))
            }
        }
    }
}

/// The full name of a model that this server has.
fn known_model(app: &App, requested: &str) -> Result<String> {
    let names = model_names(app);
    let name = match requested {
        builtin::ALIAS => builtin::NAME,
        static_model::ALIAS => static_model::NAME,
        other => other,
    };
    names.get(name).cloned().ok_or_else(|| {
        let known = names.into_iter().collect::<Vec<_>>().join(", ");
        Problem::not_found(format!(
            "model: no model {requested:?} on this server; it has: {known}"
        ))
    })
}

/// The built-in models and those of the collections.
fn model_names(app: &App) -> BTreeSet<String> {
    let of_collections = app
        .collections
        .all()
        .into_iter()
        .map(|served| served.snapshot().collection.manifest().model.name.clone());
    of_collections
        .chain([builtin::NAME.to_owned(), static_model::NAME.to_owned()])
        .collect()
}

/// The embedding models of the server.
#[derive(Serialize, ToSchema)]
pub struct ModelList {
    /// Always `list`.
    object: &'static str,
    /// Sorted by name.
    data: Vec<EmbeddingModel>,
}

/// An embedding model.
#[derive(Serialize, ToSchema)]
pub struct EmbeddingModel {
    /// The model's name.
    id: String,
    /// Always `model`.
    object: &'static str,
    /// Always 0: unknown.
    created: u64,
    /// Always `nigh`.
    owned_by: &'static str,
}

/// List embedding models
#[utoipa::path(get, operation_id = "list_models", path = "/v1/models", tag = "embeddings", responses((status = 200, body = ModelList)))]
pub async fn models(State(app): AppState) -> Json<ModelList> {
    Json(ModelList {
        object: "list",
        data: model_names(&app)
            .into_iter()
            .map(EmbeddingModel::new)
            .collect(),
    })
}

/// Describe an embedding model
#[utoipa::path(get, operation_id = "get_model", path = "/v1/models/{id}", tag = "embeddings",
    params(("id" = String, Path, description = "The model; a / in its name is written %2F")),
    responses((status = 200, body = EmbeddingModel)))]
pub async fn model(State(app): AppState, Path(id): Path<String>) -> Result<Json<EmbeddingModel>> {
    Ok(Json(EmbeddingModel::new(known_model(&app, &id)?)))
}

impl EmbeddingModel {
    fn new(id: String) -> Self {
        Self {
            id,
            object: "model",
            created: 0,
            owned_by: "nigh",
        }
    }
}
