//! Worker threads, one per core, that answer questions from a bounded queue. When the queue is
//! full, requests are refused with 429, so nobody waits longer than a full queue takes.

use crate::problem::{Problem, Result};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use engine::RerankerFactory;
use ingest::Embedder;
use ingest::embed;
use once_cell::sync::OnceCell;
use query::rerank::Reranker;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::Collection;
use tokio::sync::{Semaphore, oneshot};

/// Queue slots for each thread.
const QUEUE_SLOTS_PER_THREAD: usize = 16;
/// How often a queued task looks for a free slot.
const QUEUE_POLL_INTERVAL: Duration = Duration::from_millis(4);

type Task = Box<dyn FnOnce(&mut Worker) + Send>;

/// The worker threads and their queue.
pub struct WorkerPool {
    queue: Sender<Task>,
    threads: usize,
    queued: Arc<AtomicUsize>,
    /// Queued tasks that may hold or wait for a slot, in order of arrival; one per thread, so that
    /// the rest of the queue is free for others.
    queued_permits: Semaphore,
}

/// The models of one thread, kept between tasks.
pub struct Worker {
    models: Arc<ModelRegistry>,
    embedders: HashMap<String, Box<dyn Embedder>>,
    rerankers: HashMap<String, Box<dyn Reranker>>,
}

/// The models in use, each loaded once. Threads work on forks of them.
#[derive(Default)]
pub struct ModelRegistry {
    embedders: SingleFlight<Mutex<Box<dyn Embedder>>>,
    rerankers: SingleFlight<Mutex<RerankerFactory>>,
}

/// Values by name, each made once by the first caller that asks for it. Making one does not block
/// callers that ask for another.
struct SingleFlight<T>(Mutex<HashMap<String, Arc<OnceCell<T>>>>);

impl<T> Default for SingleFlight<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> SingleFlight<T> {
    fn get<R, E>(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<T, E>,
        use_value: impl FnOnce(&T) -> R,
    ) -> Result<R, E> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = lock().entry(name.to_owned()).or_default().clone();
        match cell.get_or_try_init(make) {
            Ok(value) => Ok(use_value(value)),
            Err(error) => {
                // Names that cannot be made must not accumulate.
                let mut all = lock();
                if all.get(name).is_some_and(|cell| cell.get().is_none()) {
                    all.remove(name);
                }
                Err(error)
            }
        }
    }
}

impl WorkerPool {
    pub fn new(threads: usize, models: Arc<ModelRegistry>) -> std::io::Result<Self> {
        let (queue, tasks): (_, Receiver<Task>) = bounded(threads * QUEUE_SLOTS_PER_THREAD);
        let queued = Arc::new(AtomicUsize::new(0));
        for number in 0..threads {
            let (tasks, models, queued) = (tasks.clone(), models.clone(), queued.clone());
            std::thread::Builder::new()
                .name(format!("answers-{number}"))
                .spawn(move || {
                    let mut worker = Worker {
                        models,
                        embedders: HashMap::new(),
                        rerankers: HashMap::new(),
                    };
                    while let Ok(task) = tasks.recv() {
                        queued.fetch_sub(1, Ordering::Relaxed);
                        task(&mut worker);
                    }
                })?;
        }
        Ok(Self {
            queue,
            threads,
            queued,
            queued_permits: Semaphore::new(threads),
        })
    }

    pub fn threads(&self) -> usize {
        self.threads
    }

    /// How many tasks are in the queue.
    pub fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// Whether [`WorkerPool::try_run`] would refuse a task.
    pub fn is_full(&self) -> bool {
        self.queue.is_full()
    }

