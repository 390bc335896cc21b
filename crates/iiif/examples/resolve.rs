//! What a server that publishes an `info.json` makes of an image request.
//!
//! `cargo run --example resolve -- info.json 0,0,512,512/256,/0/default.jpg` prints the request in pixels, or the refusal
//! with its HTTP status.

use std::error::Error;
use std::process::ExitCode;

use recto_iiif::info::Info;
use recto_iiif::resolve::ServerLimits;
use recto_iiif::{ImageRequest, Refusal, Version};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, path] = &arguments[..] else {
        eprintln!("usage: resolve INFO.JSON REGION/SIZE/ROTATION/QUALITY.FORMAT");
        return Ok(ExitCode::from(2));
    };
    let info = Info::parse(&std::fs::read(file)?)?;
    let segments: Vec<&str> = path.split('/').collect();
    let segments = segments
        .try_into()
        .map_err(|_| format!("`{path}` is not REGION/SIZE/ROTATION/QUALITY.FORMAT"))?;
    match resolve(&info, segments) {
        Ok(lines) => {
            println!("{lines}");
            Ok(ExitCode::SUCCESS)
        }
        Err(refusal) => {
            println!("{}: {refusal}", refusal.status());
            Ok(ExitCode::FAILURE)
        }
    }
}

fn resolve(info: &Info, segments: [&str; 4]) -> Result<String, Refusal> {
    let version = match info.version {
        3 => Version::V3,
        _ => Version::V2,
    };
    let limits = limits(info);
    let image = [info.width, info.height];
    let request = ImageRequest::parse(version, segments)?;
    let plan = request.resolve(version, image, &limits)?;
    let ([x, y, w, h], [width, height]) = (plan.region, plan.size);
    let [rotated_width, rotated_height] = plan.rotated_size();
    let mirrored = if plan.mirror { ", mirrored first" } else { "" };
    Ok(format!(
        "region    {x},{y} {w} x {h} of {} x {}\n\
         size      {width} x {height}, after rotation {rotated_width} x {rotated_height}\n\
         rotation  {} degrees{mirrored}\n\
         canonical {}",
        info.width,
        info.height,
        plan.rotation,
        plan.canonical(version, image, &limits)
    ))
}

/// The limits that the document declares, taken for those of the server.
fn limits(info: &Info) -> ServerLimits {
    let has_sides = info.limits.width < u32::MAX || info.limits.height < u32::MAX;
    ServerLimits {
        max_size: has_sides.then_some([info.limits.width, info.limits.height]),
        max_area: Some(info.limits.area).filter(|area| *area < u64::MAX),
        declares_area: true,
        ..ServerLimits::default()
    }
}
