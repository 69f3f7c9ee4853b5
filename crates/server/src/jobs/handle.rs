//! One job: what its worker tells, and what becomes of it.

use super::{Job, JobFolder, JobKind, JobPhase, JobProgress, Record, now};
use crate::problem::Result;
use engine::{Amount, Progress};
use serde_json::Value;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::watch;

/// How many notes of one job are kept.
const MAX_NOTES: usize = 1000;

/// How work ends unless it fails.
pub enum JobOutcome {
    /// It is complete, with this result.
    Done(Value),
    /// It was stopped, with this result of what was done until then.
    Stopped(Option<Value>),
}

/// A job as its worker sees it: reports progress, and says whether to stop.
pub struct JobHandle {
    state: watch::Sender<Job>,
    task: Value,
    folder: Option<JobFolder>,
    stop: AtomicBool,
    /// Whether somebody has cancelled it, as opposed to the server's shutdown.
    cancelled: AtomicBool,
    /// How many notes there were beyond those that are kept.
    more_notes: AtomicUsize,
    /// An HTML page about the result, unless it is in the folder.
    report: OnceLock<String>,
    /// Paths of the server that nothing shown may contain.
    private: Vec<String>,
}

impl JobHandle {
    pub fn new(job: Job, task: Value, folder: Option<JobFolder>) -> Self {
        let private = folder.as_ref().map(private_paths);
        Self {
            state: watch::Sender::new(job),
            task,
            folder,
            stop: AtomicBool::new(false),
            cancelled: AtomicBool::new(false),
            more_notes: AtomicUsize::new(0),
            report: OnceLock::new(),
            private: private.unwrap_or_default(),
        }
    }

    /// The job as it is now.
    pub fn job(&self) -> Job {
        self.state.borrow().clone()
    }

    pub fn subscribe(&self) -> watch::Receiver<Job> {
        self.state.subscribe()
    }

    /// Where the job is kept.
    pub fn folder(&self) -> Option<&JobFolder> {
        self.folder.as_ref()
    }

    pub fn has_ended(&self) -> bool {
        self.state.borrow().ended.is_some()
    }

    pub fn is_unfinished(&self, kind: JobKind) -> bool {
        let job = self.state.borrow();
        job.kind == kind && job.ended.is_none()
    }

    /// Writes a state of the job to its folder.
    pub fn record(&self, job: &Job) -> Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let record = Record {
            job: job.clone(),
            task: self.task.clone(),
        };
        Ok(folder.write(&record)?)
    }

    /// Cancels the job: at once if it is queued, otherwise as soon as it checks for it.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
        self.stop();
        let was_queued = self.state.send_if_modified(|job| {
            let is_queued = job.phase == JobPhase::Queued;
            if is_queued {
                (job.phase, job.ended) = (JobPhase::Cancelled, Some(now()));
            }
            is_queued
        });
        if was_queued {
            self.settle(&self.job());
        }
    }

    /// Asks the job to stop.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Deletes what is kept of the job on disk.
    pub fn forget(&self) {
        if let Some(Err(error)) = self.folder.as_ref().map(JobFolder::remove) {
            tracing::warn!(%error, "cannot delete the folder of a forgotten job");
        }
    }

    pub fn run(&self, work: impl FnOnce(&Self) -> Result<JobOutcome>) {
        let starts = self.state.send_if_modified(|job| {
            let is_queued = job.phase == JobPhase::Queued;
            if is_queued {
                job.phase = JobPhase::Running;
            }
            is_queued
        });
        if !starts {
            return;
        }
        let result = work(self);
        let is_interrupted = matches!(result, Ok(JobOutcome::Stopped(_)))
            && self.folder.is_some()
            && !self.cancelled.load(Ordering::Relaxed);
        if is_interrupted {
            // The record still says that it is queued: the next start takes it up.
            self.state.send_modify(|job| {
                (job.phase, job.progress) = (JobPhase::Queued, None);
            });
        } else {
            self.finish(result);
        }
    }

    pub fn finish(&self, ended: Result<JobOutcome>) {
        let more = self.more_notes.load(Ordering::Relaxed);
        let mut job = self.job();
        if more > 0 {
            job.notes
                .push(format!("and {more} more notes, which are not kept"));
        }
        job.ended = Some(now());
        job.progress = None;
        (job.phase, job.result, job.error) = match ended {
            Ok(JobOutcome::Done(result)) => (JobPhase::Done, Some(result), None),
            Ok(JobOutcome::Stopped(result)) => (JobPhase::Cancelled, result, None),
            Err(problem) => (JobPhase::Failed, None, Some(self.public(problem.detail()))),
        };
        if let Some(result) = &mut job.result {
            self.make_public(result);
        }
        // On disk first: what a client has seen to be done is not done again.
        self.settle(&job);
        self.state.send_replace(job);
    }

    /// Records that the job has ended, and deletes its files.
    fn settle(&self, job: &Job) {
        if let Err(problem) = self.record(job) {
            tracing::warn!(
                job = job.id,
                error = problem.detail(),
                "cannot record the end of a job"
            );
        } else if let Some(Err(error)) = self.folder.as_ref().map(JobFolder::remove_files) {
            tracing::warn!(job = job.id, %error, "cannot delete the files of a job");
        }
    }

    /// Stores an HTML page about the result.
    pub fn set_report(&self, page: String) -> Result<()> {
        match &self.folder {
            Some(folder) => folder.write_report(&page)?,
            // Set once: a job has one result.
            None => _ = self.report.set(page),
        }
        Ok(())
    }

    pub fn report(&self) -> Option<String> {
        match &self.folder {
            Some(folder) => folder.read_report().ok(),
            None => self.report.get().cloned(),
        }
    }

    /// Adds a note, without paths of the server.
    pub fn add_note(&self, note: &str) {
        let note = self.public(note);
        self.state.send_modify(|job| {
            if job.notes.len() < MAX_NOTES {
                job.notes.push(note);
            } else {
                self.more_notes.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    /// A text without the paths of this server.
    fn public(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for path in &self.private {
            text = text.replace(path, "");
        }
        text
    }

    fn make_public(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.public(text),
            Value::Array(values) => values.iter_mut().for_each(|value| self.make_public(value)),
            Value::Object(members) => {
                members
                    .values_mut()
                    .for_each(|value| self.make_public(value));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// What messages must not show: the paths of the job's files, with the separator before their names
/// and without, and that of the folder above all jobs.
fn private_paths(folder: &JobFolder) -> Vec<String> {
    let files = folder.files();
    let mut folders = vec![files.clone()];
    folders.extend(std::path::absolute(&files));
    if let Some(job) = files.parent().and_then(|job| job.canonicalize().ok()) {
        folders.push(job.join(files.file_name().unwrap_or_default()));
        folders.extend(job.ancestors().nth(2).map(Path::to_owned));
    }
    // The longest first: others may be a part of it.
    folders.sort_by_key(|folder| std::cmp::Reverse(folder.as_os_str().len()));
    folders
        .iter()
        .flat_map(|folder| {
            let folder = folder.display().to_string();
            [format!("{folder}{}", std::path::MAIN_SEPARATOR), folder]
        })
        .collect()
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
        self.add_note(&format!("skipped {problem}"));
    }

    fn note(&self, what: &str) {
        self.add_note(what);
    }

    fn stop_flag(&self) -> &AtomicBool {
        &self.stop
    }
}
