//! Maps character codes of fonts to text and widths.
//!
//! `hayro-font` handles ToUnicode, glyph names and encodings. Fallbacks for the rest: codes that
//! are Unicode already, the CIDs of Adobe's character collections, the inverted `cmap` of the
//! embedded font, and TeX's encodings in bitmap fonts.

use hayro_cmap::{BfString, CMap, CMapName, CidFamily, load_embedded};
use hayro_font::{Font, FontCache, FontGlyph, FontQuery, GlyphId};
use hayro_syntax::object::{Array, Dict, Name, String as PdfString};
use skrifa::{FontRef, MetadataProvider};
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// Limit on cached codes per font: a hostile font can use 4 billion.
const MAX_CACHED_CODES: usize = 1 << 16;

/// The text of a code (empty if unknown) and its advance at font size 1.
#[derive(Clone)]
pub struct Code {
    pub text: Rc<str>,
    pub advance: (f64, f64),
}

/// A font, reduced to what text extraction needs.
pub struct Face<'a> {
    font: Font<'a>,
    /// The height of its letters at font size 1. TeX draws bitmap fonts at size 1 and scales them
    /// by a matrix.
    pub scale: f64,
    fallback: Fallback,
    glyphs: OnceCell<HashMap<u32, char>>,
    codes: RefCell<HashMap<(u32, u8), Code>>,
}

enum Fallback {
    Nothing,
    /// The code is UTF-16.
    Utf16,
    /// Maps codes to CIDs, and these to Unicode.
    Collection(Box<(CMap, CMap)>),
    /// Goes through the glyph and the font's own `cmap`.
    Glyphs,
    /// TeX's encodings, for bitmap fonts without glyph names: Cork (T1) for fonts with more than
    /// 128 codes, else Knuth's (OT1).
    Bitmaps {
        cork: bool,
    },
}

/// Fonts by object id; `None` for unsupported ones.
type Faces<'a> = HashMap<(u32, i32), Option<Rc<Face<'a>>>>;

/// The fonts of a document.
#[derive(Default)]
pub struct Fonts<'a> {
    cache: FontCache<'a>,
    faces: RefCell<Faces<'a>>,
}

impl<'a> Fonts<'a> {
    /// The font of a dictionary; `None` if its type is not supported.
    pub fn face(&self, dict: &Dict<'a>) -> Option<Rc<Face<'a>>> {
        let Some(id) = dict.obj_id() else {
            return Face::new(dict, &self.cache).map(Rc::new);
        };
        let key = (id.obj_number, id.gen_number);
        if let Some(face) = self.faces.borrow().get(&key) {
            return face.clone();
        }
        let face = Face::new(dict, &self.cache).map(Rc::new);
        self.faces.borrow_mut().insert(key, face.clone());
        face
    }
}

impl<'a> Face<'a> {
    fn new(dict: &Dict<'a>, cache: &FontCache<'a>) -> Option<Self> {
        let resolve: hayro_font::FontResolverFn = Arc::new(|query: &FontQuery| {
            Some(match query {
                FontQuery::Standard(font) => font.get_font_data(),
                FontQuery::Fallback(query) => query.pick_standard_font().get_font_data(),
            })
        });
        let cmaps: hayro_font::CMapResolverFn = Arc::new(load_embedded);
        let font = cache.font(dict, &resolve, &cmaps)?;
        let kind = dict.get::<Name<'_>>("Subtype");
        let (fallback, scale) = match kind.as_ref().map(Name::as_str) {
            Some("Type0") => (composite_fallback(dict), 1.0),
            Some("Type3") => {
                let cork = dict.get::<u32>("LastChar").is_some_and(|last| last > 127);
                (Fallback::Bitmaps { cork }, type3_scale(dict))
            }
            Some("TrueType") => (Fallback::Glyphs, 1.0),
            _ => (Fallback::Nothing, 1.0),
        };
        Some(Self {
            font,
            scale,
            fallback,
            glyphs: OnceCell::new(),
            codes: RefCell::default(),
        })
    }

