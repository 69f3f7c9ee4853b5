//! A thread a core that answers questions, behind a queue with an end: who comes when it is full is told to come
//! again, and those who wait do so no longer than the queue is long.

use crate::problem::{Problem, Result};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use engine::RerankWith;
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

/// How many may wait for each thread.
const WAITING: usize = 16;
/// How often a batch looks whether there is room for its next question.
const AGAIN: Duration = Duration::from_millis(4);

type Task = Box<dyn FnOnce(&mut Worker) + Send>;

/// The threads and their queue.
pub struct Pool {
    queue: Sender<Task>,
    threads: usize,
    waiting: Arc<AtomicUsize>,
    /// So many patient ones may be in the queue or under way, in the order in which they came.
    patient: Semaphore,
}

/// What each thread keeps: models, so that none is loaded twice.
pub struct Worker {
    models: Arc<Models>,
    embedders: HashMap<String, Box<dyn Embedder>>,
    rerankers: HashMap<String, Box<dyn Reranker>>,
}

/// Every model in use, to be forked by the threads.
#[derive(Default)]
pub struct Models {
    embedders: Registry<Mutex<Box<dyn Embedder>>>,
    rerankers: Registry<Mutex<RerankWith>>,
}

/// Values by name, each made once by the first that asks for it. While one is made, those who ask for another do not wait.
struct Registry<T>(Mutex<HashMap<String, Arc<OnceCell<T>>>>);

impl<T> Default for Registry<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Registry<T> {
    fn get<R, E>(&self, name: &str, make: impl FnOnce() -> Result<T, E>, then: impl FnOnce(&T) -> R) -> Result<R, E> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = lock().entry(name.to_owned()).or_default().clone();
        match cell.get_or_try_init(make) {
            Ok(value) => Ok(then(value)),
            Err(error) => {
                // Names of what there is not must not gather.
                let mut all = lock();
                if all.get(name).is_some_and(|cell| cell.get().is_none()) {
                    all.remove(name);
                }
                Err(error)
            }
        }
    }
}

impl Pool {
    pub fn new(threads: usize, models: Arc<Models>) -> std::io::Result<Self> {
        let (queue, tasks): (_, Receiver<Task>) = bounded(threads * WAITING);
        let waiting = Arc::new(AtomicUsize::new(0));
        for number in 0..threads {
            let (tasks, models, waiting) = (tasks.clone(), models.clone(), waiting.clone());
            std::thread::Builder::new().name(format!("answers-{number}")).spawn(move || {
                let mut worker = Worker { models, embedders: HashMap::new(), rerankers: HashMap::new() };
                while let Ok(task) = tasks.recv() {
                    waiting.fetch_sub(1, Ordering::Relaxed);
                    task(&mut worker);
                }
            })?;
        }
        Ok(Self { queue, threads, waiting, patient: Semaphore::new(threads) })
    }

    pub fn threads(&self) -> usize {
        self.threads
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Whether who comes now is sent away.
    pub fn is_full(&self) -> bool {
        self.queue.is_full()
    }

    /// Does the work on the next free thread, or says that too many wait.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Worker) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (task, answer) = Self::task(work);
        match self.send(task) {
            Ok(()) => done(answer).await,
            Err(_) => Err(Problem::busy("more questions come in than can be answered; try again in a second")),
        }
    }

    /// Does the work as soon as there is room. However many wait here, they leave the queue to those who cannot.
    pub async fn run_when_there_is_room<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Worker) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        // Never closed.
        let _turn = self.patient.acquire().await;
        let (mut task, answer) = Self::task(work);
        while let Err(full) = self.send(task) {
            task = full;
            tokio::time::sleep(AGAIN).await;
        }
        done(answer).await
    }

    fn task<T: Send + 'static>(
        work: impl FnOnce(&mut Worker) -> Result<T> + Send + 'static,
    ) -> (Task, oneshot::Receiver<Result<T>>) {
        let (tell, answer) = oneshot::channel();
        let task = Box::new(move |worker: &mut Worker| {
            // Whoever has gone away meanwhile costs nothing more.
            if tell.is_closed() {
                return;
            }
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(worker)));
            if caught.is_err() {
                // They may have been left in the middle of something.
                worker.embedders.clear();
                worker.rerankers.clear();
            }
            let result = caught.unwrap_or_else(|_| Err(Problem::internal(&"a thread panicked")));
            // Gone just now: nobody to tell.
            let _ = tell.send(result);
        });
        (task, answer)
    }

    fn send(&self, task: Task) -> std::result::Result<(), Task> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.queue.try_send(task).map_err(|error| {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(task) | TrySendError::Disconnected(task) => task,
            }
        })
    }
}

async fn done<T>(answer: oneshot::Receiver<Result<T>>) -> Result<T> {
    answer.await.unwrap_or_else(|_| Err(Problem::internal(&"a thread ended")))
}

impl Worker {
    /// This thread's copy of a collection's model; to be given back with [`Worker::keep`].
    pub fn embedder(&mut self, collection: &dyn Collection) -> Result<Box<dyn Embedder>> {
        self.model(&collection.manifest().model.name)
    }

    /// This thread's copy of a model, by name; to be given back with [`Worker::keep`].
    pub fn model(&mut self, name: &str) -> Result<Box<dyn Embedder>> {
        match self.embedders.remove(name) {
            Some(embedder) => Ok(embedder),
            None => Ok(self.models.embedder(name)?),
        }
    }

