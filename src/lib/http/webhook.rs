//! Requests to a service that the configuration of a server names: one request, one answer, within a time limit. The limits
//! kept towards archives do not apply: whoever runs the server runs the service.

use std::time::Duration;

use futures::StreamExt as _;

use crate::error::Error;
use reqwest::header::{self, HeaderMap};

/// A service that decides something for a server, such as who may see an image.
#[derive(Clone, Debug)]
pub struct Webhook {
    client: reqwest::Client,
    url: String,
}

impl Webhook {
    /// A client for one URL, whose answers must be complete within `timeout`. Redirects are not followed: they may lead
    /// anywhere.
    ///
    /// # Errors
    /// If the TLS library cannot be set up.
    pub fn new(url: &str, timeout: Duration) -> Result<Self, Error> {
        // A second call finds the provider already installed, which is what it wants.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .user_agent(concat!("recto/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|e| Error::new("the network client cannot be set up").because(e))?;
        Ok(Webhook {
            client,
            url: url.to_owned(),
        })
    }

    /// Sends JSON, and returns the body of the answer.
    ///
    /// # Errors
    /// In words, if the service cannot be reached in time, answers another status than 200, or more than `most` bytes.
    pub async fn post(&self, json: String, most: usize) -> Result<Vec<u8>, String> {
        let request = self
            .client
            .post(&self.url)
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .body(json);
        answer(request, most).await
    }

    /// Returns the body of the answer, and for how long it may be kept, if `Cache-Control` says so.
    ///
    /// # Errors
    /// As [`Webhook::post`].
    pub async fn get(&self, most: usize) -> Result<(Vec<u8>, Option<Duration>), String> {
        let request = self
            .client
            .get(&self.url)
            .header("accept", "application/json");
        let response = sent(request).await?;
        let max_age = max_age(response.headers());
        Ok((body(response, most).await?, max_age))
    }
}

/// How long an answer may be kept, as its `Cache-Control` says.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all(header::CACHE_CONTROL).iter();
    let lines = lines.filter_map(|line| line.to_str().ok());
    let directives = lines.flat_map(|line| line.split(',')).map(str::trim);
    let ages = directives.filter_map(|directive| {
        let (name, value) = directive.split_once('=').unwrap_or((directive, "0"));
        match name.to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => Some(0),
            "max-age" => value.trim_matches('"').parse().ok(),
            _ => None,
        }
    });
    ages.min().map(Duration::from_secs)
}

async fn answer(request: reqwest::RequestBuilder, most: usize) -> Result<Vec<u8>, String> {
    body(sent(request).await?, most).await
}

/// The head of an answer with status 200.
async fn sent(request: reqwest::RequestBuilder) -> Result<reqwest::Response, String> {
    let response = request.send().await.map_err(|e| e.to_string())?;
    match response.status().as_u16() {
        200 => Ok(response),
        _ => Err(format!("it answered {}", response.status())),
    }
}

async fn body(response: reqwest::Response, most: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    let mut parts = response.bytes_stream();
    while let Some(part) = parts.next().await {
        body.extend_from_slice(&part.map_err(|e| e.to_string())?);
        if body.len() > most {
            return Err("its answer is too long".into());
        }
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_kept_as_long_as_all_directives_allow() {
        let cases = [
            ("", None),
            ("public", None),
            ("max-age=300", Some(300)),
            ("public, Max-Age=\"20\", s-maxage=9", Some(20)),
            ("max-age=300, no-cache", Some(0)),
            ("no-store", Some(0)),
            ("max-age=soon", None),
            ("max-age", Some(0)),
        ];
        for (line, wanted) in cases {
            let mut headers = HeaderMap::new();
            headers.append(header::CACHE_CONTROL, line.parse().unwrap());
            assert_eq!(max_age(&headers), wanted.map(Duration::from_secs), "{line}");
        }
    }
}
