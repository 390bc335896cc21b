//! One request, redirects included: a place and a turn, permission, the answer's head.

use std::error::Error as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use futures::StreamExt;
use reqwest::header::HeaderMap;
use url::{Host as Name, Url};

use super::host::Turn;
use super::trouble::{Next, after, refusal, reservation, retry_after, time_there, used_up};
use super::{
    ANONYMOUS, Ask, Attempt, Host, Http, Kind, Reservations, Robots, Trouble, lock, reservations,
};

/// An answer whose body is still to come.
pub(super) struct Open {
    pub response: reqwest::Response,
    pub host: Arc<Host>,
    /// Where it came from in the end, as the world knows it.
    pub url: String,
    /// Whether the body was encoded on the way, so that its parts are no parts of the file.
    pub was_encoded: bool,
    pub _slot: Slot,
}

/// A place among the requests in flight to a host.
pub(super) struct Slot(Arc<Host>);

impl Drop for Slot {
    fn drop(&mut self) {
        lock(&self.0.state).left();
        self.0.freed.notify_one();
    }
}

/// A request that waits for its first turn.
struct First<'a>(&'a Host);

impl<'a> First<'a> {
    fn of(host: &'a Host) -> Self {
        lock(&host.state).came();
        First(host)
    }
}

impl Drop for First<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).went();
    }
}

/// Redirects followed.
const MOST_HOPS: usize = 5;
/// A robots.txt is read up to here (RFC 9309 §2.5 asks for at least 500 KiB).
const ROBOTS_BYTES: usize = 512 << 10;

impl Http {
    /// Asks, and hands over an answer whose status is 2xx, 304, or 416 to a request for a part.
    pub(super) async fn open(
        &self,
        ask: &Ask,
        conditions: HeaderMap,
        again: bool,
    ) -> Result<Open, Attempt> {
        let opened = self.follow(ask, conditions, again, true).await?;
        // Some servers encode what they were asked to send as it is.
        if ask.identity && is_encoded(&opened.response) {
            let decoding = Ask {
                identity: false,
                ..ask.clone()
            };
            drop(opened);
            let opened = self.follow(&decoding, HeaderMap::new(), true, true).await?;
            return Ok(Open {
                was_encoded: true,
                ..opened
            });
        }
        Ok(opened)
    }

    async fn follow(
        &self,
        ask: &Ask,
        conditions: HeaderMap,
        again: bool,
        with_permission: bool,
    ) -> Result<Open, Attempt> {
        let first = self.resolve(&ask.url)?;
        let (mut published, mut url, mut as_get) = (ask.url.clone(), first.clone(), false);
        for hop in 0..=MOST_HOPS {
            let host = self.host(&url);
            let strays = ask.strays || !is_same_host(&first, &url);
            if with_permission {
                self.permit(&host, &url, strays).await?;
                self.look_for_reservation(ask, &host, &url, strays).await?;
            }
            let slot = self.slot(&host, again && hop == 0).await?;
            ask.count.add_one();
            let start = Instant::now();
            let body = ask.body.as_ref().filter(|_| !as_get);
            // What was meant for an encrypted connection is not said on an open one.
            let is_open = first.scheme() == "https" && url.scheme() != "https";
            let request = self.request(ask, &url, body, [!is_open, !strays]);
            let request = request.headers(conditions.clone());
            let response = request.send().await;
            let response = response.map_err(|e| self.no_connection(&host, &url, &e))?;
            let status = response.status().as_u16();
            let latency = start.elapsed();
            let now = time_there(response.headers(), SystemTime::now());
            let wait = retry_after(response.headers(), now);
            self.note(&host, status, latency, wait, response.headers());
            match redirect(&response) {
                Some(location) => {
                    (published, url) = self.target(&first, &url, location).await?;
                    as_get |= status < 307;
                    drop(slot);
                }
                None if is_answer(status, &conditions) || is_wanted_refusal(ask, status) => {
                    self.respect(ask, response.headers())?;
                    return Ok(Open {
                        response,
                        host,
                        url: published,
                        was_encoded: false,
                        _slot: slot,
                    });
                }
                None => {
                    return Err(Attempt {
                        retry_after: wait,
                        ..refusal(status).into()
                    });
                }
            }
        }
        let message = format!("redirected more than {MOST_HOPS} times");
        // It may have been a slip; more often it is what the server does.
        Err(Attempt::from(refused(Kind::Network, message)).at_most(1))
    }

