//! How an image is covered with regions, and the URIs of requests to its service: values, no network.

use serde::{Deserialize, Serialize};

use super::grid::{self, Rect};
use crate::contracts::Service;
use crate::files::hex_digest;
use crate::http::Error;
use crate::iiif::info::Info;
use crate::iiif::{self, Region, Rotation, Size};

/// How an image is covered with regions, and how they are requested.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionPlan {
    /// Base URI of the service.
    pub service: String,
    /// Left and top edge of the image in the service's image, in pixels.
    pub origin: [u32; 2],
    /// Width and height of the image in pixels, at full scale.
    pub size: [u32; 2],
    /// Width and height of the regions in pixels; those at the right and bottom edge may be smaller.
    pub tile: [u32; 2],
    /// How they are requested.
    pub dialect: Dialect,
    /// Whether the image is all of the service's image.
    pub whole: bool,
    /// Whether regions at the right and bottom edge are requested without a size: where `info.json` declares too much, they
    /// are answered smaller, and not scaled up to a size that does not exist.
    #[serde(default)]
    pub has_open_edges: bool,
    /// The size by which regions at the right and bottom edge are named, where files made beforehand are named by an
    /// `info.json` that declares a pixel or two too much; none: by their own.
    #[serde(default)]
    pub named_by: Option<[u32; 2]>,
    /// The [`fingerprint`] of the info.json that this was planned by.
    pub info: String,
}

/// The form of URIs that a server accepts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialect {
    /// Major version of the Image API.
    pub version: u8,
    /// `default`, `native`…
    pub quality: String,
    /// `jpg`, `png`…
    pub format: String,
    /// Whether the size is written `w,h` (canonical in 3.0) or `w,` (canonical in 2.x).
    pub both_sides: bool,
}

/// A short hash of an `info.json`. Where it differs, the image or its server is another.
pub fn fingerprint(info: &Info) -> String {
    hex_digest(format!("{info:?}").as_bytes(), 16)
}

/// What a later run needs to see whether an image has changed, besides the bytes of one of its regions.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Width and height in pixels of the service's image, as `info.json` declares it.
    pub size: [u32; 2],
    /// ETag of the answer.
    pub etag: Option<String>,
    /// Last-Modified of the answer.
    pub last_modified: Option<String>,
    /// The URL that redirects led to.
    pub redirected_to: Option<String>,
}

impl RegionPlan {
    /// The region that a later run asks about: one in the middle, where images have content.
    pub fn sample(&self) -> Option<Rect> {
        let all = grid::count(self.size, self.tile);
        let middle = usize::try_from(all / 2).ok()?;
        grid::cells(self.origin, self.size, self.tile).nth(middle)
    }

    /// The URI of a region at full scale, in the canonical form of the version (Image API 3.0 §4.7, 2.1.1 §4.7) but for
    /// open edges.
    pub fn uri(&self, cell: Rect) -> String {
        // The canonical name of the whole image is `full`, and static files have no other.
        let all = self.whole && [cell.width, cell.height] == self.size;
        let [right, bottom] = [0, 1].map(|axis| self.origin[axis] + self.size[axis]);
        let (is_right, is_bottom) = (cell.x + cell.width == right, cell.y + cell.height == bottom);
        let is_edge = is_right || is_bottom;
        let [more, higher] = match self.named_by {
            Some(declared) => [0, 1].map(|axis| declared[axis].saturating_sub(self.size[axis])),
            None => [0, 0],
        };
        // A region that is full beside one that does not exist keeps its name.
        let name = |side: u32, tile: u32, more: u32, is_edge: bool| match is_edge {
            true => (side + more).min(tile),
            false => side,
        };
        let cell = Rect {
            width: name(cell.width, self.tile[0], more, is_right),
            height: name(cell.height, self.tile[1], higher, is_bottom),
            ..cell
        };
        let size = match self.dialect.both_sides {
            _ if self.has_open_edges && is_edge && !all => match self.dialect.version {
                3.. => Size::Max,
                _ => Size::Full,
            },
            true => Size::Exact(cell.width, cell.height),
            false => Size::Width(cell.width),
        };
        let region = if all { Region::Full } else { region(cell) };
        self.dialect.uri(&self.service, region, size)
    }
}

