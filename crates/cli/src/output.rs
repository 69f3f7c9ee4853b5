//! Standard output and standard error: text or JSON, color only on a terminal.

use crate::advice;
use serde::Serialize;
use std::io::{self, IsTerminal, Write};

/// Standard output. Collects text or one JSON document.
pub struct Output {
    json: bool,
    color: bool,
    out: io::BufWriter<io::Stdout>,
}

/// Text styles.
pub mod style {
    use anstyle::{AnsiColor, Style};

    pub const STRONG: Style = Style::new().bold();
    pub const FAINT: Style = Style::new().dimmed();
    pub const GOOD: Style = AnsiColor::Green.on_default();
    pub const BAD: Style = AnsiColor::Red.on_default();
    pub const MATCH: Style = AnsiColor::Yellow.on_default().bold();
    pub const BEST: Style = Style::new().underline();
    pub const LOCATION: Style = AnsiColor::Cyan.on_default();
}

/// Puts the escape codes of `style` around `text`.
pub fn styled(style: anstyle::Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

impl Output {
    pub fn new(json: bool) -> Self {
        let color = anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
        Self {
            json,
            color,
            out: io::BufWriter::new(io::stdout()),
        }
    }

    /// Whether the output is one JSON document.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Writes a line of text, without its styles if standard output shows no color.
    pub fn line(&mut self, text: impl std::fmt::Display) -> io::Result<()> {
        if self.color {
            return writeln!(self.out, "{text}");
        }
        writeln!(
            self.out,
            "{}",
            anstream::adapter::strip_str(&text.to_string())
        )
    }

    /// Writes bytes unchanged.
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    /// Writes the JSON document.
    pub fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        self.bytes(text.as_bytes())?;
        self.bytes(b"\n")
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Prints an error to standard error and, with --json, to standard output.
    pub fn error(&mut self, error: &anyhow::Error) {
        let message = error_chain(error) + &advice::on(error);
        note(format_args!("{}: {message}", styled(style::BAD, "nigh")));
        self.error_document(&message);
    }

    /// Prints an error as the JSON document, if JSON is wanted.
    pub fn error_document(&mut self, message: &str) {
        if self.json {
            // If this fails too, there is no way to report it.
            let _ = self
                .json(&serde_json::json!({ "error": message }))
                .and_then(|()| self.flush());
        }
    }
}

/// An error and its causes. Errors that include their cause's message do not repeat it.
fn error_chain(error: &anyhow::Error) -> String {
    let mut message = String::new();
    for cause in error
        .chain()
        .map(ToString::to_string)
        .filter(|cause| !cause.is_empty())
    {
        if message.is_empty() {
            message = cause;
        } else if !message.ends_with(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    message
}

/// Whether standard error shows color.
pub fn stderr_has_color() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

/// Prints a line to standard error. Ignores errors, such as a closed pipe.
pub fn note(text: impl std::fmt::Display) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// The width to print at: the terminal's, or 100 columns; between 40 and 110, which are easy to
/// read.
pub fn width() -> usize {
    let terminal = if io::stdout().is_terminal() {
        terminal_size::terminal_size()
    } else {
        None
    };
    terminal
        .map_or(100, |(width, _)| usize::from(width.0))
        .clamp(40, 110)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn repeated_cause_is_printed_once() {
        let gone = || io::Error::new(io::ErrorKind::NotFound, "gone");
        let twice: anyhow::Result<()> = Err(gone()).context("a.txt: gone").context("reading");
        assert_eq!(error_chain(&twice.unwrap_err()), "reading: a.txt: gone");
        let once: anyhow::Result<()> = Err(gone()).context("a.txt");
        assert_eq!(error_chain(&once.unwrap_err()), "a.txt: gone");
    }
}
