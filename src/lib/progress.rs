//! Progress of a run on stderr: a core that is given counts and the time, and a thin shell that prints.
//!
//! A bar is drawn on terminals only. Elsewhere there are lines: text for people, or JSON for programs, one object per
//! event (docs/contracts.md).

use std::collections::{BTreeMap, VecDeque};
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::{Value, json};

/// How progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Style {
    /// A bar on a terminal, otherwise a line every minute
    #[default]
    Auto,
    /// A bar; lines where stderr is not a terminal
    Bar,
    /// A line every ten seconds, and when requests to a host have to wait
    Lines,
    /// JSON Lines: start, each image, totals every second, hosts with waiting requests, end
    Json,
    /// Nothing
    None,
}

/// How far a run is.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Images, or documents, in all, with those that were there before.
    pub total: u64,
    /// Those that were there before this run.
    pub before: u64,
    /// Finished in this run.
    pub finished: u64,
    /// Failed in this run.
    pub failed: u64,
    /// What is there of those in progress, in whole images.
    pub in_progress: f64,
    /// Regions of images fetched in this run.
    pub regions: u64,
    /// Requests sent.
    pub requests: u64,
    /// Body bytes received.
    pub bytes: u64,
    /// Hosts whose requests wait.
    pub waiting: Vec<Wait>,
}

/// A host whose requests wait.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Wait {
    /// `name:port`.
    pub host: String,
    /// `retry-after`, `rate-limit`, `strain`, `unreachable`, `other-worker`, `pace` or, for the rest of the run, `stopped`;
    /// `no-store` where the host is a store that does not answer.
    pub why: &'static str,
    /// How much longer; none when the host is not asked any more.
    pub seconds: Option<f64>,
}

/// Counts the regions of images in progress, for all who fetch them.
#[derive(Debug, Default)]
pub struct RegionCounter {
    regions: AtomicU64,
    millionths: AtomicU64,
}

/// The regions of one image. Dropped when the image has ended, they no longer count as in progress.
#[derive(Debug)]
pub struct ImageRegions<'a> {
    counter: &'a RegionCounter,
    of: u64,
    added: AtomicU64,
}

impl RegionCounter {
    /// An image of `of` regions.
    pub fn image(&self, of: u64) -> ImageRegions<'_> {
        ImageRegions {
            counter: self,
            of: of.max(1),
            added: AtomicU64::new(0),
        }
    }

    /// Regions fetched in this run, and how many whole images the regions of images in progress make up.
    pub fn read(&self) -> (u64, f64) {
        let millionths = self.millionths.load(Ordering::Relaxed);
        (
            self.regions.load(Ordering::Relaxed),
            millionths as f64 / 1e6,
        )
    }
}

impl ImageRegions<'_> {
    /// Counts regions that an earlier run fetched.
    pub fn add_resumed(&self, n: u64) {
        let share = 1_000_000 * n / self.of;
        self.added.fetch_add(share, Ordering::Relaxed);
        self.counter.millionths.fetch_add(share, Ordering::Relaxed);
    }

    /// Counts a region that was fetched.
    pub fn add_fetched(&self) {
        self.counter.regions.fetch_add(1, Ordering::Relaxed);
        self.add_resumed(1);
    }
}

impl Drop for ImageRegions<'_> {
    fn drop(&mut self) {
        let added = self.added.load(Ordering::Relaxed);
        self.counter.millionths.fetch_sub(added, Ordering::Relaxed);
    }
}

/// The speed over the last minute: time, bytes, images.
#[derive(Debug, Default)]
struct Speed(VecDeque<(Duration, u64, f64)>);

impl Speed {
    const WINDOW: Duration = Duration::from_secs(60);
    const SHORTEST: Duration = Duration::from_secs(1);

    fn take(&mut self, now: Duration, at: &Progress) {
        let is_new = self
            .0
            .back()
            .is_none_or(|(last, ..)| now >= *last + Self::SHORTEST);
        if is_new {
            self.0.push_back((now, at.bytes, at.done()));
        }
        while self.0.len() > 1 && self.0[1].0 + Self::WINDOW <= now {
            self.0.pop_front();
        }
    }

    fn since(&self, now: Duration) -> Option<(f64, u64, f64)> {
        let &(then, bytes, done) = self.0.front()?;
        let time = now.saturating_sub(then);
        (time >= Self::SHORTEST).then_some((time.as_secs_f64(), bytes, done))
    }

