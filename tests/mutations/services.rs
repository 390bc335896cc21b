//! Answers of M3 and FathomNet: a source searches a sound service, one of whose answers is damaged.

use std::collections::HashMap;

use recto::error::Error;
use recto::sources::fathomnet::{FathomNet, FathomNetOptions};
use recto::sources::m3::config::{ServiceUrl, ServiceUrls};
use recto::sources::m3::{M3, M3Options};
use recto::sources::{Answer, ConceptOptions, DocumentRequest, FetchFailure, Found, Source};
use recto_testkit::m3::{self, Lab};
use recto_testkit::mutation::{self, Random};
use recto_testkit::server::{Answer as Reply, Arrived};
use serde_json::{Value, json};

/// The most documents of a search. A damaged answer may lead to many more than a sound one; that ends it, too.
const MOST: usize = 200;

/// What a source finds, and the answers to its requests, in their order. A service gives the body of an answer; none for
/// 404.
fn search(
    source: &dyn Source,
    service: impl Fn(&DocumentRequest) -> Option<Vec<u8>>,
) -> Result<(Found, Vec<Answer>), Error> {
    let (mut all, mut answers) = (Found::default(), Vec::new());
    let mut waiting = source.first();
    while let Some(request) = waiting.pop().filter(|_| answers.len() < MOST) {
        let found = match service(&request) {
            Some(bytes) => {
                let url = request.location.clone();
                answers.push(Answer {
                    media_type: None,
                    request,
                    url,
                    bytes,
                });
                source.read(&answers[answers.len() - 1])?
            }
            None => {
                let failure = FetchFailure {
                    status: Some(404),
                    problem: "not found (HTTP 404)".into(),
                    ..FetchFailure::default()
                };
                source.failed(&request, &failure)?.unwrap_or_default()
            }
        };
        waiting.extend(found.next.clone());
        all.extend(found);
    }
    Ok((source.finish(all), answers))
}

/// Searches a service again and again, each time with one of its answers damaged.
fn damage(
    cases: u64,
    source: impl Source + Send + 'static,
    service: impl Fn(&DocumentRequest) -> Option<Vec<u8>> + Send + 'static,
) {
    let (found, answers) = search(&source, &service).unwrap();
    assert!(found.observations.len() > 1 && answers.len() > 2 && answers.len() < MOST);
    // An input is the request and its answer, with a line end between.
    let key = |request: &DocumentRequest| {
        let body = request.body.as_deref().unwrap_or_default();
        format!("{} {body}", request.location)
    };
    let sound: HashMap<String, Value> = answers
        .iter()
        .map(|a| (key(&a.request), serde_json::from_slice(&a.bytes).unwrap()))
        .collect();
    let mut sound: Vec<(String, Value)> = sound.into_iter().collect();
    sound.sort_by(|a, b| a.0.cmp(&b.0));
    let make = move |random: &mut Random| {
        let (key, answer) = random.choose(&sound).clone();
        let damaged = mutation::json(&answer, random);
        [key.as_bytes(), b"\n", &damaged].concat()
    };
    let takes = move |input: &[u8]| {
        let end = input.iter().position(|byte| *byte == b'\n').unwrap();
        let (of, damaged) = (&input[..end], &input[end + 1..]);
        let service = |request: &DocumentRequest| match key(request).as_bytes() == of {
            true => Some(damaged.to_vec()),
            false => service(request),
        };
        match search(&source, service) {
            Ok((found, _)) => {
                let is_told = |problem: &str| !problem.trim().is_empty();
                assert!(found.rejects.iter().all(|reject| is_told(&reject.problem)));
                found.rejects.is_empty() && !found.observations.is_empty()
            }
            Err(error) => {
                assert!(error.to_string().len() > 10, "`{error}` says nothing");
                false
            }
        }
    };
    mutation::check(cases, make, takes).is_mixed();
}

