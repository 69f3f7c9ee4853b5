//! Parses the operators of a content stream with their operands.
//!
//! `hayro-syntax` can do this, too, but stops at the first invalid operand, such as a number with
//! an exponent. Here invalid operands are skipped.

/// Limit on the operands of one operator; the first ones are dropped.
const MAX_OPERANDS: usize = 64;
/// Arrays and dictionaries nested more deeply are flattened.
const MAX_DEPTH: usize = 24;
/// How many bytes after a possible end of an inline image are examined, because the image may
/// contain the same letters.
const LOOKAHEAD_BYTES: usize = 16;

/// An operand of an operator.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    Number(f64),
    Name(Vec<u8>),
    Text(Vec<u8>),
    List(Vec<Operand>),
    /// Keys and values.
    Dict(Vec<(Vec<u8>, Operand)>),
    /// `true`, `false`, `null`, or an invalid operand.
    Other,
}

enum Token<'a> {
    Operand(Operand),
    Word(&'a [u8]),
    Begin,
    End,
    BeginDict,
    EndDict,
}

pub struct Operators<'a> {
    data: &'a [u8],
    at: usize,
    pub operands: Vec<Operand>,
}

impl<'a> Operators<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            at: 0,
            operands: Vec::new(),
        }
    }

    /// The next operator, with its operands in `operands`. An inline image is returned as the
    /// operator `BI`.
    pub fn next(&mut self) -> Option<&'a [u8]> {
        self.operands.clear();
        loop {
            let operand = match self.token()? {
                Token::Operand(operand) => operand,
                Token::Begin => self.list(0),
                Token::BeginDict => self.dict(0),
                // An unmatched closing bracket.
                Token::End | Token::EndDict => continue,
                Token::Word(b"BI") => {
                    self.image();
                    return Some(b"BI");
                }
                Token::Word(b"true" | b"false" | b"null") => Operand::Other,
                Token::Word(word) => return Some(word),
            };
            if self.operands.len() >= MAX_OPERANDS {
                self.operands.remove(0);
            }
            self.operands.push(operand);
        }
    }

    fn peek(&self) -> Option<u8> {
        self.data.get(self.at).copied()
    }

    fn token(&mut self) -> Option<Token<'a>> {
        loop {
            match self.peek()? {
                b if is_space(b) => self.at += 1,
                b'%' => {
                    self.at += self.data[self.at..]
                        .iter()
                        .take_while(|b| !matches!(b, b'\r' | b'\n'))
                        .count()
                }
                _ => break,
            }
        }
        let first = self.peek()?;
        let next = self.data.get(self.at + 1).copied();
        self.at += 1;
        Some(match first {
            b'[' => Token::Begin,
            b']' => Token::End,
            b'<' if next == Some(b'<') => {
                self.at += 1;
                Token::BeginDict
            }
            b'>' if next == Some(b'>') => {
                self.at += 1;
                Token::EndDict
            }
            b'<' => Token::Operand(Operand::Text(self.hex())),
            b'(' => Token::Operand(Operand::Text(self.text())),
            b'/' => Token::Operand(Operand::Name(self.name())),
            b'{' | b'}' | b')' | b'>' => Token::Operand(Operand::Other),
            _ => {
                self.at -= 1;
                let word = self.regular();
                match word[0] {
                    b'0'..=b'9' | b'+' | b'-' | b'.' => {
                        Token::Operand(number(word).map_or(Operand::Other, Operand::Number))
                    }
                    _ => Token::Word(word),
                }
            }
        })
    }

    /// Consumes regular characters, at least one byte.
    fn regular(&mut self) -> &'a [u8] {
        let rest = &self.data[self.at..];
        let length = rest.iter().take_while(|b| is_regular(**b)).count().max(1);
        self.at += length;
        &rest[..length]
    }

    fn name(&mut self) -> Vec<u8> {
        let rest = &self.data[self.at..];
        let raw = &rest[..rest.iter().take_while(|b| is_regular(**b)).count()];
        self.at += raw.len();
        let mut out = Vec::with_capacity(raw.len());
        let mut at = 0;
        while let Some(b) = raw.get(at) {
            let digits = raw
                .get(at + 1)
                .zip(raw.get(at + 2))
                .and_then(|(a, b)| Some(digit(*a)? * 16 + digit(*b)?));
            match digits.filter(|_| *b == b'#') {
                Some(byte) => {
                    out.push(byte);
                    at += 3;
                }
                None => {
                    out.push(*b);
                    at += 1;
                }
            }
        }
        out
    }

    fn hex(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut half = None;
        while let Some(b) = self.peek() {
            self.at += 1;
            if b == b'>' {
                break;
            }
            let Some(digit) = digit(b) else { continue };
            match half.take() {
                Some(high) => out.push(high * 16 + digit),
                None => half = Some(digit),
            }
        }
        out.extend(half.map(|high| high * 16));
        out
    }

    fn text(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut depth = 1;
        while let Some(b) = self.peek() {
            self.at += 1;
            match b {
                b'(' => depth += 1,
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                b'\\' => {
                    self.escape(&mut out);
                    continue;
                }
                _ => {}
            }
            out.push(b);
        }
        out
    }

    fn escape(&mut self, out: &mut Vec<u8>) {
        let Some(b) = self.peek() else { return };
        self.at += 1;
        match b {
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'\r' => self.at += usize::from(self.peek() == Some(b'\n')),
            b'\n' => {}
            b'0'..=b'7' => {
                let mut value = u32::from(b - b'0');
                for _ in 0..2 {
                    let Some(d @ b'0'..=b'7') = self.peek() else {
                        break;
                    };
                    value = value * 8 + u32::from(d - b'0');
                    self.at += 1;
                }
                out.push(value as u8);
            }
            b => out.push(b),
        }
    }

    fn list(&mut self, depth: usize) -> Operand {
        let mut out = Vec::new();
        while let Some(token) = self.token() {
            match token {
                Token::End => break,
                Token::Operand(operand) => out.push(operand),
                Token::Begin if depth < MAX_DEPTH => out.push(self.list(depth + 1)),
                Token::BeginDict if depth < MAX_DEPTH => out.push(self.dict(depth + 1)),
                Token::Begin | Token::BeginDict | Token::EndDict => {}
                // An operator within an array: the closing bracket is missing.
                Token::Word(word) if is_operator(word) => {
                    self.at -= word.len();
                    break;
                }
                Token::Word(_) => out.push(Operand::Other),
            }
        }
        Operand::List(out)
    }

    fn dict(&mut self, depth: usize) -> Operand {
        let mut out = Vec::new();
        let mut key = None;
        while let Some(token) = self.token() {
            let value = match token {
                Token::EndDict => break,
                Token::Operand(operand) => operand,
                Token::Begin if depth < MAX_DEPTH => self.list(depth + 1),
                Token::BeginDict if depth < MAX_DEPTH => self.dict(depth + 1),
                Token::Word(b"BDC" | b"BT" | b"ET" | b"EMC") => break,
                Token::Word(_) => Operand::Other,
                _ => continue,
            };
            match (key.take(), value) {
                (Some(key), value) => out.push((key, value)),
                (None, Operand::Name(name)) => key = Some(name),
                (None, _) => {}
            }
        }
        Operand::Dict(out)
    }

    /// Skips an inline image.
    fn image(&mut self) {
        while let Some(token) = self.token() {
            match token {
                Token::Word(b"ID") => break,
                Token::Word(b"EI") => return,
                _ => {}
            }
        }
        self.at = (self.at + 1).min(self.data.len());
        let mut from = self.at;
        while let Some(found) = self
            .data
            .get(from..)
            .and_then(|rest| rest.windows(2).position(|w| w == b"EI"))
        {
            let at = from + found;
            let before = at == self.at
                || self
                    .data
                    .get(at.wrapping_sub(1))
                    .copied()
                    .is_some_and(is_space);
            let after = self.data.get(at + 2..).unwrap_or_default();
            let text = after
                .iter()
                .take(LOOKAHEAD_BYTES)
                .all(|b| is_space(*b) || (0x20..0x7f).contains(b));
            if before && text && after.first().copied().is_none_or(is_space) {
                self.at = at + 2;
                return;
            }
            from = at + 2;
        }
        self.at = self.data.len();
    }
}

/// Whether a word is a common operator that never occurs in an array.
fn is_operator(word: &[u8]) -> bool {
    matches!(
        word,
        b"Tj"
            | b"TJ"
            | b"Tf"
            | b"Td"
            | b"TD"
            | b"Tm"
            | b"T*"
            | b"BT"
            | b"ET"
            | b"q"
            | b"Q"
            | b"cm"
            | b"Do"
            | b"BDC"
            | b"EMC"
    )
}

fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\n' | b'\r' | b'\t' | 0 | 12)
}

fn is_regular(b: u8) -> bool {
    !is_space(b)
        && !matches!(
            b,
            b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%'
        )
}

fn digit(b: u8) -> Option<u8> {
    char::from(b).to_digit(16).map(|d| d as u8)
}

/// Parses a number, including malformed ones that occur in practice: `--5`, `1.-3`, `12-5`.
fn number(word: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(word).ok()?;
    if let Ok(number) = text.parse::<f64>() {
        return Some(number).filter(|n| n.is_finite());
    }
    let negative = text.starts_with('-');
    let text = text.trim_start_matches(['-', '+']);
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let number = text[..end].parse::<f64>().ok().filter(|n| n.is_finite())?;
    Some(if negative { -number } else { number })
}
