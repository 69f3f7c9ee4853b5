//! The commands of the README and of the guides, run as they stand.

use crate::common::TestDir;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The lines of `sh` blocks that begin with `nigh`. Commands that need a server, a cluster or files
/// that are not here stand in `console` blocks.
fn commands(document: &str) -> Vec<&str> {
    let blocks = document
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    blocks
        .flat_map(str::lines)
        .filter(|line| line.starts_with("nigh "))
        .collect()
}

/// The project's folder.
fn root() -> PathBuf {
    crate::common::data().parent().unwrap().to_owned()
}

/// A folder with the files that the documents speak of.
fn prepared() -> TestDir {
    let dir = TestDir::new();
    let sample = crate::common::data().join("sample");
    for entry in std::fs::read_dir(&sample)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        dir.put(
            &format!("docs/{}", entry.file_name().unwrap().to_string_lossy()),
            std::fs::read(&entry).unwrap(),
        );
    }
    dir.put("docs/.ignore", "paraphrases.jsonl\n");
    let paraphrases = std::fs::read_to_string(sample.join("paraphrases.jsonl")).unwrap();
    let few: Vec<&str> = paraphrases.lines().take(20).collect();
    dir.put("paraphrases.jsonl", few.join("\n"));
    let articles = [
        json!({"_id": "a1", "title": "The Moon as a brake", "text": "The moon slows the Earth.", "source": "Reuters",
               "date": "2025-03-14", "year": 2025, "tags": ["science", "space"], "author": "Bo Chen"}),
        json!({"_id": "a2", "title": "Longer days", "text": "Days grow by some milliseconds a century.", "source": "AP",
               "date": "2019-11-02", "year": 2019, "tags": ["science"], "author": "Ann Lee"}),
    ];
    dir.put(
        "articles.jsonl",
        articles.map(|article| format!("{article}\n")).concat(),
    );
    dir.put(
        "questions.jsonl",
        "{\"_id\": \"q1\", \"text\": \"what slows the Earth\"}\n",
    );
    dir.put(
        "questions.txt",
        "what slows the Earth\nwhy do coasts have two high tides a day\n",
    );
    dir.put(
        "answers.jsonl",
        "{\"query-id\": \"q1\", \"answers\": [\"sourdough\"]}\n",
    );
    dir.put("grid.toml", "chunk_tokens = [64, 128]\n");
    dir
}

/// Runs a line in bash, with the program on the path and nothing else from the environment that it
/// looks at.
fn run(dir: &TestDir, line: &str) -> Result<(), String> {
    let folder = Path::new(env!("CARGO_BIN_EXE_nigh")).parent().unwrap();
    let output = Command::new("bash")
        .args(["-o", "pipefail", "-c", line])
        .current_dir(dir.path("."))
        .env(
            "PATH",
            format!("{}:{}", folder.display(), std::env::var("PATH").unwrap()),
        )
        .env("XDG_CACHE_HOME", dir.path("cache"))
        .env_remove("NIGH_COLLECTION")
        .env_remove("ORT_DYLIB_PATH")
        .output()
        .unwrap();
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Runs all commands of a document, in their order, and gives their number.
fn run_all(dir: &TestDir, path: &Path) -> usize {
    let document = std::fs::read_to_string(path).unwrap();
    let commands = commands(&document);
    for line in &commands {
        run(dir, line).unwrap_or_else(|error| panic!("{}: {line}: {error}", path.display()));
    }
    commands.len()
}

#[test]
fn every_command_of_the_readme_works() {
    let count = run_all(&prepared(), &root().join("README.md"));
    assert!(count >= 6, "{count} commands found");
}

#[test]
fn every_command_of_the_guides_works() {
    let folder = root().join("docs/guide");
    let mut guides: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    guides.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    guides.sort_unstable();
    // Each guide begins where the README's first command ends.
    let run_guide = |path: &PathBuf| {
        let dir = prepared();
        dir.ok(&["index", "docs"]);
        (path.clone(), run_all(&dir, path))
    };
    let counts: Vec<(PathBuf, usize)> = guides.iter().map(run_guide).collect();
    for name in [
        "cluster", "evaluate", "filters", "formats", "models", "ranking", "search", "serve",
    ] {
        let count = counts
            .iter()
            .find(|(path, _)| *path == folder.join(format!("{name}.md")))
            .map(|(_, count)| *count);
        assert!(
            count.is_some_and(|count| count >= 3),
            "{name}.md: {count:?} commands found"
        );
    }
}

#[test]
fn help_completions_and_the_manual_page_are_there() {
    let dir = TestDir::new();
    for command in [
        "demo",
        "index",
        "search",
        "run",
        "eval",
        "tune",
        "stats",
        "check",
        "delete",
        "compact",
        "export",
        "import",
        "embed",
        "models",
        "models check",
        "bench",
        "bench embed",
        "bench recall",
        "bench search",
        "serve",
        "mcp",
        "key",
        "key add",
        "key list",
        "key remove",
        "completions",
        "man",
    ] {
        let help: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let said = dir.ok(&help).stdout;
        assert!(
            said.contains("Usage") && said.contains("Examples:"),
            "{command}: {said}"
        );
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = dir.ok(&["completions", shell]).stdout;
        assert!(script.contains("nigh"), "{shell}");
        assert_eq!(dir.json(0, &["completions", shell]), script, "{shell}");
    }
    assert!(dir.ok(&["man"]).stdout.contains(".TH nigh"));
    assert!(dir.ok(&["man", "index"]).stdout.contains("nigh-index"));
    assert_eq!(
        dir.json(0, &["man", "index"]),
        dir.ok(&["man", "index"]).stdout
    );
    dir.run(&["man", "nothing"])
        .assert_exit(2, &["no command is called"]);
}
