//! Style sheets that turn what is painted (Web Annotation 4.4, Presentation 2.1 section 4.4): the rotations in them.

use serde_json::Value;

use super::selecting::values_of;
use super::values::{id, list, local_name, spelled};
use crate::values::excerpt;

/// What styles say of an image, with what says it.
pub type Styled<'v, T> = Result<T, (&'v Value, String)>;

/// By how many degrees, clockwise, an image is turned by the style sheets of the annotation that paints it. `levels` are what
/// stands around the image, and the image.
///
/// # Errors
/// A style may turn, move or cut the image in a way that is not understood here.
pub fn turn<'v>(annotation: &Value, levels: &[&'v Value]) -> Styled<'v, f64> {
    let styled = |&level: &&'v Value| spelled(level, &["styleClass", "style"]);
    let own: Vec<&Value> = levels.iter().flat_map(styled).collect();
    let Some(last) = own.last().or(levels.last()) else {
        return Ok(0.0);
    };
    let refuse = |problem: String| (*last, problem);
    let turn = turn_by(&own, &sheets(annotation, levels, &own)).map_err(refuse)?;
    // Whether what stands beside the image turns it too is not known.
    let targets = ["target", "on"].iter().flat_map(|m| list(annotation, m));
    for beside in std::iter::once(annotation).chain(targets) {
        if let Some(name) = unread_turn(beside, &[]) {
            return Err(refuse(turned_unread(name)));
        }
        let styled = spelled(beside, &["styleClass", "style"]);
        if styled.is_empty() {
            continue;
        }
        let around = [levels, &[beside]].concat();
        let other = turn_by(&styled, &sheets(annotation, &around, &styled)).map_err(refuse)?;
        if other != 0.0 {
            let problem = "style may turn the image, and is not that of the image";
            return Err(refuse(format!("{problem}: by {other} degrees")));
        }
    }
    Ok(turn)
}

/// A member of something that is painted, of what paints it or of a selector that may turn or mirror it, in words that nothing
/// here reads; none if there is none. `read` are members that are read elsewhere.
pub fn unread_turn<'v>(value: &'v Value, read: &[&str]) -> Option<&'v str> {
    const NAMES: [&str; 8] = [
        "flip",
        "flipped",
        "mirror",
        "mirrored",
        "rotate",
        "rotated",
        "rotation",
        "transform",
    ];
    let members = value.as_object().into_iter().flatten();
    let mut named = members.filter(|(name, value)| {
        let plain = local_name(name).to_ascii_lowercase();
        let plain = plain.strip_prefix("has").unwrap_or(&plain);
        NAMES.contains(&plain) && !read.contains(&plain) && !turns_nothing(value)
    });
    named.next().map(|(name, _)| name.as_str())
}

/// The problem of what such a member turns.
pub fn turned_unread(name: &str) -> String {
    format!("image may be turned in an unknown way: {name}")
}

/// Whether a value says that nothing is turned: 0, a full turn, `none`, false.
fn turns_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(turns) => !turns,
        Value::Number(number) => number.as_f64().is_some_and(|n| n.rem_euclid(360.0) == 0.0),
        Value::String(text) => {
            let text = text.trim().to_ascii_lowercase();
            let number = text.parse().is_ok_and(|n: f64| n.rem_euclid(360.0) == 0.0);
            number || is_nothing(&text) || text == "false"
        }
        Value::Array(values) => values.iter().all(turns_nothing),
        Value::Object(members) => {
            members.is_empty() || turns_nothing(&value["@value"]) && members.contains_key("@value")
        }
    }
}

/// By how many degrees style sheets turn what has these styles: classes and declarations.
fn turn_by(own: &[&Value], sheets: &[&Value]) -> Result<f64, String> {
    let words: Vec<&str> = own.iter().filter_map(|value| value.as_str()).collect();
    let (inline, names): (Vec<&str>, Vec<&str>) = words.into_iter().partition(|w| w.contains(':'));
    let names = names.iter().flat_map(|name| name.split_whitespace());
    let names: Vec<&str> = names.map(|name| name.trim_start_matches('.')).collect();
    let mut turns = Turns::default();
    for sheet in sheets {
        match text_of(sheet) {
            Some(text) => turns.read(&text, &names)?,
            None if names.is_empty() => {}
            None => {
                let shown = excerpt(id(sheet).unwrap_or("without an id"));
                return Err(format!(
                    "style sheet may turn the image, and is not read: {shown}"
                ));
            }
        }
    }
    for declarations in inline {
        turns.add(declarations)?;
    }
    match turns.found[..] {
        [] => Ok(0.0),
        [turn] => Ok(turn),
        _ => Err("styles turn the image in several ways".into()),
    }
}

