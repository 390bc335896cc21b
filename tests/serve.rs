//! `recto-serve` as a program: what it answers over HTTP, what it refuses, how it starts and stops.

mod common;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

use common::Workdir;
use serde_json::{Value, json};

/// A running server; killed if the test did not stop it.
struct Serving {
    child: Child,
    out: BufReader<ChildStdout>,
    address: String,
}

struct Got {
    status: u16,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

impl Serving {
    fn start(work: &Workdir, args: &[&str]) -> Self {
        let mut command = work.command("serve", args);
        command.args(["--listen", "127.0.0.1:0"]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let address = line
            .trim_end()
            .strip_prefix("listening on http://")
            .expect(&line)
            .to_owned();
        Serving {
            child,
            out,
            address,
        }
    }

    fn ask(&self, method: &str, path: &str, headers: &str) -> Got {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: pictures.example\r\nconnection: close\r\n{headers}\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let headers = lines
            .filter_map(|l| l.split_once(": "))
            .map(|(n, v)| (n.to_lowercase(), v.into()))
            .collect();
        Got {
            status,
            headers,
            body: bytes[end + 4..].to_vec(),
        }
    }

    fn get(&self, path: &str) -> Got {
        self.ask("GET", path, "")
    }

    fn json(&self, path: &str) -> Value {
        let got = self.get(path);
        assert_eq!(
            got.status,
            200,
            "{path}: {}",
            String::from_utf8_lossy(&got.body)
        );
        serde_json::from_slice(&got.body).unwrap()
    }

    fn image(&self, path: &str) -> image::DynamicImage {
        let got = self.get(path);
        assert_eq!(
            got.status,
            200,
            "{path}: {}",
            String::from_utf8_lossy(&got.body)
        );
        image::load_from_memory(&got.body).unwrap()
    }

    /// SIGTERM; gives exit code, the rest of stdout, stderr.
    fn stop(mut self) -> (i32, String, String) {
        let killed = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
        let (mut out, mut err) = (String::new(), String::new());
        self.out.read_to_string(&mut out).unwrap();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut err)
            .unwrap();
        (self.child.wait().unwrap().code().unwrap(), out, err)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Red grows to the right, green down.
fn picture(width: u32, height: u32) -> Vec<u8> {
    let image = image::RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([(x % 256) as u8, (y % 256) as u8, 90])
    });
    let mut png = std::io::Cursor::new(Vec::new());
    image.write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}

fn folder() -> Workdir {
    let work = Workdir::new();
    work.write("pictures/a.png", picture(200, 100))
        .write("pictures/in b/c.png", picture(1600, 1200));
    work
}

#[test]
fn pictures_are_cut_scaled_turned_and_coloured() {
    let work = folder();
    let server = Serving::start(&work, &["pictures"]);
    // (request, size of the answer)
    let cases = [
        ("3/a/full/max/0/default.png", (200, 100)),
        ("2/a/full/full/0/default.png", (200, 100)),
        ("3/a.png/full/max/0/default.jpg", (200, 100)),
        ("3/in%20b%2Fc/full/400,/0/color.jpg", (400, 300)),
        ("2/a/square/50,/0/default.jpg", (50, 50)),
        ("3/a/pct:0,0,50,50/max/90/default.png", (50, 100)),
        ("3/a/full/%2150,50/0/gray.png", (50, 25)),
    ];
    for (path, size) in cases {
        let image = server.image(&format!("/iiif/{path}"));
        assert_eq!((image.width(), image.height()), size, "{path}");
    }
    let part = server
        .image("/iiif/3/a/30,40,20,10/max/0/default.png")
        .to_rgb8();
    assert_eq!(part.get_pixel(0, 0).0, [30, 40, 90]);
    assert_eq!(
        server
            .image("/iiif/3/a/full/max/0/gray.png")
            .color()
            .channel_count(),
        1
    );
}

#[test]
fn what_cannot_be_had_is_refused_with_status_and_reason() {
    let work = folder();
    work.write("secret.png", picture(3, 3));
    let server = Serving::start(&work, &["pictures"]);
    let cases = [
        ("GET", "/iiif/3/b/info.json", 404, "no image is called `b`"),
        (
            "GET",
            "/iiif/3/..%2Fsecret/info.json",
            404,
            "no image is called",
        ),
        (
            "GET",
            "/iiif/3/..%2Fsecret.png/full/max/0/default.png",
            404,
            "no image is called",
        ),
        (
            "GET",
            "/iiif/3/a/full/full/0/default.jpg",
            400,
            "size is `full`",
        ),
        ("GET", "/iiif/3/a/full/max/0", 400, "region/size/rotation"),
        (
            "GET",
            "/iiif/3/a/full/201,/0/default.jpg",
            400,
            "`^` is needed",
        ),
        (
            "GET",
            "/iiif/3/a/300,0,1,1/max/0/default.jpg",
            400,
            "outside 200 x 100",
        ),
        ("GET", "/iiif/3/a/full/max/45/default.jpg", 501, "rotations"),
        ("GET", "/iiif/3/a/full/max/0/default.webp", 501, "webp"),
        ("GET", "/iiif/3/%ff/info.json", 400, "UTF-8"),
        (
            "GET",
            "/iiif/presentation/3/none/manifest.json",
            404,
            "no such document",
        ),
        ("GET", "/elsewhere", 404, "nothing is here"),
        ("POST", "/iiif/3/a/info.json", 405, "POST is not offered"),
    ];
    for (method, path, status, says) in cases {
        let got = server.ask(method, path, "");
        let body = String::from_utf8_lossy(&got.body).into_owned();
        assert_eq!(got.status, status, "{path}: {body}");
        assert!(body.contains(says), "{path}: {body}");
        assert_eq!(got.headers["access-control-allow-origin"], "*", "{path}");
    }
}

#[test]
fn info_names_the_picture_and_the_base_leads_to_it() {
    let work = folder();
    let server = Serving::start(&work, &["pictures"]);
    let redirect = server.get("/iiif/3/in%20b%2Fc");
    assert_eq!(
        (redirect.status, redirect.headers["location"].as_str()),
        (303, "http://pictures.example/iiif/3/in%20b%2Fc/info.json")
    );
    let info = server.json("/iiif/3/in%20b%2Fc/info.json");
    assert_eq!(info["id"], "http://pictures.example/iiif/3/in%20b%2Fc");
    assert_eq!(
        (&info["width"], &info["height"], &info["type"]),
        (&json!(1600), &json!(1200), &json!("ImageService3"))
    );
    assert_eq!(info.get("maxWidth"), None);
    let info = server.json("/iiif/2/a/info.json");
    assert_eq!(
        (&info["@id"], &info["profile"][0]),
        (
            &json!("http://pictures.example/iiif/2/a"),
            &json!("http://iiif.io/api/image/2/level2.json")
        )
    );
    let plain = server.get("/iiif/2/a/info.json");
    let linked = server.ask(
        "GET",
        "/iiif/2/a/info.json",
        "accept: application/ld+json\r\n",
    );
    assert_eq!(
        (
            &*plain.headers["content-type"],
            &*linked.headers["content-type"]
        ),
        ("application/json", "application/ld+json")
    );
    let head = server.ask("HEAD", "/iiif/3/a/full/max/0/default.png", "");
    assert_eq!(
        (head.status, head.body.len(), &*head.headers["content-type"]),
        (200, 0, "image/png")
    );
}

#[test]
fn max_size_is_declared_and_held_unless_it_is_a_secret() {
    let work = folder();
    let server = Serving::start(&work, &["pictures", "--max-size", "1000"]);
    assert_eq!(
        server.json("/iiif/3/in%20b%2Fc/info.json")["maxWidth"],
        1000
    );
    assert_eq!(
        server.json("/iiif/2/in%20b%2Fc/info.json")["profile"][1]["maxWidth"],
        1000
    );
    assert_eq!(
        server
            .get("/iiif/2/in%20b%2Fc/full/full/0/default.jpg")
            .status,
        400
    );
    assert_eq!(
        server
            .image("/iiif/3/in%20b%2Fc/full/max/0/default.jpg")
            .width(),
        1000
    );
    let server = Serving::start(
        &work,
        &["pictures", "--max-size", "1000", "--undeclared-limit"],
    );
    assert_eq!(
        server.json("/iiif/3/in%20b%2Fc/info.json").get("maxWidth"),
        None
    );
    for (size, width, height) in [
        ("full", 1000, 750),
        ("1600,1200", 1000, 1000),
        ("1600,", 1000, 750),
        ("800,600", 800, 600),
    ] {
        let image = server.image(&format!("/iiif/2/in%20b%2Fc/full/{size}/0/default.jpg"));
        assert_eq!((image.width(), image.height()), (width, height), "{size}");
    }
}

fn set() -> Workdir {
    let work = folder();
    let image = |id: &str, band: &str, boxes: Value| {
        json!({"id": id, "image": {}, "group": "MS 1", "frame": [400, 200], "localizations": boxes, "labels": [],
            "metadata": {"Side": ["recto"]},
            "source": {"kind": "x", "canvas": "r", "rights": "http://rights.example/", "attribution": "Someone",
                "labels": {"manifest": "Manuscript 1", "canvas": "Recto", "image": band}}})
    };
    let boxes = json!([
        {"id": "l1", "concept": "aleph", "bbox": [10, 20.5, 30, 40], "attributes": {"text": "A"}},
        {"id": "http://x.example/l2", "concept": "bet", "bbox": [0, 0, 9, 9], "polygon": [[0, 0], [9, 0], [9, 9]]},
    ]);
    let images = [
        image("n", "NIR", boxes.clone()),
        image("c", "Colour", boxes),
        image("other", "NIR", json!([])),
        image("gone", "NIR", json!([])),
    ];
    work.write_json(
        "set.json",
        &json!({"contract": "recto/localizations", "version": 1, "images": images}),
    );
    work.write_json(
        "image_map.json",
        &json!({"n": "pictures/a.png", "c": "pictures/a.png", "other": "pictures/in b/c.png"}),
    );
    work
}

#[test]
fn a_set_is_a_collection_of_manifests_with_choices_and_boxes() {
    let work = set();
    let server = Serving::start(
        &work,
        &["set.json", "--base-url", "http://scrolls.example/"],
    );
    let collection = server.json("/iiif/presentation/3/collection.json");
    assert_eq!(
        collection["items"],
        json!([{"id": "http://scrolls.example/iiif/presentation/3/MS%201/manifest.json", "type": "Manifest", "label": {"none": ["Manuscript 1"]}}])
    );
    let manifest = server.json("/iiif/presentation/3/MS%201/manifest.json");
    assert_eq!(
        (&manifest["rights"], &manifest["requiredStatement"]["value"]),
        (
            &json!("http://rights.example/"),
            &json!({"none": ["Someone"]})
        )
    );
    let canvases = manifest["items"].as_array().unwrap();
    // Two bands with the same boxes are one canvas; the one without boxes stands alone.
    assert_eq!(canvases.len(), 2);
    assert_eq!(
        (&canvases[0]["width"], &canvases[0]["height"]),
        (&json!(400), &json!(200))
    );
    assert_eq!(
        canvases[0]["metadata"],
        json!([{"label": {"none": ["Side"]}, "value": {"none": ["recto"]}}])
    );
    let choice = &canvases[0]["items"][0]["items"][0]["body"];
    assert_eq!(
        (&choice["type"], &choice["items"][1]["label"]),
        (&json!("Choice"), &json!({"none": ["Colour"]}))
    );
    assert_eq!(
        choice["items"][0]["service"][0]["id"],
        "http://scrolls.example/iiif/3/n"
    );
    assert_eq!(choice["items"][0]["width"], 200);
    let page = canvases[0]["annotations"][0]["id"].as_str().unwrap();
    let page = server.json(page.strip_prefix("http://scrolls.example").unwrap());
    let canvas = canvases[0]["id"].as_str().unwrap();
    let first = &page["items"][0];
    assert_eq!(
        (&first["motivation"], &first["target"]),
        (
            &json!("tagging"),
            &json!(format!("{canvas}#xywh=10,20.5,30,40"))
        )
    );
    assert_eq!(
        first["body"][0],
        json!({"type": "TextualBody", "purpose": "tagging", "value": "aleph"})
    );
    assert_eq!(first["body"][1]["value"], "A");
    let second = &page["items"][1];
    assert_eq!(
        (&second["id"], &second["target"]["source"]),
        (&json!("http://x.example/l2"), &json!(canvas))
    );
    assert!(
        second["target"]["selector"]["value"]
            .as_str()
            .unwrap()
            .contains("points=\"0,0 9,0 9,9\"")
    );
    assert_eq!(canvases[1].get("annotations"), None);
}

#[test]
fn it_says_where_it_listens_and_stops_when_told() {
    let work = set();
    let server = Serving::start(&work, &["set.json", "--report", "report.json"]);
    let (code, out, err) = server.stop();
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    assert!(
        err.contains("3 images in 1 manifests")
            && err.contains("1 images are not in the image map"),
        "{err}"
    );
    let report = work.json("report.json");
    assert_eq!(
        (&report["seen"], &report["kept"], &report["filtered"]),
        (&json!(4), &json!(3), &json!(1))
    );
    let (_, _, err) = Serving::start(&work, &["pictures", "--quiet"]).stop();
    assert_eq!(err, "");
}

#[test]
fn a_file_that_is_no_image_is_left_out_and_said() {
    let work = folder();
    work.write("pictures/broken.jpg", "<html>not here</html>");
    let server = Serving::start(&work, &["pictures"]);
    assert_eq!(server.get("/iiif/3/broken/info.json").status, 404);
    let (code, _, err) = server.stop();
    assert_eq!(code, 3, "{err}");
    assert!(
        err.contains("left out broken.jpg: not an image that can be read"),
        "{err}"
    );
    assert_eq!(
        Serving::start(&work, &["pictures", "--partial-ok"])
            .stop()
            .0,
        0
    );
}

#[test]
fn what_cannot_start_says_why() {
    let work = set();
    work.write("bad.json", "{\n  \"contract\": 3\n}");
    work.write_json("map.json", &json!(["a"]));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    let cases: [(&[&str], i32, &str); 8] = [
        (&["nowhere"], 1, "nowhere: no such file"),
        (&["bad.json"], 1, "bad.json:2:"),
        (
            &["set.json", "--image-map", "no.json"],
            1,
            "no.json: no such file",
        ),
        (&["set.json", "--image-map", "map.json"], 1, "map.json:1:"),
        (
            &["pictures", "--image-map", "image_map.json"],
            2,
            "not with a folder",
        ),
        (&["pictures", "--undeclared-limit"], 2, "--max-size"),
        (&["pictures", "--base-url", "scrolls"], 2, "is not a URL"),
        (
            &["pictures", "--listen", &port],
            1,
            "--listen 127.0.0.1:0 takes any free port",
        ),
    ];
    for (args, code, says) in cases {
        work.run("serve", args).exits(code).says(&[says]);
    }
}
