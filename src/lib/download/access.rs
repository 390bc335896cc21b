//! What an image service is, and whether it lets us in: `info.json`, and the probe service that it names.
//!
//! A lesser picture that a server gives to those who are not let in is never taken for the one asked for.

use serde_json::Value;

use super::hosts::Memory;
use crate::http::{Ask, Count, Http, Kind, Reply, Trouble};
use crate::iiif;
use crate::iiif::authorization::{AccessControl, ProbeResult};
use crate::iiif::info::Info;

/// A service that lets us in, as far as it says itself.
#[derive(Clone, Debug)]
pub struct Admission {
    /// What it is.
    pub info: Info,
    /// The service to ask for pictures: the one asked for, or the one that a probe service leads to.
    pub base: String,
    /// What stands before it.
    pub gate: Option<AccessControl>,
}

/// What a service is, asked once.
pub async fn admission(
    http: &Http,
    memory: &Memory,
    service: &str,
    attempts: &Count,
) -> Result<Admission, Trouble> {
    let cell = memory.info_cell(service);
    cell.get_or_init(|| ask(http, service, attempts))
        .await
        .clone()
}

/// Asks a service.
async fn ask(http: &Http, service: &str, attempts: &Count) -> Result<Admission, Trouble> {
    let (reply, info) = info_of(http, service, attempts).await?;
    let json: Value = serde_json::from_slice(bare(&reply.body)).unwrap_or_default();
    let open = |info, gate| Admission {
        info,
        base: service.to_owned(),
        gate,
    };
    let gate = AccessControl::of(&json);
    match (info, gate) {
        (Some(info), None) => Ok(open(info, None)),
        (None, None) => {
            let what = format!("info.json: not allowed (HTTP {})", reply.status);
            Err(forbidden(reply.status, what))
        }
        (None, Some(gate)) if gate.probe.is_none() => {
            let trouble = forbidden(reply.status, "not allowed".into());
            Err(barred(http, service, &gate, trouble))
        }
        (Some(info), Some(gate)) if gate.version == 1 => {
            let named = json["id"].as_str().or_else(|| json["@id"].as_str());
            let others = [Some(&*reply.url), named].into_iter().flatten();
            match others
                .into_iter()
                .find(|other| iiif::is_other_service(service, other))
            {
                Some(other) => Err(lesser(http, service, &gate, other)),
                None => Ok(open(info, Some(gate))),
            }
        }
        (info, Some(gate)) => {
            let base = probe(http, service, &gate, attempts).await?;
            let info = match (base == service, info) {
                (true, Some(info)) => info,
                (_, known) => stand_in(http, &base, known, attempts).await?,
            };
            Ok(Admission {
                info,
                base,
                gate: Some(gate),
            })
        }
    }
}

/// `info.json`; none where it is refused with a document that may say how to be let in.
async fn info_of(
    http: &Http,
    service: &str,
    attempts: &Count,
) -> Result<(Reply, Option<Info>), Trouble> {
    let ask = Ask {
        refusals: true,
        ..Ask::document(iiif::info_uri(service)).counted(attempts)
    };
    let is_refused = |reply: &Reply| matches!(reply.status, 401 | 403);
    let check = async |reply: &Reply| match is_refused(reply) {
        true => Ok(()),
        false => Info::parse(&reply.body)
            .map(drop)
            .map_err(|e| (Kind::Info, e.to_string())),
    };
    let reply = http.get_checked(&ask, check).await;
    let reply = reply.map_err(|trouble| of("info.json", trouble))?;
    let info = (!is_refused(&reply)).then(|| Info::parse(&reply.body));
    let info = info.map(|info| info.map_err(|e| trouble(Kind::Info, reply.status, e.to_string())));
    Ok((reply, info.transpose()?))
}

/// Asks the probe service; gives the service that is open to us.
async fn probe(
    http: &Http,
    service: &str,
    gate: &AccessControl,
    attempts: &Count,
) -> Result<String, Trouble> {
    let probe = gate.probe.clone().unwrap_or_default();
    // The result says what is refused; some servers say it by the status of the answer as well.
    let ask = Ask {
        refusals: true,
        ..Ask::document(&probe).counted(attempts)
    };
    let check = async |reply: &Reply| match ProbeResult::parse(&reply.body) {
        Err(e) if reply.status < 400 => Err((Kind::Info, e.to_string())),
        _ => Ok(()),
    };
    let reply = http.get_checked(&ask, check).await;
    let reply = reply.map_err(|trouble| of(&format!("probe service {probe}"), trouble))?;
    let refused = ProbeResult::Refused {
        status: reply.status,
        message: None,
        substitute: None,
    };
    match ProbeResult::parse(&reply.body).unwrap_or(refused) {
        ProbeResult::Granted => Ok(service.to_owned()),
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
                .map(|s| format!("; the lesser picture offered is not taken for it: {s}"))
                .unwrap_or_default();
            let refused = forbidden(status, format!("{message}{substitute}"));
            Err(barred(http, service, gate, refused))
        }
    }
}

/// The service that a probe service leads to; it must have the same image.
async fn stand_in(
    http: &Http,
    base: &str,
    known: Option<Info>,
    attempts: &Count,
) -> Result<Info, Trouble> {
    let (reply, info) = info_of(http, base, attempts).await?;
    let info = info.ok_or_else(|| {
        forbidden(
            reply.status,
            format!("not allowed where the probe service leads: {base}"),
        )
    })?;
    match known.filter(|known| [known.width, known.height] != [info.width, info.height]) {
        None => Ok(info),
        Some(known) => Err(forbidden(
            200,
            format!(
                "the probe service leads to a picture of {} x {}, the one asked for has {} x {}: {base}",
                info.width, info.height, known.width, known.height
            ),
        )),
    }
}

/// Whether what is behind a door of version 1 is as large as the source declares it.
pub fn is_whole(
    http: &Http,
    admission: &Admission,
    service: &str,
    declared: Option<[u32; 2]>,
) -> Result<(), Trouble> {
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
            Err(lesser(http, service, gate, &other))
        }
    }
}

/// A lesser picture was answered in place of the one asked for.
pub fn lesser(http: &Http, service: &str, gate: &AccessControl, other: &str) -> Trouble {
    let what = format!("a lesser picture is answered, and not taken for it: {other}");
    barred(http, service, gate, forbidden(200, what))
}

/// Trouble at a door, with the way in.
pub fn barred(http: &Http, service: &str, gate: &AccessControl, trouble: Trouble) -> Trouble {
    let probe = gate.probe.as_deref();
    let sends_credentials = http.tells(service) || probe.is_some_and(|probe| http.tells(probe));
    let how = how_to_authorize(service, gate, sends_credentials);
    Trouble {
        message: format!("{}; {how}", trouble.message),
        ..trouble
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

fn of(what: &str, mut trouble: Trouble) -> Trouble {
    trouble.message = format!("{what}: {}", trouble.message);
    trouble
}

fn forbidden(status: u16, message: String) -> Trouble {
    trouble(Kind::Forbidden, status, message)
}

fn trouble(kind: Kind, status: u16, message: String) -> Trouble {
    Trouble {
        kind,
        status: Some(status),
        attempts: 0,
        message,
    }
}

fn bare(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}
