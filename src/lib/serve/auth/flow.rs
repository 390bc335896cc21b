//! How people log in: the access, token, probe and logout services of the IIIF Authorization Flow API 2.0.

use std::net::IpAddr;

use ring::error::Unspecified;
use serde_json::{Value, json};

use super::credentials::{COOKIE, Credential};
use super::identify::{Identities, Person};
use super::permissions::CONTEXT;
use super::rules::Access;
use super::settings::{AuthSettings, Origin};
use super::tickets::{InvalidTicket, Ticket, TicketUse};
use crate::http::header::HeaderMap;
use crate::iiif::Version;
use crate::serve::image::api;
use crate::serve::presentation::uris::Uris;
use crate::serve::site::Site;
use crate::serve::web::message::{
    Query, Response, error_response, header_text, redirect, uncached,
};
use crate::serve::web::route::Route;

const LOGIN: &str = include_str!("../pages/login.html");
const DONE: &str = include_str!("../pages/done.html");
const TOKEN: &str = include_str!("../pages/token.html");
/// The content security policy of the login pages: no site may show them in a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The most sites that a session may give access tokens to: a cookie holds 4 kB.
const MOST_ORIGINS: usize = 8;

/// A request to one of the services.
pub struct LoginRequest<'a> {
    /// `GET`, `POST`…
    pub method: &'a str,
    /// What its path leads to.
    pub route: &'a Route,
    /// The parameters of the query.
    pub query: Query,
    /// The fields of a form in the body.
    pub form: Query,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The address of the client; none: unknown.
    pub address: Option<IpAddr>,
    /// What the paths of this server begin with for the client, without `/` at its end.
    pub prefix: String,
    /// Whether it came over TLS.
    pub is_secure: bool,
    /// Whether it came from a page of this server, or from no page.
    pub is_own: bool,
    /// When it arrived, in milliseconds since 1970.
    pub now: i64,
}

/// The services, and a request to one of them.
pub struct LoginFlow<'a> {
    /// Authenticates the users who log in.
    pub identities: &'a Identities,
    /// The section `[auth]` of the configuration.
    pub settings: &'a AuthSettings,
    /// The request.
    pub request: &'a LoginRequest<'a>,
}

