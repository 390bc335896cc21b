//! What an image service is, and whether it grants access: `info.json`, and the probe service that it names (IIIF
//! Authorization Flow 2.0, and Authentication 1.0).
//!
//! A substitute, which a server gives to those without access, is never taken for the image requested.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::http::{Client, Error, Request, RequestLog, Response, first_words};
use crate::iiif;
use crate::iiif::authorization::{AccessControl, ProbeResult};
use crate::iiif::info::Info;

/// A service that grants access, as far as it says.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Its `info.json`.
    pub info: Info,
    /// Base URI of the service to request images of: the one asked, or the one that a probe service leads to.
    pub base: String,
    /// Its authorization services, if it has any.
    pub access: Option<AccessControl>,
}

/// Each service, asked once.
#[derive(Debug, Default)]
pub struct Admissions(Mutex<HashMap<String, Arc<Answer>>>);

type Answer = OnceCell<Result<Admission, Error>>;

impl Admissions {
    /// Asks a service what it is, unless that is known.
    ///
    /// # Errors
    /// Of kind `forbidden` where access is not granted; `info` where its `info.json` cannot be used; those of the client.
    pub async fn of(
        &self,
        client: &Client,
        service: &str,
        log: &RequestLog,
    ) -> Result<Admission, Error> {
        let asking = Asking {
            client,
            service,
            log,
        };
        let answer = self.answer(service);
        answer.get_or_init(|| asking.admission()).await.clone()
    }

    fn answer(&self, service: &str) -> Arc<Answer> {
        // Services of a set are seldom asked twice; their info.json need not fill the memory.
        const MOST: usize = 10_000;
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= MOST {
            answers.clear();
        }
        answers.entry(service.to_owned()).or_default().clone()
    }
}

/// One service while it is asked.
struct Asking<'a> {
    client: &'a Client,
    service: &'a str,
    log: &'a RequestLog,
}

impl Asking<'_> {
    async fn admission(&self) -> Result<Admission, Error> {
        let (reply, info) = self.info_of(self.service).await?;
        let json: Value = serde_json::from_slice(without_bom(&reply.body)).unwrap_or_default();
        let open = |info, access| Admission {
            info,
            base: self.service.to_owned(),
            access,
        };
        match (info, AccessControl::of(&json)) {
            (Some(info), None) => Ok(open(info, None)),
            (None, None) => {
                let what = format!("info.json: not allowed (HTTP {})", reply.status);
                let said = first_words(&reply.body);
                let error = Error::forbidden(what).with_status(reply.status);
                Err(error.with_words(&said, None))
            }
            (None, Some(access)) if access.probe.is_none() => {
                let error = Error::forbidden("not allowed").with_status(reply.status);
                Err(with_login(self.client, self.service, &access, error))
            }
            (Some(info), Some(access)) if access.version == 1 => {
                let named = json["id"].as_str().or_else(|| json["@id"].as_str());
                let others = [Some(&*reply.url), named].into_iter().flatten();
                match others
                    .into_iter()
                    .find(|other| iiif::is_other_service(self.service, other))
                {
                    Some(other) => Err(substitute(self.client, self.service, &access, other)),
                    None => Ok(open(info, Some(access))),
                }
            }
            (info, Some(access)) => self.probed(info, access).await,
        }
    }

    /// `info.json`; none where it is refused with a document that may say how to get access.
    async fn info_of(&self, service: &str) -> Result<(Response, Option<Info>), Error> {
        let request = Request {
            accepts_refusal: true,
            ..Request::small_document(iiif::info_uri(service)).logged(self.log)
        };
        let is_refused = |reply: &Response| matches!(reply.status, 401 | 403);
        let check = async |reply: &Response| match is_refused(reply) {
            true => Ok(()),
            false => Info::parse(&reply.body)
                .map(drop)
                .map_err(|e| Error::info(e.to_string())),
        };
        let reply = self.client.get_checked(&request, check).await;
        let reply = reply.map_err(|error| error.about("info.json"))?;
        let info = (!is_refused(&reply)).then(|| Info::parse(&reply.body));
        let info =
            info.map(|info| info.map_err(|e| Error::info(e.to_string()).with_status(reply.status)));
        Ok((reply, info.transpose()?))
    }

    /// The service that a probe service grants access to. `info` is that of the service asked, where it was given.
    async fn probed(&self, info: Option<Info>, access: AccessControl) -> Result<Admission, Error> {
        let base = self.probe(&access).await?;
        let info = match (base == self.service, info) {
            (true, Some(info)) => info,
            (_, known) => self.stand_in(&base, known).await?,
        };
        Ok(Admission {
            info,
            base,
            access: Some(access),
        })
    }

    /// Asks the probe service; returns the service that it grants access to.
    async fn probe(&self, access: &AccessControl) -> Result<String, Error> {
        let probe = access.probe.clone().unwrap_or_default();
        // The result says what is refused; some servers also say it by the status of the answer.
        let request = Request {
            accepts_refusal: true,
            ..Request::small_document(&probe).logged(self.log)
        };
        let check = async |reply: &Response| match ProbeResult::parse(&reply.body) {
            Err(e) if reply.status < 400 => Err(Error::info(e.to_string())),
            _ => Ok(()),
        };
        let reply = self.client.get_checked(&request, check).await;
        let reply = reply.map_err(|error| error.about(&format!("probe service {probe}")))?;
        let refused = ProbeResult::Refused {
            status: reply.status,
            message: None,
            substitute: None,
        };
        match ProbeResult::parse(&reply.body).unwrap_or(refused) {
            ProbeResult::Granted => Ok(self.service.to_owned()),
            ProbeResult::Redirected(place) => Ok(place
                .trim_end_matches("/info.json")
                .trim_end_matches('/')
                .to_owned()),
            ProbeResult::Refused {
                status,
                message,
                substitute,
            } => {
                let message = message.unwrap_or_else(|| "not allowed".into());
                let substitute = substitute
                    .map(|s| format!("; the substitute offered is not the image requested: {s}"))
                    .unwrap_or_default();
                let error = Error::forbidden(format!("{message}{substitute}")).with_status(status);
                Err(with_login(self.client, self.service, access, error))
            }
        }
    }

    /// The `info.json` of the service that a probe service leads to; it must be of the same image.
    async fn stand_in(&self, base: &str, known: Option<Info>) -> Result<Info, Error> {
        let (reply, info) = self.info_of(base).await?;
        let info = info.ok_or_else(|| {
            let what = format!("not allowed at the service that the probe service names: {base}");
            Error::forbidden(what).with_status(reply.status)
        })?;
        match known.filter(|known| [known.width, known.height] != [info.width, info.height]) {
            None => Ok(info),
            Some(known) => {
                let what = format!(
                    "the probe service names an image of {} x {}, the one requested has {} x {}: {base}",
                    info.width, info.height, known.width, known.height
                );
                Err(Error::forbidden(what).with_status(200))
            }
        }
    }
}

