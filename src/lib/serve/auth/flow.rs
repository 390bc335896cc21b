//! How people log in: the access, token, probe and logout services of the IIIF Authorization Flow API 2.0.

use std::net::IpAddr;

use ring::error::Unspecified;
use serde_json::{Value, json};

use super::credentials::{self, COOKIE, Credential};
use super::permissions::{CONTEXT, Sight};
use super::rules::May;
use super::settings::Origin;
use super::tickets::{Ticket, Use, Void};
use super::{Auth, Person};
use crate::http::header::HeaderMap;
use crate::iiif::Version;
use crate::serve::catalogue::Catalogue;
use crate::serve::presentation::uris::Ids;
use crate::serve::web::router::{Query, Response, Site, redirect, refused, text};

const LOGIN: &str = include_str!("../pages/login.html");
const DONE: &str = include_str!("../pages/done.html");
const TOKEN: &str = include_str!("../pages/token.html");
/// Of the pages where people log in: nobody may put a frame around them.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// A request to one of the services.
pub struct Call<'a> {
    /// `GET`, `POST`…
    pub method: &'a str,
    /// What stands after `/auth/`, decoded.
    pub path: &'a str,
    /// What stands after `?`.
    pub query: Query,
    /// The body of a form.
    pub form: Query,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// Where it comes from.
    pub address: IpAddr,
    /// Whether it came over TLS.
    pub is_secure: bool,
    /// Whether the page that sent it is ours.
    pub is_own: bool,
    /// Milliseconds since 1970.
    pub now: i64,
}

impl Call<'_> {
    fn seconds(&self) -> i64 {
        self.now / 1000
    }

    /// The session of the browser.
    fn session(&self, auth: &Auth) -> Result<Ticket, Option<Void>> {
        let cookies = super::text_of(self.headers, "cookie");
        let sealed = credentials::session(cookies).ok_or(None)?;
        let opened = auth.tickets.open(Use::Session, sealed, self.seconds());
        let ticket = opened.map_err(Some)?;
        match auth.holder(&ticket) {
            Some(_) => Ok(ticket),
            None => Err(Some(Void::Expired)),
        }
    }
}

impl Auth {
    /// Answers what is below `/auth/`.
    pub async fn answer(
        &self,
        call: &Call<'_>,
        catalogue: &Catalogue,
        sight: &Sight,
        ids: &Ids,
    ) -> Response {
        match (call.method, call.path) {
            ("GET" | "HEAD", "login") => self.login_page(call, ""),
            ("POST", "login") => self.login(call).await,
            ("GET" | "HEAD", "token") => self.token(call),
            ("GET" | "HEAD" | "POST", "logout") => self.logout(call),
            ("GET" | "HEAD", path) => match path.strip_prefix("probe/") {
                Some(id) => probe(id, &Site::bare(catalogue, sight), ids),
                None => refused(404, "no such service"),
            },
            _ => refused(405, "GET is offered").with("allow", "GET, HEAD, OPTIONS"),
        }
    }

    /// The access service (§3): a form. Who is logged in already has but to agree that a further site may know.
    fn login_page(&self, call: &Call, trouble: &str) -> Response {
        let user = call.session(self).ok().map(|ticket| ticket.user);
        let origin = call.query.get("origin");
        let site = Origin::parse(origin).map(|o| o.0);
        let said = match (&user, &site, trouble) {
            (_, _, trouble) if !trouble.is_empty() => trouble.to_owned(),
            (Some(user), None, _) => format!("You are logged in as {user}."),
            (Some(user), Some(site), _) => {
                format!(
                    "You are logged in as {user}. Go on, and {site} will show you what you may see."
                )
            }
            (None, Some(site), _) => format!("Then {site} will show you what you may see."),
            (None, None, _) => String::new(),
        };
        let page = LOGIN
            .replace("{label}", &escaped(&self.label))
            .replace("{said}", &escaped(&said))
            .replace("{origin}", &escaped(&site.unwrap_or_default()))
            .replace("{back}", &escaped(back(call.query.get("back"))))
            .replace("{known}", if user.is_some() { "known" } else { "" });
        let status = if trouble.is_empty() { 200 } else { 401 };
        html(page).with_status(status)
    }