    /// Decodes the code at an offset of a string. Returns it and its length in bytes.
    pub fn read(&self, bytes: &[u8], offset: usize) -> (u32, usize) {
        let (code, length) = self.font.read_code(bytes, offset);
        (code, length.max(1))
    }

    pub fn is_horizontal(&self) -> bool {
        self.font.is_horizontal()
    }

    pub fn code(&self, code: u32, length: usize) -> Code {
        let key = (code, length.min(4) as u8);
        if let Some(known) = self.codes.borrow().get(&key) {
            return known.clone();
        }
        let glyph = self.font.map_code(code);
        let text = match self.font.glyph(glyph, code) {
            FontGlyph::Outline(g) => g.as_unicode(),
            FontGlyph::Type3(g) => g.as_unicode(),
        };
        let text = match text {
            Some(BfString::Char(c)) if c != '\0' && c != '\u{fffd}' => Some(c.to_string()),
            Some(BfString::String(s)) if !s.is_empty() => Some(s),
            _ => self.fallback_text(code, glyph),
        };
        let advance = self.font.code_advance(code);
        let code = Code {
            text: super::letters::normalize(&text.unwrap_or_default()).into(),
            advance: (advance.x / 1000.0, advance.y / 1000.0),
        };
        let mut codes = self.codes.borrow_mut();
        if codes.len() < MAX_CACHED_CODES {
            codes.insert(key, code.clone());
        }
        code
    }

    fn fallback_text(&self, code: u32, glyph: GlyphId) -> Option<String> {
        match &self.fallback {
            Fallback::Nothing => None,
            Fallback::Utf16 => match u16::try_from(code) {
                Ok(unit) => char::from_u32(unit.into()).map(String::from),
                Err(_) => String::from_utf16(&[(code >> 16) as u16, code as u16]).ok(),
            },
            Fallback::Collection(maps) => {
                let cid = (1..=4).find_map(|n| maps.0.lookup_cid_code(code, n))?;
                match maps.1.lookup_bf_string(cid)? {
                    BfString::Char(c) => Some(c.to_string()),
                    BfString::String(s) => Some(s),
                }
            }
            Fallback::Glyphs => {
                let table = self.glyphs.get_or_init(|| self.reverse_cmap(glyph, code));
                table.get(&glyph.to_u32()).map(char::to_string)
            }
            Fallback::Bitmaps { cork } => tex_char(u8::try_from(code).ok()?, *cork),
        }
    }

