//! `nigh models`

use crate::Outcome;
use crate::args::{Models, ModelsWhat};
use crate::output::{Output, style, styled};
use engine::text::pluralize;
use ingest::embed::transformer::{self, Precision, TransformerEmbedder};
use std::path::Path;

pub fn run(args: &Models, output: &mut Output) -> anyhow::Result<Outcome> {
    match &args.what {
        None => list(output),
        Some(ModelsWhat::Check { folder }) => check(folder, output),
    }
}

fn list(output: &mut Output) -> anyhow::Result<Outcome> {
    let (models, rerankers) = (ingest::embed::catalog(), ingest::embed::reranker_catalog());
    if output.is_json() {
        output.json(&[models, rerankers].concat())?;
        return Ok(Outcome::Done);
    }
    let longest = models
        .iter()
        .map(|model| model.name.len())
        .max()
        .unwrap_or_default();
    for model in &models {
        let name = format!("{:<longest$}", model.name);
        let name = if model.builtin {
            styled(style::GOOD, name)
        } else {
            name
        };
        output.line(format_args!(
            "{name}  {:>4}  {}",
            model.dimensions, model.source
        ))?;
    }
    output.line("")?;
    output
        .line("The first two are compiled in (`builtin` and `static` for short). The others are downloaded on first")?;
    output.line(
        "use and need ONNX Runtime. Instead of a name, you can give a folder with a model:",
    )?;
    output.line("in safetensors as sentence-transformers saves it, which needs nothing, in ONNX, or a static one.")?;
    output.line("")?;
    output.line("Models for --rerank, besides maxsim and builtin, which are compiled in:")?;
    for reranker in &rerankers {
        output.line(format_args!(
            "{:<longest$}        {}",
            reranker.name, reranker.source
        ))?;
    }
    Ok(Outcome::Done)
}

fn check(folder: &Path, output: &mut Output) -> anyhow::Result<Outcome> {
    if !TransformerEmbedder::is_model_folder(folder) {
        anyhow::bail!("{}: no model.safetensors in it", folder.display());
    }
    let found = transformer::check(folder)?;
    if output.is_json() {
        output.json(&found)?;
        return Ok(Outcome::Done);
    }
    let mut row = |name: &str, value: String| output.line(format_args!("{name:<11}{value}"));
    let model = &found.model;
    row("model", model.name.clone())?;
    row(
        "type",
        format!(
            "{}, {}",
            found.architecture,
            pluralize(found.layers, "layer")
        ),
    )?;
    row("modules", found.modules.join(", "))?;
    row(
        "vectors",
        format!(
            "{} dimensions, window of {} tokens",
            model.dimensions, model.window
        ),
    )?;
    for (name, prefix) in [
        ("queries", &model.query_prefix),
        ("passages", &model.passage_prefix),
    ] {
        let prefix = match prefix.is_empty() {
            true => "no prompt".to_owned(),
            false => format!("prompt {prefix:?}"),
        };
        row(name, prefix)?;
    }
    let weights = match found.precision {
        Precision::Int8 => "int8",
        Precision::Mixed => "int8, the second half of each feed-forward block f32",
        Precision::F32 => "f32",
    };
    row("weights", weights.to_owned())?;
    row(
        "cosine",
        format!(
            "{:.4} to f32 on average, {:.4} at the lowest, of {}",
            found.cosine.mean,
            found.cosine.lowest,
            pluralize(found.cosine.texts, "sample text")
        ),
    )?;
    Ok(Outcome::Done)
}
