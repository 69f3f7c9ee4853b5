//! Long work: started, watched, stopped, and its result kept for a while.

use crate::problem::{Problem, Result};
use axum::http::StatusCode;
use engine::{Amount, Watch};
use serde::Serialize;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{Semaphore, watch};
use utoipa::ToSchema;

/// How many jobs are remembered.
const REMEMBERED: usize = 50;
/// How many of a kind may be unfinished.
const UNFINISHED: usize = 8;
/// How many notes of a job are kept.
const NOTES: usize = 1000;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobKind {
    /// Articles are added.
    Index,
    /// Answers are judged.
    Evaluate,
    /// A collection is read whole and proved sound.
    Check,
    /// What was deleted is dropped.
    Compact,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobPhase {
    /// Waiting for others.
    Queued,
    /// Under way.
    Running,
    /// Done; the result is there.
    Done,
    /// Failed; the error says why.
    Failed,
    /// Stopped by whoever asked for that.
    Cancelled,
}

/// A piece of long work.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Job {
    /// Its name.
    pub id: String,
    /// What is done.
    pub kind: JobKind,
    /// With which collection.
    pub collection: String,
    /// How far it is.
    pub phase: JobPhase,
    /// The part that is under way.
    pub progress: Option<JobProgress>,
    /// What to know, such as articles that could not be read.
    pub notes: Vec<String>,
    /// What it gave.
    pub result: Option<Value>,
    /// Why it failed.
    pub error: Option<String>,
    /// When it was asked for, in seconds since 1970.
    pub created: u64,
    /// When it ended.
    pub ended: Option<u64>,
}

impl Job {
    /// It without its result, which may be large.
    pub fn brief(&self) -> Self {
        let Self { id, kind, collection, phase, progress, notes, result: _, error, created, ended } = self;
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

/// A part of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct JobProgress {
    /// What is being done.
    pub what: String,
    /// How much is done.
    pub done: u64,
    /// Of how much.
    pub of: u64,
}

/// How work ends that does not fail.
pub enum Ended {
    /// All of it is done; what it gave.
    Done(Value),
    /// It stopped where it was asked to; what it gave until then.
    Stopped(Option<Value>),
}

/// A job as those see it who work on it.
pub struct Handle {
    state: watch::Sender<Job>,
    stop: AtomicBool,
    /// A page about the result.
    report: OnceLock<String>,
}

/// All jobs.
pub struct Jobs {
    all: Mutex<VecDeque<Arc<Handle>>>,
    /// Turns: of evaluations, for which it is enough to read, and of all others. Neither waits for the other.
    turns: [Arc<Semaphore>; 2],
    next: AtomicU64,
    /// No more are begun.
    closed: AtomicBool,
}

impl Jobs {
    pub fn new(at_once: usize) -> Self {
        Self {
            all: Mutex::default(),
            turns: [at_once, at_once].map(|turns| Arc::new(Semaphore::new(turns))),
            next: AtomicU64::new(1),
            closed: AtomicBool::new(false),
        }
    }

    /// Begins a job, on a thread of its own once its turn has come.
    pub fn start(
        &self,
        kind: JobKind,
        collection: &str,
        work: impl FnOnce(&Handle) -> Result<Ended> + Send + 'static,
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
        let handle = Arc::new(Handle {
            state: watch::Sender::new(job.clone()),
            stop: AtomicBool::new(false),
            report: OnceLock::new(),
        });
        {
            let mut all = self.all.lock().map_err(|_| Problem::internal(&"the jobs' lock is poisoned"))?;
            if self.closed.load(Ordering::Relaxed) {
                return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping"));
            }
            if all.iter().filter(|handle| handle.is_unfinished(kind)).count() >= UNFINISHED {
                return Err(Problem::busy(format!(
                    "{UNFINISHED} jobs of this kind are under way or waiting; try again when one is done"
                )));
            }
            while all.len() >= REMEMBERED {
                let Some(oldest) = all.iter().position(|handle| handle.is_over()) else { break };
                all.remove(oldest);
            }
            all.push_back(handle.clone());
        }
        let turns = self.turns[usize::from(kind != JobKind::Evaluate)].clone();
        tokio::spawn(async move {
            let mut states = handle.state.subscribe();
            let _turn = tokio::select! {
                turn = turns.acquire_owned() => turn,
                // What it would have worked on is let go at once.
                _ = states.wait_for(|job| job.ended.is_some()) => return,
            };
            let on_thread = handle.clone();
            let worked = tokio::task::spawn_blocking(move || on_thread.run(work)).await;
            if worked.is_err() {
                handle.finish(Err(Problem::internal(&"a job panicked")));
            }
        });
        Ok(job)
    }

