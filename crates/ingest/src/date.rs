//! Dates as articles and conditions write them: `2025`, `2025-06`, `2025-06-30`, `2025-06-30T18:00`,
//! `2025-06-30 18:00:05.25+02:00`.

use jiff::civil::{Date as Day, DateTime, Time};
use jiff::tz::Offset;
use jiff::{Span, Timestamp};
use std::cmp::Ordering;

/// A period of time, as long as its text says: a year, a month, a day, an hour, a minute, a second, or a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    start: DateTime,
    unit: Unit,
    offset: Option<Offset>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Moment,
}

impl Date {
    /// The date that is all of `text`, if there is such a date.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.is_ascii() {
            return None;
        }
        let (day, time) = match text.split_once(['T', 't', ' ']) {
            Some((day, time)) => (day, Some(time)),
            None => (text, None),
        };
        let mut parts = day.split('-');
        let (year, month, of_month) = (parts.next()?, parts.next(), parts.next());
        if parts.next().is_some() || time.is_some() && of_month.is_none() {
            return None;
        }
        let date = Day::new(
            digits(year, 4)?,
            month.map_or(Some(1), |month| digits(month, 2))? as i8,
            of_month.map_or(Some(1), |day| digits(day, 2))? as i8,
        );
        let unit = match (month, of_month) {
            (None, _) => Unit::Year,
            (_, None) => Unit::Month,
            _ => Unit::Day,
        };
        let (time, unit, offset) = match time {
            None => (Time::midnight(), unit, None),
            Some(time) => clock(time)?,
        };
        Some(Self { start: date.ok()?.to_datetime(time), unit, offset })
    }

    /// The date that `text` most probably means: one that [parses](Self::parse), or a day written `2025-6-1`, `2025/06/01` or
    /// `1.6.2025`. Where day and month could be taken for one another, it is none.
    pub fn parse_lenient(text: &str) -> Option<Self> {
        let text = text.trim();
        Self::parse(text).or_else(|| {
            let sign = ['-', '/', '.'].into_iter().find(|sign| text.contains(*sign))?;
            let parts: Vec<&str> = text.split(sign).collect();
            let [first, month, last] = parts[..] else { return None };
            let (year, day) = match (first.len(), last.len()) {
                (4, 1 | 2) => (first, last),
                (1 | 2, 4) if sign == '.' => (last, first),
                _ => return None,
            };
            Self::parse(&format!("{year}-{month:0>2}-{day:0>2}"))
        })
    }

    /// Whether it says at least the day.
    pub fn has_day(self) -> bool {
        self.unit >= Unit::Day
    }

    /// Whether it says the time of the day.
    pub fn has_time(self) -> bool {
        self.unit > Unit::Day
    }

    /// How its beginning lies to the period `bound`: before it, in it, or after it. With an offset on both sides, moments
    /// are compared; where only the bound has one, this date is taken as UTC; where the bound has none, the clock that
    /// this date was written by counts.
    pub fn compare_to_period(self, bound: Self) -> Ordering {
        let end = bound.end();
        let (own, from, to) = match bound.offset {
            None => (
                nanoseconds(self.start, Offset::UTC),
                nanoseconds(bound.start, Offset::UTC),
                end.map(|end| nanoseconds(end, Offset::UTC)),
            ),
            Some(offset) => (
                nanoseconds(self.start, self.offset.unwrap_or(Offset::UTC)),
                nanoseconds(bound.start, offset),
                end.map(|end| nanoseconds(end, offset)),
            ),
        };
        match to {
            _ if own < from => Ordering::Less,
            Some(to) if own >= to => Ordering::Greater,
            _ => Ordering::Equal,
        }
    }

    /// Where the period ends; `None` at the end of time.
    fn end(self) -> Option<DateTime> {
        let span = Span::new();
        let span = match self.unit {
            Unit::Year => span.years(1),
            Unit::Month => span.months(1),
            Unit::Day => span.days(1),
            Unit::Hour => span.hours(1),
            Unit::Minute => span.minutes(1),
            Unit::Second => span.seconds(1),
            Unit::Moment => span.nanoseconds(1),
        };
        self.start.checked_add(span).ok()
    }
}

/// Nanoseconds since 1970, of a clock that is `offset` ahead of UTC.
fn nanoseconds(at: DateTime, offset: Offset) -> i128 {
    // Out of range only within a day of the years -9999 and 9999.
    let utc = Offset::UTC.to_timestamp(at).unwrap_or(Timestamp::MAX);
    utc.as_nanosecond() - i128::from(offset.seconds()) * 1_000_000_000
}

