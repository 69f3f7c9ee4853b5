//! How much the wording of a question matters: groups of wordings of one need.

use crate::run::Run;
use crate::table::mean;
use crate::{Judged, Query, Table};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The weight that rank-biased overlap gives to going one rank further down.
const PERSISTENCE: f64 = 0.9;

/// The wordings of one need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The name that the wordings share.
    pub id: String,
    /// The wordings: query id and text. The first one stands for the group.
    pub wordings: Vec<(String, String)>,
}

/// The groups of at least two judged wordings, in the order in which they begin.
pub fn groups(queries: &[Query], judged: &Judged) -> Vec<Group> {
    let answerable: HashSet<&str> = judged.answerable().map(|(query, _)| query).collect();
    let (mut groups, mut places) = (Vec::<Group>::new(), HashMap::new());
    for query in queries.iter().filter(|query| answerable.contains(query.id.as_str())) {
        let id = query.group.as_ref().unwrap_or(&query.id);
        let at = *places.entry(id.clone()).or_insert_with(|| {
            groups.push(Group { id: id.clone(), wordings: Vec::new() });
            groups.len() - 1
        });
        groups[at].wordings.push((query.id.clone(), query.text.clone()));
    }
    groups.retain(|group| group.wordings.len() > 1);
    groups
}

/// How one system does on one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupValue {
    /// The system.
    pub system: String,
    /// The group.
    pub id: String,
    /// Its first wording.
    pub question: String,
    /// How many wordings.
    pub wordings: usize,
    /// The mean of the metric over them.
    pub mean: f64,
    /// The lowest.
    pub worst: f64,
    /// The highest.
    pub best: f64,
    /// The highest less the lowest.
    pub spread: f64,
    /// The mean rank-biased overlap of the rankings of every two wordings, 0..=1.
    pub agreement: f64,
}

/// How one system does on all groups: the means of theirs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The system.
    pub system: String,
    /// How many groups.
    pub groups: usize,
    /// How many wordings in all.
    pub wordings: usize,
    /// Mean of the groups' means.
    pub mean: f64,
    /// Mean of the groups' worst.
    pub worst: f64,
    /// Mean of the groups' spreads.
    pub spread: f64,
    /// Mean of the groups' agreements.
    pub agreement: f64,
}

/// A wording that fails: nothing relevant is among the first results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    /// The system.
    pub system: String,
    /// The group.
    pub group: String,
    /// The group's first wording.
    pub question: String,
    /// The failing one's id.
    pub query: String,
    /// The failing one.
    pub text: String,
}

