//! Dates in articles and filters: `2025`, `2025-06`, `2025-06-30`, `2025-06-30T18:00`, `2025-06-30
//! 18:00:05.25+02:00`.

use jiff::civil::{Date as Day, DateTime, Time};
use jiff::tz::Offset;
use jiff::{Span, Timestamp};
use std::cmp::Ordering;

/// A date with the precision it was written in: the period of a year, a month, a day, an hour, a
/// minute or a second, or an instant.
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
    Instant,
}

impl Date {
    /// Parses a date. `None` unless all of `text` is a date of the calendar.
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
        Some(Self {
            start: date.ok()?.to_datetime(time),
            unit,
            offset,
        })
    }

    /// Parses a date like [`Self::parse`], and also days written `2025-6-1`, `2025/06/01` or
    /// `1.6.2025`. `None` if day and month could be confused, as in `1/6/2025`.
    pub fn parse_lenient(text: &str) -> Option<Self> {
        let text = text.trim();
        Self::parse(text).or_else(|| {
            let sign = ['-', '/', '.']
                .into_iter()
                .find(|sign| text.contains(*sign))?;
            let parts: Vec<&str> = text.split(sign).collect();
            let [first, month, last] = parts[..] else {
                return None;
            };
            let (year, day) = match (first.len(), last.len()) {
                (4, 1 | 2) => (first, last),
                (1 | 2, 4) if sign == '.' => (last, first),
                _ => return None,
            };
            Self::parse(&format!("{year}-{month:0>2}-{day:0>2}"))
        })
    }

    /// Whether the precision is a day or finer.
    pub fn has_day(self) -> bool {
        self.unit >= Unit::Day
    }

    /// Whether the date has a time of day.
    pub fn has_time(self) -> bool {
        self.unit > Unit::Day
    }

    /// Compares the start of this date with the period `bound`: before it (`Less`), within it
    /// (`Equal`) or after it (`Greater`). If both have a UTC offset, instants are compared. If only
    /// `bound` has one, this date is taken as UTC. If `bound` has none, local times are compared
    /// and offsets ignored.
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

    /// The end of the period, exclusive; `None` beyond the year 9999.
    fn end(self) -> Option<DateTime> {
        let span = Span::new();
        let span = match self.unit {
            Unit::Year => span.years(1),
            Unit::Month => span.months(1),
            Unit::Day => span.days(1),
            Unit::Hour => span.hours(1),
            Unit::Minute => span.minutes(1),
            Unit::Second => span.seconds(1),
            Unit::Instant => span.nanoseconds(1),
        };
        self.start.checked_add(span).ok()
    }
}

/// Nanoseconds since 1970 UTC of a local time `offset` ahead of UTC.
fn nanoseconds(at: DateTime, offset: Offset) -> i128 {
    // Out of range only within a day of the ends of jiff's range, the years -9999 and 9999.
    let utc = Offset::UTC.to_timestamp(at).unwrap_or(Timestamp::MAX);
    utc.as_nanosecond() - i128::from(offset.seconds()) * 1_000_000_000
}

/// Parses a time of day with its precision and the UTC offset after it.
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
        Some(fraction)
            if (1..=9).contains(&fraction.len())
                && fraction.bytes().all(|b| b.is_ascii_digit()) =>
        {
            format!("{fraction:0<9}").parse().ok()?
        }
        Some(_) => return None,
    };
    let unit = match (minute, second, fraction) {
        (None, ..) => Unit::Hour,
        (_, None, _) => Unit::Minute,
        (.., None) => Unit::Second,
        _ => Unit::Instant,
    };
    let two = |part: Option<&str>| {
        part.map_or(Some(0), |part| digits(part, 2))
            .map(|n| n as i8)
    };
    // A leap second counts as second 59.
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

/// A number of exactly `count` ASCII digits.
fn digits(text: &str, count: usize) -> Option<i16> {
    (text.len() == count && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dates_of_the_calendar_parse() {
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
    fn dates_are_compared_at_the_precision_of_the_bound() {
        let compared = |date: &str, bound: &str| {
            Date::parse(date)
                .unwrap()
                .compare_to_period(Date::parse(bound).unwrap())
        };
        for (date, bound, expected) in [
            ("2025-06-30", "2025-06", Ordering::Equal),
            ("2025-06-30", "2025", Ordering::Equal),
            ("2025-06-30", "2025-05", Ordering::Greater),
            ("2025-06-30T18:00:00Z", "2025-06-30T18", Ordering::Equal),
            ("2025-06-30T18:00:00Z", "2025-06-30T19", Ordering::Less),
            // The same instant in three time zones.
            (
                "2025-06-30T23:00:00-05:00",
                "2025-07-01T04:00:00Z",
                Ordering::Equal,
            ),
            (
                "2025-07-01T06:00:00+02:00",
                "2025-07-01T04:00Z",
                Ordering::Equal,
            ),
            (
                "2025-06-30T23:00:00-05:00",
                "2025-07-01T01:00:00Z",
                Ordering::Greater,
            ),
            // A day without an offset is compared with the local date.
            ("2025-06-30T23:00:00-05:00", "2025-06-30", Ordering::Equal),
            ("2025-06-30", "2025-07-01T00:00:00Z", Ordering::Less),
            ("9999-12-31", "9999", Ordering::Equal),
        ] {
            assert_eq!(compared(date, bound), expected, "{date} {bound}");
        }
    }
}
