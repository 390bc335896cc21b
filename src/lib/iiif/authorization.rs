//! IIIF Authorization as documents declare it and as probe services answer: 0.9 and 1.0, which guard by cookies
//! and change `info.json`, and Authorization Flow 2.0, which has a service to ask.

use serde_json::Value;

/// What stands before an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// 1 (0.9 too) or 2.
    pub version: u8,
    /// Whom to ask whether one is let in; version 2 alone.
    pub probe: Option<String>,
    /// The ways in, in the order of the document.
    pub ways: Vec<Way>,
}

/// A way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// `login`, `clickthrough`, `active`, `kiosk`, `external`.
    pub pattern: String,
    /// The page to open in a browser; `external` has none.
    pub page: Option<String>,
    /// What people call it.
    pub label: Option<String>,
    /// Where a browser that was let in gets its token.
    pub token: Option<String>,
}

/// What a probe service says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The image is there for whoever asked.
    Granted,
    /// It is, at another place.
    Elsewhere(String),
    /// It is not.
    Refused {
        /// The status that the image would have.
        status: u16,
        /// Heading and note.
        said: Option<String>,
        /// A lesser picture that is offered instead.
        substitute: Option<String>,
    },
}

/// What stands before the resource that a document describes: an `info.json`, a service, a body.
pub fn gate(resource: &Value) -> Option<Gate> {
    let services = list(&resource["service"]);
    let probe = services.iter().find(|s| kind(s) == "AuthProbeService2");
    if let Some(probe) = probe {
        let ways = list(&probe["service"]).into_iter().map(|service| Way {
            pattern: word(&service["profile"]).unwrap_or_else(|| "active".into()),
            ..way(service)
        });
        return Some(Gate {
            version: 2,
            probe: id(probe),
            ways: ways.collect(),
        });
    }
    let ways = services.into_iter().filter_map(|service| {
        let pattern = list(&service["profile"]).into_iter().find_map(pattern)?;
        Some(Way {
            pattern,
            ..way(service)
        })
    });
    let ways: Vec<Way> = ways.collect();
    (!ways.is_empty()).then_some(Gate {
        version: 1,
        probe: None,
        ways,
    })
}

/// Reads what a probe service answers; the error says what is wrong with it.
pub fn verdict(bytes: &[u8]) -> Result<Verdict, String> {
    let json: Value = serde_json::from_slice(bytes)
        .map_err(|e| format!("the probe service answers no JSON: {e}"))?;
    let status = &json["status"];
    let number = status
        .as_u64()
        .or_else(|| status.as_str()?.trim().parse().ok());
    let status = number
        .and_then(|n| u16::try_from(n).ok())
        .ok_or_else(|| format!("the probe service answers without a status: {status}"))?;
    let place = |member: &str| list(&json[member]).into_iter().find_map(id);
    Ok(match (status, place("location")) {
        (200..300, _) => Verdict::Granted,
        (300..400, Some(place)) => Verdict::Elsewhere(place),
        (300..400, None) => {
            return Err(format!(
                "the probe service answers {status} without a location"
            ));
        }
        _ => Verdict::Refused {
            status,
            said: said(&json),
            substitute: place("substitute"),
        },
    })
}

/// Whether an image service is another than the one asked for: a lesser copy for those who are not let in has an
/// address of its own (Auth 1.0 §3). The same service may answer under another scheme, host or prefix.
pub fn is_another(asked: &str, answered: &str) -> bool {
    let (asked, answered) = (path(asked), path(answered));
    let is_end = |long: &str, short: &str| {
        let before = long.strip_suffix(short);
        before.is_some_and(|b| b.is_empty() || b.ends_with('/') || short.starts_with('/'))
    };
    !answered.is_empty() && !is_end(&asked, &answered) && !is_end(&answered, &asked)
}

/// Whether an answer came from the service that was asked, and not from another that it led to.
pub fn is_below(service: &str, answered: &str) -> bool {
    path(answered).contains(&format!("{}/", path(service)))
}

impl Gate {
    /// What a person does to be let in. `host` is the images', `is_told` whether it or the probe was told a secret.
    pub fn words(&self, host: &str, is_told: bool) -> String {
        let to = self.probe.as_deref().and_then(host_of).unwrap_or(host);
        let why = match is_told {
            true => "the token or cookie given does not open it",
            false => "it is for those who are let in",
        };
        let ways: Vec<String> = self.ways.iter().map(Way::words).collect();
        let ways = match ways.is_empty() {
            true => "no way in is named".into(),
            false => ways.join(", or "),
        };
        format!(
            "{why} (IIIF Authorization {}): {ways}; then give the token with --bearer {to}=TOKEN and the cookie with --header '{host}=Cookie: NAME=VALUE'",
            self.version
        )
    }
}

