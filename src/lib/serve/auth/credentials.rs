//! The credentials in the headers of a request. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The name of the session cookie.
pub const COOKIE: &str = "recto_session";

/// A credential, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// `Authorization: Bearer`, or a header for API keys: a token of an account, or a JWT.
    Token(String),
    /// `Authorization: Basic`: a name and a password.
    Password(String, String),
    /// The cookie of a session.
    Session(String),
}

/// The credential of a request; none: anonymous. Headers that a client sets on purpose come before the cookie, which
/// browsers always send.
///
/// # Errors
/// What cannot be read.
pub fn read(
    authorization: &str,
    api_key: &str,
    cookies: &str,
) -> Result<Option<Credential>, &'static str> {
    let (scheme, rest) = authorization.split_once(' ').unwrap_or((authorization, ""));
    let rest = rest.trim();
    match scheme.to_ascii_lowercase().as_str() {
        "" if !api_key.is_empty() => Ok(Some(Credential::Token(api_key.to_owned()))),
        "" => Ok(sessions(cookies)
            .next()
            .map(|s| Credential::Session(s.to_owned()))),
        "bearer" if !rest.is_empty() => Ok(Some(Credential::Token(rest.to_owned()))),
        "basic" => basic(rest)
            .map(Some)
            .ok_or("the Basic credentials are malformed"),
        _ => Err("the authentication scheme must be Bearer or Basic"),
    }
}

/// The values of session cookies. Browsers send those of longer paths first (RFC 6265 §5.4).
pub fn sessions(cookies: &str) -> impl Iterator<Item = &str> {
    let pairs = cookies.split(';').filter_map(|c| c.trim().split_once('='));
    let ours = pairs.filter(|(name, value)| *name == COOKIE && !value.is_empty());
    ours.map(|(_, value)| value)
}

fn basic(encoded: &str) -> Option<Credential> {
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(Credential::Password(user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_before_cookies() {
        let token = |t: &str| Ok(Some(Credential::Token(t.into())));
        let cases = [
            ("", "", "", Ok(None)),
            ("Bearer a.b", "", "recto_session=s", token("a.b")),
            ("bearer  t", "", "", token("t")),
            ("", "key", "recto_session=s", token("key")),
            (
                "Basic YW5uYTpwOnE=",
                "",
                "",
                Ok(Some(Credential::Password("anna".into(), "p:q".into()))),
            ),
            (
                "",
                "",
                "a=b; recto_session=s; c",
                Ok(Some(Credential::Session("s".into()))),
            ),
            ("", "", "recto_session=", Ok(None)),
            ("", "", "xrecto_session=s", Ok(None)),
        ];
        for (authorization, key, cookies, wanted) in cases {
            assert_eq!(read(authorization, key, cookies), wanted, "{authorization}");
        }
        for bad in ["Bearer", "Bearer ", "Basic %", "Basic YQ==", "Digest x"] {
            assert!(read(bad, "", "recto_session=s").is_err(), "{bad}");
        }
    }
}
