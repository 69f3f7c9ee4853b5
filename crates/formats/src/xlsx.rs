//! Excel workbooks (`.xlsx`, `.xlsm`): each sheet is a document with one row per line. Numbers
//! follow the common number formats: ISO dates, percentages, fixed decimals. Formulas are
//! represented by their cached results.

use crate::blocks::{Blocks, row_line};
use crate::ooxml::{self, Relation, Shapes};
use crate::package::Package;
use crate::xml::{Node, Step, leaves, walk};
use crate::{Context, Document, Emit, ReadError, emit_document, emit_omitted, text};

pub fn read(bytes: &[u8], context: &Context<'_>, emit: &mut Emit<'_>) -> Result<(), ReadError> {
    let mut package = Package::open(bytes, context)?;
    let path = ooxml::main_part(&mut package, "xl/workbook.xml");
    if path.ends_with(".bin") {
        return Err(ReadError::new(
            "a workbook in Excel's binary format; save it as .xlsx",
        ));
    }
    let workbook = leaves(&package.read_required(&path)?).map_err(|error| error.in_part(&path))?;
    let relations = ooxml::relations(&mut package, &path);
    let meta = ooxml::properties(&mut package);
    let since_1904 = workbook
        .iter()
        .any(|l| l.name == "workbookPr" && matches!(l.attr("date1904"), Some("1" | "true")));
    let mut book = Book {
        since_1904,
        ..Book::default()
    };
    let mut errors = Vec::new();
    for relation in &relations {
        let read = match &*relation.kind {
            "sharedStrings" => package
                .read_required(&relation.target)
                .and_then(|b| shared_strings(&b, &mut book.strings)),
            "styles" => package
                .read_required(&relation.target)
                .map(|bytes| book.formats = formats(&bytes)),
            _ => continue,
        };
        errors.extend(read.err().map(|error| error.in_part(&relation.target)));
    }
    let _ = errors.into_iter().try_for_each(|error| emit(Err(error)));
    let sheets: Vec<(&str, &Relation)> = workbook
        .iter()
        .filter(|leaf| leaf.name == "sheet")
        .filter_map(|leaf| {
            let (_, id) = leaf.attrs.iter().rev().find(|(name, _)| name == "id")?;
            Some((leaf.attr("name")?, relations.iter().find(|r| r.id == *id)?))
        })
        .collect();
    for &(name, relation) in sheets
        .iter()
        .filter(|(_, relation)| relation.kind == "worksheet")
    {
        let sheet = package.read_required(&relation.target).map(|bytes| {
            let (mut text, error) = rows(&bytes, &book, context.max_text_bytes);
            drop(bytes);
            text.push_str(&comments_and_drawings(&mut package, &relation.target));
            (text, error)
        });
        let (text, error) = match sheet {
            Ok((text, error)) => (text, error),
            Err(error) => (String::new(), Some(error)),
        };
        if let Some(error) = error
            && emit(Err(error.in_part(&format!("sheet {name}")))).is_break()
        {
            return Ok(());
        }
        // A single sheet with a default name takes the workbook's title.
        let title = match sheets.len() {
            1 if is_default_name(name) => meta.title.clone(),
            _ => Some(text::one_line(name)),
        };
        let metadata = meta.fields.clone();
        let document = Document {
            name: Some(name.to_owned()),
            title,
            text,
            metadata,
            ..Document::default()
        };
        if !text::is_blank(&document.text) && emit_document(document, context, emit).is_break() {
            return Ok(());
        }
    }
    let _ = ooxml::emit_omitted_media(&package, "xl", emit);
    let other = sheets
        .iter()
        .filter(|(_, relation)| relation.kind != "worksheet")
        .count();
    let _ = emit_omitted(
        other,
        "sheet that is a chart or a macro",
        "sheets that are charts or macros",
        emit,
    );
    Ok(())
}

/// Whether a sheet's name is a program's default ("Sheet1", "Tabelle 2").
pub fn is_default_name(name: &str) -> bool {
    let stem = name
        .trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ')
        .to_lowercase();
    matches!(
        stem.as_str(),
        "" | "sheet"
            | "tabelle"
            | "feuil"
            | "feuille"
            | "hoja"
            | "foglio"
            | "blad"
            | "ark"
            | "planilha"
            | "лист"
            | "工作表"
            | "シート"
    )
}

