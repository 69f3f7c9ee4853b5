//! Columns of rows, to and from Milvus's messages. Servers give them in any order, and more of them than were asked for.

use crate::proto::{Data, DataType, Documents, Field, FieldData, Floats, Numbers, Scalars, Strings, Vectors};

pub fn numbers(name: &str, data: Vec<i64>) -> FieldData {
    scalars(name, DataType::Int64, Data::Numbers(Numbers { data }))
}

pub fn strings(name: &str, data: Vec<String>) -> FieldData {
    scalars(name, DataType::VarChar, Data::Strings(Strings { data }))
}

pub fn documents(name: &str, data: impl Iterator<Item = serde_json::Value>) -> FieldData {
    let data = data.map(|document| document.to_string().into_bytes()).collect();
    scalars(name, DataType::Json, Data::Documents(Documents { data }))
}

pub fn vectors(name: &str, dimensions: usize, data: Vec<f32>) -> FieldData {
    let vectors = Vectors { dimensions: dimensions as i64, floats: Some(Floats { data }) };
    FieldData { kind: DataType::FloatVector.into(), field_name: name.to_owned(), field: Some(Field::Vectors(vectors)) }
}

fn scalars(name: &str, of: DataType, data: Data) -> FieldData {
    let scalars = Scalars { data: Some(data) };
    FieldData { kind: of.into(), field_name: name.to_owned(), field: Some(Field::Scalars(scalars)) }
}

/// Columns that came back. One that is not there, or is of another kind, reads as empty: whoever asks for its rows sees that.
pub struct Columns(pub Vec<FieldData>);

impl Columns {
    fn column(&self, name: &str) -> Option<&Field> {
        self.0.iter().find(|column| column.field_name == name)?.field.as_ref()
    }

    fn scalars(&self, name: &str) -> Option<&Data> {
        match self.column(name)? {
            Field::Scalars(scalars) => scalars.data.as_ref(),
            Field::Vectors(_) => None,
        }
    }

    pub fn numbers(&self, name: &str) -> &[i64] {
        match self.scalars(name) {
            Some(Data::Numbers(numbers)) => &numbers.data,
            _ => &[],
        }
    }

    pub fn strings(&self, name: &str) -> &[String] {
        match self.scalars(name) {
            Some(Data::Strings(strings)) => &strings.data,
            _ => &[],
        }
    }

    pub fn documents(&self, name: &str) -> &[Vec<u8>] {
        match self.scalars(name) {
            Some(Data::Documents(documents)) => &documents.data,
            _ => &[],
        }
    }

    /// The vectors of `dimensions` numbers, in order.
    pub fn vectors(&self, name: &str, dimensions: usize) -> impl ExactSizeIterator<Item = &[f32]> {
        let flat: &[f32] = match self.column(name) {
            Some(Field::Vectors(Vectors { floats: Some(floats), .. })) => &floats.data,
            _ => &[],
        };
        flat.chunks_exact(dimensions)
    }
}
