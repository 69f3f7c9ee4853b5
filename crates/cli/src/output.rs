//! Standard output and standard error: text or JSON, colour only on a terminal.

use serde::Serialize;
use std::io::{self, IsTerminal, Write};

/// What commands print to.
pub struct Output {
    json: bool,
    colour: bool,
    out: io::BufWriter<io::Stdout>,
}

/// How a word is shown.
pub mod style {
    use anstyle::{AnsiColor, Style};

    pub const STRONG: Style = Style::new().bold();
    pub const FAINT: Style = Style::new().dimmed();
    pub const GOOD: Style = AnsiColor::Green.on_default();
    pub const BAD: Style = AnsiColor::Red.on_default();
    pub const MATCH: Style = AnsiColor::Yellow.on_default().bold();
    pub const BEST: Style = Style::new().underline();
    pub const PLACE: Style = AnsiColor::Cyan.on_default();
}

/// `text` in `style`.
pub fn styled(style: anstyle::Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

impl Output {
    pub fn new(json: bool) -> Self {
        let colour = anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
        Self { json, colour, out: io::BufWriter::new(io::stdout()) }
    }

    /// Whether one JSON document is wanted.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// A line of text.
    pub fn line(&mut self, text: impl std::fmt::Display) -> io::Result<()> {
        if self.colour {
            return writeln!(self.out, "{text}");
        }
        writeln!(self.out, "{}", anstream::adapter::strip_str(&text.to_string()))
    }

    /// Raw bytes, as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    /// The JSON document.
    pub fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        self.bytes(text.as_bytes())?;
        self.bytes(b"\n")
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// An error: on standard error, and as the document where JSON is wanted.
    pub fn error(&mut self, error: &anyhow::Error) {
        let said = chain(error);
        note(format_args!("{}: {said}", styled(style::BAD, "nigh")));
        if self.json {
            // Nobody is left to tell if this fails too.
            let _ = self.json(&serde_json::json!({ "error": said })).and_then(|()| self.flush());
        }
    }
}

/// An error and its causes. Many an error says its cause itself; that is not said twice.
fn chain(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string).filter(|cause| !cause.is_empty()) {
        if said.is_empty() {
            said = cause;
        } else if !said.ends_with(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    said
}

/// Whether standard error shows colours.
pub fn stderr_has_colour() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

/// A line on standard error. It may be closed; then nobody wants to know.
pub fn note(text: impl std::fmt::Display) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// How wide to print: the terminal, or 100 columns, and not so wide that lines are hard to read.
pub fn width() -> usize {
    let terminal = if io::stdout().is_terminal() { terminal_size::terminal_size() } else { None };
    terminal.map_or(100, |(width, _)| usize::from(width.0)).clamp(40, 110)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn a_cause_is_said_once() {
        let gone = || io::Error::new(io::ErrorKind::NotFound, "gone");
        let twice: anyhow::Result<()> = Err(gone()).context("a.txt: gone").context("reading");
        assert_eq!(chain(&twice.unwrap_err()), "reading: a.txt: gone");
        let once: anyhow::Result<()> = Err(gone()).context("a.txt");
        assert_eq!(chain(&once.unwrap_err()), "a.txt: gone");
    }
}
