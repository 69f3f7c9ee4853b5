//! LaTeX: the text between the commands. Formulas are kept as written; drawings, comments and the
//! preamble are omitted. Commands are not expanded: an unknown one is dropped and its arguments are
//! kept as text.

use crate::lines::Lines;
use crate::meta::Meta;
use crate::text::one_line;
use crate::{Context, Emit, ReadError};

pub fn read(bytes: &[u8], context: &Context<'_>, emit: &mut Emit<'_>) -> Result<(), ReadError> {
    let text = without_comments(&String::from_utf8_lossy(bytes));
    let (preamble, body) = text.split_once("\\begin{document}").unwrap_or(("", &text));
    let body = body
        .split_once("\\end{document}")
        .map_or(body, |(body, _)| body);
    let mut meta = Meta::default();
    for part in [preamble, body] {
        if let Some(title) = argument_of(part, "\\title") {
            meta.title(&Latex::plain(title));
        }
        if let Some(author) = argument_of(part, "\\author") {
            meta.set("author", &Latex::plain(&author.replace("\\and", ",")));
        }
        if let Some(date) = argument_of(part, "\\date").filter(|date| !date.contains("\\today")) {
            meta.set("date", &Latex::plain(date));
        }
    }
    let mut latex = Latex::default();
    latex.run(body);
    latex.end_line();
    latex.lines.emit(meta, context, emit);
    Ok(())
}

/// Commands that are dropped with their arguments.
const SKIPPED_COMMANDS: &[&str] = &[
    "label",
    "ref",
    "eqref",
    "pageref",
    "cite",
    "citep",
    "citet",
    "includegraphics",
    "input",
    "include",
    "bibliography",
    "bibliographystyle",
    "usepackage",
    "documentclass",
    "vspace",
    "hspace",
    "pagestyle",
    "thispagestyle",
    "setlength",
    "newcommand",
    "renewcommand",
    "def",
    "title",
    "author",
    "date",
    "index",
    "autoref",
    "cref",
    "Cref",
    "nocite",
    "bibitem",
    "setcounter",
    "addtocounter",
    "pagenumbering",
    "hypersetup",
    "color",
    "fontsize",
    "nolinkurl",
    "graphicspath",
    "addbibresource",
];
/// Environments whose content is kept unchanged.
const VERBATIM_ENVIRONMENTS: &[&str] = &["verbatim", "lstlisting", "minted", "Verbatim", "alltt"];
/// Environments that are dropped with their content.
const SKIPPED_ENVIRONMENTS: &[&str] = &[
    "tikzpicture",
    "picture",
    "pgfpicture",
    "filecontents",
    "comment",
];

#[derive(Default)]
struct Latex {
    lines: Lines,
    line: String,
}

impl Latex {
    fn plain(text: &str) -> String {
        let mut latex = Self::default();
        latex.run(text);
        one_line(&latex.line)
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        self.lines.push(&one_line(&line));
    }

    /// Ends the line unless it is blank: a blank line would end the paragraph.
    fn break_line(&mut self) {
        if !self.line.trim().is_empty() {
            self.end_line();
        }
    }

    fn run(&mut self, text: &str) {
        let mut at = 0;
        while let Some(char) = text.get(at..).and_then(|rest| rest.chars().next()) {
            at += char.len_utf8();
            match char {
                '\\' => at = self.command(text, at),
                '\n' => self.end_line(),
                '{' | '}' => {}
                '~' => self.line.push(' '),
                '&' => self.line.push_str(" | "),
                '`' if text.get(at..).is_some_and(|rest| rest.starts_with('`')) => {
                    at += 1;
                    self.line.push('“');
                }
                '\'' if text.get(at..).is_some_and(|rest| rest.starts_with('\'')) => {
                    at += 1;
                    self.line.push('”');
                }
                '-' if text.get(at..).is_some_and(|rest| rest.starts_with("--")) => {
                    at += 2;
                    self.line.push('—');
                }
                '-' if text.get(at..).is_some_and(|rest| rest.starts_with('-')) => {
                    at += 1;
                    self.line.push('–');
                }
                '$' => {
                    // A formula is kept as written, on one line.
                    let rest = text.get(at..).unwrap_or_default();
                    let double = rest.starts_with('$');
                    let inside = if double {
                        rest.get(1..).unwrap_or_default()
                    } else {
                        rest
                    };
                    let near = inside
                        .get(..inside.floor_char_boundary(5000))
                        .unwrap_or(inside);
                    if let Some(end) = near.find('$') {
                        self.line
                            .push_str(&near.get(..end).unwrap_or_default().replace('\n', " "));
                        at += end + if double { 3 } else { 1 };
                        at = text.floor_char_boundary(at.min(text.len()));
                    }
                }
                char => self.line.push(char),
            }
        }
    }

