//! The source `fathomnet`: underwater images with boxes, by concept. FathomNet returns an image with all its boxes; those of
//! other concepts, and those that its reviewers rejected, are left out.

mod images;
mod options;
mod ranks;
mod task;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::{Value, json};

use super::addresses::{absolute, is_incomplete};
use super::concept_names::{self, below, encoded};
use super::concept_options::ConceptOptions;
use super::one_file;
use super::paging::{self, Divided, Span};
use super::source::{Answer, DocumentRequest, FetchFailure, Found, Placed, Source, is_url};
use super::taxonomy;
use super::unpack::without_mark;
use crate::contracts::{Annotation, Observation};
use crate::error::Error;
use crate::summary::{Reject, Rejects};
use crate::values::{self, excerpt, list, text};
pub use options::FathomNetOptions;
use task::Task;

/// The source `fathomnet`.
#[derive(Debug)]
pub struct FathomNet {
    /// The concepts to search for, as typed.
    pub concepts: Vec<String>,
    /// What to search for besides the concepts.
    pub query: ConceptOptions,
    /// Which service, and which of its boxes.
    pub options: FathomNetOptions,
}

impl Source for FathomNet {
    fn name(&self) -> &'static str {
        "fathomnet"
    }

    fn first(&self) -> Vec<DocumentRequest> {
        let first = |concept: &String| match self.query.descendants {
            true => self.ask_descendants(concept),
            false => self.ask_first_page(concept, "command line"),
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
        let document: Value =
            serde_json::from_slice(without_mark(&answer.bytes)).unwrap_or_default();
        let document = values::in_snake_case(document, &[]);
        let mut found = Found::default();
        let task = Task::of(&answer.request);
        let is_ranks = matches!(task, Task::Ancestors(_) | Task::Parent(_));
        let page = paging::page(&document);
        if !is_ranks && page.is_none() && !document["children"].is_array() {
            let said =
                text(&document["message"]).map(|said| format!(": the service reports \"{said}\""));
            let problem = format!("response is not a list{}", said.unwrap_or_default());
            if let Task::Page { concept, span } = task {
                return Ok(self.divided(&concept, &span, &FetchFailure::of(problem), url));
            }
            let reject = Reject::new("command line", url, "document", problem);
            found.rejects.push(reject);
            return Ok(found);
        }
        let is_tree = matches!(task, Task::Descendants { .. } | Task::Ancestors(_));
        if let Some(problem) = is_tree.then(|| taxonomy::too_large(&document)).flatten() {
            let reject = Reject::new("command line", url, "document", problem);
            found.rejects.push(reject);
            return Ok(found);
        }
        let rows = page.map_or(&[][..], |page| page.rows);
        match task {
            Task::Descendants { concept, .. } => {
                self.descendants(&concept, &document, url, &mut found)
            }
            Task::Ancestors(_) => found.taxa = taxonomy::nodes(&document),
            Task::Parent(concept) => {
                found.taxa = ranks::parent(&concept, &document);
                let above = found
                    .taxa
                    .last()
                    .map(|above| self.ask_parent(&above.name, url));
                found.next.extend(above);
            }
            Task::Names(typed) => {
                let known = || concept_names::listed_in(rows);
                if !known().any(|name| name == typed) {
                    return Err(concept_names::unknown(
                        &typed,
                        &concept_names::similar(&typed, known()),
                    ));
                }
            }
            Task::Providers { concept, failed } => {
                let provider = self.options.provider();
                if !concept_names::listed_in(rows).any(|name| name == provider) {
                    return Err(no_provider(provider, rows));
                }
                found = self.ask_worms(concept, failed, url);
            }
            Task::Page { concept, span } => self.page(&concept, &span, rows, url, &mut found),
        }
        Ok(found)
    }

    fn failed(
        &self,
        request: &DocumentRequest,
        failure: &FetchFailure,
    ) -> Result<Option<Found>, Error> {
        let url = &request.location;
        let cannot =
            || Error::new(format!("{url}: {}", failure.problem)).temporary(failure.may_pass);
        match Task::of(request) {
            // The service answers 500 for large branches (fathomnet-py issues 35 and 36).
            Task::Descendants { concept, failed } if failed.is_empty() => {
                let failed = format!("{url}: {}", failure.problem);
                Ok(Some(match self.options.provider {
                    None => self.ask_worms(concept, failed, url),
                    // It may be that there is no such taxonomy.
                    Some(_) => Found {
                        next: vec![self.ask_providers(concept, failed, url)],
                        ..Found::default()
                    },
                }))
            }
            Task::Providers { concept, failed } => Ok(Some(self.ask_worms(concept, failed, url))),
            Task::Descendants { concept, failed } => Err(cannot().hint(format!(
                "the other service failed too: {failed}; --provider NAME uses another taxonomy, and without \
                 --descendants only \"{concept}\" itself is searched"
            ))),
            Task::Ancestors(concept) => Ok(Some(Found {
                next: vec![self.ask_parent(&concept, url)],
                ..Found::default()
            })),
            // Ranks are optional: boxes are kept without them.
            Task::Names(_) | Task::Parent(_) => Ok(Some(Found::default())),
            Task::Page { .. } if failure.is_of_service || failure.status == Some(404) => {
                Err(cannot().hint(match failure.status {
                    Some(401 | 403) => format!(
                        "give a key with --header 'X-API-Key: KEY'; {}",
                        self.advice()
                    ),
                    _ => self.advice(),
                }))
            }
            Task::Page { concept, span } if failure.may_be_size => {
                Ok(Some(self.divided(&concept, &span, failure, url)))
            }
            Task::Page { .. } => Ok(None),
        }
    }

    /// An image is found once for each of its concepts. Merges these into one image with all boxes.
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
            let is_new = seen.insert((placed.target.clone(), placed.annotation.id.clone()));
            if let (true, Some(at)) = (is_new, places.get(&placed.target)) {
                images[*at].annotations.push(placed.annotation);
            }
        }
        for image in &mut images {
            image.annotations.sort_by(|a, b| a.id.cmp(&b.id));
        }
        found.observations = images;
        one_file::unite(&mut found);
        let images = &found.observations;
        let boxes: usize = images.iter().map(|image| image.annotations.len()).sum();
        let images = images.len() as u64;
        found.count("boxes", boxes as u64);
        found.count("images", images);
        found.taxa = ranks::nearest(std::mem::take(&mut found.taxa), &self.concepts);
        found
    }

    fn finishes(&self) -> bool {
        true
    }

    fn decides_in_finish(&self) -> bool {
        // With several concepts, each page has only the boxes of its own concept.
        !self.query.all && (self.concepts.len() > 1 || self.query.descendants)
    }

    fn hint(&self, rejects: &Rejects) -> Option<String> {
        // Rejects of documents, not those of images and boxes within them. The URL is not to blame for what --offline forbids.
        let is_document = |r: Reject| {
            (is_url(&r.record) || r.field == "images") && !FetchFailure::is_offline(&r.problem)
        };
        rejects.iter().any(is_document).then(|| self.advice())
    }
}

