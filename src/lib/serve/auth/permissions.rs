//! What one visitor may do with each image: consulted before anything is said about the image. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::rules::{Access, Decision, RuledImage, Rules, Visitor};
use crate::files;
use crate::iiif::Version;
use crate::serve::presentation::uris::Uris;
use crate::serve::web::message::{Response, error_response};

/// The context of the Authorization Flow API 2.0.
pub const CONTEXT: &str = "http://iiif.io/api/auth/2/context.json";
/// The context of the Authentication API 1.0.
const CONTEXT_1: &str = "http://iiif.io/api/auth/1/context.json";

/// A visitor, and the rules that apply.
#[derive(Clone, Debug, Default)]
pub struct Permissions {
    /// The rules; none: everybody may do everything.
    pub rules: Option<Arc<Rules>>,
    /// The visitor.
    pub visitor: Visitor,
    /// The decisions of the delegate, by id of the image. Images that it was not asked about are hidden.
    pub delegated: HashMap<String, Access>,
    /// The longest side in pixels of a degraded image; none: there are no degraded images.
    pub degraded: Option<u32>,
    /// Whether only images that have been rendered before are sent.
    pub only_cached: bool,
    /// The name of the site, shown where people log in.
    pub label: Arc<str>,
    /// Whether names and passwords are accepted in HTTP Basic.
    pub basic: bool,
}

impl Permissions {
    /// The permissions of everybody where there are no rules.
    pub fn all() -> Self {
        Permissions::default()
    }

    /// What the visitor may do with an image.
    pub fn access(&self, image: RuledImage) -> Access {
        let Some(rules) = &self.rules else {
            return Access::Review;
        };
        match rules.decision(image, &self.visitor) {
            Decision::Access(access) => access,
            Decision::Delegate => self
                .delegated
                .get(&image.about.id)
                .copied()
                .unwrap_or_default(),
        }
    }

    /// Whether the visitor may know that an image exists.
    pub fn can_list(&self, image: RuledImage) -> bool {
        self.access(image) > Access::Hidden
    }

    /// Whether the visitor may see the degraded image only.
    pub fn sees_degraded(&self, image: RuledImage) -> bool {
        self.access(image) == Access::Degraded
    }

    /// Whether the delegate decides about an image.
    pub fn is_delegated(&self, image: RuledImage) -> bool {
        let decision = |rules: &Arc<Rules>| rules.decision(image, &self.visitor);
        self.rules.as_ref().map(decision) == Some(Decision::Delegate)
    }

    /// A text that is equal for visitors who see the same of everything.
    pub fn signature(&self) -> String {
        let Some(rules) = &self.rules else {
            return String::new();
        };
        let visitor = &self.visitor;
        let address = visitor.address.filter(|_| rules.ask_for_addresses());
        let mut delegated: Vec<_> = self.delegated.iter().collect();
        delegated.sort();
        let all = (&visitor.user, &visitor.groups, address, delegated);
        files::hex_digest(format!("{all:?} {}", self.only_cached).as_bytes(), 32)
    }

    /// Whether other visitors may get another answer about an image: then it must not be stored by shared caches.
    pub fn vary_by_visitor(&self, image: RuledImage) -> bool {
        let varies = |rules: &Arc<Rules>| rules.for_everybody(image).is_none();
        self.only_cached || self.rules.as_ref().is_some_and(varies)
    }

    /// The refusal of something this visitor may not do: status 401 for anonymous visitors, who may still log in, else
    /// 403.
    pub fn refuse(&self, why: &str) -> Response {
        let response = match self.visitor.user {
            Some(_) => error_response(403, why),
            None => challenge(error_response(401, why), self.basic),
        };
        response.with_header("cache-control", "no-store")
    }

    /// The services with which a visitor can log in to see an image that is not open to everybody, for viewers that know
    /// the Authorization Flow API 2.0 and for those that know 1.0. `version` is that of the surrounding document.
    pub fn auth_services(&self, image: RuledImage, version: Version, uris: &Uris) -> Vec<Value> {
        match self.probe_service(image, version, uris) {
            Some(probe) => vec![probe, self.cookie_service(version, uris)],
            None => Vec::new(),
        }
    }

