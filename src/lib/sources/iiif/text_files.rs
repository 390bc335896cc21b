//! Transcriptions (ALTO, PAGE, hOCR) that documents link to by `seeAlso` and `rendering`: which links are followed, and what
//! the files say about canvases and images.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::reader::Reader;
use super::text_links::{Declared, among_annotations, declared, links};
use super::values::{id, list, resolve};
use crate::contracts::{Annotation, Frame, Observation, Space};
use crate::sources::text::{self, Granularity, Names, TextFile, TextKind, TextPage};
use crate::sources::text_options::TextChoice;
use crate::sources::{Answer, DocumentRequest, Found, Hung, Placed, Referrer, TEXT};
use crate::summary::Reject;

/// What the answer to a request needs to be read: the memo of the request.
#[derive(Debug, Default, Serialize, Deserialize)]
struct TextMemo {
    /// The format that the link declares: `alto`, `page`, `hocr`.
    declared: Option<String>,
    /// The canvases that it may be about.
    canvases: Vec<TextCanvas>,
}

/// A canvas that a transcription may be about.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct TextCanvas {
    id: String,
    size: Option<Frame>,
    /// Its image, if it has only one: id and size in pixels.
    image: Option<(String, Option<Frame>)>,
    /// Names of its images.
    names: Vec<String>,
}

impl Reader<'_> {
    /// Follows the transcriptions of a canvas and of the images painted on it, and keeps all links with its observations,
    /// which are those from number `first` on.
    pub(super) fn text_of_canvas(
        &mut self,
        canvas: &Value,
        (canvas_id, manifest): (&str, Option<&str>),
        size: Option<Frame>,
        first: usize,
    ) {
        let resources = [canvas].into_iter().chain(painted(canvas));
        let resources: Vec<&Value> = resources.collect();
        let (base, observations) = (&self.base, &mut self.found.observations[first..]);
        let kept: Vec<_> = resources.iter().flat_map(|r| links(r, base)).collect();
        for observation in observations.iter_mut() {
            observation.see_also.clone_from(&kept);
        }
        let about = TextCanvas::of(canvas_id, size, observations);
        for resource in resources {
            self.follow(resource, vec![about.clone()], manifest, Some(canvas_id));
        }
    }

    /// Follows the transcriptions of a whole manifest, unless its canvases have their own. Its observations are those from
    /// number `first` on.
    pub(super) fn text_of_manifest(&mut self, manifest: &Value, id: Option<&str>, first: usize) {
        let of_canvases = self.found.next.iter().any(|request| {
            let from = request.from.as_ref();
            from.is_some_and(|f| f.role == TEXT && f.manifest.as_deref() == id)
        });
        if of_canvases || followed(manifest, false).is_empty() {
            return;
        }
        let mut canvases: Vec<TextCanvas> = Vec::new();
        let of_one =
            self.found.observations[first..].chunk_by(|a, b| a.source.canvas == b.source.canvas);
        for observations in of_one {
            if let Some(name) = &observations[0].source.canvas {
                canvases.push(TextCanvas::of(name, observations[0].canvas, observations));
            }
        }
        self.follow(manifest, canvases, id, None);
    }

    fn follow(
        &mut self,
        resource: &Value,
        canvases: Vec<TextCanvas>,
        manifest: Option<&str>,
        canvas: Option<&str>,
    ) {
        let mut memo = TextMemo {
            declared: None,
            canvases,
        };
        for (link, kind) in followed(resource, canvas.is_some()) {
            memo.declared = kind.map(|kind| kind.word().to_owned());
            self.lead_to_transcription(link, &memo, manifest, canvas);
        }
    }

    fn lead_to_transcription(
        &mut self,
        link: &Value,
        memo: &TextMemo,
        manifest: Option<&str>,
        canvas: Option<&str>,
    ) {
        let Some(location) = id(link).and_then(|id| resolve(&self.base, id)) else {
            let record = id(link).unwrap_or("reference without id");
            let problem = "reference cannot be followed: it is not a URL";
            let reject = Reject::new(self.name, record, TEXT, problem);
            return self.found.rejects.push(reject);
        };
        let request = DocumentRequest {
            location,
            memo: serde_json::to_string(memo).unwrap_or_default(),
            from: Some(Referrer {
                document: self.name.to_owned(),
                role: TEXT,
                manifest: manifest.map(str::to_owned),
                canvas: canvas.map(str::to_owned),
            }),
            ..DocumentRequest::default()
        };
        // `seeAlso` and `rendering` often name the same file.
        if !self.found.next.contains(&request) {
            self.found.next.push(request);
        }
    }
}

