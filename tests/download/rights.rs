//! What a host forbids or reserves, in whatever form its files come.

use std::io::Write;

use super::manners::{through, world};
use super::*;

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(plain).unwrap();
    packed.finish().unwrap()
}

fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(plain).unwrap();
    packed.finish().unwrap()
}

#[test]
fn rules_count_whatever_they_are_packed_in() {
    let robots = b"User-agent: *\nDisallow: /1.jpg\n".to_vec();
    let reserved = br#"[{"location": "/1.jpg", "tdm-reservation": 1}]"#.to_vec();
    let marked = |text: &[u8]| [b"\xef\xbb\xbf", text].concat();
    // (file, coding that its header names, body)
    let cases = [
        ("/robots.txt", Some("gzip"), gzip(&robots)),
        ("/robots.txt", Some("deflate"), deflate(&robots)),
        ("/robots.txt", None, gzip(&robots)),
        ("/robots.txt", Some("br"), robots.clone()),
        ("/robots.txt", Some("gzip"), robots.clone()),
        ("/robots.txt", Some("gzip"), gzip(&marked(&robots))),
        ("tdmrep.json", Some("gzip"), gzip(&reserved)),
        ("tdmrep.json", Some("deflate"), deflate(&reserved)),
        ("tdmrep.json", None, marked(&reserved)),
        ("tdmrep.json", Some("gzip"), gzip(&marked(&reserved))),
    ];
    for (path, coding, body) in cases {
        let name = format!("{path} {coding:?}, {} bytes", body.len());
        let world = world(move |url, _| match url {
            url if url.ends_with(path) => {
                let coding = coding.map(|coding| ("content-encoding".to_owned(), coding.into()));
                Answer::Full(200, coding.into_iter().collect(), body.clone())
            }
            url if url.ends_with(".jpg") => Answer::Serve(jpeg(1), "image/jpeg"),
            _ => Answer::Status(404),
        });
        let work = one_of(plain("a", "http://a.museum.org/1.jpg".into()));
        through(&world, &work, &[]).exits(3);
        let kind = &rows(&work, "failures.csv")[0][3];
        assert!(["robots", "reserved"].contains(&&**kind), "{name}: {kind}");
        assert_eq!(world.hits("http://a.museum.org/1.jpg"), 0, "{name}");
    }
}
