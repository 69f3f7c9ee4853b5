//! The README's commands, run as they stand.

mod common;

use common::Place;

#[test]
fn every_command_of_the_readme_works() {
    let readme = std::fs::read_to_string(common::data().parent().unwrap().join("README.md")).unwrap();
    let place = Place::new();
    for entry in std::fs::read_dir(common::data().join("sample")).unwrap().map(|entry| entry.unwrap().path()) {
        place.put(&format!("docs/{}", entry.file_name().unwrap().to_string_lossy()), std::fs::read(&entry).unwrap());
    }
    place.put("docs/.ignore", "paraphrases.jsonl\n");
    place.put("questions.jsonl", "{\"_id\": \"q1\", \"text\": \"what slows the Earth\"}\n");
    place.put("answers.jsonl", "{\"query-id\": \"q1\", \"answers\": [\"sourdough\"]}\n");
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_nigh")).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let mut commands = 0;
    let blocks = readme.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    for line in blocks.flat_map(str::lines).filter(|line| line.starts_with("nigh ")) {
        let output = std::process::Command::new("bash")
            .args(["-o", "pipefail", "-c", line])
            .current_dir(place.path("."))
            .env("PATH", &path)
            .env("XDG_CACHE_HOME", place.path("cache"))
            .output();
        let output = output.unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        commands += 1;
    }
    assert!(commands >= 6, "{commands} commands found");
}

#[test]
fn help_completions_and_the_manual_page_are_there() {
    let place = Place::new();
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
        "bench",
        "serve",
        "mcp",
        "key",
        "completions",
        "man",
    ] {
        assert!(place.ok(&[command, "--help"]).out.contains("Usage"), "{command}");
    }
    for command in
        ["index", "search", "run", "eval", "tune", "serve", "mcp", "export", "import", "embed", "completions"]
    {
        assert!(place.ok(&[command, "--help"]).out.contains("Examples:"), "{command}");
    }
    for what in ["embed", "recall", "search"] {
        assert!(place.ok(&["bench", what, "--help"]).out.contains("Examples:"), "{what}");
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(place.ok(&["completions", shell]).out.contains("nigh"), "{shell}");
    }
    assert!(place.ok(&["man"]).out.contains(".TH nigh"));
    assert!(place.ok(&["man", "index"]).out.contains("nigh-index"));
    place.run(&["man", "nothing"]).said(2, &["no command is called"]);
}
