//! The tree that the HTML parser builds: an arena of nodes linked by number. It is walked and freed
//! without recursion, so that no page is nested too deeply for the stack.

use super::tag::Tag;
use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::{Attribute, QualName};
use std::borrow::Cow;
use std::cell::{Ref, RefCell};
use std::num::NonZeroU32;

/// A node's place in the arena. Not zero, so that a link which may be absent takes four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id(NonZeroU32);

impl Id {
    pub const ROOT: Self = Self(NonZeroU32::MIN);

    /// Numbers nodes from 0 in the order in which they were made.
    pub fn index(self) -> usize {
        self.0.get() as usize - 1
    }

    fn new(index: usize) -> Self {
        // An arena of four thousand million nodes would fill the memory long before it fills the
        // number.
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        Self(NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN))
    }
}

#[derive(Debug)]
pub struct Element {
    pub name: QualName,
    pub tag: Tag,
    pub attrs: Vec<Attribute>,
}

impl Element {
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.attrs
            .iter()
            .find(|attr| &*attr.name.local == name)
            .map(|attr| &*attr.value)
    }

    pub fn local(&self) -> &str {
        &self.name.local
    }
}

#[derive(Debug)]
pub enum Data {
    /// The document, a comment or a processing instruction; also what a template holds.
    Other,
    Text(StrTendril),
    Element(Element),
}

#[derive(Debug)]
pub struct Node {
    pub parent: Option<Id>,
    pub first: Option<Id>,
    last: Option<Id>,
    prev: Option<Id>,
    pub next: Option<Id>,
    pub data: Data,
}

/// What a walk meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Enter(Id),
    Leave(Id),
}

#[derive(Debug, Default)]
pub struct Tree {
    nodes: Vec<Node>,
}

impl Tree {
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn node(&self, id: Id) -> &Node {
        &self.nodes[id.index()]
    }

    pub fn element(&self, id: Id) -> Option<&Element> {
        match &self.node(id).data {
            Data::Element(element) => Some(element),
            _ => None,
        }
    }

    /// The tag of an element; [`Tag::Root`] for any other node.
    pub fn tag(&self, id: Id) -> Tag {
        self.element(id).map_or(Tag::Root, |element| element.tag)
    }

    pub fn children(&self, id: Id) -> impl Iterator<Item = Id> {
        std::iter::successors(self.node(id).first, |&child| self.node(child).next)
    }

    /// The nodes above, nearest first.
    pub fn ancestors(&self, id: Id) -> impl Iterator<Item = Id> {
        std::iter::successors(self.node(id).parent, |&parent| self.node(parent).parent)
    }

    /// The step after `at` in a walk of the subtree `top`; `inside` is false to pass by what `at`
    /// contains.
    pub fn step(&self, top: Id, at: Step, inside: bool) -> Option<Step> {
        match at {
            Step::Enter(id) => match self.node(id).first {
                Some(child) if inside => Some(Step::Enter(child)),
                _ => Some(Step::Leave(id)),
            },
            Step::Leave(id) if id == top => None,
            Step::Leave(id) => {
                let node = self.node(id);
                node.next
                    .map(Step::Enter)
                    .or_else(|| node.parent.map(Step::Leave))
            }
        }
    }

    /// Every node of the subtree `top` in document order, `top` first.
    pub fn subtree(&self, top: Id) -> impl Iterator<Item = Id> {
        let steps =
            std::iter::successors(Some(Step::Enter(top)), move |&at| self.step(top, at, true));
        steps.filter_map(|step| match step {
            Step::Enter(id) => Some(id),
            Step::Leave(_) => None,
        })
    }

    /// The text below `top` as it stands, without a rule about blocks: for titles, scripts and
    /// marks.
    pub fn raw_text(&self, top: Id) -> String {
        let mut text = String::new();
        for id in self.subtree(top) {
            if let Data::Text(piece) = &self.node(id).data {
                text.push_str(piece);
            }
        }
        text
    }

    fn push(&mut self, data: Data) -> Id {
        self.nodes.push(Node {
            parent: None,
            first: None,
            last: None,
            prev: None,
            next: None,
            data,
        });
        Id::new(self.nodes.len() - 1)
    }

    fn at(&mut self, id: Id) -> &mut Node {
        &mut self.nodes[id.index()]
    }

    fn detach(&mut self, id: Id) {
        let node = self.at(id);
        let (parent, prev, next) = (node.parent.take(), node.prev.take(), node.next.take());
        match (prev, parent) {
            (Some(prev), _) => self.at(prev).next = next,
            (None, Some(parent)) => self.at(parent).first = next,
            (None, None) => {}
        }
        match (next, parent) {
            (Some(next), _) => self.at(next).prev = prev,
            (None, Some(parent)) => self.at(parent).last = prev,
            (None, None) => {}
        }
    }

