//! What all documents of a run hold, in their order.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::documents::DocumentLog;
use super::spool::{Spool, Stored};
use crate::contracts::Observation;
use crate::sources::{DocumentRequest, TreeNode};
use crate::summary::Rejects;

/// What all documents hold, in their order.
#[derive(Debug)]
pub struct Harvest {
    /// Images and what belongs to them.
    pub contents: Contents,
    /// Documents that could not be read, and records of the others that cannot be used.
    pub rejects: Rejects,
    /// Counts over all documents.
    pub counts: BTreeMap<&'static str, u64>,
    /// The numbers of the documents requested, in their order.
    pub order: Vec<usize>,
    /// Those that were read, if that was to be noted; the worklist itself does not know.
    pub read: Option<DocumentLog>,
    /// Notes for the summary, each once.
    pub notes: Vec<String>,
    /// Nodes of a tree of concepts.
    pub taxa: Vec<TreeNode>,
    /// Documents left to other workers.
    pub left: u64,
}

/// Images, annotations and names that were put aside.
#[derive(Debug)]
pub struct Contents {
    /// Where they are.
    pub spool: Spool,
    /// Images, by document.
    pub observations: Vec<Vec<Stored>>,
    /// Manifests by [`manifest_key`], and whether images of one are in more than one document.
    pub manifests: HashMap<u64, bool>,
    /// Annotations to be joined with them, and the manifest that led to their document.
    pub annotations: Vec<(Stored, Option<String>)>,
    /// Annotations that cannot be used.
    pub lost: Vec<Stored>,
    /// Other names of images.
    pub names: Vec<Stored>,
    /// Texts of annotations in documents of their own, by URL.
    pub texts: HashMap<String, Stored>,
}

/// What a document holds, put aside.
#[derive(Default)]
pub struct Spooled {
    pub observations: Vec<Stored>,
    pub annotations: Vec<Stored>,
    pub lost: Vec<Stored>,
    pub is_unread: bool,
    pub names: Vec<Stored>,
    pub texts: Vec<(String, Stored)>,
    pub rejects: Rejects,
    pub counts: Vec<(&'static str, u64)>,
    pub notes: Vec<String>,
    pub taxa: Vec<TreeNode>,
}

impl Spooled {
    /// Adds more of the same document.
    pub fn extend(&mut self, more: Spooled) {
        self.observations.extend(more.observations);
        self.annotations.extend(more.annotations);
        self.lost.extend(more.lost);
        self.is_unread |= more.is_unread;
        self.names.extend(more.names);
        self.texts.extend(more.texts);
        self.rejects.extend(more.rejects.iter());
        self.counts.extend(more.counts);
        self.notes.extend(more.notes);
        self.taxa.extend(more.taxa);
    }
}

/// What all documents hold.
pub fn merge(
    spool: Spool,
    manifests: HashMap<u64, bool>,
    parts: Vec<(Spooled, Arc<DocumentRequest>)>,
    order: Vec<usize>,
) -> Harvest {
    let mut contents = Contents {
        spool,
        manifests,
        observations: Vec::new(),
        annotations: Vec::new(),
        lost: Vec::new(),
        names: Vec::new(),
        texts: HashMap::new(),
    };
    let (mut rejects, mut notes, mut taxa) = (Rejects::default(), Vec::new(), Vec::new());
    let mut counts = BTreeMap::new();
    for (part, request) in parts {
        let from = request.from.as_ref();
        let manifest = from.and_then(|from| from.manifest.clone());
        let annotations = part.annotations.into_iter();
        let annotations = annotations.map(|stored| (stored, manifest.clone()));
        contents.annotations.extend(annotations);
        contents.lost.extend(part.lost);
        contents.observations.push(part.observations);
        contents.names.extend(part.names);
        contents.texts.extend(part.texts);
        for (kind, n) in part.counts {
            *counts.entry(kind).or_default() += n;
        }
        rejects.extend(part.rejects.iter());
        notes.extend(part.notes);
        taxa.extend(part.taxa);
    }
    notes.sort();
    notes.dedup();
    Harvest {
        contents,
        rejects,
        counts,
        order,
        read: None,
        notes,
        taxa,
        left: 0,
    }
}

/// A number for the manifest of an image; two manifests with one number are taken for one, which costs some memory.
pub fn manifest_key(o: &Observation) -> u64 {
    let mut hasher = DefaultHasher::new();
    o.source.manifest.hash(&mut hasher);
    hasher.finish()
}

/// What tells images apart: those with the same key are the same image in the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImageKey([u8; 16]);

impl ImageKey {
    /// The key of an image.
    pub fn of(o: &Observation) -> Self {
        let text = format!(
            "{}\n{:?}\n{:?}\n{:?}\n{:?}",
            o.id, o.source.manifest, o.source.canvas, o.placement, o.rotation
        );
        let hash = Sha256::digest(text.as_bytes());
        let mut key = [0; 16];
        key.copy_from_slice(&hash[..16]);
        ImageKey(key)
    }
}