/// The links of a resource that are worth following, each with the format that it declares.
fn followed(resource: &Value, is_canvas: bool) -> Vec<(&Value, Option<TextKind>)> {
    let mut followed = Vec::new();
    for member in [
        "seeAlso",
        "rendering",
        "annotations",
        "otherContent",
        "hasAnnotations",
    ] {
        // Records about an object are XML too: then only canvases are worth a try, and not by what shows them to people.
        let is_tried = match member {
            "seeAlso" => is_canvas,
            "rendering" => false,
            _ => true,
        };
        for link in list(resource, member) {
            let declared = match member {
                "seeAlso" | "rendering" => declared(link),
                _ => among_annotations(link),
            };
            match declared {
                Declared::Kind(kind) => followed.push((link, Some(kind))),
                Declared::Perhaps if is_tried => followed.push((link, None)),
                _ => {}
            }
        }
    }
    followed
}

impl TextCanvas {
    fn of(id: &str, size: Option<Frame>, observations: &[Observation]) -> Self {
        // A part of a service's image is not what a transcription is made from.
        let image = match observations {
            [only]
                if only
                    .image
                    .service
                    .as_ref()
                    .is_none_or(|s| s.region.is_none()) =>
            {
                let declared = only.image.declared().map(|size| size.map(f64::from));
                Some((
                    only.id.clone(),
                    declared.and_then(|size| Frame::try_from(size).ok()),
                ))
            }
            _ => None,
        };
        let names = observations.iter().flat_map(|o| {
            let service = o.image.service.as_ref().map(|s| s.id.clone());
            service.into_iter().chain(o.image.url.clone())
        });
        TextCanvas {
            id: id.to_owned(),
            size,
            image,
            names: names.collect(),
        }
    }

    fn placed(&self, space: Space) -> &str {
        match (space, &self.image) {
            (Space::Image, Some((id, _))) => id,
            _ => &self.id,
        }
    }
}

/// The resources that are painted on a canvas, alternatives and parts of images included.
fn painted(canvas: &Value) -> Vec<&Value> {
    let pages = list(canvas, "items").into_iter();
    let paintings = pages.flat_map(|page| list(page, "items"));
    let paintings = paintings.chain(list(canvas, "images"));
    let mut resources = Vec::new();
    let mut left: Vec<&Value> = paintings.flat_map(bodies).collect();
    while let Some(resource) = left.pop() {
        let inside = ["items", "item", "default", "source", "full"].into_iter();
        left.extend(inside.flat_map(|member| list(resource, member)));
        resources.push(resource);
    }
    resources.reverse();
    resources
}

fn bodies(painting: &Value) -> impl Iterator<Item = &Value> {
    let members = ["body", "resource"].into_iter();
    let bodies = members.flat_map(|member| list(painting, member));
    bodies.filter(|body| body.is_object())
}

/// Leaves out the requests for transcriptions that are not wanted: of each canvas those of one kind are read, and files of
/// unknown kind only where no link declares one.
pub fn choose(choice: TextChoice, found: &mut Found) {
    let declared = |request: &DocumentRequest| -> Option<TextKind> {
        let memo: TextMemo = serde_json::from_str(&request.memo).unwrap_or_default();
        TextKind::ALL
            .into_iter()
            .find(|kind| memo.declared.as_deref() == Some(kind.word()))
    };
    let place = |request: &DocumentRequest| {
        let from = request.from.as_ref();
        from.map(|from| (from.manifest.clone(), from.canvas.clone()))
    };
    let mut offered: HashMap<_, Vec<TextKind>> = HashMap::new();
    for request in found.next.iter().filter(|request| request.is_for(TEXT)) {
        let kinds = offered.entry(place(request)).or_default();
        kinds.extend(declared(request));
    }
    found.next.retain(|request| {
        if !request.is_for(TEXT) {
            return true;
        }
        let kinds = offered.get(&place(request)).map_or(&[][..], Vec::as_slice);
        match declared(request) {
            Some(kind) => {
                let chosen = choice.among(kinds);
                if let Some(chosen) = chosen.filter(|_| choice == TextChoice::Auto && chosen != Some(kind)) {
                    found.notes.push(format!(
                        "transcriptions are offered in several formats: {} is read, --text chooses another",
                        chosen.name()
                    ));
                }
                chosen == Some(kind)
            }
            None => choice != TextChoice::None && choice.among(kinds).is_none(),
        }
    });
}

