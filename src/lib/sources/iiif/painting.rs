//! The images that are painted on a canvas.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::annotations;
use super::canvases::Canvases;
use super::described::{Object, Page, Rights, add_metadata, is_of_rights, metadata, object, page};
use super::hanging::{Hanging, PageStatements};
use super::images::{self, ImageProblem, Painted, Unusable};
use super::painted_part::PaintedImage;
use super::reader::Reader;
use super::selecting::unread_member;
use super::service;
use super::targets;
use super::values::{
    absolute, annotations_of, has, id, kind, label, list, members, members_of, services_of,
    sources, spelled, split_fragment, texts,
};
use crate::contracts::{BBox, Labels, Observation, Provenance, Region};
use crate::image_names::far;
use crate::selectors::{self, Selection, fragment};
use crate::sources::ImageName;

/// The role of documents that hold painting annotations of a canvas. They cannot be left out as annotations can.
pub const PAINTING: &str = "painting annotations";

/// What paints an image that stands alone.
static NO_ANNOTATION: Value = Value::Null;

const PAGE_LISTS: [&str; 2] = ["items", "resources"];

impl<'a> Reader<'a> {
    /// Reads painting annotations that are a document of their own. `memo` describes their canvas, or those that share them.
    pub(super) fn painting_document(&mut self, document: &'a Value, memo: &Value) {
        let mut object = object(&memo["manifest"]);
        object.group = texts(&memo["group"]).pop().unwrap_or_default();
        object.manifest = self.from.and_then(|from| from.manifest.clone());
        let base = self.from.map_or("", |from| &from.document);
        let sharing = members(memo, "canvases");
        let annotations = annotations_of(document);
        let canvases = Canvases::among(sharing.iter().copied(), base);
        let mut named: HashMap<_, Vec<&'a Value>> = HashMap::new();
        for annotation in annotations {
            let name = canvases.named_by(annotation, base);
            named.entry(name).or_default().push(annotation);
        }
        // Where none of them is named, each of them is meant.
        let is_by_name = named.keys().any(Option::is_some);
        let nameless = named.remove(&None).unwrap_or_default();
        let on = sharing.into_iter().chain(list(memo, "canvas"));
        for (number, canvas) in on.enumerate() {
            let mut page = page(canvas, &object, number + 1, base);
            page.painting = memo["painting"].clone();
            let first = self.found.observations.len();
            let around = match is_by_name {
                false => {
                    self.painting_page(document, &page);
                    document
                }
                true => {
                    let own = named.get(&Some(far(&page.id)));
                    let page = page.with_layer(document).unwrap_or_else(|| page.clone());
                    for annotation in own.into_iter().flatten() {
                        self.painting_annotation(annotation, &page);
                    }
                    &Value::Null
                }
            };
            let manifest = object.manifest.as_deref();
            self.text_of_canvas(around, (&page.id, manifest), page.frame, first);
        }
        if is_by_name {
            for annotation in nameless {
                let problem =
                    "painting annotation does not name one of the canvases that share its page";
                self.not_used(annotation, problem);
            }
            for next in members(document, "next") {
                let manifest = object.manifest.as_deref();
                self.lead_to_with(next, PAINTING, manifest, None, self.memo.to_owned());
            }
        }
    }

    /// The painting annotations that stand at one canvas of a manifest and are about another one.
    pub(super) fn painted_elsewhere(&mut self, object: &Object) {
        for (annotation, name) in std::mem::take(&mut self.canvases.elsewhere) {
            let Some((number, canvas)) = self.canvases.get(&name) else {
                continue;
            };
            let page = self.page_of(canvas, object, number);
            let first = self.found.observations.len();
            self.painting_annotation(annotation, &page);
            let manifest = object.manifest.as_deref();
            self.text_of_canvas(&Value::Null, (&page.id, manifest), page.frame, first);
        }
    }

    /// What stands where painting annotations of a canvas were expected.
    pub(super) fn painting_annotations(&mut self, annotations: Vec<&'a Value>, on: &Page) {
        let others = self.canvases.of_others(&annotations, &on.id, &self.base);
        for (annotation, other) in annotations.into_iter().zip(others) {
            match other {
                Some(name) => self.canvases.elsewhere.push((annotation, name)),
                None => self.painting_annotation(annotation, on),
            }
        }
    }

