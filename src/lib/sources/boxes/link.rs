//! Puts documents of boxes together: boxes with their images, numbers of classes with their names, images with what
//! `--images` says of them. What finds nothing is rejected.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::addresses::{Addressed, Addresses};
use super::class_lists::{ClassLists, DocumentClasses};
use super::drawing;
use super::model::{BoxDocument, GivenBox, GivenClass, GivenImage};
use super::rivals::{self, BestTwo, Rivals};
use super::yolo::{self, RowHabits};
use crate::contracts::{
    Annotation, Body, ImageRef, Labels, Observation, Provenance, Region, map_points,
};
use crate::image_names::{FileIndex, NameMatch, parts};
use crate::sources::source::Found;
use crate::summary::{Reject, counted};

/// Puts documents together: observations, rejects, counts and notes. `kind` is the name of the source; `lists` are documents
/// that only describe images and classes.
pub fn link(
    kind: &str,
    documents: Vec<BoxDocument>,
    lists: &[BoxDocument],
    addresses: &Addresses,
    classes: &ClassLists,
) -> Found {
    let known = KnownImages::of(&documents, lists);
    let lists = if known.has_results { lists } else { &[] };
    let mut linker = Linker {
        kind,
        addresses,
        classes,
        known,
        rivals: Rivals::of(&documents, lists, addresses),
        habits: RowHabits::of(documents.iter().flat_map(|d| {
            let has_keypoints = classes.of_document(d).keypoints().is_some();
            d.rows.iter().filter(move |_| !has_keypoints)
        })),
        found: Found::default(),
        unsized_images: 0,
        turned: Vec::new(),
        misshapen: Vec::new(),
        shares: Vec::new(),
    };
    for document in documents {
        linker.document(document);
    }
    linker.finish()
}

/// Images of all documents, for documents that have boxes and no images.
#[derive(Default)]
struct KnownImages {
    images: Vec<GivenImage>,
    by_key: HashMap<String, BTreeSet<usize>>,
    by_name: FileIndex<usize>,
    /// Whether some document has boxes without images.
    has_results: bool,
}

impl KnownImages {
    /// The images of documents and lists, if some document has boxes without images.
    fn of(documents: &[BoxDocument], lists: &[BoxDocument]) -> Self {
        let mut known = KnownImages::default();
        let is_of_results = |d: &BoxDocument| d.images.is_empty() && !d.boxes.is_empty();
        if !documents.iter().any(is_of_results) {
            return known;
        }
        known.has_results = true;
        let documents = documents.iter().chain(lists);
        for image in documents.flat_map(|document| &document.images) {
            let number = known.images.len();
            known
                .by_key
                .entry(image.key.clone())
                .or_default()
                .insert(number);
            for name in &image.names {
                known.by_name.add(name, number);
            }
            known.images.push(image.clone());
        }
        known
    }

    /// By which names boxes of a document mean images: number of an image → names.
    fn rivals(&self, boxes: &[GivenBox]) -> HashMap<usize, BestTwo> {
        let mut rivals: HashMap<usize, BestTwo> = HashMap::new();
        let keys: BTreeSet<&String> = boxes.iter().map(|given| &given.image).collect();
        for key in keys {
            if self.by_key.contains_key(key) {
                continue;
            }
            if let (NameMatch::One(number, agreement), Some(name)) =
                (self.by_name.find(key), rivals::compared(key))
            {
                rivals.entry(number).or_default().add(agreement, &name);
            }
        }
        rivals
    }

