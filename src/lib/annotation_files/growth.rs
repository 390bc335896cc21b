//! Whether a newer form of a file only has more than an older one. Pure.

use std::collections::HashMap;

use crate::contracts::{Annotation, Observation};
use crate::files;

/// How a newer form of a file stands to an older one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Growth {
    /// It says the same.
    Same,
    /// It says all that the older one does, and more: images or boxes were added.
    More,
    /// Something is not there any more, or is other than it was.
    Changed,
}

/// How images of a newer file stand to those of an older one. Their ids tell which is which; ids of boxes are of no account,
/// since formats count them anew.
pub fn growth(before: &[Observation], after: &[Observation]) -> Growth {
    let mut found: HashMap<&str, &Observation> = HashMap::with_capacity(after.len());
    found.extend(after.iter().map(|image| (&*image.id, image)));
    let more = after.len() > before.len();
    let mut growth = if more { Growth::More } else { Growth::Same };
    for image in before {
        let Some(now) = found.get(&*image.id) else {
            return Growth::Changed;
        };
        let of_image = match facts(image) == facts(now) {
            true => of_numbers(
                image.annotations.iter().map(number),
                now.annotations.iter().map(number),
            ),
            false => Growth::Changed,
        };
        growth = growth.max(of_image);
    }
    growth
}

/// How the lines of a newer list stand to those of an older one, in any order; `part` is what counts of each.
pub fn growth_of_lines(before: &[u8], after: &[u8], part: fn(&[u8]) -> &[u8]) -> Growth {
    let numbers = |bytes: &[u8]| -> Vec<u64> {
        let lines = bytes.split(|byte| *byte == b'\n').map(part);
        lines.map(files::hash_number).collect()
    };
    of_numbers(numbers(before).into_iter(), numbers(after).into_iter())
}

/// How a newer collection of things stands to an older one, each by a number made of it.
fn of_numbers(before: impl Iterator<Item = u64>, after: impl Iterator<Item = u64>) -> Growth {
    let mut counts: HashMap<u64, i64> = HashMap::new();
    before.for_each(|number| *counts.entry(number).or_default() -= 1);
    after.for_each(|number| *counts.entry(number).or_default() += 1);
    let growth = counts.values().map(|count| match count {
        0 => Growth::Same,
        1.. => Growth::More,
        _ => Growth::Changed,
    });
    growth.max().unwrap_or(Growth::Same)
}

/// All that is said of an image but for its boxes.
fn facts(image: &Observation) -> impl PartialEq + '_ {
    (
        image.image.url.as_ref(),
        image.image.declared(),
        image.source.rights.as_ref(),
        &image.group,
        &image.metadata,
    )
}

/// A number made of a box without its id.
fn number(annotation: &Annotation) -> u64 {
    let bodies: Vec<&str> = annotation.bodies.iter().map(|body| &*body.value).collect();
    let text = format!(
        "{bodies:?} {:?} {:?}",
        annotation.regions, annotation.attributes
    );
    files::hash_number(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::{Body, Region};

    fn image(id: &str, boxes: &[(&str, &str)]) -> Observation {
        let annotation = |(at, (label, xywh)): (usize, &(&str, &str))| Annotation {
            id: format!("{id}#{at}"),
            bodies: vec![Body {
                value: (*label).into(),
                ..Body::default()
            }],
            regions: vec![Region {
                fragment: Some((*xywh).into()),
                ..Region::default()
            }],
            ..Annotation::default()
        };
        Observation {
            id: id.into(),
            annotations: boxes.iter().enumerate().map(annotation).collect(),
            ..Observation::default()
        }
    }

    #[test]
    fn added_is_more_and_anything_else_is_changed() {
        let two = [("alef", "1"), ("bet", "2")];
        let before = [image("a", &two), image("b", &[])];
        let cases = [
            (vec![image("a", &two), image("b", &[])], Growth::Same),
            (
                vec![image("b", &[]), image("a", &[two[1], two[0]])],
                Growth::Same,
            ),
            (
                vec![image("a", &two), image("b", &[("x", "1")])],
                Growth::More,
            ),
            (
                vec![image("a", &two), image("b", &[]), image("c", &[])],
                Growth::More,
            ),
            (vec![image("a", &two), image("c", &[])], Growth::Changed),
            (
                vec![image("a", &two[..1]), image("b", &[])],
                Growth::Changed,
            ),
            (
                vec![image("a", &[two[0], ("bet", "3")]), image("b", &[])],
                Growth::Changed,
            ),
            (
                vec![image("a", &[two[0], ("gimel", "2")]), image("b", &[])],
                Growth::Changed,
            ),
        ];
        for (after, wanted) in cases {
            assert_eq!(growth(&before, &after), wanted, "{after:?}");
        }
        let mut other = before.clone();
        other[0].source.rights = Some("none".into());
        assert_eq!(growth(&before, &other), Growth::Changed);
    }

    #[test]
    fn lines_are_counted_in_any_order() {
        let of = |after: &str| growth_of_lines(b"a\nb\n", after.as_bytes(), |line| line);
        assert_eq!(of("b\na\n"), Growth::Same);
        assert_eq!(of("a\na\nb\n"), Growth::More);
        assert_eq!(of("a\nc\n"), Growth::Changed);
        let name =
            |line: &[u8]| growth_of_lines(line, b"a -1\n", |line| &line[..line.len().min(1)]);
        assert_eq!(name(b"a 1\n"), Growth::Same);
    }
}
