//! All images of a harvest with their annotations, read back one after the other as often as needed.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::vec::IntoIter;

use super::attached::Attached;
use super::harvest::{Contents, ImageKey, manifest_key};
use super::join::{Joined, Joiner};
use super::spool::{Spool, Stored};
use crate::contracts::{Annotation, Frame, Metadata, Observation};
use crate::error::Error;
use crate::sources::{FetchedText, ImageName, Lost, Placed, Source};
use crate::summary::Reject;

/// Images and their annotations, put aside.
#[derive(Debug)]
pub struct Images {
    spool: Spool,
    lists: Vec<Stored>,
    /// Positions of images that are there before: the same image in the same place.
    repeated: HashSet<usize>,
    /// Annotations by the number of their image.
    annotations: HashMap<usize, Vec<Stored>>,
    /// Sizes of canvases that documents do not give, by the number of their image.
    canvases: HashMap<usize, Frame>,
    /// Numbers of images of which annotations cannot be used.
    rejected: BTreeSet<usize>,
    /// Number of annotations that were met more than once: one list may be reached in two ways.
    pub folded: u64,
    /// Number of images that stand in no document: only annotations name them.
    pub described: u64,
}

impl Images {
    /// Joins images and annotations, and returns the annotations without an image.
    ///
    /// # Errors
    /// What was put aside cannot be read.
    pub fn join(stored: Contents, source: &dyn Source) -> Result<(Self, Vec<Reject>), Error> {
        let Contents {
            spool,
            observations,
            manifests,
            annotations,
            lost,
            names,
            texts,
        } = stored;
        let mut images = Images {
            spool,
            lists: Vec::new(),
            repeated: HashSet::new(),
            annotations: HashMap::new(),
            canvases: HashMap::new(),
            rejected: BTreeSet::new(),
            folded: 0,
            described: 0,
        };
        images.find_repeated(observations, &manifests)?;
        if annotations.is_empty() && lost.is_empty() {
            return Ok((images, Vec::new()));
        }
        let joiner = images.joiner(&annotations, &lost, &names)?;
        let rejects = images.annotate(source, joiner, annotations, lost, &texts)?;
        Ok((images, rejects))
    }

    /// How many images were listed more than once on their canvas.
    pub fn repeated(&self) -> u64 {
        self.repeated.len() as u64
    }

