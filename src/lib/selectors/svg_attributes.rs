//! What the attributes and the style of an SVG element say of what is drawn, and where.

use kurbo::Affine;
use quick_xml::XmlVersion;
use quick_xml::events::BytesStart;
use svgtypes::LengthUnit;

use crate::values::excerpt;

/// Refuses a style sheet that decides what is drawn, or where: only attributes are read.
pub fn check_style(sheet: &str) -> Result<(), String> {
    let declarations = sheet.split(['{', '}', ';']);
    let decides = declarations
        .filter_map(|d| d.split_once(':'))
        .any(|(name, value)| {
            let value = plain(value);
            match name.trim() {
                "fill" => is_transparent(&value),
                "fill-opacity" => is_zero(&value),
                "display" | "visibility" => {
                    ["none", "hidden", "collapse"].contains(&value.as_str())
                }
                "transform" | "translate" | "rotate" | "scale" | "offset" | "offset-path" | "d"
                | "clip-path" | "mask" | "mask-image" => value != "none",
                name => PLACES.contains(&name) && value != "auto",
            }
        });
    match decides {
        true => Err(format!(
            "svg is drawn by a style sheet, which is not read: {}",
            excerpt(sheet.trim())
        )),
        false => Ok(()),
    }
}

/// A value of CSS in lower case, without blanks and mark of importance.
fn plain(value: &str) -> String {
    let value: String = value.to_ascii_lowercase().split_whitespace().collect();
    value.trim_end_matches("!important").to_owned()
}

/// Whether a paint is no paint: `none`, or a colour whose fourth part, alpha, is 0 (CSS Color 4).
fn is_transparent(paint: &str) -> bool {
    if let Some(digits) = paint.strip_prefix('#') {
        return (digits.len() == 4 && digits.ends_with('0'))
            || (digits.len() == 8 && digits.ends_with("00"));
    }
    let is_function = ["rgb", "hsl", "hwb", "lab", "lch", "oklab", "oklch", "color"];
    let parts = paint.strip_suffix(')').and_then(|p| p.split_once('('));
    match parts.filter(|(name, _)| is_function.contains(&name.trim_end_matches('a'))) {
        Some((_, parts)) => {
            let alpha = parts.split_once('/').map(|(_, alpha)| alpha);
            alpha
                .or_else(|| parts.split(',').nth(3))
                .is_some_and(is_zero)
        }
        None => paint == "none" || paint == "transparent",
    }
}

fn is_zero(value: &str) -> bool {
    value.trim_end_matches('%').parse() == Ok(0.0)
}

/// The attributes of an element that matter here, by local name, with character references resolved.
pub struct Attributes(Vec<(String, String)>);

impl Attributes {
    /// Reads those of an element.
    ///
    /// # Errors
    /// A value cannot be read.
    pub fn read(element: &BytesStart) -> Result<Self, String> {
        let faulty = |e: &dyn std::fmt::Display| format!("svg attribute cannot be read: {e}");
        let mut found = Vec::new();
        for attribute in element.attributes() {
            let attribute = attribute.map_err(|e| faulty(&e))?;
            let name: &str = attribute.key.as_ref();
            if WORDS.contains(&name) || LENGTHS.contains(&name) {
                let value = attribute
                    .normalized_value(XmlVersion::Implicit1_0)
                    .map_err(|e| faulty(&e))?;
                found.push((name.to_owned(), value.into_owned()));
            }
        }
        Ok(Attributes(found))
    }

    /// The value of an attribute; empty if it is missing.
    pub fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// A property: as the style of the element has it, else its attribute.
    pub fn property(&self, name: &str) -> String {
        let styled = self.styled(name);
        plain(styled.unwrap_or(self.get(name)))
    }

    /// A property of the style of the element; of several the last.
    pub fn styled(&self, name: &str) -> Option<&str> {
        let declarations = self.get("style").split(';');
        let pairs = declarations.filter_map(|d| d.split_once(':'));
        let mut named = pairs.filter(|(n, _)| n.trim().eq_ignore_ascii_case(name));
        named.next_back().map(|(_, value)| value.trim())
    }

    /// Whether the element says that it is not shown.
    pub fn is_hidden(&self) -> bool {
        self.property("display") == "none"
            || ["hidden", "collapse"].contains(&self.property("visibility").as_str())
    }

    /// Whether the element says that it is not filled; none if it says nothing of it.
    pub fn has_no_fill(&self) -> Option<bool> {
        match self.property("fill").as_str() {
            "" | "inherit" => None,
            fill => Some(is_transparent(fill)),
        }
    }

    /// Whether the element says that its fill cannot be seen; none if it says nothing of it.
    pub fn is_clear(&self) -> Option<bool> {
        match self.property("fill-opacity").as_str() {
            "" | "inherit" => None,
            opacity => Some(is_zero(opacity)),
        }
    }

