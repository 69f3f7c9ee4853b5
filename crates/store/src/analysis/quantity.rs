//! Numbers with a unit of measure: `100mg` and `100 mg` are the same, `5 °C` and `5 °F` are not.

use ingest::fold::chars::{Class, class};
use std::ops::Range;

/// Units written after a number. Letter case matters where it distinguishes units: `MB` and `mb`.
const UNITS: &[&str] = &[
    "Ah", "Bq", "GB", "GHz", "GW", "GWh", "GiB", "Gbit", "Gy", "Hz", "KB", "KiB", "MB", "MHz",
    "MJ", "MPa", "MW", "MWh", "MiB", "Mbit", "Nm", "Pa", "PB", "Sv", "TB", "TW", "TWh", "TiB", "V",
    "VA", "W", "Wh", "atm", "bar", "bit", "bpm", "cc", "cd", "cl", "cm", "dB", "dl", "dm", "eV",
    "fps", "ft", "g", "h", "ha", "hPa", "hp", "in", "kB", "kHz", "kJ", "kN", "kPa", "kV", "kW",
    "kWh", "kbit", "kcal", "keV", "kg", "km", "kmh", "kph", "l", "lb", "lbs", "lm", "lx", "m",
    "mA", "mAh", "mL", "mM", "mSv", "mV", "mW", "mbar", "mcg", "mg", "mi", "min", "ml", "mm",
    "mmHg", "mmol", "mol", "mph", "ms", "ng", "nm", "nM", "ns", "oz", "pH", "pg", "ppb", "ppm",
    "psi", "px", "rpm", "s", "sec", "t", "yd", "Ω", "kΩ", "µA", "µF", "µL", "µM", "µg", "µl", "µm",
    "µs", "μA", "μF", "μL", "μM", "μg", "μl", "μm", "μs",
];

/// Units that are also words (`5 in the morning`): recognized only when attached to the number.
const ATTACHED_ONLY: &[&str] = &["in", "bar", "bit"];

/// A unit of measure in a text, by byte offsets.
#[derive(Debug, PartialEq, Eq)]
pub struct Measure {
    /// Its start.
    pub from: usize,
    /// Its end.
    pub end: usize,
    /// The range of its letters, if it has any.
    pub letters: Option<Range<usize>>,
}

/// The unit of the number at `first..end`, which may have letters attached; `None` if it is not a
/// number with a unit.
pub fn measure(text: &str, first: usize, end: usize) -> Option<Measure> {
    let number = text.get(first..end)?;
    let digits = number
        .find(|c: char| !c.is_ascii_digit() && !".,".contains(c))
        .unwrap_or(number.len());
    let attached = &number[digits..];
    if !attached.is_empty() {
        let from = first + digits;
        return UNITS.contains(&attached).then_some(Measure {
            from,
            end,
            letters: Some(from..end),
        });
    }
    let rest = text.get(end..)?;
    let blank = |rest: &str| {
        rest.chars()
            .next()
            .filter(|c| matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}'))
    };
    let from = end + blank(rest).map_or(0, char::len_utf8);
    let unit = text.get(from..)?;
    let ends = |at: usize| {
        text.get(at..)
            .and_then(|rest| rest.chars().next())
            .is_none_or(|c| class(c) != Class::Word)
    };
    let sign = unit.chars().next()?;
    match sign {
        '%' | '‰' => {
            return Some(Measure {
                from,
                end: from + sign.len_utf8(),
                letters: None,
            });
        }
        '℃' | '℉' => {
            let end = from + sign.len_utf8();
            return Some(Measure {
                from,
                end,
                letters: Some(from..end),
            });
        }
        '°' => {
            let after = from + sign.len_utf8();
            let scale = after + text.get(after..).and_then(blank).map_or(0, char::len_utf8);
            let named = text
                .get(scale..)
                .is_some_and(|rest| rest.starts_with(['C', 'F']))
                && ends(scale + 1);
            let letters = named.then_some(scale..scale + 1);
            return Some(Measure {
                from,
                end: if named { scale + 1 } else { after },
                letters,
            });
        }
        _ => {}
    }
    let length = unit
        .find(|c: char| !c.is_alphabetic())
        .unwrap_or(unit.len());
    let name = &unit[..length];
    (from > end && UNITS.contains(&name) && !ATTACHED_ONLY.contains(&name) && ends(from + length))
        .then_some(Measure {
            from,
            end: from + length,
            letters: Some(from..from + length),
        })
}
