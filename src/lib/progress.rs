//! How far a run is, told while it lasts: a core that is given counts and the time, and a thin shell on stderr.
//!
//! Only a terminal is drawn on. What is told elsewhere is lines: words for people, or JSON for programs, one
//! object to an event (docs/contracts.md).

use std::collections::{BTreeMap, VecDeque};
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::{Value, json};

/// How progress is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Style {
    /// A bar on a terminal, else a line a minute
    #[default]
    Auto,
    /// A bar; lines where stderr is no terminal
    Bar,
    /// A line every ten seconds, and when a host is waited for
    Lines,
    /// JSON Lines: start, each image, totals each second, hosts waited for, end
    Json,
    /// Nothing
    None,
}

/// Where a run stands.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// What is to be had, with what was there before.
    pub total: u64,
    /// Of those, what was there before this run.
    pub before: u64,
    /// Had in this run.
    pub finished: u64,
    /// Not to be had in this run.
    pub failed: u64,
    /// How much of those under way is there, in whole ones.
    pub under_way: f64,
    /// Parts of images had in this run.
    pub regions: u64,
    /// Requests made.
    pub requests: u64,
    /// Body bytes received.
    pub bytes: u64,
    /// Hosts that are waited for.
    pub waiting: Vec<Wait>,
}

/// A host that is waited for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Wait {
    /// `name:port`.
    pub host: String,
    /// `retry-after`, `rate-limit`, `strain`, `unreachable`, `pace`; `stopped` for the rest of the run.
    pub why: &'static str,
    /// How much longer; none when it is asked no more.
    pub seconds: Option<f64>,
}

/// Parts of images that are on their way, counted by those who fetch them.
#[derive(Debug, Default)]
pub struct Parts {
    regions: AtomicU64,
    millionths: AtomicU64,
}

/// The parts of one image, taken back when it has ended, however it did.
#[derive(Debug)]
pub struct PartsOfOne<'a> {
    parts: &'a Parts,
    of: u64,
    added: AtomicU64,
}

impl Parts {
    /// An image in `of` parts.
    pub fn one(&self, of: u64) -> PartsOfOne<'_> {
        PartsOfOne {
            parts: self,
            of: of.max(1),
            added: AtomicU64::new(0),
        }
    }

    /// Parts had in this run, and how many whole images those under way make.
    pub fn read(&self) -> (u64, f64) {
        let millionths = self.millionths.load(Ordering::Relaxed);
        (
            self.regions.load(Ordering::Relaxed),
            millionths as f64 / 1e6,
        )
    }
}

impl PartsOfOne<'_> {
    /// This many were there already.
    pub fn had_before(&self, n: u64) {
        let share = 1_000_000 * n / self.of;
        self.added.fetch_add(share, Ordering::Relaxed);
        self.parts.millionths.fetch_add(share, Ordering::Relaxed);
    }

    /// Another is there.
    pub fn had(&self) {
        self.parts.regions.fetch_add(1, Ordering::Relaxed);
        self.had_before(1);
    }
}

impl Drop for PartsOfOne<'_> {
    fn drop(&mut self) {
        let added = self.added.load(Ordering::Relaxed);
        self.parts.millionths.fetch_sub(added, Ordering::Relaxed);
    }
}

/// How fast it goes, by what came in the last minute.
#[derive(Debug, Default)]
struct Pace(VecDeque<(Duration, u64, f64)>);

impl Pace {
    const WINDOW: Duration = Duration::from_secs(60);
    const SHORTEST: Duration = Duration::from_secs(1);

    fn take(&mut self, now: Duration, at: &Standing) {
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

    fn bytes_per_second(&self, now: Duration, at: &Standing) -> f64 {
        let since = self.since(now);
        since.map_or(0.0, |(time, bytes, _)| {
            at.bytes.saturating_sub(bytes) as f64 / time
        })
    }

    /// The time left at this pace; none while nothing comes.
    fn left(&self, now: Duration, at: &Standing) -> Option<Duration> {
        let (time, _, done) = self.since(now)?;
        let rate = (at.done() - done) / time;
        let left = (at.total - at.before.min(at.total)) as f64 - at.done();
        let seconds = left.max(0.0) / rate;
        (rate > 0.0 && seconds < 1e8).then(|| Duration::from_secs_f64(seconds))
    }
}

impl Standing {
    /// What is done in this run, parts of images included.
    fn done(&self) -> f64 {
        (self.finished + self.failed) as f64 + self.under_way
    }
}

/// The core: what to say, and when.
#[derive(Debug)]
struct Narrator {
    stage: &'static str,
    /// What is counted: `images`, `documents`.
    unit: &'static str,
    voice: Voice,
    pace: Pace,
    /// When the next line is due.
    due: Duration,
    /// Hosts that were told of, and why they are waited for.
    told: BTreeMap<String, &'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Voice {
    Silent,
    Bar,
    Lines { every: Duration },
    Json,
}

impl Narrator {
    fn new(stage: &'static str, unit: &'static str, voice: Voice) -> Self {
        // The line a minute comes when there was a minute; who asks for lines sees that it begins.
        let due = match voice {
            Voice::Lines { every } if every > SOON => every,
            _ => Duration::ZERO,
        };
        Narrator {
            stage,
            unit,
            voice,
            pace: Pace::default(),
            due,
            told: BTreeMap::new(),
        }
    }

