//! `nigh export` and `nigh import`

use super::{print_left, stop};
use crate::Outcome;
use crate::args;
use crate::atomic_file::AtomicFile;
use crate::config::Config;
use crate::output::{self, Output, style, styled};
use crate::progress::Bars;
use anyhow::bail;
use engine::text::counted;
use engine::transfer::{self, Imported, Origin};
use exchange::{Header, Kind, Reader, Writer};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Standard input or output.
pub const STANDARD: &str = "-";

pub fn export(args: &args::Export, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    let location = config.collection(&args.on);
    let collection = store::open(&location)?;
    let header = transfer::header(&*collection);
    stop::on_ctrl_c("\nstopping")?;
    let (done, to_file) =
        write(&args.out, &header, output, |out| Ok(transfer::export(&*collection, out, &Bars::default())?))?;
    if output.is_json() {
        let mut document = serde_json::to_value(&done)?;
        document["collection"] = location.into();
        document["file"] = args.out.to_string_lossy().into();
        output.json(&document)?;
    } else {
        let said = format!("{} of {}", counted(done.passages, "passage"), counted(done.articles, "article"));
        say(output, to_file, &format!("{}: {said}", args.out.display()))?;
    }
    Ok(Outcome::Done)
}

/// Lets `fill` write to a file, which gets its name once it is whole, or to standard output. Says also which of them
/// it was.
pub fn write<T>(
    path: &Path,
    header: &Header,
    output: &Output,
    fill: impl FnOnce(&mut Writer) -> anyhow::Result<T>,
) -> anyhow::Result<(T, bool)> {
    let to_file = path != Path::new(STANDARD);
    if !to_file {
        if output.is_json() {
            bail!("standard output cannot have both the passages and the JSON document: name a file for the passages");
        }
        let mut out = Writer::new(Kind::Jsonl, Path::new("standard output"), Box::new(io::stdout()), header)?;
        let filled = fill(&mut out)?;
        out.finish()?;
        return Ok((filled, to_file));
    }
    let file = Shared(Arc::new(Mutex::new(AtomicFile::create(path)?)));
    let mut out = Writer::new(Kind::of(path), path, Box::new(file.clone()), header)?;
    let filled = fill(&mut out)?;
    out.finish()?;
    // The writer was the other one to have it.
    if let Some(file) = Arc::into_inner(file.0) {
        file.into_inner().unwrap_or_else(PoisonError::into_inner).finish()?;
    }
    Ok((filled, to_file))
}

/// A file that is written by one and finished by another.
#[derive(Clone)]
struct Shared(Arc<Mutex<AtomicFile>>);

impl Shared {
    fn with<T>(&self, of: impl FnOnce(&mut AtomicFile) -> T) -> T {
        of(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.with(Write::flush)
    }
}

/// Says something where the passages are not.
pub fn say(output: &mut Output, to_file: bool, text: &str) -> io::Result<()> {
    if to_file {
        return output.line(text);
    }
    output::note(text);
    Ok(())
}

pub fn import(args: &args::Import, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    let location = config.collection(&args.on);
    let source = if store::exists(&args.from)? { Some(store::open(&args.from)?) } else { None };
    let origin = match (&source, args.from.as_str()) {
        (Some(collection), _) => Origin::Collection(&**collection),
        (None, STANDARD) => Origin::File(Box::new(Reader::jsonl(Path::new("standard input"), io::stdin())?)),
        (None, path) => Origin::File(Box::new(Reader::open(path.as_ref())?)),
    };
    let Header { model, chunking, language, .. } = origin.header();
    let mut collection = match store::exists(&location)? {
        true => store::open(&location)?,
        false => store::create(&location, model, chunking, index::Params::default(), language)?,
    };
    stop::on_ctrl_c("\nsaving what is in; Ctrl-C again stops at once")?;
    let threads = config.threads(args.threads);
    let report = transfer::import(&mut *collection, origin, threads, &Bars::default())?;
    if output.is_json() {
        let mut document = serde_json::to_value(&report)?;
        document["collection"] = location.into();
        output.json(&document)?;
    } else {
        print(output, &location, &report, collection.stats()?.passages)?;
    }
    Ok(if report.skipped.failures == 0 && !report.interrupted { Outcome::Done } else { Outcome::Less })
}

fn print(output: &mut Output, location: &str, report: &Imported, passages: usize) -> io::Result<()> {
    output.line(format_args!(
        "{}: {} added, {} updated, {} unchanged, in {:.1} s",
        styled(style::STRONG, counted(report.articles, "article")),
        report.added,
        report.updated,
        report.unchanged,
        report.seconds
    ))?;
    print_left(output, &report.skipped, report.interrupted)?;
    output.line(format_args!("{location} holds {}", counted(passages, "passage")))
}
