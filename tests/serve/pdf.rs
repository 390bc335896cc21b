//! PDFs: every page an image, drawn on white paper.

use image::Rgb;
use serde_json::{Value, json};

use crate::running::{Serving, picture};
use recto_testkit::Workdir;

/// A file of these objects, numbered from 1; the first is the catalog.
fn file(objects: &[String], trailer: &str) -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        places.push(bytes.len());
        bytes.extend(format!("{} 0 obj\n{object}\nendobj\n", at + 1).bytes());
    }
    let start = bytes.len();
    let count = objects.len() + 1;
    bytes.extend(format!("xref\n0 {count}\n0000000000 65535 f \n").bytes());
    for place in places {
        bytes.extend(format!("{place:010} 00000 n \n").bytes());
    }
    let end =
        format!("trailer\n<</Size {count}/Root 1 0 R{trailer}>>\nstartxref\n{start}\n%%EOF\n");
    bytes.extend(end.bytes());
    bytes
}

fn stream(dictionary: &str, content: &str) -> String {
    let length = content.len();
    format!("<<{dictionary}/Length {length}>>\nstream\n{content}\nendstream")
}

/// Pages by their entries and what is drawn on them, and objects for all of them, the first of which is numbered 3.
fn objects(pages: &[(&str, &str)], shared: &[String]) -> Vec<String> {
    let first = 3 + shared.len();
    let kids: Vec<String> = (0..pages.len())
        .map(|n| format!("{} 0 R", first + 2 * n))
        .collect();
    let mut objects = vec![
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        format!(
            "<</Type/Pages/Kids[{}]/Count {}>>",
            kids.join(" "),
            pages.len()
        ),
    ];
    objects.extend_from_slice(shared);
    for (at, (entries, content)) in pages.iter().enumerate() {
        let content_at = first + 2 * at + 1;
        objects.push(format!(
            "<</Type/Page/Parent 2 0 R/Contents {content_at} 0 R{entries}>>"
        ));
        objects.push(stream("", content));
    }
    objects
}

fn document(pages: &[(&str, &str)]) -> Vec<u8> {
    file(&objects(pages, &[]), "")
}

/// 144 x 72 points: red at the left below, blue at the right above, the rest paper.
const CORNERS: &str = "1 0 0 rg 0 0 36 36 re f 0 0 1 rg 108 36 36 36 re f";
const BOX: &str = "/MediaBox[0 0 144 72]";

/// Corners; corners turned clockwise; the left half of corners.
pub fn report() -> Vec<u8> {
    let turned = format!("{BOX}/Rotate 90");
    let cut = format!("{BOX}/CropBox[0 0 72 72]");
    document(&[(BOX, CORNERS), (&turned, CORNERS), (&cut, CORNERS)])
}

/// A place and its colour.
type Spot = ([u32; 2], [u8; 3]);

const WHITE: [u8; 3] = [255; 3];
const RED: [u8; 3] = [255, 0, 0];
const BLUE: [u8; 3] = [0, 0, 255];

fn assert_pixels(image: &image::DynamicImage, wanted: &[Spot], what: &str) {
    let image = image.to_rgb8();
    for ([x, y], colour) in wanted {
        let Rgb(found) = *image.get_pixel(*x, *y);
        assert_eq!(found, *colour, "{what} at {x}, {y}");
    }
}

fn work() -> Workdir {
    let work = Workdir::new();
    work.write("papers/report.pdf", report())
        .write("papers/photo.png", picture(20, 10));
    work
}