/// A time of the day, how exactly it is said, and the offset behind it.
fn clock(text: &str) -> Option<(Time, Unit, Option<Offset>)> {
    let (text, offset) = match text.find(['Z', 'z', '+', '-']) {
        None => (text, None),
        Some(at) => (text[..at].trim_end(), Some(offset(&text[at..])?)),
    };
    let mut parts = text.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next(), parts.next());
    if parts.next().is_some() {
        return None;
    }
    let (second, fraction) = match second.map(|second| second.split_once(['.', ','])) {
        None => (None, None),
        Some(None) => (second, None),
        Some(Some((second, fraction))) => (Some(second), Some(fraction)),
    };
    let nanosecond = match fraction {
        None => 0,
        Some(fraction) if (1..=9).contains(&fraction.len()) && fraction.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{fraction:0<9}").parse().ok()?
        }
        Some(_) => return None,
    };
    let unit = match (minute, second, fraction) {
        (None, ..) => Unit::Hour,
        (_, None, _) => Unit::Minute,
        (.., None) => Unit::Second,
        _ => Unit::Moment,
    };
    let two = |part: Option<&str>| part.map_or(Some(0), |part| digits(part, 2)).map(|n| n as i8);
    // A leap second counts as the last of its minute.
    let second = two(second)?;
    let second = if second == 60 { 59 } else { second };
    let time = Time::new(digits(hour, 2)? as i8, two(minute)?, second, nanosecond).ok()?;
    Some((time, unit, offset))
}

/// `Z`, `+02:00`, `-0500` or `+02`.
fn offset(text: &str) -> Option<Offset> {
    if text.eq_ignore_ascii_case("z") {
        return Some(Offset::UTC);
    }
    let (sign, rest) = text.split_at(1);
    let (hours, minutes) = match rest.len() {
        2 => (rest, "00"),
        4 => rest.split_at(2),
        _ => rest.split_once(':')?,
    };
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let seconds = (i32::from(hours) * 60 + i32::from(minutes)) * 60;
    Offset::from_seconds(if sign == "-" { -seconds } else { seconds }).ok()
}

/// A number of just so many digits.
fn digits(text: &str, count: usize) -> Option<i16> {
    (text.len() == count && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dates_that_there_are_are_dates() {
        for text in [
            "2025",
            "2025-06",
            "2025-06-30",
            "2024-02-29",
            "2025-06-30T18",
            "2025-06-30 18:00",
            "2025-06-30T18:00:00Z",
            "2025-06-30T18:00:00.25+02:00",
            "2016-12-31T23:59:60Z",
            "2025-06-30t18:00-0500",
            "2025-06-30T18:00+02",
        ] {
            assert!(Date::parse(text).is_some(), "{text}");
        }
        for text in [
            "",
            "25",
            "2025-6",
            "2025-13",
            "2025-02-30",
            "2025-02-29",
            "2025-06-30T",
            "2025-06-30T%",
            "2025-06-30Tnoon",
            "2025-06-30T25:00",
            "2025-06-30T18:61",
            "2025-06T18",
            "2025-06-30-01",
            "2025-06-30T18:00+99:00",
            "20250630",
            "2025-06-30 and more",
            "２０２５",
        ] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_date_is_compared_as_far_as_the_bound_says() {
        let compared = |date: &str, bound: &str| Date::parse(date).unwrap().compare_to_period(Date::parse(bound).unwrap());
        for (date, bound, expected) in [
            ("2025-06-30", "2025-06", Ordering::Equal),
            ("2025-06-30", "2025", Ordering::Equal),
            ("2025-06-30", "2025-05", Ordering::Greater),
            ("2025-06-30T18:00:00Z", "2025-06-30T18", Ordering::Equal),
            ("2025-06-30T18:00:00Z", "2025-06-30T19", Ordering::Less),
            // One moment, three clocks.
            ("2025-06-30T23:00:00-05:00", "2025-07-01T04:00:00Z", Ordering::Equal),
            ("2025-07-01T06:00:00+02:00", "2025-07-01T04:00Z", Ordering::Equal),
            ("2025-06-30T23:00:00-05:00", "2025-07-01T01:00:00Z", Ordering::Greater),
            // A day without a zone is that of whoever wrote.
            ("2025-06-30T23:00:00-05:00", "2025-06-30", Ordering::Equal),
            ("2025-06-30", "2025-07-01T00:00:00Z", Ordering::Less),
            ("9999-12-31", "9999", Ordering::Equal),
        ] {
            assert_eq!(compared(date, bound), expected, "{date} {bound}");
        }
    }
}
