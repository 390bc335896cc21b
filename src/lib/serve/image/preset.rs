//! Presets: named recipes for derivatives, which become plans once the size of an image is known. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::iiif::resolve::{Background, RenderPlan, ServerLimits, fit};
use crate::iiif::{Format, Quality};
use crate::pixels::encode::WRITABLE;

/// How an image is fitted to the width and height of a preset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// The whole image, as large as fits into them.
    #[default]
    Contain,
    /// The largest part of the same proportions, from the middle of the image.
    Cover,
    /// The whole image, on a background that fills the rest.
    Pad,
}

/// A recipe for a derivative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "PresetTable")]
pub struct Preset {
    /// Width in pixels; none: it follows from the height.
    pub width: Option<u32>,
    /// Height in pixels; none: it follows from the width.
    pub height: Option<u32>,
    /// How the image is fitted to them.
    pub fit: Fit,
    /// The file format.
    pub format: Format,
    /// The quality of the Image API: colours, grays, black and white.
    pub quality: Quality,
    /// Colour of the background for [`Fit::Pad`], RGB.
    pub background: [u8; 3],
    /// Whether small images are enlarged.
    pub enlarge: bool,
    /// Whether the preset is offered; a configuration turns built-in presets off with `false`.
    pub offered: bool,
}

/// A preset as it stands in a configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PresetTable {
    width: Option<u32>,
    height: Option<u32>,
    fit: Fit,
    format: String,
    quality: String,
    background: String,
    enlarge: bool,
    offered: bool,
}

impl Default for PresetTable {
    fn default() -> Self {
        PresetTable {
            width: None,
            height: None,
            fit: Fit::Contain,
            format: "jpg".into(),
            quality: "default".into(),
            background: "#ffffff".into(),
            enlarge: false,
            offered: true,
        }
    }
}

/// The largest width and height of a preset, in pixels: what a JPEG can have.
const MOST_SIDE: u32 = 65_535;

impl TryFrom<PresetTable> for Preset {
    type Error = String;

    fn try_from(table: PresetTable) -> Result<Self, String> {
        let PresetTable { width, height, .. } = table;
        let sides = [width, height].into_iter().flatten();
        if sides.into_iter().any(|side| side == 0 || side > MOST_SIDE) {
            return Err(format!("`width` and `height` are 1 to {MOST_SIDE} pixels"));
        }
        if table.fit != Fit::Contain && (width.is_none() || height.is_none()) {
            return Err("`cover` and `pad` need both `width` and `height`".into());
        }
        let format = table
            .format
            .parse::<Format>()
            .map_err(|refusal| refusal.to_string())?;
        if !WRITABLE.contains(&format) {
            return Err(format!("format {} is not offered", format.name()));
        }
        Ok(Preset {
            width,
            height,
            fit: table.fit,
            format,
            quality: table
                .quality
                .parse::<Quality>()
                .map_err(|refusal| refusal.to_string())?,
            background: colour(&table.background).ok_or_else(|| {
                let found = &table.background;
                format!("background is `{found}`, a colour such as `#ffffff` is needed")
            })?,
            enlarge: table.enlarge,
            offered: table.offered,
        })
    }
}

fn colour(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let number = u32::from_str_radix(digits, 16).ok()?;
    let [_, r, g, b] = number.to_be_bytes();
    Some([r, g, b])
}

/// No presets: for sites that only look images up.
pub static NONE: Presets = Presets(BTreeMap::new());

/// Presets by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presets(BTreeMap<String, Preset>);

impl Default for Presets {
    /// The six presets of GLAMkit.
    fn default() -> Self {
        let preset = |width, height, fit| Preset {
            width,
            height,
            fit,
            format: Format::Jpg,
            quality: Quality::Default,
            background: [255; 3],
            enlarge: false,
            offered: true,
        };
        let built_in = [
            ("Original", None, None, Fit::Contain),
            ("Presentation", Some(1280), Some(1024), Fit::Contain),
            ("Facebook", Some(1200), None, Fit::Contain),
            ("Twitter", Some(440), Some(220), Fit::Cover),
            ("Instagram", Some(1080), Some(1080), Fit::Cover),
            ("YouTube", Some(1280), Some(760), Fit::Cover),
        ];
        let named = built_in.map(|(name, w, h, fit)| (name.to_owned(), preset(w, h, fit)));
        Presets(named.into())
    }
}

