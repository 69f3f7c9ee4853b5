//! The rules for the articles and paraphrases in data/.

use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct Paraphrase {
    #[serde(rename = "_id")]
    id: String,
    text: String,
    article: String,
    question: String,
}

/// Parses an article into its summary, questions and answers.
fn parse_article(path: &Path) -> (String, Vec<String>, Vec<String>) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(str::to_owned);
    let summary = lines.next().unwrap();
    let rest: Vec<String> = lines.collect();
    let every = |from: usize| rest.iter().skip(from).step_by(2).cloned().collect();
    (summary, every(0), every(1))
}

fn paraphrases(path: &Path) -> Vec<Paraphrase> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Stop words, for the rule that a paraphrase shares few content words with its question.
const STOP_WORDS: &str = "a about after again all also am an and any are as at be because been before being between both but by \
    can could did do does doing done down during each few for from further get gets give given gives had has have having \
    he her here him his how i if in into is it its itself just let like made make makes many may me might more most much \
    must my no nor not now of off on once one only or other our out over own same she should so some such take taken takes \
    than that the their them then there these they thing things this those through to too two under until up upon us use \
    used uses using very was way ways we were what when where whether which while who whom whose why will with within \
    without would yes you your";

/// The stems of the content words.
fn content_stems(text: &str) -> HashSet<String> {
    let stop: HashSet<&str> = STOP_WORDS.split_whitespace().collect();
    let plain = text.to_lowercase().replace('’', "'").replace("'s", "");
    plain
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| word.len() > 1 && !stop.contains(word))
        .map(|word| {
            let endings = [
                "ation", "ment", "ity", "ing", "ies", "ied", "er", "ed", "es", "ly", "s", "e",
            ];
            let stem = endings
                .iter()
                .find_map(|end| word.strip_suffix(end).filter(|stem| stem.len() >= 3));
            stem.unwrap_or(word).to_owned()
        })
        .collect()
}

/// The rules that the articles and paraphrases break, one line each.
fn broken_rules(articles: &[PathBuf], all: &[Paraphrase], at_least: usize) -> Vec<String> {
    let mut broken = Vec::new();
    let mut texts = HashSet::new();
    for path in articles {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (summary, questions, answers) = parse_article(path);
        if (questions.len(), answers.len()) != (8, 8) {
            broken.push(format!(
                "{name}: {} questions and {} answers",
                questions.len(),
                answers.len()
            ));
        }
        if !questions.iter().all(|question| question.ends_with('?')) {
            broken.push(format!("{name}: a question without a question mark"));
        }
        if summary.ends_with('?') || answers.iter().any(|answer| answer.ends_with('?')) {
            broken.push(format!("{name}: a question in the place of an answer"));
        }
        let mut of: HashMap<&str, usize> = HashMap::new();
        for paraphrase in all.iter().filter(|p| p.article == name) {
            let id = &paraphrase.id;
            if !questions.contains(&paraphrase.question) {
                broken.push(format!("{id}: a paraphrase of no question of {name}"));
            }
            if !texts.insert(paraphrase.text.to_lowercase()) {
                broken.push(format!("{id}: a paraphrase that is there twice"));
            }
            let original = content_stems(&paraphrase.question);
            let reworded = content_stems(&paraphrase.text);
            if reworded.intersection(&original).count() > 2 {
                broken.push(format!("{id}: more than two words of its question"));
            }
            *of.entry(&paraphrase.question).or_default() += 1;
        }
        for question in &questions {
            let count = of.get(question.as_str()).copied().unwrap_or_default();
            if count < at_least {
                broken.push(format!("{name}: {count} paraphrases of {question}"));
            }
        }
    }
    let ids: HashSet<&str> = all.iter().map(|p| p.id.as_str()).collect();
    if ids.len() != all.len() {
        broken.push("an id that is there twice".to_owned());
    }
    broken
}

const NONE: [String; 0] = [];

#[test]
fn provided_article_has_five_paraphrases_per_question() {
    let data = crate::common::data();
    let paraphrases = paraphrases(&data.join("paraphrases.jsonl"));
    let article = [data.join("provided-article.txt")];
    assert_eq!(broken_rules(&article, &paraphrases, 5), NONE);
}