#[test]
fn every_page_is_an_image_drawn_at_the_resolution_asked_for() {
    let work = work();
    let server = Serving::start(&work, &["papers"]);
    let cases: [(&str, [u32; 2], [Spot; 4]); 3] = [
        (
            "report",
            [400, 200],
            [
                ([10, 190], RED),
                ([390, 10], BLUE),
                ([10, 10], WHITE),
                ([390, 190], WHITE),
            ],
        ),
        (
            "report%3B2",
            [200, 400],
            [
                ([10, 10], RED),
                ([190, 390], BLUE),
                ([190, 10], WHITE),
                ([10, 390], WHITE),
            ],
        ),
        (
            "report%3B3",
            [200, 200],
            [
                ([10, 190], RED),
                ([190, 10], WHITE),
                ([10, 10], WHITE),
                ([190, 190], WHITE),
            ],
        ),
    ];
    for (id, [w, h], wanted) in cases {
        for version in [2, 3] {
            let info = server.json(&format!("/iiif/{version}/{id}/info.json"));
            assert_eq!([&info["width"], &info["height"]], [w, h], "{id}");
            let name = if version == 2 { "@id" } else { "id" };
            assert_eq!(
                info[name],
                format!("http://pictures.example/iiif/{version}/{id}")
            );
        }
        let image = server.image(&format!("/iiif/3/{id}/full/max/0/default.png"));
        assert_eq!([image.width(), image.height()], [w, h], "{id}");
        assert_pixels(&image, &wanted, id);
    }
    for same in ["report.pdf", "report%3B1", "report.pdf%3B1", "report;1"] {
        let path = |id| format!("/iiif/3/{id}/full/max/0/default.png");
        assert_eq!(
            server.get(&path(same)).body,
            server.get(&path("report")).body,
            "{same}"
        );
    }
    let parts = [
        ("200,0,200,100/100,/0/default.png", [100, 50], [95, 5], BLUE),
        ("full/200,/180/default.png", [200, 100], [195, 5], RED),
        ("full/^800,/0/default.png", [800, 400], [20, 380], RED),
        ("full/max/!0/gray.png", [400, 200], [10, 10], [18; 3]),
    ];
    for (what, size, [x, y], colour) in parts {
        let image = server.image(&format!("/iiif/3/report/{what}"));
        assert_eq!([image.width(), image.height()], size, "{what}");
        let found = image.to_rgb8().get_pixel(x, y).0;
        let is_near = found.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 24);
        assert!(is_near, "{what}: {found:?}");
    }

    work.write("c.toml", "[pdf]\ndpi = 72\n");
    let coarse = Serving::start(&work, &["papers", "-c", "c.toml"]);
    assert_eq!(coarse.json("/iiif/3/report/info.json")["width"], 144);
    let tag = |server: &Serving| {
        let got = server.get("/iiif/3/report/full/100,/0/default.png");
        got.headers["etag"].clone()
    };
    assert_ne!(
        tag(&server),
        tag(&coarse),
        "drawn otherwise, so another answer"
    );
}

#[test]
fn page_n_is_asked_for_by_query_too() {
    let work = work();
    let server = Serving::start(&work, &["papers"]);
    let (by_id, by_query) = (
        server.get("/iiif/3/report%3B2/full/max/0/default.png"),
        server.get("/iiif/3/report.pdf/full/max/0/default.png?page=2"),
    );
    assert_eq!(by_query.status, 200);
    assert_eq!(by_id.body, by_query.body);
    assert!(
        by_query.headers["link"].contains("report.pdf%3B2/full/max"),
        "{:?}",
        by_query.headers
    );
    let info = server.json("/iiif/3/report/info.json?page=2");
    assert_eq!(info["id"], "http://pictures.example/iiif/3/report%3B2");
    let cases = [
        ("/iiif/3/report/info.json?page=1", 200, ""),
        ("/iiif/3/report?page=3", 303, ""),
        (
            "/iiif/3/report/info.json?page=4",
            404,
            "no image is called `report;4`",
        ),
        (
            "/iiif/3/report/info.json?page=0",
            400,
            "page=0: pages are numbered from 1",
        ),
        (
            "/iiif/3/report/full/max/0/default.jpg?page=abc",
            400,
            "page=abc: pages",
        ),
        (
            "/iiif/3/report/full/max/0/default.jpg?page=-1",
            400,
            "page=-1: pages",
        ),
        ("/iiif/3/photo/info.json?page=1", 200, ""),
        (
            "/iiif/3/photo/info.json?page=2",
            404,
            "no image is called `photo;2`",
        ),
        ("/iiif/preset/Twitter/report?page=2", 302, ""),
        ("/view/report?page=2", 200, ""),
    ];
    for (path, status, says) in cases {
        let got = server.get(path);
        let body = String::from_utf8_lossy(&got.body);
        assert_eq!(got.status, status, "{path}: {body}");
        assert!(body.contains(says), "{path}: {body}");
    }
    let to = server.get("/iiif/3/report?page=3").headers["location"].clone();
    assert_eq!(to, "http://pictures.example/iiif/3/report%3B3/info.json");
}