    /// Runs `work` on the next free thread, or refuses it with 429 if the queue is full.
    pub async fn try_run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Worker) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (task, result) = Self::package(work);
        match self.enqueue(task) {
            Ok(()) => receive(result).await,
            Err(_) => Err(Problem::too_many_requests(
                "the queue of questions is full; try again in a second",
            )),
        }
    }

    /// Runs `work` once the queue has a free slot. At most one such task per thread occupies the
    /// queue, whatever the number of callers.
    pub async fn run_queued<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Worker) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        // The semaphore is never closed, so this cannot fail.
        let _permit = self.queued_permits.acquire().await;
        let (mut task, result) = Self::package(work);
        while let Err(full) = self.enqueue(task) {
            task = full;
            tokio::time::sleep(QUEUE_POLL_INTERVAL).await;
        }
        receive(result).await
    }

    fn package<T: Send + 'static>(
        work: impl FnOnce(&mut Worker) -> Result<T> + Send + 'static,
    ) -> (Task, oneshot::Receiver<Result<T>>) {
        let (sender, result) = oneshot::channel();
        let task = Box::new(move |worker: &mut Worker| {
            // The client has gone: skip the work.
            if sender.is_closed() {
                return;
            }
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(worker)));
            if caught.is_err() {
                // The panic may have left them in an inconsistent state.
                worker.embedders.clear();
                worker.rerankers.clear();
            }
            let outcome = caught.unwrap_or_else(|_| Err(Problem::internal(&"a thread panicked")));
            // Fails if the client has just gone.
            let _ = sender.send(outcome);
        });
        (task, result)
    }

    fn enqueue(&self, task: Task) -> std::result::Result<(), Task> {
        self.queued.fetch_add(1, Ordering::Relaxed);
        self.queue.try_send(task).map_err(|error| {
            self.queued.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(task) | TrySendError::Disconnected(task) => task,
            }
        })
    }
}

async fn receive<T>(result: oneshot::Receiver<Result<T>>) -> Result<T> {
    result
        .await
        .unwrap_or_else(|_| Err(Problem::internal(&"a thread ended")))
}

impl Worker {
    /// Takes this thread's fork of a collection's model. Return it with [`Worker::put_back`].
    pub fn embedder(&mut self, collection: &dyn Collection) -> Result<Box<dyn Embedder>> {
        self.embedder_named(&collection.manifest().model.name)
    }

    /// Takes this thread's fork of a model. Return it with [`Worker::put_back`].
    pub fn embedder_named(&mut self, name: &str) -> Result<Box<dyn Embedder>> {
        match self.embedders.remove(name) {
            Some(embedder) => Ok(embedder),
            None => Ok(self.models.embedder(name)?),
        }
    }

    /// Takes this thread's fork of a reranker. Return it with [`Worker::put_back`].
    pub fn reranker(&mut self, name: &str) -> Result<Box<dyn Reranker>> {
        match self.rerankers.remove(name) {
            Some(reranker) => Ok(reranker),
            None => Ok(self.models.reranker(name)?),
        }
    }

    /// Keeps borrowed models for the next task. `reranker` is the name that the reranker was taken
    /// by.
    pub fn put_back(&mut self, models: query::SearchModels, reranker: Option<&str>) {
        let named = reranker.map(str::to_owned).zip(models.reranker);
        self.embedders.extend(
            models
                .embedder
                .map(|embedder| (embedder.model().name.clone(), embedder)),
        );
        self.rerankers.extend(named);
    }
}

impl ModelRegistry {
    /// A fork of a model, which is loaded on first use.
    pub fn embedder(&self, name: &str) -> engine::Result<Box<dyn Embedder>> {
        let load = || Ok::<_, engine::Error>(Mutex::new(embed::load(name)?));
        let fork = |model: &Mutex<Box<dyn Embedder>>| {
            model.lock().unwrap_or_else(PoisonError::into_inner).fork()
        };
        Ok(self.embedders.get(name, load, fork)??)
    }

