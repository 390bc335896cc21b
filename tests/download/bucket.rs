//! A store as S3 is one, on loopback: it takes files on conditions, copies and lists them.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// The files below the bucket `there`, by their keys.
pub type Files = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// What becomes of a change.
pub enum Change {
    Made,
    Refused,
    /// There is no answer.
    Held,
}

/// What tells versions of a file apart, of its key and its bytes.
pub type Etag = fn(&str, &[u8]) -> String;

/// As of S3, where a copy has that of its source.
pub fn of_bytes(_: &str, bytes: &[u8]) -> String {
    let sum = bytes.iter().fold(7u64, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
    });
    format!("\"{sum:x}\"")
}

/// As of stores where a copy has one of its own.
pub fn of_key(key: &str, bytes: &[u8]) -> String {
    of_bytes(key, &[key.as_bytes(), bytes].concat())
}

fn xml(status: u16, body: String) -> Answer {
    let head = vec![("content-type".into(), "application/xml".into())];
    Answer::Full(status, head, body.into_bytes())
}

fn refused(status: u16, code: &str) -> Answer {
    xml(
        status,
        format!("<Error><Code>{code}</Code><Message>no</Message></Error>"),
    )
}

/// A store; whether it takes files.
pub fn store(files: &Files, takes: bool) -> Server {
    store_that(files, of_bytes, move |_| match takes {
        true => Change::Made,
        false => Change::Refused,
    })
}

/// A store with ETags of its own, which decides for each PUT and POST what becomes of it.
pub fn store_that(
    files: &Files,
    etag: Etag,
    decide: impl Fn(&Arrived) -> Change + Send + Sync + 'static,
) -> Server {
    let files = files.clone();
    Server::start(move |request, _| {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let Some(key) = path.strip_prefix("/there") else {
            return refused(404, "NoSuchBucket");
        };
        let key = key.trim_start_matches('/');
        if matches!(&*request.method, "PUT" | "POST") {
            match decide(request) {
                Change::Made => {}
                Change::Refused => return refused(403, "AccessDenied"),
                Change::Held => return Answer::Stall(Duration::from_secs(60)),
            }
        }
        let mut files = files.lock().unwrap();
        let there = files.get(key).cloned();
        match &*request.method {
            "PUT" => put(&mut files, key, request, etag),
            "POST" => {
                let body = String::from_utf8_lossy(&request.body).into_owned();
                let keys = body.split("<Key>").skip(1);
                let mut removed = String::new();
                for (key, _) in keys.filter_map(|rest| rest.split_once("</Key>")) {
                    files.remove(key);
                    removed += &format!("<Deleted><Key>{key}</Key></Deleted>");
                }
                xml(200, format!("<DeleteResult>{removed}</DeleteResult>"))
            }
            "GET" if query.contains("list-type=2") => list(&files, query, etag),
            _ => match there {
                None => refused(404, "NoSuchKey"),
                Some(bytes) => {
                    let modified = "Mon, 30 Nov 2026 00:00:00 GMT".to_owned();
                    let head = [("last-modified", modified), ("etag", etag(key, &bytes))];
                    let head = head.map(|(name, value)| (name.to_owned(), value));
                    Answer::Full(200, head.to_vec(), bytes)
                }
            },
        }
    })
}

/// The key that a request copies, if it is for a copy.
pub fn source_of(request: &Arrived) -> Option<&str> {
    let source = request.headers.get("x-amz-copy-source")?;
    source.trim_start_matches('/').strip_prefix("there/")
}

/// The keys that files were copied to.
pub fn copied(log: &[Arrived]) -> Vec<String> {
    let copies = log.iter().filter(|request| source_of(request).is_some());
    let key = |request: &Arrived| request.path.trim_start_matches("/there/").to_owned();
    copies.map(key).collect()
}

/// Takes a file, on the conditions of the request, or copies one.
fn put(files: &mut BTreeMap<String, Vec<u8>>, key: &str, request: &Arrived, etag: Etag) -> Answer {
    if let Some(source) = source_of(request) {
        let Some(bytes) = files.get(source).cloned() else {
            return refused(404, "NoSuchKey");
        };
        files.insert(key.to_owned(), bytes);
        return xml(200, "<CopyObjectResult></CopyObjectResult>".into());
    }
    let there = files.get(key).map(|bytes| etag(key, bytes));
    let wanted = request.headers.get("if-match");
    let is_new = request.headers.contains_key("if-none-match");
    if is_new && there.is_some() || wanted.is_some() && wanted != there.as_ref() {
        return refused(412, "PreconditionFailed");
    }
    files.insert(key.to_owned(), request.body.clone());
    Answer::Full(
        200,
        vec![("etag".into(), etag(key, &request.body))],
        Vec::new(),
    )
}

fn list(files: &BTreeMap<String, Vec<u8>>, query: &str, etag: Etag) -> Answer {
    let prefix = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("prefix="));
    let prefix = prefix.unwrap_or_default().replace("%2F", "/");
    let is_flat = !query.contains("delimiter=");
    let below = files.iter().filter_map(|(key, bytes)| {
        let rest = key.strip_prefix(&prefix)?;
        Some((key, bytes, rest.split_once('/').map(|(folder, _)| folder)))
    });
    let (mut listed, mut folders) = (String::new(), BTreeSet::new());
    for (key, bytes, folder) in below {
        match folder {
            Some(folder) if !is_flat => {
                folders.insert(format!(
                    "<CommonPrefixes><Prefix>{prefix}{folder}/</Prefix></CommonPrefixes>"
                ));
            }
            _ => {
                listed += &format!(
                    "<Contents><Key>{key}</Key><LastModified>2026-11-30T00:00:00.000Z</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>",
                    etag(key, bytes).replace('"', "&quot;"),
                    bytes.len()
                );
            }
        }
    }
    let folders: String = folders.into_iter().collect();
    xml(
        200,
        format!(
            "<ListBucketResult><Name>there</Name><IsTruncated>false</IsTruncated>{listed}{folders}</ListBucketResult>"
        ),
    )
}

pub fn run(work: &Workdir, store: &Server, stage: &str, call: &[&str]) -> recto_testkit::Ran {
    work.run_command(&mut command(work, store, stage, call))
}

pub fn command(
    work: &Workdir,
    store: &Server,
    stage: &str,
    call: &[&str],
) -> std::process::Command {
    let mut command = work.command(stage, call);
    command.envs([
        ("AWS_ENDPOINT_URL", &*store.url("")),
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "b"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ALLOW_HTTP", "true"),
    ]);
    command
}