    fn handle(&self, id: &str) -> Result<Arc<Handle>> {
        let all = self.all.lock().map_err(|_| Problem::internal(&"the jobs' lock is poisoned"))?;
        let found = all.iter().find(|handle| handle.state.borrow().id == id).cloned();
        found.ok_or_else(|| {
            Problem::not_found(format!("no job is called {id:?}; finished ones are forgotten after a while"))
        })
    }

    pub fn get(&self, id: &str) -> Result<Job> {
        Ok(self.handle(id)?.state.borrow().clone())
    }

    /// The page about a job's result.
    pub fn report(&self, id: &str) -> Result<String> {
        let report = self.handle(id)?.report.get().cloned();
        report.ok_or_else(|| Problem::not_found(format!("the job {id:?} has no report, or not yet")))
    }

    /// Every state of a job from now on.
    pub fn follow(&self, id: &str) -> Result<watch::Receiver<Job>> {
        Ok(self.handle(id)?.state.subscribe())
    }

    /// All that are remembered, newest first, without their results.
    pub fn list(&self) -> Vec<Job> {
        let all = self.all.lock().map(|all| all.iter().rev().map(|handle| handle.state.borrow().brief()).collect());
        all.unwrap_or_default()
    }

    /// Asks a job to stop as soon as it can.
    pub fn cancel(&self, id: &str) -> Result<Job> {
        let handle = self.handle(id)?;
        handle.stop.store(true, Ordering::Relaxed);
        handle.state.send_if_modified(|job| {
            let waits = job.phase == JobPhase::Queued;
            if waits {
                (job.phase, job.ended) = (JobPhase::Cancelled, Some(now()));
            }
            waits
        });
        Ok(handle.state.borrow().clone())
    }

    /// Asks all to stop as soon as they can, and begins no more.
    pub fn stop_all(&self) {
        self.closed.store(true, Ordering::Relaxed);
        for job in self.list() {
            // One that was forgotten meanwhile has ended.
            let _ = self.cancel(&job.id);
        }
    }

    /// Waits until all that run have ended.
    pub async fn wait(&self) {
        let all: Vec<_> = self.all.lock().map(|all| all.iter().cloned().collect()).unwrap_or_default();
        for handle in all {
            // Its sender is in our hands: the wait cannot fail before the job ends.
            let _ = handle.state.subscribe().wait_for(|job| job.ended.is_some()).await;
        }
    }
}

impl Handle {
    fn is_over(&self) -> bool {
        self.state.borrow().ended.is_some()
    }

    fn is_unfinished(&self, kind: JobKind) -> bool {
        let job = self.state.borrow();
        job.kind == kind && job.ended.is_none()
    }

    fn run(&self, work: impl FnOnce(&Self) -> Result<Ended>) {
        let begins = self.state.send_if_modified(|job| {
            let waits = job.phase == JobPhase::Queued;
            if waits {
                job.phase = JobPhase::Running;
            }
            waits
        });
        if begins {
            let result = work(self);
            self.finish(result);
        }
    }

    fn finish(&self, ended: Result<Ended>) {
        self.state.send_modify(|job| {
            job.ended = Some(now());
            job.progress = None;
            (job.phase, job.result, job.error) = match ended {
                Ok(Ended::Done(result)) => (JobPhase::Done, Some(result), None),
                Ok(Ended::Stopped(result)) => (JobPhase::Cancelled, result, None),
                Err(problem) => (JobPhase::Failed, None, Some(problem.detail().to_owned())),
            };
        });
    }

    /// Keeps a page about the result.
    pub fn keep_report(&self, page: String) {
        // A job has one result.
        let _ = self.report.set(page);
    }

    fn add_note(&self, note: String) {
        self.state.send_modify(|job| {
            if job.notes.len() < NOTES {
                job.notes.push(note);
            }
        });
    }
}

impl Watch for Handle {
    fn begin(&self, what: &'static str, of: Amount) {
        let (Amount::Items(of) | Amount::Bytes(of)) = of;
        self.state.send_modify(|job| job.progress = Some(JobProgress { what: what.to_owned(), done: 0, of }));
    }

