//! The dataset card, `README.md`: what a set holds, whose it is, how it was made, what is missing and why. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::description::{self, Made};
use crate::contracts::PartCount;
use crate::summary::counted;

/// The name of the card.
pub const README: &str = "README.md";

/// Classes beyond these are only counted.
const MOST_CLASSES: usize = 200;

/// The text of the card.
pub fn card(made: &Made) -> String {
    let dataset = &made.assembled.dataset;
    let total = super::counts::part_count(dataset.facts.iter());
    let names: Vec<&str> = made.formats.iter().map(|format| format.name()).collect();
    let mut card = format!(
        "# Training set\n\n{} with {} of {}, as {}. Written by recto {}.\n",
        counted(total.images, "image", "images"),
        counted(total.boxes, "box", "boxes"),
        counted(dataset.classes.len() as u64, "class", "classes"),
        names.join(", "),
        env!("CARGO_PKG_VERSION")
    );
    card += &splits(made, &total);
    card += &classes(made);
    card += &rights(made);
    card += &left_out(made);
    let _ = write!(
        card,
        "\n## How it was made\n\n```sh\n{}\n```\n\n{}`dataset.json` has the hashes of every file, and the conventions of the \
         numbers.\n",
        description::command(made.options),
        inputs(made)
    );
    card
}

/// The files that the set was made from.
fn inputs(made: &Made) -> String {
    let mut text = String::from("| input | SHA-256 |\n|---|---|\n");
    for input in &made.inputs {
        let _ = writeln!(text, "| {} | `{}` |", cell(&input.name), input.sha256);
    }
    match made.inputs.is_empty() {
        true => String::new(),
        false => text + "\n",
    }
}

fn splits(made: &Made, total: &PartCount) -> String {
    let mut rows: BTreeMap<String, PartCount> = description::splits(made);
    let mut text = String::from(
        "\n## Splits\n\n| split | images | without boxes | boxes | groups |\n|---|--:|--:|--:|--:|\n",
    );
    let order = &made.assembled.dataset.splits;
    let named = order
        .iter()
        .filter_map(|name| Some((name.clone(), rows.remove(name)?)));
    let mut all: Vec<(String, PartCount)> = named.collect();
    all.push(("all".into(), total.clone()));
    for (name, part) in all {
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} |",
            part.images, part.negatives, part.boxes, part.groups
        );
    }
    if !order.is_empty() {
        let divided = made
            .assembled
            .assigned
            .as_ref()
            .map_or(0, |assigned| assigned.divided);
        let groups = match divided {
            0 => "Images of one group are in one split.".to_owned(),
            n => format!(
                "Images of one group are in one split, but for {} whose images the source or an earlier set puts in several.",
                counted(n as u64, "group", "groups")
            ),
        };
        let _ = write!(
            text,
            "\n{groups} The seed is {}.\n",
            made.options.splits.seed
        );
    }
    text
}

fn classes(made: &Made) -> String {
    let dataset = &made.assembled.dataset;
    let boxes = dataset.boxes_per_class(dataset.facts.iter());
    let mut text = String::from("\n## Classes\n\n| class | boxes |\n|---|--:|\n");
    for (name, boxes) in dataset.classes.iter().zip(boxes).take(MOST_CLASSES) {
        let _ = writeln!(text, "| {} | {boxes} |", cell(name));
    }
    if let Some(more @ 1..) = dataset.classes.len().checked_sub(MOST_CLASSES) {
        let _ = write!(text, "\nand {more} more, listed in `dataset.json`.\n");
    }
    text
}

/// Manifests beyond these are only counted.
const MOST_MANIFESTS: usize = 50;

/// Whose the images are: every image is in one row.
fn rights(made: &Made) -> String {
    let mut text = String::from("\n## Rights\n\n");
    let owners = &made.assembled.owners;
    let is_said =
        |(rights, attribution): &(String, String)| !(rights.is_empty() && attribution.is_empty());
    if !owners.keys().any(is_said) {
        text += "The sources say nothing of rights. That is no permission.\n\n";
    } else if owners.keys().any(|owner| !is_said(owner)) {
        text += "Of some images the sources say nothing of rights. That is no permission.\n\n";
    }
    text += "| rights | attribution | images | manifests |\n|---|---|--:|--:|\n";
    for ((rights, attribution), owned) in owners {
        let said = |text: &str| match text {
            "" => "not said".to_owned(),
            text => cell(text),
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            said(rights),
            said(attribution),
            owned.images,
            owned.manifest_count()
        );
    }
    let named: BTreeSet<&String> = owners.values().flat_map(|owned| &owned.manifests).collect();
    if named.is_empty() {
        return text;
    }
    text += "\nManifests:\n\n";
    for manifest in named.iter().take(MOST_MANIFESTS) {
        let _ = writeln!(text, "- {}", line(manifest));
    }
    if named.len() > MOST_MANIFESTS {
        text += "- and others, of which `dataset.json` names the first of each of these rights\n";
    }
    text
}

fn left_out(made: &Made) -> String {
    let summary = made.summary;
    let mut text = String::new();
    if summary.rejects.is_empty() && summary.filtered == 0 && summary.notes.is_empty() {
        return text;
    }
    text += "\n## What is missing, and what was changed\n\n";
    for (reason, n) in summary.reasons() {
        let _ = writeln!(text, "- {n} left out: {}", line(&reason));
    }
    if summary.filtered > 0 {
        let _ = writeln!(text, "- {} left out by options", summary.filtered);
    }
    for note in &summary.notes {
        let _ = writeln!(text, "- {}", line(note));
    }
    text
}

fn cell(text: &str) -> String {
    line(text).replace('|', "\\|")
}

/// Text on one line, without the beginnings of HTML.
fn line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('\\', "\\\\").replace('<', "&lt;")
}
