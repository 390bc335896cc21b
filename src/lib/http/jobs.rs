//! Jobs: how many images are worked on at once. An image counts only while a request of it is in flight or an answer to
//! one is checked; while all its requests wait, for the pace of a host or for a retry, another image takes its place.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The jobs of a run.
#[derive(Debug, Default)]
pub struct Jobs {
    /// So many at once; without it there is no limit.
    all: Option<Arc<Semaphore>>,
    /// Requests that may be in flight beside them because nothing comes.
    quiet: Option<Arc<Semaphore>>,
}

/// After so long without a byte a request no longer keeps others waiting.
const QUIET: Duration = Duration::from_millis(500);

/// One image among them.
#[derive(Debug, Default)]
pub struct Job(Mutex<Share>);

/// What an image holds of the jobs.
#[derive(Debug, Default)]
struct Share {
    /// Its requests that are in flight, and answers that are checked.
    active: u32,
    /// Held while there is one.
    permit: Option<OwnedSemaphorePermit>,
}

impl Jobs {
    /// So many at once, and beside them at most `quiet` requests to which nothing comes.
    pub fn at_once(jobs: u16, quiet: usize) -> Self {
        Jobs {
            all: Some(Arc::new(Semaphore::new(jobs.into()))),
            quiet: Some(Arc::new(Semaphore::new(quiet))),
        }
    }

    /// Waits for what a host sends, and lets another image take the place of this one while nothing comes: a host that is
    /// silent must not keep the others waiting.
    pub async fn await_bytes<T>(&self, job: &Arc<Job>, coming: impl Future<Output = T>) -> T {
        let mut coming = std::pin::pin!(coming);
        if let Ok(came) = tokio::time::timeout(QUIET, &mut coming).await {
            return came;
        }
        let permit = self
            .quiet
            .as_ref()
            .map(|quiet| quiet.clone().try_acquire_owned());
        let Some(Ok(_permit)) = permit else {
            return coming.await;
        };
        let aside = Aside::of(job);
        let came = coming.await;
        self.start(job).await;
        aside.end();
        came
    }

    /// Lets another image take the place of this one, to which bytes come slowly, until [`Jobs::rejoin`]; none where too many
    /// do so already.
    pub fn let_pass(&self, job: &Arc<Job>) -> Option<Passed> {
        let quiet = self.quiet.as_ref()?.clone();
        let permit = quiet.try_acquire_owned().ok()?;
        Some(Passed {
            aside: Aside::of(job),
            _permit: permit,
        })
    }

    /// Waits until an image that let others pass may go on.
    pub async fn rejoin(&self, job: &Job, passed: Passed) {
        self.start(job).await;
        passed.aside.end();
    }

    /// Waits until `job` may be active, and notes that it is.
    pub async fn start(&self, job: &Job) {
        if job.is_active_then_add() {
            return;
        }
        let permit = match &self.all {
            // Never closed, so this cannot fail.
            Some(all) => all.clone().acquire_owned().await.ok(),
            None => None,
        };
        let mut share = job.share();
        share.active += 1;
        if share.permit.is_none() {
            share.permit = permit;
        }
    }
}

/// An image that lets others pass.
pub struct Passed {
    aside: Aside,
    _permit: OwnedSemaphorePermit,
}

/// A request that does not count while nothing comes.
struct Aside(Option<Arc<Job>>);

impl Aside {
    fn of(job: &Arc<Job>) -> Self {
        job.end();
        Aside(Some(job.clone()))
    }

    fn end(mut self) {
        self.0 = None;
    }
}

impl Drop for Aside {
    /// If it was dropped meanwhile: whoever holds the request ends what it counts for.
    fn drop(&mut self) {
        if let Some(job) = self.0.take() {
            job.add();
        }
    }
}

impl Job {
    fn share(&self) -> MutexGuard<'_, Share> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one request to those of a job that is active already.
    fn is_active_then_add(&self) -> bool {
        let mut share = self.share();
        let is_active = share.active > 0;
        share.active += u32::from(is_active);
        is_active
    }

    /// One more request or answer of a job that is active already.
    pub fn add(&self) {
        self.share().active += 1;
    }

    /// One of what made it active has ended.
    pub fn end(&self) {
        let mut share = self.share();
        share.active = share.active.saturating_sub(1);
        if share.active == 0 {
            share.permit = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    #[tokio::test]
    async fn requests_of_one_image_are_one_job() {
        let (jobs, one, other) = (Jobs::at_once(1, 1), Job::default(), Job::default());
        jobs.start(&one).await;
        jobs.start(&one).await;
        let soon = Duration::from_millis(5);
        assert!(timeout(soon, jobs.start(&other)).await.is_err());
        one.end();
        assert!(timeout(soon, jobs.start(&other)).await.is_err());
        one.end();
        jobs.start(&other).await;
        Jobs::default().start(&one).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_lets_others_pass_until_it_is_over() {
        let jobs = Jobs::at_once(1, 1);
        let (slow, second, other) = (Arc::<Job>::default(), Arc::<Job>::default(), Job::default());
        jobs.start(&slow).await;
        assert!(timeout(QUIET, jobs.start(&other)).await.is_err());
        let passed = jobs.let_pass(&slow).unwrap();
        assert!(timeout(QUIET, jobs.start(&other)).await.is_ok());
        assert!(jobs.let_pass(&second).is_none(), "only so many");
        let mut rejoins = std::pin::pin!(jobs.rejoin(&slow, passed));
        assert!(
            timeout(QUIET, &mut rejoins).await.is_err(),
            "the other one is active"
        );
        other.end();
        assert!(timeout(QUIET, &mut rejoins).await.is_ok());
        assert!(timeout(QUIET, jobs.start(&other)).await.is_err());
        slow.end();
        jobs.start(&other).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_request_lets_others_take_its_place() {
        let jobs = Arc::new(Jobs::at_once(1, 1));
        let (silent, second, other) =
            (Arc::<Job>::default(), Arc::<Job>::default(), Job::default());
        jobs.start(&silent).await;
        let waits = {
            let (jobs, silent) = (jobs.clone(), silent.clone());
            let minute = Duration::from_secs(60);
            tokio::spawn(async move { jobs.await_bytes(&silent, tokio::time::sleep(minute)).await })
        };
        assert!(timeout(2 * QUIET, jobs.start(&other)).await.is_ok());
        other.end();
        // Only so many are silent beside the jobs; the next one keeps its place.
        jobs.start(&second).await;
        let never = jobs.await_bytes(&second, std::future::pending::<()>());
        assert!(timeout(2 * QUIET, never).await.is_err());
        assert!(timeout(QUIET, jobs.start(&other)).await.is_err());
        second.end();
        waits.await.unwrap();
        assert!(
            timeout(QUIET, jobs.start(&other)).await.is_err(),
            "it is active again"
        );
        silent.end();
        jobs.start(&other).await;
    }
}
