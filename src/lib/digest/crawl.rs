//! Fetches all documents that the inputs lead to, several at a time.

use std::path::Path;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::activity_streams;
use super::changes::Changes;
use super::documents::{DocumentLog, LockedDocuments};
use super::fetch::{FetchCounts, Fetcher};
use super::filter::Filter;
use super::harvest::Harvest;
use super::options::Options;
use super::spool::Spool;
use super::worklist::{Portion, Worklist};
use crate::error::Error;
use crate::http;
use crate::progress::{Progress, Reporter};
use crate::signals::Signals;
use crate::sources::Source;
use crate::summary::counted;
use crate::workers::Shard;

/// Reads the inputs and all documents that they lead to, or those of one of several workers.
///
/// # Errors
/// The network client cannot be set up, the run was stopped, the cache cannot be written, or the source cannot do without
/// a document that is missing.
pub fn harvest(
    options: &Options,
    http: &http::Options,
    source: &dyn Source,
    filter: &Filter,
    shard: Option<Shard>,
    locked: Option<&LockedDocuments>,
) -> Result<Harvest, Error> {
    let fetcher = Fetcher::new(
        http,
        &source.named(),
        options.cache.as_deref(),
        options.offline,
        options.document_limits(source),
        source.expects(),
        Changes::since(options.since),
    )?;
    let log = options.notes_documents();
    let log = log.then(|| DocumentLog::beside(&options.output()));
    let fetcher = fetcher.with_log(log, locked);
    let spool = Spool::beside(&options.output());
    let portion = Portion {
        limit: options.limit,
        shard,
    };
    let work = Worklist::new(source, filter, portion, spool);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime =
        runtime.map_err(|e| Error::new("the network client cannot be set up").because(e))?;
    let (style, quiet) = (options.common.progress, options.common.quiet);
    let mut progress = Reporter::start(style, quiet, "digest", "documents", &Progress::default());
    let outcome = runtime.block_on(async {
        let mut signals = Signals::listen();
        tokio::select! {
            done = read_all(work, &fetcher, options, &mut progress) => done,
            signal = signals.next() => Err(stopped(signal, options.cache.as_deref())),
        }
    });
    // Who was stopped does not wait for a named pipe into which nobody writes.
    runtime.shutdown_background();
    outcome.map(|mut harvest| {
        harvest.notes.extend(fetcher.warnings());
        let (counts, changes, log) = fetcher.finish();
        harvest.read = log.map(|log| log.in_order(&harvest.order));
        let (rejects, named) = changes.finish();
        harvest.rejects.extend(rejects);
        if let Some(named) = named {
            harvest.notes.push(what_was_asked(named, counts));
        }
        harvest
    })
}

fn what_was_asked(named: usize, counts: FetchCounts) -> String {
    let resources = counted(named as u64, "changed document", "changed documents");
    format!(
        "activities name {resources}; {} fetched, {} unchanged (HTTP 304), {} from the cache without a request",
        counts.fetched, counts.unchanged, counts.not_requested
    )
}

async fn read_all<'a>(
    mut work: Worklist<'a>,
    fetcher: &Fetcher<'_>,
    options: &Options,
    progress: &mut Reporter,
) -> Result<Harvest, Error> {
    for stream in &options.activities {
        activity_streams::follow(fetcher, stream).await?;
    }
    let jobs = options.jobs();
    let has_streams = options.source == "iiif";
    let mut flight = FuturesUnordered::new();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        while flight.len() < jobs {
            let Some((number, request)) = work.take_next() else {
                break;
            };
            flight.push(async move {
                let read = match fetcher.read(Some(number), request).await {
                    Ok(Ok(answer)) if has_streams => {
                        activity_streams::resolve(fetcher, number, answer)
                            .await
                            .map(Ok)
                    }
                    read => read,
                };
                (number, read)
            });
        }
        let reached = |work: &Worklist| fetcher.progress(work.known(), work.read());
        if work.is_done() {
            let (now, at) = reached(&work);
            progress.end(now, &at);
            return work.finish();
        }
        tokio::select! {
            biased;
            _ = ticks.tick() => {
                let (now, at) = reached(&work);
                progress.tick(now, &at);
            }
            Some((number, outcome)) = flight.next() => work.take(number, outcome?)?,
        }
    }
}

/// How often progress is updated; it may be printed less often.
const TICK: Duration = Duration::from_millis(200);

fn stopped(signal: &str, cache: Option<&Path>) -> Error {
    let error = Error::interrupted(format!("stopped by {signal}: nothing was written"));
    match cache {
        Some(cache) => error.hint(format!(
            "run the same command again: fetched documents are in {}",
            cache.display()
        )),
        None => error.hint("with --cache DIR the next run continues where this one stopped"),
    }
}
