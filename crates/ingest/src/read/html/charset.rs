//! The encoding that a page declares, found as the HTML standard's prescan finds it.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How many bytes are looked through; the standard wants the declaration within them.
const PRESCAN: usize = 1024;

/// The encoding that a page declares in its first bytes: in a `meta` element or an XML declaration.
/// A byte-order mark is the caller's business, as it stands above any declaration.
pub fn declared_encoding(head: &[u8]) -> Option<&'static Encoding> {
    let head = &head[..head.len().min(PRESCAN)];
    in_markup(head).or_else(|| in_xml_declaration(head))
}

/// A page that could be read as far as its declaration is not in UTF-16, whatever it says.
fn resolved(label: &[u8]) -> Option<&'static Encoding> {
    if label.trim_ascii().eq_ignore_ascii_case(b"x-user-defined") {
        return Some(WINDOWS_1252);
    }
    let encoding = Encoding::for_label(label)?;
    Some(if encoding == UTF_16LE || encoding == UTF_16BE {
        UTF_8
    } else {
        encoding
    })
}

fn in_markup(head: &[u8]) -> Option<&'static Encoding> {
    let mut at = 0;
    while at < head.len() {
        let rest = &head[at..];
        if rest.starts_with(b"<!--") {
            // The dashes of the opening may serve for the closing too: <!-->.
            at += 2 + find(&rest[2..], b"-->").map_or(rest.len(), |end| end + 3);
        } else if starts_with_name(rest, b"<meta") {
            let mut attributes = Attributes {
                bytes: rest,
                at: b"<meta".len(),
            };
            if let Some(encoding) = meta(&mut attributes) {
                return Some(encoding);
            }
            at += attributes.at.max(1);
        } else if rest[0] == b'<'
            && rest
                .get(1 + usize::from(rest.get(1) == Some(&b'/')))
                .is_some_and(u8::is_ascii_alphabetic)
        {
            let name_end = rest
                .iter()
                .position(|&b| is_space(b) || b == b'>')
                .unwrap_or(rest.len());
            let mut attributes = Attributes {
                bytes: rest,
                at: name_end,
            };
            while attributes.next().is_some() {}
            at += attributes.at.max(1);
        } else if rest[0] == b'<' && matches!(rest.get(1), Some(b'!' | b'/' | b'?')) {
            at += find(rest, b">").map_or(rest.len(), |end| end + 1);
        } else {
            at += 1;
        }
    }
    None
}

/// What a `meta` element declares.
fn meta(attributes: &mut Attributes<'_>) -> Option<&'static Encoding> {
    let (mut seen, mut got_pragma, mut need_pragma, mut label) = (Vec::new(), false, None, None);
    while let Some((name, value)) = attributes.next() {
        if seen.contains(&name) {
            continue;
        }
        match name.as_slice() {
            b"http-equiv" => got_pragma |= value.eq_ignore_ascii_case(b"content-type"),
            b"content" if label.is_none() => {
                if let Some(found) = in_content(&value) {
                    (label, need_pragma) = (Some(found.to_vec()), Some(true));
                }
            }
            b"charset" => (label, need_pragma) = (Some(value), Some(false)),
            _ => {}
        }
        seen.push(name);
    }
    match need_pragma {
        Some(true) if !got_pragma => None,
        Some(_) => resolved(&label?),
        None => None,
    }
}

/// The label in the `content` of a pragma: `text/html; charset=utf-8`.
fn in_content(content: &[u8]) -> Option<&[u8]> {
    let lower = content.to_ascii_lowercase();
    let mut from = 0;
    loop {
        let at = from + find(&lower[from..], b"charset")? + b"charset".len();
        let after = content[at..].trim_ascii_start();
        if let Some(value) = after.strip_prefix(b"=") {
            let value = value.trim_ascii_start();
            return match value.first()? {
                quote @ (b'"' | b'\'') => {
                    let value = &value[1..];
                    value
                        .iter()
                        .position(|b| b == quote)
                        .map(|end| &value[..end])
                }
                _ => {
                    let end = value
                        .iter()
                        .position(|&b| is_space(b) || b == b';')
                        .unwrap_or(value.len());
                    Some(&value[..end])
                }
            };
        }
        from = at;
    }
}

/// `<?xml version="1.0" encoding="…"?>` at the very start.
fn in_xml_declaration(head: &[u8]) -> Option<&'static Encoding> {
    if !head.starts_with(b"<?xml") {
        return None;
    }
    let declaration = &head[..find(head, b">")?];
    let after =
        declaration[find(declaration, b"encoding")? + b"encoding".len()..].trim_ascii_start();
    let value = after.strip_prefix(b"=")?.trim_ascii_start();
    let quote = *value.first().filter(|b| matches!(b, b'"' | b'\''))?;
    let value = &value[1..];
    let label = &value[..value.iter().position(|&b| b == quote)?];
    if label.iter().any(|&b| b <= 0x20) {
        None
    } else {
        resolved(label)
    }
}

