//! What a client accepts: media types and content codings with their qualities (RFC 9110 §12.5). Pure.

/// The position of the offer that a client likes best; of equal ones, the one that it names more exactly, then the first.
/// None if it accepts none of them. Without a header it accepts everything.
pub fn preferred(accept: &str, offered: &[&str]) -> Option<usize> {
    let ranges = ranges(accept);
    if ranges.is_empty() {
        return (!offered.is_empty()).then_some(0);
    }
    let mut best: Option<(usize, (u32, u8))> = None;
    for (n, offer) in offered.iter().enumerate() {
        let Some(liked) = liking(&ranges, offer).filter(|(quality, _)| *quality > 0) else {
            continue;
        };
        if best.is_none_or(|(_, before)| liked > before) {
            best = Some((n, liked));
        }
    }
    best.map(|(n, _)| n)
}

/// How much a client likes an offer, in thousandths; none if it does not name it, not even by `*`.
pub fn quality(accept: &str, offer: &str) -> Option<u32> {
    liking(&ranges(accept), offer).map(|(quality, _)| quality)
}

/// Whether a client accepts an offer, named by itself and not only by `*`.
pub fn names(accept: &str, offer: &str) -> bool {
    let liked = liking(&ranges(accept), offer);
    liked.is_some_and(|(quality, exactness)| quality > 0 && exactness == EXACT)
}

/// Whether a client would rather have a page for people than a document in JSON. Browsers name pages, programs accept
/// everything.
pub fn is_html_preferred(accept: &str) -> bool {
    const HTML: &str = "text/html";
    let best = preferred(accept, &[HTML, "application/ld+json", "application/json"]);
    let liked = liking(&ranges(accept), HTML);
    best == Some(0) && liked.is_some_and(|(_, exactness)| exactness > 0)
}

/// How exactly a range names an offer: by itself.
const EXACT: u8 = 2;

/// The quality in thousandths and the exactness of the range that names an offer most exactly.
fn liking(ranges: &[(String, u32)], offer: &str) -> Option<(u32, u8)> {
    let group = offer.split_once('/').map(|(group, _)| format!("{group}/*"));
    let exactness = |range: &str| match range {
        _ if range.eq_ignore_ascii_case(offer) => Some(EXACT),
        _ if group.as_deref() == Some(range) => Some(1),
        "*/*" | "*" => Some(0),
        _ => None,
    };
    let named = ranges
        .iter()
        .filter_map(|(range, quality)| Some((exactness(range)?, *quality)));
    let (exactness, quality) = named.max()?;
    Some((quality, exactness))
}

/// The ranges of a header with their qualities in thousandths. Other parameters do not count: what is offered here has
/// none that would matter.
fn ranges(header: &str) -> Vec<(String, u32)> {
    let range = |part: &str| {
        let mut words = part.split(';').map(str::trim);
        let name = words.next().filter(|name| !name.is_empty())?;
        let quality = words.find_map(|word| {
            let (name, value) = word.split_once('=')?;
            (name.trim().eq_ignore_ascii_case("q")).then(|| value.trim().parse::<f32>())
        });
        // One that is not a number counts as none.
        let quality = quality.map_or(1.0, |quality| quality.unwrap_or(1.0));
        let thousandths = (quality.clamp(0.0, 1.0) * 1000.0).round() as u32;
        Some((name.to_ascii_lowercase(), thousandths))
    };
    header.split(',').filter_map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_quality_wins_then_the_more_exact_name_then_the_order() {
        const TYPES: [&str; 2] = ["application/ld+json", "application/json"];
        let cases = [
            ("", Some(0)),
            ("*/*", Some(0)),
            ("application/json", Some(1)),
            ("application/json, */*", Some(1)),
            ("application/ld+json;q=0.1, application/json", Some(1)),
            (
                "application/ld+json; Q=0.9 , application/json;q=0.8",
                Some(0),
            ),
            ("application/*;q=0.5, application/json;q=0.4", Some(0)),
            ("application/*, application/ld+json;q=0", Some(1)),
            ("application/ld+json;profile=\"x\"", Some(0)),
            ("text/html", None),
            ("application/json;q=0, application/ld+json;q=0", None),
            (" , ;q=1", Some(0)),
        ];
        for (accept, wanted) in cases {
            assert_eq!(preferred(accept, &TYPES), wanted, "{accept}");
        }
        let codings = ["br", "zstd", "gzip"];
        assert_eq!(preferred("gzip, deflate", &codings), Some(2));
        assert_eq!(
            preferred("gzip;q=1.0, br;q=0.8, *;q=0.1", &codings),
            Some(2)
        );
        assert_eq!(preferred("identity", &codings), None);
        assert!(names("identity, gzip", "identity"));
        assert!(!names("*", "identity") && !names("identity;q=0", "identity"));
    }

    #[test]
    fn a_page_is_for_who_likes_it_as_much_as_json() {
        for (accept, wanted) in [
            ("text/html", true),
            ("text/html,application/xhtml+xml,*/*;q=0.8", true),
            ("text/html, application/json", true),
            ("text/*, application/json;q=0.5", true),
            ("", false),
            ("*/*", false),
            ("application/json", false),
            ("text/html;q=0", false),
            ("text/html;q=0, */*", false),
            ("text/html;q=0.1, application/json", false),
            ("application/ld+json, text/html;q=0.5", false),
            ("text/html;q=0.5, */*", false),
        ] {
            assert_eq!(is_html_preferred(accept), wanted, "{accept}");
        }
    }
}
