//! PDFs, JPEG 2000 and AVIF are read in a worker process: this program, started by itself with hidden options. A worker has
//! limits on memory and time, and may crash or be killed without harm to the server.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::files::Content;
use crate::pixels::pdf;
#[cfg(feature = "pdf")]
use crate::pixels::pdf_reader;
#[cfg(not(feature = "pdf"))]
use crate::pixels::pdf_unsupported as pdf_reader;
use crate::pixels::source::{self, ImageSource};

/// Bytes of memory for decompressed data, in addition to the file and the drawn page.
const MEMORY: u64 = 1 << 30;
/// The longest reply line in bytes: the sizes of all pages.
const LINE: u64 = 64 * pdf::MOST_PAGES as u64;

/// A page of a PDF, and how it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PdfPage {
    /// The number of the page, from 1.
    pub number: u32,
    /// Resolution in pixels per inch.
    pub dpi: u32,
    /// How long drawing may take.
    pub timeout: Duration,
}

/// The hidden options of the worker process.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub struct WorkerOptions {
    /// The file
    #[arg(long, hide = true)]
    pub pdf: Option<PathBuf>,
    /// The image to decode
    #[arg(long, hide = true, conflicts_with = "pdf")]
    pub decode: Option<PathBuf>,
    /// The page to draw; 0: measure all pages
    #[arg(long, hide = true, requires = "pdf", default_value_t = 0)]
    pub pdf_page: u32,
    /// Resolution in pixels per inch
    #[arg(long, hide = true, requires = "pdf", default_value_t = 72)]
    pub pdf_dpi: u32,
    /// Seconds of processor time that the work may take
    #[arg(long, hide = true, default_value_t = 30)]
    pub pdf_seconds: u64,
}

impl WorkerOptions {
    /// Whether this process is a worker.
    pub fn is_worker(&self) -> bool {
        self.pdf.is_some() || self.decode.is_some()
    }
}

/// Why a page could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PdfError {
    /// It takes too long.
    TimedOut(String),
    /// It cannot be read.
    Broken(String),
}

impl From<PdfError> for String {
    fn from(error: PdfError) -> Self {
        match error {
            PdfError::TimedOut(why) | PdfError::Broken(why) => why,
        }
    }
}

/// The reply of a worker, a line of JSON; the bytes of an image follow it.
#[derive(Debug, Deserialize, Serialize)]
enum Reply {
    Sizes(Vec<[f64; 2]>),
    /// `[width, height]` and the number of channels.
    Image([u32; 2], u8),
    Broken(String),
}

/// What a worker is to do.
enum Task {
    /// Read a page of a PDF, or the sizes of all.
    Pdf(PdfPage),
    /// Decode an image within this time.
    Decode(Duration),
}

impl Task {
    fn timeout(&self) -> Duration {
        match self {
            Task::Pdf(page) => page.timeout,
            Task::Decode(timeout) => *timeout,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Task::Pdf(_) => "the PDF",
            Task::Decode(_) => "the image",
        }
    }
}

/// `[width, height]` in pixels, the number of channels, and the bytes of an image.
pub type Pixels = ([u32; 2], u8, Vec<u8>);

/// `[width, height]` in points of every page of a PDF, after the rotation that the page asks for.
///
/// # Errors
/// The file cannot be read in time.
pub fn sizes(file: File, timeout: Duration) -> Result<Vec<[f64; 2]>, PdfError> {
    let page = PdfPage {
        number: 0,
        dpi: 72,
        timeout,
    };
    match call(file, &Task::Pdf(page))? {
        (Reply::Sizes(sizes), _) => Ok(sizes),
        _ => Err(PdfError::Broken("the PDF could not be read".into())),
    }
}

/// Draws a page as RGB.
///
/// # Errors
/// The page cannot be drawn in time.
pub fn draw(file: File, page: PdfPage) -> Result<Pixels, PdfError> {
    image(file, &Task::Pdf(page))
}

/// Decodes an image file within a time: one whose decoder takes as much memory as a damaged file tells it to.
///
/// # Errors
/// The file cannot be decoded in time and within the memory that its size takes.
pub fn decode(file: File, timeout: Duration) -> Result<Pixels, PdfError> {
    image(file, &Task::Decode(timeout))
}

fn image(file: File, task: &Task) -> Result<Pixels, PdfError> {
    match call(file, task)? {
        (Reply::Image(size, channels), bytes) => Ok((size, channels, bytes)),
        _ => Err(PdfError::Broken(format!(
            "{} could not be read",
            task.name()
        ))),
    }
}

fn call(file: File, task: &Task) -> Result<(Reply, Vec<u8>), PdfError> {
    let failed = format!(
        "{} could not be read: the worker process ended early",
        task.name()
    );
    let broken = |e: io::Error| PdfError::Broken(format!("{failed}: {e}"));
    let mut child = start(file, task).map_err(broken)?;
    let Some(out) = child.stdout.take() else {
        return Err(PdfError::Broken(failed));
    };
    let (send, receive) = mpsc::sync_channel(1);
    // Without a thread no reply arrives, and the process is killed.
    let _ = thread::Builder::new().spawn(move || send.send(read_reply(out)));
    let received = receive.recv_timeout(task.timeout());
    // A worker that has sent a complete reply ends by itself.
    if !matches!(received, Ok(Ok(_))) {
        let _ = child.kill();
    }
    let ended = child.wait().map_err(broken)?;
    match received {
        Ok(Ok((Reply::Broken(why), _))) => Err(PdfError::Broken(why)),
        Ok(Ok(reply)) => Ok(reply),
        Err(RecvTimeoutError::Timeout) => Err(timed_out(task)),
        _ => Err(match ended.signal() {
            // SIGXCPU
            Some(24) => timed_out(task),
            // SIGABRT: out of memory or stack.
            Some(6) => PdfError::Broken(format!("{} takes too much memory", task.name())),
            _ => PdfError::Broken(failed),
        }),
    }
}

