//! Chooses the image of its moment for each box, when everything is read. One image becomes one observation.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::Value;

use super::observations::{self, OBSERVATION, PART, TAXON};
use super::options::{M3Options, Prefer};
use crate::contracts::{Annotation, Body, Frame, Observation, Region};
use crate::sources::addresses::{absolute, is_incomplete};
use crate::sources::{About, Found, Placed, TreeNode, one_file};
use crate::summary::{Reject, counted};
use crate::values::{id, side, text};

/// The end of the field of rejected localizations.
const FIELD: &str = "/link_value";

/// Makes the addresses of images absolute URLs, resolved against the URL of the service that gives them.
pub fn resolve(found: &mut Found, service: Option<&str>) {
    let mut incomplete = 0;
    for picture in &mut found.observations {
        if let Some(url) = &mut picture.image.url {
            incomplete += u64::from(is_incomplete(url));
            *url = absolute(url, service);
        }
    }
    if let (Some(service), 1..) = (service, incomplete) {
        let note = format!("URLs of images that are not complete are resolved against {service}");
        found.notes.push(note);
    }
}

/// Puts every box on an image or rejects it. Images without boxes are dropped.
pub fn choose(mut found: Found, options: &M3Options) -> Found {
    let former = PrimaryNames::of(&found.taxa);
    let abouts = abouts(std::mem::take(&mut found.manifests));
    let (moments, clashes) = moments(
        std::mem::take(&mut found.observations),
        std::mem::take(&mut found.annotations),
    );
    if clashes > 0 {
        let boxes = counted(clashes, "box has", "boxes have");
        let note = format!("{boxes} the id of another box: a number is added to the id");
        found.notes.push(note);
    }
    let listed: BTreeSet<String> = moments
        .iter()
        .flat_map(|moment| moment.pictures.iter().filter(|p| is_listed(p)))
        .map(|picture| picture.id.clone())
        .collect();
    found.rejects = once(std::mem::take(&mut found.rejects));
    found.count(
        "moments",
        moments.iter().filter(|m| !m.boxes.is_empty()).count() as u64,
    );
    for moment in moments {
        let video = moment.video().and_then(|video| abouts.get(video));
        let (pictures, rejects) = moment.settle(video, &listed, options);
        found.rejects.extend(rejects);
        found.observations.extend(pictures);
    }
    for observation in &mut found.observations {
        for annotation in &mut observation.annotations {
            name(annotation, &former, options);
        }
    }
    add_metadata(&mut found.observations, &abouts);
    assign_groups(&mut found.observations, &abouts);
    one_file::unite(&mut found);
    count_boxes(&mut found);
    found
}

/// boxes = boxes on images + rejected boxes, whether they were rejected when read or when placed.
fn count_boxes(found: &mut Found) {
    let rejected = found
        .rejects
        .iter()
        .filter(|r| r.field.ends_with(FIELD))
        .count() as u64;
    let all = found.observations.iter().flat_map(|o| &o.annotations);
    let placed = all.filter(|a| is_part(a)).count() as u64;
    found.count("boxes", placed + rejected);
    found.count("boxes_rejected", rejected);
    found.count("images", found.observations.len() as u64);
}

fn is_part(annotation: &Annotation) -> bool {
    !annotation.regions.iter().all(Region::is_whole)
}

/// Pages and moments may report the same record: it is rejected once.
fn once(rejects: Vec<Reject>) -> Vec<Reject> {
    let mut seen = HashSet::new();
    let is_new =
        |r: &Reject| !r.field.ends_with(FIELD) || seen.insert((r.record.clone(), r.field.clone()));
    let mut rejects = rejects;
    rejects.retain(is_new);
    rejects
}

/// A moment: its images, sorted by UUID, and the boxes drawn on any of them.
#[derive(Default)]
struct Moment {
    pictures: Vec<Observation>,
    boxes: Vec<Placed>,
}

