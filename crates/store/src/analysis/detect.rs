//! Language detection for articles and queries, which prefers no answer to a wrong one.
//!
//! Two signals have to agree: function words, and whatlang's letter trigrams. Lists, invoices and
//! names have hardly any function words, so no language is returned for them: the wrong stop words
//! and stems lose more than none at all.

use super::stop_words::StopWords;
use crate::Language;
use ingest::fold::chars::{Class, class};
use ingest::fold::fold_into;
use std::collections::{HashMap, HashSet};
use whatlang::Lang;

/// The result of language detection.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// The language; `None` if the texts are too short, too mixed, or in no supported language.
    pub language: Option<Language>,
    /// The share of function words of the most likely language, 0..=1.
    pub share: f64,
    /// The lowest ratio, over all other languages, of function words of this language only to
    /// those of the other only.
    pub margin: f64,
    /// The number of words.
    pub words: usize,
}

/// Texts with fewer words are not classified.
const MIN_WORDS: usize = 12;
/// The same for queries: one of that length is usually a sentence.
const MIN_QUERY_WORDS: usize = 8;
/// The minimum number of distinct function words.
const MIN_DISTINCT_FUNCTION_WORDS: usize = 4;
/// The minimum of [`Detection::share`].
const MIN_SHARE: f64 = 0.06;
/// The minimum of [`Detection::margin`].
const MIN_MARGIN: f64 = 2.0;
/// The bytes of each text that are examined.
const MAX_TEXT_BYTES: usize = 4000;

/// The languages that are detected by function words.
const BY_FUNCTION_WORDS: &[(Language, Lang)] = &[
    (Language::Danish, Lang::Dan),
    (Language::Dutch, Lang::Nld),
    (Language::English, Lang::Eng),
    (Language::Finnish, Lang::Fin),
    (Language::French, Lang::Fra),
    (Language::German, Lang::Deu),
    (Language::Hungarian, Lang::Hun),
    (Language::Italian, Lang::Ita),
    (Language::Norwegian, Lang::Nob),
    (Language::Portuguese, Lang::Por),
    (Language::Romanian, Lang::Ron),
    (Language::Russian, Lang::Rus),
    (Language::Spanish, Lang::Spa),
    (Language::Swedish, Lang::Swe),
    (Language::Turkish, Lang::Tur),
];

/// Function words that the stop word lists lack, or of languages without such a list.
fn extra_function_words(language: Language) -> &'static str {
    match language {
        Language::English => {
            "i you he she we his her its our your my who what which when where how why from have has had do does did can could would should may must been were am than so all any some more about after before only also other out up over me him us them"
        }
        Language::Romanian => {
            "și în de la cu pe nu o un să ce care este sunt din pentru mai al ale ai se va fi că dacă sau prin dar fără după când această acest acestui acestea poate puteți lui lor vă cum doar foarte despre între fost este a"
        }
        Language::Turkish => {
            "ve bir bu için ile de da olarak olan daha çok gibi en ne o var kadar sonra ancak veya değil her ya ki mi mı mu mü ise şu tüm yok yeni ayarla etmek edildi bütün eğer üzerinde göre olur olduğu size sizin nasıl"
        }
        Language::Norwegian => {
            "hvis kan bruke etter eller bare også noen skal deg du ditt når mer fra til av hva jeg være ved ut mellom ikke en et å over under mange alle"
        }
        Language::Danish => {
            "hvis kan bruge efter eller bare også nogen nogle skal dig du dit når mere fra til af hvad jeg være ved ud mellem ikke en et at over under mange alle"
        }
        Language::Finnish => {
            "ei on ja tai voi kun jos että kuin myös sekä mutta oli ole ovat tämä tämän tätä kaikki vain voidaan sen jotta joka jonka jotka eivät niin nyt"
        }
        Language::Portuguese => {
            "não uma um em para com por mais como sua seu ser pode você isto também já mas são está ou"
        }
        _ => "",
    }
}

