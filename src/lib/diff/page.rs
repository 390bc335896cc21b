//! `--html`: pairs of images side by side, their boxes over them, and what differs below.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::boxes::matched;
use super::record::{Record, RecordBox};
use crate::contracts::{Difference, Frame};
use crate::formats::escape;
use crate::pixels::contact_sheet;
use crate::summary::counted;

/// Pairs that are shown, at most.
const MOST_PAIRS: usize = 200;
/// Boxes that are drawn on an image, and differences that are listed of it, at most.
const MOST_BOXES: usize = 500;
const MOST_LINES: usize = 20;
/// Longest side of a thumbnail in pixels.
const SIDE: u32 = 480;
/// Maximum pixels of an image that is drawn: 2^28.
const MOST_PIXELS: u64 = 1 << 28;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1d2430;--dim:#5b6574;--paper:#fff;--panel:#f4f6f9;--line:#d8dee8}\
@media(prefers-color-scheme:dark){:root{--ink:#e6eaf0;--dim:#9aa6b6;--paper:#14181f;--panel:#1d232c;--line:#343d4a}}\
body{margin:0 auto;max-width:76rem;padding:1.5rem;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}\
section{background:var(--panel);border:1px solid var(--line);border-radius:.5rem;padding:1rem;margin:1rem 0}\
h2{font-size:1rem;margin:0 0 .5rem;overflow-wrap:anywhere}.pair{display:grid;grid-template-columns:1fr 1fr;gap:1rem}\
figure{margin:0}svg{width:100%;height:auto;display:block;background:#8886}figcaption,.dim{color:var(--dim);font-size:.85rem}\
li{overflow-wrap:anywhere}rect{fill:none;stroke-width:2;vector-effect:non-scaling-stroke}.same{stroke:#8a94a3}\
.gone{stroke:#d33;stroke-dasharray:4 3}.new{stroke:#1a9c4b}.other{stroke:#e08a00}";

/// The pairs of a page.
#[derive(Debug, Default)]
pub struct Page {
    pairs: String,
    shown: usize,
    hidden: usize,
}

impl Page {
    /// Adds a pair of records, whose files lie in these folders, and what differs between them.
    pub fn add(
        &mut self,
        (a, below): (&Record, Option<&Path>),
        (b, other): (&Record, Option<&Path>),
        found: &[Difference],
    ) {
        if self.shown == MOST_PAIRS {
            self.hidden += 1;
            return;
        }
        self.shown += 1;
        let matched = matched(&a.boxes, &b.boxes);
        let is_other = |(from, to): &&(usize, usize)| {
            let (a, b) = (&a.boxes[*from], &b.boxes[*to]);
            (a.bbox, a.outline, &a.label) != (b.bbox, b.outline, &b.label)
        };
        let changed: Vec<(usize, usize)> = matched.pairs.iter().filter(is_other).copied().collect();
        let marks = |alone: &[usize], others: &mut dyn Iterator<Item = usize>| Marks {
            alone: alone.iter().copied().collect(),
            others: others.collect(),
        };
        let before = marks(&matched.gone, &mut changed.iter().map(|(from, _)| *from));
        let after = marks(&matched.new, &mut changed.iter().map(|(_, to)| *to));
        let lines = found.iter().take(MOST_LINES).map(line).collect::<String>();
        let more = found.len().saturating_sub(MOST_LINES);
        let more = match more {
            0 => String::new(),
            more => format!("<li>and {more} more</li>\n"),
        };
        let _ = write!(
            self.pairs,
            "<section>\n<h2><bdi>{}</bdi></h2>\n<div class=\"pair\">\n{}{}</div>\n<ul>\n{lines}{more}</ul>\n</section>\n",
            escape(&crate::http::id_without_secrets(&b.id)),
            figure(a, below, &before, "gone", "before"),
            figure(b, other, &after, "new", "after"),
        );
    }

    /// The page.
    pub fn html(&self, names: &[String; 2], sentence: &str, examples: &[String]) -> String {
        let title = format!("{} and {}", names[0], names[1]);
        let title = escape(&title);
        let items = examples.iter();
        let items: String = items
            .map(|line| format!("<li><bdi>{}</bdi></li>\n", escape(line)))
            .collect();
        let hidden = match self.hidden {
            0 => String::new(),
            hidden => {
                let pairs = counted(hidden as u64, "more pair is", "more pairs are");
                format!("<p class=\"dim\">{pairs} not shown; --json has all.</p>\n")
            }
        };
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
             <style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p>{}</p>\n<ul>\n{items}</ul>\n\
             <p class=\"dim\">Boxes: grey the same, dashed red gone, green new, amber changed.</p>\n{}{hidden}</body>\n</html>\n",
            escape(sentence),
            self.pairs
        )
    }
}

/// Which boxes are only here, and which are other than those of the other image.
struct Marks {
    alone: HashSet<usize>,
    others: HashSet<usize>,
}

/// An image with its boxes, as far as its file is there.
fn figure(
    record: &Record,
    folder: Option<&Path>,
    marks: &Marks,
    alone: &str,
    caption: &str,
) -> String {
    let Some(frame) = space(record) else {
        return format!("<figure><figcaption>{caption}: no picture here</figcaption></figure>\n");
    };
    let (width, height) = (frame.width, frame.height);
    let mut svg = format!(
        "<figure><svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{caption}\">\n"
    );
    if let Some(jpeg) = thumbnail(record, folder) {
        let _ = writeln!(
            svg,
            "<image width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" href=\"data:image/jpeg;base64,{}\"/>",
            STANDARD.encode(jpeg)
        );
    }
    // What has changed is not hidden by what has not.
    let is_marked = |at: &usize| marks.alone.contains(at) || marks.others.contains(at);
    let (marked, same): (Vec<usize>, Vec<usize>) = (0..record.boxes.len()).partition(is_marked);
    let first = marked.len().min(MOST_BOXES);
    for at in same.iter().take(MOST_BOXES - first).chain(&marked[..first]) {
        let class = match (marks.alone.contains(at), marks.others.contains(at)) {
            (true, _) => alone,
            (_, true) => "other",
            _ => "same",
        };
        svg += &drawn(&record.boxes[*at], class);
    }
    format!("{svg}</svg><figcaption>{caption}</figcaption></figure>\n")
}

/// The space of the boxes of a record, else its size.
fn space(record: &Record) -> Option<Frame> {
    let [width, height] = record
        .size
        .or_else(|| record.path.as_ref().map(|_| [4, 3]))?;
    let of_size = Frame::try_from([f64::from(width), f64::from(height)]).ok();
    record.frame.or(of_size)
}

fn thumbnail(record: &Record, folder: Option<&Path>) -> Option<Vec<u8>> {
    let bytes = record.content(folder?)?.read().ok()?;
    contact_sheet::jpeg_thumbnail(&bytes, SIDE, MOST_PIXELS).ok()
}

fn drawn(found: &RecordBox, class: &str) -> String {
    let Some(b) = found.bbox else {
        return String::new();
    };
    let [x, y, w, h] = [b.x, b.y, b.width, b.height].map(|v| (v * 100.0).round() / 100.0);
    format!(
        "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\"><title>{}</title></rect>\n",
        escape(&found.label)
    )
}

/// A difference for people.
fn line(found: &Difference) -> String {
    let change = serde_json::to_value(found.change).unwrap_or_default();
    let mut text = change.as_str().unwrap_or_default().replace('-', " ");
    let named = found.member.iter().chain(&found.box_id);
    for name in named {
        text += &format!(" {name}");
    }
    let value = |value: &serde_json::Value| match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    };
    match (&found.from, &found.to) {
        (Some(from), Some(to)) => text += &format!(": {} → {}", value(from), value(to)),
        (Some(one), None) | (None, Some(one)) => text += &format!(": {}", value(one)),
        (None, None) => {}
    }
    if let Some(iou) = found.iou {
        text += &format!(", {:.0} % in common", iou * 100.0);
    }
    format!("<li><bdi>{}</bdi></li>\n", escape(&text))
}
