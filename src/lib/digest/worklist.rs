//! The core: which documents to fetch next, and what all of them hold. A pure state machine over answers.
//!
//! Documents form a graph, in which each is read once. At the end their contents are put in order by a walk from the
//! inputs in the order of references, so that the result never depends on which answer arrived first.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::filter::Filter;
use crate::contracts::Observation;
use crate::error::Error;
use crate::sources::{
    ANNOTATIONS, Answer, DocumentRequest, FetchFailure, Found, ImageName, Placed, Source, TEXT,
    TreeNode,
};
use crate::summary::Reject;

/// Documents to fetch, being fetched, and read.
pub struct Worklist<'a> {
    source: &'a dyn Source,
    filter: &'a Filter,
    limit: usize,
    nodes: Vec<Document>,
    numbers: HashMap<String, usize>,
    roots: Vec<(usize, DocumentRequest)>,
    /// Position in the tree of discovery → document: those named first are fetched first.
    ready: BTreeMap<Vec<u32>, usize>,
    is_full: bool,
    read: u64,
}

struct Document {
    request: DocumentRequest,
    place: Vec<u32>,
    outcome: Option<Outcome>,
    next: Vec<(usize, DocumentRequest)>,
}

enum Outcome {
    Read(Box<Found>),
    Failed(String),
}

/// What all documents hold, in their order.
#[derive(Debug, Default)]
pub struct Harvest {
    /// Images.
    pub observations: Vec<Observation>,
    /// Annotations to be joined with them.
    pub annotations: Vec<Placed>,
    /// Other names of images.
    pub names: Vec<ImageName>,
    /// Documents that could not be read, and records of the others that cannot be used.
    pub rejects: Vec<Reject>,
    /// Counts over all documents.
    pub counts: BTreeMap<&'static str, u64>,
    /// Number of documents requested.
    pub documents: u64,
    /// Number of images that were listed more than once on their canvas.
    pub duplicates: u64,
    /// Notes for the summary.
    pub notes: Vec<String>,
    /// Nodes of a tree of concepts.
    pub taxa: Vec<TreeNode>,
}

