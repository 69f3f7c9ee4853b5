//! The extension module `nigh._nigh`: what the Python package `nigh` is made of.
//!
//! Takes Python values; gives Python values, or an exception of `nigh.errors` that says what was
//! expected and found. Long work runs without the interpreter's lock on a thread of its own, while
//! the calling thread looks for Ctrl-C and reports progress. A panic becomes an exception.

mod arrays;
mod collection;
mod embedder;
mod errors;
mod options;
mod values;
mod vector_index;
mod verdict;
mod work;

use pyo3::prelude::*;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

/// How this module is started as a process that reads files whose parsers may crash: the
/// interpreter runs a script beside this module, which needs no `sys.path`. `None` if there is no
/// interpreter to start, as in a program that contains one.
fn reader_command(py: Python<'_>) -> PyResult<Option<cli::ReaderCommand>> {
    let program: Option<PathBuf> = py.import("sys")?.getattr("executable")?.extract()?;
    let script: PathBuf = py
        .import("nigh._read_apart")?
        .getattr("__file__")?
        .extract()?;
    let arguments = ["-I", "-S"]
        .map(OsString::from)
        .into_iter()
        .chain([script.into_os_string()])
        .collect();
    Ok(program
        .filter(|program| program.is_file())
        .map(|program| cli::ReaderCommand { program, arguments }))
}

/// Runs the command line program with these words, the first of which is its name, and returns its
/// exit code.
#[pyfunction]
fn main(py: Python<'_>, words: Vec<OsString>) -> PyResult<u8> {
    // A process that is such a reader itself starts none.
    let is_reader = words.get(1).is_some_and(|word| word == "read-apart");
    let reader = if is_reader { None } else { reader_command(py)? };
    work::direct(py, || {
        let code = cli::run_program(words, reader);
        // Rust's own exit would do that. Nothing can be reported if it fails.
        let _ = std::io::stdout().flush();
        Ok(code)
    })
}

#[pymodule]
fn _nigh(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<collection::Collection>()?;
    module.add_class::<embedder::Embedder>()?;
    module.add_class::<vector_index::Index>()?;
    module.add_class::<verdict::Verdict>()?;
    module.add_function(wrap_pyfunction!(main, module)?)
}