    /// The access cookie service of Authorization 1.0, with its token and logout services (1.0 §2).
    fn cookie_service(&self, version: Version, uris: &Uris) -> Value {
        let service = |path: &str, kind: &str, profile: &str| {
            let mut service = json!({
                "@id": uris.page(path),
                "profile": format!("http://iiif.io/api/auth/1/{profile}"),
            });
            // Documents of version 3 tell old services by their types.
            if version == Version::V3 {
                service["@type"] = json!(kind);
            }
            service
        };
        let mut cookie = service("/auth/login", "AuthCookieService1", "login");
        let token = service("/auth/token", "AuthTokenService1", "token");
        let mut logout = service("/auth/logout", "AuthLogoutService1", "logout");
        logout["label"] = json!(format!("Log out of {}", self.label));
        cookie["@context"] = json!(CONTEXT_1);
        cookie["label"] = json!(format!("Log in to {}", self.label));
        cookie["header"] = json!("Please log in");
        cookie["description"] = json!("This image is not open to everybody.");
        cookie["confirmLabel"] = json!("Log in");
        cookie["failureHeader"] = json!("You are not logged in");
        cookie["failureDescription"] = json!("Log in to see all of this image.");
        cookie["service"] = json!([token, logout]);
        cookie
    }

    /// The description of the probe service of an image that is not open to everybody, with the access, token and
    /// logout services within it (Authorization Flow 2.0 §2.1). `version` is that of the surrounding document.
    fn probe_service(&self, image: RuledImage, version: Version, uris: &Uris) -> Option<Value> {
        let rules = self.rules.as_ref()?;
        if rules.open_to_everybody(image) {
            return None;
        }
        let mut probe = json!({
            "id": uris.probe(&image.about.id),
            "type": "AuthProbeService2",
            // Not of 2.0, whose readers leave it alone: Mirador 4.0 shows no picture where a service has no profile.
            "profile": "probe",
            "errorHeading": english("Restricted image"),
            "errorNote": english("This image is not open to everybody."),
            "service": [self.access_service(uris)],
        });
        if version == Version::V2 {
            probe["@context"] = json!(CONTEXT);
        }
        Some(probe)
    }

    fn access_service(&self, uris: &Uris) -> Value {
        json!({
            "id": uris.page("/auth/login"),
            "type": "AuthAccessService2",
            "profile": "active",
            "label": english(&format!("Log in to {}", self.label)),
            "heading": english("Please log in"),
            "note": english("This image is not open to everybody."),
            "confirmLabel": english("Log in"),
            "service": [
                {
                    "id": uris.page("/auth/token"),
                    "type": "AuthAccessTokenService2",
                    "errorHeading": english("You are not logged in"),
                    "errorNote": english("Log in to see all of this image."),
                },
                {
                    "id": uris.page("/auth/logout"),
                    "type": "AuthLogoutService2",
                    "label": english(&format!("Log out of {}", self.label)),
                },
            ],
        })
    }
}

fn english(text: &str) -> Value {
    json!({"en": [text]})
}

/// Whether a service is one of Authorization 1.0.
pub fn is_of_1(service: &Value) -> bool {
    service["@context"] == CONTEXT_1
}

/// Adds to a response how to authenticate (RFC 6750 §3, RFC 7617 §2).
pub fn challenge(response: Response, basic: bool) -> Response {
    let response = response.with_header("www-authenticate", "Bearer realm=\"recto\"");
    match basic {
        true => response.with_header(
            "www-authenticate",
            "Basic realm=\"recto\", charset=\"UTF-8\"",
        ),
        false => response,
    }
}

/// Puts the context of authorization before the context of a document that describes its services (§2.1).
pub fn add_context(document: &mut Value) {
    let own = document["@context"].take();
    document["@context"] = json!([CONTEXT, own]);
}
