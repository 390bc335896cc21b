//! Which part of an image is painted, and how it is turned: by its URL, by a fragment of its id, by selectors and styles.

use serde_json::Value;

use super::selecting::{
    has_empty_selector, image_api_member, image_api_region, refining, refining_as, selectors_of,
    unread, unread_member, values_of,
};
use super::styles;
use super::values::{described, kind};
use crate::contracts::{Frame, ImageRef, Service};
use crate::iiif::QuotedRequest;
use crate::selectors::{Part, fragment};

/// An image that can be downloaded.
#[derive(Debug, Default)]
pub struct PaintedImage {
    /// Where its pixels are.
    pub image: ImageRef,
    /// Its own label, such as the spectral band.
    pub label: Option<String>,
    /// Clockwise rotation in degrees; none for 0.
    pub rotation: Option<f64>,
    /// If the URL is that of a file in another size than the service's image: what makes pixels of it those of the image.
    pub scale: Option<[f64; 2]>,
    /// The quality that is painted, where it is not the colours of the image: `gray`, `bitonal`.
    quality: Option<String>,
    /// The part that is painted, and how it was named.
    taken: Option<(Taken, String)>,
}

/// A part of a service's image.
#[derive(Clone, Debug, PartialEq)]
enum Taken {
    /// `[x, y, width, height]` in its pixels.
    Pixels([u32; 4]),
    /// In words of the Image API: how many pixels it has is not known.
    Words(String),
}

/// What is wrong: where, the member of it, and the problem.
pub type Fault<'v> = (&'v Value, &'static str, String);

impl PaintedImage {
    /// An image that nothing but its resource describes.
    pub fn of(image: ImageRef, label: Option<String>) -> Self {
        PaintedImage {
            image,
            label,
            ..PaintedImage::default()
        }
    }

    /// The id of its service, with the part of it that is meant.
    pub fn service_name(&self) -> Option<String> {
        self.image.service.as_ref().map(Service::name)
    }

    /// The URL of its file, where that is not a request to a service.
    pub fn file(&self) -> Option<String> {
        let url = self.image.url.as_deref();
        let url = url.filter(|url| QuotedRequest::parse(url).is_none());
        url.map(str::to_owned)
    }

    /// Makes it the image of its file alone, and not that of the service.
    ///
    /// # Errors
    /// It is a part of it.
    pub fn use_file(&mut self) -> Result<(), String> {
        let image = &mut self.image;
        if image.service.take().is_some_and(|s| s.region.is_some()) {
            return Err(
                "image is a part of a file whose image service is also that of another".into(),
            );
        }
        if let Some([sx, sy]) = self.scale.take() {
            let of_file = |side: u32, scale: f64| (f64::from(side) / scale).round() as u32;
            image.width = image.width.map(|width| of_file(width, sx));
            image.height = image.height.map(|height| of_file(height, sy));
        }
        Ok(())
    }

    /// Whether a part of it is painted that a selector or a fragment names.
    fn is_part(&self) -> bool {
        self.taken.is_some()
    }
}

/// The pixels of something that shows a service's image, or a part of it: of a copy, or of the image itself.
#[derive(Clone, Copy, Debug)]
pub struct Pixels {
    /// Where what it shows begins in the service's image.
    corner: [f64; 2],
    /// The size of what it shows, in pixels of the service's image, where that is known.
    shown: Option<[f64; 2]>,
    /// Its own size in pixels, where that is known.
    own: Option<[f64; 2]>,
    /// How many pixels of the service's image one of its own is, across and down, where that is known.
    scale: Option<[f64; 2]>,
    /// Whether it is turned or mirrored.
    is_turned: bool,
}