    fn request(
        &self,
        ask: &Ask,
        url: &Url,
        body: Option<&String>,
        [with_secrets, with_all]: [bool; 2],
    ) -> reqwest::RequestBuilder {
        let client = if ask.identity {
            &self.images
        } else {
            &self.documents
        };
        let mut request = match body {
            None => client.get(url.clone()),
            Some(json) => {
                let post = client.post(url.clone());
                post.header("content-type", "application/json")
                    .body(json.clone())
            }
        };
        if let Some(accept) = ask.accept {
            request = request.header("accept", accept);
        }
        if ask.identity {
            request = request.header("accept-encoding", "identity");
        }
        let host = url.host_str().unwrap_or_default();
        let mut given = match with_all {
            true => self.secrets.for_all.clone(),
            false => HeaderMap::new(),
        };
        if with_secrets {
            let meant = self.secrets.meant_for(host, url.port_or_known_default());
            for (name, value) in meant {
                given.append(name, value.clone());
            }
        }
        request.headers(given).headers(ask.headers.clone())
    }

    /// Tells the host's manners what was met.
    fn note(
        &self,
        host: &Host,
        status: u16,
        latency: Duration,
        wait: Option<Duration>,
        headers: &HeaderMap,
    ) {
        let now = Instant::now();
        let mut state = lock(&host.state);
        state.tally.answered_after(latency);
        state.answered(now, status, wait, self.pause());
        if status < 400 {
            state.was_quick(latency);
        }
        if let Some(wait) = used_up(headers, time_there(headers, SystemTime::now())) {
            state.rest(now, wait);
        }
    }

    /// Waits for a place and a turn.
    async fn slot(&self, host: &Arc<Host>, again: bool) -> Result<Slot, Attempt> {
        let start = Instant::now();
        let mut quiet = Duration::ZERO;
        let _first = (!again).then(|| First::of(host));
        loop {
            if let Some(trouble) = self.over_budget() {
                host.freed.notify_one();
                return Err(trouble.into());
            }
            let freed = host.freed.notified();
            let turn = match again {
                true => lock(&host.state).turn_again(Instant::now()),
                false => lock(&host.state).turn(Instant::now()),
            };
            match turn {
                Turn::Go => break,
                Turn::Wait(until) => {
                    let now = Instant::now();
                    if lock(&host.state).is_quiet(now) {
                        quiet += until.saturating_duration_since(now);
                    }
                    // Handed on first: who is dropped while asleep would take the wake-up along.
                    host.freed.notify_one();
                    tokio::time::sleep_until(until.into()).await;
                }
                Turn::Full => freed.await,
                Turn::Never(trouble) => {
                    host.freed.notify_one();
                    return Err(Attempt::from(trouble).at_most(0));
                }
            }
        }
        // The window may have grown: another may go too.
        host.freed.notify_one();
        self.spent.requests.fetch_add(1, Ordering::Relaxed);
        let mut state = lock(&host.state);
        state.tally.retries += u64::from(again);
        state.tally.quiet += quiet;
        state.tally.waited += start.elapsed().saturating_sub(quiet);
        Ok(Slot(host.clone()))
    }

    /// Whether the host wants to be asked this: robots.txt, and a name to turn to.
    async fn permit(&self, host: &Arc<Host>, url: &Url, strays: bool) -> Result<(), Attempt> {
        if !host.is_public {
            return Ok(());
        }
        let asked = host.unsigned + lock(&host.state).tally.requests;
        if self.options.contact.is_none() && asked >= ANONYMOUS {
            let why = format!(
                "{ANONYMOUS} requests are enough from somebody unknown; give --contact EMAIL"
            );
            lock(&host.state).close(Kind::Forbidden, why);
        }
        if self.options.ignore_robots {
            return Ok(());
        }
        let robots = host
            .robots
            .get_or_try_init(|| self.robots(host, url, strays))
            .await?;
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        match robots.allows(path) {
            true => Ok(()),
            false => {
                let name = url.host_str().unwrap_or_default();
                let why = match robots.unread {
                    None => format!("robots.txt of {name} forbids it"),
                    Some(status) => format!(
                        "robots.txt of {name} cannot be had (HTTP {status}), which is taken for a no"
                    ),
                };
                let message = format!("{why}; --ignore-robots asks all the same");
                Err(refused(Kind::Robots, message).into())
            }
        }
    }

    async fn robots(&self, host: &Arc<Host>, url: &Url, strays: bool) -> Result<Robots, Attempt> {
        let ask = Ask {
            url: url
                .join("/robots.txt")
                .map_or_else(|_| String::new(), String::from),
            most: ROBOTS_BYTES as u64,
            strays,
            ..Ask::default()
        };
        let robots = match self.asked_of_host(&ask).await {
            Ok(opened) => {
                let text = start_of(opened).await;
                Robots::read(&String::from_utf8_lossy(&text), "recto")
            }
            Err(failed) => match failed.trouble.status {
                Some(status @ (429 | 500..)) => Robots::forbidding(status),
                Some(_) => Robots::default(),
                None => return Err(failed),
            },
        };
        if let Some(delay) = robots.delay {
            lock(&host.state).slower(1.0 / delay);
        }
        Ok(robots)
    }

