//! Long work: started, followed, cancelled; the result is kept for a while.

use crate::problem::{Problem, Result};
use axum::http::StatusCode;
use engine::{Amount, Progress};
use serde::Serialize;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{Semaphore, watch};
use utoipa::ToSchema;

/// How many jobs are kept, finished ones included.
const MAX_RETAINED_JOBS: usize = 50;
/// How many jobs of one kind may be queued or running.
const MAX_UNFINISHED_PER_KIND: usize = 8;
/// How many notes of one job are kept.
const MAX_NOTES: usize = 1000;

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobKind {
    /// Adds articles.
    Index,
    /// Evaluates the search quality.
    Evaluate,
    /// Reads a whole collection and verifies it.
    Check,
    /// Drops deleted articles and merges all segments.
    Compact,
}

/// Where a job is in its life cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobPhase {
    /// Waiting for other jobs.
    Queued,
    /// In progress.
    Running,
    /// Finished; the result is there.
    Done,
    /// Failed; the error says why.
    Failed,
    /// Stopped on request.
    Cancelled,
}

/// A unit of long work.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// What it does.
    pub kind: JobKind,
    /// The collection it works on.
    pub collection: String,
    /// Where it is in its life cycle.
    pub phase: JobPhase,
    /// The step in progress.
    pub progress: Option<JobProgress>,
    /// What to know, such as articles that could not be read.
    pub notes: Vec<String>,
    /// What it produced, once it is done.
    pub result: Option<Value>,
    /// Why it failed.
    pub error: Option<String>,
    /// When it was created, in seconds since 1970.
    pub created: u64,
    /// When it ended, in seconds since 1970.
    pub ended: Option<u64>,
}

impl Job {
    /// A copy without the result, which may be large.
    pub fn without_result(&self) -> Self {
        let Self {
            id,
            kind,
            collection,
            phase,
            progress,
            notes,
            result: _,
            error,
            created,
            ended,
        } = self;
        Self {
            id: id.clone(),
            kind: *kind,
            collection: collection.clone(),
            phase: *phase,
            progress: progress.clone(),
            notes: notes.clone(),
            result: None,
            error: error.clone(),
            created: *created,
            ended: *ended,
        }
    }
}

/// The step of a job that is in progress.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct JobProgress {
    /// What is being done.
    pub what: String,
    /// How much of the step is done.
    pub done: u64,
    /// How much the step has in all.
    pub of: u64,
}

/// How work ends unless it fails.
pub enum JobOutcome {
    /// It is complete, with this result.
    Done(Value),
    /// It was cancelled, with this result of what was done until then.
    Stopped(Option<Value>),
}

/// A job as its worker sees it: reports progress, and says whether to stop.
pub struct JobHandle {
    state: watch::Sender<Job>,
    stop: AtomicBool,
    /// An HTML page about the result.
    report: OnceLock<String>,
}

/// All jobs of this process.
pub struct Jobs {
    all: Mutex<VecDeque<Arc<JobHandle>>>,
    /// Semaphores of evaluations, which only read, and of all other jobs. Neither kind waits for
    /// the other.
    slots: [Arc<Semaphore>; 2],
    next: AtomicU64,
    /// Set on shutdown: no more jobs start.
    closed: AtomicBool,
}

impl Jobs {
    pub fn new(slots_per_queue: usize) -> Self {
        Self {
            all: Mutex::default(),
            slots: [slots_per_queue; 2].map(|slots| Arc::new(Semaphore::new(slots))),
            next: AtomicU64::new(1),
            closed: AtomicBool::new(false),
        }
    }

