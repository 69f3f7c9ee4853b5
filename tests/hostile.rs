//! Malicious input files: none of them crashes the program, stalls it, or affects the articles next
//! to it.

use crate::common::server::Server;
use crate::common::{CliOutput, TestDir};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

const GOOD: &str = "Tides\n\nThe moon pulls the sea.";

/// Indexes a hostile file, which may take a second, between two valid articles, and asserts that the
/// valid ones are found afterwards.
fn index_with_valid_files(name: &str, contents: impl AsRef<[u8]>) -> (TestDir, CliOutput) {
    index_with_valid_files_and_options(name, contents, &["--max-article-seconds", "1"])
}

/// The same with options of the command.
fn index_with_valid_files_and_options(
    name: &str,
    contents: impl AsRef<[u8]>,
    options: &[&str],
) -> (TestDir, CliOutput) {
    let dir = TestDir::new();
    dir.put("docs/a-good.txt", GOOD);
    dir.put(&format!("docs/{name}"), contents);
    dir.put(
        "docs/z-good.html",
        "<title>Kites</title><p>Wind holds a kite up.</p>",
    );
    let started = Instant::now();
    let result = dir.run(&[&["index", "docs", "--model", "static"], options].concat());
    assert!(
        started.elapsed() < Duration::from_secs(60),
        "{name} took {:?}",
        started.elapsed()
    );
    dir.run(&[
        "search",
        "what pulls the sea",
        "-k",
        "1",
        "--rerank",
        "none",
    ])
    .assert_exit(0, &["a-good.txt:1"]);
    dir.run(&[
        "search",
        "what holds a kite up",
        "-k",
        "1",
        "--rerank",
        "none",
    ])
    .assert_exit(0, &["z-good.html:1"]);
    (dir, result)
}

/// A PDF file of these objects; the first one is the catalog.
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

/// A PDF stream object.
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

/// A zlib stream of `bytes`, `times` over. Blocks that refer to nothing before them are repeated, so
/// that the time to make a bomb does not grow with what it expands to.
fn deflate(bytes: &[u8], times: u64) -> Vec<u8> {
    let mut block = Vec::with_capacity(bytes.len() + 1024);
    flate2::Compress::new(flate2::Compression::best(), false)
        .compress_vec(bytes, &mut block, flate2::FlushCompress::Full)
        .unwrap();
    // The Adler-32 of all repetitions, which follows from that of one: the first sum grows by the
    // same amount each time, and the second by that of one and the first sum for each byte.
    let (mut sum, mut sums) = (0, 0);
    for &byte in bytes {
        sum = (sum + u64::from(byte)) % ADLER;
        sums = (sums + sum) % ADLER;
    }
    let length = bytes.len() as u64 % ADLER;
    let (mut low, mut high) = (1, 0);
    for _ in 0..times {
        high = (high + sums + length * low) % ADLER;
        low = (low + sum) % ADLER;
    }
    let checksum = (high << 16 | low) as u32;
    let last = [3, 0];
    [
        &[0x78, 0xda][..],
        &block.repeat(times as usize),
        &last,
        &checksum.to_be_bytes(),
    ]
    .concat()
}

/// The modulus of Adler-32.
const ADLER: u64 = 65521;

#[test]
fn repeated_zlib_streams_are_valid() {
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(
        &mut flate2::read::ZlibDecoder::new(&deflate(b"the sea ", 3)[..]),
        &mut bytes,
    )
    .unwrap();
    assert_eq!(bytes, b"the sea the sea the sea ");
}

const CATALOG: &[u8] = b"<< /Type /Catalog /Pages 2 0 R >>";
const PAGES: &[u8] = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>";

#[test]
fn index_skips_a_pdf_decompression_bomb() {
    // Eight gigabytes.
    let spaces = deflate(&vec![b' '; 1 << 20], 1 << 13);
    let bomb = stream("[/FlateDecode /FlateDecode]", &deflate(&spaces, 1));
    let page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R >>";
    let file = pdf(&[CATALOG.to_vec(), PAGES.to_vec(), page.to_vec(), bomb]);
    assert!(file.len() < 1 << 20);
    let (_, result) = index_with_valid_files("bomb.pdf", file);
    result.assert_exit(1, &["bomb.pdf", "1 skipped"]);
}

