//! Files made to break readers: none of them ends the program, holds it up, or costs the articles
//! beside it.

use crate::common::{Place, Ran};
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

const GOOD: &str = "Tides\n\nThe moon pulls the sea.";

/// Indexes a good article beside a hostile file, which may take a second; the good one is there
/// afterwards.
fn beside_a_good_one(name: &str, contents: impl AsRef<[u8]>) -> (Place, Ran) {
    beside_a_good_one_with(name, contents, &[])
}

fn beside_a_good_one_with(
    name: &str,
    contents: impl AsRef<[u8]>,
    options: &[&str],
) -> (Place, Ran) {
    let place = Place::new();
    place.put("docs/a-good.txt", GOOD);
    place.put(&format!("docs/{name}"), contents);
    place.put(
        "docs/z-good.html",
        "<title>Kites</title><p>Wind holds a kite up.</p>",
    );
    let begun = Instant::now();
    let ran = place.run(
        &[
            &[
                "index",
                "docs",
                "--model",
                "static",
                "--max-article-seconds",
                "1",
            ],
            options,
        ]
        .concat(),
    );
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "{name} held it up for {:?}",
        begun.elapsed()
    );
    place
        .run(&[
            "search",
            "what pulls the sea",
            "-k",
            "1",
            "--rerank",
            "none",
        ])
        .said(0, &["a-good.txt:1"]);
    place
        .run(&[
            "search",
            "what holds a kite up",
            "-k",
            "1",
            "--rerank",
            "none",
        ])
        .said(0, &["z-good.html:1"]);
    (place, ran)
}

/// A PDF of these objects, the first of which is its catalog.
fn pdf(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut table = String::new();
    for (at, object) in objects.iter().enumerate() {
        let _ = writeln!(table, "{:010} 00000 n ", file.len());
        file.extend(
            [
                format!("{} 0 obj\n", at + 1).as_bytes(),
                object,
                b"\nendobj\n",
            ]
            .concat(),
        );
    }
    let (size, start) = (objects.len() + 1, file.len());
    let tail = format!(
        "xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF"
    );
    file.extend(tail.bytes());
    file
}

fn stream(filter: &str, contents: &[u8]) -> Vec<u8> {
    [
        format!(
            "<< /Length {} /Filter {filter} >>\nstream\n",
            contents.len()
        )
        .as_bytes(),
        contents,
        b"\nendstream",
    ]
    .concat()
}

fn deflate(parts: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    parts.for_each(|part| encoder.write_all(&part).unwrap());
    encoder.finish().unwrap()
}

const CATALOG: &[u8] = b"<< /Type /Catalog /Pages 2 0 R >>";
const PAGES: &[u8] = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>";

#[test]
fn a_pdf_that_unpacks_to_gigabytes() {
    let spaces = deflate((0..64).map(|_| vec![b' '; 1 << 27]));
    let bomb = stream(
        "[/FlateDecode /FlateDecode]",
        &deflate(std::iter::once(spaces)),
    );
    let page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R >>";
    let file = pdf(&[CATALOG.to_vec(), PAGES.to_vec(), page.to_vec(), bomb]);
    assert!(file.len() < 1 << 20);
    let (_, ran) = beside_a_good_one("bomb.pdf", file);
    ran.said(1, &["bomb.pdf", "1 skipped"]);
}

