//! The README's commands, run as they stand.

use crate::common::Place;

#[test]
fn every_command_of_the_readme_works() {
    let readme = std::fs::read_to_string(crate::common::data().parent().unwrap().join("README.md")).unwrap();
    let place = Place::new();
    for entry in std::fs::read_dir(crate::common::data().join("sample")).unwrap().map(|entry| entry.unwrap().path()) {
        place.put(&format!("docs/{}", entry.file_name().unwrap().to_string_lossy()), std::fs::read(&entry).unwrap());
    }
    place.put("docs/.ignore", "paraphrases.jsonl\n");
    place.put("articles.jsonl", "{\"_id\": \"a1\", \"text\": \"The moon slows the Earth.\"}\n");
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
        let said = place.ok(&help).out;
        assert!(said.contains("Usage") && said.contains("Examples:"), "{command}: {said}");
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = place.ok(&["completions", shell]).out;
        assert!(script.contains("nigh"), "{shell}");
        assert_eq!(place.json(0, &["completions", shell]), script, "{shell}");
    }
    assert!(place.ok(&["man"]).out.contains(".TH nigh"));
    assert!(place.ok(&["man", "index"]).out.contains("nigh-index"));
    assert_eq!(place.json(0, &["man", "index"]), place.ok(&["man", "index"]).out);
    place.run(&["man", "nothing"]).said(2, &["no command is called"]);
}
