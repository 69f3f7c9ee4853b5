use super::common::Collection;
use crate::Language::{English, German};

fn collection() -> Collection {
    Collection::new(
        English,
        &[
            ("norway", "Norway has fjords and stave churches."),
            ("austria", "Austria has lakes."),
            ("marta", "Marten keeps goats."),
            ("1999", "The mill burned in 1999."),
            ("b12", "B12 is a vitamin."),
            ("photosynthesis", "Photosynthesis turns light into sugar."),
            ("erosion", "Erosions of the coast."),
        ],
    )
}

#[test]
fn corrects_a_misspelled_word_and_reports_it() {
    let (found, corrections) = collection().search("photosythesis of plants");
    assert_eq!(found, ["photosynthesis"]);
    assert_eq!(
        (corrections[0].word.as_str(), corrections[0].used.as_str()),
        ("photosythesis", "photosynthesis")
    );
    let (found, corrections) = collection().search("errosions");
    assert_eq!((found.len(), corrections[0].used.as_str()), (1, "erosions"));
    assert_eq!(
        collection().search("Photosythesis of plants").0,
        ["photosynthesis"]
    );
}

#[test]
fn never_corrects_names_numbers_or_short_words() {
    for query in [
        "Norwey",
        "in Norwey",
        "Australia",
        "Martin",
        "2000",
        "B13",
        "1998",
        "lake Austrio",
        "mils",
        "NORWEY",
        "1999a",
        "Norwey fiords",
    ] {
        let (found, corrections) = collection().search(query);
        let names_kept = corrections
            .iter()
            .all(|c| c.word.starts_with(char::is_lowercase));
        assert!(
            names_kept && (found.is_empty() || !corrections.is_empty() || query.contains("lake")),
            "{query}: {found:?} {corrections:?}"
        );
    }
}

#[test]
fn never_corrects_an_indexed_word() {
    let collection = Collection::new(
        English,
        &[("a", "adsorption of gas"), ("b", "absorption of light")],
    );
    let (found, corrections) = collection.search("adsorption");
    assert_eq!((found, corrections), (vec!["a".to_owned()], vec![]));
}

#[test]
fn corrects_german_nouns() {
    let collection = Collection::new(German, &[("a", "Die Wettervorhersage ist gut.")]);
    assert_eq!(
        collection.search("Wettervorhersge").1[0].used,
        "wettervorhersage"
    );
}
