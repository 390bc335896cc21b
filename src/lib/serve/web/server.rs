//! The server: it listens, serves connections within their limits, and stops gracefully.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::access_log::AccessLog;
use super::connections::{Connection, Connections};
use super::listen::ListenAddress;
use super::message::Response;
use super::packed::Unpacked;
use super::router::Router;
use super::stall::StallTimeout;
use crate::error::Error;

/// How long answers may take to be sent after the server was asked to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a new connection may be idle although others need its place. Requests mostly arrive together with their
/// connection, and connections that the system holds back wait this long for each place.
const GRACE: Duration = Duration::from_millis(50);
/// The longest head of a request, in bytes.
const MOST_HEAD: usize = 64 << 10;
/// The number of connections that the system may hold until they are accepted; its own limit may be lower. Clients beyond
/// it try again after a second.
const BACKLOG: u32 = 4096;

/// A message whose body is whole, or is unpacked while it is sent.
type Message = hyper::Response<Either<Full<Bytes>, Unpacked>>;

/// How connections are treated.
#[derive(Debug)]
pub struct ServerSettings {
    /// How long a client may neither send nor receive anything.
    pub client_timeout: Duration,
    /// The most open connections; for more, those are closed that have been idle for longest.
    pub most_connections: usize,
    /// Where every answer is logged.
    pub access_log: Option<Arc<AccessLog>>,
}

/// The most requests that a client may send at once over one connection with HTTP/2.
const MOST_STREAMS: u32 = 100;

/// Sockets that listen. Clients can connect from now on, and are answered once it runs.
#[derive(Debug)]
pub struct Server {
    listeners: Vec<TcpListener>,
    address: SocketAddr,
}

impl Server {
    /// Listens at the addresses of a host, such as `localhost:8080`; port 0 stands for any free port. Call it within a Tokio
    /// runtime.
    ///
    /// # Errors
    /// An address is in use or not available.
    pub fn bind(listen: &ListenAddress) -> Result<Self, Error> {
        let mut listeners: Vec<TcpListener> = Vec::new();
        let mut first: Option<SocketAddr> = None;
        for address in listen.addresses() {
            // All of them have the port of the first.
            let port = first.map_or(address.port(), |first| first.port());
            let address = SocketAddr::new(address.ip(), port);
            match listener(address) {
                Ok(listener) => {
                    let bound = listener
                        .local_addr()
                        .map_err(|e| cannot_listen(address, e))?;
                    first.get_or_insert(bound);
                    listeners.push(listener);
                }
                // A name may have an address of a family that the system does not use.
                Err(_) if first.is_some() => {}
                Err(e) => return Err(cannot_listen(address, e)),
            }
        }
        let address = first.ok_or_else(|| Error::new("there is no address to listen at"))?;
        Ok(Server { listeners, address })
    }

    /// The address it listens at.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` completes, and then until all answers have been sent, but no longer than ten seconds.
    pub async fn run(
        self,
        router: Router,
        settings: ServerSettings,
        stop: impl Future<Output = ()>,
    ) {
        let shared = Arc::new(Shared { router, settings });
        let connections = Connections::new(shared.settings.most_connections, GRACE);
        let graceful = GracefulShutdown::new();
        tokio::pin!(stop);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut stop => break,
                accepted = accept(&self.listeners, &connections) => accepted,
            };
            if let Some((stream, client, connection)) = accepted {
                serve(&shared, stream, client, connection, &graceful);
            }
        }
        drop(self.listeners);
        // Clients that never finish reading must not keep it from stopping.
        let _ = tokio::time::timeout(STOP_TIMEOUT, graceful.shutdown()).await;
        shared.router.renderer.cache.settle().await;
        if let Some(log) = shared.settings.access_log.clone() {
            // It waits no longer than a second.
            let _ = tokio::task::spawn_blocking(move || log.settle()).await;
        }
    }
}

fn cannot_listen(address: SocketAddr, e: std::io::Error) -> Error {
    let in_use = e.kind() == std::io::ErrorKind::AddrInUse;
    let error = Error::new(format!("{address}: cannot listen there")).because(e);
    match in_use {
        true => error.hint("--listen 127.0.0.1:0 takes any free port"),
        false => error,
    }
}

