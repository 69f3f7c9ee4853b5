//! XML as a stream of tags and text. Names are compared without namespace prefixes, which differ
//! between programs. Only the predefined entities, `&nbsp;` and character references are expanded,
//! so entity bombs do nothing.

use crate::ReadError;
use crate::text::decode;
use quick_xml::events::{BytesEnd, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use std::borrow::Cow;

/// Files with more deeply nested elements are rejected.
const MAX_DEPTH: usize = 1000;

/// An event of the XML stream.
pub enum Node<'a> {
    /// A start tag.
    Open(Tag<'a>),
    /// An end tag. Also follows the start tag of an empty element.
    Close(End<'a>),
    /// Text with entities resolved. One text may come in several pieces.
    Text(Cow<'a, str>),
}

/// The start tag of an element.
pub struct Tag<'a>(BytesStart<'a>);

impl Tag<'_> {
    /// The name without the namespace prefix.
    pub fn name(&self) -> &str {
        local(self.0.name().0)
    }

    /// The value of an attribute by its name without the prefix.
    pub fn attr(&self, name: &str) -> Option<String> {
        self.0
            .attributes()
            .with_checks(false)
            .flatten()
            .find_map(|attribute| {
                (local(attribute.key.0) == name).then(|| {
                    match attribute.normalized_value(XmlVersion::Implicit1_0) {
                        Ok(value) => value.into_owned(),
                        Err(_) => attribute.value.into_owned(),
                    }
                })
            })
    }

    /// The value of an attribute by its name with the prefix.
    pub fn attr_named(&self, name: &str) -> Option<String> {
        self.0
            .attributes()
            .with_checks(false)
            .flatten()
            .find_map(|attribute| {
                (attribute.key.0 == name).then(|| {
                    attribute
                        .normalized_value(XmlVersion::Implicit1_0)
                        .map(Cow::into_owned)
                        .unwrap_or_default()
                })
            })
    }
}

/// The end tag of an element.
pub struct End<'a>(BytesEnd<'a>);

impl End<'_> {
    /// The name without the namespace prefix.
    pub fn name(&self) -> &str {
        local(self.0.name().0)
    }
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// Calls `each` for every node of the file, except for those in elements it [skips](Step::Skip).
///
/// # Errors
/// [`ReadError`] if the XML is damaged; `each` has been called for everything before the damage.
pub fn walk(bytes: &[u8], mut each: impl FnMut(Node<'_>) -> Step) -> Result<(), ReadError> {
    let text = decode(bytes);
    let mut reader = Reader::from_str(&text);
    reader.config_mut().expand_empty_elements = true;
    reader.config_mut().allow_dangling_amp = true;
    let (mut depth, mut skipped) = (0_usize, None::<usize>);
    loop {
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(error) => return Err(damaged(&text, reader.error_position(), &error.to_string())),
        };
        let node = match event {
            Event::Eof if depth > 0 => {
                return Err(damaged(
                    &text,
                    text.len() as u64,
                    "it ends within an element: it is cut off",
                ));
            }
            Event::Eof => return Ok(()),
            Event::Start(start) | Event::Empty(start) => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(damaged(
                        &text,
                        reader.buffer_position(),
                        "elements are nested too deeply",
                    ));
                }
                Node::Open(Tag(start))
            }
            Event::End(end) => {
                depth = depth.saturating_sub(1);
                if skipped == Some(depth) {
                    skipped = None;
                    continue;
                }
                Node::Close(End(end))
            }
            Event::Text(text) => Node::Text(text.into_inner()),
            Event::CData(text) => Node::Text(text.into_inner()),
            Event::GeneralRef(name) => Node::Text(entity(&name.into_inner())),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => continue,
        };
        if skipped.is_some() {
            continue;
        }
        let opens = matches!(node, Node::Open(_));
        match each(node) {
            Step::Skip if opens => skipped = Some(depth - 1),
            Step::Skip | Step::Continue => {}
            Step::Stop => return Ok(()),
        }
    }
}

/// How to proceed after a node.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Read the next node.
    Continue,
    /// Skip the content and the end tag of the element just opened. After other nodes it means
    /// [`Step::Continue`].
    Skip,
    /// Stop reading.
    Stop,
}

