//! Which image an observation is about. Boxes from elsewhere know their images by file names, UUIDs, URLs or ids of canvases;
//! the image itself stands in another digest. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use rayon::prelude::*;

use crate::contracts::{DigestReader, Frame, ImageRef, Observation, Provenance, Space};
use crate::error::Error;
use crate::iiif::QuotedRequest;
use crate::image_names::{FileIndex, IdIndex, NameMatch, Spellings, is_image, parts, stem};
use crate::sources::boxes::KINDS;
use crate::{summary::counted, values};

/// Metadata that holds names of files.
const FILE_KEYS: [&str; 6] = ["file", "file_name", "filename", "image", "path", "name"];

/// Metadata that holds UUIDs.
const UUID_KEY: &str = "uuid";

/// The problem of an image that no digest has an address of.
pub const UNKNOWN: &str = "image is not in any digest with addresses of images";

/// The images of all digests that have an address, by all their names.
#[derive(Default)]
pub struct AddressedImages {
    /// The number of a digest, and an image of it without what is said of it.
    images: Vec<(usize, Observation)>,
    /// Id, URL, service or UUID → images.
    by_name: IdIndex,
    /// Id of a canvas → images.
    by_canvas: IdIndex,
    /// URLs of files and whole services that archives and tables name → images.
    by_address: IdIndex,
    /// Ids, of which those that are spelt alike are one.
    spellings: Spellings<Arc<str>>,
    /// File name → id of the image.
    by_file: FileIndex<Arc<str>>,
    by_id: HashMap<Arc<str>, usize>,
}

/// What an observation without address was found to be about. Images are told by their numbers.
#[derive(Debug)]
enum Found {
    /// These images: those of a canvas, or one. With the space of regions that do not say so themselves.
    Images(Vec<usize>, Space),
    /// The image of this file name, of which so many parts are the same.
    ByFileName(usize, usize),
    /// Nothing; the problem of a reject.
    Nothing(String),
}

/// Whether an observation says where its image is.
pub fn has_address(observation: &Observation) -> bool {
    observation.image.url.is_some() || observation.image.service.is_some()
}

/// Whether an observation is of boxes from elsewhere, or of an annotation list without a manifest: images that are only named.
fn is_of_boxes(observation: &Observation) -> bool {
    let source = &observation.source;
    KINDS.contains(&source.kind.as_str()) || source.kind == "iiif" && source.canvas.is_none()
}

/// What an image is known by, without what is said of it.
fn names_only(observation: Observation) -> Observation {
    let is_name = |key: &String| {
        let names = FILE_KEYS.iter().chain([&UUID_KEY]);
        names.into_iter().any(|name| key.eq_ignore_ascii_case(name))
    };
    let mut metadata = observation.metadata;
    metadata.retain(|key, _| is_name(key));
    Observation {
        metadata,
        annotations: Vec::new(),
        see_also: Vec::new(),
        ..observation
    }
}

impl AddressedImages {
    /// The images of digests.
    ///
    /// # Errors
    /// A digest cannot be read.
    pub fn of(digests: &[(String, DigestReader)]) -> Result<Self, Error> {
        let mut images = AddressedImages::default();
        let has_nameless = digests.iter().any(|(_, digest)| digest.without_address > 0);
        // Within one digest nothing is joined by name, and names of a million images take their time.
        if digests.len() == 1 && !has_nameless {
            return Ok(images);
        }
        for (number, (_, digest)) in digests.iter().enumerate() {
            digest.each(|observations| {
                let addressed = observations.into_iter();
                addressed
                    .filter(|o| has_address(o) && !o.id.trim().is_empty())
                    .for_each(|observation| images.add(number, observation, has_nameless));
                Ok(())
            })?;
        }
        Ok(images)
    }

