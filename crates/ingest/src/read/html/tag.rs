//! What each element means for the layout of the text.

use html5ever::{Attribute, QualName, ns};

/// Elements that are laid out alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// No element: the document, text, a comment.
    Root,
    /// Stands within a line and never ends a word.
    Inline,
    /// The same, without a meaning of its own: what style sheets place where they like.
    Span,
    Code,
    Link,
    Quote,
    Sup,
    Ruby,
    /// The reading above a word.
    RubyText,
    /// What shows around that where it cannot stand above.
    RubyParenthesis,
    /// Stands within a line, but ends a word: a button, a label, an element that nobody knows.
    Phrase,
    Image,
    LineBreak,
    Rule,
    Heading(u8),
    Paragraph,
    Preformatted,
    List,
    OrderedList,
    Item,
    Term,
    Detail,
    Table,
    RowGroup,
    Row,
    Cell,
    Caption,
    Option,
    Nav,
    Header,
    Footer,
    Aside,
    Main,
    Article,
    Quotation,
    Figure,
    FigureCaption,
    /// A superscript in a formula.
    MathPower,
    /// Any other element; it ends a block.
    Block,
    Body,
    Noscript,
    /// What it holds is never text of the page.
    Nothing,
}

impl Tag {
    pub fn of(name: &QualName, attrs: &[Attribute]) -> Self {
        if name.ns == ns!(svg) {
            return Self::Nothing;
        }
        if name.ns == ns!(mathml) {
            return Self::of_math(&name.local);
        }
        let tag = Self::of_html(&name.local);
        let display = attrs
            .iter()
            .find(|attr| &*attr.name.local == "style")
            .and_then(|attr| display(&attr.value));
        match (tag, display) {
            (
                Self::Inline | Self::Span | Self::Code | Self::Link | Self::Phrase,
                Some(Display::Block),
            ) => Self::Block,
            (Self::Inline | Self::Span | Self::Code | Self::Link, Some(Display::Phrase)) => {
                Self::Phrase
            }
            _ => tag,
        }
    }

    fn of_html(name: &str) -> Self {
        match name {
            "abbr" | "acronym" | "b" | "bdi" | "bdo" | "big" | "cite" | "data" | "del" | "dfn"
            | "em" | "font" | "i" | "ins" | "mark" | "nobr" | "rb" | "s" | "small" | "strike"
            | "strong" | "sub" | "u" | "wbr" | "blink" | "basefont" | "slot" | "picture"
            | "source" | "map" | "math" => Self::Inline,
            "span" | "time" => Self::Span,
            "code" | "kbd" | "samp" | "tt" | "var" => Self::Code,
            "a" => Self::Link,
            "q" => Self::Quote,
            "sup" => Self::Sup,
            "ruby" => Self::Ruby,
            "rt" | "rtc" => Self::RubyText,
            "rp" => Self::RubyParenthesis,
            "label" | "button" | "output" | "meter" | "progress" | "input" => Self::Phrase,
            "img" => Self::Image,
            "br" => Self::LineBreak,
            "hr" => Self::Rule,
            "h1" => Self::Heading(1),
            "h2" => Self::Heading(2),
            "h3" => Self::Heading(3),
            "h4" => Self::Heading(4),
            "h5" => Self::Heading(5),
            "h6" => Self::Heading(6),
            "p" => Self::Paragraph,
            "pre" | "listing" | "xmp" | "plaintext" => Self::Preformatted,
            "ul" | "menu" | "dir" => Self::List,
            "ol" => Self::OrderedList,
            "li" => Self::Item,
            "dt" => Self::Term,
            "dd" => Self::Detail,
            "table" => Self::Table,
            "thead" | "tbody" | "tfoot" => Self::RowGroup,
            "tr" => Self::Row,
            "td" | "th" => Self::Cell,
            "caption" => Self::Caption,
            "option" => Self::Option,
            "nav" => Self::Nav,
            "header" => Self::Header,
            "footer" => Self::Footer,
            "aside" => Self::Aside,
            "main" => Self::Main,
            "article" => Self::Article,
            "blockquote" => Self::Quotation,
            "figure" => Self::Figure,
            "figcaption" => Self::FigureCaption,
            "body" => Self::Body,
            "noscript" => Self::Noscript,
            "head" | "title" | "meta" | "link" | "base" | "script" | "style" | "template"
            | "iframe" | "frameset" | "frame" | "noframes" | "noembed" | "object" | "embed"
            | "applet" | "param" | "canvas" | "audio" | "video" | "track" | "textarea"
            | "datalist" | "area" | "col" | "colgroup" => Self::Nothing,
            // What an author made up stands within a line unless its style sheet, which is not
            // read, says otherwise.
            _ if name.contains('-') => Self::Phrase,
            _ => Self::Block,
        }
    }

    /// A formula stands in a line; its source in another notation, which it may carry along, would
    /// say it twice.
    fn of_math(name: &str) -> Self {
        match name {
            "annotation" | "annotation-xml" => Self::Nothing,
            "msup" => Self::MathPower,
            "mtr" | "mtd" => Self::Phrase,
            _ => Self::Inline,
        }
    }

    /// Whether text before and after the element's ends may be one word.
    pub fn is_inline(self) -> bool {
        matches!(
            self,
            Self::Inline
                | Self::Span
                | Self::Code
                | Self::Link
                | Self::Quote
                | Self::Sup
                | Self::Ruby
                | Self::RubyText
                | Self::RubyParenthesis
                | Self::Phrase
                | Self::Image
                | Self::LineBreak
                | Self::MathPower
        )
    }
}

enum Display {
    Block,
    Phrase,
}

/// What the `display` of a style attribute makes of an inline element.
fn display(style: &str) -> Option<Display> {
    let mut rules = style.split(';').filter_map(|rule| rule.split_once(':'));
    let (_, value) = rules.rfind(|(name, _)| name.trim().eq_ignore_ascii_case("display"))?;
    let value = value.trim().trim_end_matches("!important").trim();
    let is = |names: &[&str]| names.iter().any(|name| value.eq_ignore_ascii_case(name));
    if is(&[
        "block",
        "flex",
        "grid",
        "list-item",
        "table",
        "table-row",
        "table-caption",
        "flow-root",
    ]) {
        Some(Display::Block)
    } else if is(&[
        "inline-block",
        "inline-flex",
        "inline-grid",
        "inline-table",
        "table-cell",
    ]) {
        Some(Display::Phrase)
    } else {
        None
    }
}
