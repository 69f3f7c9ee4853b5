//! The encoding that a file in a plain-text markup format declares.

use crate::Kind;
use encoding_rs::Encoding;

/// How many bytes are searched for a declaration: enough for a preamble with its comments.
const HEAD_BYTES: usize = 8192;

/// The encoding that a file of the given kind declares: in an editor modeline (`-*- coding: … -*-`,
/// `vim: fileencoding=…`), with `inputenc` in LaTeX, with the attribute `encoding` in AsciiDoc.
pub fn declared_encoding(kind: Kind, bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(bytes.get(..HEAD_BYTES).unwrap_or(bytes));
    let own = match kind {
        Kind::Latex => head
            .lines()
            .filter(|line| !line.trim_start().starts_with('%'))
            .find_map(|line| {
                let (before, _) = line.split_once("]{inputenc}")?;
                before.rsplit_once('[').map(|(_, label)| label)
            }),
        Kind::AsciiDoc => head
            .lines()
            .find_map(|line| line.strip_prefix(":encoding:")),
        _ => None,
    };
    own.and_then(|label| encoding(label.trim()))
        .or_else(|| from_modeline(&head))
}

/// The encoding in an Emacs, Vim or TeXworks modeline in the first two lines.
fn from_modeline(head: &str) -> Option<&'static Encoding> {
    head.lines().take(2).find_map(|line| {
        let rest = ["coding:", "coding=", "fenc=", "!TEX encoding ="]
            .iter()
            .find_map(|name| {
                let (before, rest) = line.split_once(name)?;
                (line.contains("-*-") || before.contains("vim:") || before.contains('%'))
                    .then_some(rest)
            })?;
        rest.trim_start()
            .split(|c: char| c.is_whitespace() || c == ';')
            .next()
            .and_then(encoding)
    })
}

/// Looks up an encoding by its label in the WHATWG Encoding Standard, Emacs or LaTeX.
fn encoding(label: &str) -> Option<&'static Encoding> {
    let label = label.to_ascii_lowercase();
    let label = ["-unix", "-dos", "-mac"]
        .iter()
        .find_map(|end| label.strip_suffix(end))
        .unwrap_or(&label);
    Encoding::for_label(label.as_bytes()).or_else(|| match label {
        "ansinew" | "iso-latin-1" | "latin-1" => Some(encoding_rs::WINDOWS_1252),
        "iso-latin-2" | "latin-2" => Some(encoding_rs::ISO_8859_2),
        "latin9" | "latin-9" | "iso-latin-9" | "latin-0" => Some(encoding_rs::ISO_8859_15),
        "applemac" | "macroman" => Some(encoding_rs::MACINTOSH),
        "cyrillic-koi8" => Some(encoding_rs::KOI8_R),
        "chinese-gbk" => Some(encoding_rs::GBK),
        "japanese-shift-jis" => Some(encoding_rs::SHIFT_JIS),
        _ => Encoding::for_label(
            label
                .strip_prefix("cp")
                .map(|page| format!("windows-{page}"))?
                .as_bytes(),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: Kind, text: &str) -> Option<&'static str> {
        declared_encoding(kind, text.as_bytes()).map(Encoding::name)
    }

    #[test]
    fn declared_encodings_are_found() {
        for (kind, text, name) in [
            (
                Kind::Latex,
                "\\documentclass{article}\n\\usepackage[latin2]{inputenc}\n",
                Some("ISO-8859-2"),
            ),
            (
                Kind::Latex,
                "% \\usepackage[latin2]{inputenc}\n\\usepackage[cp1251]{inputenc}",
                Some("windows-1251"),
            ),
            (
                Kind::Latex,
                "% !TEX encoding = MacRoman\n",
                Some("macintosh"),
            ),
            (
                Kind::Latex,
                "% !TEX encoding = Unheard\n% -*- coding: koi8-r -*-\n",
                Some("KOI8-R"),
            ),
            (
                Kind::Man,
                "'\\\" t -*- coding: latin-9-unix -*-\n.TH X 1\n",
                Some("ISO-8859-15"),
            ),
            (
                Kind::Rst,
                ".. -*- mode: rst; coding: euc-jp; -*-\n",
                Some("EUC-JP"),
            ),
            (
                Kind::Rst,
                ".. vim: set fileencoding=cp1250 :\n",
                Some("windows-1250"),
            ),
            (
                Kind::AsciiDoc,
                "= Title\n:encoding: iso-8859-1\n",
                Some("windows-1252"),
            ),
            (Kind::Org, "The word coding: latin-1 in prose\n", None),
            (Kind::Org, "1\n2\n-*- coding: latin-1 -*-\n", None),
        ] {
            assert_eq!(of(kind, text), name, "{text}");
        }
    }
}
