//! The only room that creates files: atomic publishing, safe names, and reading inputs.
//!
//! Nothing half-written ever bears its final name: bytes go to a temporary name in the same folder, are flushed
//! to the disk, and are then renamed.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use unicode_normalization::UnicodeNormalization;

use crate::error::Error;

pub mod folder;
pub mod kept;
mod part;

pub use part::{Held, Part};

/// Reads a whole input; `-` is standard input.
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let outcome = if is_dash(path) {
        io::stdin().lock().read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    match outcome {
        Ok(_) => Ok(bytes),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            Err(Error::new(format!("{}: no such file", path.display())))
        }
        Err(e) => Err(Error::new(format!("{}: cannot be read", path.display())).because(e)),
    }
}

/// Whether a file of this name is there to be read.
pub fn is_there(path: &Path) -> bool {
    path.is_file()
}

/// Publishes bytes under a name, atomically; `-` is standard output.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_through(path, |out| out.write_all(bytes))
}

/// Publishes what is written bit by bit under a name, atomically; `-` is standard output.
pub fn write_through(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    let buffered = |file: &mut dyn Write| {
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        out.flush()
    };
    if is_dash(path) {
        return match buffered(&mut io::stdout().lock()) {
            // The reader has seen enough: success.
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(e) => Err(Error::new("standard output: cannot be written").because(e)),
            Ok(()) => Ok(()),
        };
    }
    if is_device(path) {
        let file = File::options().write(true).open(path);
        let written = file.and_then(|mut file| buffered(&mut file));
        return written.map_err(|e| cannot_write(path, e));
    }
    let mut file = Atomic::create(path)?;
    buffered(&mut file).map_err(|e| cannot_write(path, e))?;
    file.publish()
}

/// The first bytes of a file; fewer where there are no more, none where it cannot be read.
pub fn start(path: &Path, most: u64) -> Vec<u8> {
    let mut start = Vec::new();
    // What cannot be read has no beginning.
    let _ = File::open(path).map(|file| file.take(most).read_to_end(&mut start));
    start
}

/// Publishes a value as JSON with two-space indentation and a final line end.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), Error> {
    write(path, &to_json(value, &path.display().to_string())?)
}

/// A value as JSON with two-space indentation and a final line end; `name` is what messages call it.
pub fn to_json<T: Serialize>(value: &T, name: &str) -> Result<Vec<u8>, Error> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .map_err(|e| Error::new(format!("{name}: cannot be put into JSON")).because(e))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Publishes rows as CSV (RFC 4180 quoting, LF, UTF-8 without byte-order mark), the header always.
pub fn write_csv<T: Serialize>(
    path: &Path,
    header: &[&str],
    rows: impl IntoIterator<Item = T>,
) -> Result<(), Error> {
    write(path, &to_csv(&path.display().to_string(), header, rows)?)
}

/// Rows as CSV, the header always; `name` is what messages call them.
pub fn to_csv<T: Serialize>(
    name: &str,
    header: &[&str],
    rows: impl IntoIterator<Item = T>,
) -> Result<Vec<u8>, Error> {
    let cannot = |e: csv::Error| Error::new(format!("{name}: cannot be put into CSV")).because(e);
    let mut csv = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    csv.write_record(header).map_err(cannot)?;
    for row in rows {
        csv.serialize(row).map_err(cannot)?;
    }
    csv.into_inner()
        .map_err(|e| Error::new("CSV: cannot be flushed").because(e.into_error()))
}

/// Whether a file of this name could be written, asked before hours of work that would end in it. Makes its folder.
pub fn rehearse(path: &Path) -> Result<(), Error> {
    if is_dash(path) || is_device(path) {
        return Ok(());
    }
    if path.is_dir() {
        let what = format!("{}: is a folder, a file is needed", path.display());
        return Err(Error::new(what));
    }
    Atomic::create(path).map(drop)
}

/// A file that gets its final name only when it is complete and on the disk.
#[derive(Debug)]
pub struct Atomic {
    temporary: PathBuf,
    target: PathBuf,
    file: Option<BufWriter<File>>,
}

impl Atomic {
    /// Starts a file that [`Atomic::publish`] will call `target`. Makes the folder if it is missing.
    pub fn create(target: &Path) -> Result<Self, Error> {
        let folder = folder_of(target);
        fs::create_dir_all(folder).map_err(|e| cannot_write(folder, e))?;
        let mut name = std::ffi::OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(format!(".{}.part", std::process::id()));
        let temporary = folder.join(name);
        let file = File::create(&temporary).map_err(|e| cannot_write(target, e))?;
        Ok(Atomic {
            temporary,
            target: target.to_owned(),
            file: Some(BufWriter::with_capacity(1 << 18, file)),
        })
    }

