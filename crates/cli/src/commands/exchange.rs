//! `nigh export` and `nigh import`

use super::{interrupt, print_incomplete};
use crate::Outcome;
use crate::args;
use crate::config::Config;
use crate::output::{self, Output, style, styled};
use crate::output_file::{OutputFile, STDIO};
use crate::progress::ProgressBars;
use anyhow::bail;
use engine::text::pluralize;
use engine::transfer::{self, ImportReport, ImportSource};
use exchange::{Header, Kind, Reader, Writer};
use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use store::Location;

pub fn export(
    args: &args::Export,
    config: &Config,
    output: &mut Output,
) -> anyhow::Result<Outcome> {
    let location = config.collection(&args.target)?;
    let collection = store::open(&location)?;
    let header = transfer::header(&*collection);
    interrupt::on_ctrl_c("\nstopping")?;
    let (report, destination) = write(&args.out, &header, output, |out| {
        Ok(transfer::export(
            &*collection,
            out,
            &ProgressBars::default(),
        )?)
    })?;
    if output.is_json() {
        let mut document = serde_json::to_value(&report)?;
        document["collection"] = location.to_string().into();
        document["file"] = args.out.to_string_lossy().into();
        output.json(&document)?;
    } else {
        let text = format!(
            "{} of {}",
            pluralize(report.passages, "passage"),
            pluralize(report.articles, "article")
        );
        print_summary(
            output,
            destination,
            &format!("{}: {text}", args.out.display()),
        )?;
    }
    Ok(Outcome::Done)
}

/// Where passages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    File,
    Stdout,
}

impl Destination {
    /// That of the output `path`.
    pub fn of(path: &Path) -> Self {
        match path == Path::new(STDIO) {
            true => Self::Stdout,
            false => Self::File,
        }
    }
}

/// Lets `fill` write to a file, which appears only when it is complete, or to standard output.
/// Returns also where it wrote.
pub fn write<T>(
    path: &Path,
    header: &Header,
    output: &Output,
    fill: impl FnOnce(&mut Writer) -> anyhow::Result<T>,
) -> anyhow::Result<(T, Destination)> {
    if Destination::of(path) == Destination::Stdout {
        if output.is_json() {
            bail!(
                "cannot write both the passages and the JSON document to standard output: name a file for the passages"
            );
        }
        let mut out = Writer::new(
            Kind::Jsonl,
            Path::new("standard output"),
            Box::new(io::stdout()),
            header,
        )?;
        let filled = fill(&mut out)?;
        out.finish()?;
        return Ok((filled, Destination::Stdout));
    }
    let file = SharedFile(Arc::new(Mutex::new(OutputFile::create(path)?)));
    let mut out = Writer::new(Kind::of(path), path, Box::new(file.clone()), header)?;
    let filled = fill(&mut out)?;
    out.finish()?;
    // The writer, which held the other reference, has been dropped by `finish`.
    if let Some(file) = Arc::into_inner(file.0) {
        file.into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .finish()?;
    }
    Ok((filled, Destination::File))
}

/// A file that the writer fills and the caller finishes.
#[derive(Clone)]
struct SharedFile(Arc<Mutex<OutputFile>>);

impl SharedFile {
    fn with_lock<T>(&self, action: impl FnOnce(&mut OutputFile) -> T) -> T {
        action(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for SharedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with_lock(|file| file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.with_lock(Write::flush)
    }
}

/// Prints `text` to standard output, or to standard error if standard output has the passages.
pub fn print_summary(output: &mut Output, destination: Destination, text: &str) -> io::Result<()> {
    if destination == Destination::File {
        return output.line(text);
    }
    output::note(text);
    Ok(())
}

pub fn import(
    args: &args::Import,
    config: &Config,
    output: &mut Output,
) -> anyhow::Result<Outcome> {
    let location = config.collection(&args.target)?;
    let from = config.locate(&args.from)?;
    let source_collection = if store::exists(&from)? {
        Some(store::open(&from)?)
    } else {
        None
    };
    let fallback = args.header.as_deref();
    let fallback = fallback.map(|from| header_of(from, config)).transpose()?;
    let source = match (&source_collection, args.from.as_os_str()) {
        (Some(collection), _) => ImportSource::Collection(&**collection),
        (None, name) if name == STDIO => ImportSource::File(Box::new(Reader::jsonl(
            Path::new("standard input"),
            io::stdin(),
            fallback,
        )?)),
        (None, path) => ImportSource::File(Box::new(Reader::open(path.as_ref(), fallback)?)),
    };
    let Header {
        model,
        chunking,
        language,
        ..
    } = source.header();
    let mut collection = match store::exists(&location)? {
        true => store::open(&location)?,
        false => store::create(
            &location,
            model,
            chunking,
            index::Params::default(),
            language,
        )?,
    };
    interrupt::on_ctrl_c("\nsaving finished work; press Ctrl-C again to stop at once")?;
    let threads = config.threads(args.threads);
    let report = transfer::import(&mut *collection, source, threads, &ProgressBars::default())?;
    if output.is_json() {
        let mut document = serde_json::to_value(&report)?;
        document["collection"] = location.to_string().into();
        output.json(&document)?;
    } else {
        print(output, &location, &report, collection.stats()?.passages)?;
    }
    Ok(if report.skipped.failures == 0 && !report.interrupted {
        Outcome::Done
    } else {
        Outcome::Partial
    })
}

/// The header of a file of embedded articles, or of a collection.
fn header_of(from: &OsStr, config: &Config) -> anyhow::Result<Header> {
    let location = config.locate(from)?;
    if store::exists(&location)? {
        return Ok(transfer::header(&*store::open(&location)?));
    }
    Ok(Reader::open(from.as_ref(), None)?.header().clone())
}

fn print(
    output: &mut Output,
    location: &Location,
    report: &ImportReport,
    passages: usize,
) -> io::Result<()> {
    output.line(format_args!(
        "{}: {} added, {} updated, {} unchanged, in {:.1} s",
        styled(style::STRONG, pluralize(report.articles, "article")),
        report.added,
        report.updated,
        report.unchanged,
        report.seconds
    ))?;
    print_incomplete(output, &report.skipped, report.interrupted)?;
    output.line(format_args!(
        "{location} holds {}",
        pluralize(passages, "passage")
    ))
}
