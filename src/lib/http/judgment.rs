//! Whose fault errors are: of one URL, or of its host. Values, no clock.
//!
//! A host that is overloaded answers 429 or 503 to whoever comes; a URL that is refused for good receives the same
//! status, while its host answers others. So a host is slowed down when it says that it is overloaded, until it is shown
//! that it says so of single URLs. It is given up when many different images in a row are refused, in the order in which
//! they were begun, and images from all over the set too ([`Judgment::wants_sample`]).

use std::collections::{HashMap, HashSet};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The image, or the document, that requests are for.
    pub id: u64,
    /// Whether the request repeats one that failed.
    pub again: bool,
}

/// Who caused an answer that says that the host is overloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The URL: the host answers others meanwhile.
    Url,
    /// The URL as it seems, which one answer does not prove: the host is left alone once more.
    Doubtful,
    /// The host.
    Host,
}

/// How often an image met an overloaded host.
#[derive(Clone, Copy, Debug)]
struct Meeting {
    /// Answers that were no sign of overload before the first time.
    calm: u64,
    times: u32,
}

/// What the answers of one host have shown.
#[derive(Debug)]
pub struct Judgment {
    /// Different images, or documents, in a row that are refused before others are sampled; 0: never.
    give_up: u32,
    /// How many of those from all over the set have to be refused too.
    samples: u32,
    /// Those that were refused, of the images that were begun after the last one that was downloaded.
    refused: HashSet<u64>,
    /// How many of them are from all over the set.
    refused_samples: u32,
    /// The last image that was downloaded, in the order in which they were begun.
    last_had: Option<u64>,
    /// Images that met an error and have not ended.
    failing: HashSet<u64>,
    /// Samples that were taken since an image was downloaded.
    sampled: u32,
    /// Those that were answered without an error and are not judged yet.
    promising: HashSet<u64>,
    /// Answers that were no sign of overload.
    calm: u64,
    /// Images that met an overloaded host and were not answered since.
    overloaded: HashMap<u64, Meeting>,
    /// Images that met an overloaded host again although it answered others in between.
    proven: HashSet<u64>,
    /// Images that met an overloaded host and were answered later.
    resolved: u32,
    /// New requests that met an overloaded host since one was answered.
    new_overloaded: u32,
    /// Repeated requests that were answered since then, none being refused again.
    again_answered: u32,
}

/// Images from all over a set that have to be refused too before a host is given up.
pub const SAMPLES: u32 = 12;
/// The most images whose meetings with an overloaded host are remembered.
const MAX_REMEMBERED: usize = 4096;

impl Judgment {
    /// Nothing is known yet.
    pub fn new(give_up: u32, samples: u32) -> Self {
        Judgment {
            give_up,
            samples,
            refused: HashSet::new(),
            refused_samples: 0,
            last_had: None,
            failing: HashSet::new(),
            sampled: 0,
            promising: HashSet::new(),
            calm: 0,
            overloaded: HashMap::new(),
            proven: HashSet::new(),
            resolved: 0,
            new_overloaded: 0,
            again_answered: 0,
        }
    }

    /// Whether an image met an overloaded host and was not answered since: its further requests repeat it, whatever their
    /// URLs are.
    pub fn has_failed(&self, id: u64) -> bool {
        self.overloaded.contains_key(&id)
    }

    /// A request was answered with anything but an overload.
    pub fn answered(&mut self, asker: Asker) {
        self.calm += 1;
        if self.overloaded.remove(&asker.id).is_some() {
            self.resolved += 1;
        }
        match asker.again {
            true => self.again_answered += 1,
            false => (self.new_overloaded, self.again_answered) = (0, 0),
        }
    }

    /// A request was answered with 429 or 503.
    pub fn overloaded(&mut self, asker: Asker) -> Blame {
        if self.overloaded.len() > MAX_REMEMBERED {
            self.overloaded.clear();
        }
        let calm = self.calm;
        let meeting = self
            .overloaded
            .entry(asker.id)
            .or_insert(Meeting { calm, times: 0 });
        meeting.times += 1;
        let Meeting { calm: first, times } = *meeting;
        let is_alone = times > 1 && calm > first;
        if is_alone && self.proven.len() < MAX_REMEMBERED {
            self.proven.insert(asker.id);
        }
        let proven = u32::try_from(self.proven.len()).unwrap_or(u32::MAX);
        match asker.again {
            true => (self.new_overloaded, self.again_answered) = (0, 0),
            false => self.new_overloaded += 1,
        }
        // Some hosts refuse each URL the first time, whatever the pace, and answer the second time.
        let is_first_only = !asker.again && self.new_overloaded >= 4 && self.again_answered >= 3;
        let is_habit = proven >= 3 && proven > 2 * self.resolved;
        // A host that answers images after a pause limits them: then it is no wonder that one meets it twice.
        match is_alone && proven > self.resolved {
            _ if is_first_only || is_habit => Blame::Url,
            true if calm >= first + 2 && (times > 2 || proven > 1) => Blame::Url,
            true => Blame::Doubtful,
            false => Blame::Host,
        }
    }

    /// An image was answered without an error: whether it is what was wanted, [`Judgment::succeeded`] or
    /// [`Judgment::refused`] say later.
    pub fn promised(&mut self, id: u64) {
        if self.promising.len() < MAX_REMEMBERED {
            self.promising.insert(id);
        }
    }

    /// A request for an image was answered with an error that may be that of all others; it may be repeated.
    pub fn failing(&mut self, id: u64) {
        if self.failing.len() < MAX_REMEMBERED {
            self.failing.insert(id);
        }
    }