impl Presets {
    /// The built-in presets and those of a configuration, which replace built-in ones of the same name.
    ///
    /// # Errors
    /// A name cannot stand in a URL.
    pub fn with_configured(configured: &BTreeMap<String, Preset>) -> Result<Self, String> {
        let Presets(mut all) = Presets::default();
        for (name, preset) in configured {
            if name.trim().is_empty() || name.contains('/') {
                return Err(format!(
                    "`{name}` is not a valid name of a preset: it is empty or contains `/`"
                ));
            }
            all.retain(|built_in, _| !built_in.eq_ignore_ascii_case(name));
            all.insert(name.clone(), *preset);
        }
        all.retain(|_, preset| preset.offered);
        Ok(Presets(all))
    }

    /// The preset of this name, upper or lower case, with the name as it was defined.
    pub fn find(&self, name: &str) -> Option<(&str, &Preset)> {
        let mut all = self.0.iter();
        let found = all.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(known, preset)| (known.as_str(), preset))
    }

    /// Their names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Names and presets, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Preset)> {
        self.0.iter().map(|(name, preset)| (name.as_str(), preset))
    }
}

impl Preset {
    /// The plan for an image of `[width, height]` pixels; its size stays within `limits`.
    pub fn plan(&self, image: [u32; 2], limits: &ServerLimits) -> RenderPlan {
        let region = self.region(image);
        let (size, background) = self.size([region[2], region[3]], limits);
        RenderPlan {
            region,
            size,
            mirror: false,
            rotation: 0.0,
            quality: self.quality,
            format: self.format,
            background,
        }
    }

    fn region(&self, [width, height]: [u32; 2]) -> [u32; 4] {
        let (Fit::Cover, Some(w), Some(h)) = (self.fit, self.width, self.height) else {
            return [0, 0, width, height];
        };
        let [part_w, part_h] = fit([w, h], [width, height], true);
        [(width - part_w) / 2, (height - part_h) / 2, part_w, part_h]
    }

