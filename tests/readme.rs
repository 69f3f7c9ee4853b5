//! The commands of the README and of the guides, run as they stand.

use crate::common::TestDir;
use serde_json::json;
use std::collections::BTreeSet;
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
fn verdict_of_the_guide_is_what_eval_prints() {
    let guide = std::fs::read_to_string(root().join("docs/guide/evaluate.md")).unwrap();
    let (command, shown) = guide
        .split_once("<!-- verdict -->\n```text\n$ nigh ")
        .and_then(|(_, rest)| rest.split_once("\n```"))
        .and_then(|(shown, _)| shown.split_once('\n'))
        .unwrap();
    let dir = crate::common::with_data();
    let data = crate::common::data();
    let command = command.replace("data/", &format!("{}/", data.display()));
    let printed = dir.ok(&command.split(' ').collect::<Vec<_>>()).stdout;
    // The times are those of another machine.
    let without_times = |text: &str| -> Vec<String> {
        let lines = text.trim_end().lines().map(str::to_owned);
        lines
            .filter(|line| !line.contains(" s: embedding "))
            .collect()
    };
    assert_eq!(without_times(shown), without_times(&printed));
}

/// The commands that the help of `command` lists, with their subcommands: `["bench", "recall"]`.
fn commands_below(dir: &TestDir, command: &[String]) -> Vec<Vec<String>> {
    let help = help_of(dir, command);
    let names = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = names.take_while(|line| !line.is_empty());
    names
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        // A line that continues a description is indented further.
        .filter(|name| !name.is_empty())
        .filter(|name| *name != "help")
        .flat_map(|name| {
            let command = [command, &[name.to_owned()]].concat();
            let below = commands_below(dir, &command);
            std::iter::once(command).chain(below)
        })
        .collect()
}

fn help_of(dir: &TestDir, command: &[String]) -> String {
    let words: Vec<&str> = command
        .iter()
        .map(String::as_str)
        .chain(["--help"])
        .collect();
    dir.ok(&words).stdout
}

/// The long options that a text names: `--chunk-tokens`.
fn options_in(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'))
        .filter(|word| word.len() > 3 && word.starts_with("--") && !word.starts_with("---"))
        .collect()
}

#[test]
fn help_examples_completions_and_the_manual_agree_on_every_option() {
    let dir = TestDir::new();
    let scripts: Vec<String> = ["bash", "zsh", "fish", "powershell", "elvish"]
        .iter()
        .map(|shell| {
            let script = dir.ok(&["completions", shell]).stdout;
            assert_eq!(dir.json(0, &["completions", shell]), script, "{shell}");
            script
        })
        .collect();
    let commands = commands_below(&dir, &[]);
    assert!(commands.len() >= 26, "{commands:?}");
    for command in &commands {
        let name = command.join(" ");
        let help = help_of(&dir, command);
        assert!(help.contains(&format!(" {name} ")), "{name}: {help}");
        let (reference, examples) = help
            .split_once("\nExamples:\n")
            .unwrap_or_else(|| panic!("{name}: no examples: {help}"));
        let start = format!("nigh {name}");
        let own: Vec<&str> = examples
            .lines()
            .filter_map(|line| line.split_once(&start))
            .filter_map(|(_, rest)| rest.split('|').next())
            .collect();
        assert!(!own.is_empty(), "{name}: {examples}");
        let known = options_in(reference);
        assert!(known.contains("--help"), "{name}: {reference}");
        // The examples of a group show options of its commands, whose own help is checked.
        let is_group = reference.contains("\nCommands:\n");
        for rest in own {
            let unknown: Vec<_> = options_in(rest).difference(&known).copied().collect();
            assert!(is_group || unknown.is_empty(), "{start}{rest}: {unknown:?}");
        }
        // The manual has a page for each command, and none for what is below one.
        let manual = match &command[..] {
            [page] => dir.ok(&["man", page]).stdout.replace("\\-", "-"),
            _ => String::new(),
        };
        assert!(
            manual.is_empty() || manual.contains(&format!(".TH nigh-{name} ")),
            "{name}"
        );
        for option in &known {
            assert!(
                manual.is_empty() || manual.contains(option),
                "{name}: the manual lacks {option}"
            );
            // fish names options without their dashes.
            let word = option.trim_start_matches('-');
            assert!(
                scripts.iter().all(|script| script.contains(word)),
                "{name}: a completion script lacks {option}"
            );
        }
    }
    assert!(dir.ok(&["man"]).stdout.contains(".TH nigh "));
    assert_eq!(
        dir.json(0, &["man", "index"]),
        dir.ok(&["man", "index"]).stdout
    );
    dir.run(&["man", "nothing"])
        .assert_exit(2, &["no command is called"]);
}