impl Pixels {
    /// The part of the service's image that a fragment or region selects; none for all of it.
    fn part(&self, region: &str) -> Result<Option<Taken>, String> {
        let unclear = || format!("region cannot be converted to pixels: {region}");
        let part = fragment::part(region).map_err(|_| unclear())?;
        if part == Part::All {
            return Ok(None);
        }
        if self.is_turned {
            let problem = "image is a part of a copy that is turned, which is not supported";
            return Err(format!("{problem}: {region}"));
        }
        let [cx, cy] = self.corner;
        let numbers = match (part, self.scale, self.shown, self.own) {
            (Part::Pixels([x, y, w, h]), Some([sx, sy]), ..) => {
                [cx + x * sx, cy + y * sy, w * sx, h * sy]
            }
            (Part::Pixels([x, y, w, h]), _, None, Some([width, height])) => {
                let share = [x / width, y / height, w / width, h / height];
                return words(share.map(|n| n * 100.0))
                    .ok_or_else(unclear)
                    .map(Some);
            }
            (Part::Pixels(_), ..) => return Err(unclear()),
            (part, _, Some([width, height]), _) => {
                let shown = Frame { width, height };
                let [x, y, w, h] = part.in_pixels(Some(shown)).ok_or_else(unclear)?;
                [cx + x, cy + y, w, h]
            }
            (Part::Percent(share), ..) => return words(share).ok_or_else(unclear).map(Some),
            _ => return Ok(Some(Taken::Words("square".into()))),
        };
        let [.., width, height] = numbers;
        let is_usable =
            numbers.iter().all(|n| (0.0..4e9).contains(n)) && width >= 0.5 && height >= 0.5;
        let taken = Taken::Pixels(numbers.map(|n| n.round() as u32));
        is_usable.then_some(Some(taken)).ok_or_else(unclear)
    }
}

/// A share of an image in percent, as a region of the Image API.
fn words(share: [f64; 4]) -> Option<Taken> {
    let [x, y, w, h] = share;
    let is_usable = x >= 0.0 && y >= 0.0 && w > 0.0 && h > 0.0 && x < 100.0 && y < 100.0;
    // A millionth of a percent is less than a pixel.
    let [x, y, w, h] = share.map(|n| (n * 1e6).round() / 1e6);
    is_usable.then(|| Taken::Words(format!("pct:{x},{y},{w},{h}")))
}

/// A resource id that is itself an Image API request may select a part of the image, or rotate it. It names its service,
/// which can give more than that request.
pub fn apply_own_url(found: &mut PaintedImage) {
    let Some(asked) = found.image.url.as_deref().and_then(QuotedRequest::parse) else {
        return;
    };
    let region = match asked.region {
        "full" => Ok(None),
        region => match fragment::part(region) {
            Ok(Part::Pixels(numbers)) => Ok(Some(numbers)),
            _ => Err(()),
        },
    };
    let is_region =
        |n: &[f64; 4]| n.iter().all(|n| (0.0..4e9).contains(n)) && n[2] >= 0.5 && n[3] >= 0.5;
    let region = region.and_then(|numbers| match numbers {
        Some(numbers) if !is_region(&numbers) => Err(()),
        numbers => Ok(numbers.map(|numbers| numbers.map(|n| n.round() as u32))),
    });
    let turn = asked.rotation.parse::<f64>();
    let (Ok(region), Ok(turn)) = (region, turn) else {
        // Percentages of an image of unknown size, or mirroring: only the URL itself returns the right pixels.
        found.image.service = None;
        return;
    };
    found.quality = (!asked.is_usual_quality()).then(|| asked.quality.to_owned());
    let service = &mut found.image.service;
    service
        .get_or_insert_with(|| Service::of_request(&asked))
        .region = region;
    found.rotation = Some(turn).filter(|t| *t != 0.0);
}