    fn bytes_per_second(&self, now: Duration, at: &Progress) -> f64 {
        let since = self.since(now);
        since.map_or(0.0, |(time, bytes, _)| {
            at.bytes.saturating_sub(bytes) as f64 / time
        })
    }

    /// The time left at this speed; none while nothing arrives.
    fn left(&self, now: Duration, at: &Progress) -> Option<Duration> {
        let (time, _, done) = self.since(now)?;
        let rate = (at.done() - done) / time;
        let left = (at.total - at.before.min(at.total)) as f64 - at.done();
        let seconds = left.max(0.0) / rate;
        (rate > 0.0 && seconds < 1e8).then(|| Duration::from_secs_f64(seconds))
    }
}

impl Progress {
    /// What is done in this run, in images, those in progress included.
    fn done(&self) -> f64 {
        (self.finished + self.failed) as f64 + self.in_progress
    }
}

/// The core: what to print, and when.
#[derive(Debug)]
struct Formatter {
    stage: &'static str,
    /// What is counted: `images`, `documents`.
    unit: &'static str,
    form: Form,
    speed: Speed,
    /// When the next line is due.
    due: Duration,
    /// Hosts that were reported, and why their requests wait.
    reported: BTreeMap<String, &'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Silent,
    Bar,
    Lines { every: Duration },
    Json,
}

impl Formatter {
    fn new(stage: &'static str, unit: &'static str, form: Form) -> Self {
        // Where the user asked for lines the first comes at once, otherwise after the first minute.
        let due = match form {
            Form::Lines { every } if every > SOON => every,
            _ => Duration::ZERO,
        };
        Formatter {
            stage,
            unit,
            form,
            speed: Speed::default(),
            due,
            reported: BTreeMap::new(),
        }
    }

    fn start(&self, at: &Progress) -> Option<String> {
        let event = json!({"event": "start", "stage": self.stage, "unit": self.unit, "total": at.total, "before": at.before});
        (self.form == Form::Json).then(|| event.to_string())
    }

    /// The lines to print at a time.
    fn tick(&mut self, now: Duration, at: &Progress) -> Vec<String> {
        self.speed.take(now, at);
        let news = self.news(at);
        let mut lines = Vec::new();
        match self.form {
            Form::Json => {
                lines.extend(news.iter().map(|wait| {
                    let mut event = json!({"event": "waiting"});
                    merge(&mut event, json!(wait));
                    event.to_string()
                }));
                if now >= self.due {
                    self.due = now + Duration::from_secs(1);
                    lines.push(self.totals(now, at).to_string());
                }
            }
            Form::Lines { every } => {
                // Where the user did not ask for lines, a wait is reported with the next that is due.
                if now >= self.due || (every <= SOON && !news.is_empty()) {
                    self.due = now + every;
                    lines.push(format!("{}: {}", self.stage, self.words(now, at)));
                }
            }
            Form::Bar | Form::Silent => {}
        }
        lines
    }

    /// The last lines before the summary.
    fn end(&mut self, now: Duration, at: &Progress) -> Vec<String> {
        match self.form {
            Form::Lines { every } if every > SOON => vec![],
            _ => {
                self.due = Duration::ZERO;
                self.tick(now, at)
            }
        }
    }

    /// Hosts whose requests began to wait. Waiting for the rate limit is normal and not reported.
    fn news<'a>(&mut self, at: &'a Progress) -> Vec<&'a Wait> {
        let waiting = at.waiting.iter().filter(|wait| wait.why != "pace");
        let now: BTreeMap<String, &'static str> = waiting
            .clone()
            .map(|wait| (wait.host.clone(), wait.why))
            .collect();
        let is_new = |wait: &&Wait| self.reported.get(&wait.host) != Some(&wait.why);
        let news = waiting.filter(is_new).collect();
        self.reported = now;
        news
    }

    fn totals(&self, now: Duration, at: &Progress) -> Value {
        let round = |n: f64| (n * 1000.0).round() / 1000.0;
        json!({
            "event": "totals",
            "elapsed_seconds": round(now.as_secs_f64()),
            "total": at.total,
            "before": at.before,
            "finished": at.finished,
            "failed": at.failed,
            "regions": at.regions,
            "requests": at.requests,
            "bytes": at.bytes,
            "bytes_per_second": self.speed.bytes_per_second(now, at).round(),
            "eta_seconds": self.speed.left(now, at).map(|left| round(left.as_secs_f64())),
            "waiting": at.waiting,
        })
    }

    fn words(&self, now: Duration, at: &Progress) -> String {
        let done = at.before + at.finished;
        let mut words = format!("{done} of {} {}", at.total, self.unit);
        if at.failed > 0 {
            words += &format!(", {} failed", at.failed);
        }
        // Where a terminal is narrow the end is cut off.
        if let Some(left) = self.speed.left(now, at) {
            words += &format!(", {} left", HumanDuration(left));
        }
        if at.regions > 0 {
            words += &format!(", {} regions", at.regions);
        }
        words += &format!(", {}", HumanBytes(at.bytes));
        let rate = self.speed.bytes_per_second(now, at);
        if rate >= 1.0 {
            words += &format!(" at {}/s", HumanBytes(rate as u64));
        }
        let waits: Vec<String> = at.waiting.iter().map(Wait::words).collect();
        match waits.len() {
            0 => words,
            n if n > 3 => format!("{words}; waiting for {n} hosts"),
            _ => format!("{words}; {}", waits.join(", ")),
        }
    }
}

