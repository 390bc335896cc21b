//! Object stores: files with names such as `s3://BUCKET/KEY`. They are read whole or from their start, and written by one
//! upload that takes the place of what was there when it is complete, and leaves that otherwise. Who may do so, and where the
//! store is, stands in the environment, as its own programs have it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use futures::StreamExt;
use object_store::path::Path as Key;
use object_store::{
    Error as StoreError, GetOptions, GetRange, ObjectStore, ObjectStoreExt, ObjectStoreScheme,
    WriteMultipart,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::runtime::Runtime;
use url::{Position, Url};

const SCHEMES: [&str; 3] = ["s3://", "gs://", "az://"];
/// What stands in a URL as it does in a name. Names are no URLs: `#`, `?` and `%` are letters of a key, as for the store's own programs.
const PLAIN: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/')
    .remove(b':')
    .remove(b'@');
/// What a machine in a cloud is asked for where the environment has no keys, and what to do where there is no answer.
const ASKED_WITHOUT_KEYS: [(&str, &str); 3] = [
    (
        "/latest/api/token",
        "(the environment has no keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, as `aws configure export-credentials --format env` prints them; ~/.aws/credentials and AWS_PROFILE are not read)",
    ),
    (
        "/computeMetadata/",
        "(the environment has no keys: set GOOGLE_APPLICATION_CREDENTIALS)",
    ),
    (
        "/metadata/identity",
        "(the environment has no keys: set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY)",
    ),
];
/// Bytes that are sent at a time.
const PIECE: usize = 1 << 20;
/// Files of as many bytes are sent in parts of that size, so many at a time.
const PART: usize = 10 << 20;
const PARTS_AT_ONCE: usize = 8;

/// Whether a name is that of a file in an object store.
pub fn is_in_store(path: &Path) -> bool {
    let name = path.to_str().unwrap_or_default();
    SCHEMES.iter().any(|scheme| name.starts_with(scheme))
}

/// The store and the bucket of a file: `s3://BUCKET`.
pub fn bucket_of(path: &Path) -> PathBuf {
    // `s3:`, and the bucket: the slashes between them are none of a path.
    let mut parts = path.iter();
    let scheme = parts.next().unwrap_or_default().to_string_lossy();
    let bucket = parts.next().unwrap_or_default().to_string_lossy();
    PathBuf::from(format!("{scheme}//{bucket}"))
}

/// A file to be read, wherever it is: from an object store it is copied first.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn open(path: &Path) -> io::Result<File> {
    match is_in_store(path) {
        true => fetch_from_store(path),
        false => File::open(path),
    }
}

/// The first bytes of a file, at most `most`.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn read_from_store(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    with_file(path, async |store, key| {
        let range = (most < u64::MAX).then_some(GetRange::Bounded(0..most));
        let options = GetOptions {
            range,
            ..GetOptions::default()
        };
        let found = match store.get_opts(&key, options).await {
            // A range of a file without a byte is none.
            Err(_) if most < u64::MAX => store.get(&key).await?,
            found => found?,
        };
        Ok(found.bytes().await?.to_vec())
    })
}

/// A file, copied to a temporary one without a name.
///
/// # Errors
/// There is none, or it cannot be read.
fn fetch_from_store(path: &Path) -> io::Result<File> {
    let mut copy = tempfile::tempfile()?;
    with_file(path, async |store, key| {
        let mut pieces = store.get(&key).await?.into_stream();
        while let Some(piece) = pieces.next().await {
            copy.write_all(&piece?).map_err(generic)?;
        }
        Ok(())
    })?;
    copy.seek(SeekFrom::Start(0))?;
    Ok(copy)
}

/// Whether there is a file of this name.
///
/// # Errors
/// The store does not say so.
pub fn is_there_in_store(path: &Path) -> io::Result<bool> {
    let found = with_file(path, async |store, key| store.head(&key).await.map(drop));
    match found {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        found => found.map(|()| true),
    }
}

/// How many bytes a file has.
///
/// # Errors
/// There is none, or the store does not say so.
pub fn length_in_store(path: &Path) -> io::Result<u64> {
    with_file(path, async |store, key| {
        store.head(&key).await.map(|found| found.size)
    })
}

/// Checks that there may be a file of this name.
///
/// # Errors
/// It names no file, there is no such bucket, or the store does not say so.
pub fn rehearse_in_store(path: &Path) -> io::Result<()> {
    let rehearsed = with_file(path, async |store, key| {
        match store.head(&key).await {
            Err(StoreError::NotFound { .. }) => {}
            found => return found.map(drop),
        }
        // A bucket that does not exist answers like one without the file; its list tells. Who may not read that may write yet.
        match store.list(Some(&key)).next().await {
            None
            | Some(
                Ok(_)
                | Err(StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. }),
            ) => Ok(()),
            Some(Err(e)) => Err(e),
        }
    });
    // Lists have no kind of error for it.
    let is_missing = |e: &io::Error| {
        e.kind() == io::ErrorKind::NotFound || e.to_string().contains("404 Not Found")
    };
    rehearsed.map_err(|e| match is_missing(&e) {
        true => io::Error::new(io::ErrorKind::NotFound, "there is no such bucket"),
        false => e,
    })
}