    /// Reads the command whose name begins at `at`, after the backslash. Returns the offset of what
    /// follows.
    fn command(&mut self, text: &str, at: usize) -> usize {
        let rest = text.get(at..).unwrap_or_default();
        let length = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        if length == 0 {
            let Some(sign) = rest.chars().next() else {
                return at;
            };
            match sign {
                '\\' => {
                    self.break_line();
                    let after = text.get(at + 1..).unwrap_or_default();
                    let blanks = after.len() - after.trim_start_matches([' ', '\t']).len();
                    let ends = after
                        .get(blanks..)
                        .is_some_and(|after| after.starts_with('\n'));
                    return at + 1 + if ends { blanks + 1 } else { 0 };
                }
                '(' | ')' | '[' | ']' => self.line.push(' '),
                ',' | ';' | ':' | ' ' | '!' | '/' | '-' | '@' | '\n' => {
                    self.line
                        .push_str(if matches!(sign, '-' | '/' | '!' | '@') {
                            ""
                        } else {
                            " "
                        })
                }
                '\'' | '`' | '^' | '"' | '~' | '=' | '.' => return self.accent(text, at + 1, sign),
                sign => self.line.push(sign),
            }
            return at + sign.len_utf8();
        }
        let name = rest.get(..length).unwrap_or_default();
        let mut after = at + length;
        if text.get(after..).is_some_and(|rest| rest.starts_with('*')) {
            after += 1;
        }
        let level = [
            "part",
            "chapter",
            "section",
            "subsection",
            "subsubsection",
            "paragraph",
            "subparagraph",
        ]
        .iter()
        .position(|&n| n == name);
        match name {
            "begin" | "end" => {
                let Some((environment, next)) = group(text, after) else {
                    return after;
                };
                self.end_line();
                let environment = environment.trim_end_matches('*');
                let end = format!("\\end{{{environment}");
                let content = text.get(next..).unwrap_or_default();
                let is_begin = name == "begin";
                if is_begin
                    && (VERBATIM_ENVIRONMENTS.contains(&environment)
                        || SKIPPED_ENVIRONMENTS.contains(&environment))
                {
                    let (content, length) =
                        content.find(&end).map_or((content, content.len()), |at| {
                            (content.get(..at).unwrap_or_default(), at)
                        });
                    if VERBATIM_ENVIRONMENTS.contains(&environment) {
                        self.lines.push("");
                        content.lines().for_each(|line| self.lines.push(line));
                        self.lines.push("");
                    }
                    return next + length;
                }
                self.lines.push("");
                // The column specification of a table.
                let next = options(text, next);
                return match group(text, next) {
                    Some((_, next))
                        if is_begin && environment.contains("tab") || environment == "array" =>
                    {
                        next
                    }
                    _ => next,
                };
            }
            _ if level.is_some() => {
                let next = options(text, after);
                let Some((title, next)) = group(text, next) else {
                    return after;
                };
                self.end_line();
                let title = Self::plain(title);
                self.lines.heading(&title, level.unwrap_or(0) + 1);
                return next;
            }
            "item" => {
                self.break_line();
                self.line.push_str("- ");
                return options_text(text, after, &mut self.line);
            }
            "par" | "newline" | "linebreak" | "newpage" | "clearpage" | "maketitle" | "hline"
            | "toprule" | "midrule" | "bottomrule" | "tableofcontents" => self.end_line(),
            "verb" => {
                let rest = text.get(after..).unwrap_or_default();
                let Some(sign) = rest.chars().next() else {
                    return after;
                };
                let inside = rest.get(sign.len_utf8()..).unwrap_or_default();
                if let Some(end) = inside
                    .get(..inside.floor_char_boundary(200))
                    .unwrap_or(inside)
                    .find([sign, '\n'])
                {
                    self.line.push_str(inside.get(..end).unwrap_or_default());
                    return after + sign.len_utf8() * 2 + end;
                }
            }
            "href" => {
                // The first argument is the URL.
                if let Some((_, next)) = group(text, after) {
                    return next;
                }
            }
            "footnote" => self.line.push(' '),
            "ss" => self.line.push('ß'),
            "ae" => self.line.push('æ'),
            "oe" => self.line.push('œ'),
            "o" => self.line.push('ø'),
            "aa" => self.line.push('å'),
            "l" => self.line.push('ł'),
            "ldots" | "dots" | "textellipsis" => self.line.push('…'),
            "textbackslash" => self.line.push('\\'),
            "LaTeX" | "TeX" => self.line.push_str(name),
            "quad" | "qquad" => self.line.push(' '),
            _ if SKIPPED_COMMANDS.contains(&name) => {
                let mut next = options(text, after);
                while let Some((_, after)) = group(text, next) {
                    next = options(text, after);
                    // These have two arguments.
                    if !matches!(
                        name,
                        "newcommand"
                            | "renewcommand"
                            | "setlength"
                            | "setcounter"
                            | "addtocounter"
                            | "fontsize"
                    ) {
                        break;
                    }
                }
                return next;
            }
            _ => {}
        }
        let next = options(text, after);
        // A space after a command without arguments only ends its name.
        let is_bare = next == after && text.get(next..).is_some_and(|rest| rest.starts_with(' '));
        next + usize::from(is_bare)
    }

