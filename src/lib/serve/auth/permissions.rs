//! What one visitor sees: asked about every image before anything of it is said. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::rules::{May, Rules, Verdict, Visitor};
use crate::contracts::LocalizedImage;
use crate::iiif::Version;
use crate::serve::presentation::uris::Ids;
use crate::serve::web::router::{Response, refused};

/// The context of the Authorization Flow API 2.0.
pub const CONTEXT: &str = "http://iiif.io/api/auth/2/context.json";

/// A visitor and the rules.
#[derive(Clone, Debug, Default)]
pub struct Sight {
    /// None: there are none, everybody may do everything.
    pub rules: Option<Arc<Rules>>,
    /// Who looks.
    pub visitor: Visitor,
    /// What the delegate has said, by id of the image. About others it was not asked: they are hidden.
    pub told: HashMap<String, May>,
    /// Pixels a side of a degraded image.
    pub degraded: Option<u32>,
    /// Whether pictures may only be had that have been made before.
    pub only_made: bool,
    /// What the place is called where people log in.
    pub label: Arc<str>,
    /// Whether names and passwords are taken in HTTP Basic.
    pub basic: bool,
}

impl Sight {
    /// What is seen where there are no rules.
    pub fn all() -> Self {
        Sight::default()
    }

    /// What may be done with an image.
    pub fn may(&self, image: &LocalizedImage) -> May {
        let Some(rules) = &self.rules else {
            return May::Review;
        };
        match rules.verdict(image, &self.visitor) {
            Verdict::May(may) => may,
            Verdict::Ask => self.told.get(&image.id).copied().unwrap_or_default(),
        }
    }

    /// Whether an image is there at all.
    pub fn shows(&self, image: &LocalizedImage) -> bool {
        self.may(image) > May::Hidden
    }

    /// Whether an image is seen small and not at large.
    pub fn sees_degraded(&self, image: &LocalizedImage) -> bool {
        self.may(image) == May::Degraded
    }

    /// Whether the delegate must be asked about an image.
    pub fn must_ask(&self, image: &LocalizedImage) -> bool {
        let verdict = |rules: &Arc<Rules>| rules.verdict(image, &self.visitor);
        self.rules.as_ref().map(verdict) == Some(Verdict::Ask)
    }

    /// Whether the answer may be another for others.
    pub fn depends(&self, image: &LocalizedImage) -> bool {
        let for_all = |rules: &Arc<Rules>| rules.for_all(image).is_none();
        self.only_made || self.rules.as_ref().is_some_and(for_all)
    }

    /// Why pixels are not given: 401 to who may still prove to be somebody, 403 to who has.
    pub fn refuse(&self, why: &str) -> Response {
        let refused = match self.visitor.user {
            Some(_) => refused(403, why),
            None => challenge(refused(401, why), self.basic),
        };
        refused.with("cache-control", "no-store")
    }

    /// The probe service of an image that is not open to all, with all that hangs below it (§2.1). `version` is of
    /// the document it stands in.
    pub fn service(&self, image: &LocalizedImage, version: Version, ids: &Ids) -> Option<Value> {
        let rules = self.rules.as_ref()?;
        if rules.for_all(image) >= Some(May::Full) {
            return None;
        }
        let words = |text: &str| json!({"en": [text]});
        let mut probe = json!({
            "id": ids.probe(&image.id),
            "type": "AuthProbeService2",
            "errorHeading": words("Not for everybody"),
            "errorNote": words("This image is shown to some people only."),
            "service": [{
                "id": ids.page("/auth/login"),
                "type": "AuthAccessService2",
                "profile": "active",
                "label": words(&format!("Log in to {}", self.label)),
                "heading": words("Please log in"),
                "note": words("This image is shown to some people only."),
                "confirmLabel": words("Log in"),
                "service": [
                    {
                        "id": ids.page("/auth/token"),
                        "type": "AuthAccessTokenService2",
                        "errorHeading": words("You are not logged in"),
                        "errorNote": words("Log in to see all of this image."),
                    },
                    {
                        "id": ids.page("/auth/logout"),
                        "type": "AuthLogoutService2",
                        "label": words(&format!("Log out of {}", self.label)),
                    },
                ],
            }],
        });
        if version == Version::V2 {
            probe["@context"] = json!(CONTEXT);
        }
        Some(probe)
    }
}

/// How to prove to be somebody (RFC 6750 §3, RFC 7617 §2).
pub fn challenge(response: Response, basic: bool) -> Response {
    let response = response.with("www-authenticate", "Bearer realm=\"recto\"");
    match basic {
        true => response.with(
            "www-authenticate",
            "Basic realm=\"recto\", charset=\"UTF-8\"",
        ),
        false => response,
    }
}

/// Names the context of authorization before that of a document (§2.1), where services of it stand in it.
pub fn with_context(document: &mut Value) {
    let own = document["@context"].take();
    document["@context"] = json!([CONTEXT, own]);
}
