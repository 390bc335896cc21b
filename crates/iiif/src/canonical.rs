//! The canonical form of a request: one spelling among the many that request the same image.

use crate::request::{Region, Size, Version};
use crate::resolve::{RenderPlan, ServerLimits, scaled_side};

impl RenderPlan {
    /// The canonical form of the request (2.1 §4.7, 3.0 §4.8): `region/size/rotation/quality.format`, as a server puts it
    /// into a `Link` header or redirects to. Parsed and resolved again under the same version, image and limits, it
    /// gives the same plan.
    ///
    /// `image` is `[width, height]` of the full image in pixels. A [`background`](RenderPlan::background) is not part of
    /// the form.
    ///
    /// ```
    /// use recto_iiif::{ImageRequest, Version, resolve::ServerLimits};
    ///
    /// let (image, limits) = ([300, 200], ServerLimits::default());
    /// let request = ImageRequest::parse(Version::V3, ["pct:0,0,50,50", "!75,75", "360", "default.jpg"]).unwrap();
    /// let plan = request.resolve(Version::V3, image, &limits).unwrap();
    /// assert_eq!(plan.canonical(Version::V3, image, &limits), "0,0,150,100/75,50/0/default.jpg");
    /// assert_eq!(plan.canonical(Version::V2, image, &limits), "0,0,150,100/75,/0/default.jpg");
    /// ```
    pub fn canonical(&self, version: Version, image: [u32; 2], limits: &ServerLimits) -> String {
        let [x, y, w, h] = self.region;
        let region = match self.region == [0, 0, image[0], image[1]] {
            true => Region::Full,
            false => Region::Pixels { x, y, w, h },
        };
        let size = match version {
            Version::V2 => self.canonical_size_2(),
            Version::V3 => self.canonical_size_3(limits),
        };
        let mirror = if self.mirror { "!" } else { "" };
        let (quality, format) = (self.quality.name(), self.format.name());
        format!(
            "{region}/{size}/{mirror}{}/{quality}.{format}",
            self.rotation
        )
    }

    fn canonical_size_2(&self) -> String {
        let [_, _, width, height] = self.region;
        let [w, h] = self.size;
        match () {
            () if [w, h] == [width, height] => Size::Full.to_string(),
            () if h == scaled_side(w, width, height) => Size::Width(w).to_string(),
            () => Size::Exact(w, h).to_string(),
        }
    }

    fn canonical_size_3(&self, limits: &ServerLimits) -> String {
        let region = [self.region[2], self.region[3]];
        let [w, h] = self.size;
        let is_upscaled = w > region[0] || h > region[1];
        let caret = if is_upscaled { "^" } else { "" };
        let size = match [w, h] == limits.largest(region, is_upscaled) {
            true => Size::Max,
            false => Size::Exact(w, h),
        };
        format!("{caret}{size}")
    }
}
