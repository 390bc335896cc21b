//! Requests to a service that the configuration of a server names: one request, one answer, within a time limit. The limits
//! kept towards archives do not apply: whoever runs the server runs the service.

use std::time::Duration;

use futures::StreamExt as _;

use crate::error::Error;

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

    /// Returns the body of the answer.
    ///
    /// # Errors
    /// As [`Webhook::post`].
    pub async fn get(&self, most: usize) -> Result<Vec<u8>, String> {
        let request = self
            .client
            .get(&self.url)
            .header("accept", "application/json");
        answer(request, most).await
    }
}

async fn answer(request: reqwest::RequestBuilder, most: usize) -> Result<Vec<u8>, String> {
    let response = request.send().await.map_err(|e| e.to_string())?;
    if response.status().as_u16() != 200 {
        return Err(format!("it answered {}", response.status()));
    }
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