#[test]
fn a_document_is_one_manifest() {
    let work = work();
    let server = Serving::start(&work, &["papers"]);
    let manifest = server.json("/iiif/presentation/3/report.pdf/manifest.json");
    assert_eq!(manifest["label"]["none"], json!(["report"]));
    let canvases = manifest["items"].as_array().unwrap();
    let seen: Vec<Value> = canvases
        .iter()
        .map(|c| json!([c["width"], c["height"], c["label"]["none"][0]]))
        .collect();
    assert_eq!(
        Value::from(seen),
        json!([
            [400, 200, "report"],
            [200, 400, "report, page 2"],
            [200, 200, "report, page 3"]
        ])
    );
    let collection = server.json("/iiif/presentation/3/collection.json");
    assert_eq!(collection["items"].as_array().unwrap().len(), 2);
    let images = server.json("/pages/images.json").to_string();
    assert!(images.contains("report;3"), "{images}");
    let (_, _, err) = server.stop();
    assert!(err.contains("4 images in 2 manifests"), "{err}");

    let server = Serving::start(&work, &["papers"]);
    let collection = format!(
        "http://{}/iiif/presentation/3/collection.json",
        server.address
    );
    let digest = work.run("digest", &["iiif", &collection, "-o", "found.json"]);
    digest.exits(0);
    let found = std::fs::read_to_string(work.path("found.json")).unwrap();
    for page in ["report", "report%3B2", "report%3B3"] {
        assert!(
            found.contains(&format!("/iiif/3/{page}\"")),
            "{page}: {found}"
        );
    }
}

#[test]
fn pages_of_an_image_of_a_set_share_what_is_known_of_it() {
    let work = work();
    let image = |id: &str| {
        json!({"id": id, "image": {}, "group": "MS 1", "frame": [40, 20], "labels": ["x"], "metadata": {"Shelf": ["A"]},
            "localizations": [{"id": "l1", "concept": "aleph", "bbox": [1, 2, 3, 4], "attributes": {}}],
            "source": {"kind": "x", "labels": {"canvas": "Recto"}}})
    };
    let set = json!({"contract": "recto/localizations", "version": 1, "images": [image("n"), image("m"), image("m;3")]});
    work.write_json("set.json", &set);
    let map =
        json!({"n": "papers/report.pdf", "m": "papers/report.pdf", "m;3": "papers/photo.png"});
    work.write_json("map.json", &map);
    let server = Serving::start(&work, &["set.json", "--image-map", "map.json"]);
    let manifest = server.json("/iiif/presentation/3/MS%201/manifest.json");
    let labels: Vec<&Value> = (manifest["items"].as_array().unwrap().iter())
        .map(|canvas| &canvas["label"]["none"][0])
        .collect();
    assert_eq!(labels, ["Recto", "Recto, page 2", "Recto, page 3", "Recto"]);
    let boxes = |n: u32| {
        let page = format!("/iiif/presentation/3/MS%201/canvas/{n}/annotations.json");
        server.json(&page)["items"].as_array().unwrap().len()
    };
    assert_eq!(
        [boxes(1), boxes(2), boxes(4)],
        [2, 0, 2],
        "boxes and labels are the cover's"
    );
    let (_, _, err) = server.stop();
    assert!(
        err.contains("left out m: id is taken: page 3 of the file would be `m;3`"),
        "{err}"
    );
}

