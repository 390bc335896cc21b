//! How owners opt out of text and data mining: `X-Robots-Tag` and `tdm-reservation` in an answer, and
//! `/.well-known/tdmrep.json` for a whole host (TDM Reservation Protocol, W3C community group report, §6.1). Values, no
//! network.

use reqwest::header::HeaderMap;
use serde::Deserialize;

use super::robots::Pattern;

/// Path of the file on its host.
pub const PATH: &str = "/.well-known/tdmrep.json";

/// What the `tdmrep.json` of a host declares.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reservations(Vec<Rule>);

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Rule {
    location: String,
    #[serde(rename = "tdm-reservation")]
    reservation: serde_json::Value,
}

impl Reservations {
    /// Reads the file; anything else in its place opts out of nothing.
    pub fn read(bytes: &[u8]) -> Self {
        // A byte-order mark, which some editors write, is no part of it (RFC 8259 §8.1).
        let text = encoding_rs::UTF_8.decode(bytes).0;
        let rules: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap_or_default();
        let rules = rules.into_iter().map(serde_json::from_value);
        // One rule that cannot be read does not take the others with it.
        Reservations(rules.filter_map(Result::ok).collect())
    }

    /// Whether the host opts out for a path with its query: the longest location that matches decides.
    pub fn reserve(&self, path: &str) -> bool {
        let applies = |rule: &&Rule| Pattern::read(&rule.location).matches(path);
        let matching = self.0.iter().filter(applies);
        let longest = matching.max_by_key(|rule| rule.location.len());
        longest.is_some_and(|rule| rule.reservation == 1 || rule.reservation == "1")
    }
}

/// How the headers of an image opt out, if they do: `X-Robots-Tag` to all robots or to recto, `tdm-reservation: 1`.
pub fn declared_in(headers: &HeaderMap) -> Option<String> {
    const RESERVES: [&str; 5] = ["noai", "noimageai", "noindex", "noimageindex", "none"];
    // Directives with a value of their own behind a colon; any other word before a colon is the name of a robot.
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
    let is_time = |before: &str, after: &str| {
        before.ends_with(|c: char| c.is_ascii_digit())
            && after.starts_with(|c: char| c.is_ascii_digit())
    };
    for value in headers.get_all("x-robots-tag") {
        let text = String::from_utf8_lossy(value.as_bytes());
        let mut is_for_us = true;
        for part in text.split([',', ';']) {
            let word = match part.split_once(':') {
                Some((name, _)) if VALUED.contains(&&*trimmed(name)) => continue,
                // The time of a date, which a comma divides from its weekday, is no name of a robot.
                Some((before, after)) if is_time(before, after) => continue,
                // `googlebot: noindex, noai` is meant for another robot, all of it.
                Some((robot, directive)) => {
                    is_for_us = ["recto", "*"].contains(&&*robot.trim().to_ascii_lowercase());
                    directive
                }
                None => part,
            };
            let word = trimmed(word);
            if is_for_us && RESERVES.contains(&&*word) {
                return Some(format!("X-Robots-Tag: {word}"));
            }
        }
    }
    let values = headers.get("tdm-reservation")?.to_str().ok()?;
    let is_reserved = values.split(',').any(|value| value.trim() == "1");
    is_reserved.then(|| "tdm-reservation: 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    #[test]
    fn the_longest_location_decides() {
        let text = br#"[
            {"location": "/", "tdm-reservation": 0}, {"location": 3}, "x",
            {"location": "/art/", "tdm-reservation": 1, "tdm-policy": "https://provider.example/policy.json"},
            {"location": "/art/*.png$", "tdm-reservation": "0"}
        ]"#;
        let said = Reservations::read(text);
        let cases = [
            ("/a.jpg", false),
            ("/art/a.jpg", true),
            ("/art/a.png", false),
        ];
        for (path, wanted) in cases {
            assert_eq!(said.reserve(path), wanted, "{path}");
        }
        let marked = [b"\xef\xbb\xbf", &text[..]].concat();
        assert_eq!(Reservations::read(&marked), said);
        for text in ["<html>", "{}", "[{}]", ""] {
            assert_eq!(Reservations::read(text.as_bytes()), Reservations::default());
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
    fn opt_outs_count_when_they_are_meant_for_recto() {
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
                "unavailable_after: Fri, 25 Jun 2010 15:00:00 GMT, noai",
                Some("X-Robots-Tag: noai"),
            ),
            (
                "x-robots-tag",
                "recto: unavailable_after: Friday, 25-Jun-10 15:00:00 GMT, noai",
                Some("X-Robots-Tag: noai"),
            ),
            (
                "x-robots-tag",
                "googlebot: unavailable_after: Fri, 25 Jun 2010 15:00:00 GMT, noai",
                None,
            ),
            ("x-robots-tag", "bot4: noai", None),
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
            let found = declared_in(&headers(&[(name, value)]));
            assert_eq!(found.as_deref(), wanted, "{name}: {value}");
        }
    }

    #[test]
    fn damaged_files_are_read_and_decide_about_any_path() {
        use recto_testkit::{mutation, samples};
        let takes = |bytes: &[u8]| {
            let reservations = Reservations::read(bytes);
            ["/", "/images/a.jpg", "/images/free/b", "", "ü"]
                .map(|path| reservations.reserve(path))
                .contains(&true)
        };
        let sound = samples::tdmrep();
        mutation::check(5000, move |random| mutation::json(&sound, random), takes).is_mixed();
    }
}
