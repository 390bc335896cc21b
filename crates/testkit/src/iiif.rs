//! A IIIF image service with a picture that every test knows pixel by pixel, and with the vices of real ones.

use std::io::Cursor;

use super::server::{Answer, Arrived};

/// A service at `/iiif/ID`.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Of the picture, in pixels.
    pub width: u32,
    /// Of the picture, in pixels.
    pub height: u32,
    /// Each side of an answer is cut down to this, status 200.
    pub cap: Option<u32>,
    /// Whether info.json says so.
    pub declared: bool,
    /// 0: only the tiles of `tile`, in canonical words.
    pub level: u8,
    /// Of the Image API: 2 or 3.
    pub version: u8,
    /// The side of its tiles, in pixels.
    pub tile: u32,
    /// `w,h` or `w,` is what level 0 has; others answer to both.
    pub both_sides: bool,
    /// Whether answers have one channel.
    pub grey: bool,
    /// The picture: place → colour.
    pub paint: fn(u32, u32) -> [u8; 3],
}

impl Default for Origin {
    fn default() -> Self {
        Origin {
            width: 300,
            height: 200,
            cap: None,
            declared: false,
            level: 2,
            version: 2,
            tile: 64,
            both_sides: false,
            grey: false,
            paint: pixel,
        }
    }
}

/// The picture's value at a place.
pub fn pixel(x: u32, y: u32) -> [u8; 3] {
    [(x % 251) as u8, (y % 241) as u8, ((x / 8) ^ (y / 8)) as u8]
}

impl Origin {
    /// Answers a request for a path that starts with `/iiif/`.
    pub fn answer(&self, request: &Arrived) -> Answer {
        let parts: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        match parts[..] {
            [_, _, "info.json"] => {
                Answer::Serve(self.info().to_string().into_bytes(), "application/json")
            }
            [_, _, region, size, "0", file] => self.picture(region, size, file),
            _ => Answer::Status(404),
        }
    }

    fn info(&self) -> serde_json::Value {
        let context = format!("http://iiif.io/api/image/{}/context.json", self.version);
        let mut info = serde_json::json!({
            "@context": context, "width": self.width, "height": self.height,
            "tiles": [{"width": self.tile, "scaleFactors": [1, 2, 4]}],
        });
        let profile = serde_json::json!([format!("http://iiif.io/api/image/2/level{}.json", self.level), {"formats": ["jpg", "png"]}]);
        match self.version {
            3 => {
                info["profile"] = format!("level{}", self.level).into();
                info["extraFormats"] = serde_json::json!(["png"]);
            }
            _ => info["profile"] = profile,
        }
        if let (Some(cap), true) = (self.cap, self.declared) {
            info["maxWidth"] = cap.into();
        }
        info
    }

    fn picture(&self, region: &str, size: &str, file: &str) -> Answer {
        let numbers: Vec<u32> = region.split(',').filter_map(|n| n.parse().ok()).collect();
        let [x, y, w, h] = match numbers[..] {
            [x, y, w, h] if x < self.width && y < self.height => {
                [x, y, w.min(self.width - x), h.min(self.height - y)]
            }
            _ if region == "full" => [0, 0, self.width, self.height],
            _ => return Answer::Status(400),
        };
        let Some(mut wanted) = scaled(size, w, h) else {
            return Answer::Status(400);
        };
        if self.level == 0 {
            let canonical = if self.both_sides {
                format!("{w},{h}")
            } else {
                format!("{w},")
            };
            let on_grid = x % self.tile == 0
                && y % self.tile == 0
                && w <= self.tile
                && h <= self.tile
                && region != "full";
            if !on_grid || size != canonical {
                return Answer::Status(404);
            }
        }
        if let Some(cap) = self.cap {
            // Kept in shape where the server may choose, squeezed where both sides are named.
            let keeps_shape = !size.contains(',') || size.ends_with(',');
            let ratio = f64::from(cap) / f64::from(wanted[0].max(wanted[1]));
            wanted = match keeps_shape && ratio < 1.0 {
                true => wanted.map(|n| (f64::from(n) * ratio).round() as u32),
                false => wanted.map(|n| n.min(cap)),
            };
        }
        let source = |i: u32, from: u32, whole: u32, parts: u32| from + i * whole / parts;
        let image = image::RgbImage::from_fn(wanted[0], wanted[1], |i, j| {
            image::Rgb((self.paint)(
                source(i, x, w, wanted[0]),
                source(j, y, h, wanted[1]),
            ))
        });
        let image = image::DynamicImage::from(image);
        let image = if self.grey {
            image.to_luma8().into()
        } else {
            image
        };
        let (format, kind) = if file.ends_with("png") {
            (image::ImageFormat::Png, "image/png")
        } else {
            (image::ImageFormat::Jpeg, "image/jpeg")
        };
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        Answer::Serve(bytes.into_inner(), kind)
    }
}

fn scaled(size: &str, w: u32, h: u32) -> Option<[u32; 2]> {
    if size == "full" || size == "max" {
        return Some([w, h]);
    }
    let (a, b) = size.split_once(',')?;
    match (a.parse::<u32>().ok(), b.parse::<u32>().ok()) {
        (Some(a), Some(b)) => Some([a, b]),
        (Some(a), None) => Some([a, (u64::from(a) * u64::from(h) / u64::from(w)) as u32]),
        _ => None,
    }
}
