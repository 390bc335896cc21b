//! A loopback HTTP server that answers by script and misbehaves when told to. Counts its hits.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::pki_types::PrivatePkcs8KeyDer;

/// What a path answers.
#[derive(Clone, Debug)]
pub enum Answer {
    /// 200 with a body and a media type.
    Serve(Vec<u8>, &'static str),
    /// A status without a body.
    Status(u16),
    /// A status with headers and a body.
    Full(u16, Vec<(String, String)>, Vec<u8>),
    /// 200 that announces the whole body and ends after some bytes of it.
    CutAfter(usize, Vec<u8>, &'static str),
    /// Like `Full`, and ends after some bytes of the body.
    FullCut(u16, Vec<(String, String)>, Vec<u8>, usize),
    /// Closes the connection without an answer.
    Reset,
    /// 200 with headers, then silence for this long: for clients that must give up by their own timeout.
    Stall(Duration),
    /// 200, one byte of the body each time this long has passed: for clients that must tell slow from dead.
    Drip(Duration, Vec<u8>),
    /// The answer within, after this long: for clients that have more to do than a server answers.
    Late(Duration, Box<Answer>),
}

/// A request that arrived: method, path with query, headers in lower case, body.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// `GET`, `HEAD`, ….
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    /// As long as `content-length` declares.
    pub body: Vec<u8>,
}

type Handler = dyn Fn(&Arrived, usize) -> Answer + Send + Sync;

/// Where servers are.
const HOME: &str = "127.0.0.1:0";

/// The server; stops when dropped.
#[derive(Debug)]
pub struct Server {
    scheme: &'static str,
    address: std::net::SocketAddr,
    log: Arc<Mutex<Vec<Arrived>>>,
    stop: Arc<AtomicBool>,
}

impl Server {
    /// Answers each request by a function of the request and of how often its path was asked before.
    pub fn start(handler: impl Fn(&Arrived, usize) -> Answer + Send + Sync + 'static) -> Self {
        Self::listen(HOME, "http", Arc::new(handler), |stream, log, handler| {
            connection(stream, log, handler)
        })
    }

    /// The same at the address of this machine in version 6.
    pub fn start_v6(handler: impl Fn(&Arrived, usize) -> Answer + Send + Sync + 'static) -> Self {
        Self::listen(
            "[::1]:0",
            "http",
            Arc::new(handler),
            |stream, log, handler| connection(stream, log, handler),
        )
    }

    /// The same over TLS, with a certificate that it signed itself.
    pub fn start_tls(handler: impl Fn(&Arrived, usize) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_certified(handler).0
    }

    /// The same, with the certificate as PEM.
    pub fn start_certified(
        handler: impl Fn(&Arrived, usize) -> Answer + Send + Sync + 'static,
    ) -> (Self, String) {
        let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(signed.signing_key.serialize_der()).into();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![signed.cert.der().clone()], key);
        let config = Arc::new(config.unwrap());
        let server = Self::listen(
            HOME,
            "https",
            Arc::new(handler),
            move |stream, log, handler| {
                let tls = rustls::ServerConnection::new(config.clone()).unwrap();
                connection(rustls::StreamOwned::new(tls, stream), log, handler);
            },
        );
        (server, pem(signed.cert.der()))
    }

