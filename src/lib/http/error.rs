//! Why there is no answer, and what to do about it: a table, no network.

use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The class.
    pub kind: Kind,
    /// Status of the last attempt, where there was an answer.
    pub status: Option<u16>,
    /// Requests made.
    pub attempts: u32,
    /// What happened, in words.
    pub message: String,
}

/// Classes of trouble; `failures.csv` names them by [`Kind::name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 404, 410.
    NotFound,
    /// 401, 403, 451.
    Forbidden,
    /// 429.
    TooMany,
    /// 5xx.
    Server,
    /// Any other status that is no success.
    Status,
    /// No connection, no such host, broken off, a redirect loop.
    Network,
    /// The host's certificate is not to be trusted.
    Certificate,
    /// No byte for too long.
    Timeout,
    /// Fewer bytes than announced, or an image that ends in the middle.
    Truncated,
    /// A picture of another size than was asked for.
    WrongSize,
    /// Not an image: an HTML page, JSON, nothing.
    NotAnImage,
    /// `info.json` that cannot be used.
    Info,
    /// Something recto does not do: a URL scheme, a feature the server lacks.
    Unsupported,
    /// The file is not the one that the source told of: another SHA-256.
    Checksum,
    /// robots.txt forbids it.
    Robots,
    /// Its owner reserves it against mining.
    Reserved,
    /// `--budget` is used up.
    Budget,
    /// The disk refused.
    Disk,
}

impl Kind {
    /// All classes.
    pub const ALL: [Kind; 18] = [
        Kind::NotFound,
        Kind::Forbidden,
        Kind::TooMany,
        Kind::Server,
        Kind::Status,
        Kind::Network,
        Kind::Certificate,
        Kind::Timeout,
        Kind::Truncated,
        Kind::WrongSize,
        Kind::NotAnImage,
        Kind::Info,
        Kind::Unsupported,
        Kind::Checksum,
        Kind::Robots,
        Kind::Reserved,
        Kind::Budget,
        Kind::Disk,
    ];

    /// The word in `failures.csv`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::NotFound => "not-found",
            Kind::Forbidden => "forbidden",
            Kind::TooMany => "too-many",
            Kind::Server => "server",
            Kind::Status => "status",
            Kind::Network => "network",
            Kind::Certificate => "certificate",
            Kind::Timeout => "timeout",
            Kind::Truncated => "truncated",
            Kind::WrongSize => "wrong-size",
            Kind::NotAnImage => "not-an-image",
            Kind::Info => "info",
            Kind::Unsupported => "unsupported",
            Kind::Checksum => "checksum",
            Kind::Robots => "robots",
            Kind::Reserved => "reserved",
            Kind::Budget => "budget",
            Kind::Disk => "disk",
        }
    }

    /// Whether asking again may help.
    pub fn passes(self) -> bool {
        matches!(
            self,
            Kind::TooMany
                | Kind::Server
                | Kind::Network
                | Kind::Timeout
                | Kind::Truncated
                | Kind::NotAnImage
                | Kind::Info
                | Kind::Checksum
        )
    }
}

impl Kind {
    /// Whether servers have this trouble with answers that are too large for them.
    pub fn may_be_size(self) -> bool {
        matches!(
            self,
            Kind::Forbidden | Kind::Server | Kind::Timeout | Kind::Truncated | Kind::NotAnImage
        )
    }
}

/// What to do after an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Next {
    /// Wait this long, then ask again.
    Retry(Duration),
    /// Enough.
    GiveUp,
}

/// Decides after attempt number `attempt` (1 is the first) of `1 + retries`. `Retry-After` beats the backoff: some
/// archives ban clients that ignore it; one that asks for more than ten minutes is told no.
pub fn after(
    kind: Kind,
    retry_after: Option<Duration>,
    attempt: u32,
    retries: u32,
    backoff: Duration,
) -> Next {
    const LONGEST: Duration = Duration::from_secs(60);
    if !kind.passes() || attempt > retries {
        return Next::GiveUp;
    }
    let doubled = backoff
        .saturating_mul(1 << (attempt - 1).min(10))
        .min(LONGEST);
    match retry_after {
        Some(wait) if wait > PATIENCE => Next::GiveUp,
        // Never at once: a clock that is ahead makes a date of the past out of a wait.
        Some(wait) => Next::Retry(wait.max(doubled)),
        None => Next::Retry(doubled),
    }
}

/// The longest that a server may ask us to wait.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// What a status that is no success means.
pub fn refusal(status: u16) -> Trouble {
    let (kind, words) = match status {
        404 | 410 => (Kind::NotFound, "not there"),
        401 | 403 | 451 => (Kind::Forbidden, "not allowed"),
        429 => (Kind::TooMany, "too many requests"),
        408 => (Kind::Timeout, "the server waited too long"),
        425 => (Kind::Server, "too early"),
        501 => (Kind::Status, "the server does not do that"),
        500.. => (Kind::Server, "the server is in trouble"),
        _ => (Kind::Status, "refused"),
    };
    Trouble {
        kind,
        status: Some(status),
        attempts: 0,
        message: format!("{words} (HTTP {status})"),
    }
}

/// What time it is for the server, whose dates are meant by its own clock: `Date`, else the time here.
pub fn time_there(headers: &HeaderMap, here: SystemTime) -> SystemTime {
    let date = headers.get("date").and_then(|date| date.to_str().ok());
    date.and_then(|date| httpdate::parse_http_date(date).ok())
        .unwrap_or(here)
}