/// Moments in the order in which they were first found, and the number of boxes with the id of another box. Repeated
/// records are ignored.
fn moments(pictures: Vec<Observation>, boxes: Vec<Placed>) -> (Vec<Moment>, u64) {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut moments: Vec<Moment> = Vec::new();
    // Id → what is known to have it.
    let mut seen: HashMap<String, Vec<(String, Vec<Region>)>> = HashMap::new();
    let mut clashes = 0;
    let mut place = |name: &str, moments: &mut Vec<Moment>| {
        let next = moments.len();
        let at = *places.entry(name.to_owned()).or_insert(next);
        if at == next {
            moments.push(Moment::default());
        }
        at
    };
    for picture in pictures {
        let canvas = picture.source.canvas.clone().unwrap_or_default();
        let at = place(&canvas, &mut moments);
        moments[at].add(picture);
    }
    for mut placed in boxes {
        let known = seen.entry(placed.annotation.id.clone()).or_default();
        let this = (placed.target.clone(), placed.annotation.regions.clone());
        if known.contains(&this) {
            continue;
        }
        known.push(this);
        if known.len() > 1 {
            clashes += 1;
            placed.annotation.id = format!("{}-{}", placed.annotation.id, known.len());
        }
        let at = place(&placed.target, &mut moments);
        moments[at].boxes.push(placed);
    }
    for moment in &mut moments {
        moment.pictures.sort_by(|a, b| a.id.cmp(&b.id));
        moment
            .boxes
            .sort_by(|a, b| a.annotation.id.cmp(&b.annotation.id));
    }
    (moments, clashes)
}

impl Moment {
    /// Adds an image, or what is new about a known one.
    fn add(&mut self, picture: Observation) {
        let Some(known) = self.pictures.iter_mut().find(|p| p.id == picture.id) else {
            return self.pictures.push(picture);
        };
        let (image, new) = (&mut known.image, picture.image);
        image.url = image.url.take().or(new.url);
        image.width = image.width.or(new.width);
        image.height = image.height.or(new.height);
        image.media_type = image.media_type.take().or(new.media_type);
        if known.group.is_empty() {
            known.group = picture.group;
        }
    }

    fn video(&self) -> Option<&str> {
        let placed = self.boxes.iter().find_map(|b| b.manifest.as_deref());
        let pictures = || self.pictures.iter();
        placed.or_else(|| pictures().find_map(|p| p.source.manifest.as_deref()))
    }

    /// The images that boxes are put on, each with its boxes.
    fn settle(
        mut self,
        video: Option<&About>,
        listed: &BTreeSet<String>,
        options: &M3Options,
    ) -> (Vec<Observation>, Vec<Reject>) {
        // Was requested for a box, and belongs to another moment.
        self.pictures
            .retain(|p| is_listed(p) || !listed.contains(&p.id));
        let boxes = std::mem::take(&mut self.boxes);
        let choice = Choice {
            pictures: &self.pictures,
            video: video.and_then(|about| about.frame),
            listed,
            options,
        };
        let (mut rejects, mut chosen) = (Vec::new(), Vec::new());
        for placed in boxes {
            match choice.picture_for(&placed.annotation) {
                Ok(at) => chosen.push((at, placed)),
                Err(problem) => rejects.push(reject(&placed, problem)),
            }
        }
        if options.prefer == Prefer::One {
            choice.merge(&mut chosen);
        }
        let own = choice.in_own_pixels(&chosen);
        let (unclear, chosen): (Vec<_>, Vec<_>) = chosen
            .into_iter()
            .partition(|(at, placed)| own.contains(at) && choice.is_of_video(*at, placed));
        rejects.extend(unclear.into_iter().map(|(_, placed)| {
            const PROBLEM: &str = "box names no image reference, and other boxes are in pixels of its image, whose size is not known";
            reject(&placed, PROBLEM.into())
        }));
        let size = |at: usize| choice.size(at).filter(|_| !own.contains(&at));
        let sizes: Vec<Option<[u32; 2]>> = (0..self.pictures.len()).map(size).collect();
        for (at, placed) in chosen {
            self.pictures[at].annotations.push(placed.annotation);
        }
        for (picture, size) in self.pictures.iter_mut().zip(sizes) {
            if let Some([width, height]) = size {
                picture.image.width = Some(width);
                picture.image.height = Some(height);
            }
        }
        self.pictures.retain(|p| !p.annotations.is_empty());
        (self.pictures, rejects)
    }
}