    /// The image with a key, else with a name, unless another name is rather that of the image; without any image a name
    /// stands for itself.
    fn find(&self, key: &str, rivals: &HashMap<usize, BestTwo>) -> Result<GivenImage, String> {
        let same = |numbers: Vec<usize>| {
            let first = numbers.first().map(|n| &self.images[*n])?;
            let is_same = |n: &usize| {
                let other = &self.images[*n];
                let sizes = other.size.zip(first.size);
                let is_sized_so = sizes.is_none_or(|(a, b)| a == b);
                other.names == first.names && other.id == first.id && is_sized_so
            };
            numbers.iter().all(is_same).then(|| first.clone())
        };
        let several = |n: usize| format!("image_id is that of several images: {key}, of {n} files");
        if let Some(numbers) = self.by_key.get(key) {
            let count = numbers.len();
            return same(numbers.iter().copied().collect()).ok_or_else(|| several(count));
        }
        match self.by_name.find(key) {
            NameMatch::One(number, agreement) => {
                let names = rivals.get(&number).zip(rivals::compared(key));
                let rival = names.and_then(|(names, name)| names.beside(&name));
                match rival.filter(|(most, _)| *most >= agreement) {
                    Some((_, rival)) => Err(rivals::problem(rival, key)),
                    None => Ok(self.images[number].clone()),
                }
            }
            NameMatch::Many(numbers) => Err(several(numbers.len())),
            NameMatch::None if key.parse::<f64>().is_ok() => Err(format!(
                "image_id is not that of a known image: {key}; --images FILE names the COCO file with the images"
            )),
            NameMatch::None => Ok(GivenImage {
                place: "image_id".into(),
                key: key.to_owned(),
                names: vec![key.to_owned()],
                ..GivenImage::default()
            }),
        }
    }
}

struct Linker<'a> {
    kind: &'a str,
    addresses: &'a Addresses,
    classes: &'a ClassLists,
    known: KnownImages,
    rivals: Rivals,
    habits: RowHabits,
    found: Found,
    /// Number of images whose boxes are relative to a size that is not known.
    unsized_images: u64,
    /// Images whose size is not known since EXIF turns their files.
    turned: Vec<String>,
    /// Images whose file has another aspect ratio than the document says.
    misshapen: Vec<String>,
    /// Documents whose numbers are taken for parts of width and height.
    shares: Vec<String>,
}

/// The images of a document as they become observations.
#[derive(Default)]
struct Images {
    /// Key → the observation.
    by_key: HashMap<String, KeyOf>,
    by_id: HashMap<String, usize>,
    observations: Vec<Observation>,
    places: Vec<String>,
    /// How many boxes of each image were lost.
    lost: Vec<u64>,
    /// Images of which something else is said that cannot be used.
    unread: BTreeSet<usize>,
    /// Images whose files EXIF turns.
    turned: BTreeSet<usize>,
}

/// What a key of boxes stands for.
#[derive(Clone, Copy)]
enum KeyOf {
    /// The image with this number.
    Image(usize),
    /// Several images, of which the first has this number.
    Several(usize),
    /// An image that cannot be used.
    Nothing,
}

impl KeyOf {
    /// The number of its image.
    fn number(self) -> Option<usize> {
        match self {
            KeyOf::Image(number) | KeyOf::Several(number) => Some(number),
            KeyOf::Nothing => None,
        }
    }
}

