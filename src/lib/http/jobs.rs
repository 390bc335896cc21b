//! Jobs: how many images are worked on at once. An image counts only while a request of it is in flight or an answer to
//! one is checked; while all its requests wait, for the pace of a host or for a retry, another image takes its place.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The jobs of a run.
#[derive(Debug, Default)]
pub struct Jobs(Option<Arc<Semaphore>>);

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
    /// So many at once; without it there is no limit.
    pub fn at_once(jobs: u16) -> Self {
        Jobs(Some(Arc::new(Semaphore::new(jobs.into()))))
    }

    /// Waits until `job` may be active, and notes that it is.
    pub async fn start(&self, job: &Job) {
        if job.is_active_then_add() {
            return;
        }
        let permit = match &self.0 {
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
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn requests_of_one_image_are_one_job() {
        let (jobs, one, other) = (Jobs::at_once(1), Job::default(), Job::default());
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
}