/// The values of every group under one system. `metric` is the row of the table that is looked at,
/// `depth` how far down rankings are compared.
pub fn values(
    groups: &[Group],
    judged: &Judged,
    table: &Table,
    run: &Run,
    metric: usize,
    depth: usize,
) -> Vec<GroupValue> {
    let columns: BTreeMap<&str, usize> = judged.answerable().zip(0..).map(|((query, _), at)| (query, at)).collect();
    let of = |group: &Group| {
        let ids = || group.wordings.iter().map(|(id, _)| id.as_str());
        let values: Vec<f64> =
            ids().filter_map(|id| columns.get(id)).map(|column| table.values[metric][*column]).collect();
        let rankings: Vec<Vec<&str>> =
            ids().map(|id| run.ranking(id).take(depth).map(|found| found.id).collect()).collect();
        let mut overlaps = Vec::new();
        for (at, a) in rankings.iter().enumerate() {
            overlaps.extend(rankings[at + 1..].iter().map(|b| rank_biased_overlap(a, b)));
        }
        let (worst, best) = (values.iter().copied().fold(1.0, f64::min), values.iter().copied().fold(0.0, f64::max));
        GroupValue {
            system: table.system.clone(),
            id: group.id.clone(),
            question: group.wordings.first().map(|(_, text)| text.clone()).unwrap_or_default(),
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

/// The means over all groups of one system.
pub fn summary(values: &[GroupValue]) -> Option<Summary> {
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

/// The wordings for which a system has nothing relevant among the first `depth`.
pub fn failing(groups: &[Group], judged: &Judged, run: &Run, depth: usize) -> Vec<Failing> {
    let mut failing = Vec::new();
    for group in groups {
        for (id, text) in &group.wordings {
            let Some(topic) = judged.topics.get(id) else { continue };
            let found = topic.grades(run, id).into_iter().take(depth).flatten().any(|grade| grade >= 1);
            if !found {
                failing.push(Failing {
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

/// The extrapolated rank-biased overlap of two rankings, 0 for none in common
/// to 1 for the same ones in the same order (Webber, Moffat and Zobel, *A Similarity Measure for
/// Indefinite Rankings*, 2010, equation 23; p = 0.9).
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
        weight *= PERSISTENCE;
        sum += weight * agreement;
    }
    agreement * weight + (1.0 - PERSISTENCE) / PERSISTENCE * sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judgement::{Judgement, Target};
    use crate::run::Scored;
    use proptest::prelude::*;

    fn overlap(a: &[u8], b: &[u8]) -> f64 {
        let names: Vec<String> = (0..=u8::MAX).map(|id| id.to_string()).collect();
        let of = |ids: &[u8]| ids.iter().map(|id| names[usize::from(*id)].as_str()).collect::<Vec<_>>();
        rank_biased_overlap(&of(a), &of(b))
    }

    fn ranking(ids: &[u8]) -> Vec<Scored> {
        ids.iter().zip(0u8..).map(|(id, at)| Scored { id: id.to_string(), score: -f32::from(at) }).collect()
    }

    #[test]
    fn overlap_of_known_rankings() {
        let of = overlap;
        assert!((of(&[1, 2, 3], &[1, 2, 3]) - 1.0).abs() < 1e-12);
        assert_eq!(of(&[1, 2], &[3, 4]), 0.0);
        // Agreements 0, 1, 2/3: 2/3 p³ + (1-p)/p (p² + 2/3 p³).
        let (p, third) = (0.9f64, 2.0 / 3.0);
        let expected = third * p.powi(3) + (1.0 - p) / p * (p.powi(2) + third * p.powi(3));
        assert!((of(&[1, 2, 3], &[2, 1, 4]) - expected).abs() < 1e-12);
        assert!(of(&[1, 2, 3], &[1, 3, 2]) > of(&[1, 2, 3], &[3, 2, 1]), "the top counts most");
        assert_eq!(of(&[], &[]), 0.0);
    }

    proptest! {
        #[test]
        fn overlap_is_symmetric_and_in_range(a in prop::collection::hash_set(0u8..20, 0..12), b in prop::collection::hash_set(0u8..20, 0..12)) {
            let (a, b): (Vec<u8>, Vec<u8>) = (a.into_iter().collect(), b.into_iter().collect());
            prop_assert!((0.0..=1.0 + 1e-12).contains(&overlap(&a, &b)));
            prop_assert!((overlap(&a, &b) - overlap(&b, &a)).abs() < 1e-12);
        }
    }

    #[test]
    fn wordings_take_the_judgements_of_their_group() {
        let judgement =
            Judgement { query: "g".into(), target: Target::Article("1".into()), grade: 1, place: String::new() };
        let mut judged = Judged::new(&[judgement], None, None).unwrap();
        let wording = |id: &str, group: Option<&str>| Query { group: group.map(str::to_owned), ..Query::new(id, id) };
        let queries =
            [wording("g", None), wording("p1", Some("g")), wording("p2", Some("g")), wording("x", Some("other"))];
        judged.share(&queries);
        // A group may have a name of its own.
        let own = [wording("g", Some("name")), wording("y", Some("name"))];
        judged.share(&own);
        assert_eq!(judged.topics["y"], judged.topics["g"]);
        judged.topics.remove("y");
        let groups = groups(&queries, &judged);
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].wordings.len(), 3);
        let mut run = Run::new("s");
        run.set("g", ranking(&[1, 2]));
        run.set("p1", ranking(&[2, 1]));
        run.set("p2", ranking(&[3, 4]));
        let table = Table::new(&judged, &run, &["MRR@10".parse().unwrap()]);
        let values = values(&groups, &judged, &table, &run, 0, 10);
        assert_eq!((values[0].worst, values[0].best, values[0].mean), (0.0, 1.0, 0.5));
        assert_eq!(summary(&values).unwrap().wordings, 3);
        let failing = failing(&groups, &judged, &run, 10);
        assert_eq!(failing.iter().map(|f| f.query.as_str()).collect::<Vec<_>>(), ["p2"]);
    }
}
