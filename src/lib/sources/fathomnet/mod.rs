//! FathomNet: images of the sea with boxes, by concept. An image comes with all its boxes; those of concepts that
//! were not asked for, and those that its reviewers rejected, are left where they are.

mod images;
mod ranks;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::contracts::Observation;
use crate::error::Error;
use crate::sources::names::{self, below, encoded};
use crate::sources::tree;
use crate::sources::{Answer, Concepts, Found, From, Loss, Placed, Request, Source, is_url};
use crate::summary::Reject;
use crate::values::{list, text};

/// The public service.
const BASE: &str = "https://database.fathomnet.org/api";

/// Which service, and which of its boxes.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Source fathomnet")]
pub struct Options {
    /// Base URL of the service [default: https://database.fathomnet.org/api]
    #[arg(long, value_name = "URL")]
    pub base: Option<String>,
    /// Taxonomy that --descendants follows, one of those the service lists [default: fathomnet]
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// Keep boxes that reviewers rejected
    #[arg(long)]
    pub include_rejected: bool,
}

impl Options {
    /// The first option given, as users type it.
    pub fn given(&self) -> Option<&'static str> {
        let options = [
            (self.base.is_some(), "--base"),
            (self.provider.is_some(), "--provider"),
            (self.include_rejected, "--include-rejected"),
        ];
        let mut given = options.into_iter().filter(|(given, _)| *given);
        given.next().map(|(_, name)| name)
    }

    fn base(&self) -> &str {
        self.base.as_deref().unwrap_or(BASE)
    }

    fn provider(&self) -> &str {
        self.provider.as_deref().unwrap_or("fathomnet")
    }

    /// The WoRMS service beside it, which knows descendants too.
    fn worms(&self) -> String {
        let base = self.base().trim_end_matches('/');
        below(base.strip_suffix("/api").unwrap_or(base), "worms")
    }
}

/// The source `fathomnet`.
#[derive(Debug)]
pub struct FathomNet {
    /// The concepts asked for, as typed.
    pub concepts: Vec<String>,
    /// What of them.
    pub asked: Concepts,
    /// Which service, and which of its boxes.
    pub options: Options,
}

/// What each document is asked for: the memo of its request.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Task {
    /// Everything below a concept; the other service is asked when the first fails.
    Descendants { concept: String, failed: String },
    /// Everything above a concept, with ranks.
    Ancestors(String),
    /// What is right above a concept, where the service that knows all of it has no answer.
    Parent(String),
    /// All concepts that boxes bear, to find those near one that nobody knows.
    Names(String),
    /// Some of the images of a concept.
    Page {
        concept: String,
        offset: u64,
        /// The first image of the page before, by which a service that gives one page for ever is found out.
        before: Option<String>,
    },
}

impl Task {
    fn ask(self, url: &str, body: Option<Value>, from: &str) -> Request {
        let role = match &self {
            Task::Descendants { .. } => "descendants",
            Task::Ancestors(_) | Task::Parent(_) => "ranks",
            Task::Names(_) => "names of concepts",
            Task::Page { .. } => "images",
        };
        Request {
            location: url.to_owned(),
            body: body.map(|body| body.to_string()),
            // An enum of texts and numbers is always JSON.
            memo: serde_json::to_string(&self).unwrap_or_default(),
            from: Some(From {
                document: from.to_owned(),
                role,
                manifest: None,
                canvas: None,
            }),
        }
    }

    fn of(request: &Request) -> Self {
        // Every request of this source is made by `ask`.
        serde_json::from_str(&request.memo).unwrap_or(Task::Names(String::new()))
    }
}