    /// Whether the host says in one place which of its pictures are reserved.
    async fn look_for_reservation(
        &self,
        ask: &Ask,
        host: &Arc<Host>,
        url: &Url,
        strays: bool,
    ) -> Result<(), Attempt> {
        if !host.is_public || !ask.identity {
            return Ok(());
        }
        let read = || self.reservations(url, strays);
        let reservations = host.reservations.get_or_try_init(read).await?;
        if !reservations.reserve(&url[url::Position::BeforePath..url::Position::AfterQuery]) {
            return Ok(());
        }
        let said = format!("{} of its host", reservations::PATH);
        match self.options.ignore_opt_out {
            true => {
                ask.count.overrode(said);
                Ok(())
            }
            false => Err(reserved(&said).into()),
        }
    }

    /// What the host says; one that does not say it reserves nothing by it.
    async fn reservations(&self, url: &Url, strays: bool) -> Result<Reservations, Attempt> {
        let place = url.join(reservations::PATH);
        let ask = Ask {
            url: place.map_or_else(|_| String::new(), String::from),
            most: ROBOTS_BYTES as u64,
            strays,
            ..Ask::default()
        };
        match self.asked_of_host(&ask).await {
            Ok(opened) => Ok(Reservations::read(&start_of(opened).await)),
            Err(failed) if failed.trouble.status.is_some() => Ok(Reservations::default()),
            Err(failed) => Err(failed),
        }
    }

    /// The answer to a request for what a host says of itself. A server in trouble is asked again, as for a picture; one
    /// that cannot be reached is asked again with what waits for it.
    async fn asked_of_host(&self, ask: &Ask) -> Result<Open, Attempt> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            // Boxed: what asks needs permission, and permission asks.
            let opened = Box::pin(self.follow(ask, HeaderMap::new(), attempt > 1, false)).await;
            let failed = match opened {
                Err(failed) if failed.trouble.status.is_some() => failed,
                outcome => return outcome,
            };
            let (kind, wait) = (failed.trouble.kind, failed.retry_after);
            match after(kind, wait, attempt, self.options.retries, self.pause()) {
                Next::GiveUp => return Err(failed),
                Next::Retry(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// Where a redirect leads: as the world knows it, and as it is asked.
    async fn target(
        &self,
        first: &Url,
        from: &Url,
        location: &str,
    ) -> Result<(String, Url), Trouble> {
        let published = from.join(location).map_err(|e| {
            refused(
                Kind::Network,
                format!("redirected to what is no address ({e}): {location}"),
            )
        })?;
        let target = self.resolve(published.as_str())?;
        let strays = is_public(first) && !self.options.allow_private;
        if strays && (!is_public(&target) || leads_home(&target).await) {
            let message = format!(
                "redirected from a public address to a private one: {target}; --allow-private follows"
            );
            return Err(refused(Kind::Unsupported, message));
        }
        Ok((published.into(), target))
    }

    /// Whether a picture may be kept.
    fn respect(&self, ask: &Ask, headers: &HeaderMap) -> Result<(), Trouble> {
        match reservation(headers).filter(|_| ask.identity) {
            None => Ok(()),
            Some(said) if self.options.ignore_opt_out => {
                ask.count.overrode(said);
                Ok(())
            }
            Some(said) => Err(reserved(&said)),
        }
    }

    fn no_connection(&self, host: &Host, url: &Url, e: &reqwest::Error) -> Trouble {
        let causes: Vec<_> = std::iter::successors(e.source(), |&cause| cause.source()).collect();
        let name = url.host_str().unwrap_or_default();
        let cause = causes.last().map(|c| format!(": {c}")).unwrap_or_default();
        let (kind, message) = match e {
            _ if causes.iter().any(|cause| is_about_a_certificate(*cause)) => (
                Kind::Certificate,
                format!("{name} cannot be trusted{cause}"),
            ),
            e if e.is_timeout() => (
                Kind::Timeout,
                format!("{name} did not answer within {} s", self.options.timeout),
            ),
            e if e.is_connect() => (Kind::Network, format!("{name} cannot be reached{cause}")),
            _ => (Kind::Network, format!("{name} broke off{cause}")),
        };
        let mut state = lock(&host.state);
        if e.is_connect() {
            let nowhere = causes
                .iter()
                .any(|cause| cause.to_string().contains("dns error"));
            state.not_reached(Instant::now(), self.pause(), nowhere);
        } else if kind == Kind::Timeout {
            state.timed_out();
        }
        refused(kind, message)
    }
}

/// A body, as far as it is read.
async fn start_of(opened: Open) -> Vec<u8> {
    let mut text = Vec::new();
    let mut body = opened.response.bytes_stream();
    while let Some(Ok(chunk)) = body.next().await {
        text.extend_from_slice(&chunk);
        if text.len() >= ROBOTS_BYTES {
            break;
        }
    }
    text
}

fn reserved(said: &str) -> Trouble {
    let message = format!("its owner reserves it ({said}); --ignore-opt-out keeps it all the same");
    refused(Kind::Reserved, message)
}

fn refused(kind: Kind, message: String) -> Trouble {
    Trouble {
        kind,
        status: None,
        attempts: 0,
        message,
    }
}

/// Whether two addresses are of one host, be it open or encrypted.
fn is_same_host(a: &Url, b: &Url) -> bool {
    let port = |url: &Url| {
        url.port_or_known_default()
            .map(|port| if port == 443 { 80 } else { port })
    };
    a.host_str() == b.host_str() && port(a) == port(b)
}

fn is_answer(status: u16, conditions: &HeaderMap) -> bool {
    (200..300).contains(&status)
        || status == 304
        || (status == 416 && conditions.contains_key("range"))
}

fn is_wanted_refusal(ask: &Ask, status: u16) -> bool {
    ask.refusals && matches!(status, 401 | 403)
}

fn redirect(response: &reqwest::Response) -> Option<&str> {
    let is_one = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get("location").filter(|_| is_one)?;
    std::str::from_utf8(location.as_bytes()).ok()
}

fn is_encoded(response: &reqwest::Response) -> bool {
    let encoding = response.headers().get("content-encoding");
    encoding.is_some_and(|e| !e.is_empty() && e != "identity")
}

/// Whether an address is one of the public web: no address of this machine or of a private network, no bare name.
pub(super) fn is_public(url: &Url) -> bool {
    match url.host() {
        Some(Name::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            const HOME: [&str; 5] = [".localhost", ".local", ".internal", ".test", ".example"];
            name.contains('.') && !HOME.iter().any(|end| name.ends_with(end))
        }
        Some(Name::Ipv4(ip)) => is_public_ip(ip.into()),
        Some(Name::Ipv6(ip)) => is_public_ip(ip.into()),
        None => false,
    }
}

fn is_public_ip(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let shared = a == 100 && (64..128).contains(&b);
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_broadcast()
                || shared)
        }
        // NAT64 (RFC 6052): an address of version 4 in the last four bytes.
        IpAddr::V6(ip) if ip.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0] => {
            let [.., a, b, c, d] = ip.octets();
            is_public_ip(IpAddr::from([a, b, c, d]))
        }
        IpAddr::V6(ip) => {
            !(ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local())
        }
    }
}

