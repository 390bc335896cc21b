//! Why there is no image, and why a document cannot be read.

use std::error::Error;
use std::fmt;

/// Why an image request is not answered with an image.
///
/// The message says what was found and what is needed, in one line of plain text that may be sent to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The request violates the specification, or lies outside of the image or of the server's limits: HTTP status 400.
    Invalid(String),
    /// The request is valid, but the server does not offer what it needs: HTTP status 501.
    Unsupported(String),
}

impl Refusal {
    /// The HTTP status of the answer: 400 or 501 (3.0 §4.2 and §7.3, 2.1 §4.2 and §7.3).
    pub fn status(&self) -> u16 {
        match self {
            Refusal::Invalid(_) => 400,
            Refusal::Unsupported(_) => 501,
        }
    }

    /// The message, without the status.
    pub fn message(&self) -> &str {
        match self {
            Refusal::Invalid(message) | Refusal::Unsupported(message) => message,
        }
    }

    pub(crate) fn invalid(parameter: &str, found: &str, wanted: &str) -> Self {
        Refusal::Invalid(format!("{parameter} is `{found}`, {wanted} is needed"))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl Error for Refusal {}

/// Why a document of a server, an `info.json` or the answer of a probe service, cannot be used.
///
/// [`Display`](fmt::Display) prints one line that names the document and the member at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentError(pub(crate) String);

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for DocumentError {}
