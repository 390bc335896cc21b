//! Where a token is requested, and as who: a value that options carry.

use super::netrc::Login;

/// Where a token is requested, and as who.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenLogin {
    /// The URL that gives a token for a POST with the name and password (Basic, RFC 7617).
    pub url: String,
    /// Name and password.
    pub login: Login,
}