    /// This thread's copy of a reranker, by name; to be given back with [`Worker::keep`].
    pub fn reranker(&mut self, name: &str) -> Result<Box<dyn Reranker>> {
        match self.rerankers.remove(name) {
            Some(reranker) => Ok(reranker),
            None => Ok(self.models.reranker(name)?),
        }
    }

    /// Keeps what was borrowed for the next question; `reranker` is the name that it was asked for by.
    pub fn keep(&mut self, models: query::Models, reranker: Option<&str>) {
        let named = reranker.map(str::to_owned).zip(models.reranker);
        self.embedders.extend(models.embedder.map(|embedder| (embedder.model().name.clone(), embedder)));
        self.rerankers.extend(named);
    }
}

impl Models {
    /// A copy of a model, loaded the first time that it is asked for.
    pub fn embedder(&self, name: &str) -> engine::Result<Box<dyn Embedder>> {
        let load = || Ok::<_, engine::Error>(Mutex::new(embed::load(name)?));
        let fork = |model: &Mutex<Box<dyn Embedder>>| model.lock().unwrap_or_else(PoisonError::into_inner).fork();
        Ok(self.embedders.get(name, load, fork)??)
    }

    /// A copy of a reranker for one thread.
    pub fn reranker(&self, name: &str) -> engine::Result<Box<dyn Reranker>> {
        let load = || Ok::<_, engine::Error>(Mutex::new(RerankWith::load(name, None)?));
        let fork = |with: &Mutex<RerankWith>| with.lock().unwrap_or_else(PoisonError::into_inner).with_threads(1);
        self.rerankers.get(name, load, fork)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn who_asks_for_a_model_does_not_wait_for_another_to_load() {
        let registry = Arc::new(Registry::<i32>::default());
        let (go, wait) = mpsc::channel::<()>();
        let (begun, loading) = mpsc::channel::<()>();
        let slow = registry.clone();
        let slow = std::thread::spawn(move || {
            let load = || {
                begun.send(()).unwrap();
                wait.recv().unwrap();
                Ok::<_, ()>(1)
            };
            slow.get("slow", load, |value| *value)
        });
        loading.recv().unwrap();
        assert_eq!(registry.get("quick", || Ok::<_, ()>(2), |value| *value), Ok(2));
        assert_eq!(registry.get("quick", || Err(()), |value| *value), Ok(2), "it is made once");
        assert_eq!(registry.get("none", || Err("no such model"), |value| *value), Err("no such model"));
        assert!(!registry.0.lock().unwrap().contains_key("none"));
        go.send(()).unwrap();
        assert_eq!(slow.join().unwrap(), Ok(1));
    }

    fn patient(pool: &Arc<Pool>) -> tokio::task::JoinHandle<Result<i32>> {
        let pool = pool.clone();
        tokio::spawn(async move { pool.run_when_there_is_room(|_| Ok(9)).await })
    }

    #[tokio::test]
    async fn when_the_queue_is_full_who_comes_is_sent_away_and_who_waits_is_served() {
        let pool = Arc::new(Pool::new(1, Arc::default()).unwrap());
        let (go, wait) = mpsc::channel::<()>();
        let ask = |work: Task| {
            let pool = pool.clone();
            tokio::spawn(async move {
                pool.run(move |worker| {
                    work(worker);
                    Ok(7)
                })
                .await
            })
        };
        let held = ask(Box::new(move |_| wait.recv().unwrap()));
        while pool.waiting() > 0 {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        let waiting: Vec<_> = (0..WAITING).map(|_| ask(Box::new(|_| ()))).collect();
        while pool.waiting() < WAITING {
            tokio::task::yield_now().await;
        }
        let refused = pool.run(|_| Ok(())).await.unwrap_err();
        assert_eq!(refused.status(), axum::http::StatusCode::TOO_MANY_REQUESTS);
        let batch = patient(&pool);
        go.send(()).unwrap();
        assert_eq!(held.await.unwrap().unwrap(), 7);
        for waiting in waiting {
            assert_eq!(waiting.await.unwrap().unwrap(), 7);
        }
        assert_eq!(batch.await.unwrap().unwrap(), 9);
    }

    #[tokio::test]
    async fn however_many_are_patient_there_is_room_for_others() {
        let pool = Arc::new(Pool::new(1, Arc::default()).unwrap());
        let (go, wait) = mpsc::channel::<()>();
        let holding = pool.clone();
        let held = tokio::spawn(async move {
            holding
                .run(move |_| {
                    wait.recv().unwrap();
                    Ok(())
                })
                .await
        });
        let patient: Vec<_> = (0..2 * WAITING).map(|_| patient(&pool)).collect();
        tokio::time::sleep(10 * AGAIN).await;
        assert!(pool.waiting() <= 2, "{} wait", pool.waiting());
        let asking = pool.clone();
        let single = tokio::spawn(async move { asking.run(|_| Ok(1)).await });
        tokio::time::sleep(AGAIN).await;
        go.send(()).unwrap();
        held.await.unwrap().unwrap();
        assert_eq!(single.await.unwrap().unwrap(), 1);
        for patient in patient {
            assert_eq!(patient.await.unwrap().unwrap(), 9);
        }
    }

    #[tokio::test]
    async fn a_panic_is_one_failed_request() {
        let pool = Pool::new(1, Arc::default()).unwrap();
        let failed = pool.run(|_| -> Result<()> { panic!("on purpose") }).await.unwrap_err();
        assert_eq!(failed.status(), axum::http::StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(pool.run(|_| Ok(1)).await.unwrap(), 1);
    }
}