fn reject(placed: &Placed, problem: String) -> Reject {
    let annotation = &placed.annotation;
    let observation = annotation.attributes.get(OBSERVATION);
    let observation = observation.and_then(|o| o.as_str()).unwrap_or_default();
    let field = format!("{}{FIELD}", annotation.id);
    Reject::new(&placed.document, observation, &field, problem)
}

/// Whether the moment itself lists an image.
fn is_listed(picture: &Observation) -> bool {
    !picture.group.is_empty()
}

/// Metadata of moments and videos, by UUID. Each observation of a moment adds its observer.
fn abouts(all: Vec<About>) -> HashMap<String, About> {
    let mut abouts: HashMap<String, About> = HashMap::new();
    for about in all {
        let Some(known) = abouts.get_mut(&about.manifest) else {
            abouts.insert(about.manifest.clone(), about);
            continue;
        };
        for (key, values) in about.metadata {
            let there = known.metadata.entry(key).or_default();
            for value in values {
                if !there.contains(&value) {
                    there.push(value);
                    there.sort();
                }
            }
        }
    }
    abouts
}

/// Adds the metadata of moment and video to their images.
fn add_metadata(pictures: &mut [Observation], abouts: &HashMap<String, About>) {
    for picture in pictures {
        let source = &mut picture.source;
        let of = |name: &Option<String>| abouts.get(name.as_ref()?);
        let (moment, video) = (of(&source.canvas), of(&source.manifest));
        for about in [moment, video].into_iter().flatten() {
            picture.metadata.extend(about.metadata.clone());
        }
        source.labels.manifest = video.and_then(|about| about.label.clone());
    }
}

struct Choice<'a> {
    pictures: &'a [Observation],
    video: Option<Frame>,
    /// The image references that moments list.
    listed: &'a BTreeSet<String>,
    options: &'a M3Options,
}

