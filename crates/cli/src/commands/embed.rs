//! `nigh embed`

use super::exchange::{STANDARD, say, write};
use super::index::{canonical, model, plan};
use super::{omissions, passages_cut, stop};
use crate::Outcome;
use crate::args;
use crate::config::Config;
use crate::output::Output;
use crate::progress::Bars;
use anyhow::{Context, bail};
use engine::Names;
use engine::embedding::{self, Embedded};
use engine::text::counted;
use exchange::Header;
use ingest::Format;
use ingest::walk::{Found, LeftOut, Source, Walk};
use std::io;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

pub fn run(args: &args::Embed, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    let plan = plan(&args.reading, config, None)?;
    let embedder = model(&args.reading, config, None)?;
    let header = Header::new(embedder.model().clone(), plan.chunking, args.language);
    let Input { found, left_out, names, kept: _kept } = input(args)?;
    let bytes = found.iter().map(|found| if let Found::Source(source) = found { source.bytes() } else { 0 }).sum();
    stop::on_ctrl_c("\nstopping")?;
    let (mut done, to_file) = write(&args.out, &header, output, |out| {
        Ok(embedding::embed(found.into_iter(), embedder, &plan, bytes, out, &Bars::default())?)
    })?;
    done.omitted.leave_out(&left_out, &names);
    let cut = passages_cut(header.model.window, done.cut, done.pieces_cut);
    done.omitted.skipped.notes.extend(cut);
    if output.is_json() {
        let mut document = serde_json::to_value(&done)?;
        document["file"] = args.out.to_string_lossy().into();
        document["model"] = header.model.name.into();
        output.json(&document)?;
    } else {
        say(output, to_file, &said(&done))?;
        if let Some(what) = omissions(&done.omitted) {
            say(output, to_file, &format!("left out: {what}. --json names them"))?;
        }
    }
    Ok(if done.omitted.skipped.failures == 0 { Outcome::Done } else { Outcome::Less })
}

fn said(done: &Embedded) -> String {
    let mut said = format!(
        "{} of {} in {:.1} s: {:.0} passages/s",
        counted(done.passages, "passage"),
        counted(done.articles, "article"),
        done.seconds,
        done.passages_per_second
    );
    if done.cut > 0 {
        said += &format!("; {} had more than the model reads", counted(done.cut, "passage"));
    }
    if done.omitted.skipped.failures > 0 {
        said += &format!("; {} skipped, named above", done.omitted.skipped.failures);
    }
    said
}

/// What there is to read.
struct Input {
    found: Vec<Found>,
    left_out: Vec<LeftOut>,
    names: Names,
    /// Has to live until it is read.
    kept: Option<NamedTempFile>,
}

fn input(args: &args::Embed) -> anyhow::Result<Input> {
    // As a collection that is made here would call them, so that import knows what is there already.
    let names = Names::here();
    if args.paths.iter().all(|path| path != Path::new(STANDARD)) {
        let Walk { files, failed, left_out, .. } = Walk::new(&canonical(&args.paths)?);
        let failed = failed.into_iter().map(|(path, error)| Found::Failed(path, error));
        let files = files.into_iter().map(|file| {
            let name = names.name(&file.path);
            Found::new(file, args.reading.format.format(), name)
        });
        let found: Vec<Found> = failed.chain(files).collect();
        if found.iter().all(|found| matches!(found, Found::Unsupported(..))) {
            bail!("nothing to embed: no files in a format read here ({})", Format::ALL);
        }
        return Ok(Input { found, left_out, names, kept: None });
    }
    if args.paths.len() > 1 {
        bail!("standard input (-) is read alone, without other files");
    }
    let format = args.reading.format.format().unwrap_or(Format::Jsonl);
    let (path, kept) = standard_input(format).context("standard input")?;
    let source = Source { path, name: "stdin".to_owned(), format, is_guess: false, stat: None };
    Ok(Input { found: vec![Found::Source(source)], left_out: Vec::new(), names, kept })
}

/// A file that reads as standard input: that itself where the system has it as one, for formats that are read from
/// their beginning to their end.
fn standard_input(format: Format) -> io::Result<(PathBuf, Option<NamedTempFile>)> {
    let device = Path::new("/dev/stdin");
    if matches!(format, Format::Jsonl | Format::Beir | Format::Csv) && device.exists() {
        return Ok((device.to_owned(), None));
    }
    let mut kept = NamedTempFile::new()?;
    io::copy(&mut io::stdin().lock(), &mut kept)?;
    Ok((kept.path().to_owned(), Some(kept)))
}
