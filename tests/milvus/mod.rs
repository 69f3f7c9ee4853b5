//! Collections on Milvus behave like local ones. MILVUS_URI names the servers under test.

mod changes;
mod results;
mod settings;

/// The servers under test.
fn servers() -> Vec<String> {
    let named = std::env::var("MILVUS_URI")
        .expect("MILVUS_URI=milvus://HOST:PORT, or several with commas between");
    named.split(',').map(str::to_owned).collect()
}
