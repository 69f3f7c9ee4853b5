//! The part of Milvus's protocol that is spoken here: its messages with the fields that are used, under the numbers that
//! `milvus.proto`, `schema.proto` and `common.proto` of github.com/milvus-io/milvus-proto give them. Whatever else a
//! server sends is passed over.

use prost::{Message, Oneof};

/// A call: what is asked, by which name, and what comes back.
pub trait Call: Message + Clone + 'static {
    const PATH: &'static str;
    type Answer: Answer;
}

/// An answer says whether it is one.
pub trait Answer: Message + Default + 'static {
    fn status(&self) -> Option<&Status>;
}

macro_rules! calls {
    ($($request:ident $path:literal $answer:ident),* $(,)?) => { $(impl Call for $request {
        const PATH: &'static str = concat!("/milvus.proto.milvus.MilvusService/", $path);
        type Answer = $answer;
    })* };
}
calls!(
    GetVersion "GetVersion" Version,
    HasCollection "HasCollection" Has,
    CreateCollection "CreateCollection" Status,
    DropCollection "DropCollection" Status,
    CreateIndex "CreateIndex" Status,
    DescribeIndex "DescribeIndex" Indexes,
    LoadCollection "LoadCollection" Status,
    GetLoadingProgress "GetLoadingProgress" Progress,
    Upsert "Upsert" Changed,
    Delete "Delete" Changed,
    Query "Query" Rows,
    Search "Search" Found,
    Flush "Flush" Flushed,
);

macro_rules! answers {
    ($($name:ident),*) => { $(impl Answer for $name {
        fn status(&self) -> Option<&Status> {
            self.status.as_ref()
        }
    })* };
}
answers!(Version, Has, Indexes, Progress, Changed, Rows, Found, Flushed);

