use super::*;
use crate::run::Run;

#[test]
fn rank_before_ties_is_that_of_the_first_place_with_the_score() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("qrels.txt");
    std::fs::write(&path, "q 0 b 1\nq 0 e 1\nq 0 x 1\n").unwrap();
    let judgements = crate::judgement::read(&[path]).unwrap();
    let judged = Qrels::new(&judgements, None, None).unwrap();
    let topic = &judged.topics["q"];
    let ranking = [("f", 3.0), ("d", 2.0), ("c", 2.0), ("b", 2.0), ("e", 1.0)];
    let ranks: Vec<_> = (0..3)
        .map(|need| topic.rank_before_ties(need, &ranking))
        .collect();
    assert_eq!(ranks, [Some(2), Some(5), None]);
}

/// Articles whose passages are their sentences.
struct Sentences(Vec<(&'static str, &'static str)>);

impl Corpus for Sentences {
    fn article(&self, id: &str) -> Result<Option<CorpusArticle>> {
        Ok(self
            .0
            .iter()
            .find(|(known, _)| *known == id)
            .map(|(_, text)| {
                let mut at = 0;
                let passages = text
                    .split_inclusive('.')
                    .map(|sentence| {
                        let span = ByteSpan::new(at, at + sentence.len());
                        at = span.end;
                        span.trimmed(text)
                    })
                    .collect();
                CorpusArticle {
                    text: (*text).to_owned(),
                    passages,
                }
            }))
    }

    fn ids(&self) -> Result<Vec<String>> {
        Ok(self.0.iter().map(|(id, _)| (*id).to_owned()).collect())
    }
}

fn corpus() -> Sentences {
    Sentences(vec![
        (
            "tides",
            "The Moon pulls. The Sea rises twice a day. Élan is not here.",
        ),
        ("moon", "The moon is near. It is grey."),
    ])
}

fn judgement(query: &str, target: Target) -> Judgement {
    Judgement {
        query: query.into(),
        target,
        grade: 1,
        source: "q:1".into(),
    }
}

fn answer(query: &str, article: Option<&str>, wordings: &[&str]) -> Judgement {
    let wordings = wordings.iter().map(|w| (*w).to_owned()).collect();
    judgement(
        query,
        Target::Answer {
            article: article.map(str::to_owned),
            wordings,
        },
    )
}

fn judged(judgements: &[Judgement]) -> Qrels {
    Qrels::new(judgements, Some(&corpus()), None).unwrap()
}

fn grades(topic: &Topic, ids: &[&str]) -> Vec<Option<i32>> {
    let mut run = Run::new("");
    let scored = ids.iter().zip(0u8..).map(|(id, at)| crate::run::Scored {
        id: (*id).into(),
        score: -f32::from(at),
    });
    run.set("q", scored.collect());
    topic.grades(&run, "q")
}

#[test]
fn passage_covers_span_sharing_half_of_the_shorter() {
    let span = ByteSpan::new;
    assert!(covers(span(0, 100), span(90, 110)), "half of the answer");
    assert!(!covers(span(0, 100), span(91, 111)));
    assert!(
        covers(span(40, 60), span(0, 100)),
        "a passage inside a long answer"
    );
    assert!(!covers(span(0, 10), span(10, 20)) && !covers(span(5, 5), span(0, 10)));
}

#[test]
fn answers_are_searched_in_the_articles_named() {
    // Named article; named by another judgement; anywhere.
    let judgements = [
        answer("1", Some("tides"), &["rises TWICE"]),
        judgement("2", Target::Article("moon".into())),
        answer("2", None, &["the moon"]),
        answer("3", None, &["the moon"]),
    ];
    let judged = judged(&judgements);
    assert_eq!(judged.level, Level::Answer);
    let passages = |query: &str| -> Vec<String> {
        judged.topics[query]
            .needs
            .iter()
            .flat_map(|n| &n.locations)
            .flat_map(|p| p.passages.clone())
            .collect()
    };
    assert_eq!(passages("1"), ["tides#1"]);
    assert_eq!(passages("2"), ["moon#0"]);
    assert_eq!(passages("3"), ["moon#0", "tides#0"]);
    assert_eq!(
        judged.topics["3"].needs.len(),
        1,
        "any of the places will do"
    );
    assert!(judged.unknown_articles.is_empty() && judged.unresolved.is_empty());
}

