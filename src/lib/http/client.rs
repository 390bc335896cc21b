//! The client: requests repeated until there is an answer, or no reason to hope for one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};

use super::answer;
use super::archives::Archives;
use super::body;
use super::budget_store::BudgetStore;
use super::connections::Answers;
use super::credentials::Credentials;
use super::error::{Error, Kind};
use super::hosts::{Host, Hosts};
use super::jobs::Jobs;
use super::judgment::SAMPLES;
use super::login::Session;
use super::options::Options;
use super::proxies;
use super::request::{AnswerHead, Request, RequestLog, Response, SavedResponse};
use super::retry::{FailedAttempt, LONGEST_WAIT, Next, after};
use super::send::Sender;
use super::stats::HostStats;
use crate::files::{self, Part};
use crate::progress::Wait;

/// The client of a run. Requests to one host share its rate limit, whoever makes them.
#[derive(Debug)]
pub struct Client {
    sender: Sender,
    /// Whether each request is judged by itself; else who sends them judges images.
    judges_requests: bool,
}

impl Client {
    /// A client that follows the options. `hosts` (`name:port`) are those that the user requests by name: they alone
    /// receive credentials that are given without a host.
    ///
    /// # Errors
    /// If the options contradict each other, name a file that cannot be read, or the environment names a proxy that
    /// cannot be used.
    pub fn new(options: &Options, hosts: &BTreeSet<String>) -> Result<Self, crate::error::Error> {
        proxies::refuse_unusable()?;
        let mut credentials = Credentials::new(options, hosts)?;
        credentials.warnings.extend(proxies::warning());
        let archives = Archives::open(options.archives.as_deref())?;
        let store = options.budget_store.as_ref().map(BudgetStore::new);
        let store = store.transpose()?;
        let session = options.login.as_ref();
        let session = session
            .map(|login| Session::new(login, hosts))
            .transpose()?;
        let sender = Sender::new(options, credentials, session, Hosts::new(archives, store))?;
        Ok(Client {
            sender,
            judges_requests: true,
        })
    }

    /// Requests a document or an image into memory.
    ///
    /// # Errors
    /// The last attempt's, when all have failed or another one makes no sense.
    pub async fn get(&self, request: &Request) -> Result<Response, Error> {
        self.get_checked(request, async |_| Ok(())).await
    }

    /// Like [`Client::get`]; an answer that `check` refuses is requested again if the error may pass.
    ///
    /// # Errors
    /// As [`Client::get`], and those of `check`.
    pub async fn get_checked(
        &self,
        request: &Request,
        check: impl AsyncFn(&Response) -> Result<(), Error>,
    ) -> Result<Response, Error> {
        self.persist(request, async |attempt| {
            let (mut response, _active) = body::read(&self.sender, request, attempt > 1).await?;
            response.attempts = attempt;
            match check(&response).await {
                Ok(()) => Ok(response),
                Err(error) => {
                    let error = measured(error, &response.headers).with_status(response.status);
                    Err(told(error, request, &response.url, &response.body).into())
                }
            }
        })
        .await
    }

