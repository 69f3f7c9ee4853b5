//! Conversion between values and the columns of Milvus messages.

use crate::proto::{
    DataType, FieldData, FieldValues, FloatArray, JsonArray, LongArray, ScalarData, ScalarField,
    StringArray, VectorField,
};

pub fn longs(name: &str, data: Vec<i64>) -> FieldData {
    scalars(name, DataType::Int64, ScalarData::Longs(LongArray { data }))
}

pub fn strings(name: &str, data: Vec<String>) -> FieldData {
    scalars(
        name,
        DataType::VarChar,
        ScalarData::Strings(StringArray { data }),
    )
}

pub fn json(name: &str, data: impl Iterator<Item = serde_json::Value>) -> FieldData {
    let data = data
        .map(|document| document.to_string().into_bytes())
        .collect();
    scalars(name, DataType::Json, ScalarData::Json(JsonArray { data }))
}

pub fn vectors(name: &str, dimensions: usize, data: Vec<f32>) -> FieldData {
    let vectors = VectorField {
        dimensions: dimensions as i64,
        floats: Some(FloatArray { data }),
    };
    FieldData {
        kind: DataType::FloatVector.into(),
        field_name: name.to_owned(),
        field: Some(FieldValues::Vectors(vectors)),
    }
}

fn scalars(name: &str, data_type: DataType, data: ScalarData) -> FieldData {
    let scalars = ScalarField { data: Some(data) };
    FieldData {
        kind: data_type.into(),
        field_name: name.to_owned(),
        field: Some(FieldValues::Scalars(scalars)),
    }
}

/// Columns of a response, in any order; servers may add columns that were not asked for. A column
/// that is missing or has another type reads as empty, so accessing a row of it fails.
pub struct Columns(pub Vec<FieldData>);

impl Columns {
    fn column(&self, name: &str) -> Option<&FieldValues> {
        self.0
            .iter()
            .find(|column| column.field_name == name)?
            .field
            .as_ref()
    }

    fn scalars(&self, name: &str) -> Option<&ScalarData> {
        match self.column(name)? {
            FieldValues::Scalars(scalars) => scalars.data.as_ref(),
            FieldValues::Vectors(_) => None,
        }
    }

    pub fn longs(&self, name: &str) -> &[i64] {
        match self.scalars(name) {
            Some(ScalarData::Longs(longs)) => &longs.data,
            _ => &[],
        }
    }

    pub fn strings(&self, name: &str) -> &[String] {
        match self.scalars(name) {
            Some(ScalarData::Strings(strings)) => &strings.data,
            _ => &[],
        }
    }

    pub fn json(&self, name: &str) -> &[Vec<u8>] {
        match self.scalars(name) {
            Some(ScalarData::Json(json)) => &json.data,
            _ => &[],
        }
    }

    /// The vectors in row order, each of `dimensions` components.
    pub fn vectors(&self, name: &str, dimensions: usize) -> impl ExactSizeIterator<Item = &[f32]> {
        let flat: &[f32] = match self.column(name) {
            Some(FieldValues::Vectors(VectorField {
                floats: Some(floats),
                ..
            })) => &floats.data,
            _ => &[],
        };
        flat.chunks_exact(dimensions)
    }
}
