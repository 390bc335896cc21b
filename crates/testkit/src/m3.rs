//! A laboratory's M3 on loopback: annosaurus, knowledge base and vampire-squid as `docs/from-m3-download.md`
//! describes them, with the vices that a test asks for.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::server::{Answer, Arrived, Server};

/// What answers instead of the services, by the request and how often its path was requested before.
pub type Fault = dyn Fn(&Arrived, usize) -> Option<Answer> + Send + Sync;

/// What the services know. `HOME` in any text is the address of the server.
pub struct Lab {
    /// The tree of concepts.
    pub tree: Value,
    /// Observations in the flat form.
    pub rows: Vec<Value>,
    /// Image references that only `imagereferences/{uuid}` knows the address of.
    pub references: Vec<Value>,
    /// Videos of vampire-squid.
    pub videos: Vec<Value>,
    /// The most rows of a page, whatever is asked for.
    pub cap: usize,
    /// What the counts say beside the truth.
    pub overcount: u64,
    /// Whether a `/` in a name is lost on the way, as behind some proxies.
    pub loses_slashes: bool,
    /// Whether names of members are in camel case, as some deployments give them.
    pub camel: bool,
    /// Whether lists come as pages in objects, of names too: `{"content": […], "limit", "offset"}`.
    pub wrapped: bool,
    /// The most rows that may be requested at a time; more is refused. None: any number.
    pub refuses_above: Option<usize>,
    /// What answers instead; see [`Lab::with_fault`].
    pub fault: Box<Fault>,
}

impl Default for Lab {
    fn default() -> Self {
        Lab {
            tree: tree(),
            rows: Vec::new(),
            references: Vec::new(),
            videos: Vec::new(),
            cap: usize::MAX,
            overcount: 0,
            loses_slashes: false,
            camel: false,
            wrapped: false,
            refuses_above: None,
            fault: Box::new(|_, _| None),
        }
    }
}

/// A UUID that says what it is of: `uuid('a', 7)`.
pub fn uuid(kind: char, n: usize) -> String {
    format!("{:08x}-0000-0000-9999-{n:012x}", kind as u32)
}

/// A small tree with everything that real ones have: synonyms, common names, no rank, an empty rank, names that
/// are hard to send.
pub fn tree() -> Value {
    json!({"name": "object", "children": [
        {"name": "marine organism", "alternativeNames": ["marine-organism"], "rank": "", "children": [
            {"name": "Siphonophorae", "rank": "order", "children": [
                {"name": "Nanomia", "rank": "genus", "alternativeNames": ["string jelly", "Stephanomia"], "children": [
                    {"name": "Nanomia bijuga", "rank": "species", "children": []},
                    {"name": "Nanomia sp. 1 – north ", "rank": "species"},
                ]},
                {"name": "Apolemia", "rank": "genus"},
            ]},
            {"name": "a'a #1 (\"q\")/b"},
        ]},
    ]})
}

/// A picture of a moment.
pub fn reference(n: usize, suffix: &str, description: &str) -> Value {
    json!({"uuid": uuid('r', n), "url": format!("HOME/pictures/Doc%20Ricketts/{}/00_00_{n:02}.{suffix}", n % 2),
           "format": format!("image/{suffix}"), "width_pixels": 64, "height_pixels": 48, "description": description})
}

/// An observation with its moment, in the flat form.
pub fn row(
    n: usize,
    moment: usize,
    concept: &str,
    references: &[Value],
    associations: &[Value],
) -> Value {
    json!({"observation_uuid": uuid('o', n), "concept": concept, "observer": format!("person {}", n % 3),
           "observation_timestamp": "2020-01-02T03:04:05.678Z", "imaged_moment_uuid": uuid('m', moment),
           "video_reference_uuid": uuid('v', moment % 2), "recorded_timestamp": format!("2019-10-{:02}T21:00:20.131533Z", 1 + moment % 28),
           "elapsed_time_millis": moment * 1000, "timecode": format!("00:00:{:02}:05", moment % 60),
           "group": "ROV", "activity": "transect", "associations": associations, "image_references": references,
           "ancillary_data": {"uuid": uuid('d', n), "latitude": 36.5, "longitude": -122.0, "depth_meters": 100.0 * moment as f64}})
}

/// An association with a text of its own.
pub fn association(n: usize, link: &str, to: &str, value: &str) -> Value {
    json!({"uuid": uuid('b', n), "link_name": link, "to_concept": to, "link_value": value, "mime_type": "application/json"})
}

/// A sound box.
pub fn boxed(n: usize, reference: usize) -> Value {
    let value = json!({"x": n % 30, "y": 3, "width": 10, "height": 12, "image_reference_uuid": uuid('r', reference),
                       "generator": "vars-localize", "observer": format!("drawer {}", n % 2)});
    association(n, "bounding box", "self", &value.to_string())
}