    /// Requests an answer for its head; the body is not read.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn head_of_answer(&self, request: &Request) -> Result<AnswerHead, Error> {
        self.persist(request, async |attempt| {
            let opened = self
                .sender
                .open(request, HeaderMap::new(), attempt > 1)
                .await?;
            let length = opened.response.content_length();
            Ok(AnswerHead {
                status: opened.response.status().as_u16(),
                length: length.filter(|_| opened.coding.is_none()),
                headers: opened.response.headers().clone(),
            })
        })
        .await
    }

    /// Streams a body into a part file, resumed where an earlier attempt or run stopped when the server proves that it
    /// is still the same file (a strong ETag or Last-Modified, by `If-Range`). A body that `check` refuses is discarded,
    /// and requested again if the error may pass.
    ///
    /// # Errors
    /// As [`Client::get`], those of `check`, and those of the disk.
    pub async fn save<T>(
        &self,
        request: &Request,
        part: &Part,
        check: impl AsyncFn(&SavedResponse) -> Result<T, Error>,
    ) -> Result<(SavedResponse, T), Error> {
        self.persist(request, async |attempt| {
            let (mut saved, _active) = body::save(&self.sender, request, part, attempt > 1).await?;
            saved.attempts = attempt;
            match check(&saved).await {
                Ok(value) => Ok((saved, value)),
                Err(error) => {
                    let start = part.start();
                    part.discard();
                    let error = measured(error, &saved.headers).with_status(saved.status);
                    Err(told(error, request, &saved.url, &start).into())
                }
            }
        })
        .await
    }

    /// Attempts a request until it succeeds or is given up.
    async fn persist<T>(
        &self,
        request: &Request,
        once: impl AsyncFn(u32) -> Result<T, FailedAttempt>,
    ) -> Result<T, Error> {
        let (mut attempt, mut had_other_file) = (0, false);
        loop {
            attempt += 1;
            let failed = match once(attempt).await {
                Ok(value) => {
                    if self.judges_requests {
                        self.succeeded(&request.url, &request.log);
                    }
                    return Ok(value);
                }
                Err(failed) => failed,
            };
            let (kind, wait) = (failed.error.kind, failed.retry_after);
            // A server that names a time is busy; it was not asked for too much.
            let may_be_size = wait.is_none() && kind.may_be_size();
            let size_retries = request.size_retries.filter(|_| may_be_size);
            // A file that was damaged on the way comes right; one that was replaced stays another.
            let is_other_file = kind == Kind::Checksum;
            let most = match is_other_file && had_other_file {
                true => 0,
                false => size_retries.unwrap_or(u32::MAX),
            };
            had_other_file |= is_other_file;
            let retries = most
                .min(failed.max_retries)
                .min(request.max_retries.unwrap_or(u32::MAX))
                .min(self.sender.options.retries);
            match after(kind, wait, attempt, retries, self.sender.backoff()) {
                Next::Retry(wait) => tokio::time::sleep(wait).await,
                Next::GiveUp => {
                    let mut error = failed.error.with_attempts(attempt);
                    if let Some(wait) = wait.filter(|wait| *wait > LONGEST_WAIT) {
                        error.message += &format!(": it asks for a pause of {} s", wait.as_secs());
                    }
                    if self.judges_requests {
                        self.failed(&request.url, &request.log, &error);
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Works on so many images at once; what becomes of each is told by [`Client::succeeded`] and [`Client::failed`].
    pub fn for_images(&mut self, jobs: u16) {
        self.sender.jobs = Jobs::at_once(jobs, (files::most_open() / 4).clamp(8, 256));
        self.sender.hosts.samples = SAMPLES;
        self.judges_requests = false;
    }

    /// Takes answers from there in place of the network: for simulations. All else is as ever: pace, retries, permission.
    pub fn simulate(&mut self, answers: Answers) {
        self.sender.simulate(answers);
    }

    /// The host of a URL, if it has one.
    pub fn host(&self, url: &str) -> Option<Arc<Host>> {
        let url = self.sender.resolve(url).ok()?;
        Some(self.sender.hosts.of(&url, &self.sender.options))
    }

    /// An image, or a document, was downloaded from the host of this URL.
    pub fn succeeded(&self, url: &str, log: &RequestLog) {
        if let Some(host) = self.host(url) {
            host.pacing().judgment.succeeded(log.id());
        }
    }

    /// An image, or a document, could not be downloaded from the host of this URL. Where the reason may be that of all
    /// others too, the host is given up after many of them in a row.
    pub fn failed(&self, url: &str, log: &RequestLog, error: &Error) {
        let is_telling = matches!(
            error.kind,
            Kind::Forbidden | Kind::TooMany | Kind::Server | Kind::NotAnImage
        );
        let Some(host) = self.host(url) else {
            return;
        };
        match is_telling && error.status.is_some() {
            true => {
                let mut pacing = host.pacing();
                pacing.refused(log.id(), log.is_sample(), error.kind, error.status);
            }
            false => host.pacing().judgment.ended(log.id()),
        }
    }

    /// The seconds between requests that the robots.txt of a URL's host asks for, if it does.
    ///
    /// # Errors
    /// Why the host may not be asked, or the file cannot be fetched.
    pub async fn crawl_delay(&self, url: &str) -> Result<Option<f64>, Error> {
        self.sender.crawl_delay(url).await
    }

    /// The hosts at which a request may be sent again, since the last call; none where it may be any.
    pub async fn freed(&self) -> Option<Vec<usize>> {
        self.sender.hosts.freed.wait().await
    }

    /// Whether the budget is used up.
    pub fn is_over_budget(&self) -> bool {
        self.sender.spent.over_budget().is_some()
    }

    /// The options it follows.
    pub fn options(&self) -> &Options {
        &self.sender.options
    }

    /// What the user should know of the options.
    pub fn warnings(&self) -> &[String] {
        &self.sender.credentials.warnings
    }

    /// Whether the host of a URL receives a token, a password or a cookie of the user.
    pub fn identifies_user(&self, url: &str) -> bool {
        self.sender
            .resolve(url)
            .is_ok_and(|url| self.sender.credentials.identify_user(&url))
    }

    /// What the user should know when all requests are sent.
    pub fn closing_notes(&self) -> impl Iterator<Item = String> {
        let store = self.sender.hosts.note_of_store();
        self.ignored_robots().into_iter().chain(store)
    }

    /// Which public hosts were asked without a look at their robots.txt, in words.
    fn ignored_robots(&self) -> Option<String> {
        let names = self.sender.hosts.public_names();
        (self.sender.options.ignore_robots && !names.is_empty()).then(|| {
            format!(
                "--ignore-robots: robots.txt was not read of {}",
                names.join(", ")
            )
        })
    }

    /// Continues the counts of requests without `--contact` where earlier runs left them, by host.
    pub fn continue_anonymous(&mut self, anonymous: BTreeMap<String, u64>) {
        self.sender.hosts.continue_anonymous(anonymous);
    }

    /// Requests without `--contact` in this run and earlier ones, by public host.
    pub fn anonymous(&self) -> BTreeMap<String, u64> {
        let is_anonymous = self.sender.options.contact.is_none();
        self.sender.hosts.anonymous(is_anonymous)
    }

    /// Statistics of each host so far, by name.
    pub fn stats(&self) -> Vec<(String, HostStats)> {
        self.sender.hosts.stats()
    }

    /// How long the run lasts.
    pub fn elapsed(&self) -> Duration {
        self.sender.spent.elapsed()
    }

    /// The requests sent and body bytes received.
    pub fn spent(&self) -> (u64, u64) {
        self.sender.spent.read()
    }

    /// The hosts whose requests wait now, by name.
    pub fn waiting(&self) -> Vec<Wait> {
        self.sender.hosts.waiting()
    }
}

/// An error about a body, by whether its length was announced.
fn measured(error: Error, headers: &HeaderMap) -> Error {
    let is_announced = [CONTENT_LENGTH, TRANSFER_ENCODING]
        .iter()
        .any(|name| headers.contains_key(name));
    match is_announced {
        true => error,
        false => error.of_unknown_length(),
    }
}

/// The error of an answer that is not what was requested, with what it says instead.
fn told(error: Error, request: &Request, url: &str, body: &[u8]) -> Error {
    let moved = (url != request.url).then_some(url);
    match error.kind {
        Kind::NotAnImage => error.with_words(&answer::first_words(body), moved),
        _ => error.with_words("", moved),
    }
}
