//! The part of the Milvus gRPC API in use: messages with the fields that matter, under the tags of
//! `milvus.proto`, `schema.proto` and `common.proto` in github.com/milvus-io/milvus-proto. Other
//! fields are ignored.

use prost::{Message, Oneof};

/// A request message, with the path of its method and the type of the response.
pub trait Rpc: Message + Clone + 'static {
    const PATH: &'static str;
    type Response: Response;
}

/// A response message, which carries a status.
pub trait Response: Message + Default + 'static {
    fn status(&self) -> Option<&Status>;
}

macro_rules! rpcs {
    ($($request:ident $path:literal $response:ident),* $(,)?) => { $(impl Rpc for $request {
        const PATH: &'static str = concat!("/milvus.proto.milvus.MilvusService/", $path);
        type Response = $response;
    })* };
}
rpcs!(
    GetVersion "GetVersion" GetVersionResponse,
    HasCollection "HasCollection" BoolResponse,
    CreateCollection "CreateCollection" Status,
    DropCollection "DropCollection" Status,
    CreateIndex "CreateIndex" Status,
    DescribeIndex "DescribeIndex" DescribeIndexResponse,
    LoadCollection "LoadCollection" Status,
    GetLoadingProgress "GetLoadingProgress" GetLoadingProgressResponse,
    Upsert "Upsert" MutationResult,
    Delete "Delete" MutationResult,
    Query "Query" QueryResults,
    Search "Search" SearchResults,
    Flush "Flush" FlushResponse,
);

macro_rules! responses {
    ($($name:ident),*) => { $(impl Response for $name {
        fn status(&self) -> Option<&Status> {
            self.status.as_ref()
        }
    })* };
}
responses!(
    GetVersionResponse,
    BoolResponse,
    DescribeIndexResponse,
    GetLoadingProgressResponse,
    MutationResult,
    QueryResults,
    SearchResults,
    FlushResponse
);

impl Response for Status {
    fn status(&self) -> Option<&Status> {
        Some(self)
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct Status {
    /// Set by servers before 2.3, and by some later ones in addition to `code`.
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
pub struct KeyValuePair {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetVersion {}

#[derive(Clone, PartialEq, Message)]
pub struct GetVersionResponse {
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
pub struct BoolResponse {
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
    pub properties: Vec<KeyValuePair>,
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
    pub type_params: Vec<KeyValuePair>,
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
    pub extra_params: Vec<KeyValuePair>,
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
pub struct DescribeIndexResponse {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(message, repeated, tag = "2")]
    pub indexes: Vec<IndexDescription>,
}

#[derive(Clone, PartialEq, Message)]
pub struct IndexDescription {
    #[prost(message, repeated, tag = "3")]
    pub params: Vec<KeyValuePair>,
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
pub struct GetLoadingProgressResponse {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    /// Per cent.
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
pub struct MutationResult {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    /// Reads as of this timestamp see the change.
    #[prost(uint64, tag = "9")]
    pub timestamp: u64,
}

/// With a timestamp of 0, reads are strongly consistent (level 0), and wait for the server's next
/// tick. With a timestamp, they see whatever was written until then.
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
    pub query_params: Vec<KeyValuePair>,
}

#[derive(Clone, PartialEq, Message)]
pub struct QueryResults {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(message, repeated, tag = "2")]
    pub fields_data: Vec<FieldData>,
}

/// Like [`Query`], for the rows nearest to a vector or that match a text.
#[derive(Clone, PartialEq, Message)]
pub struct Search {
    #[prost(string, tag = "3")]
    pub collection_name: String,
    #[prost(string, tag = "5")]
    pub expr: String,
    /// [`PlaceholderGroup`].
    #[prost(bytes = "vec", tag = "6")]
    pub placeholder_group: Vec<u8>,
    /// 1 is a boolean expression.
    #[prost(int32, tag = "7")]
    pub dsl_type: i32,
    #[prost(string, repeated, tag = "8")]
    pub output_fields: Vec<String>,
    #[prost(message, repeated, tag = "9")]
    pub search_params: Vec<KeyValuePair>,
    #[prost(uint64, tag = "11")]
    pub guarantee_timestamp: u64,
    #[prost(int64, tag = "12")]
    pub nq: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct PlaceholderGroup {
    #[prost(message, repeated, tag = "1")]
    pub placeholders: Vec<PlaceholderValue>,
}

#[derive(Clone, PartialEq, Message)]
pub struct PlaceholderValue {
    #[prost(string, tag = "1")]
    pub tag: String,
    #[prost(enumeration = "DataType", tag = "2")]
    pub kind: i32,
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub values: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub struct SearchResults {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(message, optional, tag = "2")]
    pub results: Option<SearchResultData>,
}

#[derive(Clone, PartialEq, Message)]
pub struct SearchResultData {
    #[prost(float, repeated, tag = "4")]
    pub scores: Vec<f32>,
    #[prost(message, optional, tag = "5")]
    pub ids: Option<IdList>,
}

#[derive(Clone, PartialEq, Message)]
pub struct IdList {
    #[prost(message, optional, tag = "1")]
    pub longs: Option<LongArray>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Flush {
    #[prost(string, repeated, tag = "3")]
    pub collection_names: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct FlushResponse {
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
    #[prost(oneof = "FieldValues", tags = "3, 4")]
    pub field: Option<FieldValues>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum FieldValues {
    #[prost(message, tag = "3")]
    Scalars(ScalarField),
    #[prost(message, tag = "4")]
    Vectors(VectorField),
}

#[derive(Clone, PartialEq, Message)]
pub struct ScalarField {
    #[prost(oneof = "ScalarData", tags = "3, 6, 9")]
    pub data: Option<ScalarData>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum ScalarData {
    #[prost(message, tag = "3")]
    Longs(LongArray),
    #[prost(message, tag = "6")]
    Strings(StringArray),
    #[prost(message, tag = "9")]
    Json(JsonArray),
}

#[derive(Clone, PartialEq, Message)]
pub struct LongArray {
    #[prost(int64, repeated, tag = "1")]
    pub data: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct StringArray {
    #[prost(string, repeated, tag = "1")]
    pub data: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct JsonArray {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub data: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub struct VectorField {
    #[prost(int64, tag = "1")]
    pub dimensions: i64,
    #[prost(message, optional, tag = "2")]
    pub floats: Option<FloatArray>,
}

#[derive(Clone, PartialEq, Message)]
pub struct FloatArray {
    #[prost(float, repeated, tag = "1")]
    pub data: Vec<f32>,
}
