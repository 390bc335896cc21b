//! The core: joins annotations with the images that they are about, in whatever document either was.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::quoted_parts::in_service;
use crate::contracts::{Annotation, ImageRef, Observation, Provenance, Region, Service, Space};
use crate::iiif::QuotedRequest;
use crate::image_names::{IdIndex, far};
use crate::selectors;
use crate::sources::{Hung, ImageName, Lost, Placed};
use crate::summary::Reject;

/// Puts annotations on images. Of the names of images only those are held that an annotation may mean, so that memory does
/// not grow with the number of images. Therefore everything is given in this order: what is expected, images, names,
/// annotations, and those of them again that remain.
#[derive(Default)]
pub struct Joiner {
    /// Annotations without an image.
    pub rejects: Vec<Reject>,
    /// Images that only an annotation describes; they come after all others.
    pub described: Vec<Observation>,
    /// Annotations that were placed, to be taken away after each call.
    pub joined: Vec<Joined>,
    /// Images of which annotations cannot be used.
    pub rejected: BTreeSet<usize>,
    images_added: usize,
    expected: Expected,
    ids: HashMap<String, Vec<usize>>,
    /// What is known of the images that have a name here.
    origins: HashMap<usize, Origin>,
    canvases: IdIndex,
    images: IdIndex,
    paintings: IdIndex,
    /// Other ids of canvases, in what paints them.
    aliases: IdIndex,
    /// Files that are copies of images in another size.
    copies: IdIndex,
    /// What makes pixels of the copy those of the image.
    scales: HashMap<usize, [f64; 2]>,
    /// Annotations that other annotations are about and that were placed: on which images, and on which parts of them.
    placed: HashMap<String, Vec<PlacedOn>>,
    /// Their ids by the furthest spelling.
    placed_as: HashMap<String, BTreeSet<String>>,
    /// Images of manifests of which a whole document of annotations is lost.
    of_manifests: HashMap<u64, Vec<usize>>,
}

/// An annotation on its images: by their numbers, in the order in which images were added.
#[derive(Debug, PartialEq)]
pub struct Joined {
    /// Numbers of the images.
    pub images: Vec<usize>,
    /// The annotation, with its regions in the right space.
    pub annotation: Annotation,
}

/// Hashes of what annotations mean: two names with one hash cost some memory and nothing else.
#[derive(Default)]
struct Expected {
    /// Names of images and canvases in their furthest spelling.
    names: HashSet<u64>,
    /// Ids of images.
    ids: HashSet<u64>,
    /// Ids of annotations.
    annotations: HashSet<u64>,
    /// The same in their furthest spelling, and so targets that are not the id of the annotation itself.
    spelt: HashSet<u64>,
    targets: HashSet<u64>,
    /// Manifests of which a document of annotations is lost.
    manifests: HashSet<u64>,
}

/// Hashes of where an image is from.
#[derive(Clone, Copy)]
struct Origin {
    manifest: Option<u64>,
    canvas: Option<u64>,
    id: u64,
}

/// The images that an annotation is about, and the parts of them.
#[derive(Clone)]
struct PlacedOn {
    images: Vec<usize>,
    regions: Vec<Region>,
}

impl Joiner {
    /// Takes note of what an annotation is about. All of them come first.
    pub fn expect(&mut self, placed: &Placed) {
        let Placed {
            target,
            named,
            hung,
            annotation,
            ..
        } = placed;
        self.expect_target(target, hung);
        let mut expect = |name: &str| self.expected.names.insert(hash(&far(name)));
        if let [
            Region {
                fragment: Some(fragment),
                ..
            },
        ] = annotation.regions.as_slice()
        {
            expect(&format!("{target}#{fragment}"));
        }
        named.iter().for_each(|named| {
            expect(named);
        });
        self.expected.annotations.insert(hash(&annotation.id));
        self.expected.spelt.insert(hash(&far(&annotation.id)));
        if *target != annotation.id {
            self.expected.targets.insert(hash(&far(target)));
        }
    }

    /// Takes note of what annotations are about that cannot be used. They come with the annotations.
    pub fn expect_lost(&mut self, lost: &Lost) {
        self.expect_target(lost.target.as_deref().unwrap_or_default(), &lost.hung);
        let manifest = lost.manifest.as_deref().filter(|_| lost.is_document);
        self.expected.manifests.extend(manifest.map(hash));
    }

