//! Reads streams of activities (IIIF Change Discovery), so that only what changed is asked for again.

use std::collections::HashSet;

use jiff::Timestamp;

use super::fetch::Fetcher;
use crate::error::Error;
use crate::sources::iiif::change_discovery::{self as discovery, Stream, StreamPage};
use crate::sources::{Answer, DocumentRequest, FetchFailure, Referrer};
use crate::summary::Reject;

/// The role of pages of a stream.
const PAGE: &str = "page of a stream of activities";

/// Reads the stream of which an answer is the first document, and remembers what it says. `number` is that of the document.
///
/// Returns the collection of what is there instead of the answer; an answer that is no stream is returned as it is.
///
/// # Errors
/// The cache cannot be written.
pub async fn resolve(
    fetcher: &Fetcher<'_>,
    number: usize,
    answer: Answer,
) -> Result<Answer, Error> {
    let Some(start) = discovery::read(&answer.bytes, &answer.url) else {
        return Ok(answer);
    };
    // For an input all of the stream is needed, since it says what there is.
    let stream = walk(fetcher, Some(number), start, &answer.request.location, None).await?;
    Ok(Answer {
        bytes: stream.to_string().into_bytes(),
        ..answer
    })
}

/// Reads a stream that only says what changed, back to the time from which on changes matter.
///
/// # Errors
/// The document cannot be read, is no stream, or the cache cannot be written.
pub async fn follow(fetcher: &Fetcher<'_>, url: &str) -> Result<(), Error> {
    let request = DocumentRequest {
        location: url.to_owned(),
        ..DocumentRequest::default()
    };
    let answer = fetcher.read(None, request).await?.map_err(|failure| {
        Error::new(format!(
            "--activities {url} cannot be read: {}",
            failure.problem
        ))
        .temporary(failure.may_pass)
    })?;
    let start = discovery::read(&answer.bytes, &answer.url).ok_or_else(|| {
        Error::new(format!("--activities {url}: the document is not a Change Discovery stream (an OrderedCollection)"))
            .hint("give the OrderedCollection of IIIF Change Discovery; collections and manifests are inputs")
    })?;
    walk(fetcher, None, start, url, fetcher.changes().since).await?;
    Ok(())
}

async fn walk(
    fetcher: &Fetcher<'_>,
    number: Option<usize>,
    mut start: StreamPage,
    name: &str,
    since: Option<Timestamp>,
) -> Result<serde_json::Value, Error> {
    let mut stream = Stream::default();
    let mut rejects = std::mem::take(&mut start.rejects);
    let mut is_incomplete = false;
    let mut visited = HashSet::from([name.to_owned()]);
    // Without its last page it is read forwards, which needs all of it in memory.
    let forwards = start.earlier.is_none() && start.later.is_some();
    let mut waiting = vec![std::mem::take(&mut start.activities)];
    let mut next = if forwards { start.later } else { start.earlier };
    if !forwards && stream.take_earlier(waiting.remove(0), since) {
        next = None;
    }
    while let Some(url) = next.take().filter(|url| visited.insert(url.clone())) {
        let page = match read_page(fetcher, number, &url, name).await? {
            Ok(page) => page,
            Err(failure) => {
                is_incomplete = true;
                let reject = Reject::new(name, url, PAGE, failure.problem);
                rejects.push(reject.temporary(failure.may_pass));
                break;
            }
        };
        rejects.extend(page.rejects);
        match forwards {
            true => {
                waiting.push(page.activities);
                next = page.later;
            }
            false => {
                let is_over = stream.take_earlier(page.activities, since);
                next = page.earlier.filter(|_| !is_over);
            }
        }
    }
    while let Some(activities) = waiting.pop() {
        if stream.take_earlier(activities, since) {
            break;
        }
    }
    let collection = stream.collection(name);
    fetcher.changes().add(stream, rejects, is_incomplete);
    Ok(collection)
}

async fn read_page(
    fetcher: &Fetcher<'_>,
    number: Option<usize>,
    url: &str,
    stream: &str,
) -> Result<Result<StreamPage, FetchFailure>, Error> {
    let request = DocumentRequest {
        location: url.to_owned(),
        from: Some(Referrer {
            document: stream.to_owned(),
            role: PAGE,
            manifest: None,
            canvas: None,
            ..Referrer::default()
        }),
        ..DocumentRequest::default()
    };
    let no_page = || FetchFailure {
        problem: "document is not a page of a Change Discovery stream (an OrderedCollectionPage)"
            .into(),
        ..FetchFailure::default()
    };
    let read = fetcher.read(number, request).await?;
    Ok(read.and_then(|answer| discovery::read(&answer.bytes, &answer.url).ok_or_else(no_page)))
}
