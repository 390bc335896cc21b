//! The core: which documents to fetch next, and what all of them hold. A pure state machine over answers.
//!
//! Documents form a graph, in which each is read once. At the end their contents are put in order by a walk from the
//! inputs in the order of references, so that the result never depends on which answer arrived first.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::filter::Filter;
use super::harvest::{Harvest, ImageKey, Spooled, manifest_key, merge};
use super::spool::Spool;
use crate::error::Error;
use crate::sources::{Answer, DocumentRequest, FetchFailure, Found, Lost, Source};
use crate::summary::Reject;
use crate::workers::Shard;

/// Documents to fetch, being fetched, and read.
pub struct Worklist<'a> {
    source: &'a dyn Source,
    filter: &'a Filter,
    limit: usize,
    share: Option<Share>,
    spool: Spool,
    manifests: HashMap<u64, bool>,
    nodes: Vec<Document>,
    numbers: HashMap<String, usize>,
    roots: Vec<Reference>,
    /// Position in the tree of discovery → document: those named first are fetched first.
    ready: BTreeMap<Vec<u32>, usize>,
    front: Front,
    is_full: bool,
    read: u64,
    /// Documents with annotations that are not read yet.
    awaited: usize,
}

/// Which of all documents and images are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Portion {
    /// Only the first so many images.
    pub limit: Option<u64>,
    /// Only the documents of one of several workers.
    pub shard: Option<Shard>,
}

/// What one of several workers reads.
struct Share {
    shard: Shard,
    /// Whether inputs are divided among workers; if there is only one, what it names is.
    divides_inputs: bool,
    /// Documents left to the other workers.
    left: u64,
}

impl Share {
    /// Whether one worker reads a document and all it leads to. What such a document leads to is not dealt again: the others do
    /// not know of it.
    fn deals(&self, request: &DocumentRequest, source: &dyn Source) -> bool {
        match request.from {
            None => self.divides_inputs,
            Some(_) => source.may_be_left(request),
        }
    }
}

/// The longest way from an input to a document: pages that name a next one without end would be read for ever.
const MAX_DEPTH: usize = 5000;

fn endless() -> FetchFailure {
    FetchFailure {
        problem: format!(
            "document is not read: it ends a chain of {MAX_DEPTH} documents, each of which names the next"
        ),
        ..FetchFailure::default()
    }
}

/// A document, and the request by which another one names it.
type Reference = (usize, Arc<DocumentRequest>);

struct Document {
    request: Arc<DocumentRequest>,
    place: Vec<u32>,
    /// Whether it was left to one of several workers, with all it leads to.
    is_dealt: bool,
    outcome: Option<Outcome>,
    next: Vec<Reference>,
    /// Those of its images that are wanted, if there is a limit.
    wanted: Vec<ImageKey>,
}

enum Outcome {
    /// What it holds, for a source that needs all of it in the end.
    Held(Box<Found>),
    /// What it holds, put aside.
    Spooled(Box<Spooled>),
    /// Not needed any more.
    Dropped,
    Failed(FetchFailure),
}

impl Outcome {
    /// Whether nothing of it could be read.
    fn is_unread(&self) -> bool {
        match self {
            Outcome::Held(found) => found.is_unread,
            Outcome::Spooled(part) => part.is_unread,
            Outcome::Dropped => false,
            Outcome::Failed(_) => true,
        }
    }
}

/// How far documents are read without a gap, and how many images are wanted so far.
#[derive(Default)]
struct Front {
    stack: Vec<Reference>,
    visited: HashSet<usize>,
    seen: HashSet<ImageKey>,
    kept: usize,
}