impl FathomNet {
    fn advice(&self) -> String {
        format!("check the URL {}; --base sets another", self.options.base())
    }

    fn ask_descendants(&self, concept: &str) -> DocumentRequest {
        let provider = self.options.provider();
        let path = format!("taxa/query/{}/{}", encoded(provider), encoded(concept));
        let task = Task::Descendants {
            concept: concept.to_owned(),
            failed: String::new(),
        };
        task.ask(&below(self.options.base(), &path), None, "command line")
    }

    /// Requests the concepts above a concept: from the service that returns all at once, unless a taxonomy was chosen.
    fn ask_ranks(&self, concept: &str, from: &str) -> DocumentRequest {
        match self.options.provider {
            Some(_) => self.ask_parent(concept, from),
            None => {
                let path = format!("taxa/ancestors/{}", encoded(concept));
                let url = below(&self.options.worms(), &path);
                Task::Ancestors(concept.to_owned()).ask(&url, None, from)
            }
        }
    }

    fn ask_parent(&self, concept: &str, from: &str) -> DocumentRequest {
        let provider = self.options.provider();
        let path = format!(
            "taxa/query/parent/{}/{}",
            encoded(provider),
            encoded(concept)
        );
        Task::Parent(concept.to_owned()).ask(&below(self.options.base(), &path), None, from)
    }