impl Answer for Status {
    fn status(&self) -> Option<&Status> {
        Some(self)
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct Status {
    /// Of servers before 2.3, and of some later ones beside `code`.
    #[prost(int32, tag = "1")]
    pub error_code: i32,
    #[prost(string, tag = "2")]
    pub reason: String,
    #[prost(int32, tag = "3")]
    pub code: i32,
    #[prost(bool, tag = "4")]
    pub retriable: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct Pair {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetVersion {}

#[derive(Clone, PartialEq, Message)]
pub struct Version {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(string, tag = "2")]
    pub version: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct HasCollection {
    #[prost(string, tag = "3")]
    pub collection_name: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Has {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(bool, tag = "2")]
    pub value: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct CreateCollection {
    #[prost(string, tag = "3")]
    pub collection_name: String,
    /// A [`CollectionSchema`].
    #[prost(bytes = "vec", tag = "4")]
    pub schema: Vec<u8>,
    #[prost(message, repeated, tag = "7")]
    pub properties: Vec<Pair>,
}

#[derive(Clone, PartialEq, Message)]
pub struct CollectionSchema {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, repeated, tag = "4")]
    pub fields: Vec<FieldSchema>,
    #[prost(message, repeated, tag = "7")]
    pub functions: Vec<FunctionSchema>,
}

#[derive(Clone, PartialEq, Message)]
pub struct FieldSchema {
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(bool, tag = "3")]
    pub is_primary_key: bool,
    #[prost(enumeration = "DataType", tag = "5")]
    pub data_type: i32,
    #[prost(message, repeated, tag = "6")]
    pub type_params: Vec<Pair>,
    #[prost(bool, tag = "16")]
    pub is_function_output: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct FunctionSchema {
    #[prost(string, tag = "1")]
    pub name: String,
    /// 1 is BM25.
    #[prost(int32, tag = "4")]
    pub kind: i32,
    #[prost(string, repeated, tag = "5")]
    pub input_field_names: Vec<String>,
    #[prost(string, repeated, tag = "7")]
    pub output_field_names: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum DataType {
    None = 0,
    Int64 = 5,
    VarChar = 21,
    Json = 23,
    FloatVector = 101,
    SparseFloatVector = 104,
}

#[derive(Clone, PartialEq, Message)]
pub struct DropCollection {
    #[prost(string, tag = "3")]
    pub collection_name: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct CreateIndex {
    #[prost(string, tag = "3")]
    pub collection_name: String,
    #[prost(string, tag = "4")]
    pub field_name: String,
    #[prost(message, repeated, tag = "5")]
    pub extra_params: Vec<Pair>,
    #[prost(string, tag = "6")]
    pub index_name: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct DescribeIndex {
    #[prost(string, tag = "3")]
    pub collection_name: String,
    #[prost(string, tag = "4")]
    pub field_name: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Indexes {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(message, repeated, tag = "2")]
    pub indexes: Vec<Index>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Index {
    #[prost(message, repeated, tag = "3")]
    pub params: Vec<Pair>,
    #[prost(string, tag = "4")]
    pub field_name: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct LoadCollection {
    #[prost(string, tag = "3")]
    pub collection_name: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetLoadingProgress {
    #[prost(string, tag = "2")]
    pub collection_name: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Progress {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    /// In per cent.
    #[prost(int64, tag = "2")]
    pub progress: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct Upsert {
    #[prost(string, tag = "3")]
    pub collection_name: String,
    #[prost(message, repeated, tag = "5")]
    pub fields_data: Vec<FieldData>,
    #[prost(uint32, tag = "7")]
    pub num_rows: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Delete {
    #[prost(string, tag = "3")]
    pub collection_name: String,
    #[prost(string, tag = "5")]
    pub expr: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Changed {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    /// Whoever reads as of this time sees the change.
    #[prost(uint64, tag = "9")]
    pub timestamp: u64,
}

/// Whoever says nothing else reads what was written before (consistency level 0, strong), at the cost of waiting for
/// the server's next tick; with a time, whatever was written until then.
#[derive(Clone, PartialEq, Message)]
pub struct Query {
    #[prost(string, tag = "3")]
    pub collection_name: String,
    #[prost(string, tag = "4")]
    pub expr: String,
    #[prost(string, repeated, tag = "5")]
    pub output_fields: Vec<String>,
    #[prost(uint64, tag = "8")]
    pub guarantee_timestamp: u64,
    #[prost(message, repeated, tag = "9")]
    pub query_params: Vec<Pair>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Rows {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(message, repeated, tag = "2")]
    pub fields_data: Vec<FieldData>,
}

/// As [`Query`], of rows near to a vector, or with words of a text.
#[derive(Clone, PartialEq, Message)]
pub struct Search {
    #[prost(string, tag = "3")]
    pub collection_name: String,
    #[prost(string, tag = "5")]
    pub expr: String,
    /// [`Placeholders`].
    #[prost(bytes = "vec", tag = "6")]
    pub placeholders: Vec<u8>,
    /// 1 is an expression.
    #[prost(int32, tag = "7")]
    pub expr_kind: i32,
    #[prost(string, repeated, tag = "8")]
    pub output_fields: Vec<String>,
    #[prost(message, repeated, tag = "9")]
    pub search_params: Vec<Pair>,
    #[prost(uint64, tag = "11")]
    pub guarantee_timestamp: u64,
    #[prost(int64, tag = "12")]
    pub questions: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct Placeholders {
    #[prost(message, repeated, tag = "1")]
    pub placeholders: Vec<Placeholder>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Placeholder {
    #[prost(string, tag = "1")]
    pub tag: String,
    #[prost(enumeration = "DataType", tag = "2")]
    pub kind: i32,
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub values: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Found {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(message, optional, tag = "2")]
    pub results: Option<Results>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Results {
    #[prost(float, repeated, tag = "4")]
    pub scores: Vec<f32>,
    #[prost(message, optional, tag = "5")]
    pub ids: Option<Ids>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Ids {
    #[prost(message, optional, tag = "1")]
    pub numbers: Option<Numbers>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Flush {
    #[prost(string, repeated, tag = "3")]
    pub collection_names: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Flushed {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
}

/// A column of rows.
#[derive(Clone, PartialEq, Message)]
pub struct FieldData {
    #[prost(enumeration = "DataType", tag = "1")]
    pub kind: i32,
    #[prost(string, tag = "2")]
    pub field_name: String,
    #[prost(oneof = "Field", tags = "3, 4")]
    pub field: Option<Field>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum Field {
    #[prost(message, tag = "3")]
    Scalars(Scalars),
    #[prost(message, tag = "4")]
    Vectors(Vectors),
}

#[derive(Clone, PartialEq, Message)]
pub struct Scalars {
    #[prost(oneof = "Data", tags = "3, 6, 9")]
    pub data: Option<Data>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum Data {
    #[prost(message, tag = "3")]
    Numbers(Numbers),
    #[prost(message, tag = "6")]
    Strings(Strings),
    #[prost(message, tag = "9")]
    Documents(Documents),
}

#[derive(Clone, PartialEq, Message)]
pub struct Numbers {
    #[prost(int64, repeated, tag = "1")]
    pub data: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Strings {
    #[prost(string, repeated, tag = "1")]
    pub data: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Documents {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub data: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Vectors {
    #[prost(int64, tag = "1")]
    pub dimensions: i64,
    #[prost(message, optional, tag = "2")]
    pub floats: Option<Floats>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Floats {
    #[prost(float, repeated, tag = "1")]
    pub data: Vec<f32>,
}
