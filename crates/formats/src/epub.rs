//! EPUB books: each page is a document, in reading order, titled after the table of contents. The
//! book's metadata is repeated for every page.

use crate::meta::Meta;
use crate::package::{Package, resolve};
use crate::text::{self, decode};
use crate::xml::{Leaf, Node, Step, leaves, walk};
use crate::{Context, Document, Emit, ReadError, emit_document, emit_omitted};
use std::collections::{HashMap, HashSet};

pub fn read(bytes: &[u8], context: &Context<'_>, emit: &mut Emit<'_>) -> Result<(), ReadError> {
    let mut package = Package::open(bytes, context)?;
    let container = package
        .read("META-INF/container.xml")?
        .map(|bytes| leaves(&bytes))
        .transpose();
    let container = container.ok().flatten().unwrap_or_default();
    let named = container
        .iter()
        .find(|leaf| leaf.name == "rootfile")
        .and_then(|leaf| leaf.attr("full-path"));
    let any = || {
        package
            .names()
            .iter()
            .flatten()
            .find(|name| name.ends_with(".opf"))
            .cloned()
    };
    let Some(path) = named.map(str::to_owned).or_else(any) else {
        return Err(ReadError::new(
            "expected a package file (.opf), which lists the pages; there is none",
        ));
    };
    let book = leaves(&package.read_required(&path)?).map_err(|error| error.in_part(&path))?;
    let mut meta = metadata(&book);
    if let Some(title) = meta.title.take() {
        meta.set("book", &title);
    }
    let items: HashMap<&str, ManifestItem<'_>> = book
        .iter()
        .filter_map(|leaf| ManifestItem::of(leaf, &path))
        .collect();
    let encrypted = encrypted_members(&mut package);
    let mut titles = HashMap::new();
    for item in items.values() {
        let read = match package.read(&item.path) {
            Ok(Some(bytes)) if item.is_nav => nav(&bytes, &item.path, &mut titles),
            Ok(Some(bytes)) if item.kind == "application/x-dtbncx+xml" => {
                ncx(&bytes, &item.path, &mut titles)
            }
            _ => continue,
        };
        // If the table of contents is damaged, only titles are lost.
        let _ = read;
    }
    let (mut empty_pages, mut seen) = (0, HashSet::new());
    let spine = book
        .iter()
        .filter(|leaf| leaf.name == "itemref")
        .filter_map(|leaf| leaf.attr("idref"));
    for id in spine {
        let Some(item) = items.get(id) else {
            if emit(Err(ReadError::new(format!(
                "the spine refers to {id}, which is not in the manifest"
            ))))
            .is_break()
            {
                return Ok(());
            }
            continue;
        };
        // The navigation page only repeats the titles.
        if item.is_nav || !seen.insert(&item.path) {
            continue;
        }
        let page = match encrypted.contains(&item.path) {
            true => Err(ReadError::new("it is encrypted (DRM)")),
            false => package.read_required(&item.path),
        };
        let page = match page {
            Ok(page) => page,
            Err(error) => match emit(Err(error.in_part(&item.path))) {
                std::ops::ControlFlow::Break(()) => return Ok(()),
                std::ops::ControlFlow::Continue(()) => continue,
            },
        };
        let (own, text) = (context.extract_html)(&decode(&page));
        if text::is_blank(&text) {
            empty_pages += 1;
            continue;
        }
        let title = titles
            .get(&item.path)
            .and_then(|title| text::title(title))
            .or_else(|| text::title(&own));
        let metadata = meta.fields.clone();
        let document = Document {
            name: Some(item.path.clone()),
            title,
            text,
            metadata,
            ..Document::default()
        };
        if emit_document(document, context, emit).is_break() {
            return Ok(());
        }
    }
    let images = items
        .values()
        .filter(|item| item.kind.starts_with("image/"))
        .count();
    let _ = emit_omitted(empty_pages, "page without text", "pages without text", emit);
    let _ = emit_omitted(images, "image", "images", emit);
    Ok(())
}

/// An item of the package manifest: a file of the book.
struct ManifestItem<'a> {
    path: String,
    kind: &'a str,
    is_nav: bool,
}

impl<'a> ManifestItem<'a> {
    fn of(leaf: &'a Leaf, opf: &str) -> Option<(&'a str, Self)> {
        let href = (leaf.name == "item").then(|| leaf.attr("href")).flatten()?;
        let is_nav = leaf
            .attr("properties")
            .is_some_and(|properties| properties.split(' ').any(|p| p == "nav"));
        let kind = leaf.attr("media-type").unwrap_or_default();
        Some((
            leaf.attr("id")?,
            Self {
                path: path_of(opf, href),
                kind,
                is_nav,
            },
        ))
    }
}

/// Resolves `href`, a link in the member `from`, to a path in the archive.
fn path_of(from: &str, href: &str) -> String {
    let href = href.split('#').next().unwrap_or_default();
    resolve(from, &unescape(href))
}

