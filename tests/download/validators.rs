//! What proves that a file is the same: parts of it that are joined, and what `--refresh` asks.

use super::*;

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// An uncompressed picture: nothing in it tells that its end is that of another one.
fn tiff(shade: u8, width: u32) -> Vec<u8> {
    let image = image::RgbImage::from_fn(width, 48, |x, y| image::Rgb([shade, x as u8, y as u8]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    image
        .write_to(&mut bytes, image::ImageFormat::Tiff)
        .unwrap();
    bytes.into_inner()
}

fn ranges_of(server: &Server, path: &str) -> Vec<Option<String>> {
    let log = server.log();
    let of_path = log.iter().filter(|request| request.path == path);
    of_path
        .map(|request| request.headers.get("range").cloned())
        .collect()
}

const BEGUN: usize = 4000;

/// The rest of a file, as far as an answer says so.
fn rest(of: &[u8], tag: Option<&str>, body: Vec<u8>) -> Answer {
    let span = format!("bytes {BEGUN}-{}/{}", of.len() - 1, of.len());
    let mut headers = vec![header("content-range", &span)];
    headers.extend(tag.map(|tag| header("etag", tag)));
    Answer::Full(206, headers, body)
}

#[test]
fn a_part_is_joined_only_where_it_is_shown_to_be_of_the_file_begun() {
    let (old, new) = (tiff(1, 64), tiff(2, 64));
    assert_eq!(old.len(), new.len(), "their lengths do not tell them apart");
    let longer = [&new[..], &[0; 10]].concat();
    let encoded = |mut answer| {
        if let Answer::Full(_, headers, _) = &mut answer {
            headers.push(header("content-encoding", "gzip"));
        }
        answer
    };
    let moved = Answer::Full(302, vec![header("location", "/other.tif")], vec![]);
    let tag = Some("\"1\"");
    // (name, what is answered to the request for the rest, the file that is there then)
    let cases = [
        ("no tag", rest(&new, None, new[BEGUN..].to_vec()), &new),
        (
            "another length",
            rest(&longer, tag, longer[BEGUN..].to_vec()),
            &new,
        ),
        ("at another place", moved, &new),
        ("more than its part", rest(&old, tag, old.clone()), &old),
        (
            "encoded",
            encoded(rest(&old, tag, old[BEGUN..].to_vec())),
            &old,
        ),
    ];
    for (name, answer, there) in cases {
        let (begun, now, other) = (old.clone(), there.clone(), new.clone());
        let server = Server::start(move |request, before| {
            let asks_for_part = request.headers.contains_key("range");
            match (&*request.path, asks_for_part) {
                ("/other.tif", _) => rest(&other, None, other[BEGUN..].to_vec()),
                (_, true) => answer.clone(),
                _ if before == 0 => {
                    Answer::FullCut(200, vec![header("etag", "\"1\"")], begun.clone(), BEGUN)
                }
                _ => Answer::Full(200, vec![header("etag", "\"2\"")], now.clone()),
            }
        });
        let work = one_of(plain("a", server.url("/a.tif")));
        work.run("download", &args(&["--retries", "1"])).exits(0);
        assert!(file(&work, "a") == *there, "{name}");
        let part = Some(format!("bytes={BEGUN}-"));
        assert_eq!(ranges_of(&server, "/a.tif"), [None, part, None], "{name}");
    }
}

#[test]
fn a_host_that_refuses_parts_gives_all_of_the_file() {
    let several = || {
        let kind = header("content-type", "multipart/byteranges; boundary=x");
        Answer::Full(206, vec![kind], b"--x\r\n\r\n--x--\r\n".to_vec())
    };
    let refused = [400, 403, 404, 405, 412, 416, 500, 501].map(Answer::Status);
    for answer in refused.into_iter().chain([several()]) {
        let name = format!("{answer:?}");
        let server = Server::start(move |request, before| {
            let tag = vec![header("etag", "\"1\"")];
            match request.headers.contains_key("range") {
                true => answer.clone(),
                false if before == 0 => Answer::FullCut(200, tag, jpeg(1), 300),
                false => Answer::Full(200, tag, jpeg(1)),
            }
        });
        let work = one_of(plain("a", server.url("/a.jpg")));
        work.run("download", &args(&["--retries", "1"])).exits(0);
        assert!(file(&work, "a") == jpeg(1), "{name}");
        let part = Some("bytes=300-".to_owned());
        assert_eq!(ranges_of(&server, "/a.jpg"), [None, part, None], "{name}");
    }
}

#[test]
fn another_length_is_a_change_whatever_else_is_said() {
    let (short, long) = (tiff(1, 40), tiff(1, 64));
    let unchanged = "1 unchanged, 0 changed";
    let unknown = "0 unchanged, 0 changed, 0 gone from the server, 1 could not be checked";
    let cases = [
        (None, unknown),
        (Some(("etag", "\"x\"")), unchanged),
        (Some(("etag", "")), unknown),
        (Some(("etag", "\"\"")), unknown),
        (
            Some(("last-modified", "Mon, 01 Jan 2024 00:00:00 GMT")),
            unchanged,
        ),
        (Some(("last-modified", "")), unknown),
        (Some(("last-modified", "0")), unknown),
        (Some(("last-modified", "-1")), unknown),
        (
            Some(("last-modified", "Thu, 01 Jan 1970 00:00:01 GMT")),
            unknown,
        ),
    ];
    for (said, wanted) in cases {
        let later = Arc::new(AtomicUsize::new(0));
        let (now, files) = (later.clone(), [short.clone(), long.clone()]);
        let server = Server::start(move |_, _| {
            let headers = said.iter().map(|(name, value)| header(name, value));
            let body = files[now.load(Ordering::SeqCst)].clone();
            Answer::Full(200, headers.collect(), body)
        });
        let work = one_of(plain("a", server.url("/a.tif")));
        work.run("download", &args(&[])).exits(0);
        let again = args(&["--refresh"]);
        work.run("download", &again).exits(0).says(&[wanted]);
        later.store(1, Ordering::SeqCst);
        let ran = work.run("download", &again);
        ran.exits(0).says(&["0 unchanged, 1 changed"]);
        assert!(file(&work, "a") == long, "{said:?}");
    }
}
