//! Access control as documents describe it, and what probe services answer.

use recto_iiif::authorization::{AccessControl, ProbeResult};
use serde_json::{Value, json};

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
fn access_control_is_read_in_every_version_and_pattern() {
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
        (
            one(&auth(1, "external")),
            1,
            "external",
            "decided by your network address",
        ),
        (two("active"), 2, "active", "log in at https://a.org/in"),
        (two("kiosk"), 2, "kiosk", "on that network"),
        (
            two("external"),
            2,
            "external",
            "decided by your network address",
        ),
    ];
    for (service, version, pattern, words) in cases {
        for resource in [
            json!({"service": service}),
            json!({"service": [{"id": "x"}, service]}),
        ] {
            let access = AccessControl::of(&resource).unwrap_or_else(|| panic!("{resource}"));
            let service = &access.services[0];
            assert_eq!(
                (access.version, &*service.pattern),
                (version, pattern),
                "{resource}"
            );
            assert_eq!(service.label.as_deref(), Some("Log in"));
            assert_eq!(service.token.as_deref(), Some("https://a.org/token"));
            let line = access.instructions();
            for part in [words, "\"Log in\""] {
                assert!(line.contains(part), "no `{part}` in {line}");
            }
        }
    }
    for open in [
        json!({}),
        json!({"service": {"@id": "x", "profile": "http://iiif.io/api/annex/services/physdim"}}),
        json!([1]),
    ] {
        assert_eq!(AccessControl::of(&open), None, "{open}");
    }
}

#[test]
fn probes_are_read() {
    let refused = |status, message: Option<&str>, substitute: Option<&str>| ProbeResult::Refused {
        status,
        message: message.map(str::to_owned),
        substitute: substitute.map(str::to_owned),
    };
    let cases = [
        (json!({"status": 200}), ProbeResult::Granted),
        (json!({"status": "200"}), ProbeResult::Granted),
        (
            json!({"status": 302, "location": {"id": "https://b/x", "type": "Image"}}),
            ProbeResult::Redirected("https://b/x".into()),
        ),
        (
            json!({"status": 302, "location": "https://b/x"}),
            ProbeResult::Redirected("https://b/x".into()),
        ),
        (
            json!({"status": 401, "heading": {"en": ["No"]}, "note": {"en": ["Members only"]}, "substitute": [{"id": "https://b/small", "type": "Image"}]}),
            refused(401, Some("No, Members only"), Some("https://b/small")),
        ),
        (json!({"status": 403}), refused(403, None, None)),
    ];
    for (answer, wanted) in cases {
        assert_eq!(
            ProbeResult::parse(answer.to_string().as_bytes()),
            Ok(wanted),
            "{answer}"
        );
    }
    for (answer, wanted) in [
        ("<html>", "not valid JSON"),
        ("{}", "without a status: null"),
        ("{\"status\":302}", "302 without a location"),
    ] {
        assert!(
            ProbeResult::parse(answer.as_bytes())
                .unwrap_err()
                .to_string()
                .contains(wanted),
            "{answer}"
        );
    }
}
