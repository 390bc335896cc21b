//! Network options, the same in every stage that uses the network.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use super::budget_store::BudgetStoreUrl;
use super::host_header::{self, HostHeader};
use super::netrc::NetrcFile;
use super::token_login::TokenLogin;

/// Network options: which servers are asked how much, and who asks.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Network")]
#[group(id = "network")]
pub struct Options {
    /// Requests in flight to one host [default: 4; 16 to the services of m3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), global = true)]
    pub per_host: Option<u16>,
    /// Requests per second to one host; 0: no limit [default: 10; no limit to the services of m3]
    #[arg(long, value_name = "R", value_parser = rate, global = true)]
    pub rate: Option<f64>,
    /// Retries after a temporary error
    #[arg(long, value_name = "N", default_value_t = 4, global = true)]
    pub retries: u32,
    /// Seconds to wait before the first retry; doubles with each further one
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = seconds, global = true)]
    pub backoff: f64,
    /// Seconds to wait for the next byte of an answer; a host that has not answered at all is given up after this time in total
    #[arg(long, value_name = "S", default_value_t = 60.0, value_parser = some_seconds, global = true)]
    pub timeout: f64,
    /// Seconds to wait for a connection, at most those of --timeout
    #[arg(long, value_name = "S", default_value_t = 10.0, value_parser = some_seconds, global = true)]
    pub connect_timeout: f64,
    /// Stop requesting from a host for this run after N different URLs in a row that it refuses or fails to answer.
    /// recto-download first tries 12 further images from all over the set. 0: never
    #[arg(long, value_name = "N", default_value_t = 20, global = true)]
    pub give_up: u32,
    /// Redirects to follow
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(0..=50), global = true)]
    pub max_redirects: u16,
    /// Your email address or web page, sent as part of the User-Agent: archives want to know who harvests
    #[arg(long, value_name = "EMAIL", env = "RECTO_CONTACT", global = true)]
    pub contact: Option<String>,
    /// Accept any TLS certificate, unverified
    #[arg(long, global = true)]
    pub insecure: bool,
    /// Send a header, such as 'X-API-Key: K', to the only host requested, or to HOST; what identifies nobody, such as
    /// Accept-Language, goes to all (repeatable)
    #[arg(long = "header", value_name = "[HOST=]NAME: VALUE", value_parser = host_header::header, global = true)]
    pub headers: Vec<HostHeader>,
    /// Send 'Authorization: Bearer TOKEN' to the only host requested, or to HOST (repeatable); also for IIIF access tokens
    #[arg(
        long = "bearer",
        value_name = "[HOST=]TOKEN",
        env = "RECTO_BEARER",
        hide_env_values = true,
        value_parser = host_header::bearer,
        global = true
    )]
    pub bearers: Vec<HostHeader>,
    /// Log in with the user names and passwords of a netrc file [default FILE: $NETRC, else ~/.netrc]
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        value_parser = netrc,
        global = true
    )]
    pub netrc: Option<NetrcFile>,
    /// Send the cookies of a file in Netscape's format, as browsers' extensions and curl write it, each to its own host
    #[arg(long, value_name = "FILE", global = true)]
    pub cookies: Option<PathBuf>,
    /// Request limits of archives, before those that recto knows: a table with columns host,at_once,per_second,why
    #[arg(long, value_name = "FILE", global = true)]
    pub archives: Option<PathBuf>,
    /// Request what robots.txt does not allow
    #[arg(long, global = true)]
    pub ignore_robots: bool,
    /// Download images although their owners opt out of text and data mining (X-Robots-Tag, TDM reservation)
    #[arg(long, global = true)]
    pub ignore_opt_out: bool,
    /// Request private addresses (this machine, the local network) that public documents and servers name
    #[arg(long, alias = "allow-private", global = true)]
    pub private_hosts: bool,
    /// Stop sending requests after requests=N, bytes=SIZE or time=LENGTH (500MB, 90m), separated by commas
    #[arg(long, value_name = "LIMITS", value_parser = budget, global = true)]
    pub budget: Option<Budget>,
    /// Share each host's rate limit and pauses with all programs that use the same Redis server (redis://HOST:PORT). While
    /// it does not answer, each program uses its share of the limits
    #[arg(
        long,
        value_name = "URL",
        env = "RECTO_BUDGET_STORE",
        hide_env_values = true,
        global = true
    )]
    pub budget_store: Option<BudgetStoreUrl>,
    /// Replace a URL prefix in requests; ids are not changed (repeatable, first match wins)
    #[arg(long, value_name = "FROM=TO", value_parser = rewrite, global = true)]
    pub rewrite: Vec<(String, String)>,
    /// Programs that ask the same hosts side by side and share their rate limits; 0 and 1: this one alone.
    #[arg(skip)]
    pub workers: u64,
    /// Which of them this one is, from 0.
    #[arg(skip)]
    pub worker: u64,
    /// The same of single hosts, `name:port`: which one, and how many.
    #[arg(skip)]
    pub shared: BTreeMap<String, (u64, u64)>,
    /// A login whose token is sent; stages that have one set it.
    #[arg(skip)]
    pub login: Option<TokenLogin>,
}