#[test]
fn index_skips_pdfs_with_reference_cycles() {
    // Reading each of them ends, with an error that says that there is no text.
    let cycles: [(&str, &str, Vec<Vec<u8>>); 4] = [
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
    for (name, problem, objects) in cycles {
        let file = format!("{name}.pdf");
        let (_, result) = index_with_valid_files(&file, pdf(&objects));
        result.assert_exit(1, &[&file, problem, "1 skipped"]);
    }
}

#[test]
fn index_reads_deeply_nested_html() {
    let nested =
        |open: &str, times: usize| format!("<html><body><p>The sea.</p>{}deep", open.repeat(times));
    // Deep enough to overflow the stack of a parser that recurses.
    for (name, html) in [
        ("div.html", nested("<div>", 200_000)),
        ("span.html", nested("<span><b>", 100_000)),
        ("table.html", nested("<table><tr><td>", 50_000)),
    ] {
        let (dir, result) =
            index_with_valid_files_and_options(name, html, &["--max-article-seconds", "60"]);
        result.assert_exit(0, &["3 articles"]);
        dir.run(&["search", "deep", "--mode", "lexical"])
            .assert_exit(0, &[&format!("{name}:1"), "deep"]);
    }
}

#[test]
fn index_reads_deeply_nested_json_yaml_and_markdown() {
    let deep = |open: &str, close: &str, times: usize| open.repeat(times) + &close.repeat(times);
    let json = format!(
        "{{\"_id\": \"a\", \"text\": \"The sea\", \"more\": {}}}\n",
        deep("[", "]", 100_000)
    );
    // Metadata nested this deeply is stored as text.
    index_with_valid_files("deep.jsonl", json)
        .1
        .assert_exit(0, &["3 articles"]);
    let yaml = format!(
        "---\na: {}\n---\n# T\n\nThe sea.\n",
        deep("[", "]", 200_000)
    );
    index_with_valid_files("deep.md", yaml)
        .1
        .assert_exit(0, &["deep.md:2: front matter", "3 articles"]);
    // The "billion laughs" attack: nested YAML aliases.
    let mut aliases = "---\na0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let _ = writeln!(
            aliases,
            "a{level}: &a{level} [{}]",
            vec![format!("*a{}", level - 1); 9].join(", ")
        );
    }
    aliases += "---\n# T\n\nThe sea.\n";
    index_with_valid_files("laughs.md", aliases)
        .1
        .assert_exit(0, &["3 articles"]);
    let quotes = format!("# T\n\nThe sea.\n\n{} deep\n", ">".repeat(200_000));
    index_with_valid_files("quotes.md", quotes)
        .1
        .assert_exit(0, &["3 articles"]);
    let links = format!("# T\n\nThe sea.\n\n{}\n", "[".repeat(200_000));
    index_with_valid_files("links.md", links)
        .1
        .assert_exit(0, &["3 articles"]);
}

#[test]
fn index_handles_texts_of_one_huge_word_or_no_words() {
    let accents = format!("a{}", "\u{301}".repeat(500_000));
    index_with_valid_files("accents.txt", accents)
        .1
        .assert_exit(0, &["3 articles"]);
    index_with_valid_files("lines.txt", "\n".repeat(3_000_000))
        .1
        .assert_exit(1, &["lines.txt", "no text"]);
    index_with_valid_files("dots.txt", ". ".repeat(200_000))
        .1
        .assert_exit(0, &["3 articles"]);
}

#[test]
fn index_handles_oversized_csv_and_json_records() {
    let names: String = (0..100_000).map(|at| format!(",c{at}")).collect();
    let values = ",v".repeat(100_000);
    index_with_valid_files("wide.csv", format!("text{names}\nThe sea{values}\n"))
        .1
        .assert_exit(0, &["3 articles"]);
    // An unclosed quotation mark costs only the record that it is in.
    let quoted = format!("text,b\n\"never closed {}", "some sea,y\n".repeat(1000));
    let result =
        index_with_valid_files_and_options("quoted.csv", quoted, &["--max-article-bytes", "5000"])
            .1;
    result.assert_exit(
        1,
        &[
            "quoted.csv:2: a quotation mark opens",
            "1,001 articles",
            "1 skipped",
        ],
    );
    let endless = format!("text\n{}\nThe sea\n", "x".repeat(40_000_000));
    index_with_valid_files("endless.csv", endless)
        .1
        .assert_exit(
            1,
            &["endless.csv:2: 40000000 bytes", "3 articles", "1 skipped"],
        );
    let fields: String = (0..100_000).map(|at| format!(", \"k{at}\": 1")).collect();
    let record = format!("{{\"_id\": \"a\", \"text\": \"The sea\"{fields}}}\n");
    index_with_valid_files("fields.jsonl", record)
        .1
        .assert_exit(0, &["3 articles"]);
}