    /// Queues a job. It runs on a thread of its own as soon as a slot is free.
    pub fn start(
        &self,
        kind: JobKind,
        collection: &str,
        work: impl FnOnce(&JobHandle) -> Result<JobOutcome> + Send + 'static,
    ) -> Result<Job> {
        let job = Job {
            id: self.next.fetch_add(1, Ordering::Relaxed).to_string(),
            kind,
            collection: collection.to_owned(),
            phase: JobPhase::Queued,
            progress: None,
            notes: Vec::new(),
            result: None,
            error: None,
            created: now(),
            ended: None,
        };
        let handle = Arc::new(JobHandle {
            state: watch::Sender::new(job.clone()),
            stop: AtomicBool::new(false),
            report: OnceLock::new(),
        });
        {
            let mut all = self
                .all
                .lock()
                .map_err(|_| Problem::internal(&"the jobs' lock is poisoned"))?;
            if self.closed.load(Ordering::Relaxed) {
                return Err(Problem::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the server is stopping",
                ));
            }
            if all
                .iter()
                .filter(|handle| handle.is_unfinished(kind))
                .count()
                >= MAX_UNFINISHED_PER_KIND
            {
                return Err(Problem::too_many_requests(format!(
                    "{MAX_UNFINISHED_PER_KIND} jobs of this kind are queued or running; try again when one is done"
                )));
            }
            while all.len() >= MAX_RETAINED_JOBS {
                let Some(oldest) = all.iter().position(|handle| handle.has_ended()) else {
                    break;
                };
                all.remove(oldest);
            }
            all.push_back(handle.clone());
        }
        let slots = self.slots[usize::from(kind != JobKind::Evaluate)].clone();
        tokio::spawn(async move {
            let mut states = handle.state.subscribe();
            let _slot = tokio::select! {
                slot = slots.acquire_owned() => slot,
                // Cancelled while queued: drop `work`, and with it whatever it holds, right away.
                _ = states.wait_for(|job| job.ended.is_some()) => return,
            };
            let worker = handle.clone();
            let joined = tokio::task::spawn_blocking(move || worker.run(work)).await;
            if joined.is_err() {
                handle.finish(Err(Problem::internal(&"a job panicked")));
            }
        });
        Ok(job)
    }

    fn handle(&self, id: &str) -> Result<Arc<JobHandle>> {
        let all = self
            .all
            .lock()
            .map_err(|_| Problem::internal(&"the jobs' lock is poisoned"))?;
        let found = all
            .iter()
            .find(|handle| handle.state.borrow().id == id)
            .cloned();
        found.ok_or_else(|| {
            Problem::not_found(format!(
                "no job has the id {id:?}; finished jobs are forgotten after a while"
            ))
        })
    }

    pub fn get(&self, id: &str) -> Result<Job> {
        Ok(self.handle(id)?.state.borrow().clone())
    }

    /// The HTML report of a job.
    pub fn report(&self, id: &str) -> Result<String> {
        let report = self.handle(id)?.report.get().cloned();
        report.ok_or_else(|| Problem::not_found(format!("job {id:?} has no report (yet)")))
    }

    /// Receives every state of a job from now on.
    pub fn subscribe(&self, id: &str) -> Result<watch::Receiver<Job>> {
        Ok(self.handle(id)?.state.subscribe())
    }

    /// All jobs that are kept, newest first, without their results.
    pub fn list(&self) -> Vec<Job> {
        let all = self.all.lock().map(|all| {
            all.iter()
                .rev()
                .map(|handle| handle.state.borrow().without_result())
                .collect()
        });
        all.unwrap_or_default()
    }

    /// Cancels a job: at once if it is queued, otherwise as soon as it checks for it.
    pub fn cancel(&self, id: &str) -> Result<Job> {
        let handle = self.handle(id)?;
        handle.stop.store(true, Ordering::Relaxed);
        handle.state.send_if_modified(|job| {
            let is_queued = job.phase == JobPhase::Queued;
            if is_queued {
                (job.phase, job.ended) = (JobPhase::Cancelled, Some(now()));
            }
            is_queued
        });
        Ok(handle.state.borrow().clone())
    }

    /// Cancels all jobs and accepts no more.
    pub fn stop_all(&self) {
        self.closed.store(true, Ordering::Relaxed);
        for job in self.list() {
            // A job that is no longer kept has ended.
            let _ = self.cancel(&job.id);
        }
    }

    /// Waits until all jobs have ended.
    pub async fn wait_all(&self) {
        let all: Vec<_> = self
            .all
            .lock()
            .map(|all| all.iter().cloned().collect())
            .unwrap_or_default();
        for handle in all {
            // `handle` keeps the sender alive, so this fails only after the job has ended.
            let _ = handle
                .state
                .subscribe()
                .wait_for(|job| job.ended.is_some())
                .await;
        }
    }
}

