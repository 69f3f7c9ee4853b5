//! `--report`: the page and its plots.

use super::data_file;
use crate::common::with_data;
use serde_json::Value;

#[test]
fn report_is_a_self_contained_page() {
    let dir = with_data();
    let result = dir.ok(&[
        "eval",
        "--qa",
        "--queries",
        &data_file("paraphrases.jsonl"),
        "--report",
        "out/verdict",
    ]);
    assert!(
        result.stderr.contains("report.html") && result.stdout.contains("Where the misses"),
        "{}{}",
        result.stdout,
        result.stderr
    );
    let page = std::fs::read_to_string(dir.path("out/verdict/report.html")).unwrap();
    for part in [
        "Systems",
        "Is the difference real?",
        "Where misses were lost",
        "Paraphrases",
        "Query by query",
        "Best on half",
        "Worst queries",
        "How it was made",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(
        page.matches("<svg class=\"plot\"").count(),
        5,
        "metrics, losses, paraphrases, two differences"
    );
    let outside: Vec<&str> = page
        .match_indices("http")
        .map(|(at, _)| &page[at..at + 40])
        .filter(|url| !url.starts_with("http://www.w3.org/2000/svg"))
        .collect();
    assert!(outside.is_empty(), "{outside:?}");
    for plot in [
        "metrics",
        "losses",
        "paraphrases",
        "differences-1",
        "differences-2",
    ] {
        let file = |extension: &str| {
            std::fs::read(dir.path(&format!("out/verdict/plots/{plot}.{extension}"))).unwrap()
        };
        assert!(
            file("svg").starts_with(b"<svg") && file("png").starts_with(b"\x89PNG"),
            "{plot}"
        );
    }
    let verdict: Value =
        serde_json::from_slice(&std::fs::read(dir.path("out/verdict/verdict.json")).unwrap())
            .unwrap();
    let worst = &verdict["worst"][0];
    assert!(
        worst["expected"][0]["text"].as_str().unwrap().len() > 20
            && worst["found"].as_array().unwrap().len() == 3,
        "{worst}"
    );
    // A recall benchmark is added to the same page.
    dir.ok(&[
        "bench",
        "recall",
        "--ef",
        "10,40",
        "--m",
        "8",
        "--report",
        "out/verdict",
    ]);
    let page = std::fs::read_to_string(dir.path("out/verdict/report.html")).unwrap();
    assert!(page.contains("Recall against speed") && page.contains("Worst queries"));
    assert_eq!(page.matches("<svg class=\"plot\"").count(), 6);
    // A later evaluation removes plots that it does not draw, and keeps files of others.
    dir.put("out/verdict/plots/my-own.png", "mine");
    dir.ok(&[
        "eval",
        "--qa",
        "--mode",
        "lexical",
        "--report",
        "out/verdict",
    ]);
    let page = std::fs::read_to_string(dir.path("out/verdict/report.html")).unwrap();
    assert_eq!(
        page.matches("<svg class=\"plot\"").count(),
        3,
        "metrics, losses, recall"
    );
    assert!(dir.path("out/verdict/plots/my-own.png").exists());
    assert!(!dir.path("out/verdict/plots/differences-1.svg").exists());
    dir.put("out/verdict/recall.json", "{\"n\": 3}");
    dir.run(&["eval", "--qa", "--report", "out/verdict"])
        .assert_exit(2, &["recall.json", "expected what this program writes"]);
    dir.put("file", "");
    dir.run(&["eval", "--qa", "--report", "file"])
        .assert_exit(2, &["file"]);
    dir.run(&["eval", "--qa", "--per-query", "nowhere/v.csv"])
        .assert_exit(2, &["nowhere/v.csv"]);
}

#[test]
#[ignore = "needs Chromium: set CHROMIUM to it (apt-get install chromium)"]
fn report_in_a_browser_fits_every_width_in_light_and_dark() {
    let chromium = std::env::var("CHROMIUM").expect("CHROMIUM: the browser");
    let dir = with_data();
    dir.ok(&[
        "eval",
        "--qa",
        "--queries",
        &data_file("paraphrases.jsonl"),
        "--report",
        "verdict",
    ]);
    dir.ok(&["bench", "recall", "--ef", "10,40", "--report", "verdict"]);
    // A page that loads the report in frames of three widths and writes down what it measures.
    dir.put(
        "look.html",
        "<body><pre id=said></pre><script>
const widths = [320, 390, 1280];
let open = widths.length, said = [];
for (const width of widths) {
  const frame = document.createElement('iframe');
  frame.style.cssText = `width:${width}px;height:900px;border:0`;
  frame.onload = () => setTimeout(() => {
    const page = frame.contentDocument, root = page.documentElement;
    page.querySelectorAll('details').forEach(part => part.open = true);
    const colour = getComputedStyle(page.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0);
    const plots = [...page.querySelectorAll('svg.plot')].filter(plot => plot.getBoundingClientRect().height > 100).length;
    const form = page.querySelector('form.filter'), select = form.querySelector('select');
    select.value = 'lexical';
    select.dispatchEvent(new Event('change', { bubbles: true }));
    said.push(`${width} wide:${root.scrollWidth <= width} dark:${colour < 200} plots:${plots} filter:${form.querySelector('output').textContent.startsWith('showing')}`);
    if (--open === 0) document.getElementById('said').textContent = said.sort().join('; ') + ' done';
  }, 200);
  frame.src = 'verdict/report.html';
  document.body.append(frame);
}
</script>",
    );
    for (scheme, dark) in [("1", false), ("0", true)] {
        let output = std::process::Command::new(&chromium)
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--allow-file-access-from-files",
                "--virtual-time-budget=20000",
                "--dump-dom",
            ])
            .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
            .arg(format!(
                "--user-data-dir={}",
                dir.path(&format!("profile-{scheme}")).display()
            ))
            .arg(format!(
                "file://{}",
                dir.path("look.html").canonicalize().unwrap().display()
            ))
            .output()
            .unwrap();
        let page = String::from_utf8_lossy(&output.stdout).into_owned();
        let measured = page
            .split("<pre id=\"said\">")
            .nth(1)
            .and_then(|rest| rest.split("</pre>").next())
            .unwrap_or(&page)
            .to_owned();
        let expected: Vec<String> = [1280, 320, 390]
            .iter()
            .map(|width| format!("{width} wide:true dark:{dark} plots:6 filter:true"))
            .collect();
        assert_eq!(
            measured,
            format!("{} done", expected.join("; ")),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
