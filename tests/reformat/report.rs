//! `report`: one HTML file that stands alone, as a reader of HTML sees it.

use recto_testkit::dataset::*;

fn page(more: &[&str]) -> String {
    let (work, _) = sample();
    reformat(&work, "report", more).exits(0);
    work.text("out/report.html")
}

#[test]
fn a_report_stands_alone_and_says_what_is_in_the_set() {
    let html = page(&[
        "--split",
        "train=0.5,test=0.5",
        "--near-duplicates",
        "report",
    ]);
    for part in [
        "Classes",
        "Splits",
        "Furthest from proportion",
        "Sizes of boxes",
        "Shapes of boxes",
        "Positions",
        "Images of a group",
        "Classes together",
        "Left out",
        "Images that look alike",
        "Samples",
    ] {
        assert!(html.contains(&format!(">{part}</h2>")), "{part}");
    }
    // Nothing from elsewhere, nothing that runs; names of classes are text.
    for (foreign, why) in [
        ("<script", "scripts"),
        ("src=\"http", "files"),
        ("url(", "style"),
        ("<link", "links"),
        ("<a & b>", "names"),
    ] {
        assert!(!html.contains(foreign), "{why}");
    }
    assert!(html.contains("&lt;a &amp; b&gt;") && html.is_ascii());
    assert_eq!(html.matches("<figure>").count(), 4);
    assert_eq!(html.matches("data:image/jpeg;base64,").count(), 4);
    assert_eq!(
        html.matches("<rect").count() - html.matches("fill-opacity").count(),
        11
    );
    // Every element that is opened is closed.
    for name in [
        "section", "table", "tr", "th", "td", "svg", "figure", "details", "div", "bdi", "span",
    ] {
        let opened =
            html.matches(&format!("<{name}>")).count() + html.matches(&format!("<{name} ")).count();
        assert_eq!(
            opened,
            html.matches(&format!("</{name}>")).count(),
            "{name}"
        );
    }
}

#[test]
fn a_report_can_be_a_single_file_with_fewer_samples() {
    let (work, _) = sample();
    let call = [
        "localizations.json",
        "-f",
        "report",
        "-o",
        "look.html",
        "--sheet-images",
        "2",
    ];
    work.run("reformat", &call).exits(0);
    let html = work.text("look.html");
    assert_eq!(html.matches("<figure>").count(), 2);
    assert!(html.contains("not looked for: --near-duplicates report does"));
}

#[test]
fn records_that_were_left_out_are_in_the_report() {
    let work = one(
        [100, 100],
        [100, 100],
        vec![
            boxed("a", "x", [0.0, 0.0, 9.0, 9.0]),
            boxed("b", "x", [300.0, 0.0, 9.0, 9.0]),
        ],
    );
    reformat(&work, "report", &[]).exits(3);
    assert!(
        work.text("out/report.html")
            .contains("box is outside the image")
    );
}