#[test]
fn sample_has_24_articles_and_two_paraphrases_per_question() {
    let folder = crate::common::data().join("sample");
    let mut articles: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    articles.retain(|path| path.extension().is_some_and(|e| e == "txt"));
    assert!(articles.len() >= 24, "{}", articles.len());
    let paraphrases = paraphrases(&folder.join("paraphrases.jsonl"));
    assert_eq!(broken_rules(&articles, &paraphrases, 2), NONE);
}

/// Each rule notices what breaks it; a check that accepts anything would say nothing of `data/`.
#[test]
fn data_set_rules_notice_every_kind_of_mistake() {
    let dir = crate::common::TestDir::new();
    let subjects = [
        "tides", "kites", "yeast", "comets", "ciphers", "glaciers", "beacons", "magnets",
    ];
    let question = |subject: &str| format!("What moves {subject} northward every winter?");
    let article = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = vec!["A summary.".to_owned()];
        for subject in subjects {
            lines.extend([question(subject), format!("{subject} are pushed by wind.")]);
        }
        change(&mut lines);
        dir.put("article.txt", lines.join("\n"))
    };
    let all = |change: &dyn Fn(&mut Vec<Paraphrase>)| {
        let reworded = |(at, subject): (usize, &&str)| Paraphrase {
            id: format!("p{at}"),
            text: format!("Tell me of the force behind {subject}"),
            article: "article.txt".to_owned(),
            question: question(subject),
        };
        let mut all: Vec<Paraphrase> = subjects.iter().enumerate().map(reworded).collect();
        change(&mut all);
        all
    };
    let assert_broken = |article: PathBuf, all: Vec<Paraphrase>, expected: &str| {
        let broken = broken_rules(&[article], &all, 1);
        assert!(
            broken.iter().any(|rule| rule.contains(expected)),
            "{expected:?} expected in {broken:?}"
        );
    };
    let (same, unchanged) = (|_: &mut Vec<String>| {}, |_: &mut Vec<Paraphrase>| {});
    assert_eq!(broken_rules(&[article(&same)], &all(&unchanged), 1), NONE);
    assert_broken(
        article(&|lines| lines.truncate(15)),
        all(&unchanged),
        "7 questions and 7 answers",
    );
    assert_broken(
        article(&|lines| lines[1] = "No question.".to_owned()),
        all(&unchanged),
        "without a question mark",
    );
    assert_broken(
        article(&|lines| lines[2] = "Why?".to_owned()),
        all(&unchanged),
        "in the place of an answer",
    );
    assert_broken(
        article(&same),
        all(&|all| all[0].question = "Who?".to_owned()),
        "p0: a paraphrase of no question",
    );
    assert_broken(
        article(&same),
        all(&|all| all[1].text = all[0].text.to_uppercase()),
        "p1: a paraphrase that is there twice",
    );
    assert_broken(
        article(&same),
        all(&|all| all[2].text = "Northward moving yeast".to_owned()),
        "p2: more than two words",
    );
    assert_broken(
        article(&same),
        all(&|all| _ = all.pop()),
        "0 paraphrases of What moves magnets",
    );
    assert_broken(
        article(&same),
        all(&|all| all[1].id = "p0".to_owned()),
        "an id that is there twice",
    );
}

#[test]
fn index_excludes_questions_of_qa_articles() {
    let dir = crate::common::TestDir::new();
    let data = crate::common::data();
    dir.ok(&["index", data.to_str().unwrap()]);
    let stats = dir.json(0, &["stats"]);
    assert_eq!(
        (stats["articles"].as_u64(), stats["questions"].as_u64()),
        (Some(25), Some(200))
    );
    // Searching for a question verbatim returns answers, not the question.
    let question = "Why did J.D. Vance criticize coverage of Witkoff's role?";
    let hits = dir.json(0, &["search", question, "--mode", "lexical", "-k", "50"]);
    for hit in hits["hits"].as_array().unwrap() {
        let text = hit["text"].as_str().unwrap();
        assert!(!text.ends_with('?') && !text.contains(question), "{text}");
    }
}
