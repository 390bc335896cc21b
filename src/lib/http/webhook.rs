//! Questions to a service that the configuration names: one POST, one answer, soon. None of the manners towards
//! archives apply: whoever runs the server runs the service.

use std::time::Duration;

use futures::StreamExt as _;

use crate::error::Error;

/// A service that answers questions.
#[derive(Clone, Debug)]
pub struct Callback {
    client: reqwest::Client,
    url: String,
}

impl Callback {
    /// Questions to a URL, each answered in time or not at all. Redirects are not followed: they may lead anywhere.
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
        Ok(Callback {
            client,
            url: url.to_owned(),
        })
    }

    /// Sends JSON and gives the body of a 200, if it has at most so many bytes.
    pub async fn post(&self, json: String, most: usize) -> Result<Vec<u8>, String> {
        let request = self
            .client
            .post(&self.url)
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .body(json);
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
}