#[derive(Default)]
struct Book {
    strings: Vec<String>,
    /// The number format of each cell style, by style index.
    formats: Vec<Format>,
    since_1904: bool,
}

/// How a number is displayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Format {
    #[default]
    General,
    Fixed(usize),
    Percent(usize),
    Date,
    Time,
    DateTime,
}

impl Format {
    /// The built-in formats, which files use by id only (ECMA-376, 18.8.30).
    fn built_in(id: u32) -> Self {
        match id {
            1 | 3 | 37 | 38 => Self::Fixed(0),
            2 | 4 | 39 | 40 => Self::Fixed(2),
            9 => Self::Percent(0),
            10 => Self::Percent(2),
            14..=17 | 27..=31 | 34..=36 | 50..=54 | 57 | 58 => Self::Date,
            18..=21 | 32 | 33 | 45..=47 => Self::Time,
            22 => Self::DateTime,
            _ => Self::General,
        }
    }

    /// Classifies a format code by its first section, ignoring literal text.
    fn of_code(code: &str) -> Self {
        let (mut plain, mut chars) = (String::new(), code.chars());
        while let Some(char) = chars.next() {
            match char {
                '"' => {
                    chars.by_ref().find(|&c| c == '"');
                }
                '\\' | '_' | '*' => {
                    chars.next();
                }
                '[' => {
                    let inside: String = chars.by_ref().take_while(|&c| c != ']').collect();
                    // [h], [mm]: elapsed time, which may exceed 24 hours.
                    if !inside.is_empty()
                        && inside
                            .chars()
                            .all(|c| matches!(c.to_ascii_lowercase(), 'h' | 'm' | 's'))
                    {
                        plain.push('h');
                    }
                }
                ';' => break,
                char => plain.push(char.to_ascii_lowercase()),
            }
        }
        if plain.contains("general") || plain.contains("e+") || plain.contains('@') {
            return Self::General;
        }
        let (date, time) = (plain.contains(['y', 'd']), plain.contains(['h', 's']));
        let decimals = || {
            plain.split_once('.').map_or(0, |(_, after)| {
                after.chars().take_while(|c| *c == '0').count()
            })
        };
        match (date, time) {
            (true, true) => Self::DateTime,
            (true, false) => Self::Date,
            (false, true) => Self::Time,
            _ if plain.contains('m') => Self::Date,
            _ if plain.contains('%') => Self::Percent(decimals()),
            // Fractions, scaling by thousands and optional decimals are not reproduced.
            _ if plain.contains('?')
                || plain.contains(".#")
                || (plain.contains("0,") && !plain.contains("0,0")) =>
            {
                Self::General
            }
            _ if plain.contains('0') => Self::Fixed(decimals()),
            _ => Self::General,
        }
    }
}

/// The number format of every cell style.
fn formats(bytes: &[u8]) -> Vec<Format> {
    let (mut custom, mut formats, mut in_cells) =
        (std::collections::HashMap::new(), Vec::new(), false);
    // If the styles are damaged, only the number formats are lost.
    let _ = walk(bytes, |node| {
        match node {
            Node::Open(tag) => match tag.name() {
                "numFmt" => {
                    let id = tag.attr("numFmtId").and_then(|id| id.parse::<u32>().ok());
                    custom
                        .extend(id.zip(tag.attr("formatCode").map(|code| Format::of_code(&code))));
                }
                "cellXfs" => in_cells = true,
                "xf" if in_cells => {
                    let id = tag
                        .attr("numFmtId")
                        .and_then(|id| id.parse::<u32>().ok())
                        .unwrap_or(0);
                    formats.push(
                        custom
                            .get(&id)
                            .copied()
                            .unwrap_or_else(|| Format::built_in(id)),
                    );
                }
                _ => {}
            },
            Node::Close(end) if end.name() == "cellXfs" => in_cells = false,
            _ => {}
        }
        Step::Continue
    });
    formats
}