impl<'a> Worklist<'a> {
    /// A worklist that starts from the first documents of the source and ends with the portion that is wanted.
    pub fn new(source: &'a dyn Source, filter: &'a Filter, portion: Portion, spool: Spool) -> Self {
        let limit = portion.limit.filter(|_| !source.decides_in_finish());
        let first = source.first();
        let mut work = Worklist {
            source,
            filter,
            limit: limit.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX)),
            share: portion.shard.map(|shard| Share {
                shard,
                divides_inputs: first.len() > 1,
                left: 0,
            }),
            spool,
            manifests: HashMap::new(),
            nodes: Vec::new(),
            numbers: HashMap::new(),
            roots: Vec::new(),
            ready: BTreeMap::new(),
            front: Front::default(),
            is_full: false,
            read: 0,
            awaited: 0,
        };
        work.roots = work.add(first, None, 0);
        work.front.stack = work.roots.iter().rev().cloned().collect();
        work
    }

    /// The next document to fetch.
    pub fn take_next(&mut self) -> Option<(usize, DocumentRequest)> {
        let (_, number) = self.ready.pop_first()?;
        Some((number, (*self.nodes[number].request).clone()))
    }

    /// Takes a document, or why it could not be read.
    ///
    /// # Errors
    /// The source cannot continue without it, or what it holds cannot be put aside.
    pub fn take(
        &mut self,
        number: usize,
        answer: Result<Answer, FetchFailure>,
    ) -> Result<(), Error> {
        self.read += 1;
        let source = self.source;
        let found = match &answer {
            Ok(answer) if !source.finishes() => {
                let mut all = Spooled::default();
                source.read_parts(answer, &mut |found| {
                    let found = self.lead_on(number, found);
                    all.extend(self.put_aside(found)?);
                    Ok(())
                })?;
                Some(Outcome::Spooled(Box::new(all)))
            }
            Ok(answer) => Some(self.held(number, source.read(answer)?)?),
            Err(failure) => {
                let request = self.nodes[number].request.clone();
                let instead = source.failed(&request, failure)?;
                instead.map(|found| self.held(number, found)).transpose()?
            }
        };
        let outcome = found.unwrap_or_else(|| {
            let failure = answer.err().unwrap_or_default();
            Outcome::Failed(failure)
        });
        self.set(number, outcome);
        if self.limit < usize::MAX && !self.is_full {
            self.stop_when_full();
        }
        Ok(())
    }

    /// Adds the documents that one leads to; what else it holds is returned.
    fn lead_on(&mut self, number: usize, mut found: Found) -> Found {
        self.prune(&mut found);
        let first = self.nodes[number].next.len();
        let next = self.add(std::mem::take(&mut found.next), Some(number), first);
        self.nodes[number].next.extend(next);
        let wanted = self.wanted(&found);
        self.nodes[number].wanted.extend(wanted);
        found
    }

    fn held(&mut self, number: usize, found: Found) -> Result<Outcome, Error> {
        let found = self.lead_on(number, found);
        Ok(match self.source.finishes() {
            true => Outcome::Held(Box::new(found)),
            false => Outcome::Spooled(Box::new(self.put_aside(found)?)),
        })
    }

    /// Whether there is nothing left to fetch.
    pub fn is_done(&self) -> bool {
        match self.is_full {
            false => self.read as usize == self.nodes.len(),
            true => self.ready.is_empty() && self.awaited == 0,
        }
    }

    /// Number of documents known so far.
    pub fn known(&self) -> u64 {
        self.nodes.len() as u64
    }

    /// Number of documents that were read or failed.
    pub fn read(&self) -> u64 {
        self.read
    }

    /// Everything that was found, in the order of the documents.
    ///
    /// # Errors
    /// What the source made of it in the end cannot be put aside.
    pub fn finish(mut self) -> Result<Harvest, Error> {
        let walk = self.walk();
        let order = walk.documents.iter().map(|(number, _)| *number).collect();
        let mut whole = Found::default();
        for kind in self.source.counts() {
            whole.count(kind, 0);
        }
        let mut parts = Vec::new();
        for (number, request) in walk.documents {
            match self.nodes[number].outcome.take() {
                Some(Outcome::Held(found)) => whole.extend(placed_by(*found, &request)),
                Some(Outcome::Spooled(part)) => parts.push((*part, request)),
                Some(Outcome::Failed(failure)) => whole.rejects.push(reject(&request, failure)),
                Some(Outcome::Dropped) | None => {}
            }
        }
        whole.rejects.extend(walk.failed_again);
        whole.lost.extend(walk.lost);
        let whole = self.source.finish(whole);
        let made = self.put_aside(whole)?;
        parts.push((made, Arc::default()));
        let mut harvest = merge(self.spool, self.manifests, parts, order);
        harvest.left = self.share.map_or(0, |share| share.left);
        self.source.unite_notes(&mut harvest.notes);
        Ok(harvest)
    }

    fn set(&mut self, number: usize, outcome: Outcome) {
        let node = &mut self.nodes[number];
        if node.outcome.is_none() && node.request.is_about_annotations() {
            self.awaited -= 1;
        }
        node.outcome = Some(outcome);
    }

    /// Puts aside what a document holds; what is small stays.
    fn put_aside(&mut self, found: Found) -> Result<Spooled, Error> {
        let manifests: HashSet<u64> = found.observations.iter().map(manifest_key).collect();
        for manifest in manifests {
            let is_known = self.manifests.contains_key(&manifest);
            self.manifests.insert(manifest, is_known);
        }
        let mut texts = Vec::with_capacity(found.texts.len());
        for (url, text) in found.texts {
            texts.push((url, self.spool.put(&[text])?));
        }
        Ok(Spooled {
            texts,
            observations: self.spool.put_all(&found.observations)?,
            annotations: self.spool.put_all(&found.annotations)?,
            lost: self.spool.put_all(&found.lost)?,
            is_unread: found.is_unread,
            names: self.spool.put_all(&found.names)?,
            rejects: found.rejects.into(),
            counts: found.counts.into_iter().collect(),
            notes: found.notes,
            taxa: found.taxa,
        })
    }

    /// Those of a document's images that are wanted; they are only counted towards a limit.
    fn wanted(&self, found: &Found) -> Vec<ImageKey> {
        let is_counted = self.limit < usize::MAX;
        let images = found.observations.iter().filter(|_| is_counted);
        let wanted = images.filter(|o| self.filter.wants(o));
        wanted.map(ImageKey::of).collect()
    }

    /// Adds documents, each once; new ones become ready to be fetched. `first` is how many their parent led to before.
    fn add(
        &mut self,
        requests: Vec<DocumentRequest>,
        parent: Option<usize>,
        first: usize,
    ) -> Vec<Reference> {
        let mut named = Vec::with_capacity(requests.len());
        let parent = parent.map(|number| &self.nodes[number]);
        let (above, is_below_dealt) = match parent {
            Some(parent) => (parent.place.clone(), parent.is_dealt),
            None => (Vec::new(), false),
        };
        for (at, request) in requests.into_iter().enumerate() {
            let new = self.nodes.len();
            let number = *self.numbers.entry(identity(&request)).or_insert(new);
            let request = Arc::new(request);
            if number == new {
                let mut place = above.clone();
                place.push((first + at) as u32);
                let (is_dealt, outcome) = self.dealt(&request, place.len(), is_below_dealt);
                let is_awaited = request.is_about_annotations() && outcome.is_none();
                if (!self.is_full || is_awaited) && outcome.is_none() {
                    self.ready.insert(place.clone(), number);
                }
                self.awaited += usize::from(is_awaited);
                self.read += u64::from(outcome.is_some());
                self.nodes.push(Document {
                    request: request.clone(),
                    place,
                    is_dealt,
                    outcome,
                    next: Vec::new(),
                    wanted: Vec::new(),
                });
            }
            named.push((number, request));
        }
        named
    }

    /// Whether a document was left to one worker, and what becomes of it if it is not fetched here.
    fn dealt(
        &mut self,
        request: &DocumentRequest,
        depth: usize,
        is_below_dealt: bool,
    ) -> (bool, Option<Outcome>) {
        if depth > MAX_DEPTH {
            return (is_below_dealt, Some(Outcome::Failed(endless())));
        }
        let Some(share) = self.share.as_mut().filter(|_| !is_below_dealt) else {
            return (is_below_dealt, None);
        };
        let is_dealt = share.deals(request, self.source);
        let is_left = is_dealt && !share.shard.has(&identity(request));
        share.left += u64::from(is_left);
        (is_dealt, is_left.then_some(Outcome::Dropped))
    }

    /// Drops requests for annotations of canvases of which no image is wanted.
    fn prune(&self, found: &mut Found) {
        let wanted = found.observations.iter().filter(|o| self.filter.wants(o));
        let wanted: HashSet<&str> = wanted.filter_map(|o| o.source.canvas.as_deref()).collect();
        let there: HashSet<&str> = found
            .observations
            .iter()
            .filter_map(|o| o.source.canvas.as_deref())
            .collect();
        found.next.retain(|request| {
            let canvas = request
                .from
                .as_ref()
                .and_then(|from| from.canvas.as_deref());
            !request.is_about_annotations()
                || canvas.is_none_or(|c| wanted.contains(c) || !there.contains(c))
        });
    }

    fn stop_when_full(&mut self) {
        // The walk costs as much as all documents together, so it comes only when it is likely to end in success.
        if !self.has_enough() {
            return;
        }
        let walk = self.walk();
        if !walk.is_full {
            return;
        }
        self.is_full = true;
        let reached: HashSet<usize> = walk
            .documents
            .iter()
            .map(|(n, _)| *n)
            .chain(walk.awaited)
            .collect();
        // They will not be fetched: treat them as read.
        let (keep, drop): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut self.ready)
            .into_iter()
            .partition(|(_, n)| reached.contains(n));
        self.ready = keep;
        for number in drop.into_values() {
            self.set(number, Outcome::Dropped);
        }
    }

    /// Whether the documents up to the first that is not read yet hold enough images. Each is looked at once in a run;
    /// documents of annotations, which hold no images, are not waited for.
    fn has_enough(&mut self) -> bool {
        let front = &mut self.front;
        while front.kept < self.limit {
            let Some((number, request)) = front.stack.pop() else {
                break;
            };
            if request.is_about_annotations() || front.visited.contains(&number) {
                continue;
            }
            let node = &self.nodes[number];
            if node.outcome.is_none() {
                front.stack.push((number, request));
                return false;
            }
            front.visited.insert(number);
            let new = node.wanted.iter().filter(|key| front.seen.insert(**key));
            front.kept += new.count();
            front.stack.extend(node.next.iter().rev().cloned());
        }
        front.kept >= self.limit
    }

    /// The documents in order, up to the first that is not read yet, and until enough images are found.
    fn walk(&self) -> Walk {
        let mut walk = Walk::default();
        let mut visited = HashSet::new();
        let mut seen = HashSet::new();
        let mut kept = 0;
        let mut stack: Vec<&Reference> = self.roots.iter().rev().collect();
        while let Some((number, request)) = stack.pop() {
            let about_annotations = request.is_about_annotations();
            if walk.is_full && !about_annotations {
                continue;
            }
            let node = &self.nodes[*number];
            // Whatever names a document that cannot be read lacks what it holds.
            if node.outcome.as_ref().is_some_and(Outcome::is_unread) {
                walk.lost.extend(self.source.lost(request));
            }
            if !visited.insert(*number) {
                // What cannot be read is listed at each place that names it.
                if let Some(Outcome::Failed(failure)) = &node.outcome {
                    walk.failed_again.push(reject(request, failure.clone()));
                }
                continue;
            }
            match &node.outcome {
                None if about_annotations => {
                    walk.awaited.push(*number);
                    continue;
                }
                None => return walk,
                Some(Outcome::Failed(_)) => {}
                Some(_) => {
                    let new = node.wanted.iter().filter(|key| seen.insert(**key));
                    kept += new.count();
                    stack.extend(node.next.iter().rev());
                }
            }
            walk.documents.push((*number, request.clone()));
            walk.is_full |= kept >= self.limit;
        }
        walk
    }
}