    /// Every image, with its annotations.
    pub fn iter(&mut self) -> Iter<'_> {
        self.folded = 0;
        Iter {
            images: self,
            list: 0,
            buffer: Vec::new().into_iter(),
            position: 0,
            number: 0,
        }
    }

    /// Every image without its annotations and metadata: what it is called and how large it is.
    ///
    /// # Errors
    /// The images cannot be read.
    pub fn outlines(&mut self) -> Result<Vec<Observation>, Error> {
        let outline = |image: Result<(usize, Observation), Error>| {
            let (_, image) = image?;
            Ok(Observation {
                annotations: Vec::new(),
                metadata: Metadata::new(),
                see_also: Vec::new(),
                ..image
            })
        };
        self.iter().map(outline).collect()
    }

    /// Adds annotations to an image, and the size of its canvas if it does not have one.
    ///
    /// # Errors
    /// The annotations cannot be put aside.
    pub fn annotate_image(
        &mut self,
        number: usize,
        annotations: &[Annotation],
        canvas: Option<Frame>,
    ) -> Result<(), Error> {
        for stored in self.spool.put_all(annotations)? {
            self.annotations.entry(number).or_default().push(stored);
        }
        self.canvases.extend(canvas.map(|canvas| (number, canvas)));
        Ok(())
    }

    /// Notes that annotations of an image cannot be used.
    pub fn reject_annotations(&mut self, number: usize) {
        self.rejected.insert(number);
    }

    /// Finds images that are listed again. Those of a manifest that is in one document only are compared within it.
    fn find_repeated(
        &mut self,
        documents: Vec<Vec<Stored>>,
        manifests: &HashMap<u64, bool>,
    ) -> Result<(), Error> {
        let mut everywhere = HashSet::new();
        let mut position = 0;
        for lists in documents {
            let mut here = HashSet::new();
            for stored in lists {
                self.lists.push(stored);
                for image in self.spool.get::<Observation>(stored)? {
                    let manifest = manifest_key(&image);
                    let seen = match manifests.get(&manifest) {
                        Some(false) => &mut here,
                        _ => &mut everywhere,
                    };
                    if !seen.insert(ImageKey::of(&image)) {
                        self.repeated.insert(position);
                    }
                    position += 1;
                }
            }
        }
        Ok(())
    }

    /// What finds the images of annotations.
    fn joiner(
        &mut self,
        annotations: &[(Stored, Option<String>)],
        lost: &[Stored],
        names: &[Stored],
    ) -> Result<Joiner, Error> {
        let mut joiner = Joiner::default();
        for (stored, _) in annotations {
            let all = self.spool.get::<Placed>(*stored)?;
            all.iter().for_each(|placed| joiner.expect(placed));
        }
        for stored in lost {
            let all = self.spool.get::<Lost>(*stored)?;
            all.iter().for_each(|lost| joiner.expect_lost(lost));
        }
        for stored in names {
            let names = self.spool.get::<ImageName>(*stored)?;
            names.iter().for_each(|name| joiner.expect_name(name));
        }
        for image in self.iter() {
            joiner.add(&image?.1);
        }
        for stored in names {
            let names = self.spool.get::<ImageName>(*stored)?;
            names.iter().for_each(|name| joiner.add_name(name));
        }
        Ok(joiner)
    }

    fn annotate(
        &mut self,
        source: &dyn Source,
        mut joiner: Joiner,
        annotations: Vec<(Stored, Option<String>)>,
        lost: Vec<Stored>,
        texts: &HashMap<String, Stored>,
    ) -> Result<Vec<Reject>, Error> {
        let is_without_images = joiner.is_empty();
        let mut pages = Pages::default();
        let mut open = Vec::new();
        for (stored, manifest) in annotations {
            for mut placed in self.spool.get::<Placed>(stored)? {
                placed.manifest = placed.manifest.or_else(|| manifest.clone());
                self.fill(source, &mut placed, texts, &mut joiner.rejects)?;
                open.extend(joiner.place(placed));
                self.put_joined(&mut joiner, &mut pages)?;
            }
        }
        // One may be about another that came later.
        let mut open = self.place_all(&mut joiner, &mut pages, open, Joiner::place)?;
        if is_without_images {
            open = self.place_all(&mut joiner, &mut pages, open, Joiner::place_nameless)?;
        }
        open.into_iter().for_each(|placed| joiner.reject(placed));
        for stored in lost {
            for lost in self.spool.get::<Lost>(stored)? {
                if !joiner.mark(&lost) && is_without_images {
                    joiner.mark_nameless(lost);
                }
            }
        }
        self.put(Some(pages))?;
        let described = joiner.described.iter();
        let has_address = |o: &&Observation| o.image.url.is_some() || o.image.service.is_some();
        self.described = described.filter(has_address).count() as u64;
        for image in joiner.described {
            self.lists.push(self.spool.put(&[image])?);
        }
        self.rejected = joiner.rejected;
        Ok(joiner.rejects)
    }

    /// Places annotations, again and again, since one may be about another that comes later. Returns those that remain.
    fn place_all(
        &mut self,
        joiner: &mut Joiner,
        pages: &mut Pages,
        mut open: Vec<Placed>,
        place: impl Fn(&mut Joiner, Placed) -> Option<Placed>,
    ) -> Result<Vec<Placed>, Error> {
        loop {
            let before = open.len();
            open = open.into_iter().filter_map(|p| place(joiner, p)).collect();
            self.put_joined(joiner, pages)?;
            if open.is_empty() || open.len() == before {
                return Ok(open);
            }
        }
    }

    /// Puts texts that were fetched in the place of their URLs.
    fn fill(
        &mut self,
        source: &dyn Source,
        placed: &mut Placed,
        texts: &HashMap<String, Stored>,
        rejects: &mut Vec<Reject>,
    ) -> Result<(), Error> {
        let named = placed
            .texts
            .keys()
            .filter_map(|url| texts.get_key_value(location(url)));
        let mut found = HashMap::new();
        for (url, stored) in named {
            if let Some(text) = self.spool.get::<FetchedText>(*stored)?.pop() {
                found.insert(url.clone(), text);
            }
        }
        if !found.is_empty() {
            rejects.extend(source.fill_texts(placed, &found));
        }
        Ok(())
    }

    fn put_joined(&mut self, joiner: &mut Joiner, pages: &mut Pages) -> Result<(), Error> {
        let mut joined = std::mem::take(&mut joiner.joined).into_iter();
        joined.try_for_each(|joined| self.put(pages.add(joined)))
    }

    fn put(&mut self, page: Option<Pages>) -> Result<(), Error> {
        let Some(page) = page.filter(|page| !page.annotations.is_empty()) else {
            return Ok(());
        };
        for stored in self.spool.put_all(&page.annotations)? {
            for number in &page.images {
                self.annotations.entry(*number).or_default().push(stored);
            }
        }
        Ok(())
    }
}

/// A URL without the part that it names.
fn location(url: &str) -> &str {
    url.split('#').next().unwrap_or(url)
}

/// Annotations of the same images that follow one another: they are put aside together.
#[derive(Default)]
struct Pages {
    images: Vec<usize>,
    annotations: Vec<Annotation>,
}

impl Pages {
    /// The most annotations that are held.
    const MOST: usize = 1000;

    /// Adds an annotation; returns those before it if they are of other images, or many.
    fn add(&mut self, joined: Joined) -> Option<Pages> {
        let is_next = self.images == joined.images && self.annotations.len() < Self::MOST;
        let before = (!is_next).then(|| std::mem::take(self));
        self.images = joined.images;
        self.annotations.push(joined.annotation);
        before
    }
}

/// The images of [`Images`], each with its number.
pub struct Iter<'a> {
    images: &'a mut Images,
    list: usize,
    buffer: IntoIter<Observation>,
    position: usize,
    number: usize,
}

impl Iter<'_> {
    fn advance(&mut self) -> Result<Option<(usize, Observation)>, Error> {
        loop {
            let Some(mut image) = self.buffer.next() else {
                let Some(stored) = self.images.lists.get(self.list) else {
                    return Ok(None);
                };
                self.list += 1;
                self.buffer = self.images.spool.get(*stored)?.into_iter();
                continue;
            };
            self.position += 1;
            if self.images.repeated.contains(&(self.position - 1)) {
                continue;
            }
            let number = self.number;
            self.number += 1;
            image.canvas = image.canvas.or(self.images.canvases.get(&number).copied());
            image.rejected |= self.images.rejected.contains(&number);
            let lists = self.images.annotations.get(&number).cloned();
            let mut attached = Attached::default();
            for stored in lists.unwrap_or_default() {
                let annotations = self.images.spool.get(stored)?;
                self.images.folded += attached.add(&mut image, annotations);
            }
            return Ok(Some((number, image)));
        }
    }
}

impl Iterator for Iter<'_> {
    type Item = Result<(usize, Observation), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}