/// Function words of unsupported languages, so that their texts are not mistaken for a related one.
const UNSUPPORTED: &[&str] = &[
    "i el la els les de del al amb que per és una un no es en com o si aquest aquesta són pot més seu seva ha sense dels als ho hi ja quan també",
    "o a os as e de do da no na que para un unha non é se por co coa en ou como máis este esta son pode seu súa ao dos das pola polo cando tamén só",
    "a na je v se to že si o s jako po k by z do pro nebo ale ve za jsou pokud které který při není také může",
    "i w na z do nie się że jest to o jak po od za dla lub są przez oraz które który jeśli może tym go przy",
    "i u na je se da za od su sa ne koji koje ili kao to što ako može biti ove iz po",
    "in je na za se da v z ki so po ne ali kot lahko če tudi s iz pri od do",
    "і в на з не що та до за як для або це від по є у про якщо який також",
    "и на за да от се в не с са или по е ако това като до при може този",
    "yang dan di untuk dengan dari ini pada tidak itu ke dalam atau adalah anda akan dapat jika oleh sebagai",
    "og í að á er sem til um ekki með við eru frá eða fyrir hefur þú af en það",
    "ja on ei et see kui või ka mis oma selle saab seda kas siis",
    "ir yra į iš su kad tai ar jei kaip kuris nuo po bei arba tik",
    "un ir uz ar no par ka vai ja kas pie lai kā pēc tiek šo",
    "eta da ez du bat dira edo ere baina dute hau izan zure egin behar den dela",
    "và của là có không được cho các trong một với này để từ bạn những khi hoặc",
    "en die van in is nie het wat dit met om te vir op aan as jy sal kan word",
    "de it fan en yn dat is net te foar op mei jo wurdt kin dizze om at ek oan sille hawwe mar",
    "di u e in per chì hè una da i à cù ùn ssu quellu sta ind'à hà esse pò",
    "y el la los nun que de les pa una con por esti esta nel del al ye o más",
    "de lo la los las que dels per un una es amb pas aqueste aquesta dins o al se son",
    "e ac yn i y o ar am yr mae nid bod gan eich neu hyn wedi",
];

/// Detects languages. Building its word lists is slow, so reuse it.
pub struct Detector {
    lists: Vec<(Language, Lang, StopWords, HashSet<&'static str>)>,
    unsupported: Vec<HashSet<&'static str>>,
}

impl Default for Detector {
    fn default() -> Self {
        let words = |list: &'static str| list.split(' ').filter(|word| !word.is_empty()).collect();
        let lists = BY_FUNCTION_WORDS.iter().map(|(language, lang)| {
            (
                *language,
                *lang,
                StopWords::with_negations(*language),
                words(extra_function_words(*language)),
            )
        });
        Self {
            lists: lists.collect(),
            unsupported: UNSUPPORTED.iter().map(|list| words(list)).collect(),
        }
    }
}

/// The function words of a text: for each set of languages that share them, their number and the
/// distinct ones.
type Counts = HashMap<u64, (f64, HashSet<String>)>;

impl Detector {
    /// Detects the language of a query.
    pub fn detect_query(&mut self, query: &str) -> Detection {
        self.detect_with(MIN_QUERY_WORDS, [query])
    }

    /// Detects the main language of `texts`.
    pub fn detect<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) -> Detection {
        self.detect_with(MIN_WORDS, texts)
    }

    fn detect_with<'a>(
        &mut self,
        min_words: usize,
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Detection {
        let mut all = String::new();
        for text in texts {
            all.push_str(&text[..text.floor_char_boundary(MAX_TEXT_BYTES)]);
            all.push('\n');
        }
        let (mut counts, mut words, mut word) = (Counts::new(), 0_usize, String::new());
        let letters = |c: char| class(c) == Class::Word || class(c) == Class::Extend;
        for raw in all
            .split(|c| !letters(c))
            .filter(|raw| raw.chars().any(char::is_alphabetic))
        {
            words += 1;
            word.clear();
            fold_into(raw, &mut word);
            let languages = self.languages_with(&word);
            if languages != 0 {
                let (count, distinct) = counts.entry(languages).or_default();
                *count += 1.0;
                if !distinct.contains(&word) {
                    distinct.insert(word.clone());
                }
            }
        }
        self.classify(&all, words, min_words, &counts)
    }

