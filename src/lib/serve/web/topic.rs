//! What a request is about, as far as something must be known before its handler is called. Pure.

use super::route::Route;
use crate::serve::catalogue::Catalogue;
use crate::serve::presentation::canvases;
use crate::serve::presentation::uris::Uris;
use crate::serve::site;

/// What a request is about, as far as its answer needs preparation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topic {
    /// An image with this identifier: its file is looked at first.
    Image(String),
    /// A document about many images, which takes long to make and is kept.
    Document,
    /// A document that tells sizes of the images at these positions: their files are looked at first.
    Sizes(Vec<usize>),
    /// Nothing of the kind.
    Other,
}

/// What a request for a route is about.
pub fn topic(catalogue: &Catalogue, uris: &Uris, route: &Route) -> Topic {
    match route {
        Route::Presentation(_, rest) if rest.get(1).is_some_and(|n| n == "manifest.json") => {
            let group = canvases::group(catalogue, &rest[0], uris);
            group.map_or(Topic::Document, |group| Topic::Sizes(group.positions()))
        }
        Route::ImageDetails(id) => {
            let at = site::find(catalogue, id, uris);
            Topic::Sizes(at.into_iter().collect())
        }
        Route::Presentation(..)
        | Route::Activity(_)
        | Route::PresetList
        | Route::PresetImages(_) => Topic::Document,
        Route::ImageList | Route::ClassList | Route::ThumbnailBoxes(_) => Topic::Document,
        Route::Asset(_) | Route::View(_) => Topic::Document,
        Route::Image { id, rest, .. } if !rest.is_empty() => Topic::Image(id.clone()),
        Route::Preset { id, .. } => Topic::Image(id.clone()),
        _ => Topic::Other,
    }
}

/// The positions of the images that the answer to a request may mention: the permissions for these must be known first.
pub fn concerned(catalogue: &Catalogue, uris: &Uris, route: &Route) -> Vec<usize> {
    let one = |id: &str| site::find(catalogue, id, uris).into_iter().collect();
    let of_group = |name: Option<&str>| {
        let group = name.and_then(|name| catalogue.group(name));
        group.map(|group| group.images.clone()).unwrap_or_default()
    };
    match route {
        Route::Asset(_) | Route::Health | Route::Metrics | Route::Login(_) => Vec::new(),
        Route::Presentation(_, rest) if rest.len() > 1 => {
            of_group(canvases::group(catalogue, &rest[0], uris).map(|group| group.name))
        }
        // The page links to the neighbours of the image and its other captures.
        Route::ImageDetails(id) => {
            let at = site::find(catalogue, id, uris);
            of_group(at.map(|at| catalogue.images[at].about.group.as_str()))
        }
        Route::ThumbnailBoxes(id) | Route::Image { id, .. } | Route::Preset { id, .. } => one(id),
        Route::Probe(id) | Route::View(id) | Route::Review(id) => one(id),
        _ => (0..catalogue.images.len()).collect(),
    }
}