fn shared_strings(bytes: &[u8], strings: &mut Vec<String>) -> Result<(), ReadError> {
    let (mut text, mut in_text) = (String::new(), false);
    walk(bytes, |node| {
        match node {
            // Phonetic guides repeat the text.
            Node::Open(tag) if tag.name() == "rPh" => return Step::Skip,
            Node::Open(tag) => in_text |= tag.name() == "t",
            Node::Text(part) if in_text => text.push_str(&part),
            Node::Text(_) => {}
            Node::Close(end) => match end.name() {
                "t" => in_text = false,
                "si" => strings.push(text::one_line(&std::mem::take(&mut text))),
                _ => {}
            },
        }
        Step::Continue
    })
}

/// The zero-based column of a cell reference such as `BC12`.
fn column(reference: &str) -> Option<usize> {
    let letters = reference
        .bytes()
        .take_while(u8::is_ascii_alphabetic)
        .take(4);
    let number = letters.fold(0, |n, letter| {
        n * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1
    });
    number.checked_sub(1)
}

/// The non-empty rows of a sheet, one per line, and the error that ended the reading, if any.
fn rows(bytes: &[u8], book: &Book, limit: u64) -> (String, Option<ReadError>) {
    let (mut sheet, mut too_large) = (String::new(), false);
    let (mut row, mut next): (Vec<String>, usize) = (Vec::new(), 0);
    let (mut kind, mut style, mut value, mut in_value) =
        (String::new(), 0_usize, String::new(), false);
    let result = walk(bytes, |node| {
        match node {
            Node::Open(tag) => match tag.name() {
                "f" | "rPh" | "extLst" => return Step::Skip,
                "row" => next = 0,
                "c" => {
                    let column = tag.attr("r").as_deref().and_then(column).unwrap_or(next);
                    // Long runs of missing cells are shortened.
                    let gap = if row.is_empty() {
                        0
                    } else {
                        column.saturating_sub(next).min(MAX_EMPTY_CELLS)
                    };
                    row.extend((0..gap).map(|_| String::new()));
                    next = column + 1;
                    kind = tag.attr("t").unwrap_or_default();
                    style = tag
                        .attr("s")
                        .and_then(|style| style.parse().ok())
                        .unwrap_or(0);
                    value.clear();
                }
                "v" | "t" => in_value = true,
                _ => {}
            },
            Node::Text(text) if in_value => value.push_str(&text),
            Node::Text(_) => {}
            Node::Close(end) => match end.name() {
                "v" | "t" => in_value = false,
                "c" => {
                    let shown = format_cell(&kind, style, &value, book);
                    // Leading empty cells are dropped.
                    if !row.is_empty() || !shown.is_empty() {
                        row.push(shown);
                    }
                }
                "row" => {
                    if let Some(line) = row_line(&std::mem::take(&mut row)) {
                        sheet.push_str(&line);
                        sheet.push('\n');
                    }
                    too_large = sheet.len() as u64 > limit;
                    if too_large {
                        return Step::Stop;
                    }
                }
                "sheetData" => return Step::Stop,
                _ => {}
            },
        }
        Step::Continue
    });
    if too_large {
        return (
            String::new(),
            Some(ReadError::new(format!(
                "more than {limit} bytes of text in one sheet"
            ))),
        );
    }
    (sheet, result.err())
}

/// Longer runs of empty cells in a row are shortened to this.
const MAX_EMPTY_CELLS: usize = 4;

fn format_cell(kind: &str, style: usize, value: &str, book: &Book) -> String {
    match kind {
        "s" => value
            .trim()
            .parse::<usize>()
            .ok()
            .and_then(|at| book.strings.get(at))
            .cloned()
            .unwrap_or_default(),
        "str" | "inlineStr" | "e" => text::one_line(value),
        "d" => crate::meta::date(value),
        "b" => if value.trim() == "1" { "TRUE" } else { "FALSE" }.to_owned(),
        _ => match value.trim().parse::<f64>() {
            Ok(number) => format_number(
                number,
                book.formats.get(style).copied().unwrap_or_default(),
                book.since_1904,
            ),
            Err(_) => text::one_line(value),
        },
    }
}

