//! Files that appear under their name only when they are complete.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek as _, Write};
use std::path::{Path, PathBuf};

use super::owner;
use super::paths::{cannot_write, folder_of, is_dash, is_device, landing};
use super::store::{is_in_store, put_to_store, rehearse_in_store};
use super::system::sync_folder;
use crate::error::Error;

/// A file that gets its final name only when it is complete and on the disk.
#[derive(Debug)]
pub struct Atomic {
    /// None for a device or pipe, which is written to and never replaced.
    temporary: Option<PathBuf>,
    target: PathBuf,
    file: Option<BufWriter<File>>,
}

impl Atomic {
    /// Starts a file that [`Atomic::publish`] will name `target`; of a symbolic link what it leads to. Creates the folder if it is
    /// missing.
    ///
    /// # Errors
    /// The folder or the file cannot be created, the link leads nowhere, or a folder has the name.
    pub fn create(target: &Path) -> Result<Self, Error> {
        if is_device(target) {
            let file = File::options().write(true).open(target);
            let file = file.map_err(|e| cannot_write(target, e))?;
            return Ok(Atomic::of(None, target.to_owned(), file));
        }
        if target.is_dir() {
            let what = format!("{}: is a folder, a file is needed", target.display());
            return Err(Error::new(what));
        }
        let target = landing(target)?;
        let folder = folder_of(&target);
        fs::create_dir_all(folder).map_err(|e| cannot_write(folder, e))?;
        let mut name = std::ffi::OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(format!(".{}.part", owner::mark()));
        let temporary = folder.join(name);
        let file = File::create(&temporary).map_err(|e| cannot_write(&target, e))?;
        Ok(Atomic::of(Some(temporary), target, file))
    }

    fn of(temporary: Option<PathBuf>, target: PathBuf, file: File) -> Self {
        Atomic {
            temporary,
            target,
            file: Some(BufWriter::with_capacity(1 << 18, file)),
        }
    }

    /// Flushes to the disk and gives the file its name. A file that is a mount point is written anew in its place.
    ///
    /// # Errors
    /// The file cannot be written or renamed; nothing is left behind then.
    pub fn publish(mut self) -> Result<(), Error> {
        let cannot = |e: io::Error| cannot_write(&self.target, e);
        let Some(file) = self.file.take() else {
            return Ok(());
        };
        let file = file.into_inner().map_err(|e| cannot(e.into_error()))?;
        let Some(temporary) = &self.temporary else {
            return Ok(());
        };
        file.sync_all().map_err(cannot)?;
        drop(file);
        match fs::rename(temporary, &self.target) {
            // A mount point, as a container has it, cannot be replaced, and its content can.
            Err(e) if e.kind() == io::ErrorKind::ResourceBusy => {
                fs::copy(temporary, &self.target).map_err(cannot)?;
                let written = File::open(&self.target).and_then(|file| file.sync_all());
                written.map_err(cannot)?;
            }
            renamed => renamed.map_err(cannot)?,
        }
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
        // After publishing the temporary name is gone; a file that is not published leaves nothing behind.
        let Some(temporary) = &self.temporary else {
            return;
        };
        if self.file.take().is_some() || temporary.exists() {
            let _ = fs::remove_file(temporary);
        }
    }
}

/// Publishes bytes under a name, atomically; `-` is standard output.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_through(path, |out| out.write_all(bytes))
}

/// Publishes what `write` writes, atomically; `-` is standard output, where a closed pipe counts as success.
///
/// # Errors
/// The file cannot be written, or `write` fails.
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
            // The reader has seen enough, as `head` does: success.
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(e) => Err(Error::new("standard output: cannot be written").because(e)),
            Ok(()) => Ok(()),
        };
    }
    if is_in_store(path) {
        let cannot = |e| cannot_write(path, e);
        let mut aside = tempfile::tempfile().map_err(cannot)?;
        buffered(&mut aside).map_err(cannot)?;
        return put_to_store(path, &mut aside).map_err(|e| match keep_unsent(path, &mut aside) {
            Some(kept) => cannot(e).hint(unsent(&kept)),
            None => cannot(e),
        });
    }
    let mut file = Atomic::create(path)?;
    buffered(&mut file).map_err(|e| cannot_write(path, e))?;
    file.publish()
}

/// Keeps what a store did not take in the working directory, under a name that is free there; none where that cannot be.
fn keep_unsent(path: &Path, aside: &mut File) -> Option<PathBuf> {
    let name = path.file_name()?.to_string_lossy();
    let names = (0..100).map(|n| match n {
        0 => format!("{name}.unsent"),
        n => format!("{name}.unsent-{n}"),
    });
    let free = names.map(PathBuf::from).find(|path| !path.exists())?;
    let mut kept = File::create_new(&free).ok()?;
    aside.rewind().ok()?;
    io::copy(aside, &mut kept).ok()?;
    Some(free)
}

/// The hint for what a store did not take.
pub fn unsent(kept: &Path) -> String {
    format!(
        "what was to be there is in {}: copy it there, or run the same command again",
        kept.display()
    )
}

/// Checks that a file of this name can be written, before hours of work whose result goes there. Creates its folder.
///
/// # Errors
/// The file cannot be written.
pub fn rehearse(path: &Path) -> Result<(), Error> {
    if is_dash(path) || is_device(path) {
        return Ok(());
    }
    if is_in_store(path) {
        return rehearse_in_store(path).map_err(|e| cannot_write(path, e));
    }
    Atomic::create(path).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

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
