//! Servers that a test stops and lets go: what is under way at a moment is then known, not hoped for.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// The longest that a request is held. A test that forgets its gate fails then, and does not hang.
const LONGEST: Duration = Duration::from_secs(60);

/// Lets some requests pass and holds the others.
#[derive(Debug, Default)]
pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// How many more may pass; none: all.
    left: Option<usize>,
    held: usize,
    /// Counts [`Gate::dismiss`].
    round: usize,
}

impl Gate {
    /// A gate through which so many requests pass before it closes.
    pub fn after(requests: usize) -> Arc<Self> {
        let gate = Gate::default();
        gate.state.lock().unwrap().left = Some(requests);
        Arc::new(gate)
    }

    /// A gate that holds every request.
    pub fn closed() -> Arc<Self> {
        Gate::after(0)
    }

    /// Lets all pass, from now on.
    pub fn open(&self) {
        self.state.lock().unwrap().left = None;
        self.changed.notify_all();
    }

    /// Lets so many pass from now on, whatever was left.
    pub fn allow(&self, requests: usize) {
        self.state.lock().unwrap().left = Some(requests);
        self.changed.notify_all();
    }

    /// Sends those away that are held now.
    pub fn dismiss(&self) {
        self.state.lock().unwrap().round += 1;
        self.changed.notify_all();
    }

    /// How many are held now.
    pub fn held(&self) -> usize {
        self.state.lock().unwrap().held
    }

    /// Waits for its turn; false when the request was sent away instead, or nobody opened for a minute.
    pub fn pass(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        let round = state.round;
        state.held += 1;
        let waits = |state: &mut State| state.left == Some(0) && state.round == round;
        let (mut state, timeout) = self
            .changed
            .wait_timeout_while(state, LONGEST, waits)
            .unwrap();
        state.held -= 1;
        if timeout.timed_out() || state.round != round {
            return false;
        }
        state.left = state.left.map(|left| left - 1);
        true
    }
}

/// Counts requests that are under way at once, and holds them until as many came as the test expects.
#[derive(Debug)]
pub struct Crowd {
    expected: usize,
    /// Now, and the most so far.
    counts: Mutex<(usize, usize)>,
    changed: Condvar,
}

/// The fault "answers come late": the time in which one request too many would arrive. It finds clients that send too
/// many, and cannot make a good one fail.
const LATE: Duration = Duration::from_millis(20);

impl Crowd {
    /// Requests are held until so many are under way, once.
    pub fn of(expected: usize) -> Arc<Self> {
        Arc::new(Crowd {
            expected,
            counts: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Counts the request that calls this while it is held.
    pub fn join(&self) {
        let mut counts = self.counts.lock().unwrap();
        counts.0 += 1;
        counts.1 = counts.1.max(counts.0);
        self.changed.notify_all();
        let too_few = |counts: &mut (usize, usize)| counts.1 < self.expected;
        drop(
            self.changed
                .wait_timeout_while(counts, LONGEST / 4, too_few),
        );
        std::thread::sleep(LATE);
        self.counts.lock().unwrap().0 -= 1;
    }

    /// The most that were under way at once.
    pub fn most(&self) -> usize {
        self.counts.lock().unwrap().1
    }
}