impl JobHandle {
    fn has_ended(&self) -> bool {
        self.state.borrow().ended.is_some()
    }

    fn is_unfinished(&self, kind: JobKind) -> bool {
        let job = self.state.borrow();
        job.kind == kind && job.ended.is_none()
    }

    fn run(&self, work: impl FnOnce(&Self) -> Result<JobOutcome>) {
        let starts = self.state.send_if_modified(|job| {
            let is_queued = job.phase == JobPhase::Queued;
            if is_queued {
                job.phase = JobPhase::Running;
            }
            is_queued
        });
        if starts {
            let result = work(self);
            self.finish(result);
        }
    }

    fn finish(&self, ended: Result<JobOutcome>) {
        self.state.send_modify(|job| {
            job.ended = Some(now());
            job.progress = None;
            (job.phase, job.result, job.error) = match ended {
                Ok(JobOutcome::Done(result)) => (JobPhase::Done, Some(result), None),
                Ok(JobOutcome::Stopped(result)) => (JobPhase::Cancelled, result, None),
                Err(problem) => (JobPhase::Failed, None, Some(problem.detail().to_owned())),
            };
        });
    }

    /// Stores an HTML page about the result.
    pub fn set_report(&self, page: String) {
        // Set once: a job has one result.
        let _ = self.report.set(page);
    }

    fn add_note(&self, note: String) {
        self.state.send_modify(|job| {
            if job.notes.len() < MAX_NOTES {
                job.notes.push(note);
            }
        });
    }
}

impl Progress for JobHandle {
    fn start_stage(&self, what: &'static str, of: Amount) {
        let (Amount::Items(of) | Amount::Bytes(of)) = of;
        self.state.send_modify(|job| {
            job.progress = Some(JobProgress {
                what: what.to_owned(),
                done: 0,
                of,
            })
        });
    }

    fn set_position(&self, done: u64) {
        self.state.send_if_modified(|job| match &mut job.progress {
            // Worker threads report counts out of order.
            Some(progress) if progress.done < done => {
                progress.done = done;
                true
            }
            _ => false,
        });
    }

    fn set_message(&self, what: &str) {
        self.state.send_if_modified(|job| match &mut job.progress {
            Some(progress) if progress.what != what => {
                what.clone_into(&mut progress.what);
                true
            }
            _ => false,
        });
    }

    fn finish_stage(&self) {
        self.state.send_modify(|job| job.progress = None);
    }

    fn skipped(&self, problem: &str) {
        self.add_note(format!("skipped {problem}"));
    }

    fn note(&self, what: &str) {
        self.add_note(what.to_owned());
    }