    async fn login(&self, call: &Call<'_>) -> Response {
        if !call.is_own {
            return refused(403, "people log in on the page of this server");
        }
        let (user, token) = (call.form.get("user").trim(), call.form.get("token").trim());
        let held = call.session(self);
        let person = match (held, token.is_empty()) {
            (Ok(ticket), true) => Ok((self.holder(&ticket), ticket.origins)),
            (_, true) => return self.login_page(call, "A token or password is needed."),
            _ => {
                let credential = match user.is_empty() {
                    true => Credential::Token(token.to_owned()),
                    false => Credential::Password(user.to_owned(), token.to_owned()),
                };
                let proven = self.prove(&credential, call.address, call.now).await;
                proven.map(|person| (Some(person), Vec::new()))
            }
        };
        let (person, mut origins) = match person {
            Ok((Some(person), origins)) => (person, origins),
            Err(response) if response.status == 429 => return response,
            _ => return self.login_page(call, "This is nobody's token or password."),
        };
        origins.extend(Origin::parse(call.form.get("origin")).map(|o| o.0));
        // The newest stay: a cookie holds 4 kB.
        let first = origins.len().saturating_sub(8);
        match self.open_session(&person, origins.split_off(first), call) {
            Ok(cookie) => self.logged_in(call).with("set-cookie", cookie),
            Err(_) => refused(500, "no session can be made"),
        }
    }

    /// A session as a cookie.
    fn open_session(
        &self,
        person: &Person,
        origins: Vec<String>,
        call: &Call,
    ) -> Result<String, Unspecified> {
        let seconds = i64::from(*self.settings.session.get_ref());
        let ends = call.seconds() + seconds;
        let ends = person.vouched_until.map_or(ends, |until| ends.min(until));
        let ticket = Ticket {
            session: self.tickets.name()?,
            user: person.user.clone(),
            groups: person.groups.clone(),
            vouched: person.vouched_until.is_some(),
            origins,
            ends,
        };
        let sealed = self.tickets.seal(Use::Session, &ticket)?;
        Ok(cookie(&sealed, ends - call.seconds(), call.is_secure))
    }

    fn logged_in(&self, call: &Call) -> Response {
        match (call.form.get("origin"), back(call.form.get("back"))) {
            // Opened by a viewer, which waits until the tab is closed (§3).
            (origin, _) if !origin.is_empty() => {
                html(DONE.replace("{said}", "You are logged in. This tab can be closed."))
            }
            (_, "") => redirect("../"),
            (_, back) => redirect(&format!("..{back}")),
        }
    }

