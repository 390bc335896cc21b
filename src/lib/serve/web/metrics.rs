//! Metrics of the server, in the text format of Prometheus (0.0.4).

use std::time::Duration;

use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

pub use prometheus_text::CONTENT_TYPE;

/// Upper ends, in seconds, of the classes of how long answers took.
const SECONDS: [f64; 10] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];

/// Statuses that are counted one by one. All are listed, at zero too, so that rates can be reckoned from the start.
const STATUSES: [u16; 14] = [
    200, 201, 204, 303, 304, 400, 401, 403, 404, 405, 429, 500, 501, 503,
];

/// The label of an answer.
type Status = [(&'static str, String); 1];

/// The counts.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    answers: Family<Status, Counter>,
    body_bytes: Counter,
    took: Histogram,
    /// Connections open now.
    pub connections: Gauge,
    /// Responses found in memory.
    pub answers_kept: Counter,
    /// Answers that were rendered.
    pub answers_made: Counter,
    /// Files that were decoded whole, or made ready to be read by tiles.
    pub opened: Counter,
    /// Tiles sent as stored.
    pub passed: Counter,
    /// Answers from prepared files.
    pub prepared: Counter,
    images: Gauge,
    answer_bytes: Gauge,
    sent_bytes: Gauge,
    picture_bytes: Gauge,
    /// Lines of the access log that were lost, because whatever reads it was too slow.
    pub log_lines_lost: Counter,
    tiles_waiting: Gauge,
    pictures_waiting: Gauge,
}

/// What is so now, beside what was counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    /// Images in the catalogue.
    pub images: usize,
    /// Bytes of cached responses.
    pub answer_bytes: usize,
    /// Bytes of responses on their way that are not cached.
    pub sent_bytes: usize,
    /// Bytes of decoded images.
    pub picture_bytes: usize,
    /// Tiles and large images that are queued.
    pub waiting: [usize; 2],
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("recto");
        let list = &mut registry;
        // Listed in the order of these lines; a counter's name gets `_total`.
        Metrics {
            answers: add(list, "answers", "Answers by status", Family::default()),
            took: add(
                list,
                "answer_seconds",
                "How long answers took",
                Histogram::new(SECONDS),
            ),
            body_bytes: new(list, "answer_bytes", "Bytes of bodies"),
            answers_kept: new(list, "answers_from_memory", "Images answered from memory"),
            answers_made: new(list, "answers_rendered", "Images rendered"),
            passed: new(list, "answers_passed_through", "Tiles sent as stored"),
            prepared: new(list, "answers_prepared", "Answers from prepared files"),
            opened: new(
                list,
                "files_opened",
                "Files decoded whole, or tiled ones made ready",
            ),
            images: new(list, "images", "Images served"),
            connections: new(list, "connections", "Connections open"),
            answer_bytes: new(list, "answer_memory_bytes", "Memory of cached responses"),
            sent_bytes: new(
                list,
                "sent_memory_bytes",
                "Memory of responses that clients have not received yet",
            ),
            picture_bytes: new(list, "picture_memory_bytes", "Memory of decoded images"),
            log_lines_lost: new(
                list,
                "access_log_lines_lost",
                "Lines that the access log could not take",
            ),
            tiles_waiting: new(list, "tiles_waiting", "Tiles queued"),
            pictures_waiting: new(list, "pictures_waiting", "Large images queued"),
            registry,
        }
        .with_all_statuses()
    }
}

impl Metrics {
    fn with_all_statuses(self) -> Self {
        let names = STATUSES.map(|status| status.to_string());
        for name in names.into_iter().chain(["other".to_owned()]) {
            drop(self.answers.get_or_create(&[("status", name)]));
        }
        self
    }

    /// Counts an answer.
    pub fn answered(&self, status: u16, body_bytes: u64, took: Duration) {
        let name = match STATUSES.contains(&status) {
            true => status.to_string(),
            false => "other".to_owned(),
        };
        self.answers.get_or_create(&[("status", name)]).inc();
        self.body_bytes.inc_by(body_bytes);
        self.took.observe(took.as_secs_f64());
    }

    /// All of it as text.
    pub fn print(&self, now: &Now) -> String {
        let [tiles, pictures] = now.waiting;
        for (gauge, value) in [
            (&self.images, now.images),
            (&self.answer_bytes, now.answer_bytes),
            (&self.sent_bytes, now.sent_bytes),
            (&self.picture_bytes, now.picture_bytes),
            (&self.tiles_waiting, tiles),
            (&self.pictures_waiting, pictures),
        ] {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        text(&self.registry)
    }
}

/// What a registry lists, as text.
pub fn text(registry: &Registry) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = prometheus_text::encode(&mut text, registry);
    text
}

/// Adds a metric to the list of those that are printed.
fn add<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

/// A metric at zero that a registry lists; a counter's name gets `_total`.
pub fn new<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    add(registry, name, help, M::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_add_up_as_prometheus_wants_them() {
        let metrics = Metrics::default();
        for (status, millis) in [(200, 2), (200, 20), (404, 0), (418, 99_000)] {
            metrics.answered(status, 10, Duration::from_millis(millis));
        }
        let text = metrics.print(&Now::default());
        for line in [
            "recto_answers_total{status=\"200\"} 2",
            "recto_answers_total{status=\"other\"} 1",
            "recto_answer_seconds_bucket{le=\"0.003\"} 2",
            "recto_answer_seconds_bucket{le=\"30\"} 3",
            "recto_answer_seconds_bucket{le=\"+Inf\"} 4",
            "recto_answer_seconds_count 4",
            "recto_answer_bytes_total 40",
            // What stands at zero is listed too; the names and kinds are those that dashboards know.
            "recto_answers_total{status=\"503\"} 0",
            "recto_answers_prepared_total 0",
            "recto_images 0",
            "# TYPE recto_answers_total counter",
            "# TYPE recto_answer_seconds histogram",
            "# TYPE recto_files_opened_total counter",
            "# TYPE recto_picture_memory_bytes gauge",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }
}
