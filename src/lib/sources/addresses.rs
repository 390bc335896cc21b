//! Addresses of pictures as marine services write them: relative, without scheme, with backslashes, blanks or umlauts.

use url::Url;

use super::source::is_url;
use crate::values::uuid;

/// An address as an absolute URL, resolved against the URL of the service that gives it. What names a file of somebody's
/// disk, has another scheme than http, or cannot be resolved stays as it is.
pub fn absolute(written: &str, service: Option<&str>) -> String {
    let text = written.trim();
    let is_sound = |c: char| c.is_ascii_graphic() && !matches!(c, '\\' | '"' | '<' | '>' | '`');
    if (is_url(text) && text.chars().all(is_sound)) || is_of_disk(text) {
        return text.to_owned();
    }
    let slashed = text.replace('\\', "/");
    let service = service.and_then(|url| Url::parse(url).ok());
    let scheme = service.as_ref().map(Url::scheme);
    let resolved = match scheme_of(&slashed).as_deref() {
        Some("http" | "https") => Url::parse(&slashed).ok(),
        Some(_) => None,
        None if slashed.starts_with("//") => {
            scheme.and_then(|scheme| Url::parse(&format!("{scheme}:{slashed}")).ok())
        }
        None if names_host(&slashed, service.as_ref()) => {
            scheme.and_then(|scheme| Url::parse(&format!("{scheme}://{slashed}")).ok())
        }
        None => service.and_then(|service| as_folder(service).join(&slashed).ok()),
    };
    resolved.map_or_else(|| text.to_owned(), String::from)
}

/// Whether an address needs the URL of a service to be resolved.
pub fn is_incomplete(written: &str) -> bool {
    let text = written.trim();
    !is_of_disk(text) && scheme_of(&text.replace('\\', "/")).is_none()
}

/// Windows paths and shares.
fn is_of_disk(text: &str) -> bool {
    let mut start = text.chars();
    let is_drive = start.next().is_some_and(|c| c.is_ascii_alphabetic())
        && start.next() == Some(':')
        && matches!(start.next(), Some('\\' | '/'));
    is_drive || text.starts_with("\\\\")
}

/// The scheme in lower case. `localhost:8080/x` has none: a port is no scheme's path.
fn scheme_of(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let is_port = rest.starts_with(|c: char| c.is_ascii_digit());
    (is_scheme && !is_port).then(|| scheme.to_ascii_lowercase())
}

/// Whether an address without scheme begins with a host: that of the service, one with a port, an IPv4 address, or a name
/// that ends like one of a host.
fn names_host(text: &str, service: Option<&Url>) -> bool {
    const ENDS: [&str; 17] = [
        "com",
        "edu",
        "example",
        "gov",
        "info",
        "int",
        "internal",
        "io",
        "lan",
        "local",
        "localhost",
        "mil",
        "net",
        "org",
        "test",
        "science",
        "ocean",
    ];
    let Some((host, _)) = text.split_once('/').filter(|(host, _)| !host.is_empty()) else {
        return false;
    };
    let (name, port) = host.split_once(':').unwrap_or((host, ""));
    let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let is_service = service.is_some_and(|url| url.host_str() == Some(name));
    let is_name = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
    let end = name
        .rsplit_once('.')
        .map(|(_, end)| end.to_ascii_lowercase());
    let is_domain = end.is_some_and(|end| {
        let is_country = end.len() == 2 && end.bytes().all(|b| b.is_ascii_lowercase());
        is_country || ENDS.contains(&end.as_str())
    });
    let is_byte = |part: &str| part.parse::<u8>().is_ok();
    let is_ip = name.split('.').count() == 4 && name.split('.').all(is_byte);
    // A folder named by a UUID and the like is no host.
    is_service
        || (is_port && !name.is_empty() && name.chars().all(is_name))
        || is_ip
        || (is_domain && name.chars().all(is_name) && uuid(name).is_none())
}

/// The URL of a service with a slash at its end: what is relative is below it.
fn as_folder(mut service: Url) -> Url {
    let path = format!("{}/", service.path().trim_end_matches('/'));
    service.set_path(&path);
    service.set_query(None);
    service
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_resolved_against_their_service() {
        let service = "http://lab.example:8080/anno/v1";
        let cases = [
            ("http://a.example/x%20y.png", "http://a.example/x%20y.png"),
            (" http://a.example/x y.png ", "http://a.example/x%20y.png"),
            (
                "HTTP://a.example/Tauch gänge/ü.png",
                "http://a.example/Tauch%20g%C3%A4nge/%C3%BC.png",
            ),
            ("http:\\\\a.example\\b\\c.png", "http://a.example/b/c.png"),
            ("http://a.example/b\\c.png", "http://a.example/b/c.png"),
            ("/pictures/1.png", "http://lab.example:8080/pictures/1.png"),
            (
                "pictures/1.png",
                "http://lab.example:8080/anno/v1/pictures/1.png",
            ),
            (
                "dive 1\\00_01.png",
                "http://lab.example:8080/anno/v1/dive%201/00_01.png",
            ),
            ("00_01.png", "http://lab.example:8080/anno/v1/00_01.png"),
            ("//img.lab.example/1.png", "http://img.lab.example/1.png"),
            ("img.lab.example/1.png", "http://img.lab.example/1.png"),
            ("lab.example/1.png", "http://lab.example/1.png"),
            ("localhost:3000/1.png", "http://localhost:3000/1.png"),
            ("10.0.0.7/1.png", "http://10.0.0.7/1.png"),
            (
                "Doc.Ricketts/1.png",
                "http://lab.example:8080/anno/v1/Doc.Ricketts/1.png",
            ),
            ("file:/Users/someone/a.png", "file:/Users/someone/a.png"),
            ("C:\\pictures\\a.png", "C:\\pictures\\a.png"),
            ("\\\\server\\share\\a.png", "\\\\server\\share\\a.png"),
            ("urn:x:y", "urn:x:y"),
        ];
        for (written, wanted) in cases {
            assert_eq!(absolute(written, Some(service)), wanted, "{written}");
        }
        assert_eq!(absolute("pictures/1.png", None), "pictures/1.png");
        assert_eq!(
            absolute("http://a.example/x y.png", None),
            "http://a.example/x%20y.png"
        );
        assert!(is_incomplete("pictures\\1.png") && !is_incomplete("http:\\\\a\\b.png"));
    }
}
