//! The delegate, which decides about single images: a web service that is called by POST, or a program. If it fails, is
//! too slow or answers something else, the image is hidden.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::rules::{Access, RuledImage, Visitor};
use super::settings::DelegateSettings;
use crate::error::Error;
use crate::http::header::HeaderMap;
use crate::http::webhook::Webhook;
use crate::serve::cache::memory::Cache;
use crate::serve::notice;
use crate::serve::web::message::header_text;
use crate::serve::web::metrics;

/// The longest answer, in bytes.
const MOST_ANSWER: usize = 64 << 10;
/// Roughly the bytes of memory that a cached decision takes.
const BYTES_PER_DECISION: usize = 256;
/// Bytes of memory for all cached decisions.
const MOST_CACHED: usize = 16 << 20;

/// For how many seconds it is not said again that it fails.
const SAID_AGAIN: i64 = 600;

/// The delegate, and its latest decisions.
#[derive(Debug)]
pub struct Delegate {
    settings: DelegateSettings,
    webhook: Option<Webhook>,
    decisions: Cache<(i64, String), Access>,
    /// Calls so far, successful or not.
    calls: Counter,
    /// Decisions that could not be obtained.
    failures: Counter,
    /// When it was last said that it fails, in seconds since 1970: not for every image.
    said: AtomicI64,
    /// Lists both.
    registry: Registry,
}

/// Its answer.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "may")]
    access: Access,
}

impl Delegate {
    /// A delegate that has not been called yet.
    ///
    /// A program whose name is a path is looked for from `folder`, the one of the configuration.
    ///
    /// # Errors
    /// No client for its URL can be set up, or there is no such program.
    pub fn new(mut settings: DelegateSettings, folder: &Path) -> Result<Self, Error> {
        if let Some(program) = settings
            .command
            .first_mut()
            .filter(|name| name.contains('/'))
        {
            let path = folder.join(&program);
            if !path.is_file() {
                let what = format!("{}: no such program", path.display());
                return Err(Error::new(what).hint(
                    "`command` of the delegate names it, from the folder of the configuration",
                ));
            }
            *program = path.to_string_lossy().into_owned();
        }
        let timeout = Duration::from_secs_f64(settings.timeout);
        let webhook = settings.url.as_deref();
        let webhook = webhook.map(|url| Webhook::new(url, timeout)).transpose()?;
        let mut registry = Registry::with_prefix("recto_delegate");
        let list = &mut registry;
        Ok(Delegate {
            settings,
            webhook,
            decisions: Cache::new(MOST_CACHED),
            calls: metrics::new(list, "asked", "Calls of the delegate"),
            failures: metrics::new(list, "failed", "Decisions that could not be obtained"),
            said: AtomicI64::new(0),
            registry,
        })
    }

    /// The most images of one document that it is asked about.
    pub fn most(&self) -> usize {
        self.settings.most
    }

    /// The headers of a visitor's request that it is to be told.
    pub fn headers_of(&self, headers: &HeaderMap) -> Value {
        let pairs = self.settings.headers.iter().map(|name| {
            let name = name.to_ascii_lowercase();
            let value = Value::from(header_text(headers, &name));
            (name, value)
        });
        pairs.collect::<Map<_, _>>().into()
    }

    /// What a visitor may do with an image. `headers` come from [`Delegate::headers_of`]; `now` is in seconds since 1970.
    pub async fn access(
        &self,
        image: RuledImage<'_>,
        visitor: &Visitor,
        headers: &Value,
        now: i64,
    ) -> Access {
        let question = question(image, visitor, headers);
        let keep = i64::from(self.settings.keep);
        let ask = async {
            self.calls.inc();
            let answer = self.ask(question.to_string()).await?;
            let answer: Answer = serde_json::from_slice(&answer).map_err(|e| e.to_string())?;
            Ok::<_, String>((answer.access, BYTES_PER_DECISION))
        };
        // Time is cut into periods of `keep` seconds, and a decision is kept until its period ends: never longer.
        let decision = match keep {
            0 => ask.await.map(|(access, _)| access),
            _ => {
                let key = (now.div_euclid(keep), question.to_string());
                self.decisions
                    .get(&key, ask)
                    .await
                    .map(|(access, _)| access)
            }
        };
        decision.unwrap_or_else(|why| {
            self.failures.inc();
            if now - self.said.load(Ordering::Relaxed) >= SAID_AGAIN {
                self.said.store(now, Ordering::Relaxed);
                notice::print(&format!(
                    "the delegate fails, and images are hidden that it should decide about: {why}"
                ));
            }
            Access::Hidden
        })
    }

    /// Metrics in the text format of Prometheus.
    pub fn metrics(&self) -> String {
        metrics::text(&self.registry)
    }

    async fn ask(&self, question: String) -> Result<Vec<u8>, String> {
        match &self.webhook {
            Some(webhook) => webhook.post(question, MOST_ANSWER).await,
            None => {
                let timeout = Duration::from_secs_f64(self.settings.timeout);
                let answer = tokio::time::timeout(timeout, run(&self.settings.command, question));
                answer.await.map_err(|_| "it took too long".to_owned())?
            }
        }
    }
}

/// The question about an image and a visitor; also the key of the cached decision, so it holds nothing that changes.
fn question(image: RuledImage<'_>, visitor: &Visitor, headers: &Value) -> Value {
    let names: BTreeSet<&str> = image.values("id").into_iter().collect();
    let image = image.about;
    json!({
        "id": image.id,
        "names": names,
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
    let (program, arguments) = command.split_first().ok_or("the command is missing")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| e.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program may decide without reading the question.
        let _ = stdin.write_all(question.as_bytes()).await;
    }
    let output = child.wait_with_output().await.map_err(|e| e.to_string())?;
    match output.status.success() && output.stdout.len() <= MOST_ANSWER {
        true => Ok(output.stdout),
        false => Err(format!("it ended with {}", output.status)),
    }
}