    /// A fork of a reranker that runs on one thread; the reranker is loaded on first use.
    pub fn reranker(&self, name: &str) -> engine::Result<Box<dyn Reranker>> {
        let load = || Ok::<_, engine::Error>(Mutex::new(RerankerFactory::load(name, None)?));
        let fork = |with: &Mutex<RerankerFactory>| {
            with.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .with_threads(1)
        };
        self.rerankers.get(name, load, fork)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn loading_one_model_does_not_block_another() {
        let registry = Arc::new(SingleFlight::<i32>::default());
        let (release, blocker) = mpsc::channel::<()>();
        let (started, loading) = mpsc::channel::<()>();
        let slow = registry.clone();
        let slow = std::thread::spawn(move || {
            let load = || {
                started.send(()).unwrap();
                blocker.recv().unwrap();
                Ok::<_, ()>(1)
            };
            slow.get("slow", load, |value| *value)
        });
        loading.recv().unwrap();
        assert_eq!(
            registry.get("quick", || Ok::<_, ()>(2), |value| *value),
            Ok(2)
        );
        assert_eq!(
            registry.get("quick", || Err(()), |value| *value),
            Ok(2),
            "the value is made once"
        );
        assert_eq!(
            registry.get("none", || Err("no such model"), |value| *value),
            Err("no such model")
        );
        assert!(!registry.0.lock().unwrap().contains_key("none"));
        release.send(()).unwrap();
        assert_eq!(slow.join().unwrap(), Ok(1));
    }

    fn spawn_queued(pool: &Arc<WorkerPool>) -> tokio::task::JoinHandle<Result<i32>> {
        let pool = pool.clone();
        tokio::spawn(async move { pool.run_queued(|_| Ok(9)).await })
    }

    #[tokio::test]
    async fn try_run_returns_429_when_the_queue_is_full_and_run_queued_waits() {
        let pool = Arc::new(WorkerPool::new(1, Arc::default()).unwrap());
        let (release, blocker) = mpsc::channel::<()>();
        let spawn_immediate = |work: Task| {
            let pool = pool.clone();
            tokio::spawn(async move {
                pool.try_run(move |worker| {
                    work(worker);
                    Ok(7)
                })
                .await
            })
        };
        let blocked = spawn_immediate(Box::new(move |_| blocker.recv().unwrap()));
        while pool.queued() > 0 {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        let queued: Vec<_> = (0..QUEUE_SLOTS_PER_THREAD)
            .map(|_| spawn_immediate(Box::new(|_| ())))
            .collect();
        while pool.queued() < QUEUE_SLOTS_PER_THREAD {
            tokio::task::yield_now().await;
        }
        let refused = pool.try_run(|_| Ok(())).await.unwrap_err();
        assert_eq!(refused.status(), axum::http::StatusCode::TOO_MANY_REQUESTS);
        let batch = spawn_queued(&pool);
        release.send(()).unwrap();
        assert_eq!(blocked.await.unwrap().unwrap(), 7);
        for task in queued {
            assert_eq!(task.await.unwrap().unwrap(), 7);
        }
        assert_eq!(batch.await.unwrap().unwrap(), 9);
    }

    #[tokio::test]
    async fn queued_tasks_leave_room_for_immediate_ones() {
        let pool = Arc::new(WorkerPool::new(1, Arc::default()).unwrap());
        let (release, blocker) = mpsc::channel::<()>();
        let blocking = pool.clone();
        let blocked = tokio::spawn(async move {
            blocking
                .try_run(move |_| {
                    blocker.recv().unwrap();
                    Ok(())
                })
                .await
        });
        let queued: Vec<_> = (0..2 * QUEUE_SLOTS_PER_THREAD)
            .map(|_| spawn_queued(&pool))
            .collect();
        tokio::time::sleep(10 * QUEUE_POLL_INTERVAL).await;
        assert!(pool.queued() <= 2, "{} are queued", pool.queued());
        let immediate = pool.clone();
        let single = tokio::spawn(async move { immediate.try_run(|_| Ok(1)).await });
        tokio::time::sleep(QUEUE_POLL_INTERVAL).await;
        release.send(()).unwrap();
        blocked.await.unwrap().unwrap();
        assert_eq!(single.await.unwrap().unwrap(), 1);
        for task in queued {
            assert_eq!(task.await.unwrap().unwrap(), 9);
        }
    }

    #[tokio::test]
    async fn a_panic_fails_only_its_own_request() {
        let pool = WorkerPool::new(1, Arc::default()).unwrap();
        let failed = pool
            .try_run(|_| -> Result<()> { panic!("on purpose") })
            .await
            .unwrap_err();
        assert_eq!(
            failed.status(),
            axum::http::StatusCode::INTERNAL_SERVER_ERROR
        );
        assert_eq!(pool.try_run(|_| Ok(1)).await.unwrap(), 1);
    }
}