impl Linker<'_> {
    fn document(&mut self, mut document: BoxDocument) {
        if let Some(image) = document.unread.take() {
            return self.unread(&document.name, image);
        }
        self.found.notes.append(&mut document.notes);
        self.found.count("boxes", document.lost.len() as u64);
        self.found
            .count("boxes_rejected", document.lost.len() as u64);
        let classes = self.classes.of_document(&document);
        self.read_rows(&mut document, &classes);
        // Those of the others are parts of the image, or were made of such.
        if ["coco", "voc", "via"].contains(&self.kind) && document.take_shares() {
            self.shares.push(document.name.clone());
        }
        let mut images = Images::default();
        let own = std::mem::take(&mut document.images);
        let has_images = !own.is_empty();
        let (unannotated, own): (Vec<_>, Vec<_>) =
            own.into_iter().partition(|image| image.is_unannotated);
        self.unannotated(&document.name, unannotated);
        for image in own {
            self.image(&document.name, image, &mut images);
        }
        for key in &document.lost {
            if let Some(number) = images.by_key.get(key).and_then(|key| key.number()) {
                images.lost[number] += 1;
            }
        }
        let rivals = match has_images {
            true => HashMap::new(),
            false => self.known.rivals(&document.boxes),
        };
        for given in std::mem::take(&mut document.boxes) {
            self.found.count("boxes", 1);
            if !has_images && !images.by_key.contains_key(&given.image) {
                match self.known.find(&given.image, &rivals) {
                    Ok(image) => {
                        let image = GivenImage {
                            key: given.image.clone(),
                            labels: Vec::new(),
                            ..image
                        };
                        self.image(&document.name, image, &mut images);
                    }
                    Err(problem) => {
                        self.lose(&document.name, &given.place, "image_id", problem);
                        continue;
                    }
                }
            }
            self.given_box(&document, given, &classes, &mut images);
        }
        self.found.rejects.append(&mut document.rejects);
        self.keep(&document.name, images);
    }

    /// Marks the image of a document that cannot be read.
    fn unread(&mut self, document: &str, image: GivenImage) {
        if let Ok(addressed) = self.addresses.of_image(&image) {
            let image = Observation {
                rejected: true,
                ..observation(self.kind, document, image, addressed)
            };
            self.found.observations.push(mark(image));
        }
    }

    /// Leaves out images that nobody annotated. Where the run has results, they are the list of images that results name.
    fn unannotated(&mut self, document: &str, images: Vec<GivenImage>) {
        let count = images.len() as u64;
        if count > 0 && self.known.has_results {
            return self.found.notes.push(format!(
                "{document}: {} annotations, which only describe the images of results",
                counted(count, "image does not have", "images do not have")
            ));
        }
        self.found.rejects.extend(images.into_iter().map(|image| {
            let problem = "image is not annotated: neither its record nor the document has `annotations`; an empty list would say \
                           that nothing is on it";
            Reject::new(document, image.place, "annotations", problem)
        }));
    }

    /// The boxes of rows, whose numbers mean what the list of classes says.
    fn read_rows(&mut self, document: &mut BoxDocument, classes: &DocumentClasses) {
        let keypoints = classes.keypoints();
        for row in std::mem::take(&mut document.rows) {
            match yolo::given_box(&row, keypoints, self.habits) {
                Ok(given) => document.boxes.push(given),
                Err(problem) => {
                    document.lost.push(String::new());
                    self.found.count("boxes", 1);
                    self.lose(&document.name, &row.place, "line", problem);
                }
            }
        }
    }

    fn lose(&mut self, document: &str, place: &str, field: &str, problem: String) {
        self.found.count("boxes_rejected", 1);
        self.found
            .rejects
            .push(Reject::new(document, place, field, problem));
    }

    /// Adds an image, or joins it with another of the document that is the same.
    fn image(&mut self, document: &str, image: GivenImage, images: &mut Images) {
        self.found.count("images", 1);
        let addressed = self.addresses.of_image(&image).and_then(|addressed| {
            let refused = self.rivals.refuse(document, &image, &addressed);
            refused.map(|()| addressed)
        });
        let addressed = match addressed {
            Ok(addressed) => addressed,
            Err(problem) => {
                images.by_key.insert(image.key, KeyOf::Nothing);
                let reject = Reject::new(document, image.place, "file_name", problem);
                return self.found.rejects.push(reject);
            }
        };
        if let Some(sizes) = &addressed.misshapen {
            self.misshapen.push(format!("{}, {sizes}", addressed.id));
        }
        let (key, place) = (image.key.clone(), image.place.clone());
        let is_unread = image.is_unread;
        let is_turned = addressed.is_turned;
        let observation = observation(self.kind, document, image, addressed);
        let next = images.observations.len();
        let number = *images.by_id.entry(observation.id.clone()).or_insert(next);
        images.unread.extend(is_unread.then_some(number));
        match images.by_key.get(&key).copied() {
            None => drop(images.by_key.insert(key, KeyOf::Image(number))),
            Some(KeyOf::Nothing) => drop(images.by_key.insert(key, KeyOf::Several(number))),
            Some(KeyOf::Image(first) | KeyOf::Several(first)) if first != number => {
                images.by_key.insert(key.clone(), KeyOf::Several(first));
                let problem = format!("id is that of another image too: {key}");
                let reject = Reject::new(document, place, "id", problem);
                return self.found.rejects.push(reject);
            }
            Some(_) => {}
        }
        if number == next {
            images.turned.extend(is_turned.then_some(number));
            images.observations.push(observation);
            images.places.push(place);
            images.lost.push(0);
        } else {
            let own = &mut images.observations[number].annotations;
            own.extend(
                observation
                    .annotations
                    .into_iter()
                    .filter(|a| !own.contains(a))
                    .collect::<Vec<_>>(),
            );
        }
    }

    /// The number of the image that a box is on; if there is none, the box is rejected.
    fn image_of(&mut self, document: &str, given: &GivenBox, images: &mut Images) -> Option<usize> {
        let problem = match images.by_key.get(&given.image) {
            Some(KeyOf::Image(number)) => return Some(*number),
            Some(unclear) => {
                if let Some(number) = unclear.number() {
                    images.lost[number] += 1;
                }
                "image of the box cannot be used"
            }
            None => "image_id is not that of an image",
        };
        let problem = format!("{problem}: {}", given.image);
        self.lose(document, &given.place, "image_id", problem);
        None
    }

    fn given_box(
        &mut self,
        document: &BoxDocument,
        given: GivenBox,
        classes: &DocumentClasses,
        images: &mut Images,
    ) {
        let Some(number) = self.image_of(&document.name, &given, images) else {
            return;
        };
        let class = match &given.class {
            GivenClass::Name(name) => Ok(name.clone()),
            GivenClass::Number(number) => classes.name(number),
        };
        let class = match class {
            Ok(class) => class,
            Err(problem) => {
                images.lost[number] += 1;
                return self.lose(&document.name, &given.place, "category_id", problem);
            }
        };
        let observation = &mut images.observations[number];
        let size = observation.image.declared();
        let mut attributes = given.attributes;
        let shape = given.shape.map(|shape| shape.on_image(size)).transpose();
        let region = match shape {
            Ok(None) => Region::default(),
            Ok(Some((shape, lost))) => {
                self.found.rejects.extend(lost.map(|problem| {
                    let problem = format!("the box is kept without outline, {problem}");
                    Reject::new(&document.name, &given.place, "segmentation", problem)
                }));
                let [sx, sy] = drawing::scale(&shape, observation);
                map_points(&mut attributes, |[x, y]| [x * sx, y * sy]);
                drawing::region(&shape, observation)
            }
            Err(problem) => {
                images.lost[number] += 1;
                return self.lose(&document.name, &given.place, "segmentation", problem);
            }
        };
        let place = format!("{}#{}", document.name, given.place);
        observation.annotations.push(Annotation {
            id: given.id.unwrap_or(place),
            bodies: vec![named(class)],
            regions: vec![region],
            attributes,
            ..Annotation::default()
        });
    }

    /// Keeps the images of a document. One all of whose boxes were lost is left out: as an image without boxes it would
    /// claim that there is nothing on it. Its names stay, for the image of another digest.
    fn keep(&mut self, document: &str, images: Images) {
        let Images {
            observations,
            places,
            lost,
            unread,
            turned,
            ..
        } = images;
        let all = observations.into_iter().zip(places).zip(lost);
        for (number, ((mut observation, place), lost)) in all.enumerate() {
            observation.rejected = lost > 0 || unread.contains(&number);
            if observation.annotations.is_empty() && observation.rejected {
                let boxes = counted(lost, "box", "boxes");
                let problem = match lost {
                    0 => "nothing that is said of the image can be used".to_owned(),
                    _ => format!("none of the boxes of the image can be used: {boxes}"),
                };
                self.found
                    .rejects
                    .push(Reject::new(document, place, "boxes", problem));
                self.found.observations.push(mark(observation));
                continue;
            }
            match turned.contains(&number) {
                true if observation.annotations.is_empty() => {}
                true => self.turned.push(observation.id.clone()),
                false => self.unsized_images += u64::from(drawing::is_relative(&observation)),
            }
            self.found.observations.push(observation);
        }
    }

    fn finish(self) -> Found {
        let mut found = self.found;
        if self.unsized_images > 0 {
            let sizes = match self.addresses.has_base() {
                true => "a second --images, the folder of the files, gives sizes and suffixes",
                false => "--images FOLDER gives sizes",
            };
            found.notes.push(format!(
                "{} not known: boxes are in percent of the image; {sizes}",
                counted(
                    self.unsized_images,
                    "size of an image is",
                    "sizes of images are"
                )
            ));
        }
        if let Some(first) = self.turned.first() {
            found.notes.push(format!(
                "{} by EXIF to another size, and nothing shows on which of the two boxes were drawn: \
                 `recto-reformat --exif-boxes stored|turned` decides, first: {first}",
                counted(self.turned.len() as u64, "file is turned", "files are turned")
            ));
        }
        if let Some(first) = self.shares.first() {
            found.notes.push(format!(
                "{} taken in parts of width and height, not in pixels: no number of a box is beyond 1, first: {first}",
                counted(self.shares.len() as u64, "document is", "documents are")
            ));
        }
        if let Some(first) = self.misshapen.first() {
            found.notes.push(format!(
                "{} another aspect ratio than the document says, first: {first}",
                counted(self.misshapen.len() as u64, "file has", "files have")
            ));
        }
        found
    }
}

