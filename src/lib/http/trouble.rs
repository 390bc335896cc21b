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
    /// The disk refused.
    Disk,
}

impl Kind {
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
    match retry_after {
        Some(wait) if wait > PATIENCE => Next::GiveUp,
        Some(wait) => Next::Retry(wait),
        None => Next::Retry(
            backoff
                .saturating_mul(1 << (attempt - 1).min(10))
                .min(LONGEST),
        ),
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

/// `Retry-After` in either form: seconds, or a date.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
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
    fn retry_after_is_read_in_both_forms() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let cases = [
            ("7", Some(7)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
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
}
