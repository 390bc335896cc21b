//! Presets: named recipes for derivatives, from the size of an image to numbers. Pure.
//!
//! What a preset asks for is a request of the Image API, to which clients are led; only a picture on a mat cannot
//! be said in its words and is answered as it is.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::rules::May;
use super::ids::{self, Ids};
use super::picture;
use super::respond::{Asked, Response, Site, json_response, refused};
use crate::iiif::resolve::{Background, RenderPlan, ServerLimits, fit};
use crate::iiif::{self, Format, Quality, Version};
use crate::pixels::encode::WRITABLE;

/// How a picture is brought to the sides of a preset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// All of it, as large as fits.
    #[default]
    Contain,
    /// The largest part of these proportions from its middle.
    Cover,
    /// All of it, on a mat that fills the rest.
    Pad,
}

/// A recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Preset {
    /// Pixels across; none: as many as the height leads to.
    pub width: Option<u32>,
    /// Pixels down.
    pub height: Option<u32>,
    /// How the picture is brought to them.
    pub fit: Fit,
    /// File format.
    pub format: Format,
    /// Colours.
    pub quality: Quality,
    /// Colour of the mat, RGB.
    pub background: [u8; 3],
    /// Whether small pictures are made larger.
    pub enlarge: bool,
    /// Whether there is such a preset: what a configuration says of one that is shipped.
    pub offered: bool,
}

/// A preset as the configuration says it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    width: Option<u32>,
    height: Option<u32>,
    fit: Fit,
    format: String,
    quality: String,
    background: String,
    enlarge: bool,
    offered: bool,
}

impl Default for Written {
    fn default() -> Self {
        Written {
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

/// The most pixels a side of a preset has.
const MOST_SIDE: u32 = 65_535;

impl TryFrom<Written> for Preset {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { width, height, .. } = written;
        let sides = [width, height].into_iter().flatten();
        if sides.into_iter().any(|side| side == 0 || side > MOST_SIDE) {
            return Err(format!("a preset has 1 to {MOST_SIDE} pixels a side"));
        }
        if written.fit != Fit::Contain && (width.is_none() || height.is_none()) {
            return Err("`cover` and `pad` need both `width` and `height`".into());
        }
        let format = written
            .format
            .parse::<Format>()
            .map_err(|refusal| refusal.to_string())?;
        if !WRITABLE.contains(&format) {
            return Err(format!("format {} is not offered", format.name()));
        }
        Ok(Preset {
            width,
            height,
            fit: written.fit,
            format,
            quality: written
                .quality
                .parse::<Quality>()
                .map_err(|refusal| refusal.to_string())?,
            background: colour(&written.background).ok_or_else(|| {
                let found = &written.background;
                format!("background is `{found}`, a colour such as `#ffffff` is needed")
            })?,
            enlarge: written.enlarge,
            offered: written.offered,
        })
    }
}

fn colour(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    let number = u32::from_str_radix(digits, 16).ok()?;
    let [_, r, g, b] = number.to_be_bytes();
    Some([r, g, b])
}

/// No presets: of sites that only find things.
pub static NONE: Presets = Presets(BTreeMap::new());

/// Presets by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presets(BTreeMap<String, Preset>);

impl Default for Presets {
    /// The six that GLAMkit has.
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
        let shipped = [
            ("Original", None, None, Fit::Contain),
            ("Presentation", Some(1280), Some(1024), Fit::Contain),
            ("Facebook", Some(1200), None, Fit::Contain),
            ("Twitter", Some(440), Some(220), Fit::Cover),
            ("Instagram", Some(1080), Some(1080), Fit::Cover),
            ("YouTube", Some(1280), Some(760), Fit::Cover),
        ];
        let named = shipped.map(|(name, w, h, fit)| (name.to_owned(), preset(w, h, fit)));
        Presets(named.into())
    }
}

impl Presets {
    /// Those that are shipped and those of a configuration, which come before shipped ones of their name. The error
    /// names what cannot be in a URL.
    pub fn with(configured: &BTreeMap<String, Preset>) -> Result<Self, String> {
        let Presets(mut all) = Presets::default();
        for (name, preset) in configured {
            if name.trim().is_empty() || name.contains('/') {
                return Err(format!("`{name}` is no name for a preset"));
            }
            all.retain(|shipped, _| !shipped.eq_ignore_ascii_case(name));
            all.insert(name.clone(), *preset);
        }
        all.retain(|_, preset| preset.offered);
        Ok(Presets(all))
    }

    /// The preset of a name, in whichever case it is written.
    pub fn find(&self, name: &str) -> Option<(&str, &Preset)> {
        let mut all = self.0.iter();
        let found = all.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(known, preset)| (known.as_str(), preset))
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl Preset {
    /// What it makes of an image of `[width, height]` pixels.
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
            let mat = Background {
                size: sides,
                colour: self.background,
            };
            return (fit(region, sides, self.enlarge), Some(mat));
        }
        let size = match self.fit {
            // The region has the proportions, but for rounding.
            Fit::Cover if self.enlarge || (0..2).all(|side| region[side] >= sides[side]) => sides,
            Fit::Cover => region,
            _ => fit(region, sides, self.enlarge),
        };
        (limits.largest(size, false), None)
    }