/// Makes the declared size that of the service's image: a resource may declare that of the smaller copy that its URL
/// requests. What the description of the service says is certain. Returns what its own pixels are.
pub fn settle_size(found: &mut PaintedImage) -> Pixels {
    let image = &mut found.image;
    let asked = image.url.as_deref().and_then(QuotedRequest::parse);
    let is_turned = asked.is_some_and(|asked| !asked.is_upright());
    let Some(service) = &image.service else {
        image.whole = None;
        return own_pixels(found, None, is_turned);
    };
    // The answer is turned last (Image API 3.0, section 4).
    if found
        .rotation
        .is_some_and(|turn| turn.rem_euclid(180.0) == 90.0)
    {
        (image.width, image.height) = (image.height, image.width);
    }
    let stated = image.declared();
    let is_of_copy = asked.is_some_and(|asked| {
        let (width, height) = asked.asked_size();
        let is_share = asked.size.trim_start_matches('^').starts_with("pct:");
        (width.is_some() && width == image.width)
            || (height.is_some() && height == image.height)
            || (is_share && !asked.size.ends_with(":100"))
    });
    if let (None, Some([w, h]), Some([width, height])) = (asked, stated, image.whole) {
        let scale = [
            f64::from(width) / f64::from(w),
            f64::from(height) / f64::from(h),
        ];
        found.scale = Some(scale).filter(|scale| *scale != [1.0, 1.0]);
    }
    let declared = stated.filter(|_| !is_of_copy);
    match service.region {
        // A resource declares the size of the part that its URL requests.
        Some([_, _, width, height]) => {
            (image.width, image.height) = (Some(width), Some(height));
        }
        None => {
            let size = image.whole.take().or(declared);
            if is_of_copy || size.is_some() {
                (image.width, image.height) = (size.map(|s| s[0]), size.map(|s| s[1]));
            }
        }
    }
    let is_reduced = asked.is_some_and(|asked| !["full", "max"].contains(&asked.size));
    let is_other = match asked {
        Some(_) if is_reduced => stated.is_some() && !is_of_copy,
        Some(_) => stated.is_some() && stated != image.declared(),
        None => false,
    };
    let pixels = own_pixels(found, stated.filter(|_| is_of_copy), is_turned);
    match is_other {
        // Whether its pixels are those that it requests or those that it declares is not known.
        true => Pixels {
            own: None,
            scale: None,
            ..pixels
        },
        false => pixels,
    }
}

/// The pixels of a resource whose size is settled. `copy` is its size where it declares that of the copy that its URL requests.
fn own_pixels(found: &PaintedImage, copy: Option<[u32; 2]>, is_turned: bool) -> Pixels {
    let image = &found.image;
    let shown = image.declared().map(|size| size.map(f64::from));
    let asked = image.url.as_deref().and_then(QuotedRequest::parse);
    let own = match asked.filter(|asked| !["full", "max"].contains(&asked.size)) {
        Some(asked) => size_of_copy(&asked, copy, shown),
        None => None,
    };
    let scale = match (asked, own, shown) {
        (Some(asked), ..) if ["full", "max"].contains(&asked.size) => Some([1.0, 1.0]),
        (None, ..) => Some(found.scale.unwrap_or([1.0, 1.0])),
        (_, Some([w, h]), Some([width, height])) => Some([width / w, height / h]),
        _ => None,
    };
    let region = image.service.as_ref().and_then(|service| service.region);
    Pixels {
        corner: region.map_or([0.0, 0.0], |[x, y, ..]| [f64::from(x), f64::from(y)]),
        shown,
        own,
        scale,
        is_turned,
    }
}

/// The size of the answer to a request for another size than the full one, as far as it is known.
fn size_of_copy(
    asked: &QuotedRequest,
    copy: Option<[u32; 2]>,
    shown: Option<[f64; 2]>,
) -> Option<[f64; 2]> {
    let (width, height) = asked.asked_size();
    let (width, height) = (width.map(f64::from), height.map(f64::from));
    let size = asked.size.trim_start_matches('^');
    if let (Some(width), Some(height), false) = (width, height, size.starts_with('!')) {
        return Some([width, height]);
    }
    if let Some(copy) = copy {
        return Some(copy.map(f64::from));
    }
    let [w, h] = shown?;
    let factor = match (width, height) {
        (Some(width), Some(height)) => (width / w).min(height / h),
        (Some(width), None) => width / w,
        (None, Some(height)) => height / h,
        (None, None) => size.strip_prefix("pct:")?.parse::<f64>().ok()? / 100.0,
    };
    (factor.is_finite() && factor > 0.0).then_some([w * factor, h * factor])
}

