//! Numbers: 64-bit integers exactly, all others as the nearest `f64`.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A finite number. Compared by value: 2 equals 2.0, and 9007199254740993 does not equal
/// 9007199254740992.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Number(serde_json::Number);

impl Number {
    /// The nearest `f64`.
    pub fn as_f64(&self) -> f64 {
        // Never `None` without serde_json's feature `arbitrary_precision`.
        self.0.as_f64().unwrap_or_default()
    }

    /// The number as an integer, if it is one.
    fn whole(&self) -> Option<i128> {
        let integer = self
            .0
            .as_i64()
            .map(i128::from)
            .or_else(|| self.0.as_u64().map(i128::from));
        integer.or_else(|| {
            let float = self.as_f64();
            // Larger floats are integers, too, but no 64-bit integer is as large, so `f64` is
            // enough to compare them.
            (float.fract() == 0.0 && float.abs() < 2f64.powi(100)).then_some(float as i128)
        })
    }

    /// Parses a number only if `text` is its canonical form, that is, if it is displayed as `text`
    /// again. Codes such as `02134`, `5e7`, `+49` and `1.10` are rejected.
    pub fn parse_canonical(text: &str) -> Option<Self> {
        text.parse::<Self>()
            .ok()
            .filter(|number| number.to_string() == text)
    }
}

impl Number {
    /// Parses a number in JSON notation only if no digit is lost: `2.50` is 2.5, and an integer of
    /// 23 digits is rejected.
    pub fn parse_exact(text: &str) -> Option<Self> {
        text.parse::<Self>()
            .ok()
            .filter(|number| digits(&number.to_string()) == digits(text))
    }
}

/// Whether the number is negative, its digits without leading and trailing zeros, and the power of
/// ten of the last digit.
fn digits(text: &str) -> Option<(bool, String, i64)> {
    let (is_negative, text) = text
        .strip_prefix('-')
        .map_or((false, text), |text| (true, text));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let kept = all.trim_start_matches('0').trim_end_matches('0');
    if kept.is_empty() {
        return Some((false, String::new(), 0));
    }
    let cut = all.len() - all.trim_end_matches('0').len();
    let exponent = exponent
        .strip_prefix('+')
        .unwrap_or(exponent)
        .parse::<i64>()
        .ok()?;
    Some((
        is_negative,
        kept.to_owned(),
        exponent - fraction.len() as i64 + cut as i64,
    ))
}

impl From<serde_json::Number> for Number {
    fn from(number: serde_json::Number) -> Self {
        Self(number)
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Self(number.into())
    }
}

impl TryFrom<f64> for Number {
    type Error = &'static str;

    fn try_from(number: f64) -> Result<Self, Self::Error> {
        serde_json::Number::from_f64(number)
            .map(Self)
            .ok_or("not a finite number")
    }
}

/// Accepts what Rust's `i64`, `u64` and `f64` do, except for infinities and NaN.
impl FromStr for Number {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(whole) = text.parse::<i64>() {
            return Ok(whole.into());
        }
        match text.parse::<u64>() {
            Ok(whole) => Ok(Self(whole.into())),
            Err(_) => Self::try_from(text.parse::<f64>().map_err(|_| "not a number")?),
        }
    }
}

/// Integers are written without a decimal point.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_f64() {
            self.as_f64().fmt(f)
        } else {
            self.0.fmt(f)
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.whole(), other.whole()) {
            (Some(a), Some(b)) => a.cmp(&b),
            // One has a fraction or is beyond every 64-bit integer: then f64 is exact enough.
            _ => self.as_f64().total_cmp(&other.as_f64()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_exact_and_compare_by_value() {
        let number = |text: &str| text.parse::<Number>().unwrap();
        assert!(number("9007199254740993") > number("9007199254740992"));
        assert!(number("18446744073709551615") > number("18446744073709551614"));
        assert!(
            number("-2.5") < number("-2")
                && number("2.5") > number("2")
                && number("1e300") > number("7")
        );
        assert_eq!(number("2"), number("2.0"));
        assert_eq!(number("-0.0"), number("0"));
        assert_eq!(number("9007199254740993").to_string(), "9007199254740993");
        assert_eq!(number("2.0").to_string(), "2");
        assert!(
            "inf".parse::<Number>().is_err()
                && "NaN".parse::<Number>().is_err()
                && "".parse::<Number>().is_err()
        );
    }

    #[test]
    fn parse_exact_rejects_numbers_that_would_lose_digits() {
        for (text, number) in [
            ("2.0", "2"),
            ("10.50", "10.5"),
            ("1e5", "100000"),
            ("-0.0", "0"),
            ("9007199254740993", "9007199254740993"),
        ] {
            assert_eq!(
                Number::parse_exact(text),
                Some(number.parse().unwrap()),
                "{text}"
            );
        }
        for text in [
            "12345678901234567890123",
            "0.12345678901234567890123",
            "1e400",
        ] {
            assert_eq!(Number::parse_exact(text), None, "{text}");
        }
    }

    #[test]
    fn parse_canonical_rejects_codes() {
        for code in [
            "02134",
            "12E5",
            "5e7",
            "1.10",
            "+49",
            "0x1F",
            "inf",
            "007",
            "1.",
            ".5",
            "12345678901234567890123",
        ] {
            assert_eq!(Number::parse_canonical(code), None, "{code}");
        }
        for number in ["0", "-3", "1999", "4.5", "9007199254740993"] {
            assert_eq!(Number::parse_canonical(number).unwrap().to_string(), number);
        }
    }
}