impl std::fmt::Debug for Lab {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Lab")
            .field("rows", &self.rows.len())
            .finish_non_exhaustive()
    }
}

impl Lab {
    /// With a vice: what answers some requests instead, by the request and how often it came before.
    pub fn with_fault(
        mut self,
        fault: impl Fn(&Arrived, usize) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        self.fault = Box::new(fault);
        self
    }

    /// Starts the services at `/anno/v1`, `/kb/v1` and `/vam/v1`, and the pictures.
    pub fn start(self) -> Server {
        Server::start(move |request, before| {
            (self.fault)(request, before).unwrap_or_else(|| self.answer(request))
        })
    }

    /// What the services answer, without a fault.
    pub fn answer(&self, request: &Arrived) -> Answer {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let home = format!("http://{}", request.headers["host"]);
        if path.starts_with("/pictures/") {
            return picture(path);
        }
        let last = path.rsplit('/').next().unwrap_or_default();
        let too_many = |most: usize| number(query, "limit").is_some_and(|limit| limit > most);
        if self.refuses_above.is_some_and(too_many) {
            return Answer::Status(400);
        }
        let is_lost = self.loses_slashes && last.contains("%2F");
        let last = percent_decode_str(last).decode_utf8_lossy().into_owned();
        let found = match path.rsplit_once('/').map_or("", |(folder, _)| folder) {
            _ if is_lost => None,
            "/kb/v1/phylogeny/down" => below(&self.tree, &last).cloned(),
            "/kb/v1/phylogeny/up" => branch(&self.tree, &last),
            "/kb/v1" if last == "concept" => Some(self.listed(names(&self.tree), query)),
            "/anno/v1/observations" => {
                let names = self.concepts().into_iter().map(Value::from);
                Some(self.listed(names.collect(), query))
            }
            "/anno/v1/observations/concept/images/count" => {
                let n = self.rows_of(&last).len() as u64;
                Some(json!({"concept": last, "count": if n > 0 { n + self.overcount } else { 0 }}))
            }
            "/anno/v1/observations/concept/count" => {
                let bears = |row: &&Value| row["concept"] == last.as_ref();
                Some(json!({"concept": last, "count": self.rows.iter().filter(bears).count()}))
            }
            "/anno/v1/fast/concept" => {
                let rows = self.rows.iter();
                let rows: Vec<&Value> =
                    rows.filter(|row| row["concept"] == last.as_ref()).collect();
                Some(self.page(&rows, |key| number(query, key)))
            }
            "/anno/v1/fast/concept/images" => {
                Some(self.page(&self.rows_of(&last), |key| number(query, key)))
            }
            "/anno/v1" if last == "fast" && request.method == "POST" => self.search(&request.body),
            "/anno/v1/imagedmoments" => self.moment(&last),
            "/anno/v1/images" => self.image(&last),
            "/anno/v1/imagereferences" => self.reference(&last),
            "/vam/v1/media/videoreference" => {
                let is_it = |v: &&Value| v["video_reference_uuid"] == last.as_str();
                self.videos.iter().find(is_it).cloned()
            }
            _ => None,
        };
        let json = |status, value: Value| {
            let value = if self.camel { camel_case(value) } else { value };
            let text = value.to_string().replace("HOME", &home);
            let headers = vec![("content-type".into(), "application/json".into())];
            Answer::Full(status, headers, text.into())
        };
        match found {
            Some(value) => json(200, value),
            None => json(404, json!({"message": "Not found", "responseCode": 404})),
        }
    }

    fn concepts(&self) -> BTreeSet<&str> {
        self.rows
            .iter()
            .filter_map(|row| row["concept"].as_str())
            .collect()
    }

    fn rows_of(&self, concept: &str) -> Vec<&Value> {
        let has_image = |row: &&Value| {
            let references = row["image_references"].as_array().unwrap();
            references.iter().any(|r| r["url"].is_string())
        };
        self.rows
            .iter()
            .filter(|row| row["concept"] == concept)
            .filter(has_image)
            .collect()
    }

    fn page(&self, rows: &[&Value], number: impl Fn(&str) -> Option<usize>) -> Value {
        let limit = number("limit").unwrap_or(usize::MAX).min(self.cap);
        let offset = number("offset").unwrap_or(0);
        let rows = rows.iter().skip(offset).take(limit);
        let rows: Value = rows.map(|row| (*row).clone()).collect();
        match self.wrapped {
            false => rows,
            true => json!({"content": rows, "limit": limit, "offset": offset}),
        }
    }

    /// A list of names: all at once, or as a page.
    fn listed(&self, names: Vec<Value>, query: &str) -> Value {
        match self.wrapped {
            false => names.into(),
            true => self.page(&names.iter().collect::<Vec<_>>(), |key| {
                number(query, key).or((key == "limit").then_some(3))
            }),
        }
    }