#[test]
fn pdfs_that_lead_in_circles() {
    // Each ends, and says that nothing is in it.
    let loops: [(&str, &str, Vec<Vec<u8>>); 4] = [
        ("pages", "it has no pages", vec![CATALOG.to_vec(), b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>".to_vec()]),
        (
            "two",
            "it has no pages",
            vec![
                CATALOG.to_vec(),
                b"<< /Type /Pages /Kids [3 0 R] /Count 1 /Parent 3 0 R >>".to_vec(),
                b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R 3 0 R] /Count 1 >>".to_vec(),
            ],
        ),
        (
            "parent",
            "no text on its 1 pages",
            vec![
                CATALOG.to_vec(),
                PAGES.to_vec(),
                b"<< /Type /Page /Parent 3 0 R /Contents 4 0 R >>".to_vec(),
                b"<< /Length 2 >>\nstream\nBT\nendstream".to_vec(),
            ],
        ),
        (
            "form",
            "no text on its 1 pages",
            vec![
                CATALOG.to_vec(),
                PAGES.to_vec(),
                b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /XObject << /X 5 0 R >> >> >>".to_vec(),
                b"<< /Length 5 >>\nstream\n/X Do\nendstream".to_vec(),
                b"<< /Type /XObject /Subtype /Form /BBox [0 0 1 1] /Resources << /XObject << /X 5 0 R >> >> /Length 5 >>\nstream\n/X Do\nendstream".to_vec(),
            ],
        ),
    ];
    for (name, said, objects) in loops {
        let file = format!("{name}.pdf");
        let (_, ran) = beside_a_good_one(&file, pdf(&objects));
        ran.said(1, &[&file, said, "1 skipped"]);
    }
}

#[test]
fn html_without_bottom() {
    let nested =
        |open: &str, times: usize| format!("<html><body><p>The sea.</p>{}deep", open.repeat(times));
    for (name, html) in [
        ("div.html", nested("<div>", 1_000_000)),
        ("span.html", nested("<span><b>", 500_000)),
        ("table.html", nested("<table><tr><td>", 100_000)),
    ] {
        // Whether it is read is for its reader to say; that all else is, is what counts.
        let (_, ran) = beside_a_good_one(name, html);
        assert!(ran.code == 0 || ran.code == 1, "{}", ran.err);
        if ran.code == 1 {
            ran.said(1, &[name, "1 skipped"]);
        }
    }
}

#[test]
fn structures_without_bottom() {
    let deep = |open: &str, close: &str, times: usize| open.repeat(times) + &close.repeat(times);
    let json = format!(
        "{{\"_id\": \"a\", \"text\": \"The sea\", \"more\": {}}}\n",
        deep("[", "]", 100_000)
    );
    // What is nested so deep is kept as its text.
    beside_a_good_one("deep.jsonl", json)
        .1
        .said(0, &["3 articles"]);
    let yaml = format!(
        "---\na: {}\n---\n# T\n\nThe sea.\n",
        deep("[", "]", 200_000)
    );
    beside_a_good_one("deep.md", yaml)
        .1
        .said(0, &["deep.md:2: front matter", "3 articles"]);
    // A billion laughs.
    let mut aliases = "---\na0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let _ = writeln!(
            aliases,
            "a{level}: &a{level} [{}]",
            vec![format!("*a{}", level - 1); 9].join(", ")
        );
    }
    aliases += "---\n# T\n\nThe sea.\n";
    beside_a_good_one("laughs.md", aliases)
        .1
        .said(0, &["3 articles"]);
    let quotes = format!("# T\n\nThe sea.\n\n{} deep\n", ">".repeat(200_000));
    beside_a_good_one("quotes.md", quotes)
        .1
        .said(0, &["3 articles"]);
    let links = format!("# T\n\nThe sea.\n\n{}\n", "[".repeat(200_000));
    beside_a_good_one("links.md", links)
        .1
        .said(0, &["3 articles"]);
}

#[test]
fn texts_that_are_one_word_or_none() {
    let accents = format!("a{}", "\u{301}".repeat(500_000));
    beside_a_good_one("accents.txt", accents)
        .1
        .said(0, &["3 articles"]);
    beside_a_good_one("lines.txt", "\n".repeat(3_000_000))
        .1
        .said(1, &["lines.txt", "no text"]);
    beside_a_good_one("dots.txt", ". ".repeat(200_000))
        .1
        .said(0, &["3 articles"]);
}

#[test]
fn columns_and_fields_without_end() {
    let names: String = (0..100_000).map(|at| format!(",c{at}")).collect();
    let values = ",v".repeat(100_000);
    beside_a_good_one("wide.csv", format!("text{names}\nThe sea{values}\n"))
        .1
        .said(0, &["3 articles"]);
    // A quotation mark costs its own record, whatever it encloses.
    let quoted = format!("text,b\n\"never closed {}", "some sea,y\n".repeat(1000));
    let ran = beside_a_good_one_with("quoted.csv", quoted, &["--max-article-bytes", "5000"]).1;
    ran.said(
        1,
        &[
            "quoted.csv:2: a quotation mark opens",
            "1,001 articles",
            "1 skipped",
        ],
    );
    let endless = format!("text\n{}\nThe sea\n", "x".repeat(40_000_000));
    beside_a_good_one("endless.csv", endless).1.said(
        1,
        &["endless.csv:2: 40000000 bytes", "3 articles", "1 skipped"],
    );
    let fields: String = (0..100_000).map(|at| format!(", \"k{at}\": 1")).collect();
    let record = format!("{{\"_id\": \"a\", \"text\": \"The sea\"{fields}}}\n");
    beside_a_good_one("fields.jsonl", record)
        .1
        .said(0, &["3 articles"]);
}