    /// The token service (§4): a page that posts a message to the frame around it.
    fn token(&self, call: &Call) -> Response {
        let id = call.query.get("messageId");
        let origin = Origin::parse(call.query.get("origin"));
        let message = match &origin {
            Some(_) if id.is_empty() => self.no_token(call, "invalidRequest"),
            Some(origin) => self.message(call, &origin.0),
            // Without an origin the message could reach anybody, so there is none.
            None => {
                return refused(
                    400,
                    "`origin` is not the origin of a page, nobody can be told",
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
        text(page, "text/html; charset=utf-8").with("content-security-policy", policy)
    }

    fn message(&self, call: &Call, origin: &str) -> Value {
        let ticket = match call.session(self) {
            Ok(ticket) => ticket,
            Err(None) => return self.no_token(call, "missingAspect"),
            Err(Some(Void::Expired)) => return self.no_token(call, "expiredAspect"),
            Err(Some(Void::Invalid)) => return self.no_token(call, "invalidAspect"),
        };
        let mut listed = self.settings.origins.iter();
        if !ticket.origins.iter().any(|o| o == origin) && !listed.any(|o| o.0 == origin) {
            return self.no_token(call, "invalidOrigin");
        }
        let seconds = i64::from(*self.settings.access.get_ref());
        let seconds = seconds.min(ticket.ends - call.seconds());
        let access = Ticket {
            ends: call.seconds() + seconds,
            origins: Vec::new(),
            ..ticket
        };
        match self.tickets.seal(Use::Probe, &access) {
            Ok(sealed) => json!({
                "@context": CONTEXT,
                "type": "AuthAccessToken2",
                "accessToken": sealed,
                "expiresIn": seconds,
                "messageId": call.query.get("messageId"),
            }),
            Err(_) => self.no_token(call, "unavailable"),
        }
    }

    fn no_token(&self, call: &Call, profile: &str) -> Value {
        let note = match profile {
            "invalidOrigin" => "Log in from this site first.",
            "invalidRequest" => "`messageId` is missing.",
            "expiredAspect" => "Your session has ended.",
            _ => "You are not logged in.",
        };
        json!({
            "@context": CONTEXT,
            "type": "AuthAccessTokenError2",
            "profile": profile,
            "heading": {"en": [format!("No access from {}", self.label)]},
            "note": {"en": [note]},
            "messageId": call.query.get("messageId"),
        })
    }

    /// The logout service (§6): the session and its access tokens end.
    fn logout(&self, call: &Call) -> Response {
        if let Ok(ticket) = call.session(self) {
            self.tickets.end(&ticket, call.seconds());
        }
        let said = DONE.replace("{said}", "You are logged out. This tab can be closed.");
        html(said).with("set-cookie", cookie("", 0, call.is_secure))
    }
}

/// The probe service of an image (§5): the status that its pixels would be answered with.
fn probe(id: &str, site: &Site, ids: &Ids) -> Response {
    let Some(at) = site.find(id, ids) else {
        return refused(404, &format!("no image is called `{id}`"));
    };
    let about = &site.catalogue.pictures[at].about;
    let mut result = json!({"@context": CONTEXT, "type": "AuthProbeResult2"});
    let may = site.sight.may(about);
    if may >= May::Full {
        result["status"] = json!(200);
    } else {
        let (status, note) = match site.sight.visitor.user {
            Some(_) => (403, "You may not see all of this image."),
            None => (401, "Log in to see all of this image."),
        };
        result["status"] = json!(status);
        result["heading"] = json!({"en": ["Not for everybody"]});
        result["note"] = json!({"en": [note]});
    }
    if may == May::Degraded {
        result["substitute"] = json!([{
            "id": ids.degraded(Version::V3, id),
            "type": "ImageService3",
            "profile": "level2",
            "label": {"en": ["A smaller image"]},
        }]);
    }
    text(format!("{result:#}\n"), "application/json")
}

/// A page of our own to go back to: a path, nothing that leads elsewhere.
fn back(path: &str) -> &str {
    let is_ours = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains(['\\', '\r', '\n'])
        && !path.contains("..");
    if is_ours { path } else { "" }
}

fn cookie(value: &str, seconds: i64, is_secure: bool) -> String {
    // Sent from pages of other sites, as viewers are (§4.2); browsers allow that over TLS alone.
    let sent = match is_secure {
        true => "SameSite=None; Secure",
        false => "SameSite=Lax",
    };
    format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; {sent}")
}

fn html(page: String) -> Response {
    text(page, "text/html; charset=utf-8")
        .with("content-security-policy", POLICY)
        // Stricter, and browsers would not say that the form comes from our own page.
        .with("referrer-policy", "same-origin")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

impl Response {
    fn with_status(self, status: u16) -> Self {
        Response { status, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_are_gone_back_to() {
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
    fn words_stay_words() {
        assert_eq!(escaped("<a b=\"&\">"), "&lt;a b=&quot;&amp;&quot;&gt;");
    }
}