#[cfg(unix)]
#[test]
fn collection_in_a_folder_that_is_not_utf_8_is_indexed_searched_and_served() {
    use std::os::unix::ffi::OsStrExt;
    let dir = TestDir::new();
    dir.put("good.txt", GOOD);
    let folder = std::ffi::OsStr::from_bytes(b"b\xfccher");
    let command = |args: &[&str]| {
        let mut command = dir.command(args);
        command.arg("-c").arg(folder);
        command
    };
    let run = |args: &[&str]| CliOutput::from(command(args).output().unwrap());
    run(&["index", "good.txt", "--model", "static"]).assert_exit(0, &["1 article"]);
    assert!(dir.path("").join(folder).is_dir());
    run(&["search", "the moon"]).assert_exit(0, &["good.txt:1"]);
    run(&["check"]).assert_exit(0, &[]);
    let server = Server::spawn(command(&["serve", "--listen", "127.0.0.1:0"]), None);
    let answer = server.get("/v1/collections/b-cher/search?q=moon");
    answer.assert_status(200, &["good.txt"]);
}

#[cfg(unix)]
#[test]
fn index_skips_symlink_loops_and_handles_odd_file_names() {
    use std::os::unix::ffi::OsStrExt;
    let dir = TestDir::new();
    dir.put("docs/good.txt", GOOD);
    for name in [
        &b"new\nline.txt"[..],
        b"not \xff UTF-8.txt",
        b"-rf.txt",
        b"\x1b[31mred.txt",
        "snow ☃.txt".as_bytes(),
    ] {
        std::fs::write(
            dir.path("docs").join(std::ffi::OsStr::from_bytes(name)),
            GOOD,
        )
        .unwrap();
    }
    std::os::unix::fs::symlink("..", dir.path("docs/up")).unwrap();
    std::os::unix::fs::symlink("loop", dir.path("docs/loop")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", dir.path("docs/passwd.txt")).unwrap();
    assert!(
        std::process::Command::new("mkfifo")
            .arg(dir.path("docs/pipe.txt"))
            .status()
            .unwrap()
            .success()
    );
    let report = dir.json(0, &["index", "docs", "--model", "static"]);
    // The link to a file is followed, the links that form cycles are not.
    assert_eq!(
        (&report["articles"], &report["left_out"]),
        (&7.into(), &3.into()),
        "{report}"
    );
    let found = dir.run(&["search", "the moon", "--rerank", "none", "--copies"]);
    assert!(
        !found.stdout.contains('\u{1b}'),
        "escape sequences in file names must not reach the terminal: {:?}",
        found.stdout
    );
    dir.assert_sound(7);
    assert_eq!(
        dir.json(0, &["index", "docs", "--model", "static"])["unchanged"],
        7
    );
    // A path with `.` and `..` is normalised, so the article keeps its id.
    let report = dir.json(
        0,
        &["index", "docs/../docs/./good.txt", "--model", "static"],
    );
    assert_eq!(report["unchanged"], 1, "{report}");
    dir.run(&["index", "docs/loop"])
        .assert_exit(2, &["docs/loop"]);
    dir.run(&["index", "docs/pipe.txt"])
        .assert_exit(2, &["nothing to index"]);
}

#[test]
#[ignore = "needs two minutes and 4 GB of disk: cargo test --test e2e hostile -- --ignored"]
fn index_handles_a_million_tiny_files() {
    let dir = TestDir::new();
    for number in 0..1_000_000 {
        let folder = dir.path(&format!("docs/{:03}", number / 1000));
        if number % 1000 == 0 {
            std::fs::create_dir_all(&folder).unwrap();
        }
        std::fs::write(
            folder.join(format!("{number}.txt")),
            format!("Note {number}\n"),
        )
        .unwrap();
    }
    let report = dir.json(0, &["index", "docs", "--model", "static"]);
    assert_eq!(
        (&report["articles"], &report["failures"]),
        (&1_000_000.into(), &0.into()),
        "{report}"
    );
    dir.assert_sound(1_000_000);
}

#[cfg(feature = "parquet")]
#[test]
fn index_skips_a_parquet_file_that_exceeds_the_memory_limit() {
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
    // A single data page, which must be decompressed at once.
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
    let (_, result) =
        index_with_valid_files_and_options("bomb.parquet", file, &["--memory", "256MB"]);
    result.assert_exit(
        1,
        &[
            "bomb.parquet: the process that read it died: it needs more than 61 MB",
            "1 skipped",
        ],
    );
}
