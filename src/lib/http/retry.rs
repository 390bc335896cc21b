//! When to ask again: the decision after a failed attempt, and what headers say about waiting. Values, no network.

use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;

use super::error::{Error, Kind};

/// An attempt that failed.
#[derive(Debug)]
pub struct FailedAttempt {
    /// Why.
    pub error: Error,
    /// How long the server asks to be left alone.
    pub retry_after: Option<Duration>,
    /// The most retries that make sense.
    pub max_retries: u32,
}

impl From<Error> for FailedAttempt {
    fn from(error: Error) -> Self {
        FailedAttempt {
            error,
            retry_after: None,
            max_retries: u32::MAX,
        }
    }
}

impl FailedAttempt {
    /// The same, at the URL that redirects led to, if they did.
    pub fn at(self, moved: Option<&str>) -> Self {
        FailedAttempt {
            error: self.error.with_words("", moved),
            ..self
        }
    }

    /// The same, with at most so many retries.
    pub fn at_most(self, max_retries: u32) -> Self {
        FailedAttempt {
            max_retries,
            ..self
        }
    }
}

/// What to do after an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    /// Wait this long, then ask again.
    Retry(Duration),
    /// Do not ask again.
    GiveUp,
}

/// Decides after attempt number `attempt` (1 is the first) of `1 + retries`. `Retry-After` beats the backoff: some
/// archives ban clients that ignore it. A host that asks for more than [`LONGEST_WAIT`] is given up.
pub fn after(
    kind: Kind,
    retry_after: Option<Duration>,
    attempt: u32,
    retries: u32,
    backoff: Duration,
) -> Next {
    const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
    if !kind.is_retried() || attempt > retries {
        return Next::GiveUp;
    }
    let doubled = backoff
        .saturating_mul(1 << (attempt - 1).min(10))
        .min(LONGEST_BACKOFF);
    match retry_after {
        Some(wait) if wait > LONGEST_WAIT => Next::GiveUp,
        // Never at once: where the clock here is ahead of the server's, its date lies in the past.
        Some(wait) => Next::Retry(wait.max(doubled)),
        None => Next::Retry(doubled),
    }
}

/// The longest wait that a server may ask for.
pub const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// The time by the server's own clock, by which its dates are meant: `Date`, else the time here.
pub fn server_time(headers: &HeaderMap, here: SystemTime) -> SystemTime {
    let date = headers.get("date").and_then(|date| date.to_str().ok());
    date.and_then(|date| httpdate::parse_http_date(date).ok())
        .unwrap_or(here)
}

/// `Retry-After` in either form, seconds or a date (RFC 9110 §10.2.3). `now` is the server's time. Read too, since servers
/// write it so: fractions, seconds with their unit, a date in another zone than GMT, the time as Unix seconds.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    /// More seconds than that are a point in time.
    const MOST_SECONDS: f64 = 1e9;
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    let number = match text.split_once(' ') {
        Some((number, "s" | "sec" | "second" | "seconds")) => number,
        _ => text,
    };
    if let Some(seconds) = number.parse().ok().filter(|s: &f64| *s >= 0.0) {
        let seconds: f64 = in_seconds(seconds).ceil().min(1e10);
        let since = now.duration_since(SystemTime::UNIX_EPOCH);
        return Some(match since {
            Ok(since) if seconds > MOST_SECONDS => {
                Duration::from_secs_f64(seconds).saturating_sub(since)
            }
            _ => Duration::from_secs_f64(seconds),
        });
    }
    Some(date(text)?.duration_since(now).unwrap_or_default())
}

/// A date as HTTP writes it (§5.6.7), or in another zone than GMT.
pub fn date(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).ok().or_else(|| {
        let zoned = jiff::fmt::rfc2822::parse(&text.replace(" UTC", " +0000")).ok()?;
        Some(zoned.into())
    })
}

/// How long to wait because nothing is left of the host's quota: `RateLimit` (IETF draft, old form and new) and
/// `X-RateLimit-*`, whose reset is in seconds or a Unix time. None where some is left, or no quota is declared.
pub fn quota_wait(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let number = |name: &str| -> Option<f64> {
        let text = headers.get(name)?.to_str().ok()?;
        text.split([',', ';']).next()?.trim().parse().ok()
    };
    let both = |prefix: &str| {
        let left = number(&format!("{prefix}-remaining"))?;
        Some((left, number(&format!("{prefix}-reset"))?))
    };
    let parameter = |name: &str| -> Option<f64> {
        let text = headers.get("ratelimit")?.to_str().ok()?;
        let mut parts = text.split([';', ',']).map(str::trim);
        parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
    };
    let pair = |left, reset| Some((parameter(left)?, parameter(reset)?));
    let (left, reset) = both("ratelimit")
        .or_else(|| pair("r", "t"))
        // The names of drafts up to 7.
        .or_else(|| pair("remaining", "reset"))
        .or_else(|| both("x-ratelimit"))?;
    if left > 0.0 || !reset.is_finite() {
        return None;
    }
    let reset = in_seconds(reset);
    // A reset above this is a Unix time: as a number of seconds it would be thirty years.
    const UNIX_TIME: f64 = 1e9;
    let seconds = match reset > UNIX_TIME {
        true => {
            reset
                - now
                    .duration_since(SystemTime::UNIX_EPOCH)
                    .ok()?
                    .as_secs_f64()
        }
        false => reset,
    };
    (seconds > 0.0).then(|| Duration::from_secs_f64(seconds.min(1e10)))
}