    fn ask_first_page(&self, concept: &str, from: &str) -> DocumentRequest {
        let span = Span::planned(0, 1, self.query.page_size(), None);
        self.ask_page(concept, span, from)
    }

    fn ask_page(&self, concept: &str, span: Span, from: &str) -> DocumentRequest {
        let body = json!({"concept": concept, "includeUnverified": true, "includeVerified": true,
            "limit": span.limit, "offset": span.offset});
        let task = Task::Page {
            concept: concept.to_owned(),
            span,
        };
        task.ask(
            &below(self.options.base(), "images/query"),
            Some(body),
            from,
        )
    }

    fn ask_providers(&self, concept: String, failed: String, from: &str) -> DocumentRequest {
        let list = below(self.options.base(), "taxa/list/providers");
        Task::Providers { concept, failed }.ask(&list, None, from)
    }

    /// Requests the descendants from the WoRMS service on the same host.
    fn ask_worms(&self, concept: String, failed: String, from: &str) -> Found {
        let path = format!("descendants/{}?accepted=true", encoded(&concept));
        let note = self.options.provider.as_ref().map(|provider| {
            format!(
                "descendants of \"{concept}\" are those of WoRMS, not of \"{provider}\": {failed}"
            )
        });
        let task = Task::Descendants { concept, failed };
        Found {
            next: vec![task.ask(&below(&self.options.worms(), &path), None, from)],
            notes: note.into_iter().collect(),
            ..Found::default()
        }
    }

    /// The concept and all concepts below it: each is searched.
    fn descendants(&self, concept: &str, document: &Value, url: &str, found: &mut Found) {
        let mut names: BTreeMap<String, Option<String>> = BTreeMap::new();
        let mut open = vec![document];
        while let Some(value) = open.pop() {
            let name = value.as_str().or_else(|| value["name"].as_str());
            if let Some(name) = name {
                names.insert(name.to_owned(), text(&value["rank"]));
            }
            open.extend(paging::page(value).into_iter().flat_map(|page| page.rows));
            open.extend(list(&value["children"]));
        }
        let rank = names.remove(concept).flatten();
        let node = ranks::node;
        found.taxa.push(node(concept, rank, None));
        found.next.push(self.ask_first_page(concept, url));
        for (name, rank) in names {
            found.next.push(self.ask_first_page(&name, url));
            found.taxa.push(node(&name, rank, Some(concept)));
        }
    }

    fn page(&self, concept: &str, span: &Span, rows: &[Value], url: &str, found: &mut Found) {
        let (read, offset) = (rows.len() as u64, span.offset);
        let fingerprint = paging::fingerprint(rows.iter().map(images::id));
        if offset == 0 {
            found.count("names", 1);
        }
        if read == 0 && offset == 0 && !self.query.descendants {
            let names = below(self.options.base(), "boundingboxes/list/concepts");
            found
                .next
                .push(Task::Names(concept.to_owned()).ask(&names, None, url));
        }
        if read == 0 {
            return;
        }
        if fingerprint.is_some() && fingerprint == span.before {
            // A short list that is returned at any offset is complete.
            if read >= span.limit {
                let problem = format!(
                    "images are missing: the service returns the same page at any offset after {offset}"
                );
                found
                    .rejects
                    .push(Reject::new(url, concept, "offset", problem));
            }
            return;
        }
        for image in rows {
            self.image(concept, image, url, found);
        }
        let boxes = found.annotations.iter();
        let taxa: BTreeSet<&str> = boxes
            .filter_map(|b| b.annotation.attributes.get("taxon")?.as_str())
            .collect();
        let ranks: Vec<DocumentRequest> = taxa
            .iter()
            .map(|taxon| self.ask_ranks(taxon, url))
            .collect();
        found.next.extend(ranks);
        // A short page may be due to a limit of the service: only an empty page is the end.
        let rest = span.rest(read, fingerprint, self.query.page_size());
        found
            .next
            .extend(rest.map(|span| self.ask_page(concept, span, url)));
    }

