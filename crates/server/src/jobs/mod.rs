//! Long work: started, followed, cancelled. A job is kept on disk until it is forgotten, so that
//! one that a restart interrupts is taken up again.

mod folder;
mod handle;

pub use folder::{JobFolder, Record, sync_folder};
pub use handle::{JobHandle, JobOutcome};

use crate::problem::{Problem, Result};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Semaphore, watch};
use utoipa::ToSchema;

/// How many jobs are kept, finished ones included.
const MAX_RETAINED_JOBS: usize = 50;
/// How many jobs of one kind may be queued or running.
const MAX_UNFINISHED_PER_KIND: usize = 8;

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobPhase {
    /// Waiting for other jobs, or for the next start of the server.
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
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobProgress {
    /// What is being done.
    pub what: String,
    /// How much of the step is done.
    pub done: u64,
    /// How much the step has in all.
    pub of: u64,
}

/// A job to start.
pub struct NewJob {
    pub kind: JobKind,
    /// The collection it works on.
    pub collection: String,
    /// What is known before it starts.
    pub notes: Vec<String>,
    /// What it does, for whoever takes it up after a restart.
    pub task: Value,
    /// Where it is kept; `None` keeps it in memory only. Its name is the job's id.
    pub folder: Option<JobFolder>,
}

/// The work of a job.
pub type Work = Box<dyn FnOnce(&JobHandle) -> Result<JobOutcome> + Send>;

/// All jobs of this server.
pub struct Jobs {
    all: Mutex<VecDeque<Arc<JobHandle>>>,
    /// Semaphores of evaluations, which only read, and of all other jobs. Neither kind waits for
    /// the other.
    slots: [Arc<Semaphore>; 2],
    /// Set on shutdown: no more jobs start.
    closed: Arc<AtomicBool>,
    /// Set once running jobs have been told to stop.
    stopped: watch::Sender<bool>,
}

impl Jobs {
    pub fn new(slots_per_queue: usize) -> Self {
        Self {
            all: Mutex::default(),
            slots: [slots_per_queue; 2].map(|slots| Arc::new(Semaphore::new(slots))),
            closed: Arc::default(),
            stopped: watch::Sender::new(false),
        }
    }

    /// An id that no job ever had: the time, and a random number.
    pub fn new_id() -> Result<String> {
        let mut random = [0; 3];
        getrandom::fill(&mut random).map_err(|error| Problem::internal(&error))?;
        let [a, b, c] = random;
        Ok(format!(
            "{:011x}{a:02x}{b:02x}{c:02x}",
            since_epoch().as_millis()
        ))
    }

    /// Queues a job. It runs on a thread of its own as soon as a slot is free.
    pub fn start(&self, new: NewJob, work: Work) -> Result<Job> {
        let id = match &new.folder {
            Some(folder) => folder.id(),
            None => Self::new_id()?,
        };
        let job = Job {
            id,
            kind: new.kind,
            collection: new.collection,
            phase: JobPhase::Queued,
            progress: None,
            notes: new.notes,
            result: None,
            error: None,
            created: now(),
            ended: None,
        };
        self.ensure_room(new.kind)?;
        let handle = Arc::new(JobHandle::new(job.clone(), new.task, new.folder));
        handle.record(&job)?;
        self.keep(handle.clone())?;
        self.queue(handle, work);
        Ok(job)
    }

    /// Queues a job that an earlier process has not finished.
    pub fn resume(&self, record: Record, folder: JobFolder, work: Work) -> Result<()> {
        let handle = Arc::new(JobHandle::new(record.job, record.task, Some(folder)));
        self.keep(handle.clone())?;
        self.queue(handle, work);
        Ok(())
    }

    /// Remembers a job that has ended.
    pub fn remember(&self, record: Record, folder: JobFolder) -> Result<()> {
        self.keep(Arc::new(JobHandle::new(
            record.job,
            record.task,
            Some(folder),
        )))
    }

    /// Fails if no more jobs of a kind can be queued.
    pub fn ensure_room(&self, kind: JobKind) -> Result<()> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "the server is stopping",
            ));
        }
        let unfinished = self
            .handles()?
            .iter()
            .filter(|handle| handle.is_unfinished(kind))
            .count();
        if unfinished >= MAX_UNFINISHED_PER_KIND {
            return Err(Problem::too_many_requests(format!(
                "{MAX_UNFINISHED_PER_KIND} jobs of this kind are queued or running; try again when one is done"
            )));
        }
        Ok(())
    }

    /// Keeps a job, and forgets the oldest ones that have ended.
    fn keep(&self, handle: Arc<JobHandle>) -> Result<()> {
        let mut all = self.lock()?;
        while all.len() >= MAX_RETAINED_JOBS {
            let Some(oldest) = all.iter().position(|handle| handle.has_ended()) else {
                break;
            };
            if let Some(oldest) = all.remove(oldest) {
                oldest.forget();
            }
        }
        all.push_back(handle);
        Ok(())
    }

    fn queue(&self, handle: Arc<JobHandle>, work: Work) {
        let kind = handle.job().kind;
        let slots = self.slots[usize::from(kind != JobKind::Evaluate)].clone();
        let closed = self.closed.clone();
        tokio::spawn(async move {
            let mut states = handle.subscribe();
            let _slot = tokio::select! {
                slot = slots.acquire_owned() => slot,
                // Cancelled while queued: drop `work`, and with it whatever it holds, right away.
                _ = states.wait_for(|job| job.ended.is_some()) => return,
            };
            let worker = handle.clone();
            let run = move || {
                // One that has not begun waits for the next start.
                if !closed.load(Ordering::Relaxed) {
                    worker.run(work);
                }
            };
            if tokio::task::spawn_blocking(run).await.is_err() {
                handle.finish(Err(Problem::internal(&"a job panicked")));
            }
        });
    }

    fn lock(&self) -> Result<std::sync::MutexGuard<'_, VecDeque<Arc<JobHandle>>>> {
        self.all
            .lock()
            .map_err(|_| Problem::internal(&"the jobs' lock is poisoned"))
    }

    fn handles(&self) -> Result<Vec<Arc<JobHandle>>> {
        Ok(self.lock()?.iter().cloned().collect())
    }

    fn handle(&self, id: &str) -> Result<Arc<JobHandle>> {
        let found = self
            .handles()?
            .into_iter()
            .find(|handle| handle.job().id == id);
        found.ok_or_else(|| {
            Problem::not_found(format!(
                "no job has the id {id:?}; finished jobs are forgotten after a while"
            ))
        })
    }

    pub fn get(&self, id: &str) -> Result<Job> {
        Ok(self.handle(id)?.job())
    }

    /// The HTML report of a job.
    pub fn report(&self, id: &str) -> Result<String> {
        let report = self.handle(id)?.report();
        report.ok_or_else(|| Problem::not_found(format!("job {id:?} has no report (yet)")))
    }

    /// Receives every state of a job from now on.
    pub fn subscribe(&self, id: &str) -> Result<watch::Receiver<Job>> {
        Ok(self.handle(id)?.subscribe())
    }

    /// Waits until running jobs have been told to stop: those that have not ended then go on at the
    /// next start.
    pub async fn until_stopped(&self) {
        // `self` keeps the sender alive, so this cannot fail.
        let _ = self.stopped.subscribe().wait_for(|stopped| *stopped).await;
    }

    /// All jobs that are kept, newest first, without their results.
    pub fn list(&self) -> Vec<Job> {
        let all = self.handles().unwrap_or_default();
        all.iter()
            .rev()
            .map(|handle| handle.job().without_result())
            .collect()
    }

    /// Cancels a job: at once if it is queued, otherwise as soon as it checks for it.
    pub fn cancel(&self, id: &str) -> Result<Job> {
        let handle = self.handle(id)?;
        handle.cancel();
        Ok(handle.job())
    }

    /// Accepts no more jobs, and starts none of those that are queued.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Tells running jobs to stop. Those that are kept on disk are taken up at the next start.
    pub fn stop(&self) {
        for handle in self.handles().unwrap_or_default() {
            handle.stop();
        }
        self.stopped.send_replace(true);
    }

    /// Whether a job runs.
    pub fn any_running(&self) -> bool {
        let all = self.handles().unwrap_or_default();
        all.iter()
            .any(|handle| handle.job().phase == JobPhase::Running)
    }

    /// Waits until no job runs.
    pub async fn wait_running(&self) {
        for handle in self.handles().unwrap_or_default() {
            // `handle` keeps the sender alive, so this cannot fail.
            let _ = handle
                .subscribe()
                .wait_for(|job| job.phase != JobPhase::Running)
                .await;
        }
    }
}

fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

fn now() -> u64 {
    since_epoch().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{Amount, Progress};

    async fn ended(jobs: &Jobs, id: &str) -> Job {
        let mut states = jobs.subscribe(id).unwrap();
        let ended = states.wait_for(|job| job.ended.is_some());
        tokio::time::timeout(Duration::from_secs(10), ended)
            .await
            .unwrap()
            .unwrap()
            .clone()
    }

    fn start(
        jobs: &Jobs,
        kind: JobKind,
        work: impl FnOnce(&JobHandle) -> Result<JobOutcome> + Send + 'static,
    ) -> Result<Job> {
        start_in(jobs, kind, None, work)
    }

    fn start_in(
        jobs: &Jobs,
        kind: JobKind,
        folder: Option<JobFolder>,
        work: impl FnOnce(&JobHandle) -> Result<JobOutcome> + Send + 'static,
    ) -> Result<Job> {
        let new = NewJob {
            kind,
            collection: "books".to_owned(),
            notes: Vec::new(),
            task: Value::Null,
            folder,
        };
        jobs.start(new, Box::new(work))
    }

    fn until_stopped(handle: &JobHandle) -> Result<JobOutcome> {
        while !handle.is_stopped() {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(JobOutcome::Stopped(None))
    }

    async fn running(jobs: &Jobs, id: &str) {
        let mut states = jobs.subscribe(id).unwrap();
        let running = states.wait_for(|job| job.phase == JobPhase::Running);
        tokio::time::timeout(Duration::from_secs(10), running)
            .await
            .unwrap()
            .unwrap();
    }

    #[tokio::test]
    async fn a_job_ends_as_done_or_failed_with_its_result() {
        let jobs = Jobs::new(1);
        let job = start(&jobs, JobKind::Check, |handle| {
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
        let no = |_: &JobHandle| Err(Problem::bad_request("no"));
        let failed = start(&jobs, JobKind::Check, no).unwrap();
        let failed = ended(&jobs, &failed.id).await;
        assert_eq!(
            (failed.phase, failed.error.as_deref()),
            (JobPhase::Failed, Some("no"))
        );
        let broken = start(&jobs, JobKind::Check, |_| panic!("on purpose")).unwrap();
        assert_eq!(ended(&jobs, &broken.id).await.phase, JobPhase::Failed);
        let listed: Vec<_> = jobs.list().into_iter().map(|job| job.id).collect();
        assert_eq!(listed, [broken.id, failed.id, job.id]);
        assert!(jobs.get("4").is_err());
    }

    #[tokio::test]
    async fn cancel_stops_queued_and_running_jobs() {
        let jobs = Jobs::new(1);
        let first = start(&jobs, JobKind::Index, until_stopped).unwrap().id;
        running(&jobs, &first).await;
        let upload = Arc::new(());
        let held = upload.clone();
        let never = move |_: &JobHandle| panic!("never started: {held:?}");
        let waiting = start(&jobs, JobKind::Index, never).unwrap().id;
        assert_eq!(jobs.cancel(&waiting).unwrap().phase, JobPhase::Cancelled);
        tokio::time::timeout(Duration::from_secs(10), async {
            while Arc::strong_count(&upload) > 1 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        jobs.cancel(&first).unwrap();
        assert_eq!(ended(&jobs, &first).await.phase, JobPhase::Cancelled);
        let done = |_: &JobHandle| Ok(JobOutcome::Done(Value::Null));
        let next = start(&jobs, JobKind::Check, done).unwrap();
        assert_eq!(ended(&jobs, &next.id).await.phase, JobPhase::Done);
        assert_eq!(jobs.get(&waiting).unwrap().phase, JobPhase::Cancelled);
    }

    #[tokio::test]
    async fn a_full_queue_of_one_kind_does_not_block_other_kinds() {
        let jobs = Jobs::new(1);
        for _ in 0..MAX_UNFINISHED_PER_KIND {
            start(&jobs, JobKind::Evaluate, until_stopped).unwrap();
        }
        // It does not wait for the evaluations.
        let done = |_: &JobHandle| Ok(JobOutcome::Done(Value::Null));
        let other = start(&jobs, JobKind::Check, done).unwrap();
        assert_eq!(ended(&jobs, &other.id).await.phase, JobPhase::Done);
        let refused = start(&jobs, JobKind::Evaluate, until_stopped).unwrap_err();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        jobs.close();
        let closed = start(&jobs, JobKind::Check, until_stopped).unwrap_err();
        assert_eq!(closed.status(), StatusCode::SERVICE_UNAVAILABLE);
        jobs.stop();
        tokio::time::timeout(Duration::from_secs(10), jobs.wait_running())
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn what_a_shutdown_interrupts_is_taken_up_by_the_next_start() {
        let root = tempfile::tempdir().unwrap();
        let folder = |id: &str| Some(JobFolder::create(root.path(), id).unwrap());
        let jobs = Jobs::new(1);
        let half = start_in(&jobs, JobKind::Index, folder("1"), until_stopped).unwrap();
        running(&jobs, &half.id).await;
        let unstarted = |_: &JobHandle| panic!("it must wait");
        let queued = start_in(&jobs, JobKind::Index, folder("2"), unstarted).unwrap();
        let cancelled = start_in(&jobs, JobKind::Index, folder("3"), unstarted).unwrap();
        jobs.cancel(&cancelled.id).unwrap();
        let finish = |handle: &JobHandle| {
            handle.set_report("the report".to_owned())?;
            Ok(JobOutcome::Done(Value::from(7)))
        };
        let done = start_in(&jobs, JobKind::Evaluate, folder("4"), finish).unwrap();
        ended(&jobs, &done.id).await;
        // An upload that broke off.
        drop(folder("5"));
        jobs.close();
        jobs.stop();
        jobs.wait_running().await;
        assert_eq!(jobs.get(&half.id).unwrap().phase, JobPhase::Queued);
        // Until then they belong to this process.
        assert!(JobFolder::abandoned(root.path()).unwrap().is_empty());
        drop(jobs);
        tokio::task::yield_now().await;

        let jobs = Jobs::new(1);
        let mut folders = Vec::new();
        tokio::time::timeout(Duration::from_secs(10), async {
            // Tasks of the runtime let go of their jobs when they next run.
            while folders.len() < 4 {
                tokio::task::yield_now().await;
                folders.extend(JobFolder::abandoned(root.path()).unwrap());
            }
        })
        .await
        .unwrap();
        for folder in folders {
            let record = folder.read().unwrap();
            if record.job.ended.is_some() {
                jobs.remember(record, folder).unwrap();
            } else {
                let finish = |_: &JobHandle| Ok(JobOutcome::Done(Value::Null));
                jobs.resume(record, folder, Box::new(finish)).unwrap();
            }
        }
        for id in [&half.id, &queued.id] {
            assert_eq!(ended(&jobs, id).await.phase, JobPhase::Done);
        }
        assert_eq!(jobs.get(&cancelled.id).unwrap().phase, JobPhase::Cancelled);
        assert_eq!(jobs.get(&done.id).unwrap().result, Some(Value::from(7)));
        assert_eq!(jobs.report(&done.id).unwrap(), "the report");
        assert!(jobs.get("5").is_err());
    }

    #[tokio::test]
    async fn paths_of_the_server_are_not_shown_and_no_note_is_lost_silently() {
        let root = tempfile::tempdir().unwrap();
        let folder = JobFolder::create(root.path(), "1").unwrap();
        let path = folder.files().join("a.txt").display().to_string();
        let jobs = Jobs::new(1);
        let job = start_in(&jobs, JobKind::Index, Some(folder), move |handle| {
            for _ in 0..1002 {
                handle.skipped(&format!("{path}: no text"));
            }
            Ok(JobOutcome::Done(serde_json::json!({ "failed": [path] })))
        });
        let job = ended(&jobs, &job.unwrap().id).await;
        assert_eq!(job.notes[0], "skipped a.txt: no text");
        assert_eq!(job.notes[1000], "and 2 more notes, which are not kept");
        assert_eq!(job.result, Some(serde_json::json!({ "failed": ["a.txt"] })));
    }
}