    fn expect_target(&mut self, target: &str, hung: &Hung) {
        let names = names_meant(target).chain(hung.canvas.as_deref());
        let names = names.map(|name| hash(&far(name)));
        self.expected.names.extend(names);
        self.expected.ids.extend(hung.image.as_deref().map(hash));
    }

    /// Takes note of the image that another name stands for. All of them come second.
    pub fn expect_name(&mut self, name: &ImageName) {
        if !self.is_expected(&name.name) {
            return;
        }
        self.expected.ids.insert(hash(&name.observation));
    }

    /// Adds an image. All of them come third.
    pub fn add(&mut self, observation: &Observation) {
        let number = self.images_added;
        self.images_added += 1;
        let mut is_named = false;
        if self.expected.ids.contains(&hash(&observation.id)) {
            let ids = self.ids.entry(observation.id.clone()).or_default();
            ids.push(number);
            is_named = true;
        }
        let canvas = observation.source.canvas.as_ref();
        if let Some(canvas) = canvas.filter(|canvas| self.is_expected(canvas)) {
            self.canvases.add(canvas, number);
            is_named = true;
        }
        let service = observation.image.service.as_ref().map(|s| &s.id);
        // A URL that requests a part or a size from the service is parsed later, when an annotation names it.
        let url = observation.image.url.as_ref();
        let url = url.filter(|url| service.is_none() || QuotedRequest::parse(url).is_none());
        for name in service.into_iter().chain(url) {
            if self.is_expected(name) {
                self.images.add(name, number);
                is_named = true;
            }
        }
        for name in &observation.image.names {
            if self.is_expected(name) {
                self.canvases.add(name, number);
                is_named = true;
            }
        }
        let manifest = observation.source.manifest.as_deref().map(hash);
        if let Some(manifest) = manifest.filter(|m| self.expected.manifests.contains(m)) {
            self.of_manifests.entry(manifest).or_default().push(number);
        }
        if is_named {
            let origin = Origin {
                manifest,
                canvas: observation.source.canvas.as_deref().map(hash),
                id: hash(&observation.id),
            };
            self.origins.insert(number, origin);
        }
    }

    /// Adds another name of an image. All of them come fourth.
    pub fn add_name(&mut self, name: &ImageName) {
        if !self.is_expected(&name.name) {
            return;
        }
        let canvas = name.canvas.as_deref().map(hash);
        for number in self.ids.get(&name.observation).into_iter().flatten() {
            let index = match (canvas, name.scale) {
                (None, Some(scale)) => {
                    self.scales.insert(*number, scale);
                    &mut self.copies
                }
                (None, None) => &mut self.paintings,
                // The same image may be on other canvases.
                (canvas, _) if self.origins.get(number).map(|o| o.canvas) != Some(canvas) => {
                    continue;
                }
                _ => &mut self.aliases,
            };
            index.add(&name.name, *number);
        }
    }

    /// Whether an annotation may mean an image or canvas by this name.
    fn is_expected(&self, name: &str) -> bool {
        self.expected.names.contains(&hash(&far(name)))
    }

    /// Places an annotation on its images, or rejects it; returns it if its target is not known (yet).
    pub fn place(&mut self, mut placed: Placed) -> Option<Placed> {
        let annotation = &mut placed.annotation;
        let found = match self.whole_target(&placed.target, annotation) {
            Some(numbers) => Ok(Some((numbers, Space::Canvas))),
            None => match self.canvas_named(placed.named.as_deref()) {
                Some(numbers) => Ok(Some((numbers, Space::Canvas))),
                None => self.find(&placed.target, annotation, &placed.hung),
            },
        };
        match found {
            Ok(Some((numbers, frame))) => {
                for region in &mut placed.annotation.regions {
                    region.frame = frame;
                }
                let numbers = self.nearest(&numbers, placed.manifest.as_deref(), &placed.hung);
                self.put(&numbers, placed.annotation);
                None
            }
            Ok(None) => self.place_elsewhere(placed),
            Err(problem) => {
                self.refuse(placed, problem);
                None
            }
        }
    }