    /// What stands in `items`: a page of painting annotations, and other annotations that some publishers put there.
    pub(super) fn painting_page(&mut self, page: &'a Value, on: &Page) {
        let is_answer = self.from.is_some_and(|from| from.role == PAINTING);
        let holds = |member: &&str| has(page, member);
        match kind(page).as_str() {
            _ if page.is_string() && !is_answer => self.follow_painting(page, on),
            _ if !page.is_object() => self.not_a(page, "a page of annotations"),
            "annotation" => self.painting_annotation(page, on),
            "annotationpage" | "annotationlist" | "annotationcollection" | ""
                if PAGE_LISTS.iter().any(holds) =>
            {
                self.misplaced_annotations(page, on);
                let layer = on.with_layer(page);
                self.painting_annotations(annotations_of(page), layer.as_ref().unwrap_or(on));
                for next in members(page, "next") {
                    self.follow_painting(next, on);
                }
            }
            "annotationpage" | "annotationlist" | "" if id(page).is_some() && !is_answer => {
                self.follow_painting(page, on);
            }
            _ if holds(&"body") || holds(&"resource") => self.painting_annotation(page, on),
            "choice" | "specificresource" => self.paint(page, &NO_ANNOTATION, on),
            kind if kind != "annotationpage" && images::is_image(page) => {
                self.paint(page, &NO_ANNOTATION, on);
            }
            _ => self.not_a(page, "a page of annotations"),
        }
    }

    /// What stands where a painting annotation was expected.
    fn painting_annotation(&mut self, annotation: &'a Value, on: &Page) {
        let is_answer = self.from.is_some_and(|from| from.role == PAINTING);
        if annotation.is_string() {
            return self.follow_painting(annotation, on);
        }
        if !annotation.is_object() {
            return self.not_a(annotation, "a painting annotation");
        }
        let bodies = spelled(annotation, &["resource", "body"]);
        let motivation = annotations::motivation(annotation);
        let kind = kind(annotation);
        let is_typed_image =
            kind != "annotation" && !kind.is_empty() && images::is_image(annotation);
        if bodies.is_empty() && (is_typed_image || has(annotation, "service")) {
            return self.paint(annotation, &NO_ANNOTATION, on);
        }
        if matches!(kind.as_str(), "annotationpage" | "annotationlist") {
            // A page that stands in a page is counted as what should stand there.
            self.found.count("annotations", 1);
            return self.painting_page(annotation, on);
        }
        let shows_image = bodies
            .iter()
            .any(|body| images::has_image(body) || body.is_string());
        let is_painted = annotations::is_painting(annotation)
            || (motivation.is_empty() && (shows_image || !has(annotation, "target")));
        if !is_painted {
            self.found.count("annotations", 1);
            let page = PageStatements::default();
            return self.annotation(annotation, on.hanging(), &page, None);
        }
        if bodies.is_empty() {
            return match id(annotation).is_some() && !is_answer {
                true => self.follow_painting(annotation, on),
                false => self.not_used(annotation, "painting annotation does not have a body"),
            };
        }
        for body in bodies {
            match images::is_reference(body) && !is_answer {
                true => self.follow_painted(body, annotation, on),
                false => self.paint(body, annotation, on),
            }
        }
        self.misplaced_annotations(annotation, on);
        let targets = members_of(annotation, &["target", "on"]);
        let others = targets.iter().skip(1).filter(|other| **other != targets[0]);
        for other in others {
            self.not_used(
                other,
                "painting annotation has several targets, the first is used",
            );
        }
    }

    /// Follows a reference to painting annotations, with what is known of their canvas.
    fn follow_painting(&mut self, reference: &'a Value, on: &Page) {
        let Some((name, canvases)) = self.canvases.that_share(reference) else {
            return self.follow_painted(reference, &NO_ANNOTATION, on);
        };
        if self.canvases.followed.contains(&name) {
            return;
        }
        let of = |canvas: &&Value| self.page_of(canvas, on.object, 1).statements;
        let canvases: Vec<Value> = canvases.iter().map(of).collect();
        self.canvases.followed.insert(name);
        let memo = serde_json::json!({
            "group": on.object.group,
            "manifest": on.object.statements,
            "canvases": canvases,
        });
        let manifest = on.object.manifest.as_deref();
        self.lead_to_with(reference, PAINTING, manifest, None, memo.to_string());
    }