    fn size(&self, region: [u32; 2], limits: &ServerLimits) -> ([u32; 2], Option<Background>) {
        let sides = match (self.width, self.height) {
            (None, None) => return (limits.largest(region, false), None),
            (w, h) => [w.unwrap_or(u32::MAX), h.unwrap_or(u32::MAX)],
        };
        if self.fit == Fit::Pad {
            let sides = limits.largest(sides, false);
            let background = Background {
                size: sides,
                colour: self.background,
            };
            return (fit(region, sides, self.enlarge), Some(background));
        }
        let size = match self.fit {
            // The region has these proportions, except for rounding.
            Fit::Cover if self.enlarge || (0..2).all(|side| region[side] >= sides[side]) => sides,
            Fit::Cover => region,
            _ => fit(region, sides, self.enlarge),
        };
        (limits.largest(size, false), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(text: &str) -> Result<Preset, String> {
        toml::from_str(text).map_err(|e| e.message().to_owned())
    }

    #[test]
    fn presets_become_numbers() {
        let none = ServerLimits {
            upscale: true,
            ..ServerLimits::default()
        };
        let small = ServerLimits {
            max_size: Some([300, 300]),
            ..none
        };
        // preset, image, limits: region, size, mat
        type Case<'a> = (
            &'a str,
            [u32; 2],
            ServerLimits,
            [u32; 4],
            [u32; 2],
            Option<[u32; 2]>,
        );
        let cases: [Case; 17] = [
            (
                "",
                [4000, 3000],
                none,
                [0, 0, 4000, 3000],
                [4000, 3000],
                None,
            ),
            (
                "",
                [4000, 3000],
                small,
                [0, 0, 4000, 3000],
                [300, 225],
                None,
            ),
            (
                "width=1280\nheight=1024",
                [4000, 3000],
                none,
                [0, 0, 4000, 3000],
                [1280, 960],
                None,
            ),
            (
                "width=1280\nheight=1024",
                [640, 512],
                none,
                [0, 0, 640, 512],
                [640, 512],
                None,
            ),
            (
                "width=1280\nheight=1024\nenlarge=true",
                [640, 512],
                none,
                [0, 0, 640, 512],
                [1280, 1024],
                None,
            ),
            (
                "width=1200",
                [4000, 3000],
                none,
                [0, 0, 4000, 3000],
                [1200, 900],
                None,
            ),
            (
                "width=1200",
                [600, 900],
                none,
                [0, 0, 600, 900],
                [600, 900],
                None,
            ),
            (
                "height=90",
                [600, 900],
                none,
                [0, 0, 600, 900],
                [60, 90],
                None,
            ),
            (
                "width=1200",
                [4000, 3000],
                small,
                [0, 0, 4000, 3000],
                [300, 225],
                None,
            ),
            (
                "width=440\nheight=220\nfit='cover'",
                [4000, 3000],
                none,
                [0, 500, 4000, 2000],
                [440, 220],
                None,
            ),
            (
                "width=440\nheight=220\nfit='cover'",
                [3000, 500],
                none,
                [1000, 0, 1000, 500],
                [440, 220],
                None,
            ),
            (
                "width=440\nheight=220\nfit='cover'",
                [100, 100],
                none,
                [0, 25, 100, 50],
                [100, 50],
                None,
            ),
            (
                "width=440\nheight=220\nfit='cover'\nenlarge=true",
                [100, 100],
                none,
                [0, 25, 100, 50],
                [440, 220],
                None,
            ),
            (
                "width=1080\nheight=1080\nfit='cover'",
                [1, 9],
                none,
                [0, 4, 1, 1],
                [1, 1],
                None,
            ),
            (
                "width=100\nheight=100\nfit='pad'",
                [4000, 3000],
                none,
                [0, 0, 4000, 3000],
                [100, 75],
                Some([100, 100]),
            ),
            (
                "width=100\nheight=100\nfit='pad'",
                [40, 30],
                none,
                [0, 0, 40, 30],
                [40, 30],
                Some([100, 100]),
            ),
            (
                "width=600\nheight=400\nfit='pad'",
                [4000, 3000],
                small,
                [0, 0, 4000, 3000],
                [267, 200],
                Some([300, 200]),
            ),
        ];
        for (text, image, limits, region, size, mat) in cases {
            let plan = configured(text).unwrap().plan(image, &limits);
            let found = (plan.region, plan.size, plan.background.map(|mat| mat.size));
            assert_eq!(found, (region, size, mat), "{text} of {image:?}");
        }
    }

    #[test]
    fn presets_that_make_no_sense_are_refused() {
        let cases = [
            ("width = 0", "1 to 65535 pixels"),
            ("width = 70000", "1 to 65535 pixels"),
            ("width = 9\nfit = 'cover'", "need both `width` and `height`"),
            ("height = 9\nfit = 'pad'", "need both `width` and `height`"),
            ("fit = 'crop'", "unknown variant `crop`"),
            ("format = 'jp2'", "format jp2 is not offered"),
            ("format = 'bmp'", "format is `bmp`"),
            ("quality = 'grey'", "quality is `grey`"),
            ("background = 'white'", "background is `white`"),
            ("background = '#ffff'", "background is `#ffff`"),
            ("widht = 9", "unknown field `widht`"),
        ];
        for (text, says) in cases {
            let why = configured(text).unwrap_err();
            assert!(why.contains(says), "{text}: {why}");
        }
    }

    #[test]
    fn built_in_presets_can_be_replaced_and_removed() {
        let names = |presets: &Presets| presets.names().collect::<Vec<_>>().join(" ");
        let built_in = "Facebook Instagram Original Presentation Twitter YouTube";
        assert_eq!(names(&Presets::default()), built_in);
        let own = BTreeMap::from([
            (
                "facebook".to_owned(),
                configured("offered = false").unwrap(),
            ),
            ("twitter".to_owned(), configured("width = 7").unwrap()),
            ("Card".to_owned(), configured("height = 9").unwrap()),
        ]);
        let presets = Presets::with_configured(&own).unwrap();
        assert_eq!(
            names(&presets),
            "Card Instagram Original Presentation YouTube twitter"
        );
        assert_eq!(presets.find("TWITTER").map(|(_, p)| p.width), Some(Some(7)));
        assert_eq!(presets.find("Facebook"), None);
        let slashed = BTreeMap::from([("a/b".to_owned(), configured("").unwrap())]);
        assert!(Presets::with_configured(&slashed).is_err());
    }
}