#[test]
fn two_files_never_share_an_id() {
    let work = Workdir::new();
    work.write("papers/a.pdf", report())
        .write("papers/a;2.png", picture(20, 10))
        .write("papers/b.pdf", report())
        .write("papers/b.png", picture(20, 10));
    let server = Serving::start(&work, &["papers"]);
    let width = |id: &str| server.json(&format!("/iiif/3/{id}/info.json"))["width"].clone();
    let widths = ["a;2", "a.pdf", "a.pdf;2", "b.png", "b.pdf", "b.pdf;2"].map(width);
    assert_eq!(widths, [20, 400, 200, 20, 400, 200].map(Value::from));
    assert_eq!(server.get("/iiif/3/b/info.json").status, 404);
    // Pages that are there keep their ids.
    let work = Workdir::new();
    work.write("papers/a.pdf", report());
    let server = Serving::start(&work, &["papers"]);
    work.write("papers/a;2.png", picture(20, 10));
    crate::robust::signal(&server, "-HUP");
    let width = |id: &str| server.json(&format!("/iiif/3/{id}/info.json"))["width"].clone();
    recto_testkit::wait_until(|| server.get("/iiif/3/a;2.png/info.json").status == 200);
    let widths = ["a;2.png", "a", "a;2", "a.pdf;2"].map(width);
    assert_eq!(widths, [20, 400, 200, 200].map(Value::from));
}

#[test]
fn files_that_are_no_documents_are_left_out_with_the_reason() {
    let work = work();
    let one = document(&[(BOX, CORNERS)]);
    let page = |entries: &str| document(&[(entries, CORNERS)]);
    let encrypted = file(
        &objects(&[(BOX, CORNERS)], &[]),
        &format!(
            "/ID[<00><00>]/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<{0}>/U<{0}>>>",
            "5a".repeat(32)
        ),
    );
    let looped = file(
        &[
            "<</Type/Catalog/Pages 2 0 R>>".into(),
            "<</Type/Pages/Kids[3 0 R]/Count 1>>".into(),
            "<</Type/Pages/Kids[2 0 R 3 0 R]/Count 1>>".into(),
        ],
        "",
    );
    let many = vec![(BOX, ""); 20_000];
    work.write("papers/cut.pdf", &one[..60])
        .write("papers/encrypted.pdf", encrypted)
        .write("papers/looped.pdf", looped)
        .write("papers/many.pdf", document(&many))
        .write("papers/other.pdf", picture(9, 9))
        .write("papers/empty.pdf", b"")
        .write("papers/none.pdf", document(&[]))
        // The end is missing, and its table with it; what is there is found all the same.
        .write("papers/short.pdf", &one[..one.len() - 60])
        .write("papers/large.pdf", page("/MediaBox[0 0 14400 14400]"))
        .write("papers/units.pdf", page("/MediaBox[0 0 72 36]/UserUnit 10"))
        .write("papers/zero.pdf", page("/MediaBox[0 0 0 0]"));
    let server = Serving::start(&work, &["papers"]);
    for (id, size) in [
        ("short", [400, 200]),
        ("large", [8192, 8192]),
        ("units", [2000, 1000]),
        ("zero", [1654, 2339]),
    ] {
        let info = server.json(&format!("/iiif/3/{id}/info.json"));
        assert_eq!([&info["width"], &info["height"]], size, "{id}");
    }
    let image = server.image("/iiif/3/units/full/max/0/default.png");
    assert_pixels(&image, &[([10, 990], RED), ([1990, 10], WHITE)], "units");
    let (_, _, err) = server.stop();
    for why in [
        "cut.pdf: damaged PDF: it is truncated or broken",
        "encrypted.pdf: encrypted PDF: it needs a password",
        "looped.pdf: PDF without pages",
        "many.pdf: PDF has too many pages: 20000, the limit is 10000",
        "other.pdf: not a PDF",
        "empty.pdf: not a PDF",
        "none.pdf: PDF without pages",
    ] {
        assert!(err.contains(&format!("left out {why}")), "{why} in {err}");
    }
    assert!(err.contains("8 images in 6 manifests"), "{err}");
}

#[test]
fn text_in_a_standard_font_is_drawn() {
    let work = Workdir::new();
    let font = "/MediaBox[0 0 144 72]/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>";
    work.write(
        "papers/text.pdf",
        document(&[(font, "BT /F 48 Tf 10 20 Td (recto) Tj ET")]),
    );
    let server = Serving::start(&work, &["papers"]);
    let image = server.image("/iiif/3/text/full/max/0/gray.png").to_luma8();
    let ink = image.pixels().filter(|pixel| pixel.0[0] < 128).count();
    // Of 80,000 pixels.
    assert!((5_000..20_000).contains(&ink), "{ink} dark pixels");
}

