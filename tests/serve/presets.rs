//! Derivatives with names, and URLs without a server.

use serde_json::json;

use crate::auth::{ANNA, BEN, RULES, started};
use crate::running::{Serving, folder, set};

#[test]
fn presets_lead_to_requests_that_answer_what_they_say() {
    let work = folder();
    let server = Serving::start(&work, &["pictures"]);
    let base = "http://pictures.example/iiif/3/in%20b%2Fc/";
    // (preset, where it leads, size of what is there)
    let cases = [
        ("Original", "full/max/0/default.jpg", (1600, 1200)),
        ("Presentation", "full/1280,960/0/default.jpg", (1280, 960)),
        ("facebook", "full/1200,900/0/default.jpg", (1200, 900)),
        (
            "Twitter",
            "0,200,1600,800/440,220/0/default.jpg",
            (440, 220),
        ),
        (
            "Instagram",
            "200,0,1200,1200/1080,1080/0/default.jpg",
            (1080, 1080),
        ),
        (
            "YouTube",
            "0,125,1600,950/1280,760/0/default.jpg",
            (1280, 760),
        ),
    ];
    for (name, to, size) in cases {
        let got = server.get(&format!("/iiif/preset/{name}/in%20b%2Fc"));
        assert_eq!(
            (got.status, &got.headers["location"]),
            (302, &format!("{base}{to}")),
            "{name}"
        );
        let image = server.image(&format!("/iiif/3/in%20b%2Fc/{to}"));
        assert_eq!((image.width(), image.height()), size, "{name}");
    }
    for (path, status, says) in [
        (
            "/iiif/preset/Poster/a",
            404,
            "the presets are Facebook, Instagram",
        ),
        ("/iiif/preset/Poster", 404, "no preset is called `Poster`"),
        (
            "/iiif/preset/Twitter/none",
            404,
            "no image is called `none`",
        ),
    ] {
        let got = server.get(path);
        let body = String::from_utf8_lossy(&got.body).into_owned();
        assert!(
            got.status == status && body.contains(says),
            "{path}: {body}"
        );
    }
    std::fs::remove_file(work.path("pictures/a.png")).unwrap();
    assert_eq!(server.get("/iiif/preset/Twitter/a").status, 404);
}