fn format_number(number: f64, format: Format, since_1904: bool) -> String {
    match format {
        Format::Fixed(decimals) => format!("{number:.0$}", decimals.min(15)),
        Format::Percent(decimals) => format!("{:.1$}%", number * 100.0, decimals.min(15)),
        Format::Date | Format::DateTime | Format::Time => {
            format_date(number, format, since_1904).unwrap_or_else(|| general(number))
        }
        Format::General => general(number),
    }
}

/// Rounds to 15 significant digits, as spreadsheet programs do: 0.1 + 0.2 is 0.3.
fn general(number: f64) -> String {
    format!("{number:.14e}")
        .parse::<f64>()
        .unwrap_or(number)
        .to_string()
}

/// Formats a serial date: days since the epoch of the workbook (1900 or 1904), and the fraction of
/// the day.
fn format_date(number: f64, format: Format, since_1904: bool) -> Option<String> {
    if !(0.0..2_958_466.0).contains(&number) {
        return None;
    }
    let seconds = (number * 86_400.0).round() as i64;
    let (mut day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let clock = |hours: i64| match second % 60 {
        0 => format!("{hours:02}:{:02}", second / 60 % 60),
        s => format!("{hours:02}:{:02}:{s:02}", second / 60 % 60),
    };
    if format == Format::Time {
        return Some(clock(seconds / 3600));
    }
    // Convert to days since 1970. The 1900 system counts a nonexistent 29 February 1900 as day 60.
    day -= match (since_1904, day) {
        (true, _) => 24_107,
        (false, 0..60) => 25_568,
        (false, _) => 25_569,
    };
    let (year, month, day) = civil_from_days(day);
    let date = format!("{year:04}-{month:02}-{day:02}");
    Some(if format == Format::DateTime || second != 0 {
        format!("{date} {}", clock(second / 3600))
    } else {
        date
    })
}

/// Year, month and day of a day number since 1970-01-01 (Hinnant's `civil_from_days`).
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    // Count from 0000-03-01, so that the leap day is the last day of its year.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// The text of a sheet outside its cells: comments and text boxes.
fn comments_and_drawings(package: &mut Package<'_>, sheet: &str) -> String {
    let relations = ooxml::relations(package, sheet);
    // For each threaded comment there is a legacy copy with a compatibility notice.
    let has_new = relations
        .iter()
        .any(|relation| relation.kind == "threadedComment");
    let mut blocks = Blocks::default();
    for relation in &relations {
        let Ok(Some(bytes)) = package.read(&relation.target) else {
            continue;
        };
        match &*relation.kind {
            "drawing" => {
                // A damaged drawing is skipped.
                let _ = ooxml::drawing(&bytes, Shapes::All, &mut blocks);
            }
            "threadedComment" => {
                for leaf in leaves(&bytes)
                    .unwrap_or_default()
                    .into_iter()
                    .filter(|leaf| leaf.name == "text")
                {
                    comment("Comment", &leaf.text, &mut blocks);
                }
            }
            "comments" if !has_new => old_comments(&bytes, &mut blocks),
            _ => {}
        }
    }
    let text = blocks.finish();
    if text.is_empty() {
        text
    } else {
        format!("\n{text}")
    }
}

fn comment(label: &str, text: &str, blocks: &mut Blocks) {
    if !text::is_blank(text) {
        blocks.text(&format!("{label}: {text}"));
        blocks.end_paragraph(None);
    }
}

fn old_comments(bytes: &[u8], blocks: &mut Blocks) {
    let (mut authors, mut label, mut text, mut in_text) =
        (Vec::new(), String::new(), String::new(), false);
    let _ = walk(bytes, |node| {
        match node {
            Node::Open(tag) => match tag.name() {
                "comment" => {
                    let author = tag
                        .attr("authorId")
                        .and_then(|id| authors.get(id.parse::<usize>().ok()?))
                        .cloned();
                    label = author.map_or("Comment".to_owned(), |author: String| {
                        format!("Comment by {author}")
                    });
                }
                "author" | "t" => in_text = true,
                _ => {}
            },
            Node::Text(part) if in_text => text.push_str(&part),
            Node::Text(_) => {}
            Node::Close(end) => match end.name() {
                "author" => {
                    in_text = false;
                    authors.push(std::mem::take(&mut text));
                }
                "t" => in_text = false,
                "comment" => comment(&label, &std::mem::take(&mut text), blocks),
                _ => {}
            },
        }
        Step::Continue
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use crate::testing::{read_bytes, zip};

    #[test]
    fn numbers_follow_their_format() {
        let shown = |number, code| format_number(number, Format::of_code(code), false);
        assert_eq!(shown(45_688.0, "dd/mm/yyyy"), "2025-01-31");
        assert_eq!(shown(45_688.75, "m/d/yy h:mm"), "2025-01-31 18:00");
        assert_eq!(shown(0.5, "h:mm AM/PM"), "12:00");
        assert_eq!(shown(1.5, "[h]:mm:ss"), "36:00");
        assert_eq!(shown(0.155, "0.0%"), "15.5%");
        assert_eq!(shown(1234.5, "#,##0.00\\ \"€\""), "1234.50");
        assert_eq!(shown(0.1 + 0.2, "General"), "0.3");
        assert_eq!(shown(12.0, "\"day\" 0"), "12");
        assert_eq!(format_number(1.0, Format::Date, false), "1900-01-01");
        assert_eq!(format_number(61.0, Format::Date, false), "1900-03-01");
        assert_eq!(format_number(0.0, Format::Date, true), "1904-01-01");
        assert_eq!(
            (column("A1"), column("BC12"), column("12")),
            (Some(0), Some(54), None)
        );
    }

    #[test]
    fn each_sheet_is_a_document() {
        let types = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        let rel = |id: &str, kind: &str, target: &str| {
            format!("<Relationship Id='{id}' Type='{types}/{kind}' Target='{target}'/>")
        };
        let rels = [
            rel("r1", "worksheet", "worksheets/a.xml"),
            rel("r2", "worksheet", "worksheets/b.xml"),
            rel("s", "sharedStrings", "s.xml"),
            rel("t", "styles", "t.xml"),
        ];
        let bytes = zip(&[
            (
                "xl/workbook.xml",
                "<workbook><sheets><sheet name='Hives' sheetId='1' r:id='r1'/><sheet name='Broken' state='hidden' r:id='r2'/></sheets></workbook>",
            ),
            (
                "xl/_rels/workbook.xml.rels",
                &format!("<Relationships>{}</Relationships>", rels.concat()),
            ),
            (
                "xl/s.xml",
                "<sst><si><r><t>Na</t></r><r><t>me</t></r><rPh><t>x</t></rPh></si></sst>",
            ),
            (
                "xl/t.xml",
                "<styleSheet><numFmts><numFmt numFmtId='164' formatCode='yyyy\\-mm'/></numFmts><cellXfs><xf numFmtId='0'/><xf numFmtId='164'/></cellXfs></styleSheet>",
            ),
            (
                "xl/worksheets/a.xml",
                "<worksheet><sheetData><row><c r='B1' t='s'><v>0</v></c><c r='D1' s='1'><v>45688</v></c><c r='XFD1' t='inlineStr'><is><t>far</t></is></c></row>\
                <row r='1048576'><c r='A9' t='str'><f>A1&amp;B1</f><v>result</v></c></row></sheetData></worksheet>",
            ),
            (
                "xl/worksheets/b.xml",
                "<worksheet><sheetData><row><c t='str'><v>kept</v></c></row><row>",
            ),
        ]);
        let (documents, errors) = read_bytes(Kind::Xlsx, &bytes);
        assert_eq!(
            documents[0].text,
            "Name |  | 2025-01-31 |  |  |  |  | far\nresult\n"
        );
        assert_eq!(
            (documents[0].title.as_deref(), documents[1].text.as_str()),
            (Some("Hives"), "kept\n")
        );
        assert!(
            errors[0].starts_with("sheet Broken: its XML is damaged"),
            "{errors:?}"
        );
    }
}