impl Source for FathomNet {
    fn name(&self) -> &'static str {
        "fathomnet"
    }

    fn first(&self) -> Vec<Request> {
        let first = |concept: &String| match self.asked.descendants {
            true => self.ask_descendants(concept),
            false => self.ask_page(concept, 0, None, "command line"),
        };
        self.concepts.iter().map(first).collect()
    }

    fn expects(&self) -> &'static str {
        "JSON"
    }

    fn counts(&self) -> &'static [&'static str] {
        &[
            "names",
            "images",
            "boxes",
            "boxes_rejected",
            "boxes_filtered",
        ]
    }

    fn read(&self, answer: &Answer) -> Result<Found, Error> {
        let url = &answer.request.location;
        let document: Value = serde_json::from_slice(&answer.bytes).unwrap_or_default();
        let mut found = Found::default();
        let task = Task::of(&answer.request);
        let is_ranks = matches!(task, Task::Ancestors(_) | Task::Parent(_));
        if !is_ranks && !document.is_array() && !document["children"].is_array() {
            let said =
                text(&document["message"]).map(|said| format!(": the service says \"{said}\""));
            let problem = format!("is no list{}", said.unwrap_or_default());
            let reject = Reject::new("command line", url, "document", problem);
            found.rejects.push(reject);
            return Ok(found);
        }
        match task {
            Task::Descendants { concept, .. } => {
                self.descendants(&concept, &document, url, &mut found)
            }
            Task::Ancestors(_) => found.taxa = tree::nodes(&document),
            Task::Parent(concept) => {
                found.taxa = ranks::parent(&concept, &document);
                let above = found
                    .taxa
                    .last()
                    .map(|above| self.ask_parent(&above.name, url));
                found.next.extend(above);
            }
            Task::Names(typed) => {
                let known = || list(&document).filter_map(Value::as_str);
                if !known().any(|name| name == typed) {
                    return Err(names::unknown(&typed, &names::near(&typed, known())));
                }
            }
            Task::Page {
                concept,
                offset,
                before,
            } => self.page(&concept, offset, before, &document, url, &mut found),
        }
        Ok(found)
    }

    fn lost(&self, request: &Request, loss: &Loss) -> Result<Option<Found>, Error> {
        let url = &request.location;
        let cannot = || Error::new(format!("{url}: {}", loss.problem));
        match Task::of(request) {
            // For large branches it answers 500 (fathomnet-py issues 35 and 36).
            Task::Descendants { concept, failed } if failed.is_empty() => {
                let path = format!("descendants/{}?accepted=true", encoded(&concept));
                let failed = format!("{url}: {}", loss.problem);
                let task = Task::Descendants { concept, failed };
                Ok(Some(Found {
                    next: vec![task.ask(&below(&self.options.worms(), &path), None, url)],
                    ..Found::default()
                }))
            }
            Task::Descendants { concept, failed } => Err(cannot().hint(format!(
                "neither is there an answer from {failed}; --provider NAME asks another taxonomy, and without \
                 --descendants only \"{concept}\" itself is searched"
            ))),
            Task::Ancestors(concept) => Ok(Some(Found {
                next: vec![self.ask_parent(&concept, url)],
                ..Found::default()
            })),
            // Ranks are beside the point: boxes are kept without them.
            Task::Names(_) | Task::Parent(_) => Ok(Some(Found::default())),
            Task::Page { .. } if loss.is_of_service || loss.status == Some(404) => {
                Err(cannot().hint(self.advice()))
            }
            Task::Page { .. } => Ok(None),
        }
    }

    /// An image is met once for each of its concepts that was asked for: it is one, with the boxes of all.
    fn finish(&self, mut found: Found) -> Found {
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut images: Vec<Observation> = Vec::new();
        for image in std::mem::take(&mut found.observations) {
            if !places.contains_key(&image.id) {
                places.insert(image.id.clone(), images.len());
                images.push(image);
            }
        }
        let mut seen = HashSet::new();
        for placed in std::mem::take(&mut found.annotations) {
            let is_new = seen.insert(placed.annotation.id.clone());
            if let (true, Some(at)) = (is_new, places.get(&placed.target)) {
                images[*at].annotations.push(placed.annotation);
            }
        }
        for image in &mut images {
            image.annotations.sort_by(|a, b| a.id.cmp(&b.id));
        }
        let boxes: usize = images.iter().map(|image| image.annotations.len()).sum();
        found.count("boxes", boxes as u64);
        found.count("images", images.len() as u64);
        found.taxa = ranks::nearest(std::mem::take(&mut found.taxa), &self.concepts);
        found.observations = images;
        found
    }

    fn decides_late(&self) -> bool {
        // Of several concepts each page tells of its own boxes only.
        !self.asked.all && (self.concepts.len() > 1 || self.asked.descendants)
    }

    fn hint(&self, rejects: &[Reject]) -> Option<String> {
        (!rejects.is_empty()).then(|| self.advice())
    }
}

impl FathomNet {
    fn advice(&self) -> String {
        format!(
            "is {} the right address? --base names another",
            self.options.base()
        )
    }

    fn ask_descendants(&self, concept: &str) -> Request {
        let provider = self.options.provider();
        let path = format!("taxa/query/{}/{}", encoded(provider), encoded(concept));
        let task = Task::Descendants {
            concept: concept.to_owned(),
            failed: String::new(),
        };
        task.ask(&below(self.options.base(), &path), None, "command line")
    }

    /// What is above a concept: of the service that gives it in one answer, unless users chose a taxonomy.
    fn ask_ranks(&self, concept: &str, from: &str) -> Request {
        match self.options.provider {
            Some(_) => self.ask_parent(concept, from),
            None => {
                let path = format!("taxa/ancestors/{}", encoded(concept));
                let url = below(&self.options.worms(), &path);
                Task::Ancestors(concept.to_owned()).ask(&url, None, from)
            }
        }
    }

