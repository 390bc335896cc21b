//! Transcriptions (ALTO, PAGE, hOCR) that documents link to by `seeAlso` and `rendering`: which links are followed, and what
//! the files say about canvases and images.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::hanging::Hanging;
use super::reader::Reader;
use super::text_links::{Declared, among_annotations, declared, links};
use super::values::{id, list, resolve, services_of};
use crate::contracts::{Annotation, Frame, Observation, Space};
use crate::sources::text::{self, Granularity, Names, TextFile, TextKind, TextPage};
use crate::sources::text_options::TextChoice;
use crate::sources::{Answer, DocumentRequest, Found, Hung, Lost, Placed, Referrer, TEXT};
use crate::summary::Reject;

/// What the answer to a request needs to be read: the memo of the request.
#[derive(Debug, Default, Serialize, Deserialize)]
struct TextMemo {
    /// The format that the link declares: `alto`, `page`, `hocr`.
    declared: Option<String>,
    /// The canvases that it may be about.
    canvases: Vec<TextCanvas>,
    /// The number of the only one among those of its manifest, counted from 1, and how many these are.
    #[serde(default)]
    position: Option<(usize, usize)>,
    /// The fragment of the link: the id of a page.
    #[serde(default)]
    page: Option<String>,
}

/// A canvas that a transcription may be about, or an image on it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct TextCanvas {
    id: String,
    /// Its size; of an image only where that fills it.
    size: Option<Frame>,
    /// Its image, if it has only one, or the image that is meant.
    image: Option<TextImage>,
    /// Whether that image alone is meant.
    is_image_alone: bool,
    /// Names of its images.
    names: Vec<String>,
}

/// An image that a transcription may be about.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct TextImage {
    /// Id of its observation.
    observation: String,
    /// What its pixels are those of: its service, else its URL.
    id: String,
    /// Size in pixels.
    size: Option<Frame>,
    /// The part of it that is on the canvas, `[x, y, width, height]`, where that is not all of it.
    #[serde(default)]
    part: Option<[u32; 4]>,
}

impl<'a> Reader<'a> {
    /// Follows the transcriptions of a canvas and of the images painted on it, and keeps all links with the observations that
    /// they are about. Those of the canvas are those from number `first` on.
    pub(super) fn text_of_canvas(
        &mut self,
        canvas: &'a Value,
        (canvas_id, manifest): (&str, Option<&str>),
        size: Option<Frame>,
        first: usize,
    ) {
        let of_canvas: Vec<&Value> = [canvas].into_iter().chain(wrappers(canvas)).collect();
        let start = self.painted.partition_point(|(_, number)| *number < first);
        let painted = self.painted.split_off(start);
        let (base, observations) = (&self.base, &mut self.found.observations);
        let kept: Vec<_> = of_canvas.iter().flat_map(|r| links(r, base)).collect();
        for (image, number) in &painted {
            let own = with_services(image).flat_map(|r| links(r, base));
            observations[*number].see_also = kept.iter().cloned().chain(own).collect();
        }
        let observations = &observations[first..];
        let about = TextCanvas::of(canvas_id, size, observations);
        let about_images: Vec<TextCanvas> = match observations {
            // What an image says that fills the canvas alone is of both.
            [only] if fills_canvas(only) => vec![about.clone()],
            all => all
                .iter()
                .map(|o| TextCanvas::of_image(canvas_id, size, o))
                .collect(),
        };
        for resource in &of_canvas {
            let links = followed(resource, true);
            self.follow(links, vec![about.clone()], manifest, Some(canvas_id));
        }
        // What the canvas links to is about each of its images already.
        let known = of_canvas.iter().flat_map(|r| followed(r, true));
        let known: Vec<&str> = known.filter_map(|(link, _)| id(link)).collect();
        for ((image, _), about) in painted.iter().zip(about_images) {
            let links = with_services(image).flat_map(|r| followed(r, true));
            let mut links: Vec<_> = links.collect();
            links.retain(|(link, _)| id(link).is_none_or(|id| !known.contains(&id)));
            self.follow(links, vec![about], manifest, Some(canvas_id));
        }
    }

