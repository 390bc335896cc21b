//! A loopback HTTP server that answers by script and misbehaves when told to. Counts its hits.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What a path answers.
#[derive(Clone)]
pub enum Answer {
    /// 200 with a body and a media type.
    Serve(Vec<u8>, &'static str),
    /// A status without a body.
    Status(u16),
    /// A status with headers and a body.
    Full(u16, Vec<(String, String)>, Vec<u8>),
    /// 200 that announces the whole body and ends after some bytes of it.
    CutAfter(usize, Vec<u8>, &'static str),
    /// Closes the connection without an answer.
    Reset,
    /// 200 with headers, then silence for this long.
    Stall(Duration),
}

/// A request that arrived: method, path with query, headers in lower case.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub method: String,
    pub path: String,
    pub headers: HashMap<String, String>,
}

type Handler = dyn Fn(&Arrived, usize) -> Answer + Send + Sync;

/// The server; stops when dropped.
pub struct Server {
    address: std::net::SocketAddr,
    log: Arc<Mutex<Vec<Arrived>>>,
    stop: Arc<AtomicBool>,
}

impl Server {
    /// Answers each request by a function of the request and of how often its path was asked before.
    pub fn start(handler: impl Fn(&Arrived, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let log: Arc<Mutex<Vec<Arrived>>> = Arc::default();
        let stop = Arc::new(AtomicBool::new(false));
        let handler: Arc<Handler> = Arc::new(handler);
        let (log_, stop_) = (log.clone(), stop.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stop_.load(Ordering::SeqCst) {
                    return;
                }
                let (log, handler) = (log_.clone(), handler.clone());
                thread::spawn(move || connection(stream.unwrap(), &log, &*handler));
            }
        });
        Server { address, log, stop }
    }

    /// Answers paths from a table: the n-th request of a path gets its n-th answer, the last one for ever after.
    pub fn table(routes: impl IntoIterator<Item = (String, Vec<Answer>)>) -> Self {
        let routes: HashMap<String, Vec<Answer>> = routes.into_iter().collect();
        Self::start(move |request, before| match routes.get(&request.path) {
            Some(answers) => answers[before.min(answers.len() - 1)].clone(),
            None => Answer::Status(404),
        })
    }

    /// `http://127.0.0.1:PORT` and a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
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

fn connection(stream: TcpStream, log: &Mutex<Vec<Arrived>>, handler: &Handler) {
    let mut input = BufReader::new(stream.try_clone().unwrap());
    let mut output = stream;
    while let Some(request) = read_request(&mut input) {
        let before = {
            let mut log = log.lock().unwrap();
            let before = log.iter().filter(|r| r.path == request.path).count();
            log.push(request.clone());
            before
        };
        if !answer(&mut output, &request, handler(&request, before)) {
            let _ = output.shutdown(std::net::Shutdown::Both);
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
                return Some(Arrived {
                    method,
                    path,
                    headers,
                });
            }
        };
    }
}

/// Whether the connection goes on.
fn answer(output: &mut TcpStream, request: &Arrived, answer: Answer) -> bool {
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
        Answer::Reset => return false,
        Answer::Stall(time) => {
            let _ = output.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nx");
            thread::sleep(time);
            return false;
        }
    };
    let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
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
    sent.is_ok() && cut.is_none()
}