/// The pixels of the service's image itself, after its size was settled.
fn of_service(found: &PaintedImage) -> Pixels {
    let image = &found.image;
    let is_cut = image.service.as_ref().is_some_and(|s| s.region.is_some());
    let size = image.whole.or(image.declared().filter(|_| !is_cut));
    Pixels {
        corner: [0.0, 0.0],
        shown: size.map(|size| size.map(f64::from)),
        own: None,
        scale: Some([1.0, 1.0]),
        is_turned: false,
    }
}

/// Takes the part that a fragment of the resource's own id selects, then what the selectors and the styles of the resource
/// and of what stands around it say. `levels` are these, the resource last.
pub fn take<'v>(
    found: &mut PaintedImage,
    (fragment, own): (Option<&str>, Pixels),
    levels: &[&'v Value],
    annotation: &Value,
) -> Result<(), Fault<'v>> {
    let [.., resource] = levels else {
        return Ok(());
    };
    let whole = of_service(found);
    if let Some(part) = fragment {
        take_part(found, &own, part).map_err(|problem| (*resource, "id", problem))?;
    }
    let selecting = levels
        .iter()
        .filter(|level| !selectors_of(level).is_empty());
    let mut selecting: Vec<&'v Value> = selecting.copied().collect();
    if let [outer, _, ..] = selecting[..] {
        let problem = "image is a part of a part of an image: selectors within selectors";
        return Err((outer, "selector", problem.into()));
    }
    let mut turn = None;
    for selector in selecting.pop().map(selectors_of).unwrap_or_default() {
        if !selector.is_null() {
            apply_selector(found, (&own, &whole), selector, &mut turn)?;
        }
    }
    found.rotation = turn.or(found.rotation);
    for level in levels {
        let mut refining = refining_as(level).map(|(name, _)| name);
        let other = refining.next().or_else(|| {
            let other = unread_member(level, &["selector", "source", "full"]);
            other.filter(|_| !found.is_part())
        });
        if let Some(name) = other {
            let problem = format!("image is a part of an image in an unknown way: {name}");
            return Err((*level, "", problem));
        }
        if !found.is_part() && has_empty_selector(level) {
            return Err((*level, "selector", "selector is empty".into()));
        }
        if let Some(name) = styles::unread_turn(level, &[]) {
            return Err((*level, "", styles::turned_unread(name)));
        }
    }
    let styled = styles::turn(annotation, levels);
    let styled = styled.map_err(|(style, problem)| (style, "", problem))?;
    let turn = (found.rotation.unwrap_or(0.0) + styled).rem_euclid(360.0);
    found.rotation = Some(turn).filter(|turn| *turn != 0.0);
    settle_part(found);
    Ok(())
}

/// Applies a selector, which is of the resource's own pixels, or of those of the service's image.
fn apply_selector<'v>(
    found: &mut PaintedImage,
    (own, whole): (&Pixels, &Pixels),
    selector: &'v Value,
    turn: &mut Option<f64>,
) -> Result<(), Fault<'v>> {
    let fault = |member, problem| (selector, member, problem);
    let (regions, pixels, member) = match kind(selector).as_str() {
        "imageapiselector" => {
            let region = image_api_region(selector).map_err(|problem| fault("", problem))?;
            (region.into_iter().collect(), whole, "region")
        }
        "fragmentselector" => match values_of(selector) {
            values if values.is_empty() => return Err(fault("", unread(selector))),
            values => (values, own, "value"),
        },
        "" if selector.is_string() => (values_of(selector), own, ""),
        _ => {
            let problem = "selector does not select a part of an image";
            return Err(fault("", format!("{problem}: {}", described(selector))));
        }
    };
    if !refining(selector).is_empty() {
        let problem = "image is a part of a part of an image (refinedBy)";
        return Err(fault("refinedBy", problem.into()));
    }
    for region in regions {
        take_part(found, pixels, &region).map_err(|problem| fault(member, problem))?;
    }
    if let Some(name) = styles::unread_turn(selector, &["rotation"]) {
        return Err(fault("", styles::turned_unread(name)));
    }
    if member != "region" {
        return Ok(());
    }
    let said = |name| image_api_member(selector, name).map_err(|problem| fault("", problem));
    if let Some(text) = said("rotation")? {
        let degrees = degrees(&text).map_err(|problem| fault("rotation", problem))?;
        if turn.is_some_and(|turn| turn != degrees) {
            let problem = format!("several selectors turn the image differently: {text}");
            return Err(fault("rotation", problem));
        }
        *turn = Some(degrees);
    }
    let quality = said("quality")?.map(|quality| quality.to_ascii_lowercase());
    let other = quality.filter(|quality| ["gray", "grey", "bitonal"].contains(&quality.as_str()));
    found.quality = other.or(found.quality.take());
    Ok(())
}