impl Way {
    fn words(&self) -> String {
        let label = self
            .label
            .as_ref()
            .map(|l| format!(" \"{l}\""))
            .unwrap_or_default();
        let page = self.page.as_deref().unwrap_or("(no address)");
        let mut words = match self.pattern.as_str() {
            "external" => {
                format!("external{label}: by where you are or what your browser has already")
            }
            "kiosk" => format!("kiosk{label}: open {page} in a browser on that network"),
            "clickthrough" => format!("clickthrough{label}: accept the terms at {page}"),
            pattern => format!("{pattern}{label}: log in at {page}"),
        };
        if let Some(token) = &self.token {
            words += &format!(" (token: {token})");
        }
        words
    }
}

/// `host:port` or `host` of a URI, as `--bearer` and `--header` name it.
pub fn host_of(uri: &str) -> Option<&str> {
    let rest = &uri[uri.find("://")? + 3..];
    let host = rest.split(['/', '?', '#']).next()?;
    Some(host.rsplit_once('@').map_or(host, |(_, host)| host))
}

fn way(service: &Value) -> Way {
    let is_token = |s: &&Value| {
        kind(s) == "AuthAccessTokenService2"
            || list(&s["profile"])
                .into_iter()
                .filter_map(Value::as_str)
                .any(|p| p.contains("/api/auth/") && p.ends_with("/token"))
    };
    let label = ["label", "heading", "header"];
    Way {
        pattern: String::new(),
        page: id(service),
        label: label.iter().find_map(|member| text(&service[*member])),
        token: list(&service["service"])
            .iter()
            .copied()
            .find(is_token)
            .and_then(id),
    }
}

/// `http://iiif.io/api/auth/1/login` → `login`; 0.9 has `…/auth/0/login/clickthrough` too.
fn pattern(profile: &Value) -> Option<String> {
    let (_, rest) = profile.as_str()?.split_once("iiif.io/api/auth/")?;
    let name = rest.trim_end_matches('/').rsplit('/').next()?;
    let known = ["login", "clickthrough", "kiosk", "external"];
    known.contains(&name).then(|| name.to_owned())
}

fn said(json: &Value) -> Option<String> {
    let parts: Vec<String> = ["heading", "note"]
        .iter()
        .filter_map(|member| text(&json[*member]))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// A text in English, else in the first language there is: a string, a value with a language, a list, a map.
fn text(value: &Value) -> Option<String> {
    let found = match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => return items.iter().find_map(text),
        Value::Object(members) => {
            let english = members.get("en").or_else(|| members.get("@value"));
            return english.or_else(|| members.values().next()).and_then(text);
        }
        _ => return None,
    };
    let words: Vec<&str> = found.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => vec![],
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}

fn kind(value: &Value) -> &str {
    let kind = value.get("type").or_else(|| value.get("@type"));
    kind.and_then(Value::as_str).unwrap_or_default()
}

fn id(value: &Value) -> Option<String> {
    let id = value
        .get("id")
        .or_else(|| value.get("@id"))
        .unwrap_or(value);
    id.as_str()
        .filter(|id| id.contains("://"))
        .map(str::to_owned)
}

fn word(value: &Value) -> Option<String> {
    let text = list(value).into_iter().find_map(Value::as_str)?;
    Some(text.rsplit('/').next().unwrap_or(text).to_owned())
}