    fn stop_flag(&self) -> &AtomicBool {
        &self.stop
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    async fn ended(jobs: &Jobs, id: &str) -> Job {
        let mut states = jobs.subscribe(id).unwrap();
        let ended = states.wait_for(|job| job.ended.is_some());
        tokio::time::timeout(Duration::from_secs(10), ended)
            .await
            .unwrap()
            .unwrap()
            .clone()
    }

    #[tokio::test]
    async fn a_job_ends_as_done_or_failed_with_its_result() {
        let jobs = Jobs::new(1);
        let job = jobs.start(JobKind::Check, "books", |handle| {
            handle.start_stage("reading", Amount::Items(2));
            handle.set_position(2);
            handle.note("a note");
            Ok(JobOutcome::Done(Value::from(5)))
        });
        let job = ended(&jobs, &job.unwrap().id).await;
        assert_eq!(
            (job.phase, job.result, job.notes.len()),
            (JobPhase::Done, Some(Value::from(5)), 1)
        );
        let failed = jobs
            .start(JobKind::Check, "books", |_| Err(Problem::bad_request("no")))
            .unwrap();
        let failed = ended(&jobs, &failed.id).await;
        assert_eq!(
            (failed.phase, failed.error.as_deref()),
            (JobPhase::Failed, Some("no"))
        );
        let broken = jobs
            .start(JobKind::Check, "books", |_| panic!("on purpose"))
            .unwrap();
        assert_eq!(ended(&jobs, &broken.id).await.phase, JobPhase::Failed);
        assert_eq!(
            jobs.list()
                .iter()
                .map(|job| job.id.as_str())
                .collect::<Vec<_>>(),
            ["3", "2", "1"]
        );
        assert!(jobs.get("4").is_err());
    }

    #[tokio::test]
    async fn cancel_stops_queued_and_running_jobs() {
        let jobs = Jobs::new(1);
        let running = jobs.start(JobKind::Index, "books", |handle| {
            while !handle.is_stopped() {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(JobOutcome::Stopped(None))
        });
        let running = running.unwrap().id;
        let mut states = jobs.subscribe(&running).unwrap();
        states
            .wait_for(|job| job.phase == JobPhase::Running)
            .await
            .unwrap();
        let upload = Arc::new(());
        let held = upload.clone();
        let waiting = jobs
            .start(JobKind::Index, "books", move |_| {
                panic!("never started: {held:?}")
            })
            .unwrap()
            .id;
        assert_eq!(jobs.cancel(&waiting).unwrap().phase, JobPhase::Cancelled);
        tokio::time::timeout(Duration::from_secs(10), async {
            while Arc::strong_count(&upload) > 1 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        jobs.cancel(&running).unwrap();
        assert_eq!(ended(&jobs, &running).await.phase, JobPhase::Cancelled);
        let next = jobs
            .start(JobKind::Check, "books", |_| {
                Ok(JobOutcome::Done(Value::Null))
            })
            .unwrap();
        assert_eq!(ended(&jobs, &next.id).await.phase, JobPhase::Done);
        assert_eq!(jobs.get(&waiting).unwrap().phase, JobPhase::Cancelled);
    }

    #[tokio::test]
    async fn a_full_queue_of_one_kind_does_not_block_other_kinds() {
        let jobs = Jobs::new(1);
        let wait = |handle: &JobHandle| {
            while !handle.is_stopped() {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(JobOutcome::Stopped(None))
        };
        for _ in 0..MAX_UNFINISHED_PER_KIND {
            jobs.start(JobKind::Evaluate, "books", wait).unwrap();
        }
        // It does not wait for the evaluations.
        let other = jobs
            .start(JobKind::Check, "books", |_| {
                Ok(JobOutcome::Done(Value::Null))
            })
            .unwrap();
        assert_eq!(ended(&jobs, &other.id).await.phase, JobPhase::Done);
        let refused = jobs.start(JobKind::Evaluate, "books", wait).unwrap_err();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        let index = jobs.start(JobKind::Index, "books", wait).unwrap();
        let mut states = jobs.subscribe(&index.id).unwrap();
        states
            .wait_for(|job| job.phase == JobPhase::Running)
            .await
            .unwrap();
        jobs.stop_all();
        let closed = jobs.start(JobKind::Check, "books", wait).unwrap_err();
        assert_eq!(closed.status(), StatusCode::SERVICE_UNAVAILABLE);
        tokio::time::timeout(Duration::from_secs(10), jobs.wait_all())
            .await
            .unwrap();
        assert!(
            jobs.list()
                .iter()
                .all(|job| job.phase == JobPhase::Cancelled || job.id == other.id)
        );
    }
}