    /// Adds an image of a digest, and its file names if there is something to find by them.
    fn add(&mut self, digest: usize, observation: Observation, with_files: bool) {
        let observation = names_only(observation);
        let number = self.images.len();
        let id: Arc<str> = observation.id.as_str().into();
        self.by_id.entry(id.clone()).or_insert(number);
        let image = &observation.image;
        let service = image.service.as_ref();
        // A service of which only a part is meant is not the image.
        let whole = service.filter(|service| service.region.is_none());
        let mut names: BTreeSet<String> = BTreeSet::from([observation.id.clone()]);
        names.extend(whole.map(|service| service.id.clone()));
        names.extend(
            image
                .url
                .clone()
                .filter(|_| service.is_none() || whole.is_some()),
        );
        names.extend(values::uuid(&observation.id));
        let given = observation
            .metadata
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(UUID_KEY));
        names.extend(
            given
                .flat_map(|(_, texts)| texts)
                .filter_map(|text| values::uuid(text)),
        );
        for name in names {
            self.by_name.add(whole_name(&name), number);
        }
        let is_of_archive = !is_of_boxes(&observation);
        let addresses = image.url.iter().chain(whole.map(|service| &service.id));
        for address in addresses.filter(|_| is_of_archive) {
            self.by_address.add(address, number);
        }
        self.spellings.add(id.clone(), digest, is_of_archive);
        if let Some(canvas) = &observation.source.canvas {
            self.by_canvas.add(canvas.trim(), number);
        }
        for name in with_files
            .then(|| file_names(&observation))
            .into_iter()
            .flatten()
        {
            self.by_file.add(name, id.clone());
        }
        self.images.push((digest, observation));
    }

    /// The image with a number, without what is said of it.
    pub fn get(&self, number: usize) -> &Observation {
        &self.images[number].1
    }

    /// The id under which an image with an address is known in all digests, however each of them spells it.
    pub fn id_of<'a>(&'a self, observation: &'a Observation) -> &'a str {
        let id = self.id_by_address(observation);
        self.spellings.one(id).unwrap_or(id)
    }

    /// The id of the image that an observation has the address of: that of its service, if it is named by a URL of the whole
    /// image there; else its own.
    fn id_by_address<'a>(&'a self, observation: &'a Observation) -> &'a str {
        let image = &observation.image;
        if let Some(service) = image.service.as_ref() {
            let whole = service.region.is_none() && is_of_boxes(observation);
            let known = whole.then(|| self.at_address(&service.id)).flatten();
            return known.unwrap_or(&observation.id);
        }
        let Some(url) = image.url.as_deref() else {
            return &observation.id;
        };
        if let Some(id) = self.id_by_names(observation) {
            return id;
        }
        // Boxes spell the URL of a file in another way than the archive does.
        let known = self.at_address(url).filter(|_| is_of_boxes(observation));
        if let Some(id) = known {
            return id;
        }
        let others = |name: &str| {
            let found = self.by_name.find(whole_name(name));
            found.ok().flatten().into_iter().flatten()
        };
        let is_whole = |o: &&Observation| {
            let service = o.image.service.as_ref();
            service.is_some_and(|service| service.region.is_none())
        };
        let request = QuotedRequest::parse(url);
        let request = request.filter(|request| request.region == "full" && request.rotation == "0");
        // In grey or black and white it is another image, but boxes drawn there fit.
        let request = request.filter(|r| r.is_usual_quality() || is_of_boxes(observation));
        // Boxes on a reduced copy can be mapped only if its size is known.
        let is_full = request.as_ref().is_some_and(QuotedRequest::is_full_size);
        if !is_full && image.declared().is_none() && self.size_of_copy(observation).is_none() {
            return &observation.id;
        }
        let base = request.map(|request| request.base);
        let same = others(url).chain(base.into_iter().flat_map(others));
        let mut same = same.map(|number| self.get(*number));
        same.find(is_whole)
            .map_or(&observation.id, |other| &other.id)
    }

    /// The id of the image that an archive or table has at this address.
    fn at_address(&self, address: &str) -> Option<&str> {
        let numbers = self.by_address.find(address).ok().flatten()?;
        Some(&self.get(*numbers.first()?).id)
    }

    /// The size of a reduced copy on which boxes were drawn, where its URL states one side and another digest knows the size of
    /// the image: width and height in pixels.
    pub fn size_of_copy(&self, observation: &Observation) -> Option<[u32; 2]> {
        let image = &observation.image;
        let is_candidate =
            is_of_boxes(observation) && image.service.is_none() && image.declared().is_none();
        let request = QuotedRequest::parse(image.url.as_deref().filter(|_| is_candidate)?)?;
        if request.region != "full" || !request.is_upright() || request.size.contains('!') {
            return None;
        }
        let numbers = self.by_name.find(request.base).ok()??;
        let mut declared = numbers
            .iter()
            .filter_map(|number| self.get(*number).image.declared());
        let [width, height] = declared.next()?.map(u64::from);
        let share = |side: u32, of: u64, other: u64| {
            u32::try_from((u64::from(side) * other + of / 2) / of.max(1)).ok()
        };
        match request.asked_size() {
            (Some(w), Some(h)) => Some([w, h]),
            (Some(w), None) => Some([w, share(w, width, height)?.max(1)]),
            (None, Some(h)) => Some([share(h, height, width)?.max(1), h]),
            (None, None) => None,
        }
    }

    /// The id of an image that another digest knows by an id, URL or UUID that boxes from elsewhere state beside an address.
    /// File names are not enough for that: the address may be that of another file.
    fn id_by_names(&self, observation: &Observation) -> Option<&str> {
        let is_of_boxes = KINDS.contains(&observation.source.kind.as_str());
        let names = observation.image.names.iter().filter(|_| is_of_boxes);
        let exact = |name: &String| match self.exact(name).ok()?? {
            (numbers, Space::Image) => numbers.first().copied(),
            _ => None,
        };
        let number = names.into_iter().find_map(exact)?;
        Some(&self.get(number).id)
    }

    /// The images that an observation without address is about.
    fn find(&self, observation: &Observation) -> Found {
        let names = || std::iter::once(&observation.id).chain(&observation.image.names);
        for name in names() {
            match self.exact(name) {
                Ok(Some((numbers, space))) => {
                    return Found::Images(self.each_once(numbers), space);
                }
                Ok(None) => {}
                Err(problem) => return Found::Nothing(problem),
            }
        }
        // What is no name in any way may name a part in a way that is not understood: its file must not be taken for the whole.
        let part = observation.id.split_once('#').map(|(_, part)| part);
        if let Some(part) = part.filter(|_| observation.source.kind == "iiif") {
            return Found::Nothing(format!("part of an image is not understood: #{part}"));
        }
        let mut several = None;
        for name in names() {
            match self.by_file.find(name) {
                NameMatch::One(id, agreement) => {
                    let Some(number) = self.by_id.get(&id) else {
                        continue;
                    };
                    return match other_shape(observation, self.get(*number)) {
                        Some(problem) => Found::Nothing(problem),
                        None => Found::ByFileName(*number, agreement),
                    };
                }
                NameMatch::Many(ids) => several = several.or(Some(ids)),
                NameMatch::None => {}
            }
        }
        Found::Nothing(match several {
            Some(ids) => format!(
                "several images have this file name: {}",
                ids[..ids.len().min(5)].join(", ")
            ),
            None => UNKNOWN.into(),
        })
    }

    /// The images of which an observation that was not found names a part in a way that is not understood.
    pub fn whole_of(&self, observation: &Observation) -> Vec<usize> {
        let is_listed = observation.source.kind == "iiif";
        let whole = observation.id.split_once('#').filter(|_| is_listed);
        let whole = whole.map(|(whole, _)| whole);
        let found = whole.and_then(|whole| self.exact(whole).ok()?);
        found.map_or_else(Vec::new, |(numbers, _)| self.each_once(numbers))
    }

    /// The images with this id, URL, UUID or canvas. The error says that it may be that of several.
    fn exact(&self, name: &str) -> Result<Option<(&[usize], Space)>, String> {
        let last = parts(name).pop();
        let uuid = last.and_then(|last| values::uuid(stem(&last)));
        let base = QuotedRequest::parse(name).map(|request| request.base);
        let tried = [Some(whole_name(name)), base, uuid.as_deref()];
        for name in tried.into_iter().flatten() {
            if let Some(numbers) = self.by_name.find(name)? {
                return Ok(Some((numbers, Space::Image)));
            }
        }
        let on_canvas = self.by_canvas.find(name.trim())?;
        Ok(on_canvas.map(|numbers| (numbers, Space::Canvas)))
    }

    /// The numbers of images, each image once: digests may share images.
    fn each_once(&self, numbers: &[usize]) -> Vec<usize> {
        let mut seen = BTreeSet::new();
        let all = numbers.iter().copied();
        all.filter(|number| seen.insert(self.id_of(self.get(*number))))
            .collect()
    }
}

