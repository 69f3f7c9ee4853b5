use crate::Language;
use crate::analysis::detect::Detector;

fn detected(texts: &[&str]) -> Option<Language> {
    Detector::default().detect(texts.iter().copied()).language
}

#[test]
fn detects_the_language_of_sentences() {
    for (text, language) in [
        (
            "The tides follow the moon, and twice a day the water is high in the harbour where we have our boat.",
            Language::English,
        ),
        (
            "Die Gezeiten folgen dem Mond, und zweimal am Tag steht das Wasser hoch in dem Hafen, wo wir unser Boot haben.",
            Language::German,
        ),
        (
            "Les marées suivent la lune, et deux fois par jour l'eau est haute dans le port où nous avons notre bateau.",
            Language::French,
        ),
        (
            "Las mareas siguen a la luna, y dos veces al día el agua está alta en el puerto donde tenemos nuestro barco.",
            Language::Spanish,
        ),
        (
            "Приливы следуют за луной, и дважды в день вода стоит высоко в гавани, где у нас есть своя лодка и не одна.",
            Language::Russian,
        ),
        (
            "Οι παλίρροιες ακολουθούν το φεγγάρι και δύο φορές την ημέρα το νερό είναι ψηλά στο λιμάνι μας.",
            Language::Greek,
        ),
        (
            "يتبع المد والجزر القمر ومرتين في اليوم يكون الماء مرتفعا في الميناء حيث يوجد قاربنا القديم",
            Language::Arabic,
        ),
    ] {
        assert_eq!(detected(&[text]), Some(language), "{text}");
    }
}

#[test]
fn detects_nothing_in_short_or_mixed_text() {
    for texts in [
        &[
            "Invoice 2024-113",
            "Install Python 3.12 on Ubuntu",
            "Invoice 2024-114, ten man days",
            "Invoice 2024-117, under repair",
            "Invoice 2024-118",
        ][..],
        &["Oak. Elm. Yew."],
        &["Harbour note r1 about cranes."],
        &["Dentist appointment on Tuesday at nine."],
        &["fn main() { let a = 1; }", "Kant, Hegel, Marx: an index."],
        &[
            "Die casting, die sinking.",
            "War in spring?",
            "Also: art in Berlin.",
            "Bald man, Alderney.",
        ],
        &[],
        &["潮汐は月に従い、一日に二度、水位が高くなります。"],
        &["این یک متن فارسی است که در آن هیچ واژه‌ی عربی گفته نمی‌شود و برای آزمایش است"],
    ] {
        assert!(
            matches!(detected(texts), None | Some(Language::English)),
            "{texts:?} {:?}",
            detected(texts)
        );
    }
}
