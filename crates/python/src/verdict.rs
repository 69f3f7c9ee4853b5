//! The result of an evaluation.

use crate::values::to_python;
use crate::work;
use engine::evaluation::Evaluation;
use eval::report;
use pyo3::prelude::*;
use std::path::PathBuf;

/// The result of an evaluation. The class `nigh.Verdict` says what is in it.
#[pyclass(frozen, module = "nigh._nigh")]
pub struct Verdict {
    evaluation: Evaluation,
}

impl Verdict {
    pub fn new(evaluation: Evaluation) -> Self {
        Self { evaluation }
    }
}

#[pymethods]
impl Verdict {
    /// Everything that `nigh eval --json` prints.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &self.evaluation.verdict)
    }

    /// The value of each system, query and metric.
    fn values(&self) -> Vec<(&str, &str, String, f64)> {
        let queries: Vec<&str> = self
            .evaluation
            .judged
            .answerable()
            .map(|(query, _)| query)
            .collect();
        let mut values = Vec::new();
        for table in &self.evaluation.tables {
            for (metric, row) in table.metrics.iter().zip(&table.values) {
                let name = metric.to_string();
                for (query, value) in queries.iter().zip(row) {
                    values.push((table.system.as_str(), *query, name.clone(), *value));
                }
            }
        }
        values
    }

    /// Writes the report into a folder; returns the path of its page.
    fn report(&self, py: Python<'_>, folder: PathBuf) -> PyResult<PathBuf> {
        work::direct(py, || {
            Ok(report::write_verdict(
                &folder,
                &self.evaluation.verdict,
                &self.evaluation.tables,
            )?)
        })
    }

    /// Whether some of the input could not be used; the notes say what.
    #[getter]
    fn incomplete(&self) -> bool {
        self.evaluation.incomplete
    }
}
