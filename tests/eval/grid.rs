//! `--grid` evaluates combinations of options.

use super::{assert_losses_add_up, system};
use crate::common::{data, with_data};

#[test]
fn grid_evaluates_every_combination_and_selects_on_half_of_the_questions() {
    let dir = with_data();
    dir.put(
        "grid.toml",
        "chunk = [\"whole\", \"sentences\"]\nchunk_tokens = [48, 128]\n",
    );
    let verdict = dir.json(
        0,
        &[
            "eval",
            "--qa",
            "--grid",
            "grid.toml",
            "--mode",
            "hybrid,lexical",
            "--metrics",
            "MRR@10",
        ],
    );
    let names: Vec<&str> = verdict["systems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "sentences 128/1, hybrid",
            "sentences 128/1, lexical",
            "whole, hybrid",
            "whole, lexical",
            "sentences 48/1, hybrid",
            "sentences 48/1, lexical"
        ]
    );
    assert_losses_add_up(&verdict);
    // Each combination scores as a collection indexed with these settings.
    dir.ok(&[
        "index",
        data().to_str().unwrap(),
        "-c",
        "whole",
        "--chunk",
        "whole",
    ]);
    let whole = dir.json(
        0,
        &[
            "eval",
            "-c",
            "whole",
            "--qa",
            "--mode",
            "hybrid",
            "--metrics",
            "MRR@10",
        ],
    );
    let (of_grid, of_whole) = (
        &system(&verdict, "whole, hybrid")["metrics"]["MRR@10"]["mean"],
        &system(&whole, "hybrid")["metrics"]["MRR@10"]["mean"],
    );
    assert!(
        (of_grid.as_f64().unwrap() - of_whole.as_f64().unwrap()).abs() < 1e-9,
        "{of_grid} {of_whole}"
    );
    let selection = &verdict["selection"];
    assert_eq!(
        (
            selection["chosen_on"].as_u64(),
            selection["reported_on"].as_u64()
        ),
        (Some(100), Some(100))
    );
    assert_eq!(selection["table"].as_array().unwrap().len(), 6);
    assert_eq!(selection["baseline"], "sentences 128/1, hybrid");
    assert_eq!(
        dir.json(0, &["stats"])["articles"],
        25,
        "the collection itself is unchanged"
    );
    dir.put("grid.toml", "chunks = [\"whole\"]\n");
    dir.run(&["eval", "--qa", "--grid", "grid.toml"])
        .assert_exit(2, &["grid.toml", "chunks"]);
    dir.put("grid.toml", "chunk_tokens = [3]\n");
    dir.run(&["eval", "--qa", "--grid", "grid.toml"])
        .assert_exit(2, &["chunk_tokens = 3: expected 16 or more"]);
    dir.put("grid.toml", "chunk = [\"sentences\"]\n");
    dir.run(&["eval", "--qa", "--grid", "grid.toml"])
        .assert_exit(2, &["lists only the collection's own values"]);
}