    /// Follows a reference to what an annotation paints.
    fn follow_painted(&mut self, reference: &'a Value, annotation: &Value, on: &Page) {
        const SAID: [&str; 8] = [
            "@id",
            "id",
            "label",
            "metadata",
            "navDate",
            "on",
            "stylesheet",
            "target",
        ];
        let is_said = |member: &str| SAID.contains(&member) || is_of_rights(member);
        let said = annotation.as_object().into_iter().flatten();
        let said = said.filter(|(member, value)| !value.is_null() && is_said(member));
        let mut said: Map<String, Value> = said
            .map(|(member, value)| (member.clone(), value.clone()))
            .collect();
        if let Some(layer) = &on.layer {
            let named = said.entry("label");
            named.or_insert_with(|| layer.as_str().into());
        }
        let memo = serde_json::json!({
            "group": on.object.group,
            "manifest": on.object.statements,
            "canvas": on.statements,
            "painting": Value::Object(said),
        });
        let manifest = on.object.manifest.as_deref();
        self.lead_to_with(
            reference,
            PAINTING,
            manifest,
            Some(&on.id),
            memo.to_string(),
        );
    }

    /// `content`, the name of `items` in drafts of version 3. No final version has it: its images are used, but not
    /// counted.
    pub(super) fn draft_content(&mut self, canvas: &'a Value, page: &Page) {
        let counts = self.found.counts.clone();
        for painting in members(canvas, "content") {
            self.painting_page(painting, page);
        }
        self.found.counts = counts;
    }

    /// The annotations of what paints an image. No version has them there: they are used, but not counted.
    fn misplaced_annotations(&mut self, painting: &'a Value, on: &Page) {
        let counts = self.found.counts.clone();
        self.annotations_on(painting, on.hanging());
        self.found.counts = counts;
    }

    /// The images of a body of a painting annotation, and the annotations of whatever is in it.
    fn paint(&mut self, body: &'a Value, annotation: &'a Value, page: &Page) {
        for around in images::around_images(body) {
            self.annotations_on(around, page.hanging());
        }
        let painting = match annotation.is_null() {
            true => &page.painting,
            false => annotation,
        };
        for painted in images::painted(body, painting, &self.base) {
            let value = painted.value;
            let mut kept = self.painted_image(painted, annotation, page);
            if let Some(observation) = &mut kept {
                state_rights(&mut observation.source, [value, body], annotation, page);
                for around in [painting, body, value] {
                    add_metadata(&mut observation.metadata, metadata(around));
                }
            }
            let on = Hanging {
                image: kept.as_ref().map(|observation| observation.id.as_str()),
                ..page.hanging()
            };
            self.annotations_on(value, on);
            for service in services_of(value) {
                self.annotations_on(service, on);
            }
            if let Some(observation) = kept {
                self.painted.push((value, self.found.observations.len()));
                self.found.observations.push(observation);
            }
        }
    }

    /// An image as an observation, if it can be used.
    fn painted_image(
        &mut self,
        Painted {
            value,
            services,
            image,
        }: Painted<'a>,
        annotation: &'a Value,
        page: &Page,
    ) -> Option<Observation> {
        if let Err(Unusable::NoImage(problem)) = image {
            self.not_used(value, problem);
            return None;
        }
        self.found.count("images", 1);
        self.found.count("services", services);
        let image = match image {
            Err(Unusable::Image(problem)) => {
                let ImageProblem {
                    record,
                    place,
                    field,
                    problem,
                } = problem;
                self.member_not_used(&record, place, field, problem);
                return None;
            }
            image => image.ok()?,
        };
        if page.object.is_wrapper {
            let problem = "placeholder image: the content is not an image, it is in mediaSequences";
            self.part_not_used(&page.id, value, problem.into());
            return None;
        }
        let scale = image.scale;
        let painting = match annotation.is_null() {
            true => &page.painting,
            false => annotation,
        };
        let observation = observation(image, painting, page);
        let observation = observation.map_err(|problem| {
            let record = id(annotation).unwrap_or(&page.id);
            self.member_not_used(record, annotation, "target", problem);
        });
        let observation = observation.ok()?;
        self.found.names.extend(scale.map(|scale| ImageName {
            name: observation.image.url.clone().unwrap_or_default(),
            observation: observation.id.clone(),
            canvas: None,
            scale: Some(scale),
        }));
        self.names_of(painting, page, &observation);
        Some(observation)
    }