/// Decodes percent-encoding.
fn unescape(href: &str) -> String {
    let mut bytes = Vec::with_capacity(href.len());
    let mut rest = href.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = (first == b'%')
            .then(|| after.get(..2))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn metadata(book: &[Leaf]) -> Meta {
    let mut meta = Meta::default();
    for leaf in book {
        match (
            leaf.name.as_str(),
            leaf.attr("property").unwrap_or_default(),
        ) {
            ("meta", "dcterms:modified") => meta.dublin_core("modified", &leaf.text),
            ("date", _) => meta.set("published", &leaf.text),
            ("subject", _) => meta.add("subject", &leaf.text),
            // Descriptions are often long HTML.
            ("meta" | "description", _) => {}
            (name, _) => meta.dublin_core(name, &leaf.text),
        }
    }
    meta
}

/// The paths of encrypted members. May include obfuscated fonts, which are never read.
fn encrypted_members(package: &mut Package<'_>) -> HashSet<String> {
    let Ok(Some(bytes)) = package.read("META-INF/encryption.xml") else {
        return HashSet::new();
    };
    let leaves = leaves(&bytes).unwrap_or_default();
    let uris = leaves
        .iter()
        .filter(|leaf| leaf.name == "CipherReference")
        .filter_map(|leaf| leaf.attr("URI"));
    uris.map(|uri| resolve("", &unescape(uri))).collect()
}

/// Titles from the navigation page of EPUB 3.
fn nav(bytes: &[u8], path: &str, titles: &mut HashMap<String, String>) -> Result<(), ReadError> {
    let (mut is_contents, mut link) = (true, None::<(String, String)>);
    walk(bytes, |node| {
        match node {
            // Besides the contents there may be lists of printed pages and of landmarks.
            Node::Open(tag) if tag.name() == "nav" => {
                is_contents = tag.attr("type").is_none_or(|kind| kind == "toc")
            }
            Node::Open(tag) if tag.name() == "a" && is_contents => {
                link = tag
                    .attr("href")
                    .map(|href| (path_of(path, &href), String::new()));
            }
            Node::Text(text) => {
                if let Some((_, title)) = &mut link {
                    title.push_str(&text);
                }
            }
            Node::Close(end) if end.name() == "a" => {
                if let Some((path, title)) = link.take() {
                    titles.entry(path).or_insert(title);
                }
            }
            _ => {}
        }
        Step::Continue
    })
}

/// Titles from the table of contents of EPUB 2.
fn ncx(bytes: &[u8], path: &str, titles: &mut HashMap<String, String>) -> Result<(), ReadError> {
    let (mut title, mut in_text) = (String::new(), false);
    walk(bytes, |node| {
        match node {
            Node::Open(tag) => match tag.name() {
                "pageList" => return Step::Skip,
                "navPoint" => title.clear(),
                "text" => in_text = true,
                "content" => {
                    if let Some(src) = tag.attr("src") {
                        titles
                            .entry(path_of(path, &src))
                            .or_insert_with(|| title.clone());
                    }
                }
                _ => {}
            },
            Node::Text(text) if in_text => title.push_str(&text),
            Node::Text(_) => {}
            Node::Close(end) => in_text &= end.name() != "text",
        }
        Step::Continue
    })
}

#[cfg(test)]
mod tests {
    use crate::Kind;
    use crate::testing::{read_bytes, zip};

    #[test]
    fn pages_are_in_reading_order_titled_by_the_contents() {
        let opf = "<package><metadata><dc:title>Bees</dc:title><dc:creator>Anna</dc:creator><dc:language>en</dc:language></metadata><manifest>\
            <item id='nav' href='nav.xhtml' properties='nav' media-type='application/xhtml+xml'/><item id='a' href='text/a%20b.xhtml'/>\
            <item id='c' href='text/c.xhtml'/><item id='x' href='missing.xhtml'/><item id='l' href='locked.xhtml'/></manifest>\
            <spine><itemref idref='nav'/><itemref idref='c'/><itemref idref='x'/><itemref idref='l'/><itemref idref='a' linear='no'/></spine></package>";
        let bytes = zip(&[
            ("mimetype", "application/epub+zip"),
            (
                "META-INF/container.xml",
                "<container><rootfiles><rootfile full-path='OPS/b.opf'/></rootfiles></container>",
            ),
            (
                "META-INF/encryption.xml",
                "<e><CipherReference URI='OPS/locked.xhtml'/></e>",
            ),
            ("OPS/b.opf", opf),
            (
                "OPS/nav.xhtml",
                "<html><nav epub:type='toc'><a href='text/a%20b.xhtml#x'>Chapter <b>one</b></a></nav></html>",
            ),
            (
                "OPS/text/a b.xhtml",
                "<html><head><title>T</title></head><p>One.</p></html>",
            ),
            (
                "OPS/text/c.xhtml",
                "<html><head><title>Own title</title></head><p>Two.</p></html>",
            ),
            ("OPS/locked.xhtml", "\u{1}"),
        ]);
        let (documents, errors) = read_bytes(Kind::Epub, &bytes);
        let found: Vec<_> = documents
            .iter()
            .map(|d| (d.title.as_deref(), d.text.as_str()))
            .collect();
        assert_eq!(
            found,
            [(Some("Own title"), "Two."), (Some("Chapter one"), "One.")]
        );
        assert_eq!(documents[0].metadata[2], ("book".into(), "Bees".into()));
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert!(errors[1].starts_with("OPS/locked.xhtml: it is encrypted"));
    }
}