/// Uploads a file from its beginning.
///
/// # Errors
/// It cannot be read, or the store does not take it; then what was there before is left.
pub fn put_to_store(path: &Path, file: &mut File) -> io::Result<()> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(0))?;
    with_file(path, async |store, key| {
        if length < PART as u64 {
            let mut bytes = Vec::with_capacity(length as usize);
            file.read_to_end(&mut bytes).map_err(generic)?;
            return store.put(&key, bytes.into()).await.map(drop);
        }
        // In parts that are united at the end.
        let upload = store.put_multipart(&key).await?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART);
        let mut piece = vec![0; PIECE];
        loop {
            let read = file.read(&mut piece).map_err(generic);
            let read = match upload.wait_for_capacity(PARTS_AT_ONCE).await {
                Ok(()) => read,
                Err(e) => Err(e),
            };
            match read {
                Ok(0) => return upload.finish().await.map(drop),
                Ok(n) => upload.write(&piece[..n]),
                Err(e) => {
                    let _ = upload.abort().await;
                    return Err(e);
                }
            }
        }
    })
}

/// [`with_store`] for a name that has to be that of a file.
///
/// # Errors
/// It names a bucket only; those of `work`.
pub fn with_file<T: Send>(
    path: &Path,
    work: impl AsyncFnOnce(Arc<dyn ObjectStore>, Key) -> object_store::Result<T> + Send,
) -> io::Result<T> {
    if store_of(path)?.1.as_ref().is_empty() {
        let what = "it names a bucket, and no file in it";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    with_store(path, work)
}

/// Does something with the store of a file and its key there. In a thread of its own: who calls may be within a runtime.
pub fn with_store<T: Send>(
    path: &Path,
    work: impl AsyncFnOnce(Arc<dyn ObjectStore>, Key) -> object_store::Result<T> + Send,
) -> io::Result<T> {
    let (store, key) = store_of(path)?;
    let runtime = runtime()?;
    let run = move || runtime.block_on(work(store, key)).map_err(told);
    std::thread::scope(|threads| {
        let ended = threads.spawn(run).join();
        ended.unwrap_or_else(|_| Err(io::Error::other("the store was not asked")))
    })
}

/// What drives connections to stores: one for all, so that they are used again.
fn runtime() -> io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<io::Result<Runtime>> = OnceLock::new();
    let build = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
    };
    let made = RUNTIME.get_or_init(build).as_ref();
    made.map_err(|e| io::Error::new(e.kind(), e.to_string()))
}

/// The store of a file, and its key there. Files of one bucket share it.
pub fn store_of(path: &Path) -> io::Result<(Arc<dyn ObjectStore>, Key)> {
    static STORES: Mutex<BTreeMap<String, Arc<dyn ObjectStore>>> = Mutex::new(BTreeMap::new());
    let wrong = |e: String| io::Error::new(io::ErrorKind::InvalidInput, e);
    let name = path.to_str().ok_or_else(|| wrong("not UTF-8".into()))?;
    let url = utf8_percent_encode(name, &PLAIN).to_string();
    let url = Url::parse(&url).map_err(|e| wrong(e.to_string()))?;
    let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
    let bucket = &url[..Position::BeforePath];
    if let Some(store) = stores.get(bucket) {
        let (_, key) = ObjectStoreScheme::parse(&url).map_err(|e| wrong(e.to_string()))?;
        return Ok((store.clone(), key));
    }
    // A second call finds the provider already installed, which is what it wants.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Those that are not UTF-8 are not the store's.
    let variables = std::env::vars_os();
    let variables = variables
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let (store, key) = object_store::parse_url_opts(&url, variables).map_err(told)?;
    let store: Arc<dyn ObjectStore> = store.into();
    stores.insert(bucket.to_owned(), store.clone());
    Ok((store, key))
}

/// An error of a store with what is behind it, in one line.
fn told(error: StoreError) -> io::Error {
    let kind = match &error {
        StoreError::NotFound { .. } => io::ErrorKind::NotFound,
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => {
            io::ErrorKind::PermissionDenied
        }
        _ => io::ErrorKind::Other,
    };
    let text = error.to_string();
    let mut lines: Vec<&str> = text.lines().map(str::trim).collect();
    let asks = ASKED_WITHOUT_KEYS
        .iter()
        .find(|(path, _)| text.contains(path));
    lines.extend(asks.map(|(_, what)| *what));
    io::Error::new(kind, lines.join(" "))
}

fn generic(e: io::Error) -> StoreError {
    StoreError::Generic {
        store: "file",
        source: Box::new(e),
    }
}