    /// Other names of an image: the id of the annotation that paints it, and the canvas that this annotation names.
    fn names_of(&mut self, annotation: &Value, page: &Page, observation: &Observation) {
        let base = self.base.clone();
        let of = |name: &str, is_canvas: bool| ImageName {
            name: absolute(&base, name),
            observation: observation.id.clone(),
            canvas: is_canvas.then(|| page.id.clone()),
            scale: None,
        };
        let painting = id(annotation).filter(|_| annotation.is_object());
        let target = whole_target(annotation, page);
        let is_other = |name: &&str| !name.is_empty() && *name != page.id;
        let mut aliases: Vec<&str> = target.into_iter().filter(is_other).collect();
        aliases.extend(page.named.as_deref().filter(is_other));
        aliases.dedup();
        let names = &mut self.found.names;
        names.extend(painting.map(|name| of(name, false)));
        names.extend(aliases.into_iter().map(|name| of(name, true)));
    }
}

/// An image on its canvas.
///
/// # Errors
/// It is not known which part of the canvas its target names.
fn observation(
    found: PaintedImage,
    annotation: &Value,
    page: &Page,
) -> Result<Observation, String> {
    let placement = placement(annotation, page)?;
    let PaintedImage {
        image,
        label: own,
        rotation,
        ..
    } = found;
    let object = page.object;
    let mut metadata = object.metadata.clone();
    add_metadata(&mut metadata, page.metadata.clone());
    let id = match (&image.service, &image.url) {
        (Some(service), _) => service.name(),
        (None, url) => url.clone().unwrap_or_default(),
    };
    Ok(Observation {
        id,
        image,
        source: Provenance {
            kind: "iiif".into(),
            manifest: object.manifest.clone(),
            canvas: Some(page.id.clone()),
            labels: Labels {
                manifest: object.label.clone(),
                canvas: page.label.clone(),
                image: own
                    .or_else(|| label(&annotation["label"]))
                    .or_else(|| page.layer.clone()),
            },
            ..Provenance::default()
        },
        group: object.group.clone(),
        metadata,
        canvas: page.frame,
        placement,
        rotation,
        ..Observation::default()
    })
}

/// The rights of an image: what the nearest says of image, its service, what is around it in the body, painting annotation, canvas
/// and manifest.
fn state_rights(
    source: &mut Provenance,
    [image, body]: [&Value; 2],
    annotation: &Value,
    page: &Page,
) {
    let painting = match annotation.is_null() {
        true => &page.painting,
        false => annotation,
    };
    let services = services_of(image).into_iter();
    let services = services.filter(|service| service::is_image_service(service));
    let nearest = std::iter::once(image).chain(services);
    let stated = nearest.chain([body, painting]).map(Rights::of);
    let around = [page.rights.clone(), page.object.rights.clone()];
    let stated = stated.chain(around).reduce(Rights::or);
    if let Some(stated) = stated {
        (source.rights, source.attribution) = (stated.rights, stated.attribution);
    }
}

/// What a painting annotation says that it is painted on.
fn whole_target<'v>(annotation: &'v Value, page: &Page) -> Option<&'v str> {
    let target = target_of(annotation)?;
    let whole = id(resource_of(target)).unwrap_or_default();
    // The id of the canvas itself may end like a fragment.
    match whole.strip_prefix(page.named.as_deref().unwrap_or(&page.id)) {
        Some(_) => None,
        None => Some(split_fragment(whole).0),
    }
}

fn target_of(annotation: &Value) -> Option<&Value> {
    ["target", "on"]
        .iter()
        .flat_map(|m| list(annotation, m))
        .next()
}

fn resource_of(target: &Value) -> &Value {
    sources(target).into_iter().next().unwrap_or(target)
}

