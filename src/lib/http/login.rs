//! A token by name and password: requested with the first request that needs it, and once more when a host does not take it
//! any longer.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use serde_json::Value;
use url::Url;

use super::credentials::basic;
use super::error::Error;
use super::host_header::value_of;
use super::options::host_of;
use super::retry::FailedAttempt;
use super::token_login::TokenLogin;
use crate::values;

/// A login and its token.
#[derive(Debug)]
pub struct Session {
    login: TokenLogin,
    basic: HeaderValue,
    /// `name:port` of the hosts that receive the token.
    hosts: BTreeSet<String>,
    /// Held while a token is requested: others wait for the same one.
    asking: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    token: Option<HeaderValue>,
    /// How many tokens were received.
    number: u32,
    /// Whether the newest one replaces one that was refused, and was not taken by any host yet.
    is_unproven: bool,
}

/// A token, and which one in the order of their receipt.
#[derive(Clone, Debug)]
pub struct Token {
    /// `Bearer …`
    pub value: HeaderValue,
    number: u32,
}

impl Session {
    /// A session without a token. Its token goes to `hosts` (`name:port`), which the user names, and to the host of the login.
    ///
    /// # Errors
    /// A header cannot hold name and password.
    pub fn new(login: &TokenLogin, hosts: &BTreeSet<String>) -> Result<Self, crate::error::Error> {
        let own = host_of(&login.url).into_iter();
        Ok(Session {
            basic: basic(&login.login)?,
            hosts: hosts.iter().cloned().chain(own).collect(),
            login: login.clone(),
            asking: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        })
    }

    /// The URL of the login.
    pub fn url(&self) -> &str {
        &self.login.url
    }

    /// Whether the host of a URL receives the token. One that is reached by http may also be by https, not the reverse.
    pub fn is_for(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        let has = |port: u16| self.hosts.contains(&format!("{host}:{port}"));
        has(port) || (url.scheme() == "https" && port == 443 && has(80))
    }

    /// The token; requested by `client` at `url` if there is none.
    ///
    /// # Errors
    /// Of kind `forbidden` if name or password are refused; those of the connection.
    pub async fn token(&self, client: &reqwest::Client, url: &Url) -> Result<Token, FailedAttempt> {
        let _asking = self.asking.lock().await;
        if let Some(token) = self.known() {
            return Ok(token);
        }
        let value = self.ask(client, url).await.map_err(|e| e.about("login"))?;
        let mut state = self.state();
        state.number += 1;
        state.token = Some(value.clone());
        Ok(Token {
            value,
            number: state.number,
        })
    }

    /// Takes note that a host refused a token; whether it makes sense to ask for another one and try again. It does not
    /// where a new one was refused too.
    pub fn is_worth_renewing(&self, token: &Token) -> bool {
        let mut state = self.state();
        if token.number < state.number {
            return true;
        }
        if !state.is_unproven {
            state.token = None;
        }
        !std::mem::replace(&mut state.is_unproven, true)
    }

    /// Takes note that a host took a token.
    pub fn accepted(&self, token: &Token) {
        let mut state = self.state();
        if token.number == state.number {
            state.is_unproven = false;
        }
    }

    fn known(&self) -> Option<Token> {
        let state = self.state();
        let number = state.number;
        state.token.clone().map(|value| Token { value, number })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self, client: &reqwest::Client, url: &Url) -> Result<HeaderValue, Error> {
        let request = client
            .post(url.clone())
            .header(AUTHORIZATION, self.basic.clone())
            .header(ACCEPT, "application/json")
            .header("content-length", 0);
        let no_answer = |e: reqwest::Error| match e.is_timeout() {
            true => Error::network(format!("{url} no answer in time")),
            false => Error::unreachable(url.as_str(), ""),
        };
        let response = request.send().await.map_err(no_answer)?;
        let status = response.status().as_u16();
        match status {
            200..=299 => {}
            // The password is not sent on to where a redirect leads.
            300..=399 => {
                let error =
                    Error::forbidden(format!("{url} redirects: use the URL that it redirects to"));
                return Err(error.with_status(status));
            }
            401 | 403 => {
                let name = &self.login.login.name;
                let what =
                    format!("{url} refuses the name \"{name}\" or its password (HTTP {status})");
                return Err(Error::forbidden(what).with_status(status));
            }
            _ => {
                let error = Error::of_status(status);
                return Err(error.about(url.as_str()));
            }
        }
        let bytes = response.bytes().await.map_err(no_answer)?;
        let no_token = || Error::info(format!("{url} answers without a token"));
        let document: Value = serde_json::from_slice(&bytes).map_err(|_| no_token())?;
        let document = values::in_snake_case(document, &[]);
        let token = ["access_token", "token", "jwt"]
            .iter()
            .find_map(|key| values::text(&document[*key]));
        let token = token.ok_or_else(no_token)?;
        value_of(&format!("Bearer {token}"), "the token").map_err(Error::info)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::netrc::Login;

    fn session(url: &str, hosts: &[&str]) -> Session {
        let login = TokenLogin {
            url: url.into(),
            login: Login {
                name: "me".into(),
                password: "secret".into(),
            },
        };
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        Session::new(&login, &hosts).unwrap()
    }

    #[test]
    fn a_token_goes_to_hosts_that_were_named() {
        let session = session("http://lab.example/config/auth", &["anno.example:8080"]);
        let cases = [
            ("http://lab.example/anno/v1", true),
            ("https://lab.example/anno/v1", true),
            ("http://lab.example:81/anno/v1", false),
            ("http://anno.example:8080/x", true),
            ("http://anno.example/x", false),
            ("http://pictures.example/1.png", false),
        ];
        for (url, wanted) in cases {
            assert_eq!(session.is_for(&Url::parse(url).unwrap()), wanted, "{url}");
        }
        assert!(
            !format!("{session:?}").contains("secret"),
            "no log shows a password"
        );
        let encrypted = self::session("https://lab.example/config/auth", &[]);
        assert!(!encrypted.is_for(&Url::parse("http://lab.example/").unwrap()));
    }

    #[test]
    fn a_token_is_renewed_once_until_one_is_taken_again() {
        let session = session("http://lab.example/config/auth", &[]);
        let receive = || {
            let mut state = session.state();
            state.number += 1;
            state.token = Some(HeaderValue::from_static("Bearer x"));
        };
        receive();
        let first = session.known().unwrap();
        assert!(session.is_worth_renewing(&first));
        assert!(session.known().is_none());
        receive();
        assert!(
            session.is_worth_renewing(&first),
            "another request has renewed it"
        );
        let second = session.known().unwrap();
        assert!(!session.is_worth_renewing(&second));
        session.accepted(&second);
        assert!(session.is_worth_renewing(&second));
    }
}