#[derive(Default)]
struct Walk {
    documents: Vec<Reference>,
    awaited: Vec<usize>,
    /// Documents that failed, at the other places that name them.
    failed_again: Vec<Reject>,
    /// Annotations of documents that could not be read.
    lost: Vec<Lost>,
    is_full: bool,
}

/// What a document holds, with the manifest that led to it recorded in its annotations.
fn placed_by(mut found: Found, request: &DocumentRequest) -> Found {
    let manifest = request
        .from
        .as_ref()
        .and_then(|from| from.manifest.as_ref());
    for placed in &mut found.annotations {
        placed.manifest = placed.manifest.take().or_else(|| manifest.cloned());
    }
    found
}

fn reject(request: &DocumentRequest, failure: FetchFailure) -> Reject {
    let (document, field) = match &request.from {
        None => ("command line", "location"),
        Some(from) if from.place.is_empty() => (&*from.document, from.role),
        Some(from) => (&*from.document, &*from.place),
    };
    Reject::new(document, &request.location, field, failure.problem).temporary(failure.may_pass)
}

/// The same text for requests of the same document.
fn identity(request: &DocumentRequest) -> String {
    let body = request.body.as_deref().unwrap_or_default();
    format!("{}\n{body}\n{}", key(&request.location), request.memo)
}