#[test]
fn presets_are_configured_listed_and_linked() {
    let work = set();
    work.write(
        "serve.toml",
        "[presets.Facebook]\noffered = false\n\n[presets.Card]\nwidth = 300\nheight = 300\nfit = \"pad\"\n\
         format = \"png\"\nquality = \"gray\"\nbackground = \"#102030\"\n",
    );
    let server = Serving::start(&work, &["set.json", "-c", "serve.toml"]);
    let listed = server.json("/iiif/preset.json");
    let names: Vec<_> = listed["presets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["name"])
        .collect();
    assert_eq!(
        json!(names),
        json!([
            "Card",
            "Instagram",
            "Original",
            "Presentation",
            "Twitter",
            "YouTube"
        ])
    );
    let card = server.json("/iiif/preset/card");
    assert_eq!(
        (&card["fit"], &card["background"], &card["quality"]),
        (&json!("pad"), &json!("#102030"), &json!("gray"))
    );
    assert_eq!(
        card["images"][0],
        json!({"id": "n", "url": "http://pictures.example/iiif/preset/Card/n"})
    );
    assert_eq!(server.get("/iiif/preset/Facebook/n").status, 404);
    let links = server.json("/pages/image/n.json")["presets"].clone();
    assert_eq!(links[0], json!(["Card", "iiif/preset/Card/n"]));
    assert_eq!(
        server.json("/pages/images.json")["presets"][1],
        json!(["Instagram", "iiif/preset/Instagram/{segment}"])
    );

    let laid = server.image("/iiif/preset/Card/n").to_rgb8();
    assert_eq!(laid.dimensions(), (300, 300));
    // 200 x 100 in the middle: the mat around, the picture in grey inside.
    for at in [
        (0, 0),
        (299, 299),
        (49, 150),
        (150, 99),
        (250, 150),
        (150, 200),
    ] {
        assert_eq!(laid.get_pixel(at.0, at.1).0, [0x10, 0x20, 0x30], "{at:?}");
    }
    let [r, g, b] = laid.get_pixel(150, 150).0;
    assert!(r == g && g == b, "{r} {g} {b}");
    let got = server.get("/iiif/preset/Card/n");
    assert_eq!(got.headers["content-type"], "image/png");
    let again = server.ask(
        "GET",
        "/iiif/preset/Card/n",
        &format!("if-none-match: {}\r\n", got.headers["etag"]),
    );
    assert_eq!(again.status, 304);
}

#[test]
fn a_configuration_that_makes_no_sense_is_named_by_its_place() {
    let work = folder();
    for (text, says) in [
        (
            "[presets.A]\nwidth = 0\n",
            "c.toml:1:1: `width` and `height` are 1 to 65535 pixels",
        ),
        (
            "\n[presets.A]\nwidht = 9\n",
            "c.toml:3:1: unknown field `widht`",
        ),
        (
            "[presets.\"a/b\"]\n",
            "`a/b` is not a valid name of a preset",
        ),
    ] {
        work.write("c.toml", text);
        let code = if text.contains('/') { 2 } else { 1 };
        work.run("serve", &["pictures", "-c", "c.toml"])
            .exits(code)
            .says(&[says]);
    }
}

#[test]
fn urls_are_printed_without_a_server() {
    let work = set();
    let base = "https://images.example/x";
    let cases: [(&[&str], &str, &str); 8] = [
        (
            &[],
            "3/n/full/max/0/default.jpg",
            "2/n/full/full/0/default.jpg",
        ),
        (
            &["--size", "100,"],
            "3/n/full/100,50/0/default.jpg",
            "2/n/full/100,/0/default.jpg",
        ),
        (
            &["--region", "square", "--rotation", "!90"],
            "3/n/50,0,100,100/max/!90/default.jpg",
            "2/n/50,0,100,100/full/!90/default.jpg",
        ),
        (
            &["--quality", "gray", "--format", "png"],
            "3/n/full/max/0/gray.png",
            "2/n/full/full/0/gray.png",
        ),
        (
            &["--size", "^400,"],
            "3/n/full/^400,200/0/default.jpg",
            "2/n/full/400,/0/default.jpg",
        ),
        (
            &["--preset", "twitter"],
            "3/n/full/max/0/default.jpg",
            "2/n/full/full/0/default.jpg",
        ),
        (&["--info"], "3/n/info.json", "2/n/info.json"),
        (
            &["--manifest"],
            "presentation/3/MS%201/manifest.json",
            "presentation/2/MS%201/manifest.json",
        ),
    ];
    for (args, third, second) in cases {
        let all = [
            &["set.json", "--base-url", base, "--url", "n", "--quiet"],
            args,
        ]
        .concat();
        let run = work.run("serve", &all);
        run.exits(0);
        assert_eq!(
            run.stdout(),
            format!("{base}/iiif/{third}\n{base}/iiif/{second}\n"),
            "{args:?}"
        );
    }
    let near = work.run(
        "serve",
        &["set.json", "--url", "n", "--listen", "127.0.0.1:99"],
    );
    near.exits(0);
    assert!(near.stdout().starts_with("http://127.0.0.1:99/iiif/3/n/"));
}

#[test]
fn urls_of_what_is_not_offered_are_refused() {
    let work = set();
    work.write("pictures/odd.png", "no picture");
    let cases: [(&[&str], i32, &str); 9] = [
        (
            &["set.json", "--url", "gone"],
            1,
            "no image is called `gone`",
        ),
        (
            &["pictures", "--url", "odd.png"],
            1,
            "it was left out: not an image",
        ),
        (
            &["set.json", "--url", "n", "--size", "201,"],
            1,
            "`^` is needed",
        ),
        (
            &["set.json", "--url", "n", "--size", "full"],
            1,
            "size is `full`",
        ),
        (
            &["set.json", "--url", "n", "--format", "jp2"],
            1,
            "format jp2 is not offered",
        ),
        (
            &["set.json", "--url", "n", "--region", "300,0,1,1"],
            1,
            "outside 200 x 100",
        ),
        (
            &[
                "set.json",
                "--url",
                "n",
                "--size",
                "100,",
                "--max-size",
                "50",
            ],
            1,
            "the limit is 50 x 50",
        ),
        (
            &["set.json", "--url", "n", "--preset", "Poster"],
            1,
            "no preset is called `Poster`",
        ),
        (&["set.json", "--size", "100,"], 2, "--url <ID>"),
    ];
    for (args, code, says) in cases {
        work.run("serve", args).exits(code).says(&[says]);
    }
}

#[test]
fn presets_show_no_more_than_the_rules_allow() {
    let card = "[presets.Card]\nwidth = 300\nheight = 300\nfit = \"pad\"\n";
    let (_work, server) = started(&format!("{card}{RULES}"), &[]);
    // path, then the status for nobody, for ben, who has no group, and for anna.
    let rows: [(&str, [u16; 3]); 8] = [
        ("Card/open", [200, 200, 200]),
        ("Card/small", [401, 403, 200]),
        ("Card/closed", [401, 403, 200]),
        ("Card/secret", [404, 404, 200]),
        ("Facebook/open", [302, 302, 302]),
        ("Facebook/small", [302, 302, 302]),
        ("Facebook/closed", [401, 403, 302]),
        ("Facebook/secret", [404, 404, 302]),
    ];
    for round in ["cold", "warm"] {
        for (path, statuses) in rows {
            for (who, status) in ["", BEN, ANNA].into_iter().zip(statuses) {
                let got = server.ask("GET", &format!("/iiif/preset/{path}"), who);
                assert_eq!(got.status, status, "{round} {path} {who}");
            }
        }
    }
    let listed = |who: &str| {
        let got = server.ask("GET", "/iiif/preset/Card", who);
        let document: serde_json::Value = serde_json::from_slice(&got.body).unwrap();
        document["images"].as_array().unwrap().len()
    };
    assert_eq!((listed(""), listed(ANNA)), (3, 4));
}

#[test]
fn what_is_prepared_is_there_for_all() {
    let rules = "[auth]\nderivatives = \"privileged\"\nprivileged = [\"group:staff\"]\n";
    let (work, server) = started(rules, &[]);
    let thumbnail = "/iiif/3/open/full/!400,400/0/default.jpg";
    assert_eq!(server.get(thumbnail).status, 401);
    drop(server);
    work.run("serve", &["set.json", "-c", "recto.toml", "--prepare"])
        .exits(0);
    let server = Serving::start(&work, &["set.json", "-c", "recto.toml"]);
    assert_eq!(server.get(thumbnail).status, 200);
    assert_eq!(
        server
            .get("/iiif/3/open/full/!401,401/0/default.jpg")
            .status,
        401
    );
}