    /// Whether the element is filled by the even-odd rule; none if it says nothing of it.
    pub fn is_even_odd(&self) -> Option<bool> {
        match self.property("fill-rule").as_str() {
            "" | "inherit" => None,
            rule => Some(rule.eq_ignore_ascii_case("evenodd")),
        }
    }

    /// `[x, y, width, height]` of the drawing in its own units: `viewBox`, else `width` and `height` in pixels.
    pub fn size(&self) -> Option<[f64; 4]> {
        if !self.get("viewBox").trim().is_empty() && self.view_box().is_none() {
            return None;
        }
        let by_sides = || {
            let side = |name| self.length_of(name, self.get(name), None).ok();
            Some([0.0, 0.0, side("width")?, side("height")?])
        };
        let size = self.view_box().or_else(by_sides)?;
        (size[2] > 0.0 && size[3] > 0.0).then_some(size)
    }

    /// `[x, y, width, height]` of the `viewBox`, if it is one.
    pub fn view_box(&self) -> Option<[f64; 4]> {
        let listed = self.get("viewBox").split([',', ' ', '\t', '\n', '\r']);
        let numbers = listed.filter(|n| !n.is_empty()).map(str::parse);
        let numbers: Result<Vec<f64>, _> = numbers.collect();
        let view = <[f64; 4]>::try_from(numbers.ok()?).ok()?;
        let is_valid = view.iter().all(|n| n.is_finite()) && view[2] > 0.0 && view[3] > 0.0;
        is_valid.then_some(view)
    }

    /// Its transform, as the style has it, else its attribute.
    ///
    /// # Errors
    /// It cannot be read, or another property moves the element too.
    pub fn transform(&self) -> Result<Affine, String> {
        let of_style = self
            .styled("transform")
            .map(|t| t.replace("px", "").replace("deg", ""));
        let unread = |names: &[&str]| {
            let is_said = |name: &&&str| !matches!(self.property(name).as_str(), "" | "none");
            let name = names.iter().find(is_said)?;
            let problem = "svg is transformed by a property that is not read";
            Some(format!("{problem}: {name}"))
        };
        let moved = ["translate", "rotate", "scale", "offset", "offset-path"];
        if let Some(problem) = unread(&moved) {
            return Err(problem);
        }
        let text = of_style.as_deref().unwrap_or(self.get("transform")).trim();
        if text.is_empty() || text == "none" {
            return Ok(Affine::IDENTITY);
        }
        if let Some(problem) = unread(&["transform-origin", "transform-box"]) {
            return Err(problem);
        }
        let t: svgtypes::Transform = text
            .parse()
            .map_err(|e| format!("transform cannot be read: {e}, {}", excerpt(text)))?;
        Ok(Affine::new([t.a, t.b, t.c, t.d, t.e, t.f]))
    }

    /// A length in pixels, as the style of the element has it, else its attribute; 0 where both are missing. `full` is what 100 %
    /// is, in pixels.
    ///
    /// # Errors
    /// It is not a length, or in another unit.
    pub fn length(&self, name: &str, full: Option<f64>) -> Result<f64, String> {
        // Ends of lines are no properties of CSS.
        let styled = self.styled(name).filter(|_| PLACES.contains(&name));
        let styled = styled.map(plain);
        if styled
            .as_deref()
            .is_some_and(|text| text.parse().is_ok_and(|n: f64| n != 0.0))
        {
            return Err(format!("length of a style does not have a unit: {name}"));
        }
        self.length_of(name, styled.as_deref().unwrap_or(self.get(name)), full)
    }

    fn length_of(&self, name: &str, text: &str, full: Option<f64>) -> Result<f64, String> {
        let text = text.trim();
        if text.is_empty() || text == "auto" {
            return Ok(0.0);
        }
        let length: svgtypes::Length = text
            .parse()
            .map_err(|e| format!("length cannot be read: {name} is {}, {e}", excerpt(text)))?;
        match (length.unit, full) {
            (LengthUnit::None | LengthUnit::Px, _) => Ok(length.number),
            (LengthUnit::Percent, Some(full)) => Ok(length.number / 100.0 * full),
            _ => Err(format!(
                "length is not in pixels: {name} is {}",
                excerpt(text)
            )),
        }
    }
}

/// Lengths that a style may say, too (SVG 2, section 7).
const PLACES: [&str; 9] = ["x", "y", "width", "height", "cx", "cy", "r", "rx", "ry"];

const LENGTHS: [&str; 13] = [
    "x", "y", "width", "height", "cx", "cy", "r", "rx", "ry", "x1", "y1", "x2", "y2",
];

const WORDS: [&str; 14] = [
    "d",
    "points",
    "style",
    "display",
    "visibility",
    "transform",
    "transform-origin",
    "fill",
    "fill-opacity",
    "fill-rule",
    "clip-path",
    "mask",
    "viewBox",
    "preserveAspectRatio",
];
