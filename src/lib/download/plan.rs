//! How an image is covered, and in which words a server is asked: values, no network.

use serde::{Deserialize, Serialize};

use super::cover::Rect;
use crate::contracts::Service;
use crate::files::hex_digest;
use crate::http::{Kind, Trouble};
use crate::iiif::info::Info;
use crate::iiif::{self, Region, Rotation, Size};

/// How an image is covered, and in which words it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Base URI of the service.
    pub service: String,
    /// Where the picture lies in the service's image.
    pub origin: [u32; 2],
    /// Size of the picture at full scale.
    pub size: [u32; 2],
    /// Size of the regions; those at the right and bottom edge are smaller.
    pub tile: [u32; 2],
    /// The words.
    pub dialect: Dialect,
    /// Whether the picture is all of the service's image.
    pub whole: bool,
    /// The digest of the info.json that this was planned by: another one is another image.
    pub info: String,
}

/// The words in which a server wants to be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialect {
    /// Major version of the Image API.
    pub version: u8,
    /// `default`, or `native`…
    pub quality: String,
    /// `jpg`, or `png`…
    pub format: String,
    /// Whether the size of a region is written `w,h` (canonical in 3.0) or `w,` (canonical in 2.x).
    pub both_sides: bool,
}

/// A short name for what an info.json says: another one tells of another image, or of another server.
pub fn said(info: &Info) -> String {
    hex_digest(format!("{info:?}").as_bytes(), 16)
}

impl Plan {
    /// The URI of a region at full scale, in canonical form for the version.
    pub fn uri(&self, cell: Rect) -> String {
        let size = match self.dialect.both_sides {
            true => Size::Exact(cell.width, cell.height),
            false => Size::Width(cell.width),
        };
        // The canonical name of the whole image is `full`, and static files have no other.
        let all = self.whole && [cell.width, cell.height] == self.size;
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

/// The words to try, the likeliest first.
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

/// Where the picture lies in the service's image of a size, and its own size.
pub fn part(service: &Service, whole: [u32; 2]) -> Result<([u32; 2], [u32; 2]), Trouble> {
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
        "region {x},{y},{width},{height} sticks out of the image of {} x {}",
        whole[0], whole[1]
    );
    Err(Trouble {
        kind: Kind::Info,
        status: None,
        attempts: 0,
        message,
    })
}

/// The size of the result; the height by the Image API's rounding.
pub fn shrunk([width, height]: [u32; 2], max_width: Option<u32>) -> [u32; 2] {
    match max_width {
        Some(most) if most < width => {
            let scaled = (f64::from(height) * f64::from(most) / f64::from(width)).round() as u32;
            [most, scaled.max(1)]
        }
        _ => [width, height],
    }
}

/// Servers round a scaled height up, down or to the nearest; a full-size answer has no excuse.
pub fn fits(found: [u32; 2], target: [u32; 2], size: [u32; 2]) -> bool {
    found == target
        || (target != size && found[0] == target[0] && found[1].abs_diff(target[1]) <= 1)
}

/// At level 0 a whole image at full size exists only where it is listed, or where there are no tiles.
pub fn may_be_whole(info: &Info, size: [u32; 2], target: [u32; 2]) -> bool {
    let free = info.level >= 1;
    let tiled = info
        .tiles
        .iter()
        .any(|set| set.scale_factors.is_empty() || set.scale_factors.contains(&1));
    free || (size == [info.width, info.height]
        && (info.sizes.contains(&target) || (target == size && !tiled)))
}

/// The URI of the picture in one answer, in canonical form for the version.
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
    fn png_is_asked_for_where_it_is_listed_or_due() {
        // (profile and formats listed, wanted, asked for in this order)
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
