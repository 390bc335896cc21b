//! What a source is, what it is given and what it returns.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::boxes::model::BoxDocument;
use crate::contracts::{Annotation, Frame, Metadata, Observation};
use crate::error::Error;
use crate::summary::{Reject, Rejects};

/// A place observations come from.
pub trait Source: Sync {
    /// What users type: `iiif`, `table`…
    fn name(&self) -> &'static str;
    /// The first requests, made from the inputs on the command line.
    fn first(&self) -> Vec<DocumentRequest>;
    /// URLs that the user named, by options and inputs: their hosts may receive tokens and keys. Hosts that only documents
    /// name may not.
    fn named(&self) -> Vec<String> {
        let first = self.first().into_iter();
        first.map(|request| request.location).collect()
    }
    /// What messages call its documents: `JSON`.
    fn expects(&self) -> &'static str;
    /// Whether it reads each document into one tree of JSON, whose size in memory is limited then.
    fn reads_trees(&self) -> bool {
        true
    }
    /// The counts that its reports always have, even if they are 0.
    fn counts(&self) -> &'static [&'static str];
    /// Reads one document.
    ///
    /// # Errors
    /// The source cannot continue at all, for example because a column does not exist. A record that cannot be used
    /// is a reject.
    fn read(&self, answer: &Answer) -> Result<Found, Error>;
    /// Reads one document and gives what it holds to `put`, in parts and in its order: a long table is never in memory as a
    /// whole.
    ///
    /// # Errors
    /// Those of [`read`](Source::read) and of `put`.
    fn read_parts(
        &self,
        answer: &Answer,
        put: &mut dyn FnMut(Found) -> Result<(), Error>,
    ) -> Result<(), Error> {
        put(self.read(answer)?)
    }
    /// What to use instead of a document that could not be read; none: it is rejected.
    ///
    /// # Errors
    /// The other documents are of no use without this one.
    fn failed(
        &self,
        _request: &DocumentRequest,
        _failure: &FetchFailure,
    ) -> Result<Option<Found>, Error> {
        Ok(None)
    }
    /// Whether `finish` does anything: then all that was found is held in memory for it, else it is put aside on the disk.
    fn finishes(&self) -> bool;
    /// What is lost with a document of annotations that cannot be read; none if it is not known to hold annotations.
    fn lost(&self, _request: &DocumentRequest) -> Option<Lost> {
        None
    }
    /// Puts texts that came in documents of their own, by URL, into an annotation that names them. Returns what cannot be
    /// used.
    fn fill_texts(
        &self,
        _placed: &mut Placed,
        _texts: &HashMap<String, FetchedText>,
    ) -> Vec<Reject> {
        Vec::new()
    }
    /// Processes everything once more when all documents are read, for sources where only all documents together show
    /// which images there are.
    fn finish(&self, found: Found) -> Found {
        found
    }
    /// Whether `finish` decides which images there are, so that a limit cannot end the run early.
    fn decides_in_finish(&self) -> bool {
        false
    }
    /// Makes one note of notes that differ only in what they name.
    fn unite_notes(&self, _notes: &mut Vec<String>) {}
    /// Whether a document that others name is left, with all it leads to, to one of several workers. Those that are not are read by
    /// each of them.
    fn may_be_left(&self, _request: &DocumentRequest) -> bool {
        false
    }
    /// What to change when no image was found: the setting behind a URL.
    fn hint(&self, _rejects: &Rejects) -> Option<String> {
        None
    }
}

/// The role of documents that hold annotations but no images. They are fetched only for images that are kept.
pub const ANNOTATIONS: &str = "annotations";

/// The role of transcriptions (ALTO, PAGE, hOCR), which are annotations in XML or HTML.
pub const TEXT: &str = "transcription";

/// The role of texts that are bodies of annotations: plain, HTML, or in JSON.
pub const BODY_TEXT: &str = "text of an annotation";

/// A document to fetch or read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentRequest {
    /// A URL, or the path of a file (`-`: standard input).
    pub location: String,
    /// JSON to send by POST; without it the document is fetched by GET.
    pub body: Option<String>,
    /// What the source needs to know to read the answer. Only the source itself reads it.
    pub memo: String,
    /// What led to the document; none for inputs on the command line.
    pub from: Option<Referrer>,
}