/// The attributes of a tag, names in small letters.
struct Attributes<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Attributes<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip(&mut self, what: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&what) {
            self.at += 1;
        }
    }

    fn take(&mut self, until: impl Fn(u8) -> bool) -> Vec<u8> {
        let start = self.at;
        self.skip(|b| !until(b));
        self.bytes[start..self.at].to_vec()
    }

    /// The next name and value; none at the end of the tag, which is passed.
    fn next(&mut self) -> Option<(Vec<u8>, Vec<u8>)> {
        self.skip(|b| is_space(b) || b == b'/');
        if self.peek()? == b'>' {
            self.at += 1;
            return None;
        }
        // A name may begin with the sign that ends others.
        let start = self.at;
        self.at += 1;
        self.skip(|b| !(is_space(b) || matches!(b, b'=' | b'/' | b'>')));
        let name = self.bytes[start..self.at].to_ascii_lowercase();
        self.skip(is_space);
        if self.peek() != Some(b'=') {
            return Some((name, Vec::new()));
        }
        self.at += 1;
        self.skip(is_space);
        let value = match self.peek()? {
            quote @ (b'"' | b'\'') => {
                self.at += 1;
                let value = self.take(|b| b == quote);
                self.at += 1;
                value
            }
            b'>' => Vec::new(),
            _ => self.take(|b| is_space(b) || b == b'>'),
        };
        Some((name, value))
    }
}

fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c')
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Whether a tag of just this name begins here.
fn starts_with_name(bytes: &[u8], name: &[u8]) -> bool {
    let (Some(start), Some(&after)) = (bytes.get(..name.len()), bytes.get(name.len())) else {
        return false;
    };
    start.eq_ignore_ascii_case(name) && (is_space(after) || after == b'/')
}

#[cfg(test)]
mod tests {
    use super::declared_encoding;

    fn name(head: &str) -> Option<&'static str> {
        declared_encoding(head.as_bytes()).map(|encoding| encoding.name())
    }

    #[test]
    fn a_page_says_its_encoding() {
        for (head, expected) in [
            ("<meta charset=koi8-r>", "KOI8-R"),
            (
                "<!doctype html><html><head><title>x</title><META CharSet = 'Shift_JIS' >",
                "Shift_JIS",
            ),
            (
                "<meta http-equiv=Content-Type content='text/html; charset=windows-1251'>",
                "windows-1251",
            ),
            (
                "<meta content='text/html;charset=\"gbk\"' http-equiv=\"content-type\"/>",
                "GBK",
            ),
            (
                "<meta content='charset foo; charset = big5' http-equiv=content-type>",
                "Big5",
            ),
            (
                "<?xml version='1.0' encoding='iso-8859-2'?><html>",
                "ISO-8859-2",
            ),
            ("<meta charset=latin1>", "windows-1252"),
            ("<meta charset=utf-16le>", "UTF-8"),
            ("<meta charset=x-user-defined>", "windows-1252"),
            ("<meta name=a content=b><meta/charset=utf-8>", "UTF-8"),
            ("<a title='<meta charset=gbk>'><meta charset=big5>", "Big5"),
        ] {
            assert_eq!(name(head), Some(expected), "{head}");
        }
    }

    #[test]
    fn what_is_no_declaration() {
        for head in [
            "",
            "<",
            "<meta",
            "<meta charset",
            "<meta charset=",
            "<meta charset=unheard-of>",
            "<!-- <meta charset=gbk> -->",
            "<metal charset=gbk>",
            "<meta content='text/html; charset=gbk'>",
            "<meta http-equiv=refresh content='text/html; charset=gbk'>",
            "<?xml version='1.0'?>",
            "<?xml encoding='gbk",
        ] {
            assert_eq!(name(head), None, "{head}");
        }
        let late = format!("{}<meta charset=gbk>", " ".repeat(1024));
        assert_eq!(name(&late), None);
    }
}
