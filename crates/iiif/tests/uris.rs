//! URIs: built from the base of a service, split into the parts of a request, compared with a service.

use recto_iiif::{
    QuotedRequest, Region, Rotation, Size, host_of, image_uri, info_uri, is_below_service,
    is_other_service,
};

#[test]
fn uris_keep_the_id_as_published() {
    let cases = [
        ("http://a/iiif/x", "http://a/iiif/x/info.json"),
        ("http://a/iiif/x/", "http://a/iiif/x/info.json"),
        ("http://a/i/a%2Fb%20c", "http://a/i/a%2Fb%20c/info.json"),
        ("http://a/i/ä b", "http://a/i/ä b/info.json"),
        (
            "http://a/i.fcgi?IIIF=/p/x.tif",
            "http://a/i.fcgi?IIIF=/p/x.tif/info.json",
        ),
        (
            "http://a/i.fcgi?iiif=x&k=1",
            "http://a/i.fcgi?iiif=x/info.json&k=1",
        ),
        ("http://a/p?image=7", "http://a/p?image=7/info.json"),
    ];
    for (base, uri) in cases {
        assert_eq!(info_uri(base), uri);
    }
    let region = Region::Pixels {
        x: 1,
        y: 2,
        w: 3,
        h: 4,
    };
    let uri = image_uri(
        "http://a/x/",
        region,
        Size::Width(3),
        Rotation::default(),
        "native",
        "jpg",
    );
    assert_eq!(uri, "http://a/x/1,2,3,4/3,/0/native.jpg");
}

#[test]
fn only_image_requests_are_split() {
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
        let found = QuotedRequest::parse(uri).map(|a| (a.base, a.region, a.is_full_size()));
        assert_eq!(found, wanted, "{uri}");
    }
}

#[test]
fn a_degraded_copy_is_distinguished_from_the_same_service_elsewhere() {
    let cases = [
        ("https://a/iiif/1", "https://a/iiif/1", false),
        ("http://a/iiif/1", "https://b:8080/iiif/1/info.json", false),
        ("https://a/iiif/x%2Fy", "https://a/iiif/x/y/", false),
        ("https://a/iiif/1", "https://a/proxy/iiif/1", false),
        ("https://a/prefix/iiif/1", "https://a/iiif/1", false),
        ("https://a/iiif/1", "", false),
        ("https://a/iiif/1", "https://a/iiif/1-small", true),
        ("https://a/iiif/1", "https://a/iiif/small/1", true),
        ("https://a/iiif/1", "https://a/iiif/11", true),
        ("https://a/iiif/11", "https://a/iiif/1", true),
    ];
    for (requested, answered, wanted) in cases {
        assert_eq!(
            is_other_service(requested, answered),
            wanted,
            "{requested} {answered}"
        );
    }
}

#[test]
fn answers_below_a_service_and_hosts_are_known() {
    let service = "https://a.example/iiif/1";
    assert!(is_below_service(
        service,
        "http://b.example/iiif/1/full/max/0/default.jpg"
    ));
    assert!(!is_below_service(
        service,
        "https://a.example/iiif/1-small/full/max/0/default.jpg"
    ));
    let cases = [
        ("https://a.example:81/x", Some("a.example:81")),
        ("https://me:pass@a.example?x", Some("a.example")),
        ("a.example/x", None),
    ];
    for (uri, host) in cases {
        assert_eq!(host_of(uri), host, "{uri}");
    }
}