impl Options {
    /// A URL as it is requested: after `--rewrite`.
    pub fn rewritten<'a>(&self, url: &'a str) -> Cow<'a, str> {
        rewritten(&self.rewrite, url)
    }

    /// The hosts, `name:port`, behind URLs.
    pub fn hosts<'a>(&self, urls: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
        let urls = urls.into_iter().map(|url| self.rewritten(url));
        urls.filter_map(|url| host_of(&url)).collect()
    }

    /// How long to wait for a connection.
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_secs_f64(self.connect_timeout.min(self.timeout).max(0.001))
    }

    /// Requests in flight to one host.
    pub fn per_host(&self) -> u16 {
        self.per_host.unwrap_or(USUAL_PER_HOST)
    }

    /// Requests per second to one host; 0: no limit.
    pub fn rate(&self) -> f64 {
        self.rate.unwrap_or(10.0)
    }

    /// For one of several programs that ask the same hosts side by side: which one, from 0, and how many.
    pub fn shared_by(&self, (worker, workers): (u64, u64)) -> Self {
        Options {
            worker,
            workers,
            ..self.clone()
        }
    }

    /// For servers of the user's own institution: many requests at once, without a rate limit, unless the user sets one.
    pub fn for_own_servers(&self) -> Self {
        Options {
            per_host: self.per_host.or(Some(16)),
            rate: self.rate.or(Some(0.0)),
            ..self.clone()
        }
    }
}

fn netrc(text: &str) -> Result<NetrcFile, String> {
    Ok(match text {
        "" => NetrcFile::Usual,
        path => NetrcFile::Named(path.into()),
    })
}

/// The host of a URL, `name:port`.
pub fn host_of(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    let port = url.port_or_known_default()?;
    Some(format!("{}:{port}", name_of(&url)?))
}

/// The server of a URL: its name, with a port of its own if it has one. What is asked for by http and by https is one server.
pub fn server_of(url: &url::Url) -> Option<String> {
    let name = name_of(url)?;
    Some(match url.port() {
        // Also where the other scheme has it by default.
        Some(port) if ![80, 443].contains(&port) => format!("{name}:{port}"),
        _ => name.to_owned(),
    })
}

/// The name of a host, without the dot that may end it.
fn name_of(url: &url::Url) -> Option<&str> {
    Some(url.host_str()?.trim_end_matches('.'))
}

/// Requests in flight to one host, where neither the user nor its archive says otherwise.
pub const USUAL_PER_HOST: u16 = 4;

/// A URL after these replacements of prefixes: the first that fits.
pub fn rewritten<'a>(rewrite: &[(String, String)], url: &'a str) -> Cow<'a, str> {
    let matching = rewrite.iter().find_map(|(from, to)| {
        let rest = url.strip_prefix(from.as_str())?;
        // `https://a.org` must not match `https://a.org.evil.example`.
        let is_whole = from.ends_with('/') || ends_host(from, rest);
        is_whole.then(|| format!("{to}{rest}"))
    });
    matching.map_or(Cow::Borrowed(url.trim()), Cow::Owned)
}

/// Whether a prefix that ends in a host ends where the host does: `rest` is what follows it.
fn ends_host(prefix: &str, rest: &str) -> bool {
    let after_scheme = prefix.split_once("://").map_or("", |(_, after)| after);
    after_scheme.contains('/') || rest.is_empty() || rest.starts_with(['/', '?', '#', ':'])
}

/// What a run may cost at most.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budget {
    /// Requests.
    pub requests: Option<u64>,
    /// Body bytes.
    pub bytes: Option<u64>,
    /// Wall time.
    pub time: Option<Duration>,
}