/// An image as a mark on that of another digest: known by its names, of which its URL is one.
fn mark(image: Observation) -> Observation {
    let ImageRef {
        url,
        names,
        width,
        height,
        ..
    } = image.image;
    let mut all: Vec<String> = url.into_iter().chain(names).collect();
    all.retain(|name| *name != image.id);
    Observation {
        image: ImageRef {
            names: [vec![image.id.clone()], all].concat(),
            width,
            height,
            ..ImageRef::default()
        },
        ..image
    }
}

/// A class as the body of an annotation. Names of classes are plain text, whatever looks like HTML in them.
fn named(class: String) -> Body {
    Body {
        purpose: Some("classifying".into()),
        value: class,
        format: Some("text/plain".into()),
        ..Body::default()
    }
}

fn observation(kind: &str, document: &str, image: GivenImage, addressed: Addressed) -> Observation {
    let label = image.names.first().and_then(|name| parts(name).pop());
    let labels = image
        .labels
        .iter()
        .enumerate()
        .map(|(i, label)| Annotation {
            id: format!("{document}#{}.labels[{i}]", image.place),
            bodies: vec![named(label.clone())],
            regions: vec![Region::default()],
            attributes: BTreeMap::new(),
            ..Annotation::default()
        });
    Observation {
        id: addressed.id,
        annotations: labels.collect(),
        image: ImageRef {
            url: addressed.url,
            names: addressed.names,
            width: addressed.size.map(|[width, _]| width),
            height: addressed.size.map(|[_, height]| height),
            ..ImageRef::default()
        },
        source: Provenance {
            kind: kind.to_owned(),
            manifest: Some(document.to_owned()),
            labels: Labels {
                image: label,
                ..Labels::default()
            },
            rights: image.rights,
            ..Provenance::default()
        },
        group: image.group.unwrap_or_default(),
        metadata: image.metadata,
        ..Observation::default()
    }
}
