//! Image requests as documents quote them, in whatever version: which service, which part, how turned.

/// `{base}/{region}/{size}/{rotation}/{quality}.{format}`, taken apart and not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// Base URI of the service.
    pub base: &'a str,
    /// `full`, `square`, `x,y,w,h` or `pct:x,y,w,h`.
    pub region: &'a str,
    /// The size, in the words of any version.
    pub size: &'a str,
    /// The rotation.
    pub rotation: &'a str,
}

const QUALITIES: [&str; 6] = [
    "default.", "native.", "color.", "gray.", "grey.", "bitonal.",
];

impl<'a> Asked<'a> {
    /// Reads a URI; none when it is no image request. A query or fragment behind it is no part of it.
    pub fn read(uri: &'a str) -> Option<Self> {
        let uri = uri.split(['?', '#']).next()?;
        let mut parts = uri.rsplitn(5, '/');
        let (quality, rotation, size, region, base) = (
            parts.next()?,
            parts.next()?,
            parts.next()?,
            parts.next()?,
            parts.next()?,
        );
        let is_named = QUALITIES.iter().any(|q| quality.starts_with(q));
        let is_placed = region == "full" || region == "square" || region.contains(',');
        (is_named && is_placed && !base.is_empty()).then_some(Asked {
            base,
            region,
            size,
            rotation,
        })
    }

    /// Whether the answer has the pixels of the region one for one, as they are stored.
    pub fn is_at_full_size(&self) -> bool {
        ["full", "max"].contains(&self.size) && self.rotation.parse() == Ok(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_image_requests_are_taken_apart() {
        let cases = [
            (
                "https://a/i/1/full/max/0/default.jpg",
                Some(("https://a/i/1", "full", true)),
            ),
            (
                "https://a/i/1/1,2,3,4/full/0/native.jpg?x=1",
                Some(("https://a/i/1", "1,2,3,4", true)),
            ),
            (
                "https://a/i/1/pct:1,2,3,4/600,/0/color.png#xywh=1,2,3,4",
                Some(("https://a/i/1", "pct:1,2,3,4", false)),
            ),
            (
                "https://a/i/1/full/full/90/default.jpg",
                Some(("https://a/i/1", "full", false)),
            ),
            ("https://a/full/full/0/x.jpg", None),
            ("https://a/i/1/info.json", None),
            ("default.jpg", None),
        ];
        for (uri, wanted) in cases {
            let found = Asked::read(uri).map(|a| (a.base, a.region, a.is_at_full_size()));
            assert_eq!(found, wanted, "{uri}");
        }
    }
}
