//! The operators `<`, `<=`, `>` and `>=` of `--where`: numbers are compared as numbers, dates as dates, nothing else.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// A comparison with a bound, which is a number, a date, or a text that may be either (`2020`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    is_less: bool,
    or_equal: bool,
    number: Option<f64>,
    time: Option<Span>,
}

/// The time that a date covers, `[start, end)`: `2020` a year, `2020-03` a month, `2020-03-01` a day; with a time of day, an
/// instant.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Span {
    start: Timestamp,
    end: Timestamp,
}

impl Comparison {
    /// Parses what follows a key: `>=500`, `<2020-03-01`. None when it is not a comparison with a number or a date.
    pub fn parse(text: &str) -> Option<Self> {
        let is_less = text.starts_with('<');
        let bound = text.strip_prefix(['<', '>'])?;
        let (or_equal, bound) = match bound.strip_prefix('=') {
            Some(bound) => (true, bound),
            None => (false, bound),
        };
        let (number, time) = (number(bound), span(bound.trim()));
        (number.is_some() || time.is_some()).then_some(Comparison {
            is_less,
            or_equal,
            number,
            time,
        })
    }

    /// Whether the comparison holds for a value. It does not for a value that is neither a number nor a date, nor for one of
    /// the other kind.
    pub fn holds(&self, value: &str) -> bool {
        if let (Some(bound), Some(value)) = (self.number, number(value)) {
            return match (self.is_less, self.or_equal) {
                (true, true) => value <= bound,
                (true, false) => value < bound,
                (false, true) => value >= bound,
                (false, false) => value > bound,
            };
        }
        let (Some(bound), Some(value)) = (self.time, span(value.trim())) else {
            return false;
        };
        // `<=` a day includes the whole day; `>` a day begins with the next.
        match (self.is_less, self.or_equal) {
            (true, true) => value.start < bound.end,
            (true, false) => value.start < bound.start,
            (false, true) => value.start >= bound.start,
            (false, false) => value.start >= bound.end,
        }
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|v: &f64| v.is_finite())
}

fn span(text: &str) -> Option<Span> {
    let day = |text: &str| text.parse::<Date>().ok().filter(|_| text.len() == 10);
    match text.len() {
        4 => between(day(&format!("{text}-01-01"))?, 1.years()),
        7 => between(day(&format!("{text}-01"))?, 1.months()),
        10 => between(day(text)?, 1.days()),
        _ => {
            let start = instant(text)?;
            let end = start.checked_add(1.nanosecond()).ok()?;
            Some(Span { start, end })
        }
    }
}

fn between(first: Date, length: jiff::Span) -> Option<Span> {
    let after = first.checked_add(length).ok()?;
    let midnight = |day: Date| at(day.at(0, 0, 0, 0));
    Some(Span {
        start: midnight(first)?,
        end: midnight(after)?,
    })
}

/// A time without a zone is taken as UTC.
fn instant(text: &str) -> Option<Timestamp> {
    let civil = || text.parse::<DateTime>().ok().and_then(at);
    text.parse().ok().or_else(civil)
}

fn at(time: DateTime) -> Option<Timestamp> {
    time.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_dates_are_compared_as_such() {
        let cases = [
            (">=500", "500.0", true),
            (">500", "500", false),
            ("<500", "99", true),
            ("<= -12.5", "-12.5", true),
            ("<500", "", false),
            ("<500", "deep", false),
            ("<500", "NaN", false),
            (">=2020", "2020-01-01T00:00:00Z", true),
            ("<2020", "2019-12-31T23:59:59.999Z", true),
            ("<=2020-03-01", "2020-03-01T23:59:59.131533Z", true),
            ("<=2020-03-01", "2020-03-02T00:00:00Z", false),
            (">2020-03-01", "2020-03-01T12:00:00Z", false),
            (">2020-03", "2020-04-01", true),
            (">=2020-03-01T10:00:00Z", "2020-03-01T10:00:00Z", true),
            (">=2020-03-01T10:00:00Z", "2020-03-01T11:00:00+02:00", false),
            ("<2020-03-01T10:00:00", "2020-03-01T09:59:59", true),
            ("<2020-03-01", "00:12:34:05", false),
            (">5", "2020-03-01", false),
        ];
        for (comparison, value, wanted) in cases {
            let comparison_ = Comparison::parse(comparison).unwrap();
            assert_eq!(comparison_.holds(value), wanted, "{value} {comparison}");
        }
        for text in ["5", "<", ">=x", "<2020-13-01", "<>5"] {
            assert_eq!(Comparison::parse(text), None, "{text}");
        }
    }
}