impl DocumentRequest {
    /// The requests for the inputs on the command line, in their order.
    pub fn of_inputs(inputs: &[String]) -> Vec<Self> {
        let request = |input: &String| DocumentRequest {
            location: input.clone(),
            ..DocumentRequest::default()
        };
        inputs.iter().map(request).collect()
    }

    /// Whether it holds annotations or their texts, and no images.
    pub fn is_about_annotations(&self) -> bool {
        let roles = [ANNOTATIONS, TEXT, BODY_TEXT];
        roles.into_iter().any(|role| self.is_for(role))
    }

    /// Whether the document has this role.
    pub fn is_for(&self, role: &str) -> bool {
        self.from.as_ref().is_some_and(|from| from.role == role)
    }
}

/// What led to a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Referrer {
    /// URL or file of the document that names it: the `input` of the reject if it cannot be read.
    pub document: String,
    /// Its role: `collection member`, `annotations`, `next page`…
    pub role: &'static str,
    /// Id of the manifest that names it.
    pub manifest: Option<String>,
    /// Id of the canvas that names it.
    pub canvas: Option<String>,
    /// Where it is named in that document; empty: not known.
    pub place: String,
}

/// Why a document could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FetchFailure {
    /// HTTP status of the last attempt, if there was a response.
    pub status: Option<u16>,
    /// What happened, as a message for people.
    pub problem: String,
    /// Whether the whole service is affected: a bad certificate, a login page, a refusal.
    pub is_of_service: bool,
    /// Whether the service may answer if less is requested: it refused the request, failed, or did not end its answer.
    pub may_be_size: bool,
    /// Whether the same request may be answered later.
    pub may_pass: bool,
}

impl FetchFailure {
    /// One that is in what was read, and not of the network.
    pub fn of(problem: impl Into<String>) -> Self {
        FetchFailure {
            problem: problem.into(),
            ..FetchFailure::default()
        }
    }

    /// A document that is not in the cache, with `--offline`. Where there is a cache, it may be filled later, such as by other
    /// workers.
    pub fn offline(has_cache: bool) -> Self {
        FetchFailure {
            may_pass: has_cache,
            ..FetchFailure::of(OFFLINE)
        }
    }

    /// Whether the problem of a reject is that of [`FetchFailure::offline`].
    pub fn is_offline(problem: &str) -> bool {
        problem.contains(OFFLINE)
    }
}

const OFFLINE: &str = "is not in the cache, and --offline forbids fetching it";

/// A document that was read.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The request that it answers.
    pub request: DocumentRequest,
    /// Its URL after redirects: the base of relative URLs.
    pub url: String,
    /// The bytes of the document.
    pub bytes: Vec<u8>,
    /// Its media type, with parameters, as the server states it.
    pub media_type: Option<String>,
}

/// What a document holds.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Images, in the order of the document.
    pub observations: Vec<Observation>,
    /// Annotations of canvases and images that may be in other documents.
    pub annotations: Vec<Placed>,
    /// Annotations that cannot be used.
    pub lost: Vec<Lost>,
    /// Whether nothing of the document could be read.
    pub is_unread: bool,
    /// Names by which annotations may refer to images, besides ids and URLs.
    pub names: Vec<ImageName>,
    /// Records that cannot be used.
    pub rejects: Vec<Reject>,
    /// Documents that this one leads to.
    pub next: Vec<DocumentRequest>,
    /// Counts for the report: `collections`, `manifests`, `canvases`, `images`, `services`, `annotations`, `rows`.
    pub counts: BTreeMap<&'static str, u64>,
    /// Notes for the report; the same note is printed once.
    pub notes: Vec<String>,
    /// Statements about whole manifests that come in documents of their own; for `finish`.
    pub manifests: Vec<About>,
    /// How many records a service reports, and which were found; for `finish`.
    pub expected: Vec<Count>,
    /// Nodes of a tree of concepts.
    pub taxa: Vec<TreeNode>,
    /// Documents of boxes that refer to each other; for `finish`.
    pub boxes: Vec<BoxDocument>,
    /// Texts of annotations in documents of their own, by URL, or why they cannot be read; for `fill_texts`.
    pub texts: Vec<(String, FetchedText)>,
}

/// A text in a document of its own, or the problem with it.
pub type FetchedText = Result<TextResource, String>;

/// A text in a document of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextResource {
    /// The text.
    pub text: String,
    /// Its media type, if it is known.
    pub format: Option<String>,
    /// Its language, as the source writes it.
    pub language: Option<String>,
    /// Its direction: `ltr`, `rtl`, `auto`.
    pub direction: Option<String>,
}

