//! Exceptions. Their classes are defined in `nigh/errors.py`.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyModule;
use std::error::Error as _;

/// A class of `nigh/errors.py`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Error,
    Input,
    InputType,
    NotFound,
    Locked,
    Damaged,
    NewerFormat,
    Model,
    ModelMismatch,
    Storage,
    Internal,
}

impl Class {
    fn name(self) -> &'static str {
        match self {
            Self::Error => "Error",
            Self::Input => "InputError",
            Self::InputType => "InputTypeError",
            Self::NotFound => "NotFoundError",
            Self::Locked => "LockedError",
            Self::Damaged => "DamagedError",
            Self::NewerFormat => "NewerFormatError",
            Self::Model => "ModelError",
            Self::ModelMismatch => "ModelMismatchError",
            Self::Storage => "StorageError",
            Self::Internal => "InternalError",
        }
    }

    /// An exception of this class.
    pub fn exception(self, py: Python<'_>, message: impl AsRef<str>) -> PyErr {
        static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
        let module = MODULE.get_or_try_init(py, || Ok(py.import("nigh.errors")?.unbind()));
        let raised = module
            .and_then(|module: &Py<PyModule>| module.bind(py).getattr(self.name()))
            .and_then(|class| class.call1((message.as_ref(),)));
        match raised {
            Ok(exception) => PyErr::from_value(exception),
            Err(error) => error,
        }
    }
}

/// An exception for a value that cannot be used: what was expected and what was found.
pub fn input(py: Python<'_>, message: impl AsRef<str>) -> PyErr {
    Class::Input.exception(py, message)
}

/// An exception for a value of the wrong type.
pub fn input_type(py: Python<'_>, message: impl AsRef<str>) -> PyErr {
    Class::InputType.exception(py, message)
}

/// The exception for an error of an operation.
pub fn exception(py: Python<'_>, error: &engine::Error) -> PyErr {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.ends_with(&text) {
            message = format!("{message}: {text}");
        }
        cause = error.source();
    }
    of_engine(error).exception(py, message)
}

fn of_engine(error: &engine::Error) -> Class {
    use engine::Error;
    match error {
        Error::Unusable(_)
        | Error::NoQueries
        | Error::NoJudgements
        | Error::NoArticleQuestions
        | Error::RerankedModeMissing(_) => Class::Input,
        Error::Io(_) => Class::Storage,
        Error::ModelsDiffer { .. } => Class::ModelMismatch,
        Error::Model { .. } => Class::Model,
        Error::Stopped => Class::Error,
        Error::PartiallyDone(error) => of_engine(error),
        Error::Ingest(error) => of_ingest(error),
        Error::Index(error) => of_index(error),
        Error::Store(error) => of_store(error),
        Error::Query(error) => of_query(error),
        Error::Exchange(_) => Class::Input,
        Error::Eval(error) => match error {
            eval::Error::Io(_) => Class::Storage,
            _ => Class::Input,
        },
    }
}

fn of_ingest(error: &ingest::Error) -> Class {
    use ingest::Error;
    match error {
        Error::UnknownModel { .. }
        | Error::NoOnnxRuntime { .. }
        | Error::Model { .. }
        | Error::Embedding { .. } => Class::Model,
        Error::Io(_) => Class::Storage,
        _ => Class::Input,
    }
}

fn of_index(error: &index::Error) -> Class {
    use index::Error;
    match error {
        Error::Io(_) => Class::Storage,
        Error::Dimension { .. }
        | Error::NotFinite { .. }
        | Error::NotUnit { .. }
        | Error::Parameter { .. } => Class::Input,
        Error::Damaged { .. } => Class::Damaged,
        Error::Version { .. } => Class::NewerFormat,
        Error::Stopped | Error::Threads { .. } => Class::Error,
    }
}

fn of_store(error: &store::Error) -> Class {
    use store::Error;
    match error {
        Error::NotFound { .. } => Class::NotFound,
        Error::NewerFormat { .. } => Class::NewerFormat,
        Error::Locked { .. } => Class::Locked,
        Error::Occupied { .. }
        | Error::FiltersUnsupported { .. }
        | Error::UnknownField { .. }
        | Error::Location { .. } => Class::Input,
        error if error.is_damage() => Class::Damaged,
        Error::Index(error) => of_index(error),
        Error::Io(_) | Error::Remote { .. } => Class::Storage,
        _ => Class::Error,
    }
}

fn of_query(error: &query::Error) -> Class {
    use query::Error;
    match error {
        Error::EmptyQuery => Class::Input,
        Error::ModelMismatch { .. } => Class::ModelMismatch,
        Error::NoModel(_) => Class::Model,
        Error::Store(error) => of_store(error),
        Error::Ingest(error) => of_ingest(error),
    }
}
