//! `/.well-known/tdmrep.json`: which of a host's resources are reserved against text and data mining (TDM Reservation
//! Protocol, W3C community group report, §6.1). Pure.

use serde::Deserialize;

use super::robots::Pattern;

/// Where a host says it.
pub const PATH: &str = "/.well-known/tdmrep.json";

/// What a host says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reservations(Vec<Rule>);

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Rule {
    location: String,
    #[serde(rename = "tdm-reservation")]
    reservation: serde_json::Value,
}

impl Reservations {
    /// Reads the file; what is no such file reserves nothing.
    pub fn read(bytes: &[u8]) -> Self {
        let rules: Vec<serde_json::Value> = serde_json::from_slice(bytes).unwrap_or_default();
        let rules = rules.into_iter().map(serde_json::from_value);
        // One that cannot be read says nothing against the others.
        Reservations(rules.filter_map(Result::ok).collect())
    }

    /// Whether a path with its query is reserved: the longest location that matches decides.
    pub fn reserve(&self, path: &str) -> bool {
        let is_meant = |rule: &&Rule| Pattern::read(&rule.location).matches(path);
        let matching = self.0.iter().filter(is_meant);
        let longest = matching.max_by_key(|rule| rule.location.len());
        longest.is_some_and(|rule| rule.reservation == 1 || rule.reservation == "1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for text in ["<html>", "{}", "[{}]", ""] {
            assert_eq!(Reservations::read(text.as_bytes()), Reservations::default());
        }
    }
}
