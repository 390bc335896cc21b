//! Items of a transcription as annotations of the image: class, text, outline, and everything else as attributes.

use serde_json::{Value, json};

use super::page::{Item, TextPage};
use super::place::Fit;
use crate::contracts::{Annotation, BBox, Body, Number, Region};
use crate::selectors::svg;

/// The annotations of a page. Their ids are those of the items behind that of the file.
pub fn annotations(page: &TextPage, fit: &Fit, file: &str) -> Vec<Annotation> {
    let items = page.items.iter();
    items.map(|item| annotation(item, fit, file)).collect()
}

fn annotation(item: &Item, fit: &Fit, file: &str) -> Annotation {
    let class = Body {
        purpose: Some("classifying".into()),
        value: item.class.clone(),
        ..Body::default()
    };
    let text = item.text.as_ref().map(|text| Body {
        purpose: Some("transcribing".into()),
        value: text.clone(),
        format: Some("text/plain".into()),
        language: item.language.clone(),
        ..Body::default()
    });
    Annotation {
        id: format!("{file}#{}", item.id),
        motivation: vec!["supplementing".into()],
        bodies: [class].into_iter().chain(text).collect(),
        regions: vec![region(item, fit)],
        attributes: attributes(item, file)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    }
}

/// Box, outline and baseline. A line beside a box or an outline is the baseline of what is in it.
fn region(item: &Item, fit: &Fit) -> Region {
    let scaled = |[x, y]: [f64; 2]| {
        [
            rounded(x * fit.sx + fit.by[0]),
            rounded(y * fit.sy + fit.by[1]),
        ]
    };
    let polygon = item.polygon.as_ref().map(|polygon| polygon.map(scaled));
    let line: Vec<[f64; 2]> = item.baseline.iter().copied().map(scaled).collect();
    let is_drawn = polygon.is_some() || !line.is_empty();
    let bbox = item.bbox.filter(|_| polygon.is_none());
    Region {
        frame: fit.space,
        fragment: bbox.map(|bbox| fragment(&bbox, fit)),
        svg: is_drawn.then(|| svg::print_with_line(polygon.as_ref(), &line)),
        point: None,
    }
}

/// Edges are rounded and not sides, so that boxes that meet still meet.
fn fragment(bbox: &BBox, fit: &Fit) -> String {
    let [left, right] = [bbox.x, bbox.right()].map(|x| rounded(x * fit.sx + fit.by[0]));
    let [top, bottom] = [bbox.y, bbox.bottom()].map(|y| rounded(y * fit.sy + fit.by[1]));
    let (width, height) = (rounded(right - left), rounded(bottom - top));
    format!("xywh={left},{top},{width},{height}")
}

/// To thousandths of a pixel.
fn rounded(v: f64) -> f64 {
    (v * 1000.0).round() / 1000.0
}

fn attributes(item: &Item, file: &str) -> Vec<(&'static str, Value)> {
    let mut attributes: Vec<(&str, Value)> = Vec::new();
    for (name, value) in &item.attributes {
        attributes.push((name, value.clone()));
    }
    attributes.push(("granularity", item.granularity.name().into()));
    attributes.push(("element", item.element.as_str().into()));
    attributes.push(("order", item.order.into()));
    if let Some(parent) = &item.parent {
        attributes.push(("parent", format!("{file}#{parent}").into()));
    }
    if let Some(confidence) = item.confidence {
        attributes.push(("confidence", json!(Number(confidence))));
    }
    if let Some(language) = item.language.as_ref().filter(|_| item.text.is_some()) {
        attributes.push(("language", language.as_str().into()));
    }
    attributes
}