fn listener(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address.is_ipv4() {
        true => TcpSocket::new_v4(),
        false => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A new connection; none if it could not be accepted.
async fn accept(
    listeners: &[TcpListener],
    connections: &Arc<Connections>,
) -> Option<(TcpStream, SocketAddr, Arc<Connection>)> {
    let any = listeners.iter().map(|listener| Box::pin(listener.accept()));
    match futures::future::select_all(any).await.0 {
        Ok((stream, client)) => Some((stream, client, connections.admit().await?)),
        Err(_) => {
            // Out of file descriptors, most likely. If no connection can be closed now, some will end by themselves.
            let _ = connections.close_idlest();
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

/// What all connections share.
struct Shared {
    router: Router,
    settings: ServerSettings,
}

/// Serves a connection in the background.
fn serve(
    shared: &Arc<Shared>,
    stream: TcpStream,
    client: SocketAddr,
    connection: Arc<Connection>,
    graceful: &GracefulShutdown,
) {
    // Answers are written as a whole: waiting to fill a packet would only delay their end.
    let _ = stream.set_nodelay(true);
    let timeout = shared.settings.client_timeout;
    let stream = StallTimeout::new(stream, timeout, connection.clone());
    let answer = {
        let (shared, connection) = (shared.clone(), connection.clone());
        service_fn(move |request| {
            let (shared, connection) = (shared.clone(), connection.clone());
            async move {
                connection.begin_request();
                let message = shared.answer(request, client, &connection).await;
                connection.end_request();
                Ok::<_, Infallible>(message)
            }
        })
    };
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(timeout)
        .max_buf_size(MOST_HEAD);
    // Proxies that end TLS may speak HTTP/2 to the servers behind them.
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(MOST_HEAD as u32);
    let http = http.serve_connection(TokioIo::new(stream), answer);
    let http = graceful.watch(http.into_owned());
    let shared = shared.clone();
    tokio::spawn(async move {
        let open = &shared.router.renderer.metrics.connections;
        open.inc();
        tokio::select! {
            // A client that breaks off is not an error of the server.
            _ = http => {}
            () = connection.closed() => {}
        }
        open.dec();
    });
}

impl Shared {
    async fn answer(
        &self,
        request: hyper::Request<Incoming>,
        client: SocketAddr,
        connection: &Connection,
    ) -> Message {
        let begun = Instant::now();
        let (mut head, body) = request.into_parts();
        let (response, bytes) = self.router.answer(&mut head, body, client.ip()).await;
        let is_head = head.method == Method::HEAD;
        let length = response.unpacked_length().unwrap_or(bytes.len() as u64);
        let sent = if is_head { 0 } else { length };
        let took = begun.elapsed();
        let metrics = &self.router.renderer.metrics;
        metrics.answered(response.status, sent, took);
        if let Some(log) = &self.settings.access_log {
            let client = self.router.forwarded(&head.headers, client.ip()).client;
            log.write(&head, client, response.status, sent, took);
        }
        // Until the client has received them, the bytes count towards the memory of answers.
        let memory = &self.router.renderer.memory;
        let bytes = match is_head {
            true => bytes,
            false => memory.sending(bytes, connection.closer()),
        };
        message(&response, bytes, is_head)
    }
}

fn message(response: &Response, bytes: Bytes, is_head: bool) -> Message {
    let length = response.unpacked_length().unwrap_or(bytes.len() as u64);
    let mut message = Message::new(match response.unpacked_length() {
        _ if is_head => Either::Left(Full::default()),
        Some(length) => Either::Right(Unpacked::new(bytes, length)),
        None => Either::Left(Full::new(bytes)),
    });
    *message.status_mut() =
        StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = message.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(
            "accept-ranges, content-disposition, content-length, content-range, etag, last-modified, link, location, retry-after, www-authenticate",
        ),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if is_head && length > 0 {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    for (name, value) in &response.headers {
        // Values hold encoded URIs and fixed text. If a strange `Host` got into one, the header is left out.
        if let Ok(value) = HeaderValue::from_str(value) {
            let name = HeaderName::from_static(name);
            match name {
                // Two values would be as good as none (Fetch §3.3.4).
                header::ACCESS_CONTROL_ALLOW_ORIGIN => drop(headers.insert(name, value)),
                _ => drop(headers.append(name, value)),
            }
        }
    }
    message
}