/// The path of a service, decoded, without `/info.json` and slashes at its end.
fn path(uri: &str) -> String {
    let after_scheme = uri.find("://").map_or(uri, |at| &uri[at + 3..]);
    let path = match uri.contains("://") {
        true => after_scheme.find('/').map_or("", |at| &after_scheme[at..]),
        false => uri,
    };
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix("/info.json").unwrap_or(path);
    percent_encoding::percent_decode_str(path.trim_end_matches('/'))
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn one(profile: &str) -> Value {
        json!({"@id": "https://a.org/in", "profile": profile, "label": {"@value": "Log in"},
               "service": [{"@id": "https://a.org/out", "profile": "http://iiif.io/api/auth/1/logout"},
                           {"@id": "https://a.org/token", "profile": "http://iiif.io/api/auth/1/token"}]})
    }

    fn two(profile: &str) -> Value {
        json!({"id": "https://p.org:81/probe", "type": "AuthProbeService2", "service": [
            {"id": "https://a.org/in", "type": "AuthAccessService2", "profile": profile, "label": {"de": ["Anmelden"], "en": ["Log  in"]},
             "service": [{"id": "https://a.org/token", "type": "AuthAccessTokenService2"}]}]})
    }

    #[test]
    fn gates_are_seen_in_every_version_and_pattern() {
        let auth = |version: u8, name: &str| format!("http://iiif.io/api/auth/{version}/{name}");
        let cases = [
            (
                one(&auth(1, "login")),
                1,
                "login",
                "log in at https://a.org/in",
            ),
            (
                one(&auth(0, "login")),
                1,
                "login",
                "log in at https://a.org/in",
            ),
            (
                one(&auth(1, "clickthrough")),
                1,
                "clickthrough",
                "accept the terms at https://a.org/in",
            ),
            (
                one(&auth(0, "login/clickthrough")),
                1,
                "clickthrough",
                "accept the terms",
            ),
            (
                one(&auth(1, "kiosk")),
                1,
                "kiosk",
                "open https://a.org/in in a browser on that network",
            ),
            (one(&auth(1, "external")), 1, "external", "by where you are"),
            (two("active"), 2, "active", "log in at https://a.org/in"),
            (two("kiosk"), 2, "kiosk", "on that network"),
            (two("external"), 2, "external", "by where you are"),
        ];
        for (service, version, pattern, words) in cases {
            for resource in [
                json!({"service": service}),
                json!({"service": [{"id": "x"}, service]}),
            ] {
                let gate = gate(&resource).unwrap_or_else(|| panic!("{resource}"));
                let way = &gate.ways[0];
                assert_eq!(
                    (gate.version, &*way.pattern),
                    (version, pattern),
                    "{resource}"
                );
                assert_eq!(way.label.as_deref(), Some("Log in"));
                assert_eq!(way.token.as_deref(), Some("https://a.org/token"));
                let said = gate.words("i.org", false);
                let bearer = if version == 2 {
                    "--bearer p.org:81=TOKEN"
                } else {
                    "--bearer i.org=TOKEN"
                };
                for part in [words, "\"Log in\"", bearer, "--header 'i.org=Cookie: "] {
                    assert!(said.contains(part), "no `{part}` in {said}");
                }
            }
        }
        for open in [
            json!({}),
            json!({"service": {"@id": "x", "profile": "http://iiif.io/api/annex/services/physdim"}}),
            json!([1]),
        ] {
            assert_eq!(gate(&open), None, "{open}");
        }
    }

    #[test]
    fn probes_are_read() {
        let refused = |status, said: Option<&str>, substitute: Option<&str>| Verdict::Refused {
            status,
            said: said.map(str::to_owned),
            substitute: substitute.map(str::to_owned),
        };
        let cases = [
            (json!({"status": 200}), Verdict::Granted),
            (json!({"status": "200"}), Verdict::Granted),
            (
                json!({"status": 302, "location": {"id": "https://b/x", "type": "Image"}}),
                Verdict::Elsewhere("https://b/x".into()),
            ),
            (
                json!({"status": 302, "location": "https://b/x"}),
                Verdict::Elsewhere("https://b/x".into()),
            ),
            (
                json!({"status": 401, "heading": {"en": ["No"]}, "note": {"en": ["Members only"]}, "substitute": [{"id": "https://b/small", "type": "Image"}]}),
                refused(401, Some("No, Members only"), Some("https://b/small")),
            ),
            (json!({"status": 403}), refused(403, None, None)),
        ];
        for (answer, wanted) in cases {
            assert_eq!(
                verdict(answer.to_string().as_bytes()),
                Ok(wanted),
                "{answer}"
            );
        }
        for (answer, wanted) in [
            ("<html>", "no JSON"),
            ("{}", "without a status: null"),
            ("{\"status\":302}", "302 without a location"),
        ] {
            assert!(
                verdict(answer.as_bytes()).unwrap_err().contains(wanted),
                "{answer}"
            );
        }
    }

    #[test]
    fn a_lesser_copy_is_told_from_the_same_service_elsewhere() {
        let cases = [
            ("https://a/iiif/1", "https://a/iiif/1", false),
            ("http://a/iiif/1", "https://b:8080/iiif/1/info.json", false),
            ("https://a/iiif/x%2Fy", "https://a/iiif/x/y/", false),
            ("https://a/iiif/1", "https://a/proxy/iiif/1", false),
            ("https://a/prefix/iiif/1", "https://a/iiif/1", false),
            ("https://a/iiif/1", "", false),
            ("https://a/iiif/1", "https://a/iiif/1-small", true),
            ("https://a/iiif/1", "https://a/iiif/small/1", true),
            ("https://a/iiif/1", "https://a/iiif/11", true),
            ("https://a/iiif/11", "https://a/iiif/1", true),
        ];
        for (asked, answered, wanted) in cases {
            assert_eq!(is_another(asked, answered), wanted, "{asked} {answered}");
        }
    }

    proptest::proptest! {
        #[test]
        fn anything_is_read_or_refused(text in "[{}\\[\\]\",:a-z0-9]{0,60}") {
            let _ = verdict(text.as_bytes());
            let _ = serde_json::from_str(&text).map(|json| gate(&json));
        }
    }
}
