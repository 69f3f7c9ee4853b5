//! The rules for the articles and paraphrases in data/.

use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::path::Path;

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

fn assert_data_set_rules(articles: &[std::path::PathBuf], all: &[Paraphrase], at_least: usize) {
    let mut texts = HashSet::new();
    for path in articles {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (summary, questions, answers) = parse_article(path);
        assert_eq!((questions.len(), answers.len()), (8, 8), "{name}");
        assert!(questions.iter().all(|q| q.ends_with('?')), "{name}");
        assert!(
            !summary.ends_with('?') && !answers.iter().any(|a| a.ends_with('?')),
            "{name}"
        );
        let mut of: HashMap<&str, usize> = HashMap::new();
        for paraphrase in all.iter().filter(|p| p.article == name) {
            assert!(
                questions.contains(&paraphrase.question),
                "{name}: {}",
                paraphrase.question
            );
            assert!(
                texts.insert(paraphrase.text.to_lowercase()),
                "duplicate paraphrase: {}",
                paraphrase.text
            );
            let (reworded, original) = (
                content_stems(&paraphrase.text),
                content_stems(&paraphrase.question),
            );
            let shared: Vec<_> = reworded.intersection(&original).collect();
            assert!(
                shared.len() <= 2,
                "{} shares {shared:?} with its question",
                paraphrase.id
            );
            *of.entry(&paraphrase.question).or_default() += 1;
        }
        for question in &questions {
            let count = of.get(question.as_str()).copied().unwrap_or_default();
            assert!(
                count >= at_least,
                "{name}: {count} paraphrases of {question}"
            );
        }
    }
    let ids: HashSet<&str> = all.iter().map(|p| p.id.as_str()).collect();
    assert_eq!(ids.len(), all.len(), "duplicate ids");
}

#[test]
fn provided_article_has_five_paraphrases_per_question() {
    let data = crate::common::data();
    assert_data_set_rules(
        &[data.join("provided-article.txt")],
        &paraphrases(&data.join("paraphrases.jsonl")),
        5,
    );
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
    assert_data_set_rules(
        &articles,
        &paraphrases(&folder.join("paraphrases.jsonl")),
        2,
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