    fn search(&self, body: &[u8]) -> Option<Value> {
        let asked: Value = serde_json::from_slice(body).ok()?;
        let concept = asked["concepts"][0].as_str()?;
        let rows: Vec<&Value> = self
            .rows
            .iter()
            .filter(|row| row["concept"] == concept)
            .collect();
        let content = self.page(&rows, |key| Some(asked[key].as_u64()? as usize));
        match self.wrapped {
            false => Some(json!({"query_constraints": asked, "content": content})),
            true => Some(content),
        }
    }

    fn moment(&self, uuid: &str) -> Option<Value> {
        let rows: Vec<&Value> = self
            .rows
            .iter()
            .filter(|row| row["imaged_moment_uuid"] == uuid)
            .collect();
        let mut moment = (*rows.first()?).clone();
        let observations: Vec<Value> = rows
            .iter()
            .map(|row| {
                let mut observation = json!({"uuid": row["observation_uuid"]});
                for key in [
                    "concept",
                    "observer",
                    "group",
                    "activity",
                    "observation_timestamp",
                    "associations",
                ] {
                    observation[key] = row[key].clone();
                }
                observation
            })
            .collect();
        moment["observations"] = observations.into();
        moment["uuid"] = moment["imaged_moment_uuid"].take();
        let members = moment.as_object_mut()?;
        members.retain(|key, _| {
            ![
                "imaged_moment_uuid",
                "observation_uuid",
                "concept",
                "observer",
                "associations",
                "group",
                "activity",
            ]
            .contains(&key.as_str())
        });
        Some(moment)
    }

    /// The flat form of an image reference, which knows its moment.
    fn image(&self, uuid: &str) -> Option<Value> {
        let listed = |row: &&Value| {
            let references = row["image_references"].as_array().unwrap();
            references.iter().any(|r| r["uuid"] == uuid)
        };
        let row = self.rows.iter().find(listed)?;
        let mut image = self.reference(uuid)?;
        image["image_reference_uuid"] = image["uuid"].take();
        image["imaged_moment_uuid"] = row["imaged_moment_uuid"].clone();
        Some(image)
    }

    fn reference(&self, uuid: &str) -> Option<Value> {
        let shown = self
            .rows
            .iter()
            .filter_map(|row| row["image_references"].as_array())
            .flatten();
        let mut all = self
            .references
            .iter()
            .chain(shown.filter(|r| r["url"].is_string()));
        all.find(|r| r["uuid"] == uuid).cloned()
    }
}

/// A picture whose pixels depend on its path.
fn picture(path: &str) -> Answer {
    let seed = path.bytes().map(u32::from).sum();
    let (format, kind) = match path.ends_with("png") {
        true => (image::ImageFormat::Png, "image/png"),
        false => (image::ImageFormat::Jpeg, "image/jpeg"),
    };
    Answer::Serve(super::dataset::picture(64, 48, seed, format), kind)
}

/// The same with names of members in camel case.
pub fn camel_case(value: Value) -> Value {
    match value {
        Value::Array(list) => list.into_iter().map(camel_case).collect(),
        Value::Object(members) => {
            let camel = |key: &str| {
                let mut words = key.split('_');
                let first = words.next().unwrap_or_default().to_owned();
                words.fold(first, |name, word| {
                    let (head, tail) = word.split_at(word.len().min(1));
                    name + &head.to_uppercase() + tail
                })
            };
            let members = members.into_iter();
            Value::Object(
                members
                    .map(|(key, value)| (camel(&key), camel_case(value)))
                    .collect(),
            )
        }
        other => other,
    }
}

fn number(query: &str, key: &str) -> Option<usize> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(k, _)| *k == key)?.1.parse().ok()
}

fn children(node: &Value) -> impl Iterator<Item = &Value> {
    node["children"].as_array().into_iter().flatten()
}

fn is_called(node: &Value, name: &str) -> bool {
    let mut others = node["alternativeNames"].as_array().into_iter().flatten();
    node["name"] == name || others.any(|other| other == name)
}

fn below<'a>(node: &'a Value, name: &str) -> Option<&'a Value> {
    match is_called(node, name) {
        true => Some(node),
        false => children(node).find_map(|child| below(child, name)),
    }
}

fn branch(node: &Value, name: &str) -> Option<Value> {
    let mut bare = node.clone();
    bare.as_object_mut()?.remove("children");
    if is_called(node, name) {
        return Some(bare);
    }
    let child = children(node).find_map(|child| branch(child, name))?;
    bare["children"] = json!([child]);
    Some(bare)
}

fn names(node: &Value) -> Vec<Value> {
    let others = node["alternativeNames"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let own = std::iter::once(node["name"].clone()).chain(others);
    own.chain(children(node).flat_map(names)).collect()
}