impl Choice<'_> {
    fn picture_for(&self, annotation: &Annotation) -> Result<usize, String> {
        match observations::reference(annotation) {
            Some(named) => self.named(named),
            None => self.unnamed(),
        }
    }

    /// The image that a box names, or another one of the same size.
    fn named(&self, name: &str) -> Result<usize, String> {
        let Some(own) = self.pictures.iter().position(|p| p.id == name) else {
            return Err(match self.listed.contains(name) {
                true => format!("image reference is of another moment: {name}"),
                false => format!("image reference does not exist: {name}"),
            });
        };
        let same: Vec<usize> = self.same_size(own);
        let keeps_own = matches!(self.options.prefer, Prefer::One | Prefer::Own);
        if keeps_own && self.is_usable(own) && !self.is_overlay(own) {
            return Ok(own);
        }
        self.best(same).ok_or_else(|| self.why_not(own))
    }

    /// For a box drawn on the video itself: the image of the moment, if it is clear which.
    fn unnamed(&self) -> Result<usize, String> {
        let usable: Vec<usize> = self.all().filter(|at| self.is_usable(*at)).collect();
        let clear = usable.iter().copied().filter(|at| !self.is_overlay(*at));
        let clear: Vec<usize> = clear.collect();
        let mut fit = if clear.is_empty() { usable } else { clear };
        if fit.is_empty() {
            let nothing = "box names no image reference, and its moment does not have an image";
            let why = self.all().next().map(|at| self.why_not(at));
            return Err(why.map_or(nothing.into(), |why| {
                format!("{nothing} that can be used: {why}")
            }));
        }
        let drawn = self.video.map(|f| [f.width as u32, f.height as u32]);
        if let Some(drawn) = drawn {
            let sizes: Vec<[u32; 2]> = fit.iter().filter_map(|at| self.declared(*at)).collect();
            fit.retain(|at| self.declared(*at).is_none_or(|size| size == drawn));
            if fit.is_empty() {
                return Err(format!(
                    "box names no image reference, and no image of its moment has the size of the video: {drawn:?}, {sizes:?}"
                ));
            }
        }
        let sizes: BTreeSet<Option<[u32; 2]>> = fit.iter().map(|at| self.declared(*at)).collect();
        if fit.len() > 1 && (sizes.len() > 1 || sizes.contains(&None)) {
            return Err(format!(
                "box names no image reference, and its moment has several images: {}",
                fit.len()
            ));
        }
        self.best(fit)
            .ok_or_else(|| "moment does not have an image".into())
    }

    /// Moves boxes of one moment that are on several images of one size onto one of these.
    fn merge(&self, chosen: &mut [(usize, Placed)]) {
        let used: BTreeSet<usize> = chosen.iter().map(|(at, _)| *at).collect();
        for (at, _) in chosen {
            let same = self.same_size(*at);
            let among = same.into_iter().filter(|other| used.contains(other));
            *at = self.best(among.collect()).unwrap_or(*at);
        }
    }

    /// Images of unknown size that boxes name: these are in pixels of the image itself, which need not have the size of the
    /// video or of other images.
    fn in_own_pixels(&self, chosen: &[(usize, Placed)]) -> BTreeSet<usize> {
        let named = chosen
            .iter()
            .filter(|(_, placed)| observations::reference(&placed.annotation).is_some());
        let at = named.map(|(at, _)| *at);
        at.filter(|at| self.declared(*at).is_none()).collect()
    }

    /// Whether a box is in units of the video, or of other images, and not known to be in pixels of its own image.
    fn is_of_video(&self, at: usize, placed: &Placed) -> bool {
        observations::reference(&placed.annotation).is_none() && self.size(at).is_some()
    }

    fn all(&self) -> std::ops::Range<usize> {
        0..self.pictures.len()
    }

    /// An image and those that are declared to have the same size.
    fn same_size(&self, own: usize) -> Vec<usize> {
        let size = self.declared(own);
        let is_same = |at: &usize| *at == own || (size.is_some() && self.declared(*at) == size);
        self.all().filter(is_same).collect()
    }

    fn best(&self, among: Vec<usize>) -> Option<usize> {
        let usable = among.into_iter().filter(|at| self.is_usable(*at));
        usable.min_by_key(|at| (self.is_overlay(*at), self.rank(*at), *at))
    }

    fn rank(&self, at: usize) -> usize {
        let kinds = match self.options.prefer {
            Prefer::Jpg => ["image/jpeg", "image/png"],
            _ => ["image/png", "image/jpeg"],
        };
        let kind = self.pictures[at].image.media_type.as_deref();
        let place = kinds.iter().position(|k| Some(*k) == kind);
        place.unwrap_or(kinds.len())
    }

    fn is_usable(&self, at: usize) -> bool {
        observations::has_url(&self.pictures[at]) && (self.options.overlays || !self.is_overlay(at))
    }

    /// Whether text is burnt into the image.
    fn is_overlay(&self, at: usize) -> bool {
        let label = self.pictures[at].source.labels.image.as_deref();
        let label = label.unwrap_or_default().to_ascii_lowercase();
        label.contains("overlay") && !label.contains("without") && !label.contains("no overlay")
    }

    fn why_not(&self, at: usize) -> String {
        let picture = &self.pictures[at];
        match &picture.image.url {
            None => format!("URL of the image is missing: {}", picture.id),
            Some(url) if !observations::has_url(picture) => {
                format!("URL of the image is not a web URL: {url}")
            }
            Some(_) => format!(
                "image has burnt-in text, --overlays accepts it: {}",
                picture.id
            ),
        }
    }

    fn declared(&self, at: usize) -> Option<[u32; 2]> {
        let image = &self.pictures[at].image;
        Some([image.width?, image.height?])
    }

    /// The size that boxes of the video have on an image: its declared one, else that of the other images if they agree, else
    /// that of the video.
    fn size(&self, at: usize) -> Option<[u32; 2]> {
        let sizes: BTreeSet<[u32; 2]> = self.all().filter_map(|at| self.declared(at)).collect();
        let agreed = (sizes.len() == 1).then(|| sizes.first().copied()).flatten();
        let video = || self.video.map(|f| [f.width as u32, f.height as u32]);
        self.declared(at).or(agreed).or_else(video)
    }
}