#[test]
fn a_document_that_changes_is_drawn_again() {
    let work = work();
    let server = Serving::start(&work, &["papers"]);
    let path = "/iiif/3/report%3B2/full/max/0/default.png";
    let before = server.get(path);
    let tag = format!("if-none-match: {}\r\n", before.headers["etag"]);
    assert_eq!(server.ask("GET", path, &tag).status, 304);
    work.write("papers/report.pdf", document(&[(BOX, ""), (BOX, CORNERS)]));
    // A file counts as unchanged for a millisecond after it was looked at.
    recto_testkit::wait_until(|| server.ask("GET", path, &tag).status == 200);
    let after = server.ask("GET", path, &tag);
    assert_ne!(before.headers["etag"], after.headers["etag"]);
    let image = image::load_from_memory(&after.body).unwrap();
    assert_pixels(&image, &[([10, 190], RED), ([390, 10], BLUE)], "changed");
    let gone = server.get("/iiif/3/report%3B3/info.json");
    assert_eq!(gone.status, 404);
    let why = String::from_utf8_lossy(&gone.body).into_owned();
    assert!(why.contains("the file has only 2 pages now"), "{why}");
    std::fs::remove_file(work.path("papers/report.pdf")).unwrap();
    assert_eq!(server.get(path).status, 404);
}

#[test]
fn what_nobody_may_see_nobody_sees_by_page_number() {
    let work = work();
    for (may, picture, info) in [("none", 401, 200), ("hidden", 404, 404)] {
        work.write(
            "c.toml",
            format!("[auth]\notherwise = \"full\"\n[[auth.rules]]\nwhere = \"id=report;2\"\nmay = \"{may}\"\n"),
        );
        let server = Serving::start(&work, &["papers", "-c", "c.toml"]);
        for page in [
            "report%3B2",
            "report.pdf%3B2",
            "report?page=2",
            "report.pdf?page=2",
        ] {
            let (id, query) = page.split_once('?').unwrap_or((page, ""));
            let ask = |rest: &str| server.get(&format!("/iiif/3/{id}/{rest}?{query}")).status;
            assert_eq!(ask("full/max/0/default.png"), picture, "{may}: {page}");
            assert_eq!(ask("info.json"), info, "{may}: {page}");
        }
        assert_eq!(
            server
                .get("/iiif/3/report%3B2/full/max/0/default.png?page=1")
                .status,
            picture
        );
        for page in ["report", "report%3B3", "report"] {
            let path = format!("/iiif/3/{page}/full/max/0/default.png");
            assert_eq!(server.get(&path).status, 200, "{may}: {page}");
        }
    }
}

#[test]
fn thumbnails_and_pyramids_of_pages_are_made_beforehand() {
    let work = work();
    let made = work.run("serve", &["papers", "--prepare", "--pyramids", "-q"]);
    made.exits(0);
    let again = work.run("serve", &["papers", "--prepare", "--pyramids"]);
    assert!(
        again.stderr().contains("4 images already prepared"),
        "{}",
        again.stderr()
    );
    let server = Serving::start(&work, &["papers"]);
    let info = server.json("/iiif/3/report%3B2/info.json");
    assert_eq!([&info["width"], &info["height"]], [200, 400]);
    let image = server.image("/iiif/3/report%3B2/0,0,100,100/50,/0/default.png");
    let Rgb([r, g, b]) = *image.to_rgb8().get_pixel(5, 5);
    assert!(r > 240 && g < 16 && b < 16, "{r} {g} {b}");
    assert_eq!(
        server
            .get("/iiif/3/report%3B2/full/200,400/0/default.jpg")
            .status,
        200
    );
    let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
    assert!(metrics.contains("prepared_total 1"), "{metrics}");
}

#[test]
fn urls_of_pages_are_printed() {
    let work = work();
    let printed = work.run(
        "serve",
        &[
            "papers",
            "--url",
            "report;2",
            "--size",
            "100,",
            "--base-url",
            "http://x.example",
        ],
    );
    printed.exits(0);
    assert_eq!(
        printed.stdout(),
        "http://x.example/iiif/3/report%3B2/full/100,200/0/default.jpg\n\
         http://x.example/iiif/2/report%3B2/full/100,/0/default.jpg\n"
    );
}

