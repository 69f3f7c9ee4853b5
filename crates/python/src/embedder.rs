//! Embedding texts.

use crate::arrays::array;
use crate::values::strings;
use crate::work::{self, Reporter, lock};
use engine::{Result, Stage, fork_embedder};
use ingest::{Embedding, ModelInfo, Role};
use pyo3::prelude::*;
use std::sync::Mutex;

/// Texts are embedded together up to so many bytes, as in indexing.
const BATCH_BYTES: usize = 1_000;

/// The number of threads if none is given.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Embeds texts as unit vectors.
///
/// An embedder can be used from several threads at the same time. A text has the same vector
/// whatever it is embedded with, on any number of threads.
///
/// Parameters
/// ----------
/// model : str
///     ``"builtin"`` (int8 all-MiniLM-L6-v2, 384 dimensions), ``"static"`` (256 dimensions), the
///     name of a model of fastembed's catalog, or a folder with a model.
/// threads : int, optional
///     Threads that embed; by default one for each core.
///
/// Raises
/// ------
/// nigh.ModelError
///     There is no such model, or it cannot be loaded.
#[pyclass(frozen, module = "nigh")]
pub struct Embedder {
    base: Mutex<Box<dyn ingest::Embedder>>,
    /// Forks that no call uses, kept because they hold buffers.
    idle: Mutex<Vec<Box<dyn ingest::Embedder>>>,
    model: ModelInfo,
    threads: usize,
}

impl Embedder {
    fn embed_texts<'py>(
        &self,
        py: Python<'py>,
        texts: &Bound<'py, PyAny>,
        progress: Option<&Bound<'py, PyAny>>,
        role: Role,
    ) -> PyResult<Bound<'py, PyAny>> {
        let texts = strings(texts, "texts")?;
        let vectors = work::run(py, progress, |reporter| {
            let mut workers = self.workers(texts.len())?;
            let result = embed(&mut workers, &texts, role, reporter);
            lock(&self.idle).extend(workers);
            result
        })?;
        array(py, vectors, self.model.dimensions, false)
    }

    fn workers(&self, texts: usize) -> Result<Vec<Box<dyn ingest::Embedder>>> {
        let wanted = self.threads.min(texts).max(1);
        let mut workers = {
            let mut idle = lock(&self.idle);
            let kept = idle.len().saturating_sub(wanted);
            idle.split_off(kept)
        };
        let missing = wanted - workers.len();
        if missing > 0 {
            workers.extend(fork_embedder(&**lock(&self.base), missing)?);
        }
        Ok(workers)
    }
}

/// The vectors of texts, one after the other.
fn embed(
    workers: &mut [Box<dyn ingest::Embedder>],
    texts: &[String],
    role: Role,
    reporter: &Reporter,
) -> Result<Vec<f32>> {
    let stage = Stage::start(reporter, "embedding", texts.len());
    let batches = batches(texts);
    let embedded = parallel::map_in_order(workers, &batches, None, |worker, batch| {
        batch.iter().try_for_each(|_| stage.advance())?;
        Ok::<_, engine::Error>(worker.embed_all(batch, role)?)
    })?;
    let mut values = Vec::new();
    for Embedding { vector, .. } in embedded.into_iter().flatten() {
        values.extend(vector);
    }
    Ok(values)
}

/// Neighboring texts to embed together.
fn batches(texts: &[String]) -> Vec<Vec<&str>> {
    let mut batches: Vec<Vec<&str>> = Vec::new();
    let mut bytes = BATCH_BYTES;
    for text in texts {
        match batches.last_mut().filter(|_| bytes < BATCH_BYTES) {
            Some(batch) => batch.push(text),
            None => {
                batches.push(vec![text]);
                bytes = 0;
            }
        }
        bytes += text.len();
    }
    batches
}

#[pymethods]
impl Embedder {
    #[new]
    #[pyo3(signature = (model = "builtin", *, threads = None))]
    fn new(py: Python<'_>, model: &str, threads: Option<usize>) -> PyResult<Self> {
        let threads = crate::options::threads(py, threads)?;
        let embedder = work::open(py, || Ok(ingest::embed::load(model)?))?;
        Ok(Self {
            model: embedder.model().clone(),
            base: Mutex::new(embedder),
            idle: Mutex::default(),
            threads,
        })
    }

    /// Embeds texts as passages.
    ///
    /// Parameters
    /// ----------
    /// texts : iterable of str
    ///     The texts. What is beyond the model's window of tokens is ignored.
    /// progress : callable, optional
    ///     Called with the name of the stage, the number of texts done and their total.
    ///
    /// Returns
    /// -------
    /// numpy.ndarray of float32, shape (n, dimensions)
    ///     A row of unit length for each text.
    #[pyo3(signature = (texts, *, progress = None))]
    fn embed<'py>(
        &self,
        py: Python<'py>,
        texts: &Bound<'py, PyAny>,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.embed_texts(py, texts, progress, Role::Passage)
    }

    /// Embeds texts as queries, which some models treat differently. Otherwise as ``embed``.
    #[pyo3(signature = (texts, *, progress = None))]
    fn embed_queries<'py>(
        &self,
        py: Python<'py>,
        texts: &Bound<'py, PyAny>,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.embed_texts(py, texts, progress, Role::Query)
    }

    /// The name of the model.
    #[getter]
    fn model(&self) -> &str {
        &self.model.name
    }

    /// The number of dimensions of its vectors.
    #[getter]
    fn dimensions(&self) -> usize {
        self.model.dimensions
    }

    /// The most tokens of a text that it reads, special ones included.
    #[getter]
    fn window(&self) -> usize {
        self.model.window
    }

    /// 32 hexadecimal digits that change whenever the vectors would.
    #[getter]
    fn hash(&self) -> &str {
        &self.model.hash
    }

    fn __repr__(&self) -> String {
        format!(
            "nigh.Embedder({:?}, dimensions={}, window={})",
            self.model.name, self.model.dimensions, self.model.window
        )
    }
}