/// Names by which an image's file may be called: the last parts of its URL or service, its label, metadata.
fn file_names(observation: &Observation) -> Vec<&str> {
    let image = &observation.image;
    let request = image
        .url
        .as_deref()
        .filter(|url| QuotedRequest::parse(url).is_none());
    let service = image.service.as_ref().map(|service| service.id.as_str());
    let mut names: Vec<&str> = request.into_iter().chain(service).collect();
    let labels = &observation.source.labels;
    let label = [&labels.image, &labels.canvas].into_iter().flatten();
    names.extend(label.map(String::as_str).filter(|label| is_image(label)));
    let metadata = observation.metadata.iter();
    let given =
        metadata.filter(|(key, _)| FILE_KEYS.iter().any(|name| key.eq_ignore_ascii_case(name)));
    names.extend(
        given
            .flat_map(|(_, texts)| texts)
            .map(String::as_str)
            .filter(|text| is_image(text)),
    );
    names
}

/// Why an image that only shares a file name is another: the shapes of the two differ.
fn other_shape(observation: &Observation, image: &Observation) -> Option<String> {
    const MOST: f64 = 0.02;
    let size = |o: &Observation| {
        let [width, height] = o.image.declared()?.map(f64::from);
        Some(Frame { width, height })
    };
    let given = size(observation)?;
    let known = size(image).filter(|_| {
        image
            .image
            .service
            .as_ref()
            .is_none_or(|s| s.region.is_none())
    })?;
    let ratio = (given.width * known.height) / (given.height * known.width);
    ((ratio - 1.0).abs() > MOST).then(|| {
        format!(
            "image with this file name has another aspect ratio: {} x {}, not {} x {}, {}",
            known.width, known.height, given.width, given.height, image.id
        )
    })
}

