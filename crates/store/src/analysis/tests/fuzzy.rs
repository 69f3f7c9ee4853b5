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
fn a_slip_is_found_and_told() {
    let (found, corrections) = collection().ask("photosythesis of plants");
    assert_eq!(found, ["photosynthesis"]);
    assert_eq!((corrections[0].word.as_str(), corrections[0].used.as_str()), ("photosythesis", "photosynthesis"));
    let (found, corrections) = collection().ask("errosions");
    assert_eq!((found.len(), corrections[0].used.as_str()), (1, "erosions"));
    assert_eq!(collection().ask("Photosythesis of plants").0, ["photosynthesis"]);
}

#[test]
fn names_numbers_and_short_words_are_not_replaced() {
    for asked in [
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
        let (found, corrections) = collection().ask(asked);
        let told = corrections.iter().all(|c| c.word.starts_with(char::is_lowercase));
        assert!(
            told && (found.is_empty() || !corrections.is_empty() || asked.contains("lake")),
            "{asked}: {found:?} {corrections:?}"
        );
    }
}

#[test]
fn a_word_that_a_passage_holds_is_never_replaced() {
    let collection = Collection::new(English, &[("a", "adsorption of gas"), ("b", "absorption of light")]);
    let (found, corrections) = collection.ask("adsorption");
    assert_eq!((found, corrections), (vec!["a".to_owned()], vec![]));
}

#[test]
fn a_german_noun_may_be_misspelt() {
    let collection = Collection::new(German, &[("a", "Die Wettervorhersage ist gut.")]);
    assert_eq!(collection.ask("Wettervorhersge").1[0].found_as, "wettervorhersage");
}