    /// The embedded font's `cmap`, inverted: the first character of each glyph.
    fn reverse_cmap(&self, glyph: GlyphId, code: u32) -> HashMap<u32, char> {
        let mut table = HashMap::new();
        let FontGlyph::Outline(outline) = self.font.glyph(glyph, code) else {
            return table;
        };
        let Some(data) = outline.font_data() else {
            return table;
        };
        let Ok(font) = FontRef::new(data.data.as_ref().as_ref()) else {
            return table;
        };
        for (character, glyph) in font.charmap().mappings().take(MAX_CACHED_CODES) {
            if let Some(character) = char::from_u32(character).filter(|c| *c > ' ') {
                table.entry(glyph.to_u32()).or_insert(character);
            }
        }
        table
    }
}

/// Chooses the fallback for a composite font without ToUnicode.
fn composite_fallback(dict: &Dict<'_>) -> Fallback {
    let Some(descendant) = dict
        .get::<Array<'_>>("DescendantFonts")
        .and_then(|a| a.iter::<Dict<'_>>().next())
    else {
        return Fallback::Nothing;
    };
    let encoding = dict.get::<Name<'_>>("Encoding");
    let encoding = encoding.as_ref().map_or("", Name::as_str);
    if encoding.contains("UCS2") || encoding.contains("UTF16") {
        return Fallback::Utf16;
    }
    let system = descendant
        .get::<Dict<'_>>("CIDSystemInfo")
        .unwrap_or_default();
    let text = |key: &str| {
        system
            .get::<PdfString<'_>>(key)
            .map(|s| s.as_bytes().to_vec())
            .unwrap_or_default()
    };
    let family = CidFamily::from_registry_ordering(&text("Registry"), &text("Ordering"));
    let map =
        |name: CMapName<'_>| load_embedded(name).and_then(|data| CMap::parse(data, load_embedded));
    let codes = match encoding {
        "" | "Identity-H" | "Identity-V" => Some(CMap::identity_h()),
        name => map(CMapName::from_bytes(name.as_bytes())),
    };
    match (codes, family.ucs2_cmap().and_then(map)) {
        (Some(codes), Some(unicode)) => Fallback::Collection(Box::new((codes, unicode))),
        _ => Fallback::Glyphs,
    }
}

/// The height of a Type 3 font's letters at font size 1. Most have a matrix that makes it about 1,
/// but bitmap fonts are measured in dots. Their bounding box is unreliable, so the height is
/// estimated as twice the median width.
fn type3_scale(dict: &Dict<'_>) -> f64 {
    let matrix = dict
        .get::<[f64; 6]>("FontMatrix")
        .unwrap_or([0.001, 0.0, 0.0, 0.001, 0.0, 0.0]);
    let unit = matrix[0].hypot(matrix[1]);
    let widths = dict.get::<Array<'_>>("Widths");
    let mut widths: Vec<f64> = widths
        .iter()
        .flat_map(|w| w.iter::<f64>().take(256))
        .map(|w| w.abs() * unit)
        .filter(|w| *w > 0.0)
        .collect();
    widths.sort_by(f64::total_cmp);
    let middle = widths.get(widths.len() / 2).copied().unwrap_or(0.5);
    if middle.is_finite() && !(0.2..=1.3).contains(&middle) {
        2.0 * middle
    } else {
        1.0
    }
}

/// The text of a code in one of TeX's two encodings.
fn tex_char(code: u8, cork: bool) -> Option<String> {
    const CORK: &str = "ĂĄĆČĎĚĘĞĹĽŁŃŇŊŐŔŘŚŠŞŤŢŰŮŸŹŽŻĲİđ§ăąćčďěęğĺľłńňŋőŕřśšşťţűůÿźžżĳ¡¿£";
    let text = match code {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => return Some(char::from(code).to_string()),
        _ if cork => match code {
            0x10 => "“",
            0x11 => "”",
            0x12 => "„",
            0x13 => "«",
            0x14 => "»",
            0x15 => "–",
            0x16 => "—",
            0x1b => "ff",
            0x1c => "fi",
            0x1d => "fl",
            0x1e => "ffi",
            0x1f => "ffl",
            0x7f => "-",
            0xd7 => "Œ",
            0xdf => "SS",
            0xf7 => "œ",
            0xff => "ß",
            0x21..=0x7e | 0xc0.. => return Some(char::from(code).to_string()),
            0x80..=0xbf => return CORK.chars().nth(usize::from(code - 0x80)).map(String::from),
            _ => return None,
        },
        _ => match code {
            0x0b => "ff",
            0x0c => "fi",
            0x0d => "fl",
            0x0e => "ffi",
            0x0f => "ffl",
            0x10 => "ı",
            0x11 => "ȷ",
            0x12 => "`",
            0x13 => "´",
            0x14 => "ˇ",
            0x15 => "˘",
            0x16 => "¯",
            0x17 => "˚",
            0x18 => "¸",
            0x19 => "ß",
            0x1a => "æ",
            0x1b => "œ",
            0x1c => "ø",
            0x1d => "Æ",
            0x1e => "Œ",
            0x1f => "Ø",
            0x22 => "”",
            0x5c => "“",
            0x5f => "˙",
            0x7b => "–",
            0x7c => "—",
            0x7d => "˝",
            0x7e => "˜",
            0x7f => "¨",
            0x21..=0x7a => return Some(char::from(code).to_string()),
            _ => return None,
        },
    };
    Some(text.to_owned())
}