fn concepts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn answers_of_m3() {
    let png = |n: usize| m3::reference(n, "png", "the best");
    let lab = Lab {
        rows: vec![
            m3::row(1, 1, "Nanomia", &[png(1)], &[m3::boxed(1, 1)]),
            m3::row(2, 2, "Nanomia bijuga", &[png(2)], &[m3::boxed(2, 9)]),
            m3::row(3, 2, "Apolemia", &[png(2)], &[m3::boxed(3, 2)]),
        ],
        references: vec![png(9)],
        videos: vec![
            json!({"video_reference_uuid": m3::uuid('v', 1), "video_sequence_name": "Doc Ricketts 1",
            "camera_id": "Doc Ricketts", "width": 1920, "height": 1080}),
        ],
        cap: 2,
        ..Lab::default()
    };
    let service = |name: &str, path: &str| ServiceUrl {
        url: format!("http://lab.example{path}"),
        name: name.into(),
        is_named: true,
    };
    let services = ServiceUrls {
        anno: service("anno", "/anno/v1"),
        images: service("images", "/anno/v1/fast/concept/images"),
        moments: service("moments", "/anno/v1/imagedmoments"),
        references: service("references", "/anno/v1/imagereferences"),
        kb: Some(service("kb", "/kb/v1")),
        trees: Some(service("trees", "/kb/v1/phylogeny/down")),
        vam: Some(service("vam", "/vam/v1")),
        raziel: None,
    };
    let query = ConceptOptions {
        descendants: true,
        all: true,
        ..ConceptOptions::default()
    };
    let names = concepts(&["Siphonophorae"]);
    let source = M3::new(names, query, services, M3Options::default()).unwrap();
    let answers = move |request: &DocumentRequest| {
        let arrived = Arrived {
            method: if request.body.is_some() {
                "POST"
            } else {
                "GET"
            }
            .into(),
            path: request
                .location
                .strip_prefix("http://lab.example")?
                .to_owned(),
            headers: HashMap::from([("host".to_owned(), "lab.example".to_owned())]),
            body: request.body.clone().unwrap_or_default().into_bytes(),
        };
        match lab.answer(&arrived) {
            Reply::Full(200, _, body) => Some(body),
            _ => None,
        }
    };
    damage(500, source, answers);
}

#[test]
fn answers_of_fathomnet() {
    let boxed = |n: usize, concept: &str| {
        json!({"id": n, "uuid": format!("box-{n}"), "concept": concept, "altConcept": null, "x": n, "y": 2,
            "width": 10, "height": 8, "observer": "someone", "reviewState": "VERIFIED", "rejected": false})
    };
    let image = |n: usize, boxes: Value| {
        json!({"id": n, "uuid": format!("image-{n}"), "url": format!("https://pictures.example/{n}.png"), "width": 64,
            "height": 48, "timestamp": "2020-01-02T00:00:00Z", "depthMeters": 100.5, "sha256": format!("{n:064X}"),
            "tags": [{"key": "source", "value": "reef"}], "boundingBoxes": boxes})
    };
    let images = [
        image(1, json!([boxed(1, "Nanomia"), boxed(2, "Apolemia")])),
        image(2, json!([boxed(3, "Nanomia")])),
        image(3, json!([boxed(4, "Apolemia")])),
    ];
    let answers = move |request: &DocumentRequest| {
        let path = request.location.strip_prefix("http://fish.example")?;
        let answer = match path {
            "/api/images/query" => {
                let query: Value = serde_json::from_str(request.body.as_deref()?).ok()?;
                let number = |key: &str| Some(query[key].as_u64()? as usize);
                let has = |image: &&Value| {
                    let mut boxes = image["boundingBoxes"].as_array().into_iter().flatten();
                    boxes.any(|b| b["concept"] == query["concept"])
                };
                let page = images.iter().filter(has).skip(number("offset")?);
                page.take(number("limit")?.min(1)).cloned().collect()
            }
            "/api/taxa/query/fathomnet/Siphonophorae" => {
                json!([{"name": "Nanomia", "rank": "Genus"}, {"name": "Apolemia", "rank": "Genus"}])
            }
            "/worms/taxa/ancestors/Nanomia" => {
                json!({"name": "Animalia", "rank": "Kingdom", "children": [{"name": "Siphonophorae", "rank": "Order",
                    "children": [{"name": "Nanomia", "rank": "Genus", "alternateNames": ["Stephanomia"]}]}]})
            }
            "/api/taxa/query/parent/fathomnet/Apolemia" => {
                json!({"name": "Siphonophorae", "rank": "Order"})
            }
            "/api/boundingboxes/list/concepts" => json!(["Apolemia", "Nanomia"]),
            _ => return None,
        };
        Some(answer.to_string().into_bytes())
    };
    let source = FathomNet {
        concepts: concepts(&["Siphonophorae"]),
        query: ConceptOptions {
            descendants: true,
            all: true,
            ..ConceptOptions::default()
        },
        options: FathomNetOptions {
            base: Some("http://fish.example/api".into()),
            ..FathomNetOptions::default()
        },
    };
    damage(500, source, answers);
}
