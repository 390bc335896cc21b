//! Pages for people: what is sent to browsers, and corrections that come from them.

use serde_json::json;

use crate::running::{Serving, set};

const HTML: &str = "accept: text/html,*/*;q=0.8\r\n";

#[test]
fn browsers_get_pages_and_programs_the_collection() {
    let work = set();
    let server = Serving::start(&work, &["set.json"]);
    assert_eq!(server.get("/").status, 303);
    let link = regex::Regex::new(r#"(?:src|href)="([^"]+)""#).unwrap();
    for (path, title) in [
        ("/", "<title>Images</title>"),
        ("/view/n", "<title>Image</title>"),
    ] {
        let page = server.ask("GET", path, HTML);
        let text = String::from_utf8(page.body).unwrap();
        assert!(page.status == 200 && text.contains(title), "{path}");
        let policy = &page.headers["content-security-policy"];
        assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"));
        // Everything comes from here.
        for found in link.captures_iter(&text) {
            let target = found[1].trim_start_matches("../").trim_start_matches("./");
            assert!(!target.contains("//"), "{target}");
            if target.starts_with("assets/") {
                assert_eq!(server.get(&format!("/{target}")).status, 200, "{target}");
            }
        }
    }
    assert_eq!(server.ask("GET", "/view/nothing", HTML).status, 404);
    assert_eq!(server.get("/assets/../Cargo.toml").status, 404);
    let etag = server.get("/assets/viewer.js").headers["etag"].clone();
    let held = format!("if-none-match: {etag}\r\n");
    assert_eq!(server.ask("GET", "/assets/viewer.js", &held).status, 304);
}

#[test]
fn pages_know_what_is_said_of_each_image() {
    let work = set();
    let server = Serving::start(
        &work,
        &["set.json", "--base-url", "http://scrolls.example/deep"],
    );
    let images = server.json("/pages/images.json")["images"].clone();
    assert_eq!(images.as_array().unwrap().len(), 3);
    assert_eq!(
        (
            &images[0]["segment"],
            &images[0]["groupLabel"],
            &images[0]["concepts"]
        ),
        (
            &json!("n"),
            &json!("Manuscript 1"),
            &json!({"aleph": 1, "bet": 1})
        )
    );
    let image = server.json("/pages/image/c.json");
    assert_eq!(
        image["boxes"][0],
        json!({"id": "l1", "concept": "aleph", "bbox": [10, 20.5, 30, 40], "polygon": null})
    );
    assert_eq!(image["captures"], json!([["NIR", "n"], ["Colour", "c"]]));
    assert_eq!(
        (&image["previous"], &image["next"]),
        (&json!("n"), &json!("other"))
    );
    assert_eq!(
        (&image["frame"], &image["review"]),
        (&json!([400, 200]), &json!(false))
    );
    assert_eq!(
        image["manifest"],
        "iiif/presentation/3/MS%201/manifest.json"
    );
    assert_eq!(server.get("/pages/image/none.json").status, 404);
}