    fn start(&self, at: &Standing) -> Option<String> {
        let event = json!({"event": "start", "stage": self.stage, "unit": self.unit, "total": at.total, "before": at.before});
        (self.voice == Voice::Json).then(|| event.to_string())
    }

    /// The lines to print at a time.
    fn tick(&mut self, now: Duration, at: &Standing) -> Vec<String> {
        self.pace.take(now, at);
        let news = self.news(at);
        let mut lines = Vec::new();
        match self.voice {
            Voice::Json => {
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
            Voice::Lines { every } => {
                // Who did not ask for lines is told of a wait in the next that is due.
                if now >= self.due || (every <= SOON && !news.is_empty()) {
                    self.due = now + every;
                    lines.push(format!("{}: {}", self.stage, self.words(now, at)));
                }
            }
            Voice::Bar | Voice::Silent => {}
        }
        lines
    }

    /// The last that is said before the account.
    fn end(&mut self, now: Duration, at: &Standing) -> Vec<String> {
        match self.voice {
            Voice::Lines { every } if every > SOON => vec![],
            _ => {
                self.due = Duration::ZERO;
                self.tick(now, at)
            }
        }
    }

    /// Hosts that are newly waited for. That a pace is kept is no news.
    fn news<'a>(&mut self, at: &'a Standing) -> Vec<&'a Wait> {
        let waiting = at.waiting.iter().filter(|wait| wait.why != "pace");
        let now: BTreeMap<String, &'static str> = waiting
            .clone()
            .map(|wait| (wait.host.clone(), wait.why))
            .collect();
        let is_new = |wait: &&Wait| self.told.get(&wait.host) != Some(&wait.why);
        let news = waiting.filter(is_new).collect();
        self.told = now;
        news
    }

    fn totals(&self, now: Duration, at: &Standing) -> Value {
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
            "bytes_per_second": self.pace.bytes_per_second(now, at).round(),
            "eta_seconds": self.pace.left(now, at).map(|left| round(left.as_secs_f64())),
            "waiting": at.waiting,
        })
    }

    fn words(&self, now: Duration, at: &Standing) -> String {
        let done = at.before + at.finished;
        let mut words = format!("{done} of {} {}", at.total, self.unit);
        if at.failed > 0 {
            words += &format!(", {} failed", at.failed);
        }
        if at.regions > 0 {
            words += &format!(", {} regions", at.regions);
        }
        words += &format!(", {}", HumanBytes(at.bytes));
        let rate = self.pace.bytes_per_second(now, at);
        if rate >= 1.0 {
            words += &format!(" at {}/s", HumanBytes(rate as u64));
        }
        if let Some(left) = self.pace.left(now, at) {
            words += &format!(", {} left", HumanDuration(left));
        }
        let waits: Vec<String> = at.waiting.iter().map(Wait::words).collect();
        match waits.len() {
            0 => words,
            n if n > 3 => format!("{words}; waiting for {n} hosts"),
            _ => format!("{words}; {}", waits.join(", ")),
        }
    }
}

/// Lines at least this often are asked for; others come by themselves.
const SOON: Duration = Duration::from_secs(10);

impl Wait {
    fn words(&self) -> String {
        let seconds = self.seconds.unwrap_or_default().ceil();
        let host = &self.host;
        match self.why {
            "retry-after" => format!("waiting {seconds} s for {host}, which asks for it"),
            "rate-limit" => format!("waiting {seconds} s for {host}, whose limit is used up"),
            "strain" => format!("waiting {seconds} s for {host}, which is under strain"),
            "unreachable" => format!("waiting {seconds} s for {host}, which cannot be reached"),
            "pace" => format!("keeping the pace of {host}"),
            _ => format!("{host} is asked no more"),
        }
    }
}

fn merge(event: &mut Value, more: Value) {
    if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
        event.extend(more);
    }
}

/// The shell: tells on stderr.
#[derive(Debug)]
pub struct Progress {
    narrator: Narrator,
    bar: ProgressBar,
}

