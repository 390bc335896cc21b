//! Whether a public host allows a request: its robots.txt, its opt-outs from mining, and the limit for clients that do
//! not say who they are. What a host declares is fetched once, by whoever asks for permission.

use url::{Position, Url};

use super::error::{Error, Kind};
use super::hosts::Host;
use super::opt_out::{self, Reservations};
use super::options::Options;
use super::request::Request;
use super::retry::{FailedAttempt, LONGEST_WAIT};
use super::robots::Robots;

/// The most bytes read of a file in which a host declares its rules (RFC 9309 §2.5 asks for at least 500 KiB of
/// robots.txt).
pub const MAX_BYTES: usize = 512 << 10;

/// Requests to one host after which it must be told who asks.
const MAX_ANONYMOUS: u64 = 100;

/// Whether robots.txt allows a request, and the host may be asked without `--contact`. `fetch` gets a file of the host by
/// its path, up to [`MAX_BYTES`].
///
/// # Errors
/// Of kind `robots` if it is not allowed; those of `fetch` if robots.txt cannot be fetched.
pub async fn check_robots(
    options: &Options,
    host: &Host,
    url: &Url,
    fetch: impl AsyncFn(&str) -> Result<Vec<u8>, FailedAttempt>,
) -> Result<(), FailedAttempt> {
    if !host.is_public {
        return Ok(());
    }
    check_contact(options, host);
    if options.ignore_robots {
        return Ok(());
    }
    let read = async || {
        let robots = robots_of(fetch("/robots.txt").await)?;
        match robots.delay {
            Some(delay) if delay > LONGEST_WAIT.as_secs_f64() => {
                let why = format!(
                    "its robots.txt asks for {delay:.0} s between requests (Crawl-delay), more than the {} s that are waited; --ignore-robots does not wait",
                    LONGEST_WAIT.as_secs()
                );
                host.pacing().stop(Kind::Robots, why);
            }
            Some(delay) => host.pacing().slow_to(1.0 / delay),
            None => {}
        }
        Ok::<_, FailedAttempt>(robots)
    };
    let robots = host.robots.get_or_try_init(read).await?;
    if robots.allows(path_of(url)) {
        return Ok(());
    }
    let name = url.host_str().unwrap_or_default();
    let why = match robots.unread {
        None => format!("robots.txt of {name} does not allow it"),
        // RFC 9309 §2.3.1.4: a robots.txt that a server fails to give forbids everything.
        Some(status) => {
            format!(
                "robots.txt of {name} could not be read (HTTP {status}), which counts as not allowed"
            )
        }
    };
    let message = format!("{why}; --ignore-robots sends the request anyway");
    // That one is for now, and may be given in another run.
    Err(match robots.unread {
        None => Error::robots(message).into(),
        Some(status) => {
            let unread = Error {
                kind: Error::of_status(status).kind,
                ..Error::robots(message)
            };
            FailedAttempt::from(unread).at_most(0)
        }
    })
}

/// Gives up a public host that has received enough requests from a client that does not say who it is. Asked before each
/// request is sent, so that those that wait for their turn together do not all go.
pub fn check_contact(options: &Options, host: &Host) {
    if host.is_public && options.contact.is_none() && host.requests_so_far() >= MAX_ANONYMOUS {
        let why = format!(
            "it received {MAX_ANONYMOUS} requests without a contact address; give --contact EMAIL"
        );
        host.pacing().stop(Kind::Forbidden, why);
    }
}

/// A robots.txt that is missing allows everything; one that a server in trouble does not give forbids everything.
fn robots_of(answer: Result<Vec<u8>, FailedAttempt>) -> Result<Robots, FailedAttempt> {
    match answer {
        // In the encoding that a byte-order mark names, else UTF-8 (RFC 9309 §2.2).
        Ok(text) => Ok(Robots::read(&encoding_rs::UTF_8.decode(&text).0, "recto")),
        Err(failed) => match failed.error.status {
            Some(status @ (429 | 500..)) => Ok(Robots::forbidding(status)),
            Some(_) => Ok(Robots::default()),
            None => Err(failed),
        },
    }
}

/// Whether the host opts out of mining for an image, in its tdmrep.json. `fetch` as in [`check_robots`].
///
/// # Errors
/// Of kind `reserved` if it does, without `--ignore-opt-out`; those of `fetch`.
pub async fn check_reservations(
    options: &Options,
    host: &Host,
    url: &Url,
    request: &Request,
    fetch: impl AsyncFn(&str) -> Result<Vec<u8>, FailedAttempt>,
) -> Result<(), FailedAttempt> {
    // Documents are read to find images, not to be mined.
    if !host.is_public || !request.identity {
        return Ok(());
    }
    let read = async || match fetch(opt_out::PATH).await {
        Ok(text) => Ok(Reservations::read(&text)),
        Err(failed) if failed.error.status.is_some() => Ok(Reservations::default()),
        Err(failed) => Err(failed),
    };
    let reservations = host.reservations.get_or_try_init(read).await?;
    match reservations.reserve(path_of(url)) {
        false => Ok(()),
        true => opted_out(options, request, format!("{} of its host", opt_out::PATH))
            .map_err(FailedAttempt::from),
    }
}

/// What follows from an opt-out: an error, or a note with `--ignore-opt-out`.
///
/// # Errors
/// Of kind `reserved`.
pub fn opted_out(options: &Options, request: &Request, declared: String) -> Result<(), Error> {
    match options.ignore_opt_out {
        true => {
            request.log.ignore_opt_out(declared);
            Ok(())
        }
        false => Err(Error::reserved(&declared)),
    }
}

fn path_of(url: &Url) -> &str {
    &url[Position::BeforePath..Position::AfterQuery]
}
