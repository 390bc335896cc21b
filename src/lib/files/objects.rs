//! What happens to files in an object store beside reading and replacing them: they are made only if nobody else makes another, are
//! taken over, listed, moved and removed.

use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use object_store::path::Path as Key;
use object_store::{
    Error as StoreError, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    UpdateVersion,
};

use super::content::Content;
use super::store::{put_to_store, store_of, with_file, with_store};

/// Requests for one change where connections break.
const TRIES: u32 = 6;
/// The wait before the second of them; each wait is twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(200);
/// Files of more bytes are sent in parts, of which none can be sent on a condition.
const WHOLE: u64 = 8 << 20;
/// How many files are read at the same time.
const AT_ONCE: usize = 16;
/// How many are copied at the same time, of which no bytes come here.
const COPIES_AT_ONCE: usize = 32;

/// What is known of a file in a store, to be taken over.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What it holds.
    pub bytes: Vec<u8>,
    version: UpdateVersion,
}

/// Makes a file; whether it holds these bytes now, by this or by an earlier call. Another one that is there is left.
///
/// # Errors
/// The store does not take it.
pub fn create_in_store(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    put_if(path, bytes, PutMode::Create)
}

/// Makes a file in place of the one that was seen; whether it holds these bytes now. One that somebody else has changed since is
/// left.
///
/// # Errors
/// The store does not take it.
pub fn replace_in_store(path: &Path, seen: &Seen, bytes: &[u8]) -> io::Result<bool> {
    put_if(path, bytes, PutMode::Update(seen.version.clone()))
}

fn put_if(path: &Path, bytes: &[u8], mode: PutMode) -> io::Result<bool> {
    let payload = PutPayload::from(bytes.to_vec());
    with_file(path, async |store, key| {
        let mut tried = 0;
        loop {
            let options = PutOptions::from(mode.clone());
            let put = store.put_opts(&key, payload.clone(), options).await;
            match put {
                Ok(_) => return Ok(true),
                // It may be ours: the answer to an earlier request may have been lost.
                Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => {
                    return Ok(store.get(&key).await?.bytes().await? == bytes);
                }
                Err(StoreError::Generic { .. }) if tried + 1 < TRIES => {
                    tokio::time::sleep(PAUSE * 2_u32.pow(tried)).await;
                    tried += 1;
                }
                Err(e) => return Err(e),
            }
        }
    })
}

/// Makes a file of all that a file here holds, `sha256` of it in hex; whether it holds that now. Another one that is there is left.
///
/// # Errors
/// The file cannot be read, or the store does not take it.
pub fn upload_new(path: &Path, file: &mut File, sha256: &str) -> io::Result<bool> {
    let length = file.metadata()?.len();
    if length <= WHOLE {
        let mut bytes = Vec::with_capacity(length as usize);
        file.rewind()?;
        file.read_to_end(&mut bytes)?;
        return create_in_store(path, &bytes);
    }
    match Content::file(path.to_owned()).sha256() {
        Ok(found) => Ok(found == sha256),
        Err(e) if e.kind() == io::ErrorKind::NotFound => put_to_store(path, file).map(|()| true),
        Err(e) => Err(e),
    }
}

/// A file as it is now; none where there is none.
///
/// # Errors
/// The store does not say so.
pub fn see_in_store(path: &Path) -> io::Result<Option<Seen>> {
    let seen = with_file(path, async |store, key| {
        let found = store.get(&key).await?;
        let version = UpdateVersion {
            e_tag: found.meta.e_tag.clone(),
            version: found.meta.version.clone(),
        };
        let bytes = found.bytes().await?.to_vec();
        Ok(Seen { bytes, version })
    });
    match seen {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        seen => seen.map(Some),
    }
}

/// The names of the files whose keys begin with a folder, sorted.
///
/// # Errors
/// The store does not list them.
pub fn list_in_store(folder: &Path) -> io::Result<Vec<PathBuf>> {
    with_store(folder, async |store, prefix| {
        let keys = keys_below(&*store, &prefix).await?;
        let length = prefix.as_ref().len();
        let name = |key: &Key| folder.join(key.as_ref()[length..].trim_start_matches('/'));
        Ok(keys.iter().map(name).collect())
    })
}

async fn keys_below(store: &dyn ObjectStore, prefix: &Key) -> object_store::Result<Vec<Key>> {
    let found = store.list(Some(prefix)).map_ok(|found| found.location);
    let mut keys: Vec<Key> = found.try_collect().await?;
    keys.sort();
    Ok(keys)
}

/// Calls `take` with what each file of a folder holds, in the order of their names.
///
/// # Errors
/// A file cannot be read, or `take` fails.
pub fn read_all_in_store(
    folder: &Path,
    mut take: impl FnMut(&[u8]) -> io::Result<()> + Send,
) -> io::Result<()> {
    with_store(folder, async |store, prefix| {
        let keys = keys_below(&*store, &prefix).await?;
        let read = |key: Key| {
            let store = store.clone();
            async move { store.get(&key).await?.bytes().await }
        };
        let mut read = futures::stream::iter(keys).map(read).buffered(AT_ONCE);
        while let Some(bytes) = read.next().await {
            take(&bytes?).map_err(|e| StoreError::Generic {
                store: "file",
                source: Box::new(e),
            })?;
        }
        Ok(())
    })
}

/// Copies a file to another name of the same store.
///
/// # Errors
/// The store does not do that.
pub fn copy_in_store(from: &Path, to: &Path) -> io::Result<()> {
    let (_, to) = store_of(to)?;
    with_file(from, async |store, from| store.copy(&from, &to).await)
}

/// Copies files to other names of the same store, some at a time. No byte of them comes here.
///
/// # Errors
/// The store does not copy one of them; others may be copied by then.
pub fn copy_all_in_store(moves: &[(PathBuf, PathBuf)]) -> io::Result<()> {
    let Some((first, _)) = moves.first() else {
        return Ok(());
    };
    let key = |path: &Path| store_of(path).map(|(_, key)| key);
    let keys = moves.iter().map(|(from, to)| Ok((key(from)?, key(to)?)));
    let keys: Vec<(Key, Key)> = keys.collect::<io::Result<_>>()?;
    with_store(first, async |store, _| {
        let copy = |(from, to): (Key, Key)| {
            let store = store.clone();
            async move { store.copy(&from, &to).await }
        };
        let copied = futures::stream::iter(keys).map(copy);
        copied.buffer_unordered(COPIES_AT_ONCE).try_collect().await
    })
}

/// Removes files of one store, some at a time; those that are gone already count as removed.
///
/// # Errors
/// The store does not remove one of them; others may be removed by then.
pub fn remove_all_in_store(paths: &[PathBuf]) -> io::Result<()> {
    let Some(first) = paths.first() else {
        return Ok(());
    };
    let keys = paths.iter().map(|path| store_of(path).map(|(_, key)| key));
    let keys: Vec<Key> = keys.collect::<io::Result<_>>()?;
    with_store(first, async |store, _| {
        let keys = futures::stream::iter(keys.into_iter().map(Ok));
        let mut removed = store.delete_stream(keys.boxed());
        while let Some(removed) = removed.next().await {
            match removed {
                Ok(_) | Err(StoreError::NotFound { .. }) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    })
}

/// Removes a file; one that is gone already counts as removed.
///
/// # Errors
/// The store does not do that.
pub fn remove_in_store(path: &Path) -> io::Result<()> {
    let removed = with_file(path, async |store, key| store.delete(&key).await);
    match removed {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