    /// Flushes to the disk and gives the file its name.
    pub fn publish(mut self) -> Result<(), Error> {
        let cannot = |e: io::Error| cannot_write(&self.target, e);
        let Some(file) = self.file.take() else {
            return Ok(());
        };
        let file = file.into_inner().map_err(|e| cannot(e.into_error()))?;
        file.sync_all().map_err(cannot)?;
        drop(file);
        fs::rename(&self.temporary, &self.target).map_err(cannot)?;
        sync_folder(folder_of(&self.target)).map_err(cannot)
    }
}

impl Write for Atomic {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file
            .as_mut()
            .map_or(Err(io::ErrorKind::BrokenPipe.into()), |file| {
                file.write(bytes)
            })
    }
    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| file.flush())
    }
}

impl io::Seek for Atomic {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.file
            .as_mut()
            .map_or(Err(io::ErrorKind::BrokenPipe.into()), |file| file.seek(to))
    }
}

impl Drop for Atomic {
    fn drop(&mut self) {
        // Published files are gone from the temporary name; unpublished ones leave nothing behind.
        if self.file.take().is_some() || self.temporary.exists() {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Opens a file to read and to append to; makes it, and its folder, if it is missing.
pub fn open_to_append(path: &Path) -> Result<File, Error> {
    let cannot = |e: io::Error| cannot_write(path, e);
    fs::create_dir_all(folder_of(path)).map_err(cannot)?;
    let file = File::options()
        .read(true)
        .append(true)
        .create(true)
        .open(path)
        .map_err(cannot)?;
    sync_folder(folder_of(path)).map_err(cannot)?;
    Ok(file)
}

/// Removes the files of a folder whose names begin so, but for those that begin with `keep`, and what a process that
/// was killed left of such. What cannot be removed stays.
pub fn remove_others(folder: &Path, begin: &str, keep: &str) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_other = name.starts_with(begin) && !name.starts_with(keep);
        let hidden = name
            .strip_prefix('.')
            .is_some_and(|name| name.starts_with(begin));
        if is_other || hidden && is_abandoned(&name) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether a file on its way, as [`Atomic`] calls it, is that of a process that is no more.
fn is_abandoned(name: &str) -> bool {
    let process = name
        .strip_suffix(".part")
        .and_then(|name| name.rsplit_once('.'));
    let process = process.and_then(|(_, number)| number.parse::<u32>().ok());
    let running = Path::new("/proc");
    process.is_some_and(|n| running.join("self").exists() && !running.join(n.to_string()).exists())
}

/// Moves a file to another place on the same disk, in a folder that is made for it.
pub fn move_to(from: &Path, to: &Path) -> Result<(), Error> {
    let moved = fs::create_dir_all(folder_of(to)).and_then(|()| fs::rename(from, to));
    moved.map_err(|e| cannot_write(to, e))
}

/// Puts the entries of a folder on the disk, so that a rename survives a power cut.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The words for a file that cannot be written, with a hint for the causes people meet.
pub fn cannot_write(path: &Path, e: io::Error) -> Error {
    let hint = match e.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("make room on the disk and run the same command again".to_owned())
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Some("name a folder you may write to".to_owned())
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            let file = path.ancestors().find(|above| above.is_file());
            file.map(|file| format!("{} is a file, a folder is needed there", file.display()))
        }
        _ => None,
    };
    let error = Error::new(format!("{}: cannot be written", path.display())).because(e);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// The folder a file lies in; the working directory for a bare name.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Whether a path is a device or pipe, such as `/dev/stdout`: written to, never replaced.
fn is_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir())
}

/// A path without links, as far as it leads to something.
pub fn real(path: &Path) -> PathBuf {
    let name = path.file_name();
    let beside = || Some(fs::canonicalize(folder_of(path)).ok()?.join(name?));
    fs::canonicalize(path)
        .ok()
        .or_else(beside)
        .unwrap_or_else(|| path.to_owned())
}

/// Refuses to write over an input, and two outputs into one file. Outputs come with the options that name them.
pub fn refuse_overwriting<'a>(
    inputs: impl IntoIterator<Item = &'a PathBuf>,
    outputs: &[(&str, Option<&Path>)],
) -> Result<(), Error> {
    let is_file = |path: &Path| !is_dash(path) && !is_device(path);
    let inputs = inputs.into_iter().filter(|path| is_file(path));
    let mut taken: Vec<(PathBuf, Option<&str>)> = inputs.map(|path| (real(path), None)).collect();
    for (option, path) in outputs {
        let Some(path) = path.filter(|path| is_file(path)) else {
            continue;
        };
        let place = real(path);
        match taken.iter().find(|(other, _)| *other == place) {
            Some((_, None)) => {
                let what = format!("{}: is an input, and would be overwritten", path.display());
                let hint = format!("name another file with {option}");
                return Err(Error::usage(what).hint(hint));
            }
            Some((_, Some(other))) => {
                let what = format!("{other} and {option} name the same file");
                return Err(Error::usage(what));
            }
            None => taken.push((place, Some(option))),
        }
    }
    Ok(())
}