#[cfg(unix)]
#[test]
fn folders_that_lead_in_circles_and_names_that_are_no_words() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    place.put("docs/good.txt", GOOD);
    for name in [
        &b"new\nline.txt"[..],
        b"not \xff UTF-8.txt",
        b"-rf.txt",
        b"\x1b[31mred.txt",
        "snow ☃.txt".as_bytes(),
    ] {
        std::fs::write(
            place.path("docs").join(std::ffi::OsStr::from_bytes(name)),
            GOOD,
        )
        .unwrap();
    }
    std::os::unix::fs::symlink("..", place.path("docs/up")).unwrap();
    std::os::unix::fs::symlink("loop", place.path("docs/loop")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", place.path("docs/passwd.txt")).unwrap();
    assert!(
        std::process::Command::new("mkfifo")
            .arg(place.path("docs/pipe.txt"))
            .status()
            .unwrap()
            .success()
    );
    let report = place.json(0, &["index", "docs", "--model", "static"]);
    // The link to a file is followed, those in circles are not.
    assert_eq!(
        (&report["articles"], &report["left_out"]),
        (&7.into(), &3.into()),
        "{report}"
    );
    let found = place.run(&["search", "the moon", "--rerank", "none", "--copies"]);
    assert!(
        !found.out.contains('\u{1b}'),
        "a file's name must not speak to the terminal: {:?}",
        found.out
    );
    place.sound(7);
    assert_eq!(
        place.json(0, &["index", "docs", "--model", "static"])["unchanged"],
        7
    );
    // A path with dots is the file that it leads to, and its name in the collection is the same.
    let report = place.json(
        0,
        &["index", "docs/../docs/./good.txt", "--model", "static"],
    );
    assert_eq!(report["unchanged"], 1, "{report}");
    place.run(&["index", "docs/loop"]).said(2, &["docs/loop"]);
    place
        .run(&["index", "docs/pipe.txt"])
        .said(2, &["nothing to index"]);
}

#[test]
#[ignore = "needs two minutes and 4 GB of disk: cargo test --test e2e hostile -- --ignored"]
fn a_million_tiny_files() {
    let place = Place::new();
    for number in 0..1_000_000 {
        let folder = place.path(&format!("docs/{:03}", number / 1000));
        if number % 1000 == 0 {
            std::fs::create_dir_all(&folder).unwrap();
        }
        std::fs::write(
            folder.join(format!("{number}.txt")),
            format!("Note {number}\n"),
        )
        .unwrap();
    }
    let report = place.json(0, &["index", "docs", "--model", "static"]);
    assert_eq!(
        (&report["articles"], &report["failures"]),
        (&1_000_000.into(), &0.into()),
        "{report}"
    );
    place.sound(1_000_000);
}

#[cfg(feature = "parquet")]
#[test]
fn a_parquet_file_that_unpacks_to_more_than_there_is() {
    use arrow_array::builder::StringBuilder;
    use arrow_array::{ArrayRef, RecordBatch};
    use parquet::arrow::ArrowWriter;
    use parquet::basic::Compression;
    use parquet::file::properties::{EnabledStatistics, WriterProperties};
    use std::sync::Arc;

    let mut texts = StringBuilder::new();
    (0..64).for_each(|_| texts.append_value("x".repeat(4 << 20)));
    let batch =
        RecordBatch::try_from_iter([("text", Arc::new(texts.finish()) as ArrayRef)]).unwrap();
    // All in one page.
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(Default::default()))
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_data_page_size_limit(1 << 30)
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    let file = writer.into_inner().unwrap();
    assert!(file.len() < 1 << 20, "{}", file.len());
    let (_, ran) = beside_a_good_one_with("bomb.parquet", file, &["--memory", "256MB"]);
    ran.said(
        1,
        &[
            "bomb.parquet: the process that read it died: it needs more than 61 MB",
            "1 skipped",
        ],
    );
}
