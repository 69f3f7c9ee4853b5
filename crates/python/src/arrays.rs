//! Arrays of numpy: checking those that come in, making those that go out.

use crate::errors::{input, input_type};
use crate::values::type_name;
use numpy::ndarray::Array2;
use numpy::{
    Element, IxDyn, PyArray, PyArray1, PyArray2, PyArrayDescrMethods, PyArrayMethods,
    PyReadonlyArray, PyUntypedArray, PyUntypedArrayMethods, dtype,
};
use pyo3::prelude::*;

/// Rows of 32-bit floats.
pub struct Matrix<'py> {
    array: PyReadonlyArray<'py, f32, IxDyn>,
    /// The length of a row.
    pub dimensions: usize,
    /// Whether it was one row without a number.
    pub is_single: bool,
}

impl<'py> Matrix<'py> {
    /// Takes an array of shape `(n, dimensions)` or, if `or_single`, `(dimensions,)`. `what` names
    /// it in exceptions; `dimensions` is `None` for any number.
    pub fn of(
        value: &Bound<'py, PyAny>,
        what: &str,
        dimensions: Option<usize>,
        or_single: bool,
    ) -> PyResult<Self> {
        let py = value.py();
        let width = dimensions.map_or_else(|| "d".to_owned(), |d| d.to_string());
        let expected = if or_single {
            format!("(n, {width}) or ({width},)")
        } else {
            format!("(n, {width})")
        };
        let array = typed::<f32>(value, what, "float32", &format!("of shape {expected}"))?;
        let shape = array.shape().to_vec();
        let is_single = or_single && shape.len() == 1;
        let columns = match *shape.as_slice() {
            [columns] if or_single => Some(columns),
            [_, columns] => Some(columns),
            _ => None,
        };
        let fits = |columns: &usize| dimensions.is_none_or(|dimensions| dimensions == *columns);
        let Some(columns) = columns.filter(fits).filter(|columns| *columns > 0) else {
            return Err(input(
                py,
                format!("{what}: expected shape {expected}, found {}", shown(&shape)),
            ));
        };
        Ok(Self {
            array: readonly(&array, what)?,
            dimensions: columns,
            is_single,
        })
    }

    /// The values, row after row.
    pub fn values(&self) -> &[f32] {
        // Contiguous, as was checked.
        self.array.as_slice().unwrap_or_default()
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.values().len() / self.dimensions
    }
}

/// A mask over `rows` rows.
pub fn mask<'py>(
    value: &Bound<'py, PyAny>,
    what: &str,
    rows: usize,
) -> PyResult<PyReadonlyArray<'py, bool, IxDyn>> {
    let array = typed::<bool>(value, what, "bool", &format!("of shape ({rows},)"))?;
    if array.shape() != [rows] {
        return Err(input(
            value.py(),
            format!(
                "{what}: expected shape ({rows},), one value for each vector; found {}",
                shown(array.shape())
            ),
        ));
    }
    readonly(&array, what)
}

/// The array, if it is one of this type whose values lie in memory one after the other.
fn typed<'py, T: Element>(
    value: &Bound<'py, PyAny>,
    what: &str,
    name: &str,
    of_shape: &str,
) -> PyResult<Bound<'py, PyArray<T, IxDyn>>> {
    let py = value.py();
    let Ok(array) = value.cast::<PyUntypedArray>() else {
        return Err(input_type(
            py,
            format!(
                "{what}: expected a numpy array of {name} {of_shape}, found {}",
                type_name(value)
            ),
        ));
    };
    if !array.dtype().is_equiv_to(&dtype::<T>(py)) {
        return Err(input_type(
            py,
            format!(
                "{what}: expected an array of {name}, found {}; {what}.astype(numpy.{name}) converts it",
                array.dtype()
            ),
        ));
    }
    if !array.is_c_contiguous() {
        return Err(input(
            py,
            format!(
                "{what}: expected an array that is contiguous in memory, row after row, found strides {}; \
                 numpy.ascontiguousarray({what}) copies it",
                shown(array.strides())
            ),
        ));
    }
    let typed = array.as_any().cast::<PyArray<T, IxDyn>>();
    typed.cloned().map_err(|_| {
        input_type(
            py,
            format!("{what}: expected an array of {name} in the machine's byte order"),
        )
    })
}

fn readonly<'py, T: Element>(
    array: &Bound<'py, PyArray<T, IxDyn>>,
    what: &str,
) -> PyResult<PyReadonlyArray<'py, T, IxDyn>> {
    array
        .try_readonly()
        .map_err(|_| input(array.py(), format!("{what}: the array is being written to")))
}

/// A shape as Python shows it.
fn shown<T: ToString>(shape: &[T]) -> String {
    match shape {
        [one] => format!("({},)", one.to_string()),
        many => format!(
            "({})",
            many.iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

/// An array of shape `(rows, columns)`, or `(columns,)` if `is_single`. The values are not copied.
pub fn array<'py, T: Element>(
    py: Python<'py>,
    values: Vec<T>,
    columns: usize,
    is_single: bool,
) -> PyResult<Bound<'py, PyAny>> {
    if is_single {
        return Ok(PyArray1::from_vec(py, values).into_any());
    }
    let rows = values.len().checked_div(columns).unwrap_or(0);
    let array = Array2::from_shape_vec((rows, columns), values)
        .map_err(|error| crate::errors::Class::Internal.exception(py, error.to_string()))?;
    Ok(PyArray2::from_owned_array(py, array).into_any())
}
