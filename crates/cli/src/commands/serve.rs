//! `nigh serve`, `nigh mcp`, `nigh key`.

use super::read_worker;
use crate::Outcome;
use crate::args::{self, KeyWhat};
use crate::config::Config;
use crate::output::{self, Output, style, styled};
use anyhow::Context;
use serde_json::json;
use server::{Keys, Settings};
use std::path::PathBuf;
use std::time::Duration;
use store::Location;
use tracing_subscriber::EnvFilter;

pub fn serve(args: &args::Serve, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    init_logging(&args.log)?;
    let settings = Settings {
        collection: collection(&args.target, args.root.as_ref(), config)?,
        root: args.root.clone(),
        key_file: args.keys.clone(),
        tls: args.tls_cert.clone().zip(args.tls_key.clone()),
        allow_plain_http: args.plain,
        allowed_hosts: args.host.clone(),
        allowed_origins: args.allow_origin.clone(),
        base_path: args.base_path.clone(),
        rerankers: args.reranker.clone(),
        timeout: Duration::from_secs(u64::from(args.timeout)),
        sandbox: read_worker::sandbox(),
        upload_limit: usize::try_from(args.max_upload_bytes).unwrap_or(usize::MAX),
        ..Settings::new(args.listen, config.threads(args.threads))
    };
    let scheme = if settings.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let mut printed = Ok(());
    server::serve(settings, |address| {
        // Scripts read this line to learn when the server is up, and its address.
        let line = if output.is_json() {
            output.json(&json!({ "listening": format!("{scheme}://{address}") }))
        } else {
            let url = styled(style::STRONG, format_args!("{scheme}://{address}"));
            output.line(format_args!("{url} is up; press Ctrl-C to stop"))
        };
        printed = line.and_then(|()| output.flush());
    })?;
    printed?;
    Ok(Outcome::Done)
}

pub fn mcp(args: &args::Mcp, config: &Config) -> anyhow::Result<Outcome> {
    init_logging("warn")?;
    let settings = Settings {
        collection: collection(&args.target, args.root.as_ref(), config)?,
        root: args.root.clone(),
        ..Settings::new(([127, 0, 0, 1], 0).into(), config.threads(args.threads))
    };
    server::serve_mcp(settings)?;
    Ok(Outcome::Done)
}

/// The collection to serve: the one named, or the default one if no --root is given.
fn collection(
    target: &args::CollectionArg,
    root: Option<&PathBuf>,
    config: &Config,
) -> store::Result<Option<Location>> {
    (target.collection.is_some() || root.is_none())
        .then(|| config.collection(target))
        .transpose()
}

/// Logs what passes `filter` to standard error.
fn init_logging(filter: &str) -> anyhow::Result<()> {
    let filter: EnvFilter = filter.parse().with_context(|| format!("--log {filter}"))?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    subscriber.with_ansi(output::stderr_has_color()).init();
    Ok(())
}

pub fn key(args: &args::Key, output: &mut Output) -> anyhow::Result<Outcome> {
    match &args.what {
        KeyWhat::Add(add) => {
            let key = Keys::add(&add.file.keys, &add.name, add.role.into())?;
            if output.is_json() {
                output.json(
                    &json!({ "name": add.name, "role": server::Role::from(add.role), "key": key }),
                )?;
            } else {
                output.line(&key)?;
                output::note(
                    "the key is shown only once; send it in requests as Authorization: Bearer KEY",
                );
            }
        }
        KeyWhat::List(file) => {
            let keys = Keys::read(&file.keys)?;
            let list: Vec<_> = keys.list().collect();
            if output.is_json() {
                let list: Vec<_> = list
                    .iter()
                    .map(|(name, role)| json!({ "name": name, "role": role }))
                    .collect();
                output.json(&json!({ "keys": list }))?;
            } else {
                for (name, role) in list {
                    output.line(format_args!("{name}  {role:?}"))?;
                }
            }
        }
        KeyWhat::Remove(remove) => {
            Keys::remove(&remove.file.keys, &remove.name)?;
            if output.is_json() {
                output.json(&json!({ "removed": remove.name }))?;
            } else {
                output.line(format_args!("revoked key {}", remove.name))?;
            }
        }
    }
    Ok(Outcome::Done)
}