impl Progress {
    /// Begins to tell.
    pub fn start(
        style: Style,
        quiet: bool,
        stage: &'static str,
        unit: &'static str,
        at: &Standing,
    ) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let voice = match style {
            _ if quiet => Voice::Silent,
            Style::None => Voice::Silent,
            Style::Json => Voice::Json,
            Style::Auto | Style::Bar if is_terminal => Voice::Bar,
            Style::Auto => Voice::Lines {
                every: Duration::from_secs(60),
            },
            Style::Bar | Style::Lines => Voice::Lines { every: SOON },
        };
        let target = match voice {
            Voice::Bar => ProgressDrawTarget::stderr(),
            _ => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(at.total), target);
        let template = format!("{stage} {{bar:20}} {{wide_msg}}");
        // Without a style of its own a bar still moves.
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        let progress = Progress {
            narrator: Narrator::new(stage, unit, voice),
            bar,
        };
        print(progress.narrator.start(at));
        progress
    }

    /// Tells of the time that has passed.
    pub fn tick(&mut self, now: Duration, at: &Standing) {
        print(self.narrator.tick(now, at));
        if self.narrator.voice == Voice::Bar {
            self.bar.set_length(at.total);
            self.bar.set_position(at.before + at.finished + at.failed);
            self.bar.set_message(self.narrator.words(now, at));
        }
    }

    /// Tells programs of an event.
    pub fn event(&self, event: impl FnOnce() -> Value) {
        if self.narrator.voice == Voice::Json {
            print([event().to_string()]);
        }
    }

    /// Ends; what was drawn goes.
    pub fn end(&mut self, now: Duration, at: &Standing) {
        print(self.narrator.end(now, at));
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn print(lines: impl IntoIterator<Item = String>) {
    for line in lines {
        // A closed stderr is nobody's failure.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(finished: u64, bytes: u64) -> Standing {
        Standing {
            total: 12,
            before: 2,
            finished,
            bytes,
            ..Standing::default()
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
    fn rate_and_time_left_are_of_the_last_minute() {
        let mut pace = Pace::default();
        pace.take(Duration::ZERO, &at(0, 0));
        assert_eq!(
            pace.left(Duration::ZERO, &at(0, 0)),
            None,
            "nothing is known yet"
        );
        pace.take(10 * SECOND, &at(5, 1000));
        assert_eq!(pace.left(10 * SECOND, &at(5, 1000)), Some(10 * SECOND));
        assert_eq!(pace.bytes_per_second(10 * SECOND, &at(5, 1000)), 100.0);
        let half = Standing {
            under_way: 0.5,
            ..at(2, 1000)
        };
        assert_eq!(
            pace.left(10 * SECOND, &half),
            Some(30 * SECOND),
            "parts of images count"
        );
        (11..=100).for_each(|s| pace.take(s * SECOND, &at(5, 1000)));
        assert_eq!(pace.left(100 * SECOND, &at(5, 1000)), None, "nothing comes");
        assert_eq!(pace.bytes_per_second(100 * SECOND, &at(5, 1000)), 0.0);
        assert!(pace.0.len() < 65, "{}", pace.0.len());
    }

    #[test]
    fn lines_come_in_time_and_when_a_host_is_waited_for() {
        let mut narrator = Narrator::new("download", "images", Voice::Lines { every: SOON });
        let said: Vec<usize> = (0..30)
            .map(|s| narrator.tick(s * SECOND, &at(0, 0)).len())
            .collect();
        assert_eq!(said.iter().sum::<usize>(), 3, "{said:?}");
        let mut strained = at(1, 2048);
        strained.waiting = vec![wait("retry-after", 29.5)];
        let said = narrator.tick(31 * SECOND, &strained);
        assert_eq!(
            said,
            [
                "download: 3 of 12 images, 2.00 KiB at 66 B/s, 5 minutes left; waiting 30 s for a.org:443, which asks for it"
            ]
        );
        assert!(
            narrator.tick(32 * SECOND, &strained).is_empty(),
            "said once"
        );
        let mut rare = Narrator::new("download", "images", Voice::Lines { every: 6 * SOON });
        assert!(rare.tick(Duration::ZERO, &at(0, 0)).is_empty());
        assert_eq!(rare.tick(60 * SECOND, &at(1, 0)).len(), 1);
        assert!(rare.end(61 * SECOND, &at(1, 0)).is_empty());
    }

    #[test]
    fn events_have_the_keys_that_are_promised_and_come_once_a_second() {
        let mut narrator = Narrator::new("download", "images", Voice::Json);
        let start = r#"{"event":"start","stage":"download","unit":"images","total":12,"before":2}"#;
        assert_eq!(narrator.start(&at(0, 0)).as_deref(), Some(start));
        let first = narrator.tick(Duration::ZERO, &at(0, 0));
        assert_eq!(
            first,
            [
                r#"{"event":"totals","elapsed_seconds":0.0,"total":12,"before":2,"finished":0,"failed":0,"regions":0,"requests":0,"bytes":0,"bytes_per_second":0.0,"eta_seconds":null,"waiting":[]}"#
            ]
        );
        assert!(narrator.tick(SECOND / 2, &at(0, 0)).is_empty());
        let mut strained = at(5, 4000);
        strained.waiting = vec![wait("strain", 2.0), wait("pace", 1.0)];
        let said = narrator.tick(2 * SECOND, &strained);
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
            narrator.end(2 * SECOND, &at(6, 4000)).len(),
            1,
            "the last totals are of the end"
        );
    }

    #[test]
    fn parts_of_an_image_are_taken_back_when_it_ends() {
        let parts = Parts::default();
        let one = parts.one(4);
        one.had_before(1);
        one.had();
        assert_eq!(parts.read(), (1, 0.5));
        drop(one);
        assert_eq!(parts.read(), (1, 0.0));
    }
}