impl<'a> Worklist<'a> {
    /// A worklist that starts from the first documents of the source and stops when `limit` images are wanted.
    pub fn new(source: &'a dyn Source, filter: &'a Filter, limit: Option<u64>) -> Self {
        let limit = limit.filter(|_| !source.decides_in_finish());
        let mut work = Worklist {
            source,
            filter,
            limit: limit.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX)),
            nodes: Vec::new(),
            numbers: HashMap::new(),
            roots: Vec::new(),
            ready: BTreeMap::new(),
            is_full: false,
            read: 0,
        };
        work.roots = work.add(source.first(), &[]);
        work
    }

    /// The next document to fetch.
    pub fn take_next(&mut self) -> Option<(usize, DocumentRequest)> {
        let (_, number) = self.ready.pop_first()?;
        Some((number, self.nodes[number].request.clone()))
    }

    /// Takes a document, or why it could not be read.
    ///
    /// # Errors
    /// The source cannot continue without it.
    pub fn take(
        &mut self,
        number: usize,
        answer: Result<Answer, FetchFailure>,
    ) -> Result<(), Error> {
        self.read += 1;
        let found = match &answer {
            Ok(answer) => Some(self.source.read(answer)?),
            Err(failure) => self.source.failed(&self.nodes[number].request, failure)?,
        };
        let outcome = match (found, answer) {
            (Some(mut found), _) => {
                self.prune(&mut found);
                let place = self.nodes[number].place.clone();
                self.nodes[number].next = self.add(std::mem::take(&mut found.next), &place);
                Outcome::Read(Box::new(found))
            }
            (None, answer) => Outcome::Failed(answer.err().unwrap_or_default().problem),
        };
        self.nodes[number].outcome = Some(outcome);
        if self.limit < usize::MAX && !self.is_full {
            self.stop_when_full();
        }
        Ok(())
    }

    /// Whether there is nothing left to fetch.
    pub fn is_done(&self) -> bool {
        let is_open = |node: &Document| {
            node.outcome.is_none() && (!self.is_full || is_about_annotations(&node.request))
        };
        match self.is_full {
            false => self.read as usize == self.nodes.len(),
            true => self.ready.is_empty() && !self.nodes.iter().any(is_open),
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
    pub fn finish(mut self) -> Harvest {
        let walk = self.walk();
        let documents = walk.documents.len() as u64;
        let mut whole = Found::default();
        for kind in self.source.counts() {
            whole.count(kind, 0);
        }
        for (number, request) in walk.documents {
            match self.nodes[number].outcome.take() {
                Some(Outcome::Read(found)) => whole.extend(placed_by(*found, &request)),
                Some(Outcome::Failed(problem)) => whole.rejects.push(reject(&request, &problem)),
                None => {}
            }
        }
        merge(self.source.finish(whole), documents)
    }

    /// Adds documents, each once; new ones become ready to be fetched.
    fn add(
        &mut self,
        requests: Vec<DocumentRequest>,
        parent: &[u32],
    ) -> Vec<(usize, DocumentRequest)> {
        let mut named = Vec::new();
        for (at, request) in requests.into_iter().enumerate() {
            let new = self.nodes.len();
            let number = *self.numbers.entry(identity(&request)).or_insert(new);
            if number == new {
                let mut place = parent.to_vec();
                place.push(at as u32);
                if !self.is_full || is_about_annotations(&request) {
                    self.ready.insert(place.clone(), number);
                }
                self.nodes.push(Document {
                    request: request.clone(),
                    place,
                    outcome: None,
                    next: Vec::new(),
                });
            }
            named.push((number, request));
        }
        named
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
            !is_about_annotations(request)
                || canvas.is_none_or(|c| wanted.contains(c) || !there.contains(c))
        });
    }

    fn stop_when_full(&mut self) {
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
            self.nodes[number].outcome = Some(Outcome::Read(Box::default()));
        }
    }

    /// The documents in order, up to the first that is not read yet, and until enough images are found.
    fn walk(&self) -> Walk {
        let mut walk = Walk::default();
        let mut visited = HashSet::new();
        let mut seen = HashSet::new();
        let mut kept = 0;
        let mut stack: Vec<&(usize, DocumentRequest)> = self.roots.iter().rev().collect();
        while let Some((number, request)) = stack.pop() {
            let about_annotations = is_about_annotations(request);
            if (walk.is_full && !about_annotations) || !visited.insert(*number) {
                continue;
            }
            let node = &self.nodes[*number];
            match &node.outcome {
                None if about_annotations => {
                    walk.awaited.push(*number);
                    continue;
                }
                None => return walk,
                Some(Outcome::Failed(_)) => {}
                Some(Outcome::Read(found)) => {
                    let new = found
                        .observations
                        .iter()
                        .filter(|o| self.filter.wants(o) && seen.insert(same(o)));
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
    documents: Vec<(usize, DocumentRequest)>,
    awaited: Vec<usize>,
    is_full: bool,
}

fn is_about_annotations(request: &DocumentRequest) -> bool {
    request.is_for(ANNOTATIONS) || request.is_for(TEXT)
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

/// What all documents hold, each image once.
fn merge(whole: Found, documents: u64) -> Harvest {
    let mut seen = HashSet::new();
    let all = whole.observations.len();
    let mut observations = whole.observations;
    observations.retain(|observation| seen.insert(same(observation)));
    let mut notes = whole.notes;
    notes.sort();
    notes.dedup();
    Harvest {
        duplicates: (all - observations.len()) as u64,
        observations,
        annotations: whole.annotations,
        rejects: whole.rejects,
        counts: whole.counts,
        documents,
        notes,
        taxa: whole.taxa,
        names: whole.names,
    }
}

/// Observations with the same text are the same image in the same place.
fn same(o: &Observation) -> String {
    format!(
        "{}\n{:?}\n{:?}\n{:?}\n{:?}",
        o.id, o.source.manifest, o.source.canvas, o.placement, o.rotation
    )
}

fn reject(request: &DocumentRequest, problem: &str) -> Reject {
    match &request.from {
        None => Reject::new("command line", &request.location, "location", problem),
        Some(from) => Reject::new(&from.document, &request.location, from.role, problem),
    }
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
    use super::*;
    use crate::contracts::Provenance;
    use crate::sources::Referrer;

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
        let mut work = Worklist::new(&Words, &filter, limit);
        let mut open = Vec::new();
        loop {
            while let Some(next) = work.take_next() {
                open.push(next);
            }
            if work.is_done() {
                return work.finish();
            }
            let (number, request) = open.remove(turn % open.len());
            let body = documents.iter().find(|(name, _)| *name == request.location);
            let answer = body.map(|(name, text)| Answer {
                url: (*name).into(),
                bytes: (*text).into(),
                request: request.clone(),
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

    fn ids(harvest: &Harvest) -> Vec<&str> {
        harvest.observations.iter().map(|o| o.id.as_str()).collect()
    }

    #[test]
    fn cycles_end_and_order_is_the_documents_whoever_answers_first() {
        for turn in 0..7 {
            let found = harvest(GRAPH, None, turn);
            assert_eq!(ids(&found), ["1", "2", "5", "3", "4"], "{turn}");
            assert_eq!((found.documents, found.duplicates), (6, 1), "{turn}");
            assert_eq!(
                found.rejects,
                [Reject::new("c", "gone", "member", "not there: 404")]
            );
        }
    }

    #[test]
    fn a_limit_ends_the_harvest_where_the_order_of_documents_says() {
        for turn in 0..7 {
            assert_eq!(
                ids(&harvest(GRAPH, Some(3), turn)),
                ["1", "2", "5"],
                "{turn}"
            );
            assert_eq!(ids(&harvest(GRAPH, Some(1), turn)), ["1", "2"], "{turn}");
        }
    }
}
