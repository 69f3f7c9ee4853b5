//! Robustness to wording: compares results within groups of paraphrases.

use crate::run::Run;
use crate::table::mean;
use crate::{Qrels, Query, Table};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The persistence p of rank-biased overlap: the weight of a rank relative to the one above it.
const RBO_PERSISTENCE: f64 = 0.9;

/// A group of paraphrases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The group's name.
    pub id: String,
    /// Query id and text of each wording. The first one represents the group.
    pub wordings: Vec<(String, String)>,
}

/// The groups with at least two judged wordings, in the order of their first query.
pub fn groups(queries: &[Query], qrels: &Qrels) -> Vec<Group> {
    let answerable: HashSet<&str> = qrels.answerable().map(|(query, _)| query).collect();
    let (mut groups, mut places) = (Vec::<Group>::new(), HashMap::new());
    for query in queries
        .iter()
        .filter(|query| answerable.contains(query.id.as_str()))
    {
        let id = query.group.as_ref().unwrap_or(&query.id);
        let at = *places.entry(id.clone()).or_insert_with(|| {
            groups.push(Group {
                id: id.clone(),
                wordings: Vec::new(),
            });
            groups.len() - 1
        });
        groups[at]
            .wordings
            .push((query.id.clone(), query.text.clone()));
    }
    groups.retain(|group| group.wordings.len() > 1);
    groups
}

/// How a system does on one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupValue {
    /// The system's name.
    pub system: String,
    /// The group's name.
    pub id: String,
    /// The group's first wording.
    pub question: String,
    /// The number of wordings.
    pub wordings: usize,
    /// The mean of the metric over the wordings.
    pub mean: f64,
    /// The lowest value.
    pub worst: f64,
    /// The highest value.
    pub best: f64,
    /// `best` minus `worst`.
    pub spread: f64,
    /// The mean rank-biased overlap of the rankings of every pair of wordings, 0..=1.
    pub agreement: f64,
}

/// How a system does on all groups: means of the group values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The system's name.
    pub system: String,
    /// The number of groups.
    pub groups: usize,
    /// The number of wordings in all groups.
    pub wordings: usize,
    /// The mean of the groups' means.
    pub mean: f64,
    /// The mean of the groups' worst values.
    pub worst: f64,
    /// The mean of the groups' spreads.
    pub spread: f64,
    /// The mean of the groups' agreements.
    pub agreement: f64,
}

/// A wording with nothing relevant among the first results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailingWording {
    /// The system's name.
    pub system: String,
    /// The group's name.
    pub group: String,
    /// The group's first wording.
    pub question: String,
    /// The failing wording's query id.
    pub query: String,
    /// The failing wording's text.
    pub text: String,
}

/// The values of every group for one system, by the metric in row `metric` of the table. Rankings
/// are compared down to `depth`.
pub fn group_values(
    groups: &[Group],
    qrels: &Qrels,
    table: &Table,
    run: &Run,
    metric: usize,
    depth: usize,
) -> Vec<GroupValue> {
    let columns: BTreeMap<&str, usize> = qrels
        .answerable()
        .zip(0..)
        .map(|((query, _), at)| (query, at))
        .collect();
    let of = |group: &Group| {
        let ids = || group.wordings.iter().map(|(id, _)| id.as_str());
        let values: Vec<f64> = ids()
            .filter_map(|id| columns.get(id))
            .map(|column| table.values[metric][*column])
            .collect();
        let rankings: Vec<Vec<&str>> = ids()
            .map(|id| run.ranking(id).take(depth).map(|found| found.id).collect())
            .collect();
        let mut overlaps = Vec::new();
        for (at, a) in rankings.iter().enumerate() {
            overlaps.extend(rankings[at + 1..].iter().map(|b| rank_biased_overlap(a, b)));
        }
        let (worst, best) = (
            values.iter().copied().fold(1.0, f64::min),
            values.iter().copied().fold(0.0, f64::max),
        );
        GroupValue {
            system: table.system.clone(),
            id: group.id.clone(),
            question: group
                .wordings
                .first()
                .map(|(_, text)| text.clone())
                .unwrap_or_default(),
            wordings: values.len(),
            mean: mean(&values),
            worst,
            best,
            spread: best - worst,
            agreement: mean(&overlaps),
        }
    };
    groups.iter().map(of).collect()
}

/// Averages the values of one system's groups; `None` if there are no groups.
pub fn summarize(values: &[GroupValue]) -> Option<Summary> {
    let of = |value: fn(&GroupValue) -> f64| mean(&values.iter().map(value).collect::<Vec<_>>());
    values.first().map(|first| Summary {
        system: first.system.clone(),
        groups: values.len(),
        wordings: values.iter().map(|group| group.wordings).sum(),
        mean: of(|group| group.mean),
        worst: of(|group| group.worst),
        spread: of(|group| group.spread),
        agreement: of(|group| group.agreement),
    })
}

/// The wordings for which a system has nothing relevant in the first `depth` ranks.
pub fn failing_wordings(
    groups: &[Group],
    qrels: &Qrels,
    run: &Run,
    depth: usize,
) -> Vec<FailingWording> {
    let mut failing = Vec::new();
    for group in groups {
        for (id, text) in &group.wordings {
            let Some(topic) = qrels.topics.get(id) else {
                continue;
            };
            let found = topic
                .grades(run, id)
                .into_iter()
                .take(depth)
                .flatten()
                .any(|grade| grade >= 1);
            if !found {
                failing.push(FailingWording {
                    system: run.name.clone(),
                    group: group.id.clone(),
                    question: group.wordings[0].1.clone(),
                    query: id.clone(),
                    text: text.clone(),
                });
            }
        }
    }
    failing
}

