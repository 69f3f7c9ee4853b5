//! Settings, and errors that name the problem and the fix.

use super::servers;
use crate::common::{MilvusCollection, TestDir};
use serde_json::json;

#[test]
#[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
fn milvus_errors_name_the_problem_and_the_fix() {
    let dir = TestDir::new();
    // Accepts connections and never responds.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let waiting = dir
        .command(&[
            "search",
            "moon",
            "-c",
            &format!("milvus://{}/books", silent.local_addr().unwrap()),
        ])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    dir.put("a.txt", "The moon pulls the sea.");
    for server in servers() {
        let remote = MilvusCollection::new(&server);
        dir.run(&["search", "moon", "-c", &remote.uri])
            .assert_exit(2, &["no collection at milvus://", "makes one"]);
        dir.ok(&["index", "a.txt", "--model", "static", "-c", &remote.uri]);
        // Vectors of another model are refused.
        dir.run(&["index", "a.txt", "--model", "builtin", "-c", &remote.uri])
            .assert_exit(2, &["was made with the model"]);
        dir.ok(&["index", "a.txt", "-c", "here"]);
        dir.run(&["import", "here", "-c", &remote.uri])
            .assert_exit(2, &["Make a new collection with -c"]);
        // The companion collection that holds the articles cannot be opened by itself.
        dir.run(&["stats", "-c", &format!("{}_articles", remote.uri)])
            .assert_exit(2, &["that nigh did not make"]);
        if std::env::var("NIGH_MILVUS_TOKEN").is_ok() {
            let stats_with = |name: &str, value: &str| -> crate::common::CliOutput {
                dir.command(&["stats", "-c", &remote.uri])
                    .env(name, value)
                    .output()
                    .unwrap()
                    .into()
            };
            stats_with("NIGH_MILVUS_TOKEN", "root:wrong")
                .assert_exit(2, &["auth check failure", "set NIGH_MILVUS_TOKEN to"]);
            stats_with("NIGH_MILVUS_TOKEN", "").assert_exit(2, &["missing authorization"]);
            stats_with("NIGH_MILVUS_TLS", "0")
                .assert_exit(2, &["if it uses TLS, set NIGH_MILVUS_TLS=1"]);
            stats_with("NIGH_MILVUS_CA", "/nowhere.pem").assert_exit(2, &["/nowhere.pem"]);
            stats_with("NIGH_MILVUS_CA", "")
                .assert_exit(2, &["set NIGH_MILVUS_CA to the certificate"]);
        }
    }
    dir.run(&["search", "moon", "-c", "milvus://127.0.0.1:9/books"])
        .assert_exit(
            2,
            &[
                "milvus://127.0.0.1:9/default/books: no Milvus answers there",
                "refused",
            ],
        );
    let result: crate::common::CliOutput = waiting.wait_with_output().unwrap().into();
    result.assert_exit(2, &["/default/books: ", "timed out"]);
}

#[test]
fn malformed_collection_uris_and_settings_are_rejected() {
    let dir = TestDir::new();
    dir.run(&["search", "x", "-c", "milvus://host"])
        .assert_exit(2, &["no collection in it; expected milvus://HOST"]);
    dir.run(&["search", "x", "-c", "qdrant://host/a"])
        .assert_exit(2, &["nothing here keeps collections at qdrant://"]);
    dir.put("nigh.toml", "[milvus]\nindex = \"ivf\"\n");
    dir.run(&["search", "x"])
        .assert_exit(2, &["expected hnsw or flat"]);
    dir.put("nigh.toml", "[milvus]\ntokens = \"x\"\n");
    dir.run(&["search", "x"])
        .assert_exit(2, &["nigh.toml", "tokens"]);
}

#[test]
fn graph_builder_is_refused_where_a_server_builds_the_graphs() {
    let dir = TestDir::new();
    dir.put("a.txt", "The moon pulls the sea.");
    // Nothing listens there: it is refused before the server is asked.
    let remote = ["--builder", "hnsw_rs", "-c", "milvus://127.0.0.1:9/books"];
    let said = "milvus://127.0.0.1:9/books: the server builds its own graphs; leave --builder out";
    for command in [&["compact"][..], &["index", "a.txt"]] {
        let args = [command, &remote].concat();
        dir.run(&args).assert_exit(2, &[said]);
        assert_eq!(dir.json(2, &args), json!({ "error": said }));
    }
    let local = ["index", "a.txt", "--builder", "hnsw_rs", "-c", "books"];
    dir.ok(&local);
    dir.ok(&["compact", "--builder", "batch", "-c", "books"]);
}