/// Reads a transcription that a document links to.
pub fn read(answer: &Answer, choice: TextChoice, granularity: &[Granularity]) -> Found {
    let mut found = Found::default();
    let name = &answer.request.location;
    let memo: TextMemo = serde_json::from_str(&answer.request.memo).unwrap_or_default();
    let mut file = match text::read(&answer.bytes) {
        Ok(file) => file,
        // The link did not say that it is one.
        Err(problem) if memo.declared.is_none() && text::kind_of(&answer.bytes).is_none() => {
            found.notes.push(format!(
                "XML in seeAlso that is not a transcription: {name}, {problem}"
            ));
            return found;
        }
        Err(problem) => {
            found
                .rejects
                .push(Reject::new(name, "document", "document", problem));
            return found;
        }
    };
    if !choice.takes(file.kind) {
        return found;
    }
    file.pages
        .iter_mut()
        .for_each(|page| page.keep(granularity));
    found.count("text_files", 1);
    found
        .notes
        .extend(file.notes.iter().map(|note| format!("{note}: {name}")));
    let canvases = assigned(&file, &memo.canvases);
    for (page, canvas) in file.pages.iter().zip(canvases) {
        match canvas {
            Some(canvas) => place(page, canvas, answer, &mut found),
            None => {
                let problem = "page cannot be matched to a canvas: the file has several pages, and the image that it names is not known";
                found
                    .rejects
                    .push(Reject::new(name, page_name(page), "page", problem));
            }
        }
    }
    found
}

fn page_name(page: &TextPage) -> String {
    let named = page.image_file.clone().or_else(|| page.id.clone());
    named.unwrap_or_else(|| "page".into())
}

/// The canvas of each page: the only one; else by the name of the image; else by position, if there are as many.
fn assigned<'a>(file: &TextFile, canvases: &'a [TextCanvas]) -> Vec<Option<&'a TextCanvas>> {
    let pages = &file.pages;
    if pages.len() == 1 && canvases.len() == 1 {
        return vec![canvases.first()];
    }
    let mut names = Names::default();
    for (n, canvas) in canvases.iter().enumerate() {
        let all = canvas.names.iter().map(|name| text::stem(name));
        all.for_each(|name| names.add(0, &name, n));
    }
    let by_name = |page: &TextPage| match names.find(&[text::stem(page.image_file.as_deref()?)])[..]
    {
        [n] => canvases.get(n),
        _ => None,
    };
    let named: Vec<Option<&TextCanvas>> = pages.iter().map(by_name).collect();
    // Names that say nothing, such as those of temporary files, do not count; position does not beside names that do.
    match named.iter().all(Option::is_none) && pages.len() == canvases.len() {
        true => canvases.iter().map(Some).collect(),
        false => named,
    }
}

fn place(page: &TextPage, canvas: &TextCanvas, answer: &Answer, found: &mut Found) {
    let name = &answer.request.location;
    let image = canvas.image.as_ref().and_then(|(_, size)| *size);
    let fit = match text::fit(page, canvas.size, image) {
        Ok(fit) => fit,
        Err(problem) => {
            found.count("annotations", 1);
            found
                .rejects
                .push(Reject::new(name, page_name(page), "page", problem));
            return;
        }
    };
    found
        .notes
        .extend(fit.assumed.map(|assumed| format!("{assumed}: {name}")));
    found.count(
        "annotations",
        (page.items.len() + page.problems.len()) as u64,
    );
    for problem in &page.problems {
        let record = format!("{name}#{}", problem.item);
        found
            .rejects
            .push(Reject::new(name, record, problem.field, &*problem.problem));
    }
    let manifest = answer
        .request
        .from
        .as_ref()
        .and_then(|from| from.manifest.clone());
    let placed = |annotation: Annotation| Placed {
        document: name.clone(),
        manifest: manifest.clone(),
        hung: Hung::default(),
        target: canvas.placed(fit.space).to_owned(),
        image: None,
        annotation,
    };
    let annotations = text::annotations(page, &fit, name);
    found
        .annotations
        .extend(annotations.into_iter().map(placed));
}