/// The part of the canvas, in its units, that the target of a painting annotation names; none for the whole canvas. It
/// is the canvas that holds the annotation, since targets often name another or none.
///
/// # Errors
/// It is not known which part is named.
fn placement(annotation: &Value, page: &Page) -> Result<Option<BBox>, String> {
    let Some(target) = target_of(annotation) else {
        return Ok(None);
    };
    let whole = id(resource_of(target)).unwrap_or_default();
    // The id of the canvas itself may end like a fragment.
    let page_id = page.named.as_deref().unwrap_or(&page.id);
    let own = whole.strip_prefix(page_id);
    let rest = own.unwrap_or(whole);
    let named = split_fragment(rest).1;
    // Where ids of canvases have fragments, that of another id is a part of it.
    if let Some(end) = fragment::unread_end(rest)
        && (own.is_some_and(|rest| rest.starts_with('#')) || !page_id.contains('#'))
    {
        return Err(format!("part of a canvas is not understood: {end}"));
    }
    let (region, unused) = targets::selected(target, resource_of(target), named)?;
    if let Some((_, problem)) = unused.into_iter().next() {
        return Err(problem);
    }
    let beside = unread_member(annotation, &annotations::BESIDE);
    if let Some(name) = beside.filter(|_| region == Region::default()) {
        return Err(format!(
            "annotation selects a part in an unknown way: {name}"
        ));
    }
    let selection = selectors::select(&region, page.frame).map_err(|error| error.problem)?;
    let bbox = match selection {
        Selection::Whole => return Ok(None),
        Selection::Part(shape) | Selection::Doubtful(shape, _) => shape.bbox,
        Selection::Line(_) => return Err("image is placed on a line".into()),
    };
    let all = page.frame.is_some_and(|f| {
        bbox == BBox {
            x: 0.0,
            y: 0.0,
            width: f.width,
            height: f.height,
        }
    });
    Ok((!all).then_some(bbox))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_image_is_placed_where_its_target_says() {
        let object = object(&json!({}));
        let on = |canvas: &str| {
            page(
                &json!({"@id": canvas, "width": "200", "height": 100}),
                &object,
                1,
                "",
            )
        };
        let cases = [
            (
                "c",
                json!({"on": "c#xywh=1,2,3,4"}),
                Some([1.0, 2.0, 3.0, 4.0]),
            ),
            ("c", json!({"on": "c"}), None),
            ("c", json!({"on": null}), None),
            (
                "c",
                json!({"on": "other#xywh=1,2,3,4"}),
                Some([1.0, 2.0, 3.0, 4.0]),
            ),
            (
                "c",
                json!({"target": "c#xywh=percent:50,50,25,10"}),
                Some([100.0, 50.0, 50.0, 10.0]),
            ),
            ("c", json!({"target": "c#xywh=0,0,200,100"}), None),
            (
                "c",
                json!({"target": {"source": "c", "selector": {"type": "FragmentSelector", "value": "xywh=1,2,3,4"}}}),
                Some([1.0, 2.0, 3.0, 4.0]),
            ),
            (
                "c",
                json!({"on": {"full": "c", "selector": {"@type": "oa:Choice", "default": {"@type": "oa:FragmentSelector", "value": "xywh=1,2,3,4"}}}}),
                Some([1.0, 2.0, 3.0, 4.0]),
            ),
            (
                "c",
                json!({"target": {"source": "c", "selector": {"type": "SvgSelector", "value": "<rect x='1' y='2' width='3' height='4'/>"}}}),
                Some([1.0, 2.0, 3.0, 4.0]),
            ),
            ("c#xywh=1,2,3,4", json!({"on": "c#xywh=1,2,3,4"}), None),
            ("c", json!({"on": "c#t=1,2"}), None),
        ];
        for (canvas, annotation, wanted) in cases {
            let wanted = wanted.map(|b| BBox::try_from(b).unwrap());
            let found = placement(&annotation, &on(canvas));
            assert_eq!(found, Ok(wanted), "{annotation}");
        }
        // A part that is not understood is not the whole canvas; ids have fragments too.
        for (canvas, target, is_read) in [
            ("c", "c#rect=1,2,3,4", false),
            ("c", "c#1,2,3,4", true),
            ("c", "c?xywh=1,2,3,4", false),
            ("c", "other#here", false),
            ("m#1", "m#1", true),
            ("m#1", "https://a/m#1", true),
            ("m#1", "m#1#here", false),
        ] {
            let found = placement(&json!({"on": target}), &on(canvas));
            assert_eq!(found.is_ok(), is_read, "{canvas} {target}");
        }
        let unread = json!({"target": {"source": "c", "selector": {"type": "FragmentSelector", "value": ["somewhere"]}}});
        assert!(placement(&unread, &on("c")).is_err());
    }
}
