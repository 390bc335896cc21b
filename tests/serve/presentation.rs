//! The Presentation API: collections, manifests, annotations.

use serde_json::json;

use crate::running::{Serving, set};

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
