//! Shapes as regions of an observation: a box as a media fragment, outlines as an SVG path beside it.
//!
//! Numbers are pixels of the image. If its size is not known and the numbers are parts of the image, they are percentages:
//! in units of a canvas of 100 by 100 that the image fills.

use std::fmt::Write as _;

use super::model::{GivenShape, Unit};
use crate::contracts::{Frame, Observation, Region, Space};

/// The region of a shape.
pub fn region(shape: &GivenShape, observation: &mut Observation) -> Region {
    let [sx, sy] = scale(shape, observation);
    let frame = match (shape.unit, observation.image.declared()) {
        (Unit::Share, None) => {
            observation.canvas = Some(Frame::PERCENT);
            Space::Canvas
        }
        _ => Space::Image,
    };
    let b = shape.bbox.scale(sx, sy);
    let svg = (!shape.outlines.is_empty()).then(|| path(&shape.outlines, [sx, sy]));
    Region {
        frame,
        fragment: Some(format!("xywh={},{},{},{}", b.x, b.y, b.width, b.height)),
        svg,
        point: None,
    }
}

/// What the numbers of a shape are multiplied by to be in units of its region.
pub fn scale(shape: &GivenShape, observation: &Observation) -> [f64; 2] {
    match (shape.unit, observation.image.declared()) {
        (Unit::Pixel, _) => [1.0, 1.0],
        (Unit::Share, Some(size)) => size.map(f64::from),
        (Unit::Share, None) => [Frame::PERCENT.width, Frame::PERCENT.height],
    }
}

/// Whether the boxes of an image are relative to a size that is not known.
pub fn is_relative(observation: &Observation) -> bool {
    observation.canvas == Some(Frame::PERCENT)
}

/// All outlines as one path.
fn path(outlines: &[Vec<[f64; 2]>], [sx, sy]: [f64; 2]) -> String {
    let mut svg = String::from("<svg xmlns=\"http://www.w3.org/2000/svg\"><path d=\"");
    for outline in outlines {
        for (i, [x, y]) in outline.iter().enumerate() {
            let command = if i == 0 { 'M' } else { 'L' };
            let _ = write!(svg, "{command}{},{}", x * sx, y * sy);
        }
        svg.push('Z');
    }
    svg.push_str("\"/></svg>");
    svg
}