#[test]
fn need_is_met_once_by_its_best_passage() {
    let article = |query: &str, id: &str| judgement(query, Target::Article(id.into()));
    // "tides" as a whole is met by any of its passages; each of the other answers is in one.
    let judgements = [
        article("1", "tides"),
        answer("2", Some("moon"), &["grey"]),
        answer("2", Some("moon"), &["near"]),
    ];
    let judged = judged(&judgements);
    let topic = &judged.topics["1"];
    let found = ["tides#2", "tides#0", "moon#0", "tides#1"];
    assert_eq!(
        grades(topic, &found),
        [Some(1), None],
        "later passages of a met need take no rank"
    );
    assert_eq!(topic.ranks(found.into_iter()), [Some(1)]);
    assert_eq!(topic.extra_depth(), 2);
    let topic = &judged.topics["2"];
    assert_eq!(
        topic.ranks(["tides#0", "moon#1", "moon#0"].into_iter()),
        [Some(2), Some(3)]
    );
    assert_eq!(topic.ideal, [1, 1]);
}

#[test]
fn judgement_order_does_not_matter() {
    let span = |start, end, grade| Judgement {
        grade,
        ..judgement(
            "1",
            Target::Span {
                article: "moon".into(),
                span: ByteSpan::new(start, end),
                content: None,
            },
        )
    };
    // Three spans of the first passage: not relevant, somewhat, very.
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let spans = [span(0, 3, 0), span(4, 8, 1), span(9, 16, 3)];
        let judged = judged(&order.map(|at| spans[at].clone()));
        let topic = &judged.topics["1"];
        assert_eq!(
            grades(topic, &["moon#0", "moon#1"]),
            [Some(3), Some(1), None],
            "{order:?}"
        );
    }
    let judged = judged(&[span(0, 3, 0)]);
    assert_eq!(grades(&judged.topics["1"], &["moon#0"]), [Some(0)]);
}

#[test]
fn answers_match_whole_words_only() {
    let judged = judged(&[
        answer("1", None, &["rise"]),
        answer("2", None, &["day."]),
        answer("3", None, &["é"]),
    ]);
    let locations = |query: &str| {
        judged.topics[query]
            .needs
            .iter()
            .flat_map(|need| &need.locations)
            .count()
    };
    assert_eq!((locations("1"), locations("2"), locations("3")), (0, 1, 0));
}

#[test]
fn unknown_articles_and_unresolved_answers_are_reported() {
    let span = |start, end, content: Option<&str>| {
        let (span, content) = (ByteSpan::new(start, end), content.map(str::to_owned));
        judgement(
            "1",
            Target::Span {
                article: "tides".into(),
                span,
                content,
            },
        )
    };
    let judgements = [
        judgement("1", Target::Article("mars".into())),
        answer("1", Some("venus"), &["x"]),
        answer("1", Some("moon"), &["green cheese"]),
        span(44, 9000, None),
        span(4, 8, Some("Sun")),
        span(4, 8, Some("Moon")),
    ];
    let judged = judged(&judgements);
    let unknown_articles: Vec<&str> = judged
        .unknown_articles
        .iter()
        .map(|(article, _)| article.as_str())
        .collect();
    assert_eq!(
        unknown_articles,
        ["venus"],
        "at the level of answers, an article beside answers says nothing"
    );
    assert_eq!(judged.unresolved.len(), 3, "{:?}", judged.unresolved);
    assert!(
        judged.unresolved[2].contains("found \"Moon\""),
        "{:?}",
        judged.unresolved
    );
    assert_eq!(
        judged.topics["1"].ideal.len(),
        4,
        "they count as relevant all the same"
    );
    assert_eq!(
        judged.topics["1"]
            .needs
            .iter()
            .filter(|need| need.is_covered())
            .count(),
        1
    );
}

#[test]
fn answers_need_a_corpus() {
    let plain = [judgement("1", Target::Article("x".into()))];
    let judged = Qrels::new(&plain, None, None).unwrap();
    assert_eq!(grades(&judged.topics["1"], &["y", "x"]), [None, Some(1)]);
    assert!(Qrels::new(&[answer("1", None, &["x"])], None, None).is_err());
}

#[test]
fn answers_can_be_judged_at_article_level() {
    let judgements = [
        answer("1", Some("moon"), &["grey"]),
        answer("1", Some("moon"), &["near"]),
    ];
    let judged = Qrels::new(&judgements, Some(&corpus()), Some(Level::Article)).unwrap();
    assert_eq!(
        judged.topics["1"].ranks(["tides", "moon"].into_iter()),
        [Some(2)]
    );
    // Any of the articles meets the need, as any of the passages would.
    let anywhere = [answer("1", None, &["the moon"])];
    let judged = Qrels::new(&anywhere, Some(&corpus()), Some(Level::Article)).unwrap();
    assert_eq!(judged.topics["1"].ideal, [1]);
    assert_eq!(
        judged.topics["1"].ranks(["moon", "tides"].into_iter()),
        [Some(1)]
    );
}
