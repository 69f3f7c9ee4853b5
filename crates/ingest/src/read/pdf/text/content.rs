//! Interprets content streams to find the position of every glyph. Nothing is painted.

use super::fonts::{Face, Fonts};
use super::info;
use super::tokens::{Operand, Operators};
use hayro_font::kurbo::{Affine, Point};
use hayro_syntax::object::{Array, Dict, Name, ObjectIdentifier, Stream, String as PdfString};
use hayro_syntax::page::Resources;
use std::collections::HashMap;
use std::rc::Rc;

/// Form XObjects nested more deeply are ignored.
const MAX_FORM_DEPTH: usize = 16;
/// Limit on the operators of one page: forms that draw each other multiply the work of a few bytes.
const MAX_OPERATORS: usize = 5_000_000;
/// Limit on the glyphs of one page.
const MAX_GLYPHS: usize = 500_000;
/// A larger number in a `TJ` array is a gap rather than kerning, in thousandths of the font size.
const MAX_KERNING: f64 = 150.0;
/// Limit on saved graphics states and on nested marked content.
const MAX_SAVED_STATES: usize = 512;

/// A glyph in page coordinates, after the page rotation; y goes up.
#[derive(Clone)]
pub struct Glyph {
    pub text: Rc<str>,
    pub x: f64,
    pub y: f64,
    /// The writing direction, a unit vector.
    pub direction: (f64, f64),
    /// The advance of the glyph itself in the writing direction.
    pub width: f64,
    /// The additional spacing after it.
    pub spacing: f64,
    pub size: f64,
}

/// What was found on a page.
#[derive(Default)]
pub struct Drawing {
    pub glyphs: Vec<Glyph>,
    /// Glyphs without known text.
    pub unmapped_glyphs: usize,
    /// The number of images.
    pub images: usize,
    /// The number of painted paths.
    pub strokes: usize,
    /// Whether a limit was exceeded and the rest ignored.
    pub truncated: bool,
    /// Glyph indices by position, to find glyphs drawn twice for bold.
    positions: HashMap<(i32, i32), Vec<u32>>,
}

#[derive(Clone)]
struct State<'a> {
    ctm: Affine,
    face: Option<Rc<Face<'a>>>,
    size: f64,
    char_spacing: f64,
    word_spacing: f64,
    horizontal_scale: f64,
    leading: f64,
    rise: f64,
}

/// Open marked content, with its `ActualText` if it has one.
struct MarkedContent {
    actual_text: Option<ActualText>,
}

struct ActualText {
    text: String,
    first: Option<Glyph>,
    end: Point,
}

pub struct Interpreter<'a, 'f> {
    fonts: &'f Fonts<'a>,
    state: State<'a>,
    saved: Vec<State<'a>>,
    matrix: Affine,
    line: Affine,
    marked: Vec<MarkedContent>,
    forms: Vec<ObjectIdentifier>,
    operators: usize,
    pub drawn: Drawing,
}

impl<'a, 'f> Interpreter<'a, 'f> {
    pub fn new(fonts: &'f Fonts<'a>, start: Affine) -> Self {
        Self {
            fonts,
            state: State {
                ctm: start,
                face: None,
                size: 1.0,
                char_spacing: 0.0,
                word_spacing: 0.0,
                horizontal_scale: 1.0,
                leading: 0.0,
                rise: 0.0,
            },
            saved: Vec::new(),
            matrix: Affine::IDENTITY,
            line: Affine::IDENTITY,
            marked: Vec::new(),
            forms: Vec::new(),
            operators: 0,
            drawn: Drawing::default(),
        }
    }

    /// Interprets a content stream.
    pub fn run(&mut self, content: &[u8], resources: &Resources<'a>) {
        let mut operators = Operators::new(content);
        while let Some(operator) = operators.next() {
            self.operators += 1;
            if self.operators > MAX_OPERATORS || self.drawn.glyphs.len() >= MAX_GLYPHS {
                self.drawn.truncated = true;
                return;
            }
            self.step(operator, &operators.operands, resources);
        }
    }