    /// What to do after a page could not be read, although the service can be reached: fewer images are requested at a
    /// time, and one that fails even alone is rejected.
    fn divided(&self, concept: &str, span: &Span, failure: &FetchFailure, url: &str) -> Found {
        let problem = &failure.problem;
        let mut found = Found::default();
        let from = span.offset + 1;
        let (next, which) = match span.divided(self.query.page_size()) {
            Divided::Smaller(smaller) => {
                found.notes.push(format!(
                    "a page of images of \"{concept}\" was requested again in smaller parts: {problem}"
                ));
                (Some(smaller), None)
            }
            Divided::Lost(next) => (next, Some(format!("image {from}"))),
            Divided::Hopeless(_) => (None, Some(format!("images from {from} on"))),
        };
        let lost = which.map(|which| {
            let problem =
                format!("{problem}: {which} of \"{concept}\", in the order of the service");
            Reject::new(url, concept, "images", problem).temporary(failure.may_pass)
        });
        found.rejects.extend(lost);
        let next = next.map(|span| self.ask_page(concept, span, url));
        found.next.extend(next);
        found
    }

    fn image(&self, concept: &str, image: &Value, url: &str, found: &mut Found) {
        if !image.is_object() {
            let shown = excerpt(&image.to_string());
            let problem = format!("image is not an object: {shown}");
            found
                .rejects
                .push(Reject::new(url, concept, "images", problem));
            return;
        }
        let id = images::id(image);
        if values::is_content_id(&id) {
            found
                .notes
                .push("some images have no uuid: ids are made from their content".into());
        }
        let written = text(&image["url"]);
        if written.as_deref().is_some_and(is_incomplete) {
            let base = self.options.base();
            let note = format!("URLs of images that are not complete are resolved against {base}");
            found.notes.push(note);
        }
        let address = written.map(|url| absolute(&url, Some(self.options.base())));
        let address = address.filter(|url| is_url(url));
        let before = found.annotations.len();
        for (box_id, value) in images::boxes(image) {
            // A box without a concept that can be read is listed.
            let is_asked =
                self.query.all || images::concept(value).is_none_or(|c| c == concept.trim());
            if !is_asked {
                continue;
            }
            let (_, is_rejected) = images::review(value);
            if is_rejected && !self.options.include_rejected {
                found.count("boxes", 1);
                found.count("boxes_filtered", 1);
                continue;
            }
            let outcome = match &address {
                Some(_) => images::annotation(box_id.clone(), value),
                None => Err((
                    "url",
                    format!("URL of the image is missing: {}", image["url"]),
                )),
            };
            place(outcome, &box_id, &id, url, found);
        }
        // In training data an image without boxes would claim that there is nothing on it.
        if found.annotations.len() > before {
            found
                .observations
                .push(images::observation(&id, image, address));
        }
    }
}

/// Puts a box on its image, or rejects it.
fn place(
    outcome: Result<Annotation, images::FieldProblem>,
    box_id: &str,
    image: &str,
    url: &str,
    found: &mut Found,
) {
    if values::is_content_id(box_id) {
        let note = "some boxes have no uuid: ids are made from their content";
        found.notes.push(note.into());
    }
    match outcome {
        Ok(annotation) => found.annotations.push(Placed {
            document: url.to_owned(),
            target: image.to_owned(),
            annotation,
            ..Placed::default()
        }),
        Err((field, problem)) => {
            found.count("boxes", 1);
            found.count("boxes_rejected", 1);
            let field = format!("{box_id}/{field}");
            found.rejects.push(Reject::new(url, image, &field, problem));
        }
    }
}

/// The error for a taxonomy that the service does not have.
fn no_provider(provider: &str, rows: &[Value]) -> Error {
    let mut known: Vec<&str> = concept_names::listed_in(rows).collect();
    known.sort_unstable();
    let error = Error::usage(format!("no such taxonomy: --provider {provider}"));
    match known.is_empty() {
        true => error,
        false => error.hint(format!("the service has {}", known.join(", "))),
    }
}
