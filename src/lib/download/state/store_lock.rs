//! The lock of an output folder in an object store: a file that is made only if there is none. It says who holds it. One that was
//! left by a process of this machine is taken over; one of another machine stays until somebody says that it may go.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::files;

/// Held as long as it is not dropped.
#[derive(Debug)]
pub struct StoreLock {
    path: PathBuf,
    /// What the file says as long as the lock is ours.
    own: Vec<u8>,
}

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    /// The machine, for people.
    host: String,
    /// The process there.
    process: u32,
    /// What tells whether that process still runs.
    mark: String,
    /// When it took the lock, RFC 3339, UTC.
    since: String,
}

impl StoreLock {
    /// Takes the lock of a folder. `is_forced`: one that somebody else holds is broken.
    ///
    /// # Errors
    /// Somebody else holds it; the store does not answer.
    pub fn take(folder: &Path, is_forced: bool) -> Result<Self, Error> {
        let path = folder.join(".recto/lock");
        let own = files::to_json(&Holder::own(), "lock")?;
        let cannot = |e| files::cannot_write(&path, e);
        if files::create_in_store(&path, &own).map_err(cannot)? {
            return Ok(StoreLock { path, own });
        }
        let seen = files::see_in_store(&path).map_err(cannot)?;
        let taken = match &seen {
            // Gone meanwhile.
            None => files::create_in_store(&path, &own).map_err(cannot)?,
            Some(seen) if is_forced || Holder::of(&seen.bytes).is_some_and(|h| h.is_gone()) => {
                files::replace_in_store(&path, seen, &own).map_err(cannot)?
            }
            Some(_) => false,
        };
        match taken {
            true => Ok(StoreLock { path, own }),
            false => Err(Self::is_held(
                folder,
                seen.and_then(|seen| Holder::of(&seen.bytes)),
            )),
        }
    }

    /// Whether nobody has broken it.
    ///
    /// # Errors
    /// The store does not say so.
    pub fn is_ours(&self) -> std::io::Result<bool> {
        let seen = files::see_in_store(&self.path)?;
        Ok(seen.is_some_and(|seen| seen.bytes == self.own))
    }

    fn is_held(folder: &Path, holder: Option<Holder>) -> Error {
        let who = holder.map_or(String::new(), |holder| {
            format!(
                ": process {} of {} since {}",
                holder.process, holder.host, holder.since
            )
        });
        Error::new(format!(
            "{}: another recto-download is running there{who}",
            folder.display()
        ))
        .hint("wait until it has finished, or name another folder; if it was killed, --break-lock takes over")
        .temporary(true)
    }
}

impl Drop for StoreLock {
    fn drop(&mut self) {
        // Another run may have broken it, and holds its own. If ours stays, the next run finds that its holder is gone.
        if self.is_ours().is_ok_and(|is_ours| is_ours) {
            let _ = files::remove_in_store(&self.path);
        }
    }
}

impl Holder {
    fn own() -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname");
        Holder {
            host: host.map_or("this machine".into(), |host| host.trim().to_owned()),
            process: std::process::id(),
            mark: files::process_mark(),
            since: jiff::Timestamp::now().to_string(),
        }
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Whether it is a process of this machine that has ended. Of others nothing is known: there is no file whose age would tell.
    fn is_gone(&self) -> bool {
        files::is_process_gone(&self.mark, Path::new(""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_says_who_holds_it_and_how_it_is_broken() {
        let own = Holder::own();
        assert!(!own.is_gone());
        let bytes = files::to_json(&own, "lock").unwrap();
        assert_eq!(Holder::of(&bytes), Some(own));
        let elsewhere = Holder {
            host: "node7".into(),
            process: 4,
            mark: "4-0badcafe".into(),
            since: "2026-01-02T03:04:05Z".into(),
        };
        assert!(!elsewhere.is_gone());
        let error = StoreLock::is_held(Path::new("s3://b/k"), Some(elsewhere)).to_string();
        for words in [
            "s3://b/k",
            "process 4 of node7 since 2026-01-02T03:04:05Z",
            "--break-lock",
        ] {
            assert!(error.contains(words), "{error}");
        }
        assert_eq!(Holder::of(b"{"), None);
    }
}