fn budget(text: &str) -> Result<Budget, String> {
    let mut budget = Budget::default();
    for limit in text.split(',') {
        let known = "requests=N, bytes=SIZE or time=LENGTH is needed";
        let (name, value) = limit
            .split_once('=')
            .ok_or_else(|| format!("`{limit}`: {known}"))?;
        match name.trim() {
            "requests" => budget.requests = Some(amount(value, &[("", 1.0)])? as u64),
            "bytes" => budget.bytes = Some(amount(value, SIZES)? as u64),
            "time" => budget.time = Some(Duration::from_secs_f64(amount(value, TIMES)?)),
            _ => return Err(format!("`{limit}`: {known}")),
        }
    }
    Ok(budget)
}

/// A number of bytes, with a unit: `500MB`.
///
/// # Errors
/// The text is not a number above 0 with a unit.
pub fn size(text: &str) -> Result<u64, String> {
    Ok(amount(text, SIZES)? as u64)
}

const SIZES: &[(&str, f64)] = &[
    ("", 1.0),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
];
/// A length of time, such as `90m` or `2h`.
///
/// # Errors
/// It is none.
pub fn length(text: &str) -> Result<Duration, String> {
    Ok(Duration::from_secs_f64(amount(text, TIMES)?))
}

const TIMES: &[(&str, f64)] = &[
    ("s", 1.0),
    ("", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
];

fn amount(text: &str, units: &[(&str, f64)]) -> Result<f64, String> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &text[digits.len()..];
    let scale = units
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit));
    let number: Option<f64> = digits.trim().parse().ok();
    let wrong = || {
        let names: Vec<&str> = units
            .iter()
            .map(|u| u.0)
            .filter(|u| !u.is_empty())
            .collect();
        format!(
            "`{text}` is not a number above 0, with a unit of: {}",
            names.join(" ")
        )
    };
    let amount = number.zip(scale).map(|(number, (_, scale))| number * scale);
    amount.filter(|a| *a > 0.0 && *a < 1e15).ok_or_else(wrong)
}

/// The lowest rate: about a request in eleven days.
pub const LEAST_RATE: f64 = 1e-6;

fn rate(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|v: &f64| *v == 0.0 || v.is_finite() && *v >= LEAST_RATE)
        .ok_or_else(|| {
            format!(
                "`{text}` is not a number of requests per second, from {LEAST_RATE}; 0 for no limit"
            )
        })
}

fn seconds(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|v| (0.0..=86_400.0).contains(v))
        .ok_or_else(|| format!("`{text}` is not a number of seconds up to a day"))
}

fn some_seconds(text: &str) -> Result<f64, String> {
    match seconds(text)? {
        0.0 => Err("0 leaves a server no time to answer".into()),
        seconds => Ok(seconds),
    }
}

/// A replacement of the prefix of URLs, `FROM=TO`.
///
/// # Errors
/// It is none.
pub fn rewrite(text: &str) -> Result<(String, String), String> {
    // URLs hold `=` in queries: the prefix to replace ends before the `=` that starts another URL, else the first.
    let at = text
        .match_indices('=')
        .map(|(at, _)| at)
        .find(|&at| text[at + 1..].starts_with("http"));
    let at = at.or_else(|| text.find('=')).filter(|&at| at > 0);
    let at = at.ok_or_else(|| format!("`{text}` is not FROM=TO"))?;
    Ok((text[..at].into(), text[at + 1..].into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_none_or_one_that_a_clock_can_wait_for() {
        for (text, wanted) in [
            ("0", Some(0.0)),
            ("0.5", Some(0.5)),
            ("0.000001", Some(1e-6)),
            ("1e-300", None),
            ("-1", None),
            ("inf", None),
            ("NaN", None),
        ] {
            assert_eq!(rate(text).ok(), wanted, "{text}");
        }
    }

    #[test]
    fn a_server_is_one_by_http_and_by_https() {
        for (url, wanted) in [
            ("http://a.example/1", "a.example"),
            ("https://a.example./1", "a.example"),
            ("https://A.example:443/1", "a.example"),
            ("http://a.example:443/1", "a.example"),
            ("http://a.example:8080/1", "a.example:8080"),
        ] {
            let found = server_of(&url::Url::parse(url).unwrap());
            assert_eq!(found.as_deref(), Some(wanted), "{url}");
        }
    }

    #[test]
    fn rewrite_splits_where_the_new_url_starts() {
        let cases = [
            ("https://a/=http://b/", Some(("https://a/", "http://b/"))),
            (
                "https://a/?x=1&y==http://b/",
                Some(("https://a/?x=1&y=", "http://b/")),
            ),
            ("a=b", Some(("a", "b"))),
            ("=b", None),
            ("ab", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(
                rewrite(text).ok(),
                wanted.map(|(a, b)| (a.into(), b.into())),
                "{text}"
            );
        }
    }
}