fn damaged(text: &str, at: u64, what: &str) -> ReadError {
    let before = text
        .as_bytes()
        .get(..usize::try_from(at).unwrap_or(usize::MAX))
        .unwrap_or(text.as_bytes());
    let line = 1 + before.iter().filter(|&&b| b == b'\n').count();
    ReadError::new(format!(
        "its XML is damaged at byte {} (line {line}): {what}",
        before.len()
    ))
}

/// The text of an entity; unknown entities stay as they are written.
fn entity(name: &str) -> Cow<'static, str> {
    let known = match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        "nbsp" => "\u{a0}",
        _ => {
            let number =
                name.strip_prefix('#')
                    .and_then(|digits| match digits.strip_prefix(['x', 'X']) {
                        Some(hex) => u32::from_str_radix(hex, 16).ok(),
                        None => digits.parse().ok(),
                    });
            return match number.and_then(char::from_u32) {
                Some(char) => Cow::Owned(char.to_string()),
                None => Cow::Owned(format!("&{name};")),
            };
        }
    };
    Cow::Borrowed(known)
}

/// All elements of `bytes`, a small file, in the order of their end tags, each with its attributes
/// and its own text.
///
/// # Errors
/// [`ReadError`] if the XML is damaged before the first end tag.
pub fn leaves(bytes: &[u8]) -> Result<Vec<Leaf>, ReadError> {
    let (mut path, mut leaves): (Vec<Leaf>, Vec<Leaf>) = (Vec::new(), Vec::new());
    let result = walk(bytes, |node| {
        match node {
            Node::Open(tag) => path.push(Leaf {
                name: tag.name().to_owned(),
                attrs: tag
                    .0
                    .attributes()
                    .with_checks(false)
                    .flatten()
                    .map(|a| {
                        let value = a
                            .normalized_value(XmlVersion::Implicit1_0)
                            .map(Cow::into_owned)
                            .unwrap_or_default();
                        (local(a.key.0).to_owned(), value)
                    })
                    .collect(),
                text: String::new(),
            }),
            Node::Text(text) => {
                if let Some(leaf) = path.last_mut() {
                    leaf.text.push_str(&text);
                }
            }
            Node::Close(_) => leaves.extend(path.pop()),
        }
        Step::Continue
    });
    match result {
        // Elements before the damage are still good.
        Err(error) if leaves.is_empty() => Err(error),
        _ => Ok(leaves),
    }
}

/// An element with its own text, without that of its children.
pub struct Leaf {
    /// The name without the namespace prefix.
    pub name: String,
    /// Attribute names without prefixes, and values.
    pub attrs: Vec<(String, String)>,
    /// The text directly in it.
    pub text: String,
}

impl Leaf {
    /// The value of an attribute by its name without the prefix.
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.attrs
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(xml: &str) -> (String, Result<(), ReadError>) {
        let mut seen = String::new();
        let result = walk(xml.as_bytes(), |node| match node {
            Node::Open(tag) if tag.name() == "skip" => Step::Skip,
            Node::Text(text) => {
                seen.push_str(&text);
                Step::Continue
            }
            _ => Step::Continue,
        });
        (seen, result)
    }

    #[test]
    fn predefined_entities_are_resolved_and_declared_ones_kept() {
        let (seen, result) =
            texts("<!DOCTYPE a [<!ENTITY b 'xx'>]><a>1 &lt; 2 &#x41;&#66; &b; &amp;lt;</a>");
        assert_eq!(result, Ok(()));
        assert_eq!(seen, "1 < 2 AB &b; &lt;");
    }

    #[test]
    fn skipped_elements_are_passed_over() {
        assert_eq!(
            texts("<a>x<w:skip>no<b>no</b><skip/></w:skip><skip/>y</a>").0,
            "xy"
        );
    }

    #[test]
    fn text_before_the_damage_is_kept() {
        let (seen, result) = texts("<a>kept<b>too");
        assert_eq!(seen, "kepttoo");
        assert!(result.unwrap_err().message.contains("cut off"));
        assert!(
            texts(&"<a>".repeat(2000))
                .1
                .unwrap_err()
                .message
                .contains("nested too deeply")
        );
    }
}