    fn step(&mut self, operator: &[u8], operands: &[Operand], resources: &Resources<'a>) {
        match operator {
            b"q" if self.saved.len() < MAX_SAVED_STATES => self.saved.push(self.state.clone()),
            b"Q" => {
                if let Some(state) = self.saved.pop() {
                    self.state = state;
                }
            }
            b"cm" => {
                if let Some(matrix) = numbers(operands) {
                    self.state.ctm *= Affine::new(matrix);
                }
            }
            b"gs" => {
                let dict =
                    name(operands).and_then(|name| resources.ext_g_states.get::<Dict<'a>>(name));
                if let Some(font) = dict.and_then(|d| d.get::<Array<'a>>("Font")) {
                    let mut parts = font.flex_iter();
                    self.state.face = parts
                        .next::<Dict<'_>>()
                        .and_then(|dict| self.fonts.face(&dict));
                    self.state.size = parts.next::<f64>().unwrap_or(1.0);
                }
            }
            b"BT" => (self.matrix, self.line) = (Affine::IDENTITY, Affine::IDENTITY),
            b"Tc" => self.state.char_spacing = number(operands),
            b"Tw" => self.state.word_spacing = number(operands),
            b"Tz" => self.state.horizontal_scale = number(operands) / 100.0,
            b"TL" => self.state.leading = number(operands),
            b"Ts" => self.state.rise = number(operands),
            b"Tf" => {
                let font = operands.iter().rev().find_map(|o| {
                    if let Operand::Name(name) = o {
                        Some(name)
                    } else {
                        None
                    }
                });
                let dict = font.and_then(|name| resources.fonts.get::<Dict<'a>>(name));
                self.state.face = dict.and_then(|dict| self.fonts.face(&dict));
                self.state.size = number(operands);
            }
            b"Td" | b"TD" => {
                if let Some([x, y]) = numbers(operands) {
                    if operator == b"TD" {
                        self.state.leading = -y;
                    }
                    self.next_line(x, y);
                }
            }
            b"T*" => self.next_line(0.0, -self.state.leading),
            b"Tm" => {
                if let Some(matrix) = numbers(operands) {
                    self.line = Affine::new(matrix);
                    self.matrix = self.line;
                }
            }
            b"Tj" | b"'" | b"\"" => {
                if operator == b"\""
                    && let [.., Operand::Number(word), Operand::Number(character), _] = operands
                {
                    (self.state.word_spacing, self.state.char_spacing) = (*word, *character);
                }
                if operator != b"Tj" {
                    self.next_line(0.0, -self.state.leading);
                }
                if let Some(Operand::Text(text)) = operands.last() {
                    self.show(text, text.len() > 2);
                }
            }
            b"TJ" => {
                if let Some(Operand::List(parts)) = operands.last() {
                    self.show_parts(parts);
                }
            }
            b"Do" => {
                if let Some(name) = name(operands) {
                    self.draw_object(name, resources);
                }
            }
            b"BI" => self.drawn.images += 1,
            b"S" | b"s" | b"f" | b"F" | b"f*" | b"B" | b"B*" | b"b" | b"b*" => {
                self.drawn.strokes += 1
            }
            b"BMC" => self.begin_marked(None),
            b"BDC" => {
                let text = match operands.last() {
                    Some(Operand::Dict(entries)) => {
                        entries.iter().find_map(|(key, value)| match value {
                            Operand::Text(text) if key == b"ActualText" => {
                                Some(info::decode_text_string(text))
                            }
                            _ => None,
                        })
                    }
                    Some(Operand::Name(name)) => resources
                        .properties
                        .get::<Dict<'_>>(name)
                        .and_then(|dict| dict.get::<PdfString<'_>>("ActualText"))
                        .map(|text| info::decode_text_string(text.as_bytes())),
                    _ => None,
                };
                self.begin_marked(text);
            }
            b"EMC" => self.end_marked(),
            _ => {}
        }
    }

    fn show_parts(&mut self, parts: &[Operand]) {
        // If there are gaps in the array, the strings are not evenly spaced: some programs use both
        // to cancel each other.
        let mut letters = 0;
        let even = parts.iter().all(|part| match part {
            Operand::Text(text) => {
                letters += text.len();
                true
            }
            Operand::Number(by) => by.abs() < MAX_KERNING,
            _ => true,
        });
        for part in parts {
            match part {
                Operand::Text(text) => self.show(text, even && letters > 2),
                Operand::Number(by) => self.shift(*by),
                _ => {}
            }
        }
    }

    fn begin_marked(&mut self, text: Option<String>) {
        if self.marked.len() >= MAX_SAVED_STATES {
            return;
        }
        // Within marked content that has an `ActualText`, nested ones are ignored.
        let inside = self.marked.iter().any(|m| m.actual_text.is_some());
        let actual_text = text.filter(|_| !inside).map(|text| ActualText {
            text,
            first: None,
            end: Point::ZERO,
        });
        self.marked.push(MarkedContent { actual_text });
    }

    fn end_marked(&mut self) {
        let Some(MarkedContent {
            actual_text: Some(actual_text),
        }) = self.marked.pop()
        else {
            return;
        };
        let Some(mut glyph) = actual_text.first else {
            return;
        };
        let along = (actual_text.end.x - glyph.x) * glyph.direction.0
            + (actual_text.end.y - glyph.y) * glyph.direction.1;
        glyph.width = along.max(glyph.width);
        glyph.text = super::letters::normalize(&actual_text.text).into();
        self.push(glyph);
    }

    fn next_line(&mut self, x: f64, y: f64) {
        self.line *= Affine::translate((x, y));
        self.matrix = self.line;
    }

    /// Moves back by a number of a `TJ` array, in thousandths of the font size.
    fn shift(&mut self, by: f64) {
        let by = -by / 1000.0 * self.state.size;
        let by = match &self.state.face {
            Some(face) if !face.is_horizontal() => (0.0, by),
            _ => (by * self.state.horizontal_scale, 0.0),
        };
        self.matrix *= Affine::translate(by);
    }

    /// Shows a string. `even` means that only the character spacing sets its letters apart.
    fn show(&mut self, bytes: &[u8], even: bool) {
        let Some(face) = self.state.face.clone() else {
            return;
        };
        let (size, stretch) = (self.state.size, self.state.horizontal_scale);
        let mut at = 0;
        while at < bytes.len() {
            let (number, length) = face.read(bytes, at);
            let word = if length == 1 && bytes[at] == 32 {
                self.state.word_spacing
            } else {
                0.0
            };
            at += length;
            let code = face.code(number, length);
            let spacing = self.state.char_spacing + word;
            let place = self.state.ctm * self.matrix;
            let (advance, spacing) = if face.is_horizontal() {
                (
                    (code.advance.0 * size * stretch, 0.0),
                    (spacing * stretch, 0.0),
                )
            } else {
                ((0.0, code.advance.1 * size), (0.0, spacing))
            };
            self.glyph(
                &face,
                &code.text,
                place,
                advance,
                if even { spacing } else { (0.0, 0.0) },
            );
            self.matrix *= Affine::translate((advance.0 + spacing.0, advance.1 + spacing.1));
        }
    }

    fn glyph(
        &mut self,
        face: &Face<'a>,
        text: &Rc<str>,
        place: Affine,
        advance: (f64, f64),
        spacing: (f64, f64),
    ) {
        let [a, b, c, d, _, _] = place.as_coeffs();
        let at = place * Point::new(0.0, self.state.rise);
        let vector = |v: (f64, f64)| (a * v.0 + c * v.1, b * v.0 + d * v.1);
        let across = if face.is_horizontal() {
            (1.0, 0.0)
        } else {
            (0.0, -1.0)
        };
        let along = vector(across);
        let length = along.0.hypot(along.1);
        // The font size is the height of the glyph box after all transformations.
        let up = vector((0.0, self.state.size * face.scale));
        let size = up.0.hypot(up.1);
        if !(length > 0.0
            && size > 0.0
            && length.is_finite()
            && size.is_finite()
            && at.x.is_finite()
            && at.y.is_finite())
        {
            return;
        }
        let mut direction = (along.0 / length, along.1 / length);
        let moved = |v: (f64, f64)| {
            let v = vector(v);
            v.0 * direction.0 + v.1 * direction.1
        };
        let (mut width, spacing) = (moved(advance), moved(spacing));
        if width < 0.0 {
            // A negative size or scale: the text runs in the opposite direction.
            width = -width;
            direction = (-direction.0, -direction.1);
        }
        let width = width.min(size * 50.0);
        let glyph = Glyph {
            text: text.clone(),
            x: at.x,
            y: at.y,
            direction,
            width,
            spacing,
            size,
        };
        match self
            .marked
            .iter_mut()
            .rev()
            .find_map(|m| m.actual_text.as_mut())
        {
            Some(actual_text) => {
                actual_text.end =
                    Point::new(at.x + direction.0 * width, at.y + direction.1 * width);
                if actual_text.first.is_none() {
                    actual_text.first = Some(glyph);
                }
            }
            None if text.is_empty() => self.drawn.unmapped_glyphs += 1,
            None => self.push(glyph),
        }
    }

    /// Adds a glyph, unless the same one was already drawn at that position.
    fn push(&mut self, glyph: Glyph) {
        if self.drawn.glyphs.len() >= MAX_GLYPHS || glyph.text.is_empty() {
            return;
        }
        if &*glyph.text != " " {
            let near = glyph.size * 0.12;
            let cell = |v: f64| (v / 4.0).floor() as i32;
            for x in cell(glyph.x - near)
                ..=cell(glyph.x + near).min(cell(glyph.x - near).saturating_add(8))
            {
                for y in cell(glyph.y - near)
                    ..=cell(glyph.y + near).min(cell(glyph.y - near).saturating_add(8))
                {
                    let Some(nearby) = self.drawn.positions.get(&(x, y)) else {
                        continue;
                    };
                    // Compare only with the latest, so that a page with 100,000 glyphs at one
                    // position takes linear time.
                    for other in nearby
                        .iter()
                        .rev()
                        .take(16)
                        .filter_map(|i| self.drawn.glyphs.get(*i as usize))
                    {
                        if other.text == glyph.text
                            && (other.x - glyph.x).hypot(other.y - glyph.y) < near
                            && (other.size - glyph.size).abs() < glyph.size * 0.1
                        {
                            return;
                        }
                    }
                }
            }
            let place = (cell(glyph.x), cell(glyph.y));
            self.drawn
                .positions
                .entry(place)
                .or_default()
                .push(self.drawn.glyphs.len() as u32);
        }
        self.drawn.glyphs.push(glyph);
    }

    fn draw_object(&mut self, name: &[u8], resources: &Resources<'a>) {
        let Some(stream) = resources.x_objects.get::<Stream<'a>>(name) else {
            return;
        };
        match stream
            .dict()
            .get::<Name<'_>>("Subtype")
            .as_ref()
            .map(Name::as_str)
        {
            Some("Form") => self.form(&stream, Affine::IDENTITY, Some(resources)),
            Some("Image") => self.drawn.images += 1,
            _ => {}
        }
    }

    /// Interprets a form XObject, with the resources of the enclosing stream if it has none.
    pub fn form(&mut self, stream: &Stream<'a>, place: Affine, outer: Option<&Resources<'a>>) {
        let id = stream.obj_id();
        if self.forms.len() >= MAX_FORM_DEPTH || self.forms.contains(&id) {
            return;
        }
        let Ok(content) = stream.decoded_data() else {
            return;
        };
        let resources = match (stream.dict().get::<Dict<'_>>("Resources"), outer) {
            (Some(own), _) => Resources::new(own),
            (None, Some(outer)) => outer.clone(),
            (None, None) => Resources::new(Dict::empty()),
        };
        let kept = (
            self.state.clone(),
            self.matrix,
            self.line,
            std::mem::take(&mut self.saved),
            self.marked.len(),
        );
        self.forms.push(id);
        self.state.ctm *= place;
        if let Some(matrix) = stream.dict().get::<[f64; 6]>("Matrix") {
            self.state.ctm *= Affine::new(matrix);
        }
        self.run(&content, &resources);
        self.forms.pop();
        while self.marked.len() > kept.4 {
            self.end_marked();
        }
        (self.state, self.matrix, self.line, self.saved) = (kept.0, kept.1, kept.2, kept.3);
    }
}

/// The last `N` operands, if they are numbers.
fn numbers<const N: usize>(operands: &[Operand]) -> Option<[f64; N]> {
    let mut out = [0.0; N];
    let from = operands.len().checked_sub(N)?;
    for (to, operand) in out.iter_mut().zip(&operands[from..]) {
        let Operand::Number(number) = operand else {
            return None;
        };
        *to = *number;
    }
    Some(out)
}

fn number(operands: &[Operand]) -> f64 {
    numbers(operands).map_or(0.0, |[n]| n)
}

fn name(operands: &[Operand]) -> Option<&[u8]> {
    match operands.last() {
        Some(Operand::Name(name)) => Some(name),
        _ => None,
    }
}