/// `Retry-After` in either form: seconds, or a date.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Some(seconds) = text.parse().ok().filter(|s: &f64| *s >= 0.0) {
        // Some servers write fractions, and some write what no clock holds.
        return Some(Duration::from_secs_f64(seconds.ceil().min(1e9)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// How long a host wants to be left alone because little is left of what it allows: `RateLimit` (IETF draft, old
/// form and new) and `X-RateLimit-*`, whose reset is in seconds or a Unix time.
pub fn used_up(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
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
        // As drafts up to 7 had it.
        .or_else(|| pair("remaining", "reset"))
        .or_else(|| both("x-ratelimit"))?;
    if left > 0.0 || !reset.is_finite() {
        return None;
    }
    // A number of this size is a date.
    const A_DATE: f64 = 1e9;
    let seconds = match reset > A_DATE {
        true => {
            reset
                - now
                    .duration_since(SystemTime::UNIX_EPOCH)
                    .ok()?
                    .as_secs_f64()
        }
        false => reset,
    };
    (seconds > 0.0).then(|| Duration::from_secs_f64(seconds.min(86_400.0)))
}

/// How a picture's owner reserves it against mining, if so: `X-Robots-Tag` said to all or to us, `tdm-reservation`.
pub fn reservation(headers: &HeaderMap) -> Option<String> {
    const RESERVES: [&str; 5] = ["noai", "noimageai", "noindex", "noimageindex", "none"];
    // Directives that have a value of their own behind a colon; any other word before one is the name of a reader.
    const VALUED: [&str; 4] = [
        "max-snippet",
        "max-image-preview",
        "max-video-preview",
        "unavailable_after",
    ];
    let trimmed = |word: &str| {
        let is_mark = |c: char| !c.is_ascii_alphanumeric();
        word.trim_matches(is_mark).to_ascii_lowercase()
    };
    for value in headers.get_all("x-robots-tag") {
        let text = String::from_utf8_lossy(value.as_bytes());
        let mut is_for_us = true;
        for part in text.split([',', ';']) {
            let word = match part.split_once(':') {
                Some((name, _)) if VALUED.contains(&&*trimmed(name)) => continue,
                // `googlebot: noindex, noai` is said to another, all of it.
                Some((reader, said)) => {
                    is_for_us = ["recto", "*"].contains(&&*reader.trim().to_ascii_lowercase());
                    said
                }
                None => part,
            };
            let word = trimmed(word);
            if is_for_us && RESERVES.contains(&&*word) {
                return Some(format!("X-Robots-Tag: {word}"));
            }
        }
    }
    let said = headers.get("tdm-reservation")?.to_str().ok()?;
    let is_reserved = said.split(',').any(|said| said.trim() == "1");
    is_reserved.then(|| "tdm-reservation: 1".to_owned())
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
        let there = time_there(&said, here);
        assert_eq!(retry_after(&said, there), Some(10 * SECOND));
        assert_eq!(time_there(&headers(&[]), here), here);
        assert_eq!(time_there(&headers(&[("date", "noon")]), here), here);
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let cases = [
            ("7", Some(7)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("3.5", Some(4)),
            ("999999999999999999999", Some(1_000_000_000)),
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
        let cases: [(Pairs, Option<u64>); 7] = [
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
            (&[("x-ratelimit-remaining", "0")], None),
        ];
        for (pairs, wanted) in cases {
            let found = used_up(&headers(pairs), now);
            assert_eq!(found, wanted.map(Duration::from_secs), "{pairs:?}");
        }
    }

    #[test]
    fn reservations_are_heard_when_they_are_meant_for_us() {
        let cases = [
            (
                "x-robots-tag",
                "noai, noimageai",
                Some("X-Robots-Tag: noai"),
            ),
            (
                "x-robots-tag",
                "recto: noindex",
                Some("X-Robots-Tag: noindex"),
            ),
            ("x-robots-tag", "googlebot: noindex", None),
            (
                "x-robots-tag",
                "nofollow, NOINDEX",
                Some("X-Robots-Tag: noindex"),
            ),
            ("x-robots-tag", "max-snippet:50", None),
            (
                "x-robots-tag",
                "max-image-preview:none, noai",
                Some("X-Robots-Tag: noai"),
            ),
            (
                "x-robots-tag",
                "unavailable_after: 25 Jun 2030 15:00:00 PST, noimageai",
                Some("X-Robots-Tag: noimageai"),
            ),
            ("x-robots-tag", "googlebot: max-snippet:-1, noai", None),
            (
                "x-robots-tag",
                "googlebot: noindex, recto: noai",
                Some("X-Robots-Tag: noai"),
            ),
            ("x-robots-tag", "\"noai\";", Some("X-Robots-Tag: noai")),
            ("x-robots-tag", "none-such", None),
            ("tdm-reservation", "1, 1", Some("tdm-reservation: 1")),
            ("tdm-reservation", "1", Some("tdm-reservation: 1")),
            ("tdm-reservation", "0", None),
        ];
        for (name, value, wanted) in cases {
            let found = reservation(&headers(&[(name, value)]));
            assert_eq!(found.as_deref(), wanted, "{name}: {value}");
        }
    }
}
