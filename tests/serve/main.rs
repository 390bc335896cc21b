//! `recto-serve` as a program: what it answers over HTTP, what it refuses, how it starts and stops.

mod auth;
mod avif;
mod cache;
mod cut;
mod exif;
mod flow;
mod images;
mod keys;
#[cfg(target_os = "linux")]
mod messages;
mod operations;
mod pages;
mod pdf;
mod prepare;
mod presentation;
mod presets;
mod proxies;
mod redis;
mod review;
mod review_file;
mod robust;
mod rules;
mod running;
mod sources;
mod tiffs;

use running::{Serving, folder, set};
use serde_json::json;

#[test]
fn it_says_where_it_listens_and_stops_when_told() {
    let work = set();
    let server = Serving::start(&work, &["set.json", "--report", "report.json"]);
    let (code, out, err) = server.stop();
    assert_eq!((code, out.as_str()), (0, ""), "{err}");
    assert!(
        err.contains("3 images in 1 manifest") && err.contains("1 image is not in the image map"),
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
fn links_that_lead_out_of_the_folder_are_left_out_unless_they_are_wanted() {
    let work = folder();
    work.write("elsewhere/out.png", running::picture(6, 4));
    let link = |to: &str, name: &str| {
        std::os::unix::fs::symlink(work.path(to), work.path(name)).unwrap();
    };
    link("elsewhere/out.png", "pictures/out.png");
    link("pictures/a.png", "pictures/within.png");
    let server = Serving::start(&work, &["pictures"]);
    let status = |server: &Serving, id: &str| server.get(&format!("/iiif/3/{id}/info.json")).status;
    assert_eq!(
        (status(&server, "out"), status(&server, "within")),
        (404, 200)
    );
    let (code, _, err) = server.stop();
    assert!(
        code == 3 && err.contains("leads out of the folder; --follow-links"),
        "{err}"
    );
    let server = Serving::start(&work, &["pictures", "--follow-links"]);
    assert_eq!(status(&server, "out"), 200);
}

#[test]
fn what_cannot_start_says_why() {
    let work = set();
    work.write("bad.json", "{\n  \"contract\": 3\n}");
    work.write_json("map.json", &json!(["a"]));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    let cases: [(&[&str], i32, &str); 10] = [
        (&["set.json", "--review", "set.json"], 2, "is an input"),
        (
            &["set.json", "--review", "map.json"],
            1,
            "map.json: not a valid file of reviews",
        ),
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
            "not a folder",
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
