//! Source to tree, with a limit on the depth.

use super::tag::Tag;
use super::tree::{Builder, Id, Tree};
use html5ever::interface::TreeSink;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{
    BufferQueue, Tag as TagToken, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer,
    TokenizerOpts,
};
use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts};
use html5ever::{LocalName, QualName, TokenizerResult, local_name, ns};
use std::cell::Cell;

/// The levels of open elements; browsers keep to this number too. Without a limit the parser, which
/// looks through all open elements at most tags, takes time by the square of the depth.
const DEPTH: usize = 512;

/// The tree of `html`.
pub fn parse(html: &str) -> Tree {
    let options = TreeBuilderOpts {
        scripting_enabled: false,
        ..TreeBuilderOpts::default()
    };
    let sink = Shallow {
        builder: TreeBuilder::new(Builder::new(), options),
        depth: Cell::new(0),
    };
    let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(html));
    // A script only pauses the tokenizer.
    while let TokenizerResult::Script(_) | TokenizerResult::EncodingIndicator(_) =
        tokenizer.feed(&input)
    {}
    tokenizer.end();
    tokenizer.sink.builder.sink.finish()
}

/// Hands tokens on to the tree builder; a tag below [`DEPTH`] becomes a line break, or nothing
/// where it is inline, so that its text stays and its words are kept apart.
struct Shallow {
    builder: TreeBuilder<Id, Builder>,
    depth: Cell<usize>,
}

impl Shallow {
    /// The token to hand on in the place of `tag`.
    fn limited(&self, tag: TagToken) -> Option<TagToken> {
        if tag.self_closing || is_void(&tag.name) || is_raw(&tag.name) {
            return Some(tag);
        }
        let depth = self.depth.get();
        let below = depth >= DEPTH;
        if !ends_by_itself(&tag.name) {
            self.depth.set(match tag.kind {
                TagKind::StartTag => depth + 1,
                TagKind::EndTag => depth.saturating_sub(1),
            });
        }
        if !below || (tag.kind == TagKind::EndTag && depth == DEPTH) {
            return Some(tag);
        }
        let name = QualName::new(None, ns!(html), tag.name.clone());
        let line_break = || TagToken {
            kind: TagKind::StartTag,
            name: local_name!("br"),
            self_closing: false,
            attrs: Vec::new(),
            had_duplicate_attributes: false,
        };
        (!Tag::of(&name, &tag.attrs).is_inline()).then(line_break)
    }
}

impl TokenSink for Shallow {
    type Handle = Id;

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<Id> {
        let token = match token {
            Token::TagToken(tag) => match self.limited(tag) {
                Some(tag) => Token::TagToken(tag),
                None => return TokenSinkResult::Continue,
            },
            Token::CommentToken(_) | Token::ParseError(_) => return TokenSinkResult::Continue,
            other => other,
        };
        self.builder.process_token(token, line)
    }

    fn end(&self) {
        self.builder.end();
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.builder
            .adjusted_current_node_present_but_not_in_html_namespace()
    }
}

fn is_void(name: &LocalName) -> bool {
    let names = [
        "area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "image", "img",
        "input", "keygen", "link", "meta", "param", "source", "track", "wbr",
    ];
    names.contains(&&**name)
}

/// What it holds is read as text, so it never nests, and the tokenizer must be told of it.
fn is_raw(name: &LocalName) -> bool {
    let names = [
        "iframe",
        "noembed",
        "noframes",
        "plaintext",
        "script",
        "style",
        "textarea",
        "title",
        "xmp",
    ];
    names.contains(&&**name)
}

/// Whether its end tag may be left out, so that many start tags are no sign of depth.
fn ends_by_itself(name: &LocalName) -> bool {
    let names = [
        "body", "caption", "colgroup", "dd", "dt", "head", "html", "li", "optgroup", "option", "p",
        "rb", "rp", "rt", "rtc", "tbody", "td", "tfoot", "th", "thead", "tr",
    ];
    names.contains(&&**name)
}
