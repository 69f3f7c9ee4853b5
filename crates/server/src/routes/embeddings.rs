//! Vectors, in the shape of OpenAI's API, for clients that know it.

use super::AppState;
use crate::app::blocking;
use crate::number::whole;
use crate::problem::{Body, Problem, Result};
use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ingest::Role;
use ingest::embed::{builtin, fixed};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// The most texts of a request, and the most bytes of each: more than any model here reads.
const MOST_TEXTS: usize = 2048;
const LONGEST_TEXT: usize = 100_000;

/// Texts to be embedded.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Texts {
    /// One text, or up to 2048.
    input: Input,
    /// The model: builtin, static, or that of a collection served here; `/v1/models` lists them.
    #[schema(example = "builtin")]
    model: String,
    /// Numbers, or their little-endian bytes in base64.
    #[serde(default)]
    encoding_format: EncodingFormat,
    /// How long vectors are to be: only the model's own length will do.
    #[serde(default, deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 100000)]
    dimensions: Option<usize>,
    /// Whether the texts are questions; passages without it.
    #[serde(default)]
    input_type: InputType,
    /// Taken for other clients' sake.
    #[serde(default, rename = "user")]
    #[expect(dead_code, reason = "clients send it")]
    user: Option<String>,
}

/// One text or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Input {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl PartialSchema for Input {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(LONGEST_TEXT));
        let texts = ArrayBuilder::new().items(text()).min_items(Some(1)).max_items(Some(MOST_TEXTS));
        let either = OneOfBuilder::new().item(text()).item(texts);
        either.description(Some("One text, or up to 2048")).into()
    }
}

impl ToSchema for Input {}

/// How vectors are written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EncodingFormat {
    /// As numbers.
    #[default]
    Float,
    /// As base64 of their bytes.
    Base64,
}

/// What texts are.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum InputType {
    /// To be found.
    #[default]
    Passage,
    /// To find with.
    Query,
}

/// Vectors.
#[derive(Serialize, ToSchema)]
pub struct Vectors {
    /// Always `list`.
    object: &'static str,
    /// In the order of the texts.
    data: Vec<Embedded>,
    /// The model.
    model: String,
    /// What was read.
    usage: Usage,
}

/// A vector.
#[derive(Serialize, ToSchema)]
pub struct Embedded {
    /// Always `embedding`.
    object: &'static str,
    /// Which of the texts.
    index: usize,
    /// Of unit length.
    embedding: Numbers,
}

/// A vector's numbers.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum Numbers {
    /// As they are.
    Float(Vec<f32>),
    /// In base64.
    Base64(String),
}

/// How much was read.
#[derive(Serialize, ToSchema)]
pub struct Usage {
    /// Word pieces that the model read.
    prompt_tokens: usize,
    /// The same.
    total_tokens: usize,
}

/// Embed texts
#[utoipa::path(post, operation_id = "create_embedding", path = "/v1/embeddings", tag = "embeddings",
    request_body = Texts,
    responses((status = 200, body = Vectors)))]
pub async fn post(State(app): AppState, Body(texts): Body<Texts>) -> Result<Json<Vectors>> {
    let input = match texts.input {
        Input::One(text) => vec![text],
        Input::Many(texts) => texts,
    };
    if !(1..=MOST_TEXTS).contains(&input.len()) {
        return Err(Problem::bad_request(format!("input: {} texts: expected 1 to {MOST_TEXTS}", input.len())));
    }
    for (at, text) in input.iter().enumerate() {
        if text.is_empty() || text.len() > LONGEST_TEXT {
            return Err(Problem::bad_request(format!(
                "input: text {at} has {} bytes: expected 1 to {LONGEST_TEXT}",
                text.len()
            )));
        }
    }
    let names = names(&app);
    let name = match texts.model.as_str() {
        builtin::ALIAS => builtin::NAME,
        fixed::ALIAS => fixed::NAME,
        other => other,
    };
    let Some(model) = names.get(name).cloned() else {
        let known = names.into_iter().collect::<Vec<_>>().join(", ");
        return Err(Problem::not_found(format!("no model {:?} is here; there are: {known}", texts.model)));
    };
    let role = match texts.input_type {
        InputType::Passage => Role::Passage,
        InputType::Query => Role::Query,
    };
    let mut data = Vec::with_capacity(input.len());
    let mut read = 0;
    let info = {
        let (app, model) = (app.clone(), model.clone());
        blocking(move || Ok(app.models.embedder(&model)?.model().clone())).await?
    };
    if let Some(wanted) = texts.dimensions.filter(|wanted| *wanted != info.dimensions) {
        return Err(Problem::bad_request(format!(
            "dimensions = {wanted}: the model's vectors have {}",
            info.dimensions
        )));
    }
    // One after the other, with room for questions between them.
    for (index, text) in input.into_iter().enumerate() {
        let model = model.clone();
        let embedding = app
            .pool
            .run_when_there_is_room(move |worker| {
                let mut embedder = worker.model(&model)?;
                let embedding = embedder.embed(&text, role);
                worker.keep(query::Models { embedder: Some(embedder), reranker: None }, None);
                Ok(embedding?)
            })
            .await?;
        read += embedding.pieces - embedding.cut;
        let embedding = match texts.encoding_format {
            EncodingFormat::Float => Numbers::Float(embedding.vector),
            EncodingFormat::Base64 => {
                let bytes: Vec<u8> = embedding.vector.iter().flat_map(|value| value.to_le_bytes()).collect();
                Numbers::Base64(BASE64_STANDARD.encode(bytes))
            }
        };
        data.push(Embedded { object: "embedding", index, embedding });
    }
    let usage = Usage { prompt_tokens: read, total_tokens: read };
    Ok(Json(Vectors { object: "list", data, model: texts.model, usage }))
}

/// The models there are: those built in, and those of collections.
fn names(app: &crate::app::App) -> BTreeSet<String> {
    let of_collections =
        app.collections.all().into_iter().map(|hosted| hosted.snapshot().collection.manifest().model.name.clone());
    of_collections.chain([builtin::NAME.to_owned(), fixed::NAME.to_owned()]).collect()
}

/// The models of a server.
#[derive(Serialize, ToSchema)]
pub struct ModelList {
    /// Always `list`.
    object: &'static str,
    /// In the order of their names.
    data: Vec<EmbeddingModel>,
}

/// A model.
#[derive(Serialize, ToSchema)]
pub struct EmbeddingModel {
    /// Its name.
    id: String,
    /// Always `model`.
    object: &'static str,
    /// Nobody knows; 0.
    created: u64,
    /// Always `nigh`.
    owned_by: &'static str,
}

/// List the models that embed
#[utoipa::path(get, operation_id = "list_models", path = "/v1/models", tag = "embeddings", responses((status = 200, body = ModelList)))]
pub async fn models(State(app): AppState) -> Json<ModelList> {
    let data = names(&app).into_iter().map(|id| EmbeddingModel { id, object: "model", created: 0, owned_by: "nigh" });
    Json(ModelList { object: "list", data: data.collect() })
}