/// Whether what a service of Authentication 1.0 gives is as large as the source declares it: such services give a smaller
/// image to those without access.
///
/// # Errors
/// Of kind `forbidden` if it is smaller.
pub fn check_size(
    client: &Client,
    admission: &Admission,
    service: &str,
    declared: Option<[u32; 2]>,
) -> Result<(), Error> {
    let access = admission.access.as_ref();
    let Some(access) = access.filter(|access| access.version == 1) else {
        return Ok(());
    };
    let found = [admission.info.width, admission.info.height];
    let is_smaller = |declared: &[u32; 2]| found[0] < declared[0] && found[1] < declared[1];
    match declared.filter(is_smaller) {
        None => Ok(()),
        Some([width, height]) => {
            let other = format!(
                "{} x {} where {width} x {height} is declared",
                found[0], found[1]
            );
            Err(substitute(client, service, access, &other))
        }
    }
}

/// The error of a substitute that was answered in place of the image requested.
pub fn substitute(client: &Client, service: &str, access: &AccessControl, other: &str) -> Error {
    let what = format!("the server sent a substitute instead of the requested image: {other}");
    let error = Error::forbidden(what).with_status(200);
    with_login(client, service, access, error)
}

/// An error of a service that requires authorization, with how to get it.
pub fn with_login(client: &Client, service: &str, access: &AccessControl, error: Error) -> Error {
    let mut asked = [Some(service), access.probe.as_deref()]
        .into_iter()
        .flatten();
    let sends_credentials = asked.any(|url| client.identifies_user(url));
    let how = how_to_authorize(service, access, sends_credentials);
    Error {
        message: format!("{}; {how}", error.message),
        ..error
    }
}

/// What a person does to be authorized, and which options then say so.
fn how_to_authorize(service: &str, access: &AccessControl, sends_credentials: bool) -> String {
    let host = iiif::host_of(service).unwrap_or_default();
    // The token of version 2 is for the probe service, the cookie for the images.
    let token_host = access.probe.as_deref().and_then(iiif::host_of);
    let token_host = token_host.unwrap_or(host);
    let why = match sends_credentials {
        true => "the token or cookie given is not accepted",
        false => "authorization is required",
    };
    format!(
        "{why} (IIIF Authorization {}): {}; then give the token with --bearer {token_host}=TOKEN and the cookie with --header '{host}=Cookie: NAME=VALUE'",
        access.version,
        access.instructions()
    )
}

fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}
