//! Options for reaching servers, the same in every stage that uses the network.

use reqwest::header::{HeaderName, HeaderValue};

/// How to reach servers. The same options in every stage that uses the network.
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
    /// Attempts after the first that failed in a way that may pass
    #[arg(long, value_name = "N", default_value_t = 4, global = true)]
    pub retries: u32,
    /// Wait before the first retry, in seconds; doubles with each
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = seconds, global = true)]
    pub backoff: f64,
    /// Seconds to wait for a connection, and for the next byte of an answer
    #[arg(long, value_name = "S", default_value_t = 60.0, value_parser = some_seconds, global = true)]
    pub timeout: f64,
    /// Your mail address or page, for the User-Agent: archives ask who harvests
    #[arg(long, value_name = "EMAIL", env = "RECTO_CONTACT", global = true)]
    pub contact: Option<String>,
    /// Accept any certificate; they are verified by default
    #[arg(long, global = true)]
    pub insecure: bool,
    /// Send a header with each request, such as 'Cookie: a=b' (repeatable)
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header, global = true)]
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Send 'Authorization: Bearer TOKEN' to the hosts of the images asked for
    #[arg(
        long,
        value_name = "TOKEN",
        env = "RECTO_BEARER",
        hide_env_values = true,
        global = true
    )]
    pub bearer: Option<String>,
    /// Replace a URL prefix just before fetching; ids stay (repeatable, first match wins)
    #[arg(long, value_name = "FROM=TO", value_parser = rewrite, global = true)]
    pub rewrite: Vec<(String, String)>,
}

impl Options {
    /// Requests in flight to one host.
    pub fn per_host(&self) -> u16 {
        self.per_host.unwrap_or(4)
    }

    /// Requests per second to one host; 0: no limit.
    pub fn rate(&self) -> f64 {
        self.rate.unwrap_or(10.0)
    }

    /// For servers of the user's own house: many requests at once, at full pace, unless the user says otherwise.
    pub fn at_home(&self) -> Self {
        Options {
            per_host: self.per_host.or(Some(16)),
            rate: self.rate.or(Some(0.0)),
            ..self.clone()
        }
    }
}

fn rate(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|v: &f64| v.is_finite() && *v >= 0.0)
        .ok_or_else(|| format!("`{text}` is not a number of requests per second"))
}

fn seconds(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|v| (0.0..=86_400.0).contains(v))
        .ok_or_else(|| format!("`{text}` is not a number of seconds up to a day"))
}

fn some_seconds(text: &str) -> Result<f64, String> {
    match seconds(text)? {
        0.0 => Err("without any time no server can answer".into()),
        seconds => Ok(seconds),
    }
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| format!("`{text}` has no colon: 'Name: value' is needed"))?;
    let name = name
        .trim()
        .parse()
        .map_err(|_| format!("`{name}` is not a header name"))?;
    let value = HeaderValue::from_str(value.trim())
        .map_err(|_| format!("the value of `{name}` has characters that no header holds"))?;
    Ok((name, value))
}

fn rewrite(text: &str) -> Result<(String, String), String> {
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