impl Dialect {
    fn uri(&self, base: &str, region: Region, size: Size) -> String {
        iiif::image_uri(
            base,
            region,
            size,
            Rotation::default(),
            &self.quality,
            &self.format,
        )
    }
}

/// The forms of URIs to try, the likeliest first; `wanted` is the file type.
pub fn dialects(info: &Info, wanted: Option<&str>) -> Vec<Dialect> {
    let listed = info.qualities.first().cloned();
    let usual = if info.version == 1 {
        "native"
    } else {
        "default"
    };
    let mut qualities = vec![usual.to_owned()];
    qualities.extend(listed.filter(|q| q != usual && !info.qualities.iter().any(|q| q == usual)));
    let offers = |format: &str| info.formats.iter().any(|f| f == format);
    // JPEG is there at every level of every version, listed or not (3.0 Compliance, §5); PNG at level 2, where not all
    // servers that claim it keep their word.
    let formats = match wanted {
        Some(format) if offers(format) => vec![format],
        Some("png") if info.level == 2 => vec!["png", "jpg"],
        _ => vec!["jpg"],
    };
    let both = info.version >= 3;
    let mut dialects = Vec::new();
    for format in formats {
        for both_sides in [both, !both] {
            dialects.extend(qualities.iter().map(|quality| Dialect {
                version: info.version,
                quality: quality.clone(),
                format: format.into(),
                both_sides,
            }));
        }
    }
    dialects
}

/// Where an image lies in its service's image, of the size `whole`, and its own size; both in pixels.
///
/// # Errors
/// If a part of it lies outside.
pub fn part(service: &Service, whole: [u32; 2]) -> Result<([u32; 2], [u32; 2]), Error> {
    let Some([x, y, width, height]) = service.region else {
        return Ok(([0, 0], whole));
    };
    let inside = |from: u32, length: u32, whole: u32| {
        length > 0 && from.checked_add(length).is_some_and(|end| end <= whole)
    };
    if inside(x, width, whole[0]) && inside(y, height, whole[1]) {
        return Ok(([x, y], [width, height]));
    }
    // Clipping it would shift every box.
    let message = format!(
        "region {x},{y},{width},{height} extends beyond the image of {} x {}",
        whole[0], whole[1]
    );
    Err(Error::info(message))
}

/// How far images are scaled down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scaling {
    /// The largest width in pixels.
    pub max_width: Option<u32>,
    /// The largest length of the longer side in pixels.
    pub longest_side: Option<u32>,
    /// The largest length of the shorter side in pixels.
    pub shortest_side: Option<u32>,
}

impl Scaling {
    /// The options that say so, as a text that differs where they differ; empty where nothing is scaled.
    pub fn name(&self) -> String {
        let named = [
            ("max-width", self.max_width),
            ("longest-side", self.longest_side),
            ("shortest-side", self.shortest_side),
        ];
        let named = named
            .into_iter()
            .filter_map(|(name, side)| Some((name, side?)));
        named
            .map(|(name, side)| format!(" {name}={side}"))
            .collect()
    }
}

/// The size of the resulting file; the other side is rounded as the Image API rounds it.
pub fn output_size([width, height]: [u32; 2], scaling: Scaling) -> [u32; 2] {
    let is_wide = width >= height;
    let limits = [
        (scaling.max_width, true),
        (scaling.longest_side, is_wide),
        (scaling.shortest_side, !is_wide),
    ];
    let scaled = limits.into_iter().filter_map(|(most, is_width)| {
        let (side, other) = if is_width {
            (width, height)
        } else {
            (height, width)
        };
        let most = most.filter(|most| *most < side)?;
        let rounded = (f64::from(other) * f64::from(most) / f64::from(side)).round() as u32;
        let other = rounded.max(1);
        Some(if is_width {
            [most, other]
        } else {
            [other, most]
        })
    });
    let smallest = scaled.min_by_key(|[w, h]| u64::from(*w) * u64::from(*h));
    smallest.unwrap_or([width, height])
}