/// Each form draws the next ten times: ten to the power of their number.
fn bomb() -> Vec<u8> {
    const DEPTH: usize = 12;
    let form = |at: usize| {
        let resources = format!(
            "/Type/XObject/Subtype/Form/BBox[0 0 144 72]/Resources<</XObject<</N {} 0 R>>>>",
            at + 4
        );
        match at + 1 == DEPTH {
            true => stream("/Type/XObject/Subtype/Form/BBox[0 0 144 72]", CORNERS),
            false => stream(&resources, &"/N Do ".repeat(10)),
        }
    };
    let forms: Vec<String> = (0..DEPTH).map(form).collect();
    let page = format!("{BOX}/Resources<</XObject<</N 3 0 R>>>>");
    file(&objects(&[(&page, "/N Do"), (BOX, CORNERS)], &forms), "")
}

/// Processes that a server has started and not yet taken leave of.
fn children(server: &Serving) -> usize {
    let is_child = |entry: std::io::Result<std::fs::DirEntry>| {
        let stat = std::fs::read_to_string(entry.ok()?.path().join("stat")).ok()?;
        // The parent stands behind the name, which is in parentheses, and the state.
        let (_, rest) = stat.rsplit_once(") ")?;
        (rest.split(' ').nth(1)? == server.child.id().to_string()).then_some(())
    };
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(is_child)
        .count()
}

/// A form that unpacks to 8 GiB: every pair of its bytes is a run of 128 like themselves, four times over.
fn flood() -> Vec<u8> {
    const TIMES: usize = 4;
    // What ends the data of each time, within a literal of the one before.
    let end = (1..TIMES).fold(vec![0x80], |end, _| {
        [&[end.len() as u8 - 1], &end[..], &[0x80]].concat()
    });
    let data = [&[0x81; 512], &end[..]].concat();
    let data: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
    let filters = "/ASCIIHexDecode".to_owned() + &"/RunLengthDecode".repeat(TIMES);
    let form = format!("/Type/XObject/Subtype/Form/BBox[0 0 144 72]/Filter[{filters}]");
    let page = format!("{BOX}/Resources<</XObject<</N 3 0 R>>>>");
    let forms = [stream(&form, &data)];
    file(&objects(&[(&page, "/N Do"), (BOX, CORNERS)], &forms), "")
}

#[test]
fn a_page_that_unpacks_to_more_than_it_may_is_given_up_and_others_are_drawn() {
    let work = work();
    work.write("papers/flood.pdf", flood());
    let server = Serving::start(&work, &["papers"]);
    let got = server.get("/iiif/3/flood/full/max/0/default.png");
    let why = String::from_utf8_lossy(&got.body).into_owned();
    let says = why.contains("takes too much memory");
    assert!(
        got.status == 500 && says,
        "{} {} bytes",
        got.status,
        why.len()
    );
    for page in ["flood%3B2", "report"] {
        let path = format!("/iiif/3/{page}/full/max/0/default.png");
        assert_eq!(server.get(&path).status, 200, "{page}");
    }
    assert_eq!(children(&server), 0);
}

#[test]
fn a_page_that_never_ends_is_given_up_and_others_are_drawn() {
    let work = work();
    work.write("papers/bomb.pdf", bomb());
    work.write("c.toml", "[pdf]\ntimeout = 1\n");
    let server = Serving::start(&work, &["papers", "-c", "c.toml"]);
    for _ in 0..3 {
        let got = server.get("/iiif/3/bomb/full/max/0/default.png");
        let why = String::from_utf8_lossy(&got.body).into_owned();
        assert_eq!(got.status, 503, "{why}");
        assert!(got.headers.contains_key("retry-after"));
        assert!(why.contains("takes longer than 1 s"), "{why}");
        assert_eq!(children(&server), 0);
    }
    for page in ["bomb%3B2", "report"] {
        let path = format!("/iiif/3/{page}/full/max/0/default.png");
        assert_eq!(server.get(&path).status, 200, "{page}");
    }
}