/// Files that may be open at once: as many as the system lets the process have, asked for here.
#[cfg(target_os = "linux")]
pub fn most_open() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let whole = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let granted = match setrlimit(Resource::Nofile, whole) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    granted.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX))
}

/// Files that may be open at once: not known.
#[cfg(not(target_os = "linux"))]
pub fn most_open() -> usize {
    usize::MAX
}

/// Whether a path means standard input or output.
pub fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The first `digits` hex digits of the SHA-256 of some bytes.
pub fn hex_digest(bytes: &[u8], digits: usize) -> String {
    hex(&Sha256::digest(bytes))[..digits.min(64)].to_owned()
}

/// The SHA-256 of everything that is left to read, as lower-case hex, and how many bytes that was.
pub fn sha256(input: &mut impl Read) -> io::Result<(String, u64)> {
    let (mut hash, mut buffer, mut bytes) = (Sha256::new(), vec![0; 1 << 16], 0);
    loop {
        match input.read(&mut buffer)? {
            0 => return Ok((hex(&hash.finalize()), bytes)),
            n => {
                hash.update(&buffer[..n]);
                bytes += n as u64;
            }
        }
    }
}

/// Bytes as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

/// A file or folder name that every filesystem holds and no tool trips over: ASCII letters, digits, `-`, `_`, `.`;
/// never empty, never hidden, never a device name, at most [`SafeName::MOST`] bytes. Other scripts are
/// transliterated so that names stay readable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SafeName(String);

impl SafeName {
    /// The longest name, in bytes: leaves room for a hash, a suffix and a temporary ending within 255.
    pub const MOST: usize = 80;

    /// A readable name for a text. Different texts may share it: see [`SafeName::unique`].
    pub fn readable(text: &str) -> Self {
        let ascii = deunicode::deunicode(&text.nfc().collect::<String>());
        let mut name = String::new();
        for c in ascii.chars() {
            let c = if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') {
                c
            } else {
                '_'
            };
            let doubled = matches!(c, '_' | '.' | '-') && name.ends_with(['_', '.', '-']);
            if !doubled {
                name.push(c);
            }
        }
        name.truncate(Self::MOST);
        let name = name.trim_matches(['_', '.', '-']);
        let device = ["con", "prn", "aux", "nul"]
            .contains(&name.to_ascii_lowercase().split('.').next().unwrap_or(""))
            || is_numbered_device(name);
        match name {
            "" => SafeName("unnamed".into()),
            _ if device => SafeName(format!("{name}_")),
            name => SafeName(name.to_owned()),
        }
    }

    /// A readable name that no other text gets: the text itself where it is safe already, else the readable
    /// form and a hash of the text.
    pub fn unique(text: &str) -> Self {
        let name = Self::readable(text);
        if name.0 == text {
            name
        } else {
            SafeName(format!("{}-{}", name.0, hex_digest(text.as_bytes(), 8)))
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_numbered_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or("").to_ascii_lowercase();
    stem.len() == 4
        && (stem.starts_with("com") || stem.starts_with("lpt"))
        && stem.as_bytes()[3].is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_readable_safe_and_keep_different_texts_apart() {
        let cases = [
            ("4Q171", "4Q171"),
            ("XHev/Se 8", "XHev_Se_8"),
            ("../../etc/passwd", "etc_passwd"),
            ("", "unnamed"),
            ("...", "unnamed"),
            ("CON", "CON_"),
            ("com1.txt", "com1.txt_"),
            ("Near Infra-Red (NIR) -Recto", "Near_Infra-Red_NIR_Recto"),
            ("Œuvre: «a»", "OEuvre_a"),
        ];
        for (text, name) in cases {
            assert_eq!(SafeName::readable(text).as_str(), name, "{text:?}");
        }
        assert_ne!(SafeName::unique("a/b"), SafeName::unique("a_b"));
        assert_eq!(SafeName::unique("4Q171").as_str(), "4Q171");
    }

    proptest::proptest! {
        #[test]
        fn any_text_gives_a_name_that_stays_in_its_folder(text in ".{0,200}") {
            let name = SafeName::unique(&text);
            proptest::prop_assert!(!name.as_str().is_empty() && name.as_str().len() <= SafeName::MOST + 10);
            proptest::prop_assert!(!name.as_str().starts_with('.'));
            proptest::prop_assert!(name.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)));
        }
    }

    #[test]
    fn an_unpublished_file_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.json");
        let mut file = Atomic::create(&target).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
