//! PDFs read in a process apart: this program, called by itself. What reads a PDF may take so much memory and time, and
//! is ended when nobody waits for it any more; whatever becomes of it, the server goes on.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::pixels::pdf;

/// What may be unpacked beside the file and the picture.
const MEMORY: u64 = 1 << 30;
/// The longest line that is said about a file: its pages, numbers all of them.
const LINE: u64 = 64 * pdf::MOST_PAGES as u64;

/// A page of a file, and how it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub number: u32,
    /// Pixels to an inch.
    pub dpi: u32,
    /// How long it may take.
    pub patience: Duration,
}

/// What the program is asked by itself. No option for people.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct Order {
    /// The file
    #[arg(long, hide = true)]
    pub pdf: Option<PathBuf>,
    /// The page to draw; 0: measure all of them
    #[arg(long, hide = true, requires = "pdf", default_value_t = 0)]
    pub pdf_page: u32,
    /// Pixels to an inch
    #[arg(long, hide = true, requires = "pdf", default_value_t = 72)]
    pub pdf_dpi: u32,
    /// Seconds of work that it may take
    #[arg(long, hide = true, requires = "pdf", default_value_t = 30)]
    pub pdf_seconds: u64,
}

/// Why a page is not had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It takes too long.
    Slow(String),
    /// It cannot be read.
    Broken(String),
}

impl From<Fault> for String {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Slow(why) | Fault::Broken(why) => why,
        }
    }
}

/// The line that is answered; the bytes of a picture, RGB, follow it.
#[derive(Debug, Deserialize, Serialize)]
enum Said {
    Sizes(Vec<[f64; 2]>),
    Picture([u32; 2]),
    Broken(String),
}

/// `[width, height]` in points of every page of a file, turned as its `Rotate` says.
pub fn sizes(path: &Path, patience: Duration) -> Result<Vec<[f64; 2]>, Fault> {
    let page = Page {
        number: 0,
        dpi: 72,
        patience,
    };
    match asked(path, page)? {
        (Said::Sizes(sizes), _) => Ok(sizes),
        _ => Err(Fault::Broken(BROKE_OFF.into())),
    }
}

/// Draws a page: `[width, height]` in pixels, and RGB.
pub fn draw(path: &Path, page: Page) -> Result<([u32; 2], Vec<u8>), Fault> {
    match asked(path, page)? {
        (Said::Picture(size), bytes) => Ok((size, bytes)),
        _ => Err(Fault::Broken(BROKE_OFF.into())),
    }
}

const BROKE_OFF: &str = "reading the PDF broke off";

fn asked(path: &Path, page: Page) -> Result<(Said, Vec<u8>), Fault> {
    let broken = |e: io::Error| Fault::Broken(format!("{BROKE_OFF}: {e}"));
    let mut child = started(path, page).map_err(broken)?;
    let Some(out) = child.stdout.take() else {
        return Err(Fault::Broken(BROKE_OFF.into()));
    };
    let (send, said) = mpsc::sync_channel(1);
    // Where no thread is to be had nothing is heard, and the process is ended.
    let _ = thread::Builder::new().spawn(move || send.send(heard(out)));
    let heard = said.recv_timeout(page.patience);
    // Whoever has said all has ended or is about to.
    if !matches!(heard, Ok(Ok(_))) {
        let _ = child.kill();
    }
    let ended = child.wait().map_err(broken)?;
    match heard {
        Ok(Ok((Said::Broken(why), _))) => Err(Fault::Broken(why)),
        Ok(Ok(said)) => Ok(said),
        Err(RecvTimeoutError::Timeout) => Err(slow(page.patience)),
        _ => Err(match ended.signal() {
            // SIGXCPU
            Some(24) => slow(page.patience),
            // SIGABRT: memory that is not had, or a stack that is used up.
            Some(6) => Fault::Broken("the PDF takes more memory than it may".into()),
            _ => Fault::Broken(BROKE_OFF.into()),
        }),
    }
}

fn slow(patience: Duration) -> Fault {
    Fault::Slow(format!("takes longer than {} s", patience.as_secs_f64()))
}