/// The same text for locations of the same document: scheme, default port and fragment do not matter.
fn key(location: &str) -> String {
    let Some((scheme, rest)) = location.split_once("://") else {
        return location.to_owned();
    };
    let port = match scheme.to_ascii_lowercase().as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => return location.to_owned(),
    };
    let rest = rest.split('#').next().unwrap_or(rest);
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix(port).unwrap_or(&host);
    format!("//{host}{}", if path.is_empty() { "/" } else { path })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::contracts::{Observation, Provenance};
    use crate::sources::Referrer;

    #[test]
    fn documents_that_go_on_without_end_are_given_up() {
        let filter = Filter::default();
        let mut work = Worklist::new(
            &Words,
            &filter,
            Portion::default(),
            Spool::beside(Path::new("x")),
        );
        let mut asked = 0;
        while let Some((number, request)) = work.take_next() {
            let answer = Answer {
                url: request.location.clone(),
                bytes: format!("={asked} next{asked}").into_bytes(),
                request,
                media_type: None,
            };
            work.take(number, Ok(answer)).unwrap();
            asked += 1;
        }
        assert!(work.is_done());
        let harvest = work.finish().unwrap();
        assert_eq!((asked, harvest.rejects.len()), (MAX_DEPTH, 1));
    }

    #[test]
    fn locations_of_one_document_have_one_key() {
        let same = [
            "http://A.example/x",
            "https://a.example/x",
            "https://a.example:443/x#y",
            "http://a.example:80/x",
        ];
        for location in same {
            assert_eq!(key(location), "//a.example/x", "{location}");
        }
        for other in [
            "https://a.example/X",
            "https://a.example:8443/x",
            "https://a.example/x?y",
            "x",
            "ftp://a.example/x",
        ] {
            assert_ne!(key(other), "//a.example/x", "{other}");
        }
    }

    /// A source whose documents are lists of words: `=a` is an image, any other word is a document.
    struct Words;

    impl Source for Words {
        fn name(&self) -> &'static str {
            "words"
        }
        fn first(&self) -> Vec<DocumentRequest> {
            vec![DocumentRequest {
                location: "root".into(),
                ..DocumentRequest::default()
            }]
        }
        fn expects(&self) -> &'static str {
            "words"
        }
        fn finishes(&self) -> bool {
            false
        }
        fn counts(&self) -> &'static [&'static str] {
            &[]
        }
        fn read(&self, answer: &Answer) -> Result<Found, Error> {
            let mut found = Found::default();
            for word in String::from_utf8_lossy(&answer.bytes).split_whitespace() {
                match word.strip_prefix('=') {
                    Some(id) => found.observations.push(Observation {
                        id: id.into(),
                        source: Provenance {
                            manifest: Some(answer.url.clone()),
                            ..Provenance::default()
                        },
                        ..Observation::default()
                    }),
                    None => found.next.push(DocumentRequest {
                        location: word.into(),
                        from: Some(Referrer {
                            document: answer.url.clone(),
                            role: "member",
                            manifest: None,
                            canvas: None,
                            ..Referrer::default()
                        }),
                        ..DocumentRequest::default()
                    }),
                }
            }
            Ok(found)
        }
    }

    /// Harvests a graph of documents; `turn` says which of the open requests is answered first.
    fn harvest(documents: &[(&str, &str)], limit: Option<u64>, turn: usize) -> Harvest {
        let filter = Filter::default();
        let spool = Spool::beside(Path::new("x"));
        let mut work = Worklist::new(&Words, &filter, Portion { limit, shard: None }, spool);
        let mut open = Vec::new();
        loop {
            while let Some(next) = work.take_next() {
                open.push(next);
            }
            if work.is_done() {
                return work.finish().unwrap();
            }
            let (number, request) = open.remove(turn % open.len());
            let body = documents.iter().find(|(name, _)| *name == request.location);
            let answer = body.map(|(name, text)| Answer {
                url: (*name).into(),
                bytes: (*text).into(),
                request: request.clone(),
                media_type: None,
            });
            let failure = FetchFailure {
                problem: "not there: 404".into(),
                ..FetchFailure::default()
            };
            work.take(number, answer.ok_or(failure)).unwrap();
        }
    }

    const GRAPH: &[(&str, &str)] = &[
        ("root", "a b root c"),
        ("a", "=1 d =2"),
        ("b", "=3 a d"),
        ("c", "gone =4"),
        ("d", "root =5 =5"),
    ];

    fn ids(harvest: Harvest) -> Vec<String> {
        let mut ids = Vec::new();
        let mut contents = harvest.contents;
        for stored in contents.observations.into_iter().flatten() {
            let images: Vec<Observation> = contents.spool.get(stored).unwrap();
            ids.extend(images.into_iter().map(|o| o.id));
        }
        ids
    }

    #[test]
    fn cycles_end_and_order_is_the_documents_whoever_answers_first() {
        for turn in 0..7 {
            let found = harvest(GRAPH, None, turn);
            assert_eq!(found.order.len(), 6, "{turn}");
            assert_eq!(
                found.rejects.iter().collect::<Vec<_>>(),
                [Reject::new("c", "gone", "member", "not there: 404")]
            );
            assert_eq!(ids(found), ["1", "2", "5", "5", "3", "4"], "{turn}");
        }
    }

    #[test]
    fn a_limit_ends_the_harvest_where_the_order_of_documents_says() {
        for turn in 0..7 {
            let three = ids(harvest(GRAPH, Some(3), turn));
            assert_eq!(three, ["1", "2", "5", "5"], "{turn}");
            let one = ids(harvest(GRAPH, Some(1), turn));
            assert_eq!(one, ["1", "2"], "{turn}");
        }
    }
}