    fn accent(&mut self, text: &str, at: usize, sign: char) -> usize {
        let rest = text.get(at..).unwrap_or_default();
        let braced = rest.starts_with('{');
        let inside = rest.get(usize::from(braced)..).unwrap_or_default();
        let dotless = inside.starts_with("\\i")
            && !inside
                .get(2..)
                .is_some_and(|r| r.starts_with(|c: char| c.is_ascii_alphabetic()));
        let (letter, length) = match inside.chars().next() {
            Some('\\') if dotless => ('i', 2),
            Some(letter) if letter.is_alphabetic() => (letter, letter.len_utf8()),
            _ => return at,
        };
        let marks = [
            ('\'', '\u{301}'),
            ('`', '\u{300}'),
            ('^', '\u{302}'),
            ('"', '\u{308}'),
            ('~', '\u{303}'),
            ('=', '\u{304}'),
            ('.', '\u{307}'),
        ];
        self.line.push(letter);
        self.line.extend(
            marks
                .iter()
                .find(|(known, _)| *known == sign)
                .map(|(_, mark)| *mark),
        );
        let end = at + usize::from(braced) + length;
        end + usize::from(braced && text.get(end..).is_some_and(|rest| rest.starts_with('}')))
    }
}

/// The content of the group in braces at `at`, and the offset of what follows.
fn group(text: &str, at: usize) -> Option<(&str, usize)> {
    let rest = text.get(at..)?;
    let start = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let inside = rest.get(start..)?.strip_prefix('{')?;
    let (mut depth, mut escaped) = (1_usize, false);
    for (end, byte) in inside.bytes().enumerate().take(2000) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((inside.get(..end)?, at + start + 1 + end + 1));
        }
    }
    None
}

/// Skips the optional argument in brackets at `at`. Returns the offset of what follows.
fn options(text: &str, at: usize) -> usize {
    options_text(text, at, &mut String::new())
}

fn options_text(text: &str, at: usize, into: &mut String) -> usize {
    let Some(inside) = text.get(at..).and_then(|rest| rest.strip_prefix('[')) else {
        return at;
    };
    let near = inside
        .get(..inside.floor_char_boundary(500))
        .unwrap_or(inside);
    match near.find(']') {
        Some(end) => {
            into.push_str(near.get(..end).unwrap_or_default());
            at + end + 2
        }
        None => at,
    }
}

/// The argument of the first occurrence of a command.
fn argument_of<'a>(text: &'a str, command: &str) -> Option<&'a str> {
    text.match_indices(command).take(20).find_map(|(at, _)| {
        let after = options(text, at + command.len());
        group(text, after).map(|(inside, _)| inside)
    })
}

fn without_comments(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let comment = line.char_indices().find(|&(at, c)| {
            c == '%' && !line.get(..at).is_some_and(|before| before.ends_with('\\'))
        });
        match comment {
            // A line that is only a comment is removed: a blank line would end the paragraph.
            Some((at, _))
                if line
                    .get(..at)
                    .is_some_and(|before| before.trim().is_empty()) => {}
            Some((at, _)) => {
                plain.push_str(line.get(..at).unwrap_or_default());
                plain.push('\n');
            }
            None => plain.push_str(line),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use crate::Kind;
    use crate::testing::read_single;

    #[test]
    fn markup_becomes_text() {
        let text = "\\documentclass[a4]{article}\n\\title{On \\emph{bees}}\\author{Anna \\and Bert}\n\\begin{document}\n\\maketitle\n\
            \\section{Honey}\\label{s}\nIt \\textbf{keeps} ``well'' % gone\nfor 100\\% sure~\\cite{x}, caf\\'e and M\\\"uller.\n\n\
            \\begin{itemize}\n\\item one\n\\item two\n\\end{itemize}\n\\begin{tabular}{ll}\na & b \\\\\nc & d\n\\end{tabular}\n\
            \\begin{verbatim}\n\\x{y}\n\\end{verbatim}\nFor $a < b$.\n\\end{document}\nafter";
        let document = read_single(Kind::Latex, text.as_bytes());
        assert_eq!(document.title.as_deref(), Some("On bees"));
        assert_eq!(
            document.text,
            "Honey\n\nIt keeps “well”\nfor 100% sure , cafe\u{301} and Mu\u{308}ller.\n\n- one\n- two\n\na | b\nc | d\n\n\\x{y}\n\nFor a < b."
        );
        assert_eq!(document.metadata[0].1, "Anna , Bert");
    }
}