/// Former and alternative names → primary names.
struct PrimaryNames {
    primary: HashMap<String, String>,
}

impl PrimaryNames {
    fn of(taxa: &[TreeNode]) -> Self {
        let own: HashSet<&str> = taxa.iter().map(|node| node.name.as_str()).collect();
        let mut primary = HashMap::new();
        for node in taxa {
            let others = node.alternatives.iter();
            for other in others.filter(|name| !own.contains(name.as_str())) {
                primary
                    .entry(other.clone())
                    .or_insert_with(|| node.name.clone());
            }
        }
        PrimaryNames { primary }
    }
}

/// Sets the class of a box: the primary name of the concept, and the part of the animal.
fn name(annotation: &mut Annotation, former: &PrimaryNames, options: &M3Options) {
    let attributes = &mut annotation.attributes;
    if let Some(annotator) = attributes.get("annotator").cloned() {
        attributes.entry("observer".into()).or_insert(annotator);
    }
    let said = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let Some(seen_as) = said(attributes.get(TAXON)) else {
        return;
    };
    let taxon = former.primary.get(&seen_as).unwrap_or(&seen_as).clone();
    if taxon != seen_as {
        attributes.insert("annotated_as".into(), seen_as.into());
    }
    attributes.insert(TAXON.into(), taxon.trim().into());
    let part = said(attributes.get(PART)).filter(|_| !options.no_parts);
    let value = match part {
        Some(part) => format!("{} {part}", taxon.trim()),
        None => taxon.trim().to_owned(),
    };
    annotation.bodies = vec![Body {
        purpose: Some("identifying".into()),
        value,
        ..Body::default()
    }];
}

/// Sets the groups: the dive, else the folder of the images, else the video.
fn assign_groups(pictures: &mut [Observation], videos: &HashMap<String, About>) {
    let folders: BTreeSet<Option<String>> = pictures.iter().map(folder).collect();
    let all: BTreeSet<&Option<String>> = pictures.iter().map(|p| &p.source.manifest).collect();
    // A single folder for several videos does not tell dives apart.
    let folders_differ = folders.len() > 1 || all.len() == 1;
    for picture in pictures {
        let video = picture.source.manifest.clone();
        let dive = video
            .as_ref()
            .and_then(|video| videos.get(video)?.label.clone());
        let folder = folder(picture).filter(|_| folders_differ);
        let group = dive.or(folder).or(video);
        picture.group = group.unwrap_or_else(|| picture.id.clone());
    }
}

fn folder(picture: &Observation) -> Option<String> {
    crate::values::folder(picture.image.url.as_deref())
}

/// The metadata of a video.
pub fn about(media: &Value) -> Option<About> {
    let label = text(&media["video_sequence_name"]);
    let keys = [
        ("video_sequence_name", "dive"),
        ("camera_id", "camera_id"),
        ("video_name", "video_name"),
        ("uri", "video_uri"),
    ];
    let said = keys
        .into_iter()
        .filter_map(|(from, to)| Some((to.to_owned(), vec![text(&media[from])?])));
    let size = side(&media["width"]).zip(side(&media["height"]));
    Some(About {
        manifest: id(media, &["video_reference_uuid", "uuid"])?,
        label,
        frame: size.and_then(|(w, h)| Frame::try_from([f64::from(w), f64::from(h)]).ok()),
        metadata: said.collect::<BTreeMap<_, _>>(),
    })
}
