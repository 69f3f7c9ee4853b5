//! What jobs do, as it is kept on disk, so that the next start can take it up.

use crate::app::{App, SharedApp};
use crate::evaluation::{Evaluation, PreparedEvaluation};
use crate::jobs::{Job, JobFolder, JobHandle, JobKind, JobOutcome, Jobs, NewJob, Record, Work};
use crate::problem::{Problem, Result};
use crate::served::ServedCollection;
use crate::uploads;
use engine::StoreProgress;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::ErrorKind;
use std::sync::Arc;

/// What a job does.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Adds the articles in the files of its folder.
    Index,
    /// Evaluates the search quality.
    Evaluate(Box<Evaluation>),
    /// Reads the collection and verifies it.
    Check,
    /// Drops deleted articles and merges all segments.
    Compact,
}

impl Task {
    fn kind(&self) -> JobKind {
        match self {
            Self::Index => JobKind::Index,
            Self::Evaluate(_) => JobKind::Evaluate,
            Self::Check => JobKind::Check,
            Self::Compact => JobKind::Compact,
        }
    }

    /// The work itself; fails if the task is invalid.
    fn work(&self, app: &SharedApp, served: Arc<ServedCollection>) -> Result<Work> {
        let app = app.clone();
        Ok(match self {
            Self::Index => Box::new(move |handle| index(&app, &served, handle)),
            Self::Evaluate(evaluation) => {
                let rerankers = &app.settings.rerankers;
                let prepared = PreparedEvaluation::new(evaluation, rerankers, app.job_threads())?;
                Box::new(move |handle| prepared.run(&served, handle))
            }
            Self::Check => Box::new(move |handle| check(&served, handle)),
            Self::Compact => Box::new(move |handle| compact(&app, &served, handle)),
        })
    }
}

/// Queues a task. Must not be called on an async thread: it writes files.
pub fn start(app: &SharedApp, served: Arc<ServedCollection>, task: &Task) -> Result<Job> {
    let id = Jobs::new_id()?;
    let folder = JobFolder::create(&served.jobs_folder(), &id).inspect_err(|error| {
        tracing::warn!(%error, collection = served.name, "cannot keep a job on disk; a restart forgets it");
    });
    start_in(app, served, task, folder.ok(), Vec::new())
}

/// Queues a task with a folder that holds its files.
pub fn start_in(
    app: &SharedApp,
    served: Arc<ServedCollection>,
    task: &Task,
    folder: Option<JobFolder>,
    notes: Vec<String>,
) -> Result<Job> {
    let new = NewJob {
        kind: task.kind(),
        collection: served.name.clone(),
        notes,
        task: serde_json::to_value(task)?,
        folder,
    };
    let work = task.work(app, served)?;
    app.jobs.start(new, work)
}

/// Takes up the jobs that an earlier process has left unfinished, and remembers those that ended.
pub fn resume(app: &SharedApp) {
    let mut kept = Vec::new();
    for served in app.collections.all() {
        let folders = JobFolder::abandoned(&served.jobs_folder()).unwrap_or_else(|error| {
            tracing::error!(%error, collection = served.name, "cannot read the jobs of a collection");
            Vec::new()
        });
        for folder in folders {
            match folder.read() {
                Ok(record) => kept.push((served.clone(), folder, record)),
                // Nobody was told of it; dropping it deletes it.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::error!(%error, collection = served.name, job = folder.id(), "cannot read the record of a job");
                }
            }
        }
    }
    kept.sort_by_key(|(_, folder, _)| folder.id());
    for (served, folder, record) in kept {
        if let Err(problem) = resume_one(app, served, folder, record) {
            tracing::error!(error = problem.detail(), "cannot take up a job");
        }
    }
}

fn resume_one(
    app: &SharedApp,
    served: Arc<ServedCollection>,
    folder: JobFolder,
    record: Record,
) -> Result<()> {
    if record.job.ended.is_some() {
        return app.jobs.remember(record, folder);
    }
    // The settings may have changed: a reranker may be missing now.
    let work = serde_json::from_value::<Task>(record.task.clone())
        .map_err(Problem::from)
        .and_then(|task| task.work(app, served))
        .unwrap_or_else(|problem| Box::new(move |_| Err(problem)));
    tracing::info!(job = record.job.id, "taking up a job that was interrupted");
    app.jobs.resume(record, folder, work)
}

fn index(app: &App, served: &Arc<ServedCollection>, handle: &JobHandle) -> Result<JobOutcome> {
    let folder = handle
        .folder()
        .ok_or_else(|| Problem::internal(&"an upload without a folder"))?;
    let _writing = served.write_lock.clone().blocking_lock_owned();
    let report = uploads::index(app, served, &folder.files(), handle)?;
    let is_stopped = report.interrupted;
    let result = serde_json::to_value(report)?;
    Ok(if is_stopped {
        JobOutcome::Stopped(Some(result))
    } else {
        JobOutcome::Done(result)
    })
}

fn compact(app: &App, served: &ServedCollection, handle: &JobHandle) -> Result<JobOutcome> {
    let _writing = served.write_lock.clone().blocking_lock_owned();
    let collection = store::open(served.location())?;
    let mut writer = collection.writer()?;
    let steps = StoreProgress::new(handle);
    let report = writer.compact(app.job_threads(), &|step, done, of| {
        steps.update(step, done, of)
    });
    let report = match report {
        Err(store::Error::Stopped) => return Ok(JobOutcome::Stopped(None)),
        report => report?,
    };
    drop(writer);
    served.refresh()?;
    Ok(JobOutcome::Done(serde_json::to_value(report)?))
}

fn check(served: &ServedCollection, handle: &JobHandle) -> Result<JobOutcome> {
    let steps = StoreProgress::new(handle);
    let snapshot = served.snapshot();
    let report = snapshot
        .collection
        .check(&|step, done, of| steps.update(step, done, of));
    let report = match report {
        Err(store::Error::Stopped) => return Ok(JobOutcome::Stopped(None)),
        report => report?,
    };
    let mut value = serde_json::to_value(&report)?;
    value["sound"] = Value::Bool(report.problems.is_empty());
    Ok(JobOutcome::Done(value))
}
