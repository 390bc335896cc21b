//! Annotations and the images they are about, wherever either stands.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;

use crate::contracts::{Annotation, Observation, Space};
use crate::report::Reject;
use crate::sources::Placed;

/// Puts each annotation on its images. One whose target is an image that no document holds makes an observation
/// of it; one whose target is unknown is left out.
pub fn join(
    observations: Vec<Observation>,
    annotations: Vec<Placed>,
) -> (Vec<Observation>, Vec<Reject>) {
    let mut joined = Joined::default();
    for observation in observations {
        joined.add(observation);
    }
    let mut rejects = Vec::new();
    for placed in annotations {
        rejects.extend(joined.place(placed));
    }
    (joined.observations, rejects)
}

#[derive(Default)]
struct Joined {
    observations: Vec<Observation>,
    canvases: Names,
    images: Names,
}

/// Names of things, as written and in the form in which spellings agree → numbers of observations.
#[derive(Default)]
struct Names {
    exact: HashMap<String, Vec<usize>>,
    normal: HashMap<String, Vec<usize>>,
}

impl Names {
    fn add(&mut self, name: &str, number: usize) {
        let named = self.exact.entry(name.to_owned()).or_default();
        if named.last() != Some(&number) {
            named.push(number);
            self.normal.entry(normal(name)).or_default().push(number);
        }
    }

    fn find(&self, name: &str) -> Option<&[usize]> {
        let found = self
            .exact
            .get(name)
            .or_else(|| self.normal.get(&normal(name)));
        found.map(Vec::as_slice)
    }
}

impl Joined {
    fn add(&mut self, observation: Observation) {
        let number = self.observations.len();
        if let Some(canvas) = &observation.source.canvas {
            self.canvases.add(canvas, number);
        }
        match (&observation.image.service, &observation.image.url) {
            (Some(service), _) => self.images.add(&service.id, number),
            (None, Some(url)) => self.images.add(url, number),
            (None, None) => {}
        }
        self.observations.push(observation);
    }

    fn place(&mut self, placed: Placed) -> Option<Reject> {
        let Placed {
            document,
            manifest,
            target,
            image,
            mut annotation,
        } = placed;
        let found = match self.whole_target(&target, &mut annotation) {
            Some(numbers) => Some((numbers, Space::Canvas)),
            None => self.find(&target),
        };
        if let Some((numbers, frame)) = found {
            annotation
                .regions
                .iter_mut()
                .for_each(|region| region.frame = frame);
            for number in self.nearest(&numbers, manifest.as_deref()) {
                push(
                    &mut self.observations[number].annotations,
                    annotation.clone(),
                );
            }
            return None;
        }
        let Some(mut observation) = image else {
            let problem = format!("target has no image that was read: {target}");
            return Some(Reject::new(document, annotation.id, "target", problem));
        };
        observation.annotations.push(annotation);
        self.add(*observation);
        None
    }

    /// A canvas whose own id ends like a media fragment: the fragment is then part of its name, not of the region.
    fn whole_target(&self, target: &str, annotation: &mut Annotation) -> Option<Vec<usize>> {
        let [region] = annotation.regions.as_mut_slice() else {
            return None;
        };
        let whole = format!("{target}#{}", region.fragment.as_ref()?);
        let found = self.canvases.exact.get(&whole)?.clone();
        region.fragment = None;
        Some(found)
    }

    fn find(&self, target: &str) -> Option<(Vec<usize>, Space)> {
        let canvases = self
            .canvases
            .find(target)
            .map(|found| (found.to_vec(), Space::Canvas));
        canvases.or_else(|| Some((self.images.find(target)?.to_vec(), Space::Image)))
    }

    /// Those within the manifest that led to the annotation, if any are; else all.
    fn nearest(&self, numbers: &[usize], manifest: Option<&str>) -> Vec<usize> {
        let is_near = |n: &&usize| {
            manifest.is_some() && self.observations[**n].source.manifest.as_deref() == manifest
        };
        let near: Vec<usize> = numbers.iter().filter(is_near).copied().collect();
        if near.is_empty() {
            numbers.to_vec()
        } else {
            near
        }
    }
}

/// Adds an annotation, unless it is there: one list may be reached in two ways.
fn push(annotations: &mut Vec<Annotation>, annotation: Annotation) {
    if !annotations
        .iter()
        .any(|a| a.id == annotation.id && *a == annotation)
    {
        annotations.push(annotation);
    }
}

/// An id without what people write differently: scheme, default port, percent-encoding, fragment, final slash.
fn normal(id: &str) -> String {
    let id = id.trim();
    let (port, rest) = match id.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (":80", rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (":443", rest),
        _ => return id.to_owned(),
    };
    let rest = rest.split('#').next().unwrap_or(rest);
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix(port).unwrap_or(&host);
    let path = percent_decode_str(path.trim_end_matches('/')).decode_utf8_lossy();
    format!("{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::{ImageRef, Provenance, Region, Service};

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
            image: None,
            annotation,
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
        ];
        let cases = [
            ("http://a.example/c/1", None, vec![0]),
            ("https://A.example:443/c/1/", None, vec![0, 1]),
            ("http://a.example/c/1#x", None, vec![1]),
            ("http://a.example/c/2", Some("xywh=1,1,1,1"), vec![2]),
            ("c%2F3", None, vec![3]),
            ("http://a.example/ä", None, vec![]),
            ("https://a/i/m/c%2F3", None, vec![3]),
        ];
        for (target, fragment, wanted) in cases {
            let seen = canvases.iter().map(|c| on("m", c)).collect();
            let (joined, rejects) = join(seen, vec![about(target, fragment, None)]);
            let hit: Vec<usize> = (0..joined.len())
                .filter(|n| !joined[*n].annotations.is_empty())
                .collect();
            assert_eq!(hit, wanted, "{target}");
            assert_eq!(rejects.len(), usize::from(wanted.is_empty()), "{target}");
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
            let (joined, _) = join(
                vec![on("m", "c"), on("n", "c")],
                vec![about("c", None, manifest)],
            );
            let hit: Vec<usize> = (0..2)
                .filter(|n| !joined[*n].annotations.is_empty())
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
        let (joined, rejects) = join(vec![], vec![placed("1"), placed("2"), placed("2")]);
        assert_eq!((joined.len(), rejects.len()), (1, 0));
        assert_eq!(joined[0].annotations.len(), 2);
    }
}