/// Extrapolated rank-biased overlap of two rankings, from 0 (disjoint) to 1 (identical), with p =
/// 0.9 (Webber, Moffat and Zobel, *A Similarity Measure for Indefinite Rankings*, 2010, equation
/// 23).
pub fn rank_biased_overlap(a: &[&str], b: &[&str]) -> f64 {
    let depth = a.len().max(b.len());
    let (mut seen_a, mut seen_b) = (HashSet::new(), HashSet::new());
    let (mut common, mut sum, mut weight, mut agreement) = (0usize, 0.0, 1.0, 0.0);
    for at in 0..depth {
        let (x, y) = (a.get(at).copied(), b.get(at).copied());
        if x.is_some() && x == y {
            common += 1;
        } else {
            common += usize::from(x.is_some_and(|x| seen_b.contains(x)));
            common += usize::from(y.is_some_and(|y| seen_a.contains(y)));
        }
        seen_a.extend(x);
        seen_b.extend(y);
        agreement = common as f64 / (at + 1) as f64;
        weight *= RBO_PERSISTENCE;
        sum += weight * agreement;
    }
    agreement * weight + (1.0 - RBO_PERSISTENCE) / RBO_PERSISTENCE * sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judgement::{Judgement, Target};
    use crate::run::Scored;
    use proptest::prelude::*;

    fn overlap(a: &[u8], b: &[u8]) -> f64 {
        let names: Vec<String> = (0..=u8::MAX).map(|id| id.to_string()).collect();
        let of = |ids: &[u8]| {
            ids.iter()
                .map(|id| names[usize::from(*id)].as_str())
                .collect::<Vec<_>>()
        };
        rank_biased_overlap(&of(a), &of(b))
    }

    fn ranking(ids: &[u8]) -> Vec<Scored> {
        ids.iter()
            .zip(0u8..)
            .map(|(id, at)| Scored {
                id: id.to_string(),
                score: -f32::from(at),
            })
            .collect()
    }

    #[test]
    fn rank_biased_overlap_of_known_rankings() {
        let of = overlap;
        assert!((of(&[1, 2, 3], &[1, 2, 3]) - 1.0).abs() < 1e-12);
        assert_eq!(of(&[1, 2], &[3, 4]), 0.0);
        // Agreements 0, 1, 2/3: 2/3 p³ + (1-p)/p (p² + 2/3 p³).
        let (p, third) = (0.9f64, 2.0 / 3.0);
        let expected = third * p.powi(3) + (1.0 - p) / p * (p.powi(2) + third * p.powi(3));
        assert!((of(&[1, 2, 3], &[2, 1, 4]) - expected).abs() < 1e-12);
        assert!(
            of(&[1, 2, 3], &[1, 3, 2]) > of(&[1, 2, 3], &[3, 2, 1]),
            "the top counts most"
        );
        assert_eq!(of(&[], &[]), 0.0);
    }

    proptest! {
        #[test]
        fn rank_biased_overlap_is_symmetric_and_in_range(a in prop::collection::hash_set(0u8..20, 0..12), b in prop::collection::hash_set(0u8..20, 0..12)) {
            let (a, b): (Vec<u8>, Vec<u8>) = (a.into_iter().collect(), b.into_iter().collect());
            prop_assert!((0.0..=1.0 + 1e-12).contains(&overlap(&a, &b)));
            prop_assert!((overlap(&a, &b) - overlap(&b, &a)).abs() < 1e-12);
        }
    }

    #[test]
    fn wordings_share_the_judgements_of_their_group() {
        let judgement = Judgement {
            query: "g".into(),
            target: Target::Article("1".into()),
            grade: 1,
            source: String::new(),
        };
        let mut qrels = Qrels::new(&[judgement], None, None).unwrap();
        let wording = |id: &str, group: Option<&str>| Query {
            group: group.map(str::to_owned),
            ..Query::new(id, id)
        };
        let queries = [
            wording("g", None),
            wording("p1", Some("g")),
            wording("p2", Some("g")),
            wording("x", Some("other")),
        ];
        qrels.share_within_groups(&queries);
        // A group may have a name that is no query's id.
        let own = [wording("g", Some("name")), wording("y", Some("name"))];
        qrels.share_within_groups(&own);
        assert_eq!(qrels.topics["y"], qrels.topics["g"]);
        qrels.topics.remove("y");
        let groups = groups(&queries, &qrels);
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].wordings.len(), 3);
        let mut run = Run::new("s");
        run.set("g", ranking(&[1, 2]));
        run.set("p1", ranking(&[2, 1]));
        run.set("p2", ranking(&[3, 4]));
        let table = Table::new(&qrels, &run, &["MRR@10".parse().unwrap()]);
        let values = group_values(&groups, &qrels, &table, &run, 0, 10);
        assert_eq!(
            (values[0].worst, values[0].best, values[0].mean),
            (0.0, 1.0, 0.5)
        );
        assert_eq!(summarize(&values).unwrap().wordings, 3);
        let failing = failing_wordings(&groups, &qrels, &run, 10);
        assert_eq!(
            failing.iter().map(|f| f.query.as_str()).collect::<Vec<_>>(),
            ["p2"]
        );
    }
}