    /// The images of a canvas whose id is a request for an image, or the description of a service.
    fn canvas_named(&self, named: Option<&str>) -> Option<Vec<usize>> {
        let found = self.canvases.find(named?).ok()?;
        found.map(<[usize]>::to_vec)
    }

    /// The id of an annotation that was placed and that a target names, and where it is. Where none has this id, one that is spelt
    /// like it is meant.
    fn about(&self, target: &str) -> Option<(&str, &[PlacedOn])> {
        let is_known = self.expected.annotations.contains(&hash(target));
        let alike = || {
            let mut ids = self.placed_as.get(&far(target))?.iter();
            ids.next().filter(|_| ids.next().is_none())
        };
        let id = match is_known {
            true => target,
            false => alike()?,
        };
        let (id, on) = self.placed.get_key_value(id)?;
        Some((id, on))
    }

    /// Places an annotation whose target is neither an image nor a canvas of the documents.
    fn place_elsewhere(&mut self, mut placed: Placed) -> Option<Placed> {
        if placed.target != placed.annotation.id
            && let Some((id, about)) = self.about(&placed.target)
        {
            let (id, about) = (id.to_owned(), about.to_vec());
            if !placed.annotation.regions.iter().all(Region::is_whole) {
                let target = &placed.target;
                let problem = format!(
                    "target is a part of another annotation, which does not have a size: {target}"
                );
                self.refuse(placed, problem);
                return None;
            }
            for on in about {
                let mut annotation = placed.annotation.clone();
                // The part of a text or of a box cannot be known: it is about all that the other one is about.
                annotation.regions = on.regions;
                let attributes = &mut annotation.attributes;
                attributes.insert("about".into(), id.clone().into());
                self.put(&on.images, annotation);
            }
            return None;
        }
        if let Some(mut observation) = placed.image.take() {
            image_of_service(&mut observation, &mut placed);
            let number = self.images_added;
            self.add(&observation);
            self.described.push(*observation);
            self.put(&[number], placed.annotation);
            return None;
        }
        Some(placed)
    }

    /// Whether no image was added: annotations alone, whose images another digest holds.
    pub fn is_empty(&self) -> bool {
        self.images_added == 0
    }

    /// Places an annotation, else on an image that is made of what its target is called, unless that is another annotation:
    /// `extract` finds the image in another digest.
    pub fn place_nameless(&mut self, placed: Placed) -> Option<Placed> {
        let placed = self.place(placed)?;
        let is_about_another = placed.target != placed.annotation.id
            && self.expected.spelt.contains(&hash(&far(&placed.target)));
        // The manifest of an annotation holds its images, if there are any.
        if is_about_another || placed.manifest.is_some() {
            return Some(placed);
        }
        let number = self.images_added;
        let image = nameless(placed.document, placed.target);
        self.add(&image);
        self.described.push(image);
        self.put(&[number], placed.annotation);
        None
    }

    /// Rejects an annotation that could not be placed.
    pub fn reject(&mut self, placed: Placed) {
        let problem = format!(
            "target is not an image, a canvas with an image or a used annotation of the documents: {}",
            placed.target
        );
        self.refuse(placed, problem);
    }

    fn refuse(&mut self, placed: Placed, problem: String) {
        self.mark(&Lost {
            manifest: placed.manifest.clone(),
            hung: placed.hung.clone(),
            target: Some(placed.target.clone()),
            ..Lost::default()
        });
        self.rejects.push(placed.reject(problem));
    }

    /// Marks the images that lost annotations are about: those of their target, else those of the canvas that holds them,
    /// else, of a whole document, those of the manifest. Whether there are any.
    pub fn mark(&mut self, lost: &Lost) -> bool {
        let target = lost.target.as_deref().and_then(|target| self.meant(target));
        let canvas = lost.hung.canvas.as_deref();
        let holds = || self.canvases.find(canvas?).ok()?.map(<[usize]>::to_vec);
        let manifest = lost.manifest.as_deref();
        let numbers = match target.or_else(holds) {
            Some(numbers) => self.nearest(&numbers, manifest, &lost.hung),
            None => {
                let manifest = manifest.filter(|_| lost.is_document).map(hash);
                let all = manifest.and_then(|manifest| self.of_manifests.get(&manifest));
                all.cloned().unwrap_or_default()
            }
        };
        let is_known = !numbers.is_empty();
        self.rejected.extend(numbers);
        is_known
    }

