//! The limits on the size of answers: those that are declared in info.json, and one that is kept secret. Pure.

use crate::iiif::resolve::{RenderPlan, ServerLimits};
use crate::iiif::{ImageRequest, Size};
use crate::pixels::encode::WRITABLE;

/// How the size of answers is limited, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cap {
    /// The longest side of an answer; none: no limit.
    pub side: Option<u32>,
    /// The limit on the side is not declared, and larger requests get a smaller image instead of an error, as some
    /// hosts do.
    pub undeclared: bool,
    /// The most pixels of an answer, width times height.
    pub area: u64,
    /// No image is enlarged.
    pub no_upscale: bool,
    /// A size of `!w,h` larger than the region is an error, as the official validator has it.
    pub strict_within: bool,
}

impl Cap {
    /// The limits that requests for an image of `[width, height]` pixels are checked against. The area is declared only
    /// if the image itself is larger: no request for another image could meet it.
    pub fn declared(&self, [width, height]: [u32; 2]) -> ServerLimits {
        let max_size = self.side.filter(|_| !self.undeclared).map(|side| [side; 2]);
        ServerLimits {
            max_size,
            max_area: Some(self.area),
            formats: &WRITABLE,
            declares_area: u64::from(width) * u64::from(height) > self.area,
            upscale: !self.no_upscale,
            strict_within: self.strict_within,
        }
    }

    /// The plan within an undeclared limit. A size `w,h` is cut side by side, which distorts the image; all others keep
    /// their proportions. Servers with such limits do the same.
    pub fn cut(&self, request: &ImageRequest, mut plan: RenderPlan) -> RenderPlan {
        let Some(side) = self.side.filter(|_| self.undeclared) else {
            return plan;
        };
        let [w, h] = plan.size;
        let scale = f64::from(side) / f64::from(w.max(h));
        let shrunk = |n: u32| ((f64::from(n) * scale).round() as u32).max(1);
        plan.size = match request.size {
            _ if w <= side && h <= side => [w, h],
            Size::Exact(..) => [w.min(side), h.min(side)],
            _ => [shrunk(w), shrunk(h)],
        };
        plan
    }
}