/// The style sheets of an annotation and of what it paints.
fn sheets<'s>(annotation: &'s Value, levels: &[&'s Value], own: &[&'s Value]) -> Vec<&'s Value> {
    let holders = std::iter::once(annotation).chain(levels.iter().copied());
    let sheets = holders.flat_map(|holder| spelled(holder, &["stylesheet", "styledBy"]));
    let sheets = sheets.chain(own.iter().copied().filter(|style| style.is_object()));
    sheets.filter(|sheet| !sheet.is_null()).collect()
}

/// The text of a style sheet; none if it is in a document of its own.
fn text_of(sheet: &Value) -> Option<String> {
    let texts = values_of(sheet);
    let text = (!texts.is_empty()).then(|| texts.join("\n"));
    text.filter(|text| sheet.is_object() || text.contains('{'))
}

/// The rotations of the rules that apply to an image. Rules that turn it by the same angle are one.
#[derive(Default)]
struct Turns {
    found: Vec<f64>,
}

impl Turns {
    /// Reads the rules of a style sheet that apply to one of some classes.
    fn read(&mut self, sheet: &str, classes: &[&str]) -> Result<(), String> {
        for rule in without_comments(sheet).split('}') {
            let Some((selectors, declarations)) = rule.rsplit_once('{') else {
                continue;
            };
            let of = |selector: &str| applies(selector.trim(), classes);
            let applies: Vec<Option<bool>> = selectors.split(',').map(of).collect();
            if applies.contains(&Some(true)) {
                self.add(declarations)?;
            } else if applies.contains(&None) && !is_still(declarations) {
                let shown = excerpt(selectors.trim());
                return Err(format!(
                    "style may turn the image in a way that is not understood: {shown}"
                ));
            }
        }
        Ok(())
    }

    /// Adds what some declarations say.
    fn add(&mut self, declarations: &str) -> Result<(), String> {
        let turn = rotation_of(declarations)?;
        self.found
            .extend(turn.filter(|turn| !self.found.contains(turn)));
        Ok(())
    }
}

/// Whether a selector of a rule is one of the classes, or another class; none if it is something else.
fn applies(selector: &str, classes: &[&str]) -> Option<bool> {
    let names: Vec<&str> = selector.split('.').skip(1).collect();
    let is_word = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let is_class = selector.starts_with('.') && names.len() == 1 && names[0].chars().all(is_word);
    match is_class {
        true => Some(classes.contains(&names[0])),
        false => {
            let word = |name: &&str| name.split(|c| !is_word(c)).next().unwrap_or_default().len();
            let named = names.iter().map(|name| &name[..word(name)]);
            let all: Vec<&str> = named.collect();
            // It demands a class that the image does not have.
            let is_other = !all.is_empty() && !all.iter().any(|name| classes.contains(name));
            is_other.then_some(false)
        }
    }
}

/// Whether declarations leave an image as it is.
fn is_still(declarations: &str) -> bool {
    rotation_of(declarations).is_ok_and(|turn| turn.is_none_or(|turn| turn == 0.0))
}

/// By how many degrees declarations turn an image together; none if they say nothing of it.
fn rotation_of(declarations: &str) -> Result<Option<f64>, String> {
    let (mut transformed, mut rotated) = (None, None);
    for declaration in declarations.split(';') {
        let Some((name, value)) = declaration.split_once(':') else {
            continue;
        };
        let (name, value) = (name.trim().to_lowercase(), value.trim().to_lowercase());
        let name = ["-webkit-", "-moz-", "-ms-", "-o-"]
            .iter()
            .find_map(|vendor| name.strip_prefix(vendor))
            .unwrap_or(&name);
        let value = value.split('!').next().unwrap_or_default().trim();
        let slot = match name {
            "transform" => &mut transformed,
            "rotate" => &mut rotated,
            "scale" | "translate" | "offset" | "clip" | "clip-path" | "object-view-box"
                if !is_nothing(value) =>
            {
                return Err(not_understood(name, value));
            }
            _ => continue,
        };
        let turn = match name {
            _ if is_nothing(value) => Some(0.0),
            "rotate" => degrees(value),
            _ => rotation(value),
        };
        let turn = turn.and_then(quarter);
        let turn = turn.ok_or_else(|| not_understood(name, value))?;
        // What vendors call by names of their own is said again.
        if slot.is_some_and(|other| other != turn) {
            return Err(not_understood(name, value));
        }
        *slot = Some(turn);
    }
    Ok(match (transformed, rotated) {
        (None, None) => None,
        (a, b) => Some((a.unwrap_or(0.0) + b.unwrap_or(0.0)).rem_euclid(360.0)),
    })
}

fn not_understood(name: &str, value: &str) -> String {
    let value = excerpt(value);
    format!("style changes the image in a way that is not understood: {name}: {value}")
}

