//! Somebody else who decides about single images: a service that is asked by POST, or a program. Silence, failure
//! and answers that cannot be understood close the image.

use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::rules::{May, Visitor};
use super::settings;
use crate::contracts::LocalizedImage;
use crate::error::Error;
use crate::http::webhook::Webhook;
use crate::serve::cache::Cache;

/// The longest answer.
const MOST_ANSWER: usize = 64 << 10;
/// About the bytes that a kept answer takes; all of them together have 16 MiB.
const KEPT: usize = 256;

/// The delegate and what it said lately.
#[derive(Debug)]
pub struct Delegate {
    settings: settings::Delegate,
    webhook: Option<Webhook>,
    said: Cache<(i64, String), May>,
    /// How often it was asked, and how often in vain.
    pub asked: AtomicU64,
    /// How often it could not be asked or understood.
    pub failed: AtomicU64,
}

/// What it answers.
#[derive(Deserialize)]
struct Answer {
    may: May,
}

impl Delegate {
    /// A delegate that was not asked yet.
    pub fn new(settings: settings::Delegate) -> Result<Self, Error> {
        let timeout = Duration::from_secs_f64(settings.timeout);
        let webhook = settings.url.as_deref();
        let webhook = webhook.map(|url| Webhook::new(url, timeout)).transpose()?;
        Ok(Delegate {
            settings,
            webhook,
            said: Cache::new(16 << 20),
            asked: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        })
    }

    /// Images of one document that it is asked about.
    pub fn most(&self) -> usize {
        self.settings.most
    }

    /// The names of headers of the visitor's request that it wants to know.
    pub fn headers(&self) -> &[String] {
        &self.settings.headers
    }

    /// What a visitor may do with an image. `headers` are those that it wants to know; `now` is in seconds.
    pub async fn may(
        &self,
        image: &LocalizedImage,
        visitor: &Visitor,
        headers: &Value,
        now: i64,
    ) -> May {
        let question = question(image, visitor, headers);
        let keep = i64::from(self.settings.keep);
        let ask = async {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let answer = self.ask(question.to_string()).await?;
            let answer: Answer = serde_json::from_slice(&answer).map_err(|e| e.to_string())?;
            Ok::<_, String>((answer.may, KEPT))
        };
        // Answers of one stretch of time are kept until it ends, so none holds longer than it says.
        let said = match keep {
            0 => ask.await.map(|(may, _)| may),
            _ => {
                let key = (now.div_euclid(keep), question.to_string());
                self.said.get(&key, ask).await.map(|(may, _)| may)
            }
        };
        said.unwrap_or_else(|_| {
            self.failed.fetch_add(1, Ordering::Relaxed);
            May::Hidden
        })
    }

    async fn ask(&self, question: String) -> Result<Vec<u8>, String> {
        match &self.webhook {
            Some(webhook) => webhook.post(question, MOST_ANSWER).await,
            None => {
                let timeout = Duration::from_secs_f64(self.settings.timeout);
                let asked = tokio::time::timeout(timeout, run(&self.settings.command, question));
                asked.await.map_err(|_| "it took too long".to_owned())?
            }
        }
    }
}

/// The same for the same image and visitor: it is the key of the answer too.
fn question(image: &LocalizedImage, visitor: &Visitor, headers: &Value) -> Value {
    json!({
        "id": image.id,
        "group": image.group,
        "metadata": image.metadata,
        "rights": image.source.rights,
        "user": visitor.user,
        "groups": visitor.groups,
        "address": visitor.address.map(|a| a.to_canonical().to_string()),
        "headers": headers,
    })
}

async fn run(command: &[String], question: String) -> Result<Vec<u8>, String> {
    let (program, arguments) = command.split_first().ok_or("there is no command")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| e.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that decides without reading is as good.
        let _ = stdin.write_all(question.as_bytes()).await;
    }
    let output = child.wait_with_output().await.map_err(|e| e.to_string())?;
    match output.status.success() && output.stdout.len() <= MOST_ANSWER {
        true => Ok(output.stdout),
        false => Err(format!("it ended with {}", output.status)),
    }
}