/// A number of seconds, where it may be a Unix time in milliseconds, as programs count it: in seconds that would be thousands of
/// years from now.
fn in_seconds(number: f64) -> f64 {
    match (1e11..1e14).contains(&number) {
        true => number / 1000.0,
        false => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_comes_after_an_attempt() {
        let cases = [
            // (class, Retry-After, attempt, what next) with 3 retries and a backoff of 1 s
            (Kind::Server, None, 1, Next::Retry(SECOND)),
            (Kind::Server, None, 3, Next::Retry(4 * SECOND)),
            (Kind::Server, None, 4, Next::GiveUp),
            (Kind::TooMany, Some(9 * SECOND), 1, Next::Retry(9 * SECOND)),
            (Kind::TooMany, Some(9000 * SECOND), 1, Next::GiveUp),
            (Kind::NotFound, None, 1, Next::GiveUp),
            (Kind::Forbidden, None, 1, Next::GiveUp),
            (Kind::WrongSize, None, 1, Next::GiveUp),
            (Kind::Truncated, None, 1, Next::Retry(SECOND)),
            (Kind::Checksum, None, 1, Next::Retry(SECOND)),
        ];
        for (kind, wait, attempt, next) in cases {
            assert_eq!(
                after(kind, wait, attempt, 3, SECOND),
                next,
                "{kind:?} on {attempt}"
            );
        }
    }

    #[test]
    fn a_date_is_meant_by_the_clock_of_who_says_it() {
        let here = SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
        let said = headers(&[
            ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT"),
        ]);
        let there = server_time(&said, here);
        assert_eq!(retry_after(&said, there), Some(10 * SECOND));
        assert_eq!(server_time(&headers(&[]), here), here);
        assert_eq!(server_time(&headers(&[("date", "noon")]), here), here);
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let cases = [
            ("7", Some(7)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:47 UTC", Some(10)),
            ("Sun, 06 Nov 1994 09:49:47 +0100", Some(10)),
            ("3.5", Some(4)),
            ("3 seconds", Some(3)),
            ("1000000001", Some(1_000_000_001 - 784_111_777)),
            ("1000000001000", Some(1_000_000_001 - 784_111_777)),
            ("999999999999999999999", Some(10_000_000_000 - 784_111_777)),
            ("3 weeks", None),
            ("-1", None),
            ("NaN", None),
            ("soon", None),
        ];
        for (text, wanted) in cases {
            let headers = HeaderMap::from_iter([(
                reqwest::header::RETRY_AFTER,
                HeaderValue::from_str(text).unwrap(),
            )]);
            assert_eq!(
                retry_after(&headers, now),
                wanted.map(Duration::from_secs),
                "{text}"
            );
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            let name = reqwest::header::HeaderName::from_static(name);
            (name, HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn a_host_that_is_nearly_used_up_is_left_alone_in_time() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        type Pairs = &'static [(&'static str, &'static str)];
        let cases: [(Pairs, Option<u64>); 9] = [
            (
                &[("ratelimit-remaining", "0"), ("ratelimit-reset", "7")],
                Some(7),
            ),
            (
                &[("ratelimit-remaining", "3"), ("ratelimit-reset", "7")],
                None,
            ),
            (&[("ratelimit", "\"default\";r=0;t=30")], Some(30)),
            (&[("ratelimit", "\"default\";r=9;t=30")], None),
            (
                &[
                    ("x-ratelimit-remaining", "0"),
                    ("x-ratelimit-reset", "1800000009"),
                ],
                Some(9),
            ),
            (
                &[
                    ("x-ratelimit-remaining", "0"),
                    ("x-ratelimit-reset", "1700000000"),
                ],
                None,
            ),
            (
                &[
                    ("x-ratelimit-remaining", "0"),
                    ("x-ratelimit-reset", "1800000009000"),
                ],
                Some(9),
            ),
            (&[("ratelimit", "\"month\";r=0;t=2592000")], Some(2_592_000)),
            (&[("x-ratelimit-remaining", "0")], None),
        ];
        for (pairs, wanted) in cases {
            let found = quota_wait(&headers(pairs), now);
            assert_eq!(found, wanted.map(Duration::from_secs), "{pairs:?}");
        }
    }
}