    fn append(&mut self, parent: Id, child: Id) {
        self.detach(child);
        let last = self.node(parent).last;
        let node = self.at(child);
        (node.parent, node.prev) = (Some(parent), last);
        match last {
            Some(last) => self.at(last).next = Some(child),
            None => self.at(parent).first = Some(child),
        }
        self.at(parent).last = Some(child);
    }

    fn insert_before(&mut self, sibling: Id, child: Id) {
        self.detach(child);
        let (parent, prev) = (self.node(sibling).parent, self.node(sibling).prev);
        let node = self.at(child);
        (node.parent, node.prev, node.next) = (parent, prev, Some(sibling));
        self.at(sibling).prev = Some(child);
        match (prev, parent) {
            (Some(prev), _) => self.at(prev).next = Some(child),
            (None, Some(parent)) => self.at(parent).first = Some(child),
            (None, None) => {}
        }
    }

    /// The node to put behind `before`; none if it is text that `before` takes up.
    fn node_of(&mut self, child: NodeOrText<Id>, before: Option<Id>) -> Option<Id> {
        match child {
            NodeOrText::AppendNode(child) => Some(child),
            NodeOrText::AppendText(text) => {
                if let Some(Data::Text(taken)) = before.map(|id| &mut self.at(id).data) {
                    taken.push_tendril(&text);
                    return None;
                }
                Some(self.push(Data::Text(text)))
            }
        }
    }
}

/// Builds a [`Tree`] from what the parser says.
#[derive(Debug)]
pub struct Builder(RefCell<Tree>);

impl Builder {
    pub fn new() -> Self {
        let mut tree = Tree::default();
        tree.push(Data::Other);
        Self(RefCell::new(tree))
    }
}

impl TreeSink for Builder {
    type Handle = Id;
    type Output = Tree;
    type ElemName<'a> = Ref<'a, QualName>;

    fn finish(self) -> Tree {
        self.0.into_inner()
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> Id {
        Id::ROOT
    }

    fn elem_name<'a>(&'a self, target: &'a Id) -> Ref<'a, QualName> {
        const NONE: &QualName = &QualName {
            prefix: None,
            ns: html5ever::ns!(html),
            local: html5ever::local_name!("template"),
        };
        Ref::map(self.0.borrow(), |tree| {
            tree.element(*target).map_or(NONE, |element| &element.name)
        })
    }

    fn create_element(&self, name: QualName, attrs: Vec<Attribute>, _: ElementFlags) -> Id {
        let tag = Tag::of(&name, &attrs);
        self.0
            .borrow_mut()
            .push(Data::Element(Element { name, tag, attrs }))
    }

    fn create_comment(&self, _: StrTendril) -> Id {
        self.0.borrow_mut().push(Data::Other)
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> Id {
        self.0.borrow_mut().push(Data::Other)
    }

    fn append(&self, parent: &Id, child: NodeOrText<Id>) {
        let mut tree = self.0.borrow_mut();
        let last = tree.node(*parent).last;
        if let Some(child) = tree.node_of(child, last) {
            tree.append(*parent, child);
        }
    }

    fn append_before_sibling(&self, sibling: &Id, child: NodeOrText<Id>) {
        let mut tree = self.0.borrow_mut();
        let prev = tree.node(*sibling).prev;
        if let Some(child) = tree.node_of(child, prev) {
            tree.insert_before(*sibling, child);
        }
    }

    fn append_based_on_parent_node(&self, element: &Id, prev_element: &Id, child: NodeOrText<Id>) {
        let has_parent = self.0.borrow().node(*element).parent.is_some();
        if has_parent {
            self.append_before_sibling(element, child)
        } else {
            self.append(prev_element, child)
        }
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    /// What a template holds is no content, so it may as well stand in the template itself.
    fn get_template_contents(&self, target: &Id) -> Id {
        *target
    }

    fn same_node(&self, x: &Id, y: &Id) -> bool {
        x == y
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn add_attrs_if_missing(&self, target: &Id, attrs: Vec<Attribute>) {
        if let Data::Element(element) = &mut self.0.borrow_mut().at(*target).data {
            for attr in attrs {
                if element.attrs.iter().all(|has| has.name != attr.name) {
                    element.attrs.push(attr);
                }
            }
        }
    }

    fn remove_from_parent(&self, target: &Id) {
        self.0.borrow_mut().detach(*target);
    }

    fn reparent_children(&self, node: &Id, new_parent: &Id) {
        let mut tree = self.0.borrow_mut();
        while let Some(child) = tree.node(*node).first {
            tree.append(*new_parent, child);
        }
    }
}