fn degrees(text: &str) -> Result<f64, String> {
    if text.starts_with('!') {
        return Err(format!(
            "image is painted mirrored, which is not supported: {text}"
        ));
    }
    let degrees = text
        .parse()
        .ok()
        .filter(|degrees: &f64| degrees.is_finite());
    degrees.ok_or_else(|| format!("rotation is not a number of degrees: {text}"))
}

/// Takes the part that a fragment or region names. What names a part twice names the same one.
fn take_part(found: &mut PaintedImage, pixels: &Pixels, region: &str) -> Result<(), String> {
    let region = match fragment::spatial(region) {
        // A time selects all of the image.
        Ok(None) => return Ok(()),
        _ => region,
    };
    if found.image.service.is_none() {
        let problem = "image is a part of an image without image service";
        return Err(format!("{problem}: {region}"));
    }
    let Some(part) = pixels.part(region)? else {
        return Ok(());
    };
    match &found.taken {
        Some((other, named)) if !is_same(other, &part) => Err(format!(
            "several selectors select different parts of the image: {named}, {region}"
        )),
        Some(_) => Ok(()),
        None => {
            found.taken = Some((part, region.to_owned()));
            Ok(())
        }
    }
}

/// Whether two parts are one: numbers may be rounded in different ways.
fn is_same(a: &Taken, b: &Taken) -> bool {
    match (a, b) {
        (Taken::Pixels(a), Taken::Pixels(b)) => a.iter().zip(b).all(|(a, b)| a.abs_diff(*b) <= 1),
        _ => a == b,
    }
}

/// Makes the image the part of its service's image that was taken, and that of the quality that is painted. What a service
/// cannot say is said by a request.
fn settle_part(found: &mut PaintedImage) {
    let size = of_service(found).shown;
    let PaintedImage {
        image,
        taken,
        quality,
        ..
    } = found;
    let Some(mut service) = image.service.take() else {
        return;
    };
    let mut region = None;
    match taken {
        Some((Taken::Pixels(part), _)) => {
            service.region = Some(*part);
            image.whole = size.map(|size| size.map(|n| n as u32));
            (image.width, image.height) = (Some(part[2]), Some(part[3]));
        }
        Some((Taken::Words(words), _)) => {
            region = Some(words.clone());
            (image.width, image.height) = (None, None);
        }
        None => {}
    }
    if region.is_none() && quality.is_none() {
        image.service = Some(service);
        return;
    }
    image.whole = None;
    let asked = image.url.as_deref().and_then(QuotedRequest::parse);
    let is_quality = |asked: &QuotedRequest| match quality.as_deref() {
        Some(quality) => asked.quality == quality,
        None => asked.is_usual_quality(),
    };
    let is_asked = asked
        .as_ref()
        .is_some_and(|asked| asked.is_full_size() && is_quality(asked));
    let is_asked = taken.is_none() && is_asked;
    if !is_asked {
        let of_pixels = service
            .region
            .map(|[x, y, w, h]| format!("{x},{y},{w},{h}"));
        let region = region.or(of_pixels).unwrap_or_else(|| "full".into());
        let usual = if service.version == 1 {
            "native"
        } else {
            "default"
        };
        let quality = quality.as_deref().unwrap_or(usual);
        let size = if service.version >= 3 { "max" } else { "full" };
        let format = asked.map_or("jpg", |asked| asked.format);
        let id = &service.id;
        image.url = Some(format!("{id}/{region}/{size}/0/{quality}.{format}"));
    }
}