/// An observation as one of the image that it is about: with the address, place and spaces of that, as far as it does not
/// have spaces of its own. Annotations without manifest are drawn in `space`.
pub fn placed(about: &Observation, image: &Observation, space: Space) -> Observation {
    let source = Provenance {
        kind: about.source.kind.clone(),
        manifest: image.source.manifest.clone(),
        canvas: image.source.canvas.clone(),
        ..Provenance::default()
    };
    let own = Observation {
        id: image.id.clone(),
        source,
        group: String::new(),
        ..about.clone()
    };
    let has_space = about.canvas.is_some() || about.image.declared().is_some();
    if has_space {
        return own;
    }
    if !KINDS.contains(&about.source.kind.as_str()) {
        let mut annotations = about.annotations.clone();
        let regions = annotations.iter_mut().flat_map(|a| &mut a.regions);
        regions.for_each(|region| region.frame = space);
        return Observation {
            annotations,
            image: image.image.clone(),
            canvas: image.canvas,
            placement: image.placement,
            rotation: image.rotation,
            ..own
        };
    }
    // Drawn on the file itself, which holds no more than the part of the service that is meant.
    let part = image
        .image
        .service
        .as_ref()
        .and_then(|service| service.region);
    let size = match part {
        Some([_, _, width, height]) => Some([width, height]),
        None => image.image.declared(),
    };
    Observation {
        image: ImageRef {
            width: size.map(|[width, _]| width),
            height: size.map(|[_, height]| height),
            ..ImageRef::default()
        },
        ..own
    }
}