fn is_nothing(value: &str) -> bool {
    ["none", "auto", "initial", "unset", "revert", ""].contains(&value)
}

/// The rotation of a transformation that does nothing else.
fn rotation(transformation: &str) -> Option<f64> {
    let mut turn = 0.0;
    let mut rest = transformation.trim();
    while !rest.is_empty() {
        let (function, after) = rest.split_once('(')?;
        let (angle, after) = after.split_once(')')?;
        if !["rotate", "rotatez"].contains(&function.trim()) {
            return None;
        }
        turn += degrees(angle)?;
        rest = after.trim_start();
    }
    Some(turn)
}

/// An angle of CSS in degrees.
fn degrees(angle: &str) -> Option<f64> {
    let angle = angle.trim();
    // `grad` ends like `rad`.
    let units = [
        ("deg", 1.0),
        ("grad", 0.9),
        ("rad", 180.0 / std::f64::consts::PI),
        ("turn", 360.0),
    ];
    let unit = units
        .iter()
        .find_map(|(unit, size)| Some((angle.strip_suffix(unit)?, *size)));
    let (number, size) = unit.unwrap_or((angle, 1.0));
    let number: f64 = number.trim().parse().ok()?;
    let is_angle = unit.is_some() || number == 0.0;
    is_angle.then_some(number * size)
}

/// The nearest quarter turn, from 0 to below 360 degrees; none if the angle is another.
fn quarter(degrees: f64) -> Option<f64> {
    let quarters = (degrees / 90.0).round();
    let is_near = degrees.is_finite() && (degrees - quarters * 90.0).abs() < 0.01;
    is_near.then(|| (quarters * 90.0).rem_euclid(360.0))
}

fn without_comments(sheet: &str) -> String {
    let mut parts = sheet.split("/*");
    let mut left = parts.next().unwrap_or_default().to_owned();
    left.extend(parts.filter_map(|part| part.split_once("*/").map(|(_, after)| after)));
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_rotation_is_read_in_its_usual_spellings_and_nothing_else() {
        let cases = [
            ("transform: rotate(90deg)", Some(90.0)),
            (
                "color: red; Transform: rotate( -90deg ) !important;",
                Some(270.0),
            ),
            ("transform: rotate(.5turn)", Some(180.0)),
            ("transform: rotateZ(100grad)", Some(90.0)),
            ("transform: rotate(1.5708rad)", Some(90.0)),
            ("transform: rotate(90deg) rotate(180deg)", Some(270.0)),
            ("rotate: 90deg", Some(90.0)),
            (
                "-webkit-transform: rotate(90deg); transform: rotate(90deg)",
                Some(90.0),
            ),
            ("transform: none", Some(0.0)),
            ("transform-origin: center; border: 1px", Some(0.0)),
            (
                "-ms-transform: rotate(90deg); transform: rotate(180deg)",
                None,
            ),
            ("transform: rotate(45deg)", None),
            ("transform: rotate(90)", None),
            ("transform: rotate(90deg) scaleX(-1)", None),
            ("transform: matrix(0, 1, -1, 0, 0, 0)", None),
            ("transform: rotate(var(--angle))", None),
            ("clip-path: inset(10px)", None),
        ];
        for (declarations, wanted) in cases {
            let sheet = json!({"stylesheet": {"value": format!("/* .a {{}} */ .b, .turned {{ {declarations} }}")}});
            let image = json!({"styleClass": "turned"});
            let found = turn(&sheet, &[&image]);
            assert_eq!(found.ok(), wanted, "{declarations}");
            let image = json!({"style": format!("{declarations}; x: y")});
            assert_eq!(turn(&Value::Null, &[&image]).ok(), wanted, "{declarations}");
        }
    }

    #[test]
    fn only_rules_that_may_apply_count() {
        let turned = "{transform: rotate(90deg)}";
        let cases = [
            (".a", "a", Some(90.0)),
            (".a", "b a", Some(90.0)),
            (".a", "b", Some(0.0)),
            ("img.a", "b", Some(0.0)),
            ("img.a", "a", None),
            ("img", "b", None),
            ("@media print { .a", "a", None),
        ];
        for (selector, class, wanted) in cases {
            let sheet = json!({"stylesheet": {"chars": format!("{selector} {turned}")}});
            let image = json!({"style": class});
            assert_eq!(turn(&sheet, &[&image]).ok(), wanted, "{selector} {class}");
        }
        let elsewhere = json!({"stylesheet": "https://a.example/style.css"});
        assert!(turn(&elsewhere, &[&json!({"styleClass": "a"})]).is_err());
        assert_eq!(turn(&elsewhere, &[&json!({"id": "a"})]).ok(), Some(0.0));
        assert_eq!(
            turn(&Value::Null, &[&json!({"styleClass": "a"})]).ok(),
            Some(0.0)
        );
    }
}