    /// Follows the transcriptions of a whole manifest, unless its canvases have their own. Its observations are those from
    /// number `first` on.
    pub(super) fn text_of_manifest(&mut self, manifest: &'a Value, id: Option<&str>, first: usize) {
        let of_canvases = self.found.next.iter().any(|request| {
            let from = request.from.as_ref();
            from.is_some_and(|f| f.role == TEXT && f.manifest.as_deref() == id)
        });
        let links = followed(manifest, false);
        if of_canvases || links.is_empty() {
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
        self.follow(links, canvases, id, None);
    }

    fn follow(
        &mut self,
        links: Vec<(&'a Value, Option<TextKind>)>,
        canvases: Vec<TextCanvas>,
        manifest: Option<&str>,
        canvas: Option<&str>,
    ) {
        let mut memo = TextMemo {
            canvases,
            position: canvas.and_then(|canvas| self.canvases.position(canvas)),
            ..TextMemo::default()
        };
        for (link, kind) in links {
            memo.declared = kind.map(|kind| kind.word().to_owned());
            let fragment = id(link).and_then(|id| id.split_once('#'));
            memo.page = fragment.map(|(_, page)| page.to_owned());
            self.lead_to_transcription(link, &memo, manifest, canvas);
        }
    }

    fn lead_to_transcription(
        &mut self,
        link: &'a Value,
        memo: &TextMemo,
        manifest: Option<&str>,
        canvas: Option<&str>,
    ) {
        let Some(location) = id(link).and_then(|id| resolve(&self.base, id)) else {
            let problem = "reference to a transcription cannot be followed: it is not a URL";
            if memo.declared.is_some() {
                let image = None;
                self.annotation_lost(
                    Hanging {
                        manifest,
                        canvas,
                        image,
                    },
                    None,
                );
            }
            return self.not_used(link, problem);
        };
        let request = DocumentRequest {
            location,
            memo: serde_json::to_string(memo).unwrap_or_default(),
            from: Some(Referrer {
                document: self.name.to_owned(),
                role: TEXT,
                manifest: manifest.map(str::to_owned),
                canvas: canvas.map(str::to_owned),
                ..Referrer::default()
            }),
            ..DocumentRequest::default()
        };
        // `seeAlso` and `rendering` often name the same file.
        if !self.found.next.contains(&request) {
            self.will_read(request, link);
        }
    }
}

/// The links of a resource that are worth following, each with the format that it declares.
fn followed(resource: &Value, is_canvas: bool) -> Vec<(&Value, Option<TextKind>)> {
    let mut followed = Vec::new();
    for member in [
        "seeAlso",
        "rendering",
        "related",
        "annotations",
        "otherContent",
        "hasAnnotations",
    ] {
        // Records about an object are XML too: then only canvases are worth a try, and not by what shows them to people.
        let is_tried = match member {
            "seeAlso" => is_canvas,
            "rendering" | "related" => false,
            _ => true,
        };
        for link in list(resource, member) {
            let declared = match member {
                "seeAlso" | "rendering" | "related" => declared(link),
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

impl TextImage {
    fn of(observation: &Observation) -> Self {
        let image = &observation.image;
        let is_part = image.service.as_ref().is_some_and(|s| s.region.is_some());
        let size = if is_part {
            image.whole
        } else {
            image.declared()
        };
        TextImage {
            observation: observation.id.clone(),
            id: match &image.service {
                Some(service) => service.id.clone(),
                None => observation.id.clone(),
            },
            size: size.and_then(|size| Frame::try_from(size.map(f64::from)).ok()),
            part: image.service.as_ref().and_then(|service| service.region),
        }
    }
}

impl TextCanvas {
    fn of(id: &str, size: Option<Frame>, observations: &[Observation]) -> Self {
        let is_part =
            |o: &Observation| o.image.service.as_ref().is_some_and(|s| s.region.is_some());
        let image = match observations {
            // A part of a service's image is not what a transcription of the canvas is made from.
            [only] if !is_part(only) => Some(TextImage::of(only)),
            _ => None,
        };
        TextCanvas {
            id: id.to_owned(),
            size,
            image,
            is_image_alone: false,
            names: observations.iter().flat_map(names).collect(),
        }
    }

    /// One image of a canvas, of which others say nothing (Presentation 3.0, sections 3.1 and 3.3.1).
    fn of_image(id: &str, size: Option<Frame>, observation: &Observation) -> Self {
        TextCanvas {
            id: id.to_owned(),
            size: size.filter(|_| fills_canvas(observation)),
            image: Some(TextImage::of(observation)),
            is_image_alone: true,
            names: names(observation).collect(),
        }
    }

    /// What a page in this space is about, and the image that it is confined to.
    fn placed(&self, space: Space) -> (&str, Hung) {
        let image = self.image.as_ref();
        let of_image = image.filter(|_| self.is_image_alone);
        let hung = Hung {
            canvas: Some(self.id.clone()),
            image: of_image.map(|image| image.observation.clone()),
        };
        match (space, image) {
            (Space::Image, Some(image)) => (&image.id, hung),
            _ => (&self.id, hung),
        }
    }
}

/// Whether an image is all of its canvas: the whole image, not turned, on the whole canvas.
fn fills_canvas(observation: &Observation) -> bool {
    let is_part = observation
        .image
        .service
        .as_ref()
        .is_some_and(|s| s.region.is_some());
    observation.placement.is_none() && observation.rotation.is_none() && !is_part
}

fn names(observation: &Observation) -> impl Iterator<Item = String> {
    let image = &observation.image;
    let service = image.service.as_ref().map(|service| service.id.clone());
    service.into_iter().chain(image.url.clone())
}

/// What stands around the resources that are painted on a canvas: pages, painting annotations, choices, specific resources.
fn wrappers(canvas: &Value) -> Vec<&Value> {
    const INSIDE: [&str; 7] = [
        "items", "item", "default", "source", "full", "body", "resource",
    ];
    let on_canvas = ["items", "images"].into_iter();
    let mut left: Vec<&Value> = on_canvas.flat_map(|m| list(canvas, m)).collect();
    let mut found = Vec::new();
    while let Some(resource) = left.pop() {
        let inside: Vec<&Value> = INSIDE.iter().flat_map(|m| list(resource, m)).collect();
        if !inside.is_empty() {
            found.push(resource);
        }
        left.extend(inside.into_iter().filter(|inside| inside.is_object()));
    }
    found.reverse();
    found
}

/// An image and its services.
fn with_services(image: &Value) -> impl Iterator<Item = &Value> {
    std::iter::once(image).chain(services_of(image))
}

/// Leaves out the requests for transcriptions that are not wanted: of each image those of one kind are read, and files of
/// unknown kind only where no link declares one.
pub fn choose(choice: TextChoice, found: &mut Found) {
    let wanted = |request: &&DocumentRequest| request.is_for(TEXT);
    let offers: Vec<Offer> = found.next.iter().filter(wanted).map(Offer::of).collect();
    let mut offered: HashMap<_, Vec<(&Option<String>, TextKind)>> = HashMap::new();
    for offer in &offers {
        let kinds = offered.entry(&offer.place).or_default();
        kinds.extend(offer.kind.map(|kind| (&offer.image, kind)));
    }
    let mut notes = Vec::new();
    let mut taken: HashMap<_, Vec<&Option<String>>> = HashMap::new();
    let mut is_chosen = offers.iter().map(|offer| {
        let kinds = offered.get(&offer.place).into_iter().flatten();
        // What is offered for the canvas is offered for each image on it.
        let is_same = |image: &Option<String>| {
            image.is_none() || offer.image.is_none() || *image == offer.image
        };
        let kinds: Vec<TextKind> = kinds
            .filter(|(image, _)| is_same(image))
            .map(|(_, kind)| *kind)
            .collect();
        let chosen = choice.among(&kinds);
        let Some(kind) = offer.kind else {
            if let Some(chosen) = chosen.filter(|_| choice == TextChoice::Auto) {
                notes.push(format!(
                    "XML of unknown kind in seeAlso is not read beside {}: --text page and --text hocr try it",
                    chosen.name()
                ));
            }
            return choice != TextChoice::None && chosen.is_none();
        };
        if let Some(chosen) = chosen.filter(|c| choice == TextChoice::Auto && *c != kind) {
            notes.push(format!(
                "transcriptions are offered in several formats: {} is read, --text chooses another",
                chosen.name()
            ));
        }
        let before = taken.entry(&offer.place).or_default();
        if chosen == Some(kind) && before.iter().any(|image| is_same(image)) && offer.place.1.is_some() {
            notes.push(format!(
                "further transcriptions of an image in one format are not read: {}, {}",
                kind.name(),
                offer.location
            ));
            return false;
        }
        before.extend((chosen == Some(kind)).then_some(&offer.image));
        chosen == Some(kind)
    });
    found
        .next
        .retain(|request| !request.is_for(TEXT) || is_chosen.next().unwrap_or_default());
    drop(is_chosen);
    found.notes.extend(notes);
}

/// What a request for a transcription is about.
struct Offer {
    location: String,
    /// Manifest and canvas.
    place: (Option<String>, Option<String>),
    /// The image on the canvas, if it is about that alone.
    image: Option<String>,
    /// The format that its link declares.
    kind: Option<TextKind>,
}

impl Offer {
    fn of(request: &DocumentRequest) -> Self {
        let memo: TextMemo = serde_json::from_str(&request.memo).unwrap_or_default();
        let from = request.from.as_ref();
        let declared = |kind: &TextKind| memo.declared.as_deref() == Some(kind.word());
        let alone = memo.canvases.iter().filter(|canvas| canvas.is_image_alone);
        Offer {
            location: request.location.clone(),
            place: from
                .map(|from| (from.manifest.clone(), from.canvas.clone()))
                .unwrap_or_default(),
            image: alone
                .filter_map(|canvas| Some(canvas.image.as_ref()?.observation.clone()))
                .next(),
            kind: TextKind::ALL.into_iter().find(declared),
        }
    }
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
            found.is_unread = true;
            found
                .rejects
                .push(Reject::new(name, "document", "document", problem));
            return found;
        }
    };
    if !choice.takes(file.kind) {
        return found;
    }
    if let Some(own) = own_page(&file, &memo) {
        file.pages = vec![file.pages.swap_remove(own)];
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
                found.lost.extend(lost(&answer.request));
                let problem = "page cannot be matched to a canvas: the file has several pages, and the image that it names is not known";
                found
                    .rejects
                    .push(Reject::new(name, page_name(page), "page", problem));
            }
        }
    }
    found
}

/// What is lost with a transcription that cannot be read; none where the link did not say that it is one.
pub fn lost(request: &DocumentRequest) -> Option<Lost> {
    let memo: TextMemo = serde_json::from_str(&request.memo).unwrap_or_default();
    let from = request.from.as_ref().filter(|_| memo.declared.is_some())?;
    let alone = match &memo.canvases[..] {
        [only] if only.is_image_alone => only.image.as_ref(),
        _ => None,
    };
    Some(Lost {
        document: request.location.clone(),
        manifest: from.manifest.clone(),
        hung: Hung {
            canvas: from.canvas.clone(),
            image: alone.map(|image| image.observation.clone()),
        },
        target: None,
        is_document: true,
    })
}

fn page_name(page: &TextPage) -> String {
    let named = page.image_file.clone().or_else(|| page.id.clone());
    named.unwrap_or_else(|| "page".into())
}

/// Which page of a file is that of the only canvas that links to it, where each canvas of a manifest links to the whole file: the
/// one that the link names, else by the name of the image, else by position, if there are as many pages as canvases.
fn own_page(file: &TextFile, memo: &TextMemo) -> Option<usize> {
    let [_] = &memo.canvases[..] else {
        return None;
    };
    if file.pages.len() < 2 {
        return None;
    }
    let named = memo.page.as_ref();
    let is_named = |page: &TextPage| named.is_some() && page.id.as_ref() == named;
    if let Some(at) = file.pages.iter().position(is_named) {
        return Some(at);
    }
    let by_name = assigned(file, &memo.canvases);
    if let Some(at) = by_name.iter().position(Option::is_some) {
        return Some(at);
    }
    let (number, all) = memo.position?;
    (all == file.pages.len()).then(|| number - 1)
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

/// What is lost with a part of a transcription.
fn lost_on(canvas: &TextCanvas, answer: &Answer) -> Lost {
    let from = answer.request.from.as_ref();
    Lost {
        document: answer.request.location.clone(),
        manifest: from.and_then(|from| from.manifest.clone()),
        hung: canvas.placed(Space::Canvas).1,
        ..Lost::default()
    }
}

fn place(page: &TextPage, canvas: &TextCanvas, answer: &Answer, found: &mut Found) {
    let name = &answer.request.location;
    let part = canvas.image.as_ref().and_then(|image| image.part);
    let image = canvas.image.as_ref().and_then(|image| image.size);
    let fit = match canvas.is_image_alone && canvas.size.or(image).is_none() {
        true => Err("size of the image is not known, which covers a part of its canvas".into()),
        false => text::fit(page, canvas.size, image, part),
    };
    let fit = match fit {
        Ok(fit) => fit,
        Err(problem) => {
            found.count("annotations", 1);
            found.lost.push(lost_on(canvas, answer));
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
    if !page.problems.is_empty() {
        found.lost.push(lost_on(canvas, answer));
    }
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
    let (target, hung) = canvas.placed(fit.space);
    let placed = |annotation: Annotation| Placed {
        document: name.clone(),
        manifest: manifest.clone(),
        hung: hung.clone(),
        target: target.to_owned(),
        annotation,
        ..Placed::default()
    };
    let annotations = text::annotations(page, &fit, name);
    found
        .annotations
        .extend(annotations.into_iter().map(placed));
}
