//! IIIF authorization as documents describe it and as probe services answer.
//!
//! Authentication 0.9 and 1.0 protect images by cookies and answer with another `info.json` to those who are not
//! authorized; Authorization Flow 2.0 has a probe service that says what a user may see.
//!
//! ```
//! use recto_iiif::authorization::{AccessControl, ProbeResult};
//! use serde_json::json;
//!
//! let info = json!({"service": [{
//!     "id": "https://a.example/probe/1", "type": "AuthProbeService2", "service": [{
//!         "id": "https://a.example/login", "type": "AuthAccessService2", "profile": "active",
//!         "label": {"en": ["Log in"]}}]}]});
//! let access = AccessControl::of(&info).unwrap();
//! assert_eq!(access.probe.as_deref(), Some("https://a.example/probe/1"));
//! assert_eq!(access.instructions(), "active \"Log in\": log in at https://a.example/login");
//!
//! let answer = br#"{"type": "AuthProbeResult2", "status": 401, "heading": {"en": ["Members only"]}}"#;
//! let Ok(ProbeResult::Refused { status, message, .. }) = ProbeResult::parse(answer) else { panic!() };
//! assert_eq!((status, message.as_deref()), (401, Some("Members only")));
//! ```

mod description;
mod probe;

pub use description::{AccessControl, AccessService};
pub use probe::ProbeResult;