fn started(path: &Path, page: Page) -> io::Result<Child> {
    let mut file = OsString::from("--pdf=");
    file.push(path);
    // The very program that runs, though another was put into its place meanwhile.
    let own = Path::new("/proc/self/exe");
    let program = match own.exists() {
        true => own.to_owned(),
        false => std::env::current_exe()?,
    };
    Command::new(program)
        .arg(file)
        .arg(format!("--pdf-page={}", page.number))
        .arg(format!("--pdf-dpi={}", page.dpi))
        .arg(format!("--pdf-seconds={}", page.patience.as_secs() + 1))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // Ctrl-C is for the server, which finishes what it has begun.
        .process_group(0)
        .spawn()
}

/// What is said, to its last byte.
fn heard(out: impl Read) -> io::Result<(Said, Vec<u8>)> {
    let mut out = BufReader::new(out);
    let mut line = Vec::new();
    (&mut out).take(LINE).read_until(b'\n', &mut line)?;
    let said: Said = serde_json::from_slice(&line)?;
    let mut bytes = Vec::new();
    if let Said::Picture([width, height]) = said {
        let length = u64::from(width) * u64::from(height) * 3;
        let room = usize::try_from(length).map_err(io::Error::other)?;
        bytes.try_reserve_exact(room).map_err(io::Error::other)?;
        if (&mut out).take(length).read_to_end(&mut bytes)? as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok((said, bytes))
}

/// Does what the order says, in the process apart.
///
/// # Errors
/// The process that gave the order does not listen any more.
pub fn obey(path: &Path, order: &Order) -> Result<(), Error> {
    let length = std::fs::metadata(path).map_or(0, |file| file.len());
    limit(MEMORY + length, order.pdf_seconds);
    let (path, order) = (path.to_owned(), order.clone());
    let thread = thread::Builder::new().stack_size(pdf::STACK);
    let done = thread.spawn(move || done(&path, &order, MEMORY + length));
    let done = done.map(|thread| thread.join());
    let (said, bytes) = match done {
        Ok(Ok(done)) => done,
        _ => (Said::Broken(BROKE_OFF.into()), Vec::new()),
    };
    say(&said, &bytes).map_err(|e| Error::new("the page could not be handed on").because(e))
}

fn done(path: &Path, order: &Order, memory: u64) -> (Said, Vec<u8>) {
    let (number, dpi) = (order.pdf_page, order.pdf_dpi);
    let outcome = match number {
        0 => pdf::sizes(path).map(|sizes| (Said::Sizes(sizes), Vec::new())),
        _ => {
            let grant = |[w, h]: [u32; 2]| {
                let picture = u64::from(w) * u64::from(h) * u64::from(pdf::BYTES_TO_A_PIXEL);
                limit(memory + picture, order.pdf_seconds);
            };
            let drawn = pdf::draw(path, number, dpi, grant);
            drawn.map(|image| (Said::Picture(image.dimensions().into()), image.into_raw()))
        }
    };
    outcome.unwrap_or_else(|why| (Said::Broken(why), Vec::new()))
}

fn say(said: &Said, bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, said)?;
    out.write_all(b"\n")?;
    out.write_all(bytes)?;
    out.flush()
}

/// Takes no more memory and time than that from now on, where the system can be told so.
#[cfg(target_os = "linux")]
fn limit(memory: u64, seconds: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    // What is ended for taking too much leaves no image of its memory behind.
    let limits = [
        (Resource::As, memory),
        (Resource::Cpu, seconds),
        (Resource::Core, 0),
    ];
    for (resource, most) in limits {
        let limit = getrlimit(resource);
        let current = limit.maximum.map_or(most, |maximum| most.min(maximum));
        let current = Some(current);
        // A system that refuses leaves things as they are.
        let _ = setrlimit(resource, Rlimit { current, ..limit });
    }
}

/// Takes no more memory and time than that: the system cannot be told so.
#[cfg(not(target_os = "linux"))]
fn limit(_memory: u64, _seconds: u64) {}
