//! `nigh embed`

use super::exchange::{print_summary, write};
use super::index::{canonicalize, load_model, pipeline_plan};
use super::{interrupt, omissions, truncation_note};
use crate::Outcome;
use crate::args;
use crate::config::Config;
use crate::output::Output;
use crate::output_file::STDIO;
use crate::progress::ProgressBars;
use anyhow::{Context, bail};
use engine::PathNamer;
use engine::embedding::{self, EmbedReport};
use engine::text::pluralize;
use exchange::Header;
use ingest::Format;
use ingest::walk::{IngestItem, SkippedPath, Source, Walk};
use std::io;
use std::path::{Path, PathBuf};
use store::local::LocalCollection;
use tempfile::NamedTempFile;

pub fn run(args: &args::Embed, config: &Config, output: &mut Output) -> anyhow::Result<Outcome> {
    let plan = pipeline_plan(&args.reading, config, None)?;
    let embedder = load_model(&args.reading, config, None)?;
    let header = Header::new(embedder.model().clone(), plan.chunking, args.language);
    let Input {
        found,
        left_out,
        names,
        stdin_copy: _stdin_copy,
    } = input(args)?;
    let bytes = found
        .iter()
        .map(|found| {
            if let IngestItem::Source(source) = found {
                source.bytes()
            } else {
                0
            }
        })
        .sum();
    interrupt::on_ctrl_c("\nstopping")?;
    let (mut report, destination) = write(&args.out, &header, output, |out| {
        Ok(embedding::embed(
            found.into_iter(),
            embedder,
            &plan,
            bytes,
            out,
            &ProgressBars::default(),
        )?)
    })?;
    report.omitted.leave_out(&left_out, &names);
    let note = truncation_note(
        header.model.window,
        report.truncated,
        report.tokens_truncated,
    );
    report.omitted.skipped.notes.extend(note);
    if output.is_json() {
        let mut document = serde_json::to_value(&report)?;
        document["file"] = args.out.to_string_lossy().into();
        document["model"] = header.model.name.into();
        output.json(&document)?;
    } else {
        print_summary(output, destination, &summary(&report))?;
        if let Some(what) = omissions(&report.omitted) {
            print_summary(
                output,
                destination,
                &format!("left out: {what}. --json names them"),
            )?;
        }
    }
    Ok(if report.omitted.skipped.failures == 0 {
        Outcome::Done
    } else {
        Outcome::Partial
    })
}

fn summary(report: &EmbedReport) -> String {
    let mut text = format!(
        "{} of {} in {:.1} s: {:.0} passages/s",
        pluralize(report.passages, "passage"),
        pluralize(report.articles, "article"),
        report.seconds,
        report.passages_per_second
    );
    if report.truncated > 0 {
        text += &format!(
            "; {} were longer than the model's window",
            pluralize(report.truncated, "passage")
        );
    }
    if report.omitted.skipped.failures > 0 {
        text += &format!("; {} skipped, named above", report.omitted.skipped.failures);
    }
    text
}

/// The articles to embed.
struct Input {
    found: Vec<IngestItem>,
    left_out: Vec<SkippedPath>,
    names: PathNamer,
    /// Holds a copy of standard input, which is deleted when dropped.
    stdin_copy: Option<NamedTempFile>,
}

fn input(args: &args::Embed) -> anyhow::Result<Input> {
    // The names that `nigh index` would use here, so that `nigh import` recognizes unchanged
    // articles.
    let names = PathNamer::for_current_dir();
    if args.paths.iter().all(|path| path != Path::new(STDIO)) {
        let Walk {
            files,
            errors,
            skipped,
            ..
        } = Walk::new(&canonicalize(&args.paths)?, LocalCollection::exists);
        let failed = errors
            .into_iter()
            .map(|(path, error)| IngestItem::Failed(path, error));
        let files = files.into_iter().map(|file| {
            let name = names.name(&file.path);
            IngestItem::from_entry(file, args.reading.format.format(), name)
        });
        let found: Vec<IngestItem> = failed.chain(files).collect();
        if found
            .iter()
            .all(|found| matches!(found, IngestItem::Unsupported(..)))
        {
            bail!(
                "nothing to embed: no files in a supported format ({})",
                Format::ALL
            );
        }
        return Ok(Input {
            found,
            left_out: skipped,
            names,
            stdin_copy: None,
        });
    }
    if args.paths.len() > 1 {
        bail!("standard input (-) is read alone, not together with files");
    }
    let format = args.reading.format.format().unwrap_or(Format::Jsonl);
    let (path, stdin_copy) = standard_input(format).context("standard input")?;
    let source = Source {
        path,
        name: "stdin".to_owned(),
        format,
        is_format_guessed: false,
        stat: None,
    };
    Ok(Input {
        found: vec![IngestItem::Source(source)],
        left_out: Vec::new(),
        names,
        stdin_copy,
    })
}

/// A file with the contents of standard input: the system's device file, if the format is read
/// sequentially and there is one, or a copy.
fn standard_input(format: Format) -> io::Result<(PathBuf, Option<NamedTempFile>)> {
    let device = Path::new("/dev/stdin");
    if matches!(format, Format::Jsonl | Format::Beir | Format::Csv) && device.exists() {
        return Ok((device.to_owned(), None));
    }
    let mut copy = NamedTempFile::new()?;
    io::copy(&mut io::stdin().lock(), &mut copy)?;
    Ok((copy.path().to_owned(), Some(copy)))
}