    fn done(&self, done: u64) {
        self.state.send_if_modified(|job| match &mut job.progress {
            // Counts come from many threads, a late one after a higher.
            Some(progress) if progress.done < done => {
                progress.done = done;
                true
            }
            _ => false,
        });
    }

    fn doing(&self, what: &str) {
        self.state.send_if_modified(|job| match &mut job.progress {
            Some(progress) if progress.what != what => {
                what.clone_into(&mut progress.what);
                true
            }
            _ => false,
        });
    }

    fn end(&self) {
        self.state.send_modify(|job| job.progress = None);
    }

    fn skipped(&self, problem: &str) {
        self.add_note(format!("skipped {problem}"));
    }

    fn note(&self, what: &str) {
        self.add_note(what.to_owned());
    }

    fn stop(&self) -> &AtomicBool {
        &self.stop
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    async fn ended(jobs: &Jobs, id: &str) -> Job {
        let mut states = jobs.follow(id).unwrap();
        let ended = states.wait_for(|job| job.ended.is_some());
        tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap().unwrap().clone()
    }

    #[tokio::test]
    async fn a_job_goes_its_way() {
        let jobs = Jobs::new(1);
        let job = jobs.start(JobKind::Check, "books", |handle| {
            handle.begin("reading", Amount::Items(2));
            handle.done(2);
            handle.note("a note");
            Ok(Ended::Done(Value::from(5)))
        });
        let job = ended(&jobs, &job.unwrap().id).await;
        assert_eq!((job.phase, job.result, job.notes.len()), (JobPhase::Done, Some(Value::from(5)), 1));
        let failed = jobs.start(JobKind::Check, "books", |_| Err(Problem::bad_request("no"))).unwrap();
        let failed = ended(&jobs, &failed.id).await;
        assert_eq!((failed.phase, failed.error.as_deref()), (JobPhase::Failed, Some("no")));
        let broken = jobs.start(JobKind::Check, "books", |_| panic!("on purpose")).unwrap();
        assert_eq!(ended(&jobs, &broken.id).await.phase, JobPhase::Failed);
        assert_eq!(jobs.list().iter().map(|job| job.id.as_str()).collect::<Vec<_>>(), ["3", "2", "1"]);
        assert!(jobs.get("4").is_err());
    }

    #[tokio::test]
    async fn a_job_is_stopped_whether_it_runs_or_waits() {
        let jobs = Jobs::new(1);
        let running = jobs.start(JobKind::Index, "books", |handle| {
            while !handle.stopped() {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(Ended::Stopped(None))
        });
        let running = running.unwrap().id;
        let mut states = jobs.follow(&running).unwrap();
        states.wait_for(|job| job.phase == JobPhase::Running).await.unwrap();
        let upload = Arc::new(());
        let held = upload.clone();
        let waiting = jobs.start(JobKind::Index, "books", move |_| panic!("never begun: {held:?}")).unwrap().id;
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
        let next = jobs.start(JobKind::Check, "books", |_| Ok(Ended::Done(Value::Null))).unwrap();
        assert_eq!(ended(&jobs, &next.id).await.phase, JobPhase::Done);
        assert_eq!(jobs.get(&waiting).unwrap().phase, JobPhase::Cancelled);
    }

    #[tokio::test]
    async fn a_queue_of_one_kind_leaves_room_for_others() {
        let jobs = Jobs::new(1);
        let wait = |handle: &Handle| {
            while !handle.stopped() {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(Ended::Stopped(None))
        };
        for _ in 0..UNFINISHED {
            jobs.start(JobKind::Evaluate, "books", wait).unwrap();
        }
        // Not behind them.
        let other = jobs.start(JobKind::Check, "books", |_| Ok(Ended::Done(Value::Null))).unwrap();
        assert_eq!(ended(&jobs, &other.id).await.phase, JobPhase::Done);
        let refused = jobs.start(JobKind::Evaluate, "books", wait).unwrap_err();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        let index = jobs.start(JobKind::Index, "books", wait).unwrap();
        let mut states = jobs.follow(&index.id).unwrap();
        states.wait_for(|job| job.phase == JobPhase::Running).await.unwrap();
        jobs.stop_all();
        let closed = jobs.start(JobKind::Check, "books", wait).unwrap_err();
        assert_eq!(closed.status(), StatusCode::SERVICE_UNAVAILABLE);
        tokio::time::timeout(Duration::from_secs(10), jobs.wait()).await.unwrap();
        assert!(jobs.list().iter().all(|job| job.phase == JobPhase::Cancelled || job.id == other.id));
    }
}