    /// The images that a target names, or of which it names a part, whether that is understood or not.
    fn meant(&self, target: &str) -> Option<Vec<usize>> {
        let indexes = [
            &self.canvases,
            &self.copies,
            &self.images,
            &self.aliases,
            &self.paintings,
        ];
        let named = |name| indexes.iter().find_map(|index| index.find(name).ok()?);
        let about = || {
            let (_, about) = self.about(target)?;
            Some(
                about
                    .iter()
                    .flat_map(|on| on.images.iter().copied())
                    .collect(),
            )
        };
        let found = names_meant(target).find_map(named);
        found.map(<[usize]>::to_vec).or_else(about)
    }

    /// Marks what a lost annotation names: `extract` finds the image in another digest. See [`place_nameless`](Self::place_nameless).
    pub fn mark_nameless(&mut self, lost: Lost) {
        let (Some(target), None) = (lost.target, lost.manifest) else {
            return;
        };
        let number = self.images_added;
        let image = nameless(lost.document, target);
        self.add(&image);
        self.described.push(image);
        self.rejected.insert(number);
    }

    /// Puts an annotation on images.
    fn put(&mut self, numbers: &[usize], annotation: Annotation) {
        let id = &annotation.id;
        let spelt = far(id);
        if self.expected.targets.contains(&hash(&spelt)) {
            self.placed_as.entry(spelt).or_default().insert(id.clone());
            let known = self.placed.entry(id.clone()).or_default();
            known.push(PlacedOn {
                images: numbers.to_vec(),
                regions: annotation.regions.clone(),
            });
        }
        self.joined.push(Joined {
            images: numbers.to_vec(),
            annotation,
        });
    }

    /// A canvas whose own id ends like a media fragment: then the fragment belongs to the id and is not a region.
    fn whole_target(&self, target: &str, annotation: &mut Annotation) -> Option<Vec<usize>> {
        let [region] = annotation.regions.as_mut_slice() else {
            return None;
        };
        let whole = format!("{target}#{}", region.fragment.as_ref()?);
        let found = self.canvases.exactly(&whole)?.to_vec();
        region.fragment = None;
        Some(found)
    }

    /// The images that a target names, and the space of its regions; none if the target is unknown. The error says why
    /// the regions cannot be used.
    fn find(
        &self,
        target: &str,
        annotation: &mut Annotation,
        hung: &Hung,
    ) -> Result<Option<(Vec<usize>, Space)>, String> {
        let found = |numbers: &[usize], space| Ok(Some((numbers.to_vec(), space)));
        if let Some(numbers) = self.canvases.find(target)? {
            return found(numbers, Space::Canvas);
        }
        if let Some(numbers) = self.copies.find(target)? {
            self.scale(numbers, annotation)
                .ok_or_else(|| format!("target is a part of a copy of unclear size: {target}"))?;
            return found(numbers, Space::Image);
        }
        if let Some(numbers) = self.images.find(service_of(target))? {
            return found(numbers, Space::Image);
        }
        if let Some(numbers) = self.aliases.find(target)? {
            return found(&self.of_one_canvas(numbers, target, hung)?, Space::Canvas);
        }
        if let Some(numbers) = self.paintings.find(target)? {
            return match annotation.regions.iter().all(Region::is_whole) {
                true => found(numbers, Space::Canvas),
                false => Err(format!(
                    "target is a part of an annotation, which does not have a size: {target}"
                )),
            };
        }
        let Some(request) = QuotedRequest::parse(target) else {
            return Ok(None);
        };
        match self.images.find(request.base)? {
            Some(numbers) => {
                for region in &mut annotation.regions {
                    *region = in_service(&request, region).ok_or_else(|| {
                        format!("target is a part of a scaled, rotated or square image request: {target}")
                    })?;
                }
                found(numbers, Space::Image)
            }
            None => Ok(None),
        }
    }

