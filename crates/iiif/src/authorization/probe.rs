//! What probe services answer.

use serde_json::Value;

use crate::error::DocumentError;
use crate::json::{id, list, text};

/// The answer of a probe service (Authorization Flow 2.0 §5, `AuthProbeResult2`): what a request for the
/// access-controlled resource would get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeResult {
    /// Status 200 to 299: the user may see the resource.
    Granted,
    /// Status 300 to 399: the user may see it, at this URI (`location`).
    Redirected(String),
    /// Any other status: the user may not see it.
    Refused {
        /// The HTTP status that a request for the resource would get.
        status: u16,
        /// `heading` and `note`, joined by a comma.
        message: Option<String>,
        /// URI of the first resource that is offered instead, usually a degraded copy.
        substitute: Option<String>,
    },
}

impl ProbeResult {
    /// Reads the body of an answer. A status that is written as a text is accepted.
    ///
    /// # Errors
    /// The body is not JSON, has no status of 16 bits, or has one of 300 to 399 without a location.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let json: Value = serde_json::from_slice(bytes).map_err(|e| {
            DocumentError(format!("the probe service's answer is not valid JSON: {e}"))
        })?;
        let status = &json["status"];
        let number = status
            .as_u64()
            .or_else(|| status.as_str()?.trim().parse().ok());
        let status = number.and_then(|n| u16::try_from(n).ok()).ok_or_else(|| {
            DocumentError(format!(
                "the probe service's answer is without a status: {status}"
            ))
        })?;
        let uri = |member: &str| list(&json[member]).into_iter().find_map(id);
        Ok(match (status, uri("location")) {
            (200..300, _) => ProbeResult::Granted,
            (300..400, Some(location)) => ProbeResult::Redirected(location),
            (300..400, None) => {
                return Err(DocumentError(format!(
                    "the probe service answers {status} without a location"
                )));
            }
            _ => ProbeResult::Refused {
                status,
                message: message(&json),
                substitute: uri("substitute"),
            },
        })
    }
}

fn message(json: &Value) -> Option<String> {
    let parts: Vec<String> = ["heading", "note"]
        .iter()
        .filter_map(|member| text(&json[*member]))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
