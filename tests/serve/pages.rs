//! Pages for people: what is sent to browsers, and corrections that come from them.

use serde_json::json;

use crate::running::{Serving, set};

const HTML: &str = "accept: text/html,*/*;q=0.8\r\n";

#[test]
fn browsers_get_pages_and_programs_the_collection() {
    let work = set();
    let server = Serving::start(&work, &["set.json"]);
    assert_eq!(server.get("/").status, 303);
    // Accept, and whether the client would rather have the page.
    for (accept, status) in [
        ("text/html", 200),
        ("text/html, application/json", 200),
        ("text/html;q=0.5, application/json;q=0.4", 200),
        ("*/*", 303),
        ("application/json", 303),
        ("text/html;q=0.1, application/json", 303),
        ("application/ld+json, text/html;q=0.5", 303),
        ("text/html;q=0, */*", 303),
        ("text/html;q=0.5, */*", 303),
    ] {
        let got = server.ask("GET", "/", &format!("accept: {accept}\r\n"));
        assert_eq!(got.status, status, "{accept}");
        let mut vary = got.headers["vary"].split(", ");
        assert!(vary.any(|name| name == "accept"), "{accept}");
    }
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
    let first = &image["boxes"][0];
    assert_eq!(
        (&first["id"], &first["bbox"], &first["polygon"]),
        (&json!("l1"), &json!([10, 20.5, 30, 40]), &json!(null))
    );
    assert_eq!(first["attributes"], json!({"text": "A"}));
    assert_eq!(
        server.json("/pages/boxes/c.json")["boxes"][0],
        json!(["aleph", 0.025, 0.1025, 0.075, 0.2, false])
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
    for path in ["/pages/image/none.json", "/pages/boxes/none.json"] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
}

/// Names and places of the classes, as the pages give them colours and keys.
fn classes(server: &Serving) -> Vec<(String, u64, u64)> {
    let listed = server.json("/pages/classes.json")["classes"].clone();
    let one = |class: &serde_json::Value| {
        let number = |name: &str| class[name].as_u64().unwrap();
        let name = class["name"].as_str().unwrap().to_owned();
        (name, number("order"), number("count"))
    };
    listed.as_array().unwrap().iter().map(one).collect()
}

#[test]
fn classes_are_those_of_the_list_the_set_and_its_taxonomy_in_this_order() {
    let work = set();
    let held = |name: &str, order, count| (name.to_owned(), order, count);
    let server = Serving::start(&work, &["set.json"]);
    assert_eq!(classes(&server), [held("aleph", 0, 2), held("bet", 1, 2)]);
    let mut with_taxonomy = work.json("set.json");
    with_taxonomy["taxonomy"] = json!({"bet": {"lineage": [{"name": "letter"}, {"name": "bet"}]}});
    work.write_json("taxonomy.json", &with_taxonomy);
    work.write("classes.txt", "gimel\nbet\n");
    let args = ["taxonomy.json", "--classes", "classes.txt"];
    let server = Serving::start(&work, &args);
    assert_eq!(
        classes(&server),
        [held("gimel", 0, 0), held("bet", 1, 2), held("aleph", 2, 2)]
    );
    work.write("none.txt", "");
    work.run("serve", &["set.json", "--classes", "none.txt"])
        .exits(1)
        .says(&["none.txt: "]);
}