    /// Of images whose canvases share another id those of the canvas that holds the annotation, or that of one canvas.
    fn of_one_canvas(
        &self,
        numbers: &[usize],
        target: &str,
        hung: &Hung,
    ) -> Result<Vec<usize>, String> {
        let canvas = |number: &usize| self.origins.get(number).and_then(|origin| origin.canvas);
        let canvases: HashSet<Option<u64>> = numbers.iter().map(canvas).collect();
        let own = hung.canvas.as_deref().map(hash);
        match canvases.len() {
            0 | 1 => Ok(numbers.to_vec()),
            _ if own.is_some() && canvases.contains(&own) => {
                let own = numbers
                    .iter()
                    .copied()
                    .filter(|number| canvas(number) == own);
                Ok(own.collect())
            }
            _ => Err(format!("several canvases have this id: {target}")),
        }
    }

    /// Makes regions in pixels of a copy such of the image; none if that is not possible.
    fn scale(&self, numbers: &[usize], annotation: &mut Annotation) -> Option<()> {
        let mut scales = numbers
            .iter()
            .map(|number| self.scales.get(number).copied());
        let scale = scales.next()??;
        if scales.any(|other| other != Some(scale))
            && !annotation.regions.iter().all(Region::is_whole)
        {
            return None;
        }
        for region in &mut annotation.regions {
            *region = selectors::scaled(region, scale)?;
        }
        Some(())
    }

    /// Of these observations those in the manifest that led to the annotation, and of those the image that holds it; if
    /// there are none, all.
    fn nearest(&self, numbers: &[usize], manifest: Option<&str>, hung: &Hung) -> Vec<usize> {
        let closer = |numbers: Vec<usize>, is_near: &dyn Fn(&Origin) -> bool| {
            let near = numbers.iter().copied();
            let near = near.filter(|n| self.origins.get(n).is_some_and(is_near));
            let near: Vec<usize> = near.collect();
            if near.is_empty() { numbers } else { near }
        };
        let numbers = match manifest.map(hash) {
            Some(manifest) => closer(numbers.to_vec(), &|o| o.manifest == Some(manifest)),
            None => numbers.to_vec(),
        };
        let numbers = match hung.canvas.as_deref().map(hash) {
            Some(canvas) => closer(numbers, &|o| o.canvas == Some(canvas)),
            None => numbers,
        };
        match hung.image.as_deref().map(hash) {
            Some(image) => closer(numbers, &|o| o.id == image),
            None => numbers,
        }
    }
}

/// What a list of annotations says of a target when no document holds images.
fn nameless(document: String, target: String) -> Observation {
    Observation {
        id: target.clone(),
        image: ImageRef {
            names: vec![target],
            ..ImageRef::default()
        },
        source: Provenance {
            kind: "iiif".into(),
            manifest: Some(document),
            ..Provenance::default()
        },
        ..Observation::default()
    }
}

/// Where a target requests a part of an image in its full size, makes it that part of the image of the service: its other pixels
/// are there too.
fn image_of_service(observation: &mut Observation, placed: &mut Placed) {
    let image = &mut observation.image;
    let Some(request) = image.url.as_deref().and_then(QuotedRequest::parse) else {
        return;
    };
    if !request.is_full_size() || image.service.is_some() {
        return;
    }
    let regions = placed.annotation.regions.iter();
    let regions: Option<Vec<Region>> = regions.map(|region| in_service(&request, region)).collect();
    let Some(regions) = regions else {
        return;
    };
    let service = Service::of_request(&request);
    let of_image = |region| Region {
        frame: Space::Image,
        ..region
    };
    placed.annotation.regions = regions.into_iter().map(of_image).collect();
    observation.id = service.name();
    (image.url, image.width, image.height) = (None, None, None);
    image.service = Some(service);
}

/// The names of what a target may be or be a part of: itself, the service of a description or request, and what stands before
/// an unknown fragment.
fn names_meant(target: &str) -> impl Iterator<Item = &str> {
    let base = QuotedRequest::parse(target).map(|request| request.base);
    let whole = target.split_once('#').map(|(whole, _)| whole);
    let names = [Some(target), Some(service_of(target)), base, whole];
    names.into_iter().flatten().filter(|name| !name.is_empty())
}

