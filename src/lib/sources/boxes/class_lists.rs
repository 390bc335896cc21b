//! Names of classes by their numbers: those of the document itself, of a list beside it, or of `--classes`.

use std::collections::BTreeMap;

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

    fn name(&self, number: &str) -> Result<String, String> {
        match self.names.get(number).map(Vec::as_slice) {
            Some([name]) => Ok(name.clone()),
            Some(names) => Err(format!(
                "class has several names: {number} is {}",
                names.join(", ")
            )),
            None => Err(format!(
                "class does not have a name: {number} is not in the list of classes"
            )),
        }
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

    /// The name of a class in a document.
    ///
    /// # Errors
    /// The problem of a reject: there is no list, the number is not in it, or it has several names there.
    pub fn name(&self, document: &BoxDocument, number: &str) -> Result<String, String> {
        if let Some(named) = &self.named {
            return named.name(number);
        }
        if !document.classes.is_empty() {
            return ClassList::of(document).name(number);
        }
        if let Some(list) = self.beside(&document.name) {
            return list.name(number);
        }
        match self.others.as_slice() {
            [] => Err(format!(
                "names of the classes are not known: {number}; --classes FILE names data.yaml or a class per line"
            )),
            lists => {
                let mut names: Vec<String> = lists
                    .iter()
                    .filter_map(|list| list.name(number).ok())
                    .collect();
                names.sort();
                names.dedup();
                match names.as_slice() {
                    [name] => Ok(name.clone()),
                    [] => Err(format!(
                        "class does not have a name: {number} is not in the list of classes"
                    )),
                    names => Err(format!(
                        "class has several names: {number} is {}",
                        names.join(", ")
                    )),
                }
            }
        }
    }

    /// Number of keypoints of boxes in a document, and of numbers for each.
    pub fn keypoints(&self, document: &str) -> Option<[usize; 2]> {
        let list = self.named.as_ref().or_else(|| self.beside(document));
        list.and_then(|list| list.keypoints)
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