impl LoginFlow<'_> {
    /// Answers the request.
    pub async fn answer(&self, site: &Site<'_>, uris: &Uris) -> Response {
        let (service, probed) = match self.request.route {
            Route::Probe(id) => ("probe", id.as_str()),
            Route::Login(service) => (service.as_str(), ""),
            _ => ("", ""),
        };
        match (self.request.method, service) {
            ("GET" | "HEAD", "probe") => probe(probed, site, uris),
            ("GET" | "HEAD", "login") => self.login_page(""),
            ("POST", "login") => self.login().await,
            ("GET" | "HEAD", "token") => self.token(),
            ("GET" | "HEAD" | "POST", "logout") => self.logout(),
            ("GET" | "HEAD", _) => error_response(404, "no such service"),
            _ => error_response(405, "only GET is supported here")
                .with_header("allow", "GET, HEAD, OPTIONS"),
        }
    }

    /// When the request arrived, in seconds since 1970.
    fn seconds(&self) -> i64 {
        self.request.now / 1000
    }

    /// The session of the browser.
    fn session(&self) -> Result<Ticket, Option<InvalidTicket>> {
        let cookies = header_text(self.request.headers, "cookie");
        self.identities.session(cookies, self.seconds())
    }

    /// The access service (§3): a form. A user who is logged in already only agrees to tell a further site. `problem` is
    /// empty, or says why the last attempt failed.
    fn login_page(&self, problem: &str) -> Response {
        let user = self.session().ok().map(|ticket| ticket.user);
        let origin = self.request.query.get("origin");
        let site = Origin::parse(origin).map(|o| o.0);
        let message = match (&user, &site, problem) {
            (_, _, problem) if !problem.is_empty() => problem.to_owned(),
            (Some(user), None, _) => format!("You are logged in as {user}."),
            (Some(user), Some(site), _) => {
                format!(
                    "You are logged in as {user}. Continue, and {site} will show you the images that are open to you."
                )
            }
            (None, Some(site), _) => format!(
                "After you have logged in, {site} will show you the images that are open to you."
            ),
            (None, None, _) if !origin.is_empty() => format!(
                "`{origin}` is not the origin of a site such as https://viewer.example: the viewer there will not show more."
            ),
            (None, None, _) => String::new(),
        };
        let page = LOGIN
            .replace("{label}", &escaped(&self.settings.label))
            .replace("{message}", &escaped(&message))
            .replace("{origin}", &escaped(&site.unwrap_or_default()))
            .replace("{back}", &escaped(back(self.request.query.get("back"))))
            .replace("{known}", if user.is_some() { "known" } else { "" });
        let status = if problem.is_empty() { 200 } else { 401 };
        html(page).with_status(status)
    }

    async fn login(&self) -> Response {
        if !self.request.is_own {
            return error_response(403, "please log in on the login page of this server");
        }
        let (user, token) = (
            self.request.form.get("user").trim(),
            self.request.form.get("token").trim(),
        );
        let person = match (self.session(), token.is_empty()) {
            (Ok(ticket), true) => Ok((self.identities.holder(&ticket), ticket.origins)),
            (_, true) => return self.login_page("Please enter a token or password."),
            _ => {
                let credential = match user.is_empty() {
                    true => Credential::Token(token.to_owned()),
                    false => Credential::Password(user.to_owned(), token.to_owned()),
                };
                let proven = (self.identities)
                    .prove(&credential, self.request.address, self.request.now)
                    .await;
                proven.map(|person| (Some(person), Vec::new()))
            }
        };
        let (person, mut origins) = match person {
            Ok((Some(person), origins)) => (person, origins),
            Err(response) if response.status == 429 => return response,
            _ => return self.login_page("The token or password is wrong."),
        };
        origins.extend(Origin::parse(self.request.form.get("origin")).map(|o| o.0));
        // The newest are kept.
        let first = origins.len().saturating_sub(MOST_ORIGINS);
        match self.open_session(&person, origins.split_off(first)) {
            Ok(cookie) => self.logged_in().with_header("set-cookie", cookie),
            Err(_) => error_response(500, "the session could not be started"),
        }
    }

    /// The cookie of a new session.
    fn open_session(&self, person: &Person, origins: Vec<String>) -> Result<String, Unspecified> {
        let seconds = i64::from(*self.settings.session.get_ref());
        let ends = self.seconds() + seconds;
        let ends = person.vouched_until.map_or(ends, |until| ends.min(until));
        let ticket = Ticket {
            session: self.identities.tickets.name()?,
            user: person.user.clone(),
            groups: person.groups.clone(),
            vouched: person.vouched_until.is_some(),
            origins,
            ends,
        };
        let sealed = self.identities.tickets.seal(TicketUse::Session, &ticket)?;
        Ok(self.cookie(&sealed, ends - self.seconds()))
    }

    fn logged_in(&self) -> Response {
        match (
            self.request.form.get("origin"),
            back(self.request.form.get("back")),
        ) {
            // The page was opened by a viewer, which waits until the tab is closed (§3).
            (origin, _) if !origin.is_empty() => {
                html(DONE.replace("{message}", "You are logged in. You can close this tab."))
            }
            (_, "") => redirect("../"),
            (_, back) => redirect(&format!("..{back}")),
        }
    }

    /// The token service (§4): a page that posts a message to the page of the viewer around it.
    fn token(&self) -> Response {
        let id = self.request.query.get("messageId");
        if id.is_empty() && self.request.query.get("origin").is_empty() {
            return self.plain_token();
        }
        let origin = Origin::parse(self.request.query.get("origin"));
        let message = match &origin {
            Some(_) if id.is_empty() => self.no_token("invalidRequest"),
            Some(origin) => self.message(&origin.0),
            // Without an origin the message could reach any page, so none is sent.
            None => {
                return error_response(
                    400,
                    "`origin` must be the origin of a web page, such as https://viewer.example",
                );
            }
        };
        let origin = origin.map(|o| o.0).unwrap_or_default();
        let page = TOKEN
            .replace("{origin}", &escaped(&origin))
            .replace("{message}", &escaped(&message.to_string()));
        let policy = format!(
            "default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors {origin}"
        );
        uncached(page, "text/html; charset=utf-8").with_header("content-security-policy", policy)
    }

    /// An access token for the site of this origin, or why there is none.
    fn message(&self, origin: &str) -> Value {
        let ticket = match self.session() {
            Ok(ticket) => ticket,
            Err(None) => return self.no_token("missingAspect"),
            Err(Some(InvalidTicket::Expired)) => return self.no_token("expiredAspect"),
            Err(Some(InvalidTicket::Invalid)) => return self.no_token("invalidAspect"),
        };
        let mut listed = self.settings.origins.iter();
        if !ticket.origins.iter().any(|o| o == origin) && !listed.any(|o| o.0 == origin) {
            return self.no_token("invalidOrigin");
        }
        match self.access_token(ticket) {
            Ok((sealed, seconds)) => json!({
                "@context": CONTEXT,
                "type": "AuthAccessToken2",
                "accessToken": sealed,
                "expiresIn": seconds,
                "messageId": self.request.query.get("messageId"),
            }),
            Err(_) => self.no_token("unavailable"),
        }
    }

    /// The answer to programs that are no browsers, and have the cookie: JSON (1.0 §2.2.3, §2.2.6).
    fn plain_token(&self) -> Response {
        let session = self.session().map_err(|why| match why {
            None => "missingAspect",
            Some(InvalidTicket::Expired) => "expiredAspect",
            Some(InvalidTicket::Invalid) => "invalidAspect",
        });
        let token = session.and_then(|ticket| {
            let token = self.access_token(ticket);
            token.map_err(|_| "unavailable")
        });
        let (status, answer) = match token {
            Ok((sealed, seconds)) => (200, json!({"accessToken": sealed, "expiresIn": seconds})),
            Err(profile) => {
                let told = self.no_token(profile);
                let status = if profile == "unavailable" { 503 } else { 401 };
                let answer = json!({"error": told["error"], "description": told["description"]});
                (status, answer)
            }
        };
        uncached(format!("{answer:#}\n"), "application/json").with_status(status)
    }

    /// An access token of a session, and the seconds until it expires.
    fn access_token(&self, session: Ticket) -> Result<(String, i64), Unspecified> {
        let seconds = i64::from(*self.settings.access.get_ref());
        let seconds = seconds.min(session.ends - self.seconds());
        let access = Ticket {
            ends: self.seconds() + seconds,
            origins: Vec::new(),
            ..session
        };
        let sealed = self.identities.tickets.seal(TicketUse::Probe, &access)?;
        Ok((sealed, seconds))
    }

    /// Why there is no access token; `profile` is one of §4.4.
    fn no_token(&self, profile: &str) -> Value {
        let note = match profile {
            "invalidOrigin" => "Log in from this site first.",
            "invalidRequest" => "`messageId` is missing.",
            "expiredAspect" => "Your session has expired.",
            _ => "You are not logged in.",
        };
        json!({
            "@context": CONTEXT,
            "type": "AuthAccessTokenError2",
            "profile": profile,
            // For viewers that know 1.0 (§4.3.2 there).
            "error": match profile {
                "invalidOrigin" => "invalidOrigin",
                "invalidRequest" => "invalidRequest",
                "missingAspect" => "missingCredentials",
                "unavailable" => "unavailable",
                _ => "invalidCredentials",
            },
            "description": note,
            "heading": {"en": [format!("No access from {}", self.settings.label)]},
            "note": {"en": [note]},
            "messageId": self.request.query.get("messageId"),
        })
    }

    /// The logout service (§6): the session and its access tokens end.
    fn logout(&self) -> Response {
        // One that was ended is no session any more.
        while let Ok(ticket) = self.session() {
            self.identities.tickets.end(&ticket, self.seconds());
        }
        let page = DONE.replace("{message}", "You are logged out. You can close this tab.");
        html(page).with_header("set-cookie", self.cookie("", 0))
    }

    /// The line that sets the cookie for this server alone: others on the host have theirs.
    fn cookie(&self, value: &str, seconds: i64) -> String {
        // Viewers on other sites need the cookie too (§4.2); browsers allow that over TLS only.
        let sent = match self.request.is_secure {
            true => "SameSite=None; Secure",
            false => "SameSite=Lax",
        };
        let path = match &*self.request.prefix {
            "" => "/",
            prefix => prefix,
        };
        format!("{COOKIE}={value}; Path={path}; Max-Age={seconds}; HttpOnly; {sent}")
    }
}

