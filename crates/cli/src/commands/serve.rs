//! `nigh serve`, `nigh mcp`, `nigh key`.

use crate::Outcome;
use crate::args::{self, KeyWhat};
use crate::config::Config;
use crate::output::{self, Output, style, styled};
use anyhow::Context;
use serde_json::json;
use server::{Keys, Settings};
use std::path::PathBuf;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

pub fn serve(args: &args::Serve, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    log(&args.log)?;
    let settings = Settings {
        collection: collection(&args.on, args.root.as_ref(), config),
        root: args.root.clone(),
        keys: args.keys.clone(),
        tls: args.tls_cert.clone().zip(args.tls_key.clone()),
        plain: args.plain,
        hosts: args.host.clone(),
        origins: args.allow_origin.clone(),
        rerankers: args.reranker.clone(),
        timeout: Duration::from_secs(u64::from(args.timeout)),
        upload_limit: usize::try_from(args.max_upload_bytes).unwrap_or(usize::MAX),
        ..Settings::new(args.listen, config.threads(args.threads))
    };
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    let mut said = Ok(());
    server::serve(settings, |address| {
        // Whoever started it reads from this that it is up, and where.
        let line = if output.is_json() {
            output.json(&json!({ "listening": format!("{scheme}://{address}") }))
        } else {
            let url = styled(style::STRONG, format_args!("{scheme}://{address}"));
            output.line(format_args!("{url} is up; Ctrl-C stops it"))
        };
        said = line.and_then(|()| output.flush());
    })?;
    said?;
    Ok(Outcome::Done)
}

pub fn mcp(args: &args::Mcp, config: &Config) -> anyhow::Result<Outcome> {
    log("warn")?;
    let settings = Settings {
        collection: collection(&args.on, args.root.as_ref(), config),
        root: args.root.clone(),
        ..Settings::new(([127, 0, 0, 1], 0).into(), config.threads(args.threads))
    };
    server::serve_mcp(settings)?;
    Ok(Outcome::Done)
}

/// The collection that is named, or the usual one if there is no folder of them.
fn collection(on: &args::OnCollection, root: Option<&PathBuf>, config: &Config) -> Option<PathBuf> {
    (on.collection.is_some() || root.is_none()).then(|| PathBuf::from(config.collection(on)))
}

/// Logs to standard error what `filter` lets through.
fn log(filter: &str) -> anyhow::Result<()> {
    let filter: EnvFilter = filter.parse().with_context(|| format!("--log {filter}"))?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    subscriber.with_ansi(output::stderr_has_colour()).init();
    Ok(())
}

pub fn key(args: &args::Key, output: &mut Output) -> anyhow::Result<Outcome> {
    match &args.what {
        KeyWhat::Add(add) => {
            let key = Keys::add(&add.file.keys, &add.name, add.role.into())?;
            if output.is_json() {
                output.json(&json!({ "name": add.name, "role": server::Role::from(add.role), "key": key }))?;
            } else {
                output.line(&key)?;
                output::note("it is shown this once; a request carries it as Authorization: Bearer KEY");
            }
        }
        KeyWhat::List(file) => {
            let keys = Keys::read(&file.keys)?;
            let list: Vec<_> = keys.list().collect();
            if output.is_json() {
                let list: Vec<_> = list.iter().map(|(name, role)| json!({ "name": name, "role": role })).collect();
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
                output.line(format_args!("{} is a key no longer", remove.name))?;
            }
        }
    }
    Ok(Outcome::Done)
}
