//! The images of a set: a `localizations.json`, and the files that its image map names.

use std::collections::HashSet;
use std::path::Path;

use rayon::prelude::*;

use super::images::{Catalogue, Loaded};
use super::probe::{self, Probed, Prober};
use crate::contracts::{self, ImageMap, LocalizedImage, MappedFile};
use crate::error::Error;
use crate::files::{self, Content};
use crate::summary::Reject;

/// The images of a `localizations.json` that an `image_map.json` holds.
///
/// # Errors
/// A file cannot be read.
pub fn of_localizations(
    localizations: &Path,
    map: &Path,
    prober: &Prober,
) -> Result<Loaded, Error> {
    let read = contracts::read::<contracts::Localizations>(localizations)?;
    let paths: ImageMap = contracts::read_image_map(map)?;
    let mut entries = paths.values();
    if let Some(object) = entries.find(|path| files::is_in_store(Path::new(path))) {
        let what = format!("{}: {object} is in an object store", map.display());
        return Err(Error::new(what).hint(
            "recto-serve needs files: copy the images to a folder here, and name their image map with --image-map (docs/serve.md, Images in an object store)",
        ));
    }
    let steps = read.taxonomy.values().flat_map(|taxon| &taxon.lineage);
    let steps = steps.map(|step| step.name.clone());
    let mut loaded = Loaded {
        taxonomy: read.taxonomy.keys().cloned().chain(steps).collect(),
        rejects: read.rejects,
        ..Loaded::default()
    };
    let ids: HashSet<String> = read.images.iter().map(|about| about.id.clone()).collect();
    let probed: Vec<_> = (read.images.par_iter())
        .map(|about| {
            let file = MappedFile::parse(paths.get(&about.id)?);
            let content = file.content(files::folder_of(map));
            let probed = prober.probe(&content, None);
            Some((content, probed))
        })
        .collect();
    loaded.notes.extend(note_of_frames(&read.images, &probed));
    let (mut images, mut further) = (Vec::new(), Vec::new());
    for (about, probed) in read.images.into_iter().zip(probed) {
        let Some((content, probed)) = probed else {
            loaded.absent += 1;
            continue;
        };
        let id = about.id.clone();
        let is_taken = |id: &str| ids.contains(id);
        let found =
            probed.and_then(|probed| prober.records(about, content, None, &probed, is_taken));
        match found {
            Ok(mut found) => {
                probe::name_for_rules(&mut found, &[id.as_str()]);
                further.extend(probe::further_names(&id, &id, &found, images.len()));
                images.extend(found);
            }
            Err(problem) => {
                let input = map.display().to_string();
                loaded
                    .rejects
                    .push(Reject::new(input, &id, "file", problem));
            }
        }
    }
    loaded.catalogue = Catalogue::new(images, further);
    Ok(loaded)
}

/// A note of the files with several frames, by the ids of their images.
fn note_of_frames(
    images: &[LocalizedImage],
    probed: &[Option<(Content, Result<Probed, String>)>],
) -> Option<String> {
    let animated = images.iter().zip(probed).filter_map(|(about, probed)| {
        let (_, probed) = probed.as_ref()?;
        let frames = probed.as_ref().ok()?.frames;
        (frames > 1).then(|| (about.id.clone(), frames))
    });
    probe::note_of_frames(&animated.collect::<Vec<_>>())
}