    /// The languages that have a folded word as a function word, one bit each.
    fn languages_with(&mut self, word: &str) -> u64 {
        let known = self
            .lists
            .iter_mut()
            .map(|(_, _, stop, more)| more.contains(word) || stop.contains(word));
        let others = self.unsupported.iter().map(|other| other.contains(word));
        known
            .chain(others)
            .enumerate()
            .fold(0, |all, (at, holds)| all | u64::from(holds) << at)
    }

    fn classify(&self, all: &str, words: usize, min_words: usize, counts: &Counts) -> Detection {
        let count = |with: usize, without: Option<usize>| -> f64 {
            let holds = |set: u64| {
                set >> with & 1 == 1 && without.is_none_or(|without| set >> without & 1 == 0)
            };
            counts
                .iter()
                .filter(|(set, _)| holds(**set))
                .map(|(set, (count, _))| count / f64::from(set.count_ones()).sqrt())
                .sum()
        };
        let languages = self.lists.len() + self.unsupported.len();
        let best = (0..languages)
            .max_by(|a, b| count(*a, None).total_cmp(&count(*b, None)))
            .unwrap_or_default();
        // Additive smoothing: one word against none is no proof.
        let margin =
            |other: usize| (count(best, Some(other)) + 0.5) / (count(other, Some(best)) + 0.5);
        let margin = (0..languages)
            .filter(|other| *other != best)
            .map(margin)
            .fold(f64::INFINITY, f64::min);
        let own = || {
            counts
                .iter()
                .filter(|(set, _)| *set >> best & 1 == 1)
                .map(|(_, own)| own)
        };
        let share = own().map(|(count, _)| count).sum::<f64>() / words.max(1) as f64;
        let distinct: usize = own().map(|(_, words)| words.len()).sum();
        let mut detection = Detection {
            language: None,
            share,
            margin,
            words,
        };
        let Some(letters) = whatlang::detect(all).filter(|_| words >= min_words) else {
            return detection;
        };
        detection.language = match (letters.lang(), self.lists.get(best)) {
            // These have scripts of their own.
            (Lang::Ell, _) => Some(Language::Greek),
            (Lang::Tam, _) => Some(Language::Tamil),
            (Lang::Ara, _) => Some(Language::Arabic).filter(|_| is_arabic(all)),
            (lang, Some((language, own, ..)))
                if distinct >= MIN_DISTINCT_FUNCTION_WORDS
                    && share >= MIN_SHARE
                    && margin >= MIN_MARGIN =>
            {
                // Trigrams cannot distinguish these two, but function words can.
                let alike = [Lang::Dan, Lang::Nob];
                let near =
                    alike.contains(&lang) && alike.contains(own) && margin >= 2.0 * MIN_MARGIN;
                let english = lang == Lang::Eng && letters.is_reliable();
                (lang == *own || near)
                    .then_some(*language)
                    .or(english.then_some(Language::English))
            }
            // English is rarely wrong even for a few short notes, and its stop words and stems lose
            // least.
            (Lang::Eng, _) if letters.is_reliable() => Some(Language::English),
            _ => None,
        };
        detection
    }
}

/// Whether a text in Arabic script is in Arabic: without the letters that Arabic lacks and related
/// scripts use often.
fn is_arabic(text: &str) -> bool {
    let (mut own, mut foreign) = (0_usize, 0_usize);
    for c in text.chars() {
        match c {
            'پ' | 'چ' | 'ژ' | 'گ' | 'ک' | 'ی' | 'ے' | 'ٹ' | 'ڈ' | 'ڑ' | 'ہ' | 'ں' | 'ھ' | 'ې'
            | 'ۇ' | 'ە' => foreign += 1,
            '\u{620}'..='\u{64a}' => own += 1,
            _ => {}
        }
    }
    foreign * 50 < own
}
