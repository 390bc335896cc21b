//! Image requests as documents quote them, in whatever version: which service, which part, how rotated.

/// An image request that a document contains as a URI, `{base}/{region}/{size}/{rotation}/{quality}.{format}`, split
/// into its parts. The parts are not validated: they may be of any version of the Image API, or wrong.
///
/// ```
/// use recto_iiif::QuotedRequest;
///
/// let uri = "https://a.example/iiif/p1/10,20,300,400/max/0/default.jpg";
/// let request = QuotedRequest::parse(uri).unwrap();
/// assert_eq!((request.base, request.region), ("https://a.example/iiif/p1", "10,20,300,400"));
/// assert!(request.is_full_size());
/// assert!(QuotedRequest::parse("https://a.example/iiif/p1/info.json").is_none());
/// let request = QuotedRequest::parse("https://a.example/iip?IIIF=p1.tif/full/max/0/default.jpg").unwrap();
/// assert_eq!(request.base, "https://a.example/iip?IIIF=p1.tif");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotedRequest<'a> {
    /// Base URI of the service, as it is spelled in the document.
    pub base: &'a str,
    /// `full`, `square`, `x,y,w,h` or `pct:x,y,w,h`.
    pub region: &'a str,
    /// The size parameter.
    pub size: &'a str,
    /// The rotation parameter.
    pub rotation: &'a str,
    /// The quality: `default`, `native`, `color`, `gray`, `grey` or `bitonal`.
    pub quality: &'a str,
    /// The format, such as `jpg`.
    pub format: &'a str,
}

const QUALITIES: [&str; 6] = ["default", "native", "color", "gray", "grey", "bitonal"];

impl<'a> QuotedRequest<'a> {
    /// Splits a URI. None when it is not an image request: when its last segment does not begin with a quality of any
    /// version, or its region has none of the known forms. A query or fragment behind it is ignored; a query before it is
    /// part of the service's URI, as servers have it that name the image there (`iipsrv.fcgi?IIIF=a.tif/full/…`).
    pub fn parse(uri: &'a str) -> Option<Self> {
        let uri = uri.split('#').next()?;
        let path = uri.split('?').next()?;
        let of_path = Self::of_end(path);
        of_path.or_else(|| Self::of_end(uri).filter(|_| path.len() < uri.len()))
    }

    /// The request that a URI ends with.
    fn of_end(uri: &'a str) -> Option<Self> {
        let mut parts = uri.rsplitn(5, '/');
        let (quality, rotation, size, region, base) = (
            parts.next()?,
            parts.next()?,
            parts.next()?,
            parts.next()?,
            parts.next()?,
        );
        let (quality, format) = quality.split_once('.')?;
        let format = format.split('?').next()?;
        let is_quality = QUALITIES.contains(&quality);
        let is_escaped = region.contains("%2C") || region.contains("%2c");
        let is_region = ["full", "square"].contains(&region) || region.contains(',') || is_escaped;
        (is_quality && is_region && !base.is_empty()).then_some(QuotedRequest {
            base,
            region,
            size,
            rotation,
            quality,
            format,
        })
    }

    /// Whether the answer has the pixels of the region one for one, in the orientation of the stored image: size `full`
    /// or `max`, rotation 0, not mirrored. A server with a size limit may still answer `max` smaller.
    pub fn is_full_size(&self) -> bool {
        ["full", "max"].contains(&self.size) && self.is_upright()
    }

    /// Whether the answer is in the orientation of the stored image: rotation 0, not mirrored.
    pub fn is_upright(&self) -> bool {
        self.rotation.parse() == Ok(0.0)
    }

    /// Whether the answer has the colours of the stored image: quality `default`, `native` or `color`.
    pub fn is_usual_quality(&self) -> bool {
        ["default", "native", "color"].contains(&self.quality)
    }

    /// Width and height of the answer in pixels, as far as the size parameter states them: `w,h`, `w,`, `,h`. Of `!w,h`
    /// either may be less.
    pub fn asked_size(&self) -> (Option<u32>, Option<u32>) {
        let size = self.size.trim_start_matches(['^', '!']);
        let (width, height) = size.split_once(',').unwrap_or_default();
        (width.parse().ok(), height.parse().ok())
    }
}