    fn listen(
        address: &str,
        scheme: &'static str,
        handler: Arc<Handler>,
        connection: impl Fn(TcpStream, &Mutex<Vec<Arrived>>, &Handler) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let log: Arc<Mutex<Vec<Arrived>>> = Arc::default();
        let stop = Arc::new(AtomicBool::new(false));
        let connection = Arc::new(connection);
        let (log_, stop_) = (log.clone(), stop.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stop_.load(Ordering::SeqCst) {
                    return;
                }
                let (log, handler, connection) =
                    (log_.clone(), handler.clone(), connection.clone());
                thread::spawn(move || connection(stream.unwrap(), &log, &*handler));
            }
        });
        Server {
            scheme,
            address,
            log,
            stop,
        }
    }

    /// Answers paths from a table: the n-th request of a path gets its n-th answer, the last one for ever after.
    pub fn table(routes: impl IntoIterator<Item = (String, Vec<Answer>)>) -> Self {
        let routes: HashMap<String, Vec<Answer>> = routes.into_iter().collect();
        Self::start(move |request, before| match routes.get(&request.path) {
            Some(answers) => answers[before.min(answers.len() - 1)].clone(),
            None => Answer::Status(404),
        })
    }

    /// `http://127.0.0.1:PORT`, or with `https`, and a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// How often a path was asked.
    pub fn hits(&self, path: &str) -> usize {
        self.log
            .lock()
            .unwrap()
            .iter()
            .filter(|r| r.path == path)
            .count()
    }

    /// Everything that arrived, in order.
    pub fn log(&self) -> Vec<Arrived> {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

/// A certificate as text: RFC 7468.
fn pem(der: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in der.chunks(3) {
        let bits = (0..3).fold(0, |bits, i| {
            bits << 8 | usize::from(*chunk.get(i).unwrap_or(&0))
        });
        let letter = |i: usize| match i > chunk.len() {
            true => '=',
            false => LETTERS[bits >> (18 - 6 * i) & 63].into(),
        };
        text.extend((0..4).map(letter));
    }
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|l| std::str::from_utf8(l).unwrap())
        .collect();
    format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    )
}

fn connection(stream: impl Read + Write, log: &Mutex<Vec<Arrived>>, handler: &Handler) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream) {
        let before = {
            let mut log = log.lock().unwrap();
            let before = log.iter().filter(|r| r.path == request.path).count();
            log.push(request.clone());
            before
        };
        let response = handler(&request, before);
        if !answer(stream.get_mut(), &request, response) {
            return;
        }
    }
}

fn read_request(input: &mut impl BufRead) -> Option<Arrived> {
    let mut line = String::new();
    input.read_line(&mut line).ok().filter(|&n| n > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        input.read_line(&mut line).ok().filter(|&n| n > 0)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => {
                headers.insert(name.to_ascii_lowercase(), value.trim().to_owned())
            }
            None => {
                let length = headers.get("content-length").and_then(|n| n.parse().ok());
                let mut body = vec![0; length.unwrap_or(0)];
                input.read_exact(&mut body).ok()?;
                return Some(Arrived {
                    method,
                    path,
                    headers,
                    body,
                });
            }
        };
    }
}

/// Whether the connection goes on.
fn answer(output: &mut impl Write, request: &Arrived, answer: Answer) -> bool {
    let (status, headers, body, cut) = match answer {
        Answer::Serve(body, kind) => (200, vec![("content-type".into(), kind.into())], body, None),
        Answer::Status(status) => (status, vec![], vec![], None),
        Answer::Full(status, headers, body) => (status, headers, body, None),
        Answer::CutAfter(n, body, kind) => (
            200,
            vec![("content-type".into(), kind.into())],
            body,
            Some(n),
        ),
        Answer::FullCut(status, headers, body, n) => (status, headers, body, Some(n)),
        Answer::Reset => return false,
        Answer::Late(time, answer) => {
            thread::sleep(time);
            return self::answer(output, request, *answer);
        }
        Answer::Drip(pause, body) => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = output.write_all(head.as_bytes());
            for byte in body {
                if output
                    .write_all(&[byte])
                    .and_then(|()| output.flush())
                    .is_err()
                {
                    return false;
                }
                thread::sleep(pause);
            }
            return true;
        }
        Answer::Stall(time) => {
            let _ = output.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nx");
            thread::sleep(time);
            return false;
        }
    };
    let mut head = format!("HTTP/1.1 {status} \r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let body = if request.method == "HEAD" {
        &[][..]
    } else {
        &body[..cut.unwrap_or(body.len()).min(body.len())]
    };
    let sent = output
        .write_all(head.as_bytes())
        .and_then(|()| output.write_all(b"\r\n"))
        .and_then(|()| output.write_all(body));
    sent.and_then(|()| output.flush()).is_ok() && cut.is_none()
}