/// How many records of a name a service reports, and which were found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Count {
    /// The name that was searched for.
    pub name: String,
    /// How many the service reports; none if it does not report a number.
    pub counted: Option<u64>,
    /// Ids of those found, once or more often.
    pub found: Vec<String>,
    /// How many could not be read, and are rejected.
    pub unread: u64,
}

/// Statements about all images of a manifest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    /// Id of the manifest.
    pub manifest: String,
    /// Its label.
    pub label: Option<String>,
    /// Size in pixels, for images that do not have one of their own.
    pub frame: Option<Frame>,
    /// Everything else.
    pub metadata: Metadata,
}

/// A node of a tree of concepts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TreeNode {
    /// The concept.
    pub name: String,
    /// `genus`, `suborder`…
    pub rank: Option<String>,
    /// The concept above; none for the root, or if the document begins below it.
    pub parent: Option<String>,
    /// Synonyms, former names and common names.
    pub alternatives: Vec<String>,
}

impl Found {
    /// Adds to a count.
    pub fn count(&mut self, kind: &'static str, n: u64) {
        *self.counts.entry(kind).or_default() += n;
    }

    /// Adds the contents of another document.
    pub fn extend(&mut self, other: Found) {
        for (kind, n) in other.counts {
            self.count(kind, n);
        }
        self.observations.extend(other.observations);
        self.annotations.extend(other.annotations);
        self.lost.extend(other.lost);
        self.is_unread |= other.is_unread;
        self.names.extend(other.names);
        self.rejects.extend(other.rejects);
        self.next.extend(other.next);
        self.notes.extend(other.notes);
        self.manifests.extend(other.manifests);
        self.expected.extend(other.expected);
        self.taxa.extend(other.taxa);
        self.boxes.extend(other.boxes);
        self.texts.extend(other.texts);
    }
}

/// Another name of an image, or of the canvas that it is on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageName {
    /// The name: the id of the annotation that paints the image, or the id that this annotation has for its canvas.
    pub name: String,
    /// Id of the observation.
    pub observation: String,
    /// Id of the canvas, if the name is one of the canvas.
    pub canvas: Option<String>,
    /// If the name is that of a copy in another size: what makes pixels of it those of the image, across and down.
    pub scale: Option<[f64; 2]>,
}

/// An annotation and its target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Placed {
    /// The document that holds it.
    pub document: String,
    /// Where the target stands in the document: `items[0].annotations[0].items[2].target`; empty: not known.
    pub place: String,
    /// The manifest in which the target is looked up first, if known.
    pub manifest: Option<String>,
    /// What holds it.
    pub hung: Hung,
    /// Id of the canvas, image or image service it is about.
    pub target: String,
    /// The id as the document writes it, if that is not `target`: a canvas may have the id of a request for an image.
    pub named: Option<String>,
    /// The image, as the annotation itself describes it: used if no document holds it.
    pub image: Option<Box<Observation>>,
    /// Its bodies that are texts in documents of their own: their URLs, and where they stand in the document.
    pub texts: BTreeMap<String, String>,
    /// The annotation, with its regions of this target.
    pub annotation: Annotation,
}

impl Placed {
    /// A reject of its target.
    pub fn reject(self, problem: String) -> Reject {
        let field = match self.place.is_empty() {
            true => "target".to_owned(),
            false => self.place,
        };
        Reject::new(self.document, self.annotation.id, &field, problem)
    }
}

/// Annotations that cannot be used: without boxes, the images that they are about are no negatives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lost {
    /// The document that holds or names them.
    pub document: String,
    /// The manifest in which the target is looked up first, if known.
    pub manifest: Option<String>,
    /// What holds them.
    pub hung: Hung,
    /// Id of the canvas or image that they are about; none: not known.
    pub target: Option<String>,
    /// Whether it is a document of annotations: if no canvas holds it, they may be about all images of the manifest.
    pub is_document: bool,
}

/// What holds an annotation: of several images with the name of its target those are meant that hold it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hung {
    /// Id of the canvas in which it is embedded.
    pub canvas: Option<String>,
    /// Id of the observation, if it is embedded in one image of that canvas.
    pub image: Option<String>,
}

/// Whether a location is a web address; anything else is a file.
pub fn is_url(text: &str) -> bool {
    let start = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    start.starts_with("http://") || start.starts_with("https://")
}
