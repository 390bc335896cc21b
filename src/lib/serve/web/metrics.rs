//! What happened so far, counted, as Prometheus reads it (text format 0.0.4).

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper ends, in seconds, of the classes of how long answers took.
const SECONDS: [f64; 10] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];

/// Statuses that are counted one by one.
const STATUSES: [u16; 14] = [
    200, 201, 204, 303, 304, 400, 401, 403, 404, 405, 429, 500, 501, 503,
];

/// The counts.
#[derive(Debug, Default)]
pub struct Metrics {
    statuses: [AtomicU64; STATUSES.len()],
    other_statuses: AtomicU64,
    body_bytes: AtomicU64,
    took: [AtomicU64; SECONDS.len() + 1],
    took_micros: AtomicU64,
    /// Connections open now.
    pub connections: AtomicU64,
    /// Answers that were kept from an earlier request.
    pub answers_kept: AtomicU64,
    /// Answers that were rendered.
    pub answers_made: AtomicU64,
    /// Files that were decoded whole, or made ready to be read by tiles.
    pub opened: AtomicU64,
    /// Tiles handed on as they are stored.
    pub passed: AtomicU64,
    /// Answers read from what was prepared.
    pub prepared: AtomicU64,
}

/// What is so now, beside what was counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    /// Images in the catalogue.
    pub images: usize,
    /// Bytes of answers kept.
    pub answer_bytes: usize,
    /// Bytes of decoded pictures kept.
    pub picture_bytes: usize,
    /// Tiles and large pictures that wait for their turn.
    pub waiting: [usize; 2],
}

impl Metrics {
    /// Counts an answer.
    pub fn answered(&self, status: u16, body_bytes: u64, took: Duration) {
        let place = STATUSES.iter().position(|known| *known == status);
        add(
            place.map_or(&self.other_statuses, |at| &self.statuses[at]),
            1,
        );
        add(&self.body_bytes, body_bytes);
        let seconds = took.as_secs_f64();
        let class = SECONDS.iter().position(|end| seconds <= *end);
        add(&self.took[class.unwrap_or(SECONDS.len())], 1);
        add(
            &self.took_micros,
            u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        );
    }

    /// All of it as text.
    pub fn print(&self, now: &Now) -> String {
        let mut text = String::new();
        self.print_answers(&mut text);
        let counters = [
            (
                "answer_bytes_total",
                "Bytes of bodies",
                get(&self.body_bytes),
            ),
            (
                "answers_from_memory_total",
                "Pictures answered from memory",
                get(&self.answers_kept),
            ),
            (
                "answers_rendered_total",
                "Pictures rendered",
                get(&self.answers_made),
            ),
            (
                "answers_passed_through_total",
                "Stored tiles handed on untouched",
                get(&self.passed),
            ),
            (
                "answers_prepared_total",
                "Answers read from what was prepared",
                get(&self.prepared),
            ),
            (
                "files_opened_total",
                "Files decoded whole, or tiled ones made ready",
                get(&self.opened),
            ),
        ];
        for (name, help, value) in counters {
            one(&mut text, name, help, "counter", value);
        }
        let gauges = [
            ("images", "Images served", now.images as u64),
            ("connections", "Connections open", get(&self.connections)),
            (
                "answer_memory_bytes",
                "Memory of kept answers",
                now.answer_bytes as u64,
            ),
            (
                "picture_memory_bytes",
                "Memory of kept pictures",
                now.picture_bytes as u64,
            ),
            (
                "tiles_waiting",
                "Tiles that wait for their turn",
                now.waiting[0] as u64,
            ),
            (
                "pictures_waiting",
                "Large pictures that wait for their turn",
                now.waiting[1] as u64,
            ),
        ];
        for (name, help, value) in gauges {
            one(&mut text, name, help, "gauge", value);
        }
        text
    }

    fn print_answers(&self, text: &mut String) {
        *text +=
            "# HELP recto_answers_total Answers by status\n# TYPE recto_answers_total counter\n";
        for (status, count) in STATUSES.iter().zip(&self.statuses) {
            line(
                text,
                &format!("recto_answers_total{{status=\"{status}\"}}"),
                get(count),
            );
        }
        line(
            text,
            "recto_answers_total{status=\"other\"}",
            get(&self.other_statuses),
        );
        *text += "# HELP recto_answer_seconds How long answers took\n# TYPE recto_answer_seconds histogram\n";
        let mut sum = 0;
        for (end, count) in SECONDS.iter().zip(&self.took) {
            sum += get(count);
            line(
                text,
                &format!("recto_answer_seconds_bucket{{le=\"{end}\"}}"),
                sum,
            );
        }
        sum += get(&self.took[SECONDS.len()]);
        line(text, "recto_answer_seconds_bucket{le=\"+Inf\"}", sum);
        let seconds = get(&self.took_micros) as f64 / 1e6;
        line(text, "recto_answer_seconds_sum", seconds);
        line(text, "recto_answer_seconds_count", sum);
    }
}

/// Adds to a count.
pub fn add(count: &AtomicU64, n: u64) {
    count.fetch_add(n, Ordering::Relaxed);
}

fn get(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

fn one(text: &mut String, name: &str, help: &str, kind: &str, value: u64) {
    *text += &format!("# HELP recto_{name} {help}\n# TYPE recto_{name} {kind}\n");
    line(text, &format!("recto_{name}"), value);
}

fn line(text: &mut String, name: &str, value: impl std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{name} {value}");
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
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }
}