    fn ask_parent(&self, concept: &str, from: &str) -> Request {
        let provider = self.options.provider();
        let path = format!(
            "taxa/query/parent/{}/{}",
            encoded(provider),
            encoded(concept)
        );
        Task::Parent(concept.to_owned()).ask(&below(self.options.base(), &path), None, from)
    }

    fn ask_page(&self, concept: &str, offset: u64, before: Option<String>, from: &str) -> Request {
        let body = json!({"concept": concept, "includeUnverified": true, "includeVerified": true,
            "limit": self.asked.page_size(), "offset": offset});
        let task = Task::Page {
            concept: concept.to_owned(),
            offset,
            before,
        };
        task.ask(
            &below(self.options.base(), "images/query"),
            Some(body),
            from,
        )
    }

    /// The concept and all below it, each of which is searched.
    fn descendants(&self, concept: &str, document: &Value, url: &str, found: &mut Found) {
        let mut names: BTreeMap<String, Option<String>> = BTreeMap::new();
        let mut open = vec![document];
        while let Some(value) = open.pop() {
            let name = value.as_str().or_else(|| value["name"].as_str());
            if let Some(name) = name {
                names.insert(name.to_owned(), text(&value["rank"]));
            }
            open.extend(list(value));
            open.extend(list(&value["children"]));
        }
        let rank = names.remove(concept).flatten();
        let node = ranks::node;
        found.taxa.push(node(concept, rank, None));
        found.next.push(self.ask_page(concept, 0, None, url));
        for (name, rank) in names {
            found.next.push(self.ask_page(&name, 0, None, url));
            found.taxa.push(node(&name, rank, Some(concept)));
        }
    }

    fn page(
        &self,
        concept: &str,
        offset: u64,
        before: Option<String>,
        document: &Value,
        url: &str,
        found: &mut Found,
    ) {
        let read = list(document).count() as u64;
        let first = list(document).next().and_then(|image| text(&image["uuid"]));
        if offset == 0 {
            found.count("names", 1);
        }
        if read == 0 && offset == 0 && !self.asked.descendants {
            let names = below(self.options.base(), "boundingboxes/list/concepts");
            found
                .next
                .push(Task::Names(concept.to_owned()).ask(&names, None, url));
        }
        if read == 0 {
            return;
        }
        if first.is_some() && first == before {
            // A short list that is given whatever is asked for is all there is.
            if read >= self.asked.page_size() {
                let problem = format!(
                    "images are missing: the same page is given again and again after {offset}"
                );
                found
                    .rejects
                    .push(Reject::new(url, concept, "offset", problem));
            }
            return;
        }
        for image in list(document) {
            self.image(concept, image, url, found);
        }
        let boxes = found.annotations.iter();
        let taxa: BTreeSet<&str> = boxes
            .filter_map(|b| b.annotation.attributes.get("taxon")?.as_str())
            .collect();
        let ranks: Vec<Request> = taxa
            .iter()
            .map(|taxon| self.ask_ranks(taxon, url))
            .collect();
        found.next.extend(ranks);
        // A short page may be a cap as well as the end: only an empty one is the end.
        found
            .next
            .push(self.ask_page(concept, offset + read, first, url));
    }

    fn image(&self, concept: &str, image: &Value, url: &str, found: &mut Found) {
        let id = text(&image["uuid"]).unwrap_or_else(|| "image without uuid".into());
        let address = text(&image["url"]).filter(|url| is_url(url));
        let before = found.annotations.len();
        let is_asked = |b: &&Value| self.asked.all || b["concept"].as_str() == Some(concept);
        for value in list(&image["boundingBoxes"]).filter(is_asked) {
            let is_refused = value["rejected"] == true || value["reviewState"] == "REJECTED";
            if is_refused && !self.options.include_rejected {
                found.count("boxes", 1);
                found.count("boxes_filtered", 1);
                continue;
            }
            let outcome = match &address {
                Some(_) => images::annotation(value),
                None => Err(("url", format!("image has no web address: {}", image["url"]))),
            };
            match outcome {
                Ok(annotation) => found.annotations.push(Placed {
                    document: url.to_owned(),
                    manifest: None,
                    target: id.clone(),
                    image: None,
                    annotation,
                }),
                Err((field, problem)) => {
                    found.count("boxes", 1);
                    found.count("boxes_rejected", 1);
                    let field = format!("{}/{field}", text(&value["uuid"]).unwrap_or_default());
                    found.rejects.push(Reject::new(url, &id, &field, problem));
                }
            }
        }
        // Without a box an image would say that there is nothing on it.
        if found.annotations.len() > before {
            found
                .observations
                .push(images::observation(&id, image, address));
        }
    }
}
