//! What an image service is, and whether it grants access: `info.json`, and the probe service that it names (IIIF
//! Authorization Flow 2.0, and Authentication 1.0).
//!
//! A substitute, which a server gives to those without access, is never taken for the image requested.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::http::{Client, Error, Request, RequestLog, Response};
use crate::iiif;
use crate::iiif::authorization::{self, Gate, Verdict, gate, is_another, verdict};
use crate::iiif::info::{self, Info};

/// A service that grants access, as far as it says.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Its `info.json`.
    pub info: Info,
    /// Base URI of the service to request images of: the one asked, or the one that a probe service leads to.
    pub base: String,
    /// Its authorization services, if it has any.
    pub gate: Option<Gate>,
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
        let open = |info, gate| Admission {
            info,
            base: self.service.to_owned(),
            gate,
        };
        match (info, gate(&json)) {
            (Some(info), None) => Ok(open(info, None)),
            (None, None) => {
                let what = format!("info.json: not allowed (HTTP {})", reply.status);
                Err(Error::forbidden(what).with_status(reply.status))
            }
            (None, Some(gate)) if gate.probe.is_none() => {
                let error = Error::forbidden("not allowed").with_status(reply.status);
                Err(with_login(self.client, self.service, &gate, error))
            }
            (Some(info), Some(gate)) if gate.version == 1 => {
                let named = json["id"].as_str().or_else(|| json["@id"].as_str());
                let others = [Some(&*reply.url), named].into_iter().flatten();
                match others
                    .into_iter()
                    .find(|other| is_another(self.service, other))
                {
                    Some(other) => Err(substitute(self.client, self.service, &gate, other)),
                    None => Ok(open(info, Some(gate))),
                }
            }
            (info, Some(gate)) => self.probed(info, gate).await,
        }
    }

    /// `info.json`; none where it is refused with a document that may say how to get access.
    async fn info_of(&self, service: &str) -> Result<(Response, Option<Info>), Error> {
        let request = Request {
            accepts_refusal: true,
            ..Request::document(iiif::info_uri(service)).logged(self.log)
        };
        let is_refused = |reply: &Response| matches!(reply.status, 401 | 403);
        let check = async |reply: &Response| match is_refused(reply) {
            true => Ok(()),
            false => info::parse(&reply.body).map(drop).map_err(Error::info),
        };
        let reply = self.client.get_checked(&request, check).await;
        let reply = reply.map_err(|error| error.about("info.json"))?;
        let info = (!is_refused(&reply)).then(|| info::parse(&reply.body));
        let info = info.map(|info| info.map_err(|e| Error::info(e).with_status(reply.status)));
        Ok((reply, info.transpose()?))
    }

    /// The service that a probe service grants access to. `info` is that of the service asked, where it was given.
    async fn probed(&self, info: Option<Info>, gate: Gate) -> Result<Admission, Error> {
        let base = self.probe(&gate).await?;
        let info = match (base == self.service, info) {
            (true, Some(info)) => info,
            (_, known) => self.stand_in(&base, known).await?,
        };
        Ok(Admission {
            info,
            base,
            gate: Some(gate),
        })
    }

    /// Asks the probe service; returns the service that it grants access to.
    async fn probe(&self, gate: &Gate) -> Result<String, Error> {
        let probe = gate.probe.clone().unwrap_or_default();
        // The result says what is refused; some servers also say it by the status of the answer.
        let request = Request {
            accepts_refusal: true,
            ..Request::document(&probe).logged(self.log)
        };
        let check = async |reply: &Response| match verdict(&reply.body) {
            Err(e) if reply.status < 400 => Err(Error::info(e)),
            _ => Ok(()),
        };
        let reply = self.client.get_checked(&request, check).await;
        let reply = reply.map_err(|error| error.about(&format!("probe service {probe}")))?;
        let refused = Verdict::Refused {
            status: reply.status,
            said: None,
            substitute: None,
        };
        match verdict(&reply.body).unwrap_or(refused) {
            Verdict::Granted => Ok(self.service.to_owned()),
            Verdict::Elsewhere(place) => Ok(place
                .trim_end_matches("/info.json")
                .trim_end_matches('/')
                .to_owned()),
            Verdict::Refused {
                status,
                said,
                substitute,
            } => {
                let said = said.unwrap_or_else(|| "not allowed".into());
                let substitute = substitute
                    .map(|s| format!("; the substitute offered is not the image requested: {s}"))
                    .unwrap_or_default();
                let error = Error::forbidden(format!("{said}{substitute}")).with_status(status);
                Err(with_login(self.client, self.service, gate, error))
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
    let Some(gate) = admission.gate.as_ref().filter(|gate| gate.version == 1) else {
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
            Err(substitute(client, service, gate, &other))
        }
    }
}

/// The error of a substitute that was answered in place of the image requested.
pub fn substitute(client: &Client, service: &str, gate: &Gate, other: &str) -> Error {
    let what = format!("a substitute was answered, which is not the image requested: {other}");
    let error = Error::forbidden(what).with_status(200);
    with_login(client, service, gate, error)
}

/// An error of a service that needs a login, with how to log in.
pub fn with_login(client: &Client, service: &str, gate: &Gate, error: Error) -> Error {
    let host = authorization::host_of(service).unwrap_or_default();
    let has_credentials = client.identifies_user(service)
        || gate
            .probe
            .as_ref()
            .is_some_and(|probe| client.identifies_user(probe));
    Error {
        message: format!("{}; {}", error.message, gate.words(host, has_credentials)),
        ..error
    }
}

fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}