/// Whether a public name stands for a private address.
async fn leads_home(url: &Url) -> bool {
    let (Some(Name::Domain(name)), Some(port)) = (url.host(), url.port_or_known_default()) else {
        return false;
    };
    const PATIENCE: Duration = Duration::from_secs(10);
    let found = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((name, port))).await;
    match found {
        Ok(Ok(mut addresses)) => addresses.any(|address| !is_public_ip(address.ip())),
        // It will not be reached either.
        _ => false,
    }
}

fn is_about_a_certificate(cause: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(tls) = cause.downcast_ref() {
        return matches!(tls, rustls::Error::InvalidCertificate(_));
    }
    // What an I/O error wraps is not among its sources.
    let wrapped = cause.downcast_ref().and_then(std::io::Error::get_ref);
    wrapped.is_some_and(|cause| is_about_a_certificate(cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_are_told_from_those_at_home() {
        let cases = [
            ("https://iiif.archive.org/x", true),
            ("http://8.8.8.8/", true),
            ("http://[2001:4860::8]/", true),
            ("http://127.0.0.1:8080/", false),
            ("http://localhost/", false),
            ("http://nas/", false),
            ("http://nas.local./", false),
            ("http://10.1.2.3/", false),
            ("http://169.254.169.254/", false),
            ("http://100.64.0.1/", false),
            ("http://[::1]/", false),
            ("http://[::ffff:10.0.0.1]/", false),
            ("http://[fe80::1]/", false),
            ("http://[64:ff9b::7f00:1]/", false),
            ("http://[64:ff9b::808:808]/", true),
            ("http://2130706433/", false),
        ];
        for (url, wanted) in cases {
            assert_eq!(is_public(&Url::parse(url).unwrap()), wanted, "{url}");
        }
    }
}