    fn describe(&self, name: &str, ids: &Ids) -> Value {
        let [r, g, b] = self.background;
        let (mat, fit) = match self.fit {
            Fit::Contain => (None, "contain"),
            Fit::Cover => (None, "cover"),
            Fit::Pad => (Some(format!("#{r:02x}{g:02x}{b:02x}")), "pad"),
        };
        json!({
            "name": name,
            "width": self.width,
            "height": self.height,
            "fit": fit,
            "format": self.format.name(),
            "quality": self.quality.name(),
            "background": mat,
            "enlarge": self.enlarge,
            "images": ids.page(&format!("/iiif/preset/{}", ids::segment(name))),
        })
    }
}

/// Where a preset of an image is, below the base.
pub fn path(name: &str, segment: &str) -> String {
    format!("iiif/preset/{}/{segment}", ids::segment(name))
}

/// `/iiif/preset.json`: every preset.
pub fn list(site: &Site, ids: &Ids, asked: &Asked) -> Response {
    let all = site.presets.0.iter();
    let all: Vec<Value> = all
        .map(|(name, preset)| preset.describe(name, ids))
        .collect();
    json_response(&json!({"presets": all}), "application/json", asked)
}

/// `/iiif/preset/NAME`: a preset and where it is of every image.
pub fn images(site: &Site, name: &str, ids: &Ids, asked: &Asked) -> Response {
    let Some((name, preset)) = site.presets.find(name) else {
        return unknown(site, name);
    };
    let mut document = preset.describe(name, ids);
    let image = |id: &str| {
        let path = path(name, &ids.segment_of(id));
        json!({"id": id, "url": ids.page(&format!("/{path}"))})
    };
    let pictures = site.catalogue.pictures.iter();
    let shown = pictures.filter(|p| site.sight.shows(&p.about));
    let images = shown.map(|p| image(&p.id));
    document["images"] = images.collect();
    json_response(&document, "application/json", asked)
}

/// `/iiif/preset/NAME/ID`: leads to the request of the Image API that says the same, or is the picture on its mat.
pub fn answer(site: &Site, name: &str, id: &str, ids: &Ids, asked: &Asked) -> Response {
    let Some((_, preset)) = site.presets.find(name) else {
        return unknown(site, name);
    };
    let Some(at) = site.find(id, ids) else {
        return refused(404, &format!("no image is called `{id}`"));
    };
    let may = site.sight.may(&site.catalogue.pictures[at].about);
    if may < May::Degraded {
        return site.sight.refuse("this image is not shown to everybody");
    }
    let facts = match (site.facts)(at) {
        Ok(facts) => facts,
        Err(why) => return refused(404, &format!("`{id}` cannot be had any more: {why}")),
    };
    let limits = site.cap.declared(facts.size);
    let plan = preset.plan(facts.size, &limits);
    if plan.background.is_some() {
        // A request of the Image API is judged where it leads; this is none.
        if may < May::Full {
            return site.sight.refuse("this image is shown small");
        }
        return picture::rendered(site, at, plan, &facts, asked);
    }
    let canonical = plan.canonical(Version::V3, facts.size, &limits);
    let to = iiif::append_path(&ids.service(Version::V3, id), &canonical);
    Response::new(302, super::respond::Body::Empty)
        .with("location", to)
        .with("cache-control", "no-cache")
}

fn unknown(site: &Site, name: &str) -> Response {
    let names: Vec<&str> = site.presets.names().collect();
    let why = format!(
        "no preset is called `{name}`; there are {}",
        names.join(", ")
    );
    refused(404, &why)
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
    fn shipped_presets_can_be_replaced_and_taken_away() {
        let names = |presets: &Presets| presets.names().collect::<Vec<_>>().join(" ");
        let shipped = "Facebook Instagram Original Presentation Twitter YouTube";
        assert_eq!(names(&Presets::default()), shipped);
        let own = BTreeMap::from([
            (
                "facebook".to_owned(),
                configured("offered = false").unwrap(),
            ),
            ("twitter".to_owned(), configured("width = 7").unwrap()),
            ("Card".to_owned(), configured("height = 9").unwrap()),
        ]);
        let presets = Presets::with(&own).unwrap();
        assert_eq!(
            names(&presets),
            "Card Instagram Original Presentation YouTube twitter"
        );
        assert_eq!(presets.find("TWITTER").map(|(_, p)| p.width), Some(Some(7)));
        assert_eq!(presets.find("Facebook"), None);
        let slashed = BTreeMap::from([("a/b".to_owned(), configured("").unwrap())]);
        assert!(Presets::with(&slashed).is_err());
    }
}
