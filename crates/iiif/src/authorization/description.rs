//! What a resource says about how to be authorized for it.

use serde_json::Value;

use crate::json::{id, kind, list, text};

/// The access control of a resource: which services say and decide who may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessControl {
    /// Major version of the specification: 1 (Authentication 0.9 and 1.0) or 2 (Authorization Flow 2.0).
    pub version: u8,
    /// URI of the probe service (2.0 §5); version 2 alone has one.
    pub probe: Option<String>,
    /// The access services, in the order of the document.
    pub services: Vec<AccessService>,
}

/// A service where users are authorized (Authentication 1.0 §2.1, Authorization Flow 2.0 §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessService {
    /// The interaction pattern: `login`, `clickthrough`, `kiosk` or `external` in version 1; in version 2 the profile,
    /// `active`, `kiosk` or `external`, or whatever else the document says.
    pub pattern: String,
    /// URI of the page to open in a browser; `external` has none.
    pub page: Option<String>,
    /// What to call the service in a user interface; English where there is a choice.
    pub label: Option<String>,
    /// URI of the access token service.
    pub token: Option<String>,
}

impl AccessControl {
    /// Reads the `service` member of a resource: of an `info.json`, of an image service in a manifest, of the body of
    /// an annotation. None where no access control is described.
    pub fn of(resource: &Value) -> Option<Self> {
        let services = list(&resource["service"]);
        let probe = services.iter().find(|s| kind(s) == "AuthProbeService2");
        if let Some(probe) = probe {
            let services = list(&probe["service"]).into_iter();
            return Some(AccessControl {
                version: 2,
                probe: id(probe),
                services: services.map(AccessService::version_2).collect(),
            });
        }
        let services = services.into_iter();
        let services: Vec<_> = services.filter_map(AccessService::version_1).collect();
        (!services.is_empty()).then_some(AccessControl {
            version: 1,
            probe: None,
            services,
        })
    }

    /// What a person does to be authorized, in one line: the instructions of each service, joined by `, or `.
    pub fn instructions(&self) -> String {
        let each: Vec<String> = self
            .services
            .iter()
            .map(AccessService::instructions)
            .collect();
        match each.is_empty() {
            true => "no access service is named".into(),
            false => each.join(", or "),
        }
    }
}

impl AccessService {
    /// Version 1 knows its services by their profile alone.
    fn version_1(service: &Value) -> Option<Self> {
        let pattern = list(&service["profile"])
            .into_iter()
            .find_map(pattern_of_uri)?;
        Some(Self::with_pattern(pattern, service))
    }

    fn version_2(service: &Value) -> Self {
        let profile = last_segment(&service["profile"]).unwrap_or_else(|| "active".into());
        Self::with_pattern(profile, service)
    }

    fn with_pattern(pattern: String, service: &Value) -> Self {
        let label = ["label", "heading", "header"];
        AccessService {
            pattern,
            page: id(service),
            label: label.iter().find_map(|member| text(&service[*member])),
            token: list(&service["service"])
                .into_iter()
                .find(|service| is_token_service(service))
                .and_then(id),
        }
    }

    /// What a person does to be authorized here: `login "Log in": log in at https://…`.
    pub fn instructions(&self) -> String {
        let label = self
            .label
            .as_ref()
            .map(|l| format!(" \"{l}\""))
            .unwrap_or_default();
        let page = self.page.as_deref().unwrap_or("(no address)");
        let mut line = match self.pattern.as_str() {
            "external" => format!(
                "external{label}: decided by your network address or by what your browser already holds"
            ),
            "kiosk" => format!("kiosk{label}: open {page} in a browser on that network"),
            "clickthrough" => format!("clickthrough{label}: accept the terms at {page}"),
            pattern => format!("{pattern}{label}: log in at {page}"),
        };
        if let Some(token) = &self.token {
            line += &format!(" (token: {token})");
        }
        line
    }
}

fn is_token_service(service: &Value) -> bool {
    kind(service) == "AuthAccessTokenService2"
        || list(&service["profile"])
            .into_iter()
            .filter_map(Value::as_str)
            .any(|p| p.contains("/api/auth/") && p.ends_with("/token"))
}

/// `http://iiif.io/api/auth/1/login` → `login`; 0.9 has `…/auth/0/login/clickthrough` too.
fn pattern_of_uri(profile: &Value) -> Option<String> {
    let (_, rest) = profile.as_str()?.split_once("iiif.io/api/auth/")?;
    let name = rest.trim_end_matches('/').rsplit('/').next()?;
    let known = ["login", "clickthrough", "kiosk", "external"];
    known.contains(&name).then(|| name.to_owned())
}

fn last_segment(value: &Value) -> Option<String> {
    let text = list(value).into_iter().find_map(Value::as_str)?;
    Some(text.rsplit('/').next().unwrap_or(text).to_owned())
}