/// Whether an answer has the size requested. Servers round a scaled height up, down or to the nearest pixel; at full size
/// the answer must be exact.
pub fn fits(found: [u32; 2], target: [u32; 2], size: [u32; 2]) -> bool {
    found == target
        || (target != size && found[0] == target[0] && found[1].abs_diff(target[1]) <= 1)
}

/// Whether a service may give the whole image. At level 0 it exists in full size only where it is listed, or where there
/// are no tiles.
pub fn may_give_whole(info: &Info, size: [u32; 2], target: [u32; 2]) -> bool {
    let free = info.level >= 1;
    let tiled = info
        .tiles
        .iter()
        .any(|set| set.scale_factors.is_empty() || set.scale_factors.contains(&1));
    free || (size == [info.width, info.height]
        && (info.sizes.contains(&target) || (target == size && !tiled)))
}

/// The URI of the image in one answer, in the canonical form of the version. `part` is where it lies in the service's
/// image, `scaled` its size if it is to be smaller.
pub fn whole_uri(
    base: &str,
    part: Option<Rect>,
    scaled: Option<[u32; 2]>,
    dialect: &Dialect,
) -> String {
    let size = match scaled {
        Some([w, h]) if dialect.both_sides => Size::Exact(w, h),
        Some([w, _]) => Size::Width(w),
        None if dialect.version >= 3 => Size::Max,
        None => Size::Full,
    };
    dialect.uri(base, part.map_or(Region::Full, region), size)
}

fn region(rect: Rect) -> Region {
    Region::Pixels {
        x: rect.x,
        y: rect.y,
        w: rect.width,
        h: rect.height,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_scaled_to_the_smallest_of_what_is_wanted() {
        let scaling = |max_width, longest_side, shortest_side| Scaling {
            max_width,
            longest_side,
            shortest_side,
        };
        let cases = [
            (scaling(None, None, None), [300, 200]),
            (scaling(Some(150), None, None), [150, 100]),
            (scaling(None, Some(150), None), [150, 100]),
            (scaling(None, None, Some(50)), [75, 50]),
            (scaling(Some(120), Some(90), Some(100)), [90, 60]),
            (scaling(Some(900), Some(900), Some(900)), [300, 200]),
        ];
        for (scaling, wanted) in cases {
            assert_eq!(output_size([300, 200], scaling), wanted, "{scaling:?}");
        }
        let longest = scaling(None, Some(150), None);
        assert_eq!(output_size([200, 300], longest), [100, 150]);
    }

    #[test]
    fn png_is_requested_where_it_is_listed_or_required() {
        // (profile and formats listed, wanted, requested in this order)
        let cases: [(&str, &str, Option<&str>, &[&str]); 6] = [
            ("level2", "", Some("png"), &["png", "jpg"]),
            ("level1", "", Some("png"), &["jpg"]),
            ("level1", r#""png""#, Some("png"), &["png"]),
            ("level2", r#""png""#, Some("png"), &["png"]),
            ("level2", "", Some("jpg"), &["jpg"]),
            ("level2", r#""png""#, None, &["jpg"]),
        ];
        for (level, listed, wanted, order) in cases {
            let json = format!(
                r#"{{"@context": "http://iiif.io/api/image/3/context.json", "id": "http://x.example/a", "type": "ImageService3",
                    "protocol": "http://iiif.io/api/image", "profile": "{level}", "width": 9, "height": 9, "extraFormats": [{listed}]}}"#
            );
            let info = Info::parse(json.as_bytes()).unwrap();
            let mut formats: Vec<String> = dialects(&info, wanted)
                .into_iter()
                .map(|dialect| dialect.format)
                .collect();
            formats.dedup();
            assert_eq!(formats, order, "{level} {listed} {wanted:?}");
        }
    }
}