/// The probe service of an image (§5): the status with which a request for its pixels would be answered.
fn probe(id: &str, site: &Site, uris: &Uris) -> Response {
    let Some(at) = site.find(id, uris) else {
        return api::not_found(id);
    };
    let mut result = json!({"@context": CONTEXT, "type": "AuthProbeResult2"});
    let access = site.access(at);
    if access >= Access::Full {
        result["status"] = json!(200);
    } else {
        let (status, note) = match site.permissions.visitor.user {
            Some(_) => (403, "You may not see all of this image."),
            None => (401, "Log in to see all of this image."),
        };
        result["status"] = json!(status);
        result["heading"] = json!({"en": ["Restricted image"]});
        result["note"] = json!({"en": [note]});
    }
    if access == Access::Degraded {
        result["substitute"] = json!([{
            "id": uris.degraded(Version::V3, id),
            "type": "ImageService3",
            "profile": "level2",
            "label": {"en": ["A smaller image"]},
        }]);
    }
    uncached(format!("{result:#}\n"), "application/json")
}

/// A path of this server to return to; empty if it could lead elsewhere.
fn back(path: &str) -> &str {
    let is_ours = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains(['\\', '\r', '\n'])
        && !path.contains("..");
    if is_ours { path } else { "" }
}

fn html(page: String) -> Response {
    uncached(page, "text/html; charset=utf-8")
        .with_header("content-security-policy", POLICY)
        // With a stricter policy browsers would not send the origin of the form, which is checked.
        .with_header("referrer-policy", "same-origin")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_server_are_returned_to() {
        let cases = [
            ("/view/a%2Fb", "/view/a%2Fb"),
            ("/", "/"),
            ("//evil.example", ""),
            ("/\\evil.example", ""),
            ("https://evil.example", ""),
            ("/a/../..//evil", ""),
            ("/a\r\nset-cookie: x", ""),
        ];
        for (path, wanted) in cases {
            assert_eq!(back(path), wanted, "{path}");
        }
    }

    #[test]
    fn text_is_escaped() {
        assert_eq!(escaped("<a b=\"&\">"), "&lt;a b=&quot;&amp;&quot;&gt;");
    }
}