/// A target without the end that makes an id of an image service the URL of its description.
fn service_of(target: &str) -> &str {
    let service = target.trim_end_matches('/').strip_suffix("/info.json");
    service.unwrap_or(target)
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::super::attached::Attached;
    use super::*;

    struct All {
        observations: Vec<Observation>,
        rejects: Vec<Reject>,
        folded: u64,
    }

    fn join(mut observations: Vec<Observation>, placed: Vec<Placed>, names: &[ImageName]) -> All {
        let mut joiner = Joiner::default();
        placed.iter().for_each(|placed| joiner.expect(placed));
        names.iter().for_each(|name| joiner.expect_name(name));
        observations.iter().for_each(|image| joiner.add(image));
        names.iter().for_each(|name| joiner.add_name(name));
        for placed in placed {
            if let Some(placed) = joiner.place(placed) {
                joiner.reject(placed);
            }
        }
        observations.append(&mut joiner.described);
        let mut folded = 0;
        for joined in joiner.joined {
            for number in joined.images {
                let annotations = vec![joined.annotation.clone()];
                folded += Attached::default().add(&mut observations[number], annotations);
            }
        }
        All {
            observations,
            rejects: joiner.rejects,
            folded,
        }
    }

    fn on(manifest: &str, canvas: &str) -> Observation {
        let service = Service {
            id: format!("https://a/i/{manifest}/{canvas}"),
            version: 2,
            level: None,
            region: None,
        };
        Observation {
            id: service.id.clone(),
            image: ImageRef {
                service: Some(service),
                ..ImageRef::default()
            },
            source: Provenance {
                manifest: Some(manifest.into()),
                canvas: Some(canvas.into()),
                ..Provenance::default()
            },
            ..Observation::default()
        }
    }

    fn about(target: &str, fragment: Option<&str>, manifest: Option<&str>) -> Placed {
        let region = Region {
            fragment: fragment.map(Into::into),
            ..Region::default()
        };
        let annotation = Annotation {
            id: "a".into(),
            regions: vec![region],
            ..Annotation::default()
        };
        Placed {
            document: "d".into(),
            manifest: manifest.map(Into::into),
            target: target.into(),
            annotation,
            ..Placed::default()
        }
    }

    #[test]
    fn targets_are_found_exactly_then_however_they_are_spelt() {
        let canvases = [
            "http://a.example/c/1",
            "http://a.example/c/1#x",
            "http://a.example/c/2#xywh=1,1,1,1",
            "c%2F3",
            "https://a.example/%E4/",
            "https://a.example/d",
            "https://a.example/d/",
            "https://a.example/e%2Ff",
            "https://a.example/e/f",
        ];
        let cases = [
            ("http://a.example/c/1", None, vec![0]),
            ("https://A.example:443/c/1/", None, vec![0]),
            ("https://a.example/c/1#", None, vec![0]),
            ("https://a.example/c/1#y", None, vec![]),
            ("http://a.example/c/1#x", None, vec![1]),
            ("http://a.example/c/2", Some("xywh=1,1,1,1"), vec![2]),
            ("c%2F3", None, vec![3]),
            ("http://a.example/ä", None, vec![]),
            // Of two spellings the nearer one.
            ("http://a.example/d", None, vec![5]),
            ("http://a.example/d/", None, vec![6]),
            ("http://a.example/e%2ff", None, vec![7]),
            ("http://a.example/e%2Ff", None, vec![7]),
            ("http://a.example/%65/f", None, vec![8]),
            ("http://a.example/e/f/", None, vec![]),
            ("https://a/i/m/c%2F3", None, vec![3]),
        ];
        for (target, fragment, wanted) in cases {
            let seen = canvases.iter().map(|c| on("m", c)).collect();
            let joined = join(seen, vec![about(target, fragment, None)], &[]);
            let hit: Vec<usize> = (0..joined.observations.len())
                .filter(|n| !joined.observations[*n].annotations.is_empty())
                .collect();
            assert_eq!(hit, wanted, "{target}");
            assert_eq!(
                joined.rejects.len(),
                usize::from(wanted.is_empty()),
                "{target}"
            );
        }
    }

    #[test]
    fn the_manifest_that_led_to_an_annotation_comes_first() {
        for (manifest, wanted) in [
            (Some("m"), vec![0]),
            (Some("n"), vec![1]),
            (Some("o"), vec![0, 1]),
            (None, vec![0, 1]),
        ] {
            let joined = join(
                vec![on("m", "c"), on("n", "c")],
                vec![about("c", None, manifest)],
                &[],
            );
            let hit: Vec<usize> = (0..2)
                .filter(|n| !joined.observations[*n].annotations.is_empty())
                .collect();
            assert_eq!(hit, wanted, "{manifest:?}");
        }
    }

    #[test]
    fn an_image_that_only_annotations_name_becomes_one_observation() {
        let placed = |id: &str| {
            let mut placed = about("https://a/i/x/y", None, None);
            placed.image = Some(Box::new(on("x", "y")));
            placed.annotation.id = id.into();
            placed
        };
        let joined = join(vec![], vec![placed("1"), placed("2"), placed("2")], &[]);
        assert_eq!((joined.observations.len(), joined.rejects.len()), (1, 0));
        assert_eq!(joined.observations[0].annotations.len(), 2);
        assert_eq!(joined.folded, 1);
    }

    #[test]
    fn an_image_is_known_by_its_urls_and_by_what_paints_it() {
        let mut image = on("m", "c");
        image.image.url = Some("https://a/i/m/c/full/max/0/default.jpg".into());
        let mut still = on("n", "d");
        still.image.url = Some("https://a/d.jpg".into());
        let names = [ImageName {
            name: "https://a/painting".into(),
            observation: image.id.clone(),
            ..ImageName::default()
        }];
        let place = |target: &str, fragment: Option<&str>| {
            let about = vec![about(target, fragment, None)];
            let joined = join(vec![image.clone(), still.clone()], about, &names);
            let mut place = joined.observations.into_iter().enumerate();
            let region = |a: Annotation| (a.regions[0].frame, a.regions[0].fragment.clone());
            let place =
                place.find_map(|(n, o)| Some((n, region(o.annotations.into_iter().next()?))));
            place.ok_or_else(|| joined.rejects[0].problem.clone())
        };
        let found = |n: usize, frame: Space, fragment: Option<&str>| {
            Ok((n, (frame, fragment.map(str::to_owned))))
        };
        let refused = |problem: &str| Err(problem.to_owned());
        let (part, share) = (Some("xywh=1,2,3,4"), Some("xywh=percent:50,0,50,50"));
        let cases = [
            ("full/max/0/default.jpg", part, found(0, Space::Image, part)),
            (
                "full/90,/0/default.jpg",
                share,
                found(0, Space::Image, share),
            ),
            ("full/90,/0/default.jpg", None, found(0, Space::Image, None)),
            (
                "10,20,100,60/90,/0/default.jpg",
                None,
                found(0, Space::Image, Some("xywh=10,20,100,60")),
            ),
            (
                "10,20,100,60/max/0/default.jpg",
                part,
                found(0, Space::Image, Some("xywh=11,22,3,4")),
            ),
            (
                "10,20,100,60/max/0/default.jpg",
                share,
                found(0, Space::Image, Some("xywh=60,20,50,30")),
            ),
            (
                "pct:10,20,40,40/max/0/default.jpg",
                share,
                found(0, Space::Image, Some("xywh=percent:30,20,20,20")),
            ),
            (
                "full/50,20/0/default.jpg",
                part,
                found(0, Space::Image, Some("xywh=percent:2,10,6,20")),
            ),
            (
                "10,20,100,60/50,30/0/default.jpg",
                part,
                found(0, Space::Image, Some("xywh=12,24,6,8")),
            ),
            (
                "full/!50,20/0/default.jpg",
                part,
                refused(
                    "target is a part of a scaled, rotated or square image request: https://a/i/m/c/full/!50,20/0/default.jpg",
                ),
            ),
            (
                "full/90,/0/default.jpg",
                part,
                refused(
                    "target is a part of a scaled, rotated or square image request: https://a/i/m/c/full/90,/0/default.jpg",
                ),
            ),
        ];
        for (request, fragment, wanted) in cases {
            let seen = place(&format!("https://a/i/m/c/{request}"), fragment);
            assert_eq!(seen, wanted, "{request} {fragment:?}");
        }
        assert_eq!(place("https://a/d.jpg", part), found(1, Space::Image, part));
        assert_eq!(
            place("https://a/painting", None),
            found(0, Space::Canvas, None)
        );
        let problem =
            "target is a part of an annotation, which does not have a size: https://a/painting";
        assert_eq!(place("https://a/painting", part), refused(problem));
    }
}
