//! What people should know of how the splits came out, with the option that helps. Pure.

use std::collections::BTreeMap;

use super::earlier::Earlier;
use super::{Assigned, Splits, train};
use crate::formats::Dataset;
use crate::summary::counted;

/// By how much a share may be missed, as a part of it, before that is said.
const MISSED: f64 = 0.1;

/// Notes about splits that are empty or miss their share, groups that stay together or are divided, and classes that are not
/// in the training images.
pub fn notes(
    dataset: &Dataset,
    assigned: &Assigned,
    splits: Option<&Splits>,
    before: Option<&Earlier>,
) -> Vec<String> {
    let mut notes = before.map_or(Vec::new(), |before| earlier(before, assigned));
    let unnamed = before.zip(splits);
    notes.extend(unnamed.and_then(|(before, splits)| unnamed_splits(before, splits)));
    if let Some(splits) = splits {
        notes.extend(shares(dataset, assigned, splits));
    }
    notes.extend(joined(assigned));
    if assigned.divided > 0 {
        notes.push(format!(
            "{} divided among splits, as --split-by or --split-like says",
            counted(assigned.divided as u64, "group is", "groups are")
        ));
    }
    notes.extend(alike(&assigned.names));
    notes.extend(lacking(dataset, splits));
    notes
}

/// Splits of different names that mean the same: trainers, Windows and macOS take some of them for one.
fn alike(names: &[String]) -> Option<String> {
    let meaning = |name: &str| {
        let lower = name.to_lowercase();
        let same = SAME.iter().find(|names| names.contains(&lower.as_str()));
        same.map_or(lower, |names| names[0].to_owned())
    };
    let mut by_meaning: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in names {
        let quoted = format!("`{name}`");
        by_meaning.entry(meaning(name)).or_default().push(quoted);
    }
    by_meaning.retain(|_, names| names.len() > 1);
    let all: Vec<String> = by_meaning
        .values()
        .map(|names| names.join(" and "))
        .collect();
    (!all.is_empty()).then(|| {
        format!(
            "splits whose names mean the same: {}; give them one name, in --split or in the metadata that --split-by reads",
            all.join(", ")
        )
    })
}

/// Splits of which the earlier set names no image: a single file of it, perhaps.
fn unnamed_splits(earlier: &Earlier, splits: &Splits) -> Option<String> {
    let names = splits.names().into_iter();
    let names = names.filter(|name| !earlier.names().any(|known| known == name));
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        return earlier.only_split().map(|only| {
            format!(
                "--split-like {} names only the split `{only}`, so that all without another place are in it; the folder of the earlier set names all, \
                 and --split gives others",
                earlier.name
            )
        });
    }
    Some(format!(
        "--split-like {} names nothing of {}: what was in it may be in another split now; the folder of the earlier set names all",
        earlier.name,
        names.join(" and ")
    ))
}

/// What the earlier set says of other images, or twice.
fn earlier(earlier: &Earlier, assigned: &Assigned) -> Vec<String> {
    let (all, [images, groups]) = (assigned.of.len(), assigned.known);
    let (name, example) = (&earlier.name, &earlier.example);
    let count = |n: usize| counted(n as u64, "image is", "images are");
    let note = match (images, groups) {
        (0, 0) => Some(format!(
            "--split-like {name} names no image and no group of this set, so that nothing keeps a place: it names `{example}`; ids \
             of images and names of groups as in the localizations are looked for"
        )),
        (0, _) if earlier.has_images() => Some(format!(
            "--split-like {name} names no image of this set, of which {} kept with their groups: it names `{example}`; ids of images \
             as in the localizations are looked for",
            count(groups)
        )),
        (0, groups) if groups < all && !is_table(name) => Some(format!(
            "--split-like {name} has no table of images: {} in groups that it does not name, and distributed as new ones",
            count(all - groups)
        )),
        _ => None,
    };
    earlier.notes.iter().cloned().chain(note).collect()
}

/// Whether people made the list: then it names what they mean.
fn is_table(name: &str) -> bool {
    !name.to_lowercase().ends_with(".json")
}

fn shares(dataset: &Dataset, assigned: &Assigned, splits: &Splits) -> Vec<String> {
    let all = dataset.facts.len() as f64;
    let mut notes = Vec::new();
    let mut missed = Vec::new();
    for (part, (name, share)) in splits.names().iter().zip(splits.shares()).enumerate() {
        let n = dataset.facts_of(part).count() as f64;
        let wanted = share * all;
        if n == 0.0 {
            notes.push(format!(
                "split {name} stays empty: {}",
                why_empty(assigned, part, name)
            ));
        } else if (n - wanted).abs() > (MISSED * wanted).max(0.999) {
            let percent = |n: f64| (n / all * 1000.0).round() / 10.0;
            missed.push(format!(
                "{name} {} % instead of {} %",
                percent(n),
                percent(wanted)
            ));
        }
    }
    if !missed.is_empty() {
        notes.push(format!(
            "shares of the splits are missed by more than a tenth: {}; {}",
            missed.join(", "),
            why_missed(assigned, splits, dataset.facts.len())
        ));
    }
    notes
}

