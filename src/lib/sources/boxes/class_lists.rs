//! Names of classes by their numbers: those of the document itself, of a list beside it, or of `--classes`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::model::BoxDocument;
use crate::image_names::parts;

/// All lists of classes of a run.
#[derive(Clone, Debug, Default)]
pub struct ClassLists {
    /// The list of `--classes`, which holds for all documents.
    named: Option<ClassList>,
    /// Folder → the list in it. Lists of two files in one folder are one.
    by_folder: BTreeMap<Vec<String>, ClassList>,
    /// Lists of documents without boxes, for documents that have no list.
    others: Vec<ClassList>,
}

/// Number → names: more than one where the list contradicts itself.
#[derive(Clone, Debug, Default)]
struct ClassList {
    names: BTreeMap<String, Vec<String>>,
    keypoints: Option<[usize; 2]>,
}

impl ClassList {
    fn add(&mut self, document: &BoxDocument) {
        for (number, name) in &document.classes {
            let names = self.names.entry(number.clone()).or_default();
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        self.keypoints = self.keypoints.or(document.keypoints);
    }

    fn of(document: &BoxDocument) -> Self {
        let mut list = ClassList::default();
        list.add(document);
        list
    }
}

/// The lists of classes that hold for one document.
#[derive(Debug)]
pub struct DocumentClasses<'a> {
    lists: Vec<Cow<'a, ClassList>>,
}

impl DocumentClasses<'_> {
    /// The name of a class.
    ///
    /// # Errors
    /// The problem of a reject: there is no list, the number is not in it, or it has several names there.
    pub fn name(&self, number: &str) -> Result<String, String> {
        let lists = self.lists.iter();
        let names = lists.filter_map(|list| list.names.get(number)).flatten();
        let names: BTreeSet<&str> = names.map(String::as_str).collect();
        let mut all = names.iter();
        match (all.next(), all.next()) {
            (Some(name), None) => Ok((*name).to_owned()),
            (Some(_), Some(_)) => {
                let names: Vec<&str> = names.into_iter().collect();
                Err(format!(
                    "class has several names: {number} is {}",
                    names.join(", ")
                ))
            }
            (None, _) if self.lists.is_empty() => Err(format!(
                "names of the classes are not known: {number}; --classes FILE names data.yaml or a class per line"
            )),
            (None, _) => Err(format!(
                "class does not have a name: {number} is not in the list of classes"
            )),
        }
    }

    /// Number of keypoints of each box, and of numbers for each keypoint.
    pub fn keypoints(&self) -> Option<[usize; 2]> {
        self.lists.iter().find_map(|list| list.keypoints)
    }
}

impl ClassLists {
    /// The lists of documents, of the files of `--images`, and of `--classes`.
    pub fn of(
        documents: &[BoxDocument],
        images: &[BoxDocument],
        named: Option<&BoxDocument>,
    ) -> Self {
        let mut lists = ClassLists {
            named: named.map(ClassList::of),
            ..ClassLists::default()
        };
        for document in documents
            .iter()
            .chain(images)
            .filter(|d| !d.classes.is_empty())
        {
            match document.is_about_names() {
                true => lists
                    .by_folder
                    .entry(folder(&document.name))
                    .or_default()
                    .add(document),
                false => lists.others.push(ClassList::of(document)),
            }
        }
        lists
    }

    /// The lists that hold for a document: that of `--classes`, its own, the nearest beside or above it, else those of all
    /// other documents.
    pub fn of_document(&self, document: &BoxDocument) -> DocumentClasses<'_> {
        let lists = match (&self.named, self.beside(&document.name)) {
            (Some(named), _) => vec![Cow::Borrowed(named)],
            (None, _) if !document.classes.is_empty() => {
                vec![Cow::Owned(ClassList::of(document))]
            }
            (None, Some(list)) => vec![Cow::Borrowed(list)],
            (None, None) => self.others.iter().map(Cow::Borrowed).collect(),
        };
        DocumentClasses { lists }
    }

    /// The list in the folder of a document or the nearest above it, else the only one there is.
    fn beside(&self, document: &str) -> Option<&ClassList> {
        let folder = folder(document);
        let mut above = (0..=folder.len()).rev().map(|n| &folder[..n]);
        let nearest = above.find_map(|folder| self.by_folder.get(folder));
        let only = || {
            self.by_folder
                .values()
                .next()
                .filter(|_| self.by_folder.len() == 1)
        };
        nearest.or_else(only)
    }
}

fn folder(name: &str) -> Vec<String> {
    let mut parts = parts(name);
    parts.pop();
    parts
}