fn timed_out(task: &Task) -> PdfError {
    let seconds = task.timeout().as_secs_f64();
    PdfError::TimedOut(format!("{} takes longer than {seconds} s", task.name()))
}

/// Starts a worker. The open file is its standard input, so that it reads what was opened here, whatever its path leads to
/// by then.
fn start(file: File, task: &Task) -> io::Result<Child> {
    // The program that is running, even if its file was replaced meanwhile.
    let own = Path::new("/proc/self/exe");
    let program = match own.exists() {
        true => own.to_owned(),
        false => std::env::current_exe()?,
    };
    let mut command = Command::new(program);
    match task {
        Task::Pdf(page) => command
            .arg("--pdf=/dev/stdin")
            .arg(format!("--pdf-page={}", page.number))
            .arg(format!("--pdf-dpi={}", page.dpi)),
        Task::Decode(_) => command.arg("--decode=/dev/stdin"),
    };
    command
        .arg(format!("--pdf-seconds={}", task.timeout().as_secs() + 1))
        .stdin(file)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // Ctrl-C is for the server, which finishes its answers first.
        .process_group(0)
        .spawn()
}

/// Reads a reply to its last byte.
fn read_reply(out: impl Read) -> io::Result<(Reply, Vec<u8>)> {
    let mut out = BufReader::new(out);
    let mut line = Vec::new();
    (&mut out).take(LINE).read_until(b'\n', &mut line)?;
    let reply: Reply = serde_json::from_slice(&line)?;
    let mut bytes = Vec::new();
    if let Reply::Image([width, height], channels) = reply {
        let length = u64::from(width) * u64::from(height) * u64::from(channels);
        let capacity = usize::try_from(length).map_err(io::Error::other)?;
        bytes
            .try_reserve_exact(capacity)
            .map_err(io::Error::other)?;
        if (&mut out).take(length).read_to_end(&mut bytes)? as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok((reply, bytes))
}

/// Does the work of a worker process and writes its reply to standard output.
///
/// # Errors
/// The server no longer reads the reply.
pub fn run(options: &WorkerOptions) -> Result<(), Error> {
    let path = options.pdf.as_ref().or(options.decode.as_ref());
    let length = path.and_then(|path| std::fs::metadata(path).ok());
    let memory = MEMORY + length.map_or(0, |file| file.len());
    limit(memory, options.pdf_seconds);
    let own = options.clone();
    let thread = thread::Builder::new().stack_size(pdf::STACK);
    let reply = thread.spawn(move || match (&own.pdf, &own.decode) {
        (Some(path), _) => page_of_pdf(path, &own, memory),
        (None, Some(path)) => decoded(path, own.pdf_seconds, memory).unwrap_or_else(broken),
        (None, None) => broken("there is no file".into()),
    });
    let reply = reply.map(|thread| thread.join());
    let (reply, bytes) = match reply {
        Ok(Ok(reply)) => reply,
        _ => broken("it is damaged".into()),
    };
    write(&reply, &bytes).map_err(|e| Error::new("standard output: cannot be written").because(e))
}

fn broken(why: String) -> (Reply, Vec<u8>) {
    (Reply::Broken(why), Vec::new())
}

fn page_of_pdf(path: &Path, options: &WorkerOptions, memory: u64) -> (Reply, Vec<u8>) {
    let (number, dpi) = (options.pdf_page, options.pdf_dpi);
    let done = match number {
        0 => pdf_reader::sizes(path).map(|sizes| (Reply::Sizes(sizes), Vec::new())),
        _ => {
            let grant = |[w, h]: [u32; 2]| {
                let image = u64::from(w) * u64::from(h) * u64::from(pdf::BYTES_TO_A_PIXEL);
                limit(memory + image, options.pdf_seconds);
            };
            let drawn = pdf_reader::draw(path, number, dpi, grant);
            drawn.map(|image| (Reply::Image(image.dimensions().into(), 3), image.into_raw()))
        }
    };
    done.unwrap_or_else(broken)
}

fn decoded(path: &Path, seconds: u64, memory: u64) -> Result<(Reply, Vec<u8>), String> {
    let file = Content::file(path.to_owned()).open();
    let file = file.map_err(|e| e.to_string())?;
    let look = source::inspect(&file, 1)?;
    let [w, h] = look.size.map(u64::from);
    // Decoded, then reduced to eight bits.
    limit(memory + w * h * u64::from(look.channels) * 2, seconds);
    let decoded = ImageSource::open(file, 1, u64::MAX)?;
    let (size, channels, bytes) = decoded
        .into_pixels()
        .ok_or("it is not decoded as a whole")?;
    Ok((Reply::Image(size, channels), bytes))
}

fn write(reply: &Reply, bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, reply)?;
    out.write_all(b"\n")?;
    out.write_all(bytes)?;
    out.flush()
}

/// Limits this process to so many bytes of memory and seconds of processor time.
#[cfg(target_os = "linux")]
fn limit(memory: u64, seconds: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    // The last one: no core dump.
    let limits = [
        (Resource::As, memory),
        (Resource::Cpu, seconds),
        (Resource::Core, 0),
    ];
    for (resource, most) in limits {
        let limit = getrlimit(resource);
        let current = limit.maximum.map_or(most, |maximum| most.min(maximum));
        let current = Some(current);
        // If the system refuses, the process runs without this limit.
        let _ = setrlimit(resource, Rlimit { current, ..limit });
    }
}

/// Limits are set on Linux only.
#[cfg(not(target_os = "linux"))]
fn limit(_memory: u64, _seconds: u64) {}
