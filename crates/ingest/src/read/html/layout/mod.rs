//! Tree to text: blocks apart by a blank line, items and rows a line each, cells apart by a bar.

mod writer;

use self::writer::{Container, Gap, Seam, Writer};
use super::clutter::Clutter;
use super::marks::{self, Mark};
use super::stats::Census;
use super::tag::Tag;
use super::tree::{Data, Element, Id, Step, Tree};

/// A cell of a table with longer text is laid out as blocks.
const CELL: u32 = 1000;

/// The text of `tree` without its clutter.
pub fn text(tree: &Tree, clutter: &Clutter, census: &Census) -> String {
    let mut writer = Writer::new(tree, census);
    let mut step = Some(Step::Enter(Id::ROOT));
    while let Some(at) = step {
        let inside = match at {
            Step::Enter(id) => !clutter.has(id) && writer.enter(id),
            Step::Leave(id) => {
                if !clutter.has(id) {
                    writer.leave(id);
                }
                true
            }
        };
        step = tree.step(Id::ROOT, at, inside);
    }
    writer.out
}

impl Writer<'_> {
    /// True to go into it.
    fn enter(&mut self, id: Id) -> bool {
        let element = match &self.tree.node(id).data {
            Data::Text(text) => {
                self.text(text);
                return true;
            }
            Data::Element(element) => element,
            Data::Other => return true,
        };
        match element.tag {
            Tag::Nothing => return false,
            Tag::Inline | Tag::Root => {}
            Tag::Code => self.code += 1,
            Tag::Span | Tag::Link => self.seam = self.seam.opened(element.tag),
            Tag::Quote => self.word("\""),
            Tag::Sup => return self.enter_sup(id),
            Tag::MathPower => {}
            Tag::Ruby => self.readings = Some(String::new()),
            Tag::RubyText if self.readings.is_some() => self.in_reading += 1,
            Tag::RubyText => self.want(Gap::Word),
            Tag::RubyParenthesis => return self.readings.is_none(),
            Tag::Phrase => self.want(Gap::Word),
            Tag::Image => self.image(id, element),
            Tag::LineBreak => self.line_break(),
            Tag::Preformatted => self.enter_pre(),
            Tag::Item => self.enter_item(id, element),
            Tag::List => self.enter_list(None),
            Tag::OrderedList => self.enter_list(Some(first_number(element))),
            Tag::Term => {
                self.want(Gap::Block);
                self.containers.push(Container::Item);
            }
            Tag::Detail => {
                self.want(Gap::Line);
                self.fix();
                self.containers.push(Container::Free);
            }
            Tag::Table => self.enter_table(id),
            Tag::RowGroup | Tag::Row => self.row(),
            Tag::Cell => self.enter_cell(id),
            Tag::FigureCaption | Tag::Caption | Tag::Option => self.want(Gap::Line),
            Tag::Quotation => {
                self.want(Gap::Block);
                self.containers.push(Container::Free);
            }
            _ => self.want(Gap::Block),
        }
        true
    }

    fn leave(&mut self, id: Id) {
        match self.tree.tag(id) {
            Tag::Root | Tag::Nothing | Tag::Inline | Tag::Image | Tag::LineBreak => {}
            Tag::Code => self.code = self.code.saturating_sub(1),
            Tag::Span => self.seam = Seam::Closed,
            Tag::Link => self.seam = Seam::ClosedLink,
            Tag::MathPower | Tag::RubyParenthesis => {}
            Tag::Quote => self.word("\""),
            Tag::Sup => self.leave_sup(id),
            Tag::Ruby => self.leave_ruby(),
            Tag::RubyText if self.readings.is_some() => {
                self.in_reading = self.in_reading.saturating_sub(1)
            }
            Tag::RubyText | Tag::Phrase => self.want(Gap::Word),
            Tag::Preformatted => {
                self.pre = self.pre.saturating_sub(1);
                self.held.clear();
                self.want(Gap::Block);
            }
            Tag::Item => {
                self.containers.pop();
                self.marker = None;
                self.want(Gap::Line);
            }
            Tag::List | Tag::OrderedList => {
                self.lists.pop();
                self.want(if self.lists.is_empty() {
                    Gap::Block
                } else {
                    Gap::Line
                });
            }
            Tag::Term => {
                self.containers.pop();
                self.want(Gap::Line);
            }
            Tag::Detail | Tag::Quotation => {
                self.containers.pop();
                self.want(Gap::Block);
            }
            Tag::Table => {
                self.tables.pop();
                self.bars = 0;
                self.containers.pop();
                self.want(Gap::Block);
            }
            Tag::RowGroup | Tag::Row => self.row(),
            Tag::Cell => {
                self.containers.pop();
                if self.in_data_table() {
                    self.bars += 1;
                } else {
                    self.want(Gap::Block);
                }
            }
            Tag::FigureCaption | Tag::Caption | Tag::Option => self.want(Gap::Line),
            _ => self.want(Gap::Block),
        }
    }

    fn in_data_table(&self) -> bool {
        self.tables.last().copied().unwrap_or(false)
    }

    /// A row begins or ends.
    fn row(&mut self) {
        self.bars = 0;
        self.want(if self.in_data_table() {
            Gap::Line
        } else {
            Gap::Block
        });
    }

    fn enter_table(&mut self, id: Id) {
        let stats = self.census.get(id);
        let data = !stats.tall && stats.columns > 1 && stats.cell <= CELL;
        self.want(Gap::Block);
        self.tables.push(data);
        self.containers.push(Container::Free);
    }

    fn enter_cell(&mut self, _: Id) {
        if self.in_data_table() {
            self.containers.push(Container::Flat);
        } else {
            self.want(Gap::Block);
            self.containers.push(Container::Free);
        }
    }

    fn enter_pre(&mut self) {
        self.want(Gap::Block);
        if self.containers.last() == Some(&Container::Flat) {
            return;
        }
        self.pre += 1;
        self.pre_starts = true;
        self.held.clear();
    }

    fn enter_list(&mut self, number: Option<i64>) {
        self.want(if self.lists.is_empty() {
            Gap::Block
        } else {
            Gap::Line
        });
        self.lists.push(number);
    }

    fn enter_item(&mut self, id: Id, element: &Element) {
        if self.census.get(id).has_heading {
            // No list but a layout: a chapter of the page in each item.
            self.want(Gap::Block);
            self.containers.push(Container::Free);
            return;
        }
        self.want(Gap::Line);
        self.fix();
        let flat = self.containers.last() == Some(&Container::Flat);
        let marker = match self.lists.last_mut() {
            Some(Some(next)) => {
                let number = element
                    .attr("value")
                    .and_then(|value| value.trim().parse().ok())
                    .unwrap_or(*next);
                *next = number.saturating_add(1);
                format!("{number}. ")
            }
            _ => "- ".to_owned(),
        };
        if self.pre == 0 && !flat {
            self.marker = Some(marker);
        }
        self.containers.push(if flat {
            Container::Flat
        } else {
            Container::Item
        });
    }

    /// Two in a row are how old pages part their paragraphs.
    fn line_break(&mut self) {
        if self.pre > 0 {
            self.held.push('\n');
        } else {
            self.want(if self.gap == Gap::Line {
                Gap::Block
            } else {
                Gap::Line
            });
        }
    }

    fn enter_sup(&mut self, id: Id) -> bool {
        if self.pre > 0 || self.in_reading > 0 {
            return true;
        }
        let before = if self.gap == Gap::None {
            marks::tail(&self.out)
        } else {
            ""
        };
        match marks::of(self.tree, id, before) {
            Mark::Power => self.out.push('^'),
            Mark::Note => self.want(Gap::Word),
            Mark::Joined => {}
        }
        true
    }

    fn leave_sup(&mut self, id: Id) {
        if self.pre == 0 && marks::is_note(self.tree, id) {
            self.want(Gap::Word);
        }
    }

    /// The readings of all parts in one parenthesis after the word, so that the word stays one.
    fn leave_ruby(&mut self) {
        self.in_reading = 0;
        if let Some(readings) = self.readings.take().filter(|readings| !readings.is_empty()) {
            self.word(&format!("({readings})"));
        }
    }

    fn image(&mut self, id: Id, element: &Element) {
        let Some(alt) = element
            .attr("alt")
            .map(|alt| alt.split_whitespace().collect::<Vec<_>>().join(" "))
        else {
            return;
        };
        if !is_description(&alt) || alt == self.last_alt || self.pre > 0 || self.has_caption(id) {
            return;
        }
        let stands_alone = self.tree.node(id).parent.is_some_and(|parent| {
            let tag = self.tree.tag(parent);
            !tag.is_inline()
                && !matches!(
                    tag,
                    Tag::Paragraph | Tag::Item | Tag::Cell | Tag::Heading(_)
                )
        });
        let gap = if stands_alone { Gap::Line } else { Gap::Word };
        self.want(gap);
        self.running(&alt);
        self.want(gap);
        self.last_alt = alt;
    }

    /// Whether a caption says what the image shows.
    fn has_caption(&self, id: Id) -> bool {
        let figure = self
            .tree
            .ancestors(id)
            .take(6)
            .find(|&above| self.tree.tag(above) == Tag::Figure);
        figure.is_some_and(|figure| {
            let mut below = self.tree.subtree(figure).take(100);
            below.any(|id| self.tree.tag(id) == Tag::FigureCaption && self.census.get(id).text > 0)
        })
    }
}

/// Words about the picture, no file name and no formula's source.
fn is_description(alt: &str) -> bool {
    alt.chars().count() >= 20 && alt.split(' ').count() >= 4 && !alt.starts_with("{\\displaystyle")
}

fn first_number(element: &Element) -> i64 {
    element
        .attr("start")
        .and_then(|start| start.trim().parse().ok())
        .unwrap_or(1)
}

/// The text of one element on one line.
pub fn line(tree: &Tree, clutter: &Clutter, top: Id) -> String {
    let mut text = String::new();
    let mut step = Some(Step::Enter(top));
    while let Some(at) = step {
        let mut inside = true;
        match at {
            Step::Enter(id) => match &tree.node(id).data {
                Data::Text(piece) => text.push_str(piece),
                _ => {
                    inside = id == top || !clutter.has(id);
                    if !tree.tag(id).is_inline() || tree.tag(id) == Tag::LineBreak {
                        text.push(' ');
                    }
                }
            },
            Step::Leave(id) => {
                if !tree.tag(id).is_inline() && tree.element(id).is_some() {
                    text.push(' ');
                }
            }
        }
        step = tree.step(top, at, inside);
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