    /// An image was refused for a reason that may be its own or that of the host; ids are in the order in which images are
    /// begun. Returns how many in a row, when that is enough to give up the host.
    pub fn refused(&mut self, id: u64, is_sample: bool) -> Option<u32> {
        self.ended(id);
        if self.last_had.is_some_and(|had| id < had) {
            return None;
        }
        let is_new = self.refused.insert(id);
        self.refused_samples += u32::from(is_new && is_sample);
        let images = self.refused.len();
        let is_enough = self.has_many(images) && self.refused_samples >= self.samples;
        let images = u32::try_from(images).unwrap_or(u32::MAX);
        (is_enough && self.promising.is_empty()).then_some(images)
    }

    /// An image ended in a way that says nothing of its host.
    pub fn ended(&mut self, id: u64) {
        self.promising.remove(&id);
        self.failing.remove(&id);
    }

    /// An image was downloaded, so the host does not refuse everything.
    pub fn succeeded(&mut self, id: u64) {
        self.ended(id);
        if self.last_had.is_none_or(|had| had < id) {
            self.last_had = Some(id);
            self.refused.retain(|refused| *refused > id);
            // Which of those that are left are samples is not known: others will be.
            self.refused_samples = 0;
            self.sampled = 0;
        }
    }

    /// Whether the next image should be taken from all over the set, to see whether the host refuses everything: which of
    /// the samples it is.
    pub fn wants_sample(&mut self) -> Option<u32> {
        // Those that are failing may be had in the end; but samples that are taken now are judged with them.
        match self.has_many(self.refused.len() + self.failing.len()) {
            true => self.next_sample(),
            false => None,
        }
    }

    /// Takes the next image from all over the set, where samples are taken at all: which of them it is.
    pub fn next_sample(&mut self) -> Option<u32> {
        let sample = self.sampled;
        self.sampled += u32::from(self.samples > 0);
        (self.samples > 0).then_some(sample)
    }

    /// Whether so many images are enough to sample others, and to give up the host.
    fn has_many(&self, images: usize) -> bool {
        self.give_up > 0 && u32::try_from(images).unwrap_or(u32::MAX) >= self.give_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(id: u64) -> Asker {
        Asker { id, again: false }
    }

    fn again(id: u64) -> Asker {
        Asker { id, again: true }
    }

    #[test]
    fn a_url_that_is_refused_while_others_are_answered_is_to_blame() {
        let mut host = Judgment::new(20, SAMPLES);
        assert_eq!(host.overloaded(new(1)), Blame::Host);
        assert_eq!(host.overloaded(new(10)), Blame::Host);
        assert_eq!(host.overloaded(again(10)), Blame::Host, "nothing else came");
        host.answered(new(2));
        assert_eq!(host.overloaded(again(1)), Blame::Doubtful);
        host.answered(new(3));
        assert_eq!(host.overloaded(again(1)), Blame::Url);
        assert_eq!(host.overloaded(new(4)), Blame::Host, "one URL is no habit");
        for id in 5..8 {
            host.overloaded(new(id));
            host.answered(new(100 + id));
            host.answered(new(200 + id));
            host.overloaded(again(id));
        }
        assert_eq!(host.overloaded(new(9)), Blame::Url);
    }

    #[test]
    fn a_host_that_refuses_each_url_once_is_not_overloaded() {
        let mut host = Judgment::new(20, SAMPLES);
        for id in 0..3 {
            assert_eq!(host.overloaded(new(id)), Blame::Host);
            host.answered(again(id));
        }
        assert_eq!(host.overloaded(new(3)), Blame::Url);
        host.answered(new(4));
        assert_eq!(host.overloaded(new(5)), Blame::Host, "it answers new ones");
    }

    #[test]
    fn a_limit_that_waiting_resolves_is_the_hosts() {
        let mut host = Judgment::new(20, SAMPLES);
        for id in 0..50 {
            (0..9).for_each(|i| host.answered(new(1000 + 10 * id + i)));
            assert_eq!(host.overloaded(new(id)), Blame::Host, "{id}");
            host.answered(again(id));
        }
    }

    #[test]
    fn a_host_is_given_up_after_samples() {
        let mut host = Judgment::new(3, SAMPLES);
        assert_eq!(host.refused(1, false), None);
        assert_eq!(host.refused(1, false), None, "the same image");
        assert_eq!(host.wants_sample(), None);
        host.refused(2, false);
        host.failing(3);
        assert_eq!(host.wants_sample(), Some(0));
        assert_eq!(host.wants_sample(), Some(1));
        assert_eq!((4..40).find_map(|id| host.refused(id, false)), None);
        let given_up = (40..99).find_map(|id| host.refused(id, true));
        assert_eq!(given_up, Some(2 + 36 + SAMPLES));
        host.promised(100);
        (101..200).for_each(|id| assert_eq!(host.refused(id, true), None, "one may be had"));
        host.succeeded(200);
        assert_eq!(host.wants_sample(), None);
        (1..200).for_each(|id| assert_eq!(host.refused(id, true), None, "begun before"));
        assert_eq!(host.wants_sample(), None);
        let mut never = Judgment::new(0, SAMPLES);
        assert_eq!((0..999).find_map(|id| never.refused(id, true)), None);
        assert_eq!(never.wants_sample(), None);
        let mut at_once = Judgment::new(3, 0);
        assert_eq!((0..9).find_map(|id| at_once.refused(id, false)), Some(3));
        assert_eq!(at_once.wants_sample(), None);
    }
}