/// The interval of lines that the user asked for; lines by default are further apart.
const SOON: Duration = Duration::from_secs(10);

impl Wait {
    fn words(&self) -> String {
        let seconds = self.seconds.unwrap_or_default().ceil();
        let host = &self.host;
        match self.why {
            "retry-after" => format!("waiting {seconds} s for {host} (Retry-After)"),
            "rate-limit" => format!("waiting {seconds} s for {host} (quota used up)"),
            "strain" => format!("waiting {seconds} s for {host} (overloaded)"),
            "unreachable" => format!("waiting {seconds} s for {host} (cannot be reached)"),
            "other-worker" => {
                format!("waiting {seconds} s for {host} (another worker met its limit)")
            }
            "no-store" => {
                format!("{host} does not answer (--budget-store): using a share of each rate limit")
            }
            "pace" => format!("keeping the rate limit of {host}"),
            _ => format!("{host} is not asked any more"),
        }
    }
}

fn merge(event: &mut Value, more: Value) {
    if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
        event.extend(more);
    }
}

/// The shell: prints on stderr.
#[derive(Debug)]
pub struct Reporter {
    formatter: Formatter,
    bar: ProgressBar,
}

impl Reporter {
    /// Starts to report progress of a stage in units such as `images`.
    pub fn start(
        style: Style,
        quiet: bool,
        stage: &'static str,
        unit: &'static str,
        at: &Progress,
    ) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let form = match style {
            _ if quiet => Form::Silent,
            Style::None => Form::Silent,
            Style::Json => Form::Json,
            Style::Auto | Style::Bar if is_terminal => Form::Bar,
            Style::Auto => Form::Lines {
                every: Duration::from_secs(60),
            },
            Style::Bar | Style::Lines => Form::Lines { every: SOON },
        };
        let target = match form {
            Form::Bar => ProgressDrawTarget::stderr(),
            _ => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(at.total), target);
        let template = format!("{stage} {{bar:20}} {{wide_msg}}");
        // A template that cannot be used leaves the default style.
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        let reporter = Reporter {
            formatter: Formatter::new(stage, unit, form),
            bar,
        };
        print(reporter.formatter.start(at));
        reporter
    }

    /// Reports what is due at this time of the run.
    pub fn tick(&mut self, now: Duration, at: &Progress) {
        print(self.formatter.tick(now, at));
        if self.formatter.form == Form::Bar {
            self.bar.set_length(at.total);
            self.bar.set_position(at.before + at.finished + at.failed);
            self.bar.set_message(self.formatter.words(now, at));
        }
    }

    /// Reports an event, with [`Style::Json`].
    pub fn event(&self, event: impl FnOnce() -> Value) {
        if self.formatter.form == Form::Json {
            print([event().to_string()]);
        }
    }

    /// Reports the end, and removes the bar.
    pub fn end(&mut self, now: Duration, at: &Progress) {
        print(self.formatter.end(now, at));
        self.bar.finish_and_clear();
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn print(lines: impl IntoIterator<Item = String>) {
    for line in lines {
        // A closed stderr is not an error.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(finished: u64, bytes: u64) -> Progress {
        Progress {
            total: 12,
            before: 2,
            finished,
            bytes,
            ..Progress::default()
        }
    }

    fn wait(why: &'static str, seconds: f64) -> Wait {
        Wait {
            host: "a.org:443".into(),
            why,
            seconds: Some(seconds),
        }
    }

    #[test]
    fn speed_and_time_left_are_of_the_last_minute() {
        let mut speed = Speed::default();
        speed.take(Duration::ZERO, &at(0, 0));
        assert_eq!(
            speed.left(Duration::ZERO, &at(0, 0)),
            None,
            "nothing is known yet"
        );
        speed.take(10 * SECOND, &at(5, 1000));
        assert_eq!(speed.left(10 * SECOND, &at(5, 1000)), Some(10 * SECOND));
        assert_eq!(speed.bytes_per_second(10 * SECOND, &at(5, 1000)), 100.0);
        let half = Progress {
            in_progress: 0.5,
            ..at(2, 1000)
        };
        assert_eq!(
            speed.left(10 * SECOND, &half),
            Some(30 * SECOND),
            "images in progress count"
        );
        (11..=100).for_each(|s| speed.take(s * SECOND, &at(5, 1000)));
        assert_eq!(
            speed.left(100 * SECOND, &at(5, 1000)),
            None,
            "nothing arrives"
        );
        assert_eq!(speed.bytes_per_second(100 * SECOND, &at(5, 1000)), 0.0);
        assert!(speed.0.len() < 65, "{}", speed.0.len());
    }

    #[test]
    fn lines_come_in_time_and_when_requests_to_a_host_wait() {
        let mut formatter = Formatter::new("download", "images", Form::Lines { every: SOON });
        let said: Vec<usize> = (0..30)
            .map(|s| formatter.tick(s * SECOND, &at(0, 0)).len())
            .collect();
        assert_eq!(said.iter().sum::<usize>(), 3, "{said:?}");
        let mut strained = at(1, 2048);
        strained.waiting = vec![wait("retry-after", 29.5)];
        let said = formatter.tick(31 * SECOND, &strained);
        assert_eq!(
            said,
            [
                "download: 3 of 12 images, 5 minutes left, 2.00 KiB at 66 B/s; waiting 30 s for a.org:443 (Retry-After)"
            ]
        );
        assert!(
            formatter.tick(32 * SECOND, &strained).is_empty(),
            "said once"
        );
        let mut rare = Formatter::new("download", "images", Form::Lines { every: 6 * SOON });
        assert!(rare.tick(Duration::ZERO, &at(0, 0)).is_empty());
        assert_eq!(rare.tick(60 * SECOND, &at(1, 0)).len(), 1);
        assert!(rare.end(61 * SECOND, &at(1, 0)).is_empty());
    }

    #[test]
    fn events_have_the_keys_that_are_promised_and_come_once_a_second() {
        let mut formatter = Formatter::new("download", "images", Form::Json);
        let start = r#"{"event":"start","stage":"download","unit":"images","total":12,"before":2}"#;
        assert_eq!(formatter.start(&at(0, 0)).as_deref(), Some(start));
        let first = formatter.tick(Duration::ZERO, &at(0, 0));
        assert_eq!(
            first,
            [
                r#"{"event":"totals","elapsed_seconds":0.0,"total":12,"before":2,"finished":0,"failed":0,"regions":0,"requests":0,"bytes":0,"bytes_per_second":0.0,"eta_seconds":null,"waiting":[]}"#
            ]
        );
        assert!(formatter.tick(SECOND / 2, &at(0, 0)).is_empty());
        let mut strained = at(5, 4000);
        strained.waiting = vec![wait("strain", 2.0), wait("pace", 1.0)];
        let said = formatter.tick(2 * SECOND, &strained);
        assert_eq!(
            said[0],
            r#"{"event":"waiting","host":"a.org:443","why":"strain","seconds":2.0}"#
        );
        let totals: Value = serde_json::from_str(&said[1]).unwrap();
        assert_eq!(totals["bytes_per_second"], 2000.0);
        assert_eq!(totals["eta_seconds"], 2.0);
        assert_eq!(totals["waiting"][1]["why"], "pace");
        assert_eq!(said.len(), 2);
        assert_eq!(
            formatter.end(2 * SECOND, &at(6, 4000)).len(),
            1,
            "the last totals are of the end"
        );
    }

    #[test]
    fn regions_of_an_image_that_has_ended_are_no_longer_in_progress() {
        let regions = RegionCounter::default();
        let image = regions.image(4);
        image.add_resumed(1);
        image.add_fetched();
        assert_eq!(regions.read(), (1, 0.5));
        drop(image);
        assert_eq!(regions.read(), (1, 0.0));
    }
}