/// Names that mean the same split.
const SAME: [&[&str]; 3] = [
    &["train", "training"],
    &["val", "valid", "validation", "dev"],
    &["test", "testing"],
];

fn why_empty(assigned: &Assigned, part: usize, name: &str) -> String {
    let lower = name.to_lowercase();
    let same = SAME.iter().find(|names| names.contains(&lower.as_str()));
    let same = same.copied().unwrap_or_default();
    let other = assigned.names.iter().enumerate().find(|(at, other)| {
        *at != part && same.contains(&other.to_lowercase().as_str()) && assigned.held(*at) > 0
    });
    if let Some((at, other)) = other {
        return format!(
            "{} in `{other}`, as the source calls it; `{other}=` in place of `{name}=` in --split makes them one",
            counted(assigned.held(at), "image is", "images are")
        );
    }
    if assigned.held(part) > 0 {
        return format!(
            "{} and left out all the same",
            counted(assigned.held(part), "image is in it", "images are in it")
        );
    }
    if assigned.units > assigned.names.len() * 20 && assigned.kept == 0 {
        return "its share is below the 2 % of all images that may be missed so that groups stay in their splits when the set grows"
            .into();
    }
    if assigned.units == assigned.of.len() {
        return format!(
            "the shares of {} are whole images",
            counted(assigned.units as u64, "image", "images")
        );
    }
    format!(
        "{} in total, and none is divided; --group-by KEY makes other groups, `--group-by image` one of every image",
        counted(assigned.units as u64, "group", "groups")
    )
}

/// Why shares are not met: the first of what may be the reason that is.
fn why_missed(assigned: &Assigned, splits: &Splits, images: usize) -> String {
    let all = assigned.of.len();
    let named: u64 = (0..splits.names().len())
        .map(|split| assigned.held(split))
        .sum();
    if named < all as u64 {
        return format!(
            "{} in splits that --split does not name",
            counted(all as u64 - named, "image is", "images are")
        );
    }
    if assigned.is_within_tolerance(splits) && images != all {
        return format!(
            "they are met on the {all} images of the source; what is left out or cut into tiles is not spread evenly"
        );
    }
    if assigned.is_within_tolerance(splits) {
        return "less than 2 % of all images are elsewhere, so that groups stay in their splits when the set grows".into();
    }
    if assigned.kept > 0 {
        return format!(
            "{} where --split-like or --split-by says",
            counted(assigned.kept as u64, "image is", "images are")
        );
    }
    if assigned.units == all {
        return format!(
            "the shares of {} are whole images",
            counted(all as u64, "image", "images")
        );
    }
    let percent = (assigned.largest as f64 / all.max(1) as f64 * 100.0).round();
    format!(
        "of {} in total the largest has {percent} % of the images, and none is divided; --group-by KEY makes other groups",
        counted(assigned.units as u64, "group", "groups"),
    )
}

fn joined(assigned: &Assigned) -> impl Iterator<Item = String> {
    let reasons = [
        ("group shares", "groups share", "files with"),
        ("group looks", "groups look", "like"),
        (
            "group has",
            "groups have",
            "a value of --group-by in common with",
        ),
    ];
    let joined = assigned.joined.into_iter().zip(reasons);
    joined.filter(|(n, _)| *n > 0).map(|(n, (one, many, how))| {
        format!(
            "{} {how} other groups: same split for all of these",
            counted(n as u64, one, many)
        )
    })
}

/// Classes without a box in the training images.
fn lacking(dataset: &Dataset, splits: Option<&Splits>) -> Option<String> {
    const FEW: usize = 3;
    let shares = splits.map_or(Vec::new(), Splits::shares);
    let train = train(&dataset.splits, &shares);
    let counts: Vec<Vec<u64>> = (0..dataset.splits.len())
        .map(|part| dataset.boxes_per_class(dataset.facts_of(part)))
        .collect();
    let held = counts.get(train)?;
    let is_lacking = |class: &usize| held[*class] == 0 && counts.iter().any(|n| n[*class] > 0);
    let lacking: Vec<usize> = (0..dataset.classes.len()).filter(is_lacking).collect();
    let where_else = |&class: &usize| {
        let others = dataset.splits.iter().zip(&counts);
        let others: Vec<String> = others
            .filter(|(_, counts)| counts[class] > 0)
            .map(|(name, counts)| format!("{} in {name}", counts[class]))
            .collect();
        format!("`{}`: {}", dataset.classes[class], others.join(", "))
    };
    let first: Vec<String> = lacking.iter().take(FEW).map(where_else).collect();
    let more = if lacking.len() > FEW { "; …" } else { "" };
    (!lacking.is_empty()).then(|| {
        format!(
            "classes without a box in {}, which cannot be learnt: {} ({}{more}); `--stratify class` distributes classes",
            dataset.splits[train],
            lacking.len(),
            first.join("; ")
        )
    })
}