/// An observation without address, as far as it is needed to find its image.
pub struct NamelessImage {
    /// The number of its digest.
    digest: usize,
    /// What it is known by.
    names: Observation,
    /// Regions of its annotations.
    regions: usize,
}

impl NamelessImage {
    /// An observation of a digest.
    pub fn of(digest: usize, observation: Observation) -> Self {
        let annotations = observation.annotations.iter();
        NamelessImage {
            digest,
            regions: annotations.map(|a| a.regions.len()).sum(),
            names: names_only(observation),
        }
    }
}

/// The numbers of the images that an observation is about and the space of its regions, or the problem of a reject.
pub type About = Result<(Vec<usize>, Space), String>;

/// The images that observations without address are about.
pub fn find_all(images: &AddressedImages, nameless: &[NamelessImage]) -> Vec<About> {
    let found: Vec<Found> = nameless.par_iter().map(|n| images.find(&n.names)).collect();
    let claims = claims(images, nameless, &found);
    let settle = |(nameless, found): (&NamelessImage, Found)| match found {
        Found::Images(images, space) => Ok((images, space)),
        Found::Nothing(problem) => Err(format!("{problem}: {}", with_boxes(nameless))),
        Found::ByFileName(number, agreement) => {
            let others = claims.get(&(nameless.digest, images.id_of(images.get(number))));
            let is_rival = |(most, other): &&(usize, &Observation)| {
                *most >= agreement && is_another(other, &nameless.names)
            };
            match others.into_iter().flatten().find(is_rival) {
                None => Ok((vec![number], Space::Image)),
                Some((_, other)) => Err(format!(
                    "image of this file name may be that of another record: {}, {}",
                    other.id,
                    with_boxes(nameless)
                )),
            }
        }
    };
    nameless.iter().zip(found).map(settle).collect()
}

/// Number of a digest and id of an image → the observations of the digest that would be this image, and how many parts of
/// their file names agree; of those with an address of their own, all.
type Claims<'a> = BTreeMap<(usize, &'a str), Vec<(usize, &'a Observation)>>;

/// Two files of one digest with the same name are two images, of which at most one is that of the name.
fn claims<'a>(
    images: &'a AddressedImages,
    nameless: &'a [NamelessImage],
    found: &[Found],
) -> Claims<'a> {
    let mut claims = Claims::new();
    for (nameless, found) in nameless.iter().zip(found) {
        if let Found::ByFileName(number, agreement) = found {
            let claim = (*agreement, &nameless.names);
            let image = (nameless.digest, images.id_of(images.get(*number)));
            claims.entry(image).or_default().push(claim);
        }
    }
    for (digest, observation) in &images.images {
        let image = (*digest, images.id_of(observation));
        if let Some(claims) = claims.get_mut(&image) {
            claims.push((usize::MAX, observation));
        }
    }
    claims
}

/// Whether two records of a digest are of different files. One with an address is called by its names, else by its id.
fn is_another(claim: &Observation, observation: &Observation) -> bool {
    if !has_address(claim) {
        return claim.id != observation.id;
    }
    let own: &[String] = match claim.image.names.as_slice() {
        [] => std::slice::from_ref(&claim.id),
        names => names,
    };
    let names = || std::iter::once(&observation.id).chain(&observation.image.names);
    let is_one = |name: &String| names().any(|other| parts(other) == parts(name));
    !own.iter().any(is_one)
}

fn with_boxes(nameless: &NamelessImage) -> String {
    let NamelessImage { names, regions, .. } = nameless;
    let name = names.image.names.first().unwrap_or(&names.id);
    let boxes = counted(*regions as u64, "box", "boxes");
    format!("{name}, {boxes} with it")
}

/// A name without the end that makes an id of an image service the URL of its description.
fn whole_name(name: &str) -> &str {
    let name = name.trim();
    let service = name.trim_end_matches('/').strip_suffix("/info.json");
    service.unwrap_or(name)
}
