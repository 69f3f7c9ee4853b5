//! Which language a collection's articles are in, or that it cannot be told.
//!
//! Two witnesses have to agree: the small words that a language cannot do without, and the letters (whatlang's
//! trigrams). Lists, invoices and names have hardly any small words, so nothing is claimed of them: wrong stop words
//! and stems lose what none at all would find.

use super::stop::StopWords;
use crate::Language;
use ingest::fold::chars::{Class, class};
use ingest::fold::fold_into;
use std::collections::{HashMap, HashSet};
use whatlang::Lang;

/// What was found out about the language of texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// The language; `None` if the texts are too few, too mixed, or in none that is known.
    pub language: Option<Language>,
    /// What part of the words are small words of the likeliest language.
    pub share: f64,
    /// How many times as many words are small words of this language alone as of the nearest other one alone.
    pub margin: f64,
    /// How many words there are.
    pub words: usize,
}

/// Fewer words than this say nothing.
const WORDS: usize = 12;
/// A question of so many, in whole sentences as it is, says something.
const WORDS_OF_QUESTION: usize = 8;
/// So many different small words must stand there.
const DIFFERENT: usize = 4;
/// What part of the words they must be.
const SHARE: f64 = 0.06;
/// How many times as many must be of this language and not of the other as the other way round, for each other one.
const MARGIN: f64 = 2.0;
/// So much of each text is looked at.
const LOOKED_INTO: usize = 4000;

/// The languages that are told by small words.
const BY_WORDS: &[(Language, Lang)] = &[
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

/// Small words that the lists of stop words lack, or of languages that have no list. The last three lines are of
/// languages that have no stemmer here: without them their texts would pass for a neighbour's.
fn more(language: Language) -> &'static str {
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

/// Small words of languages that are not known here, so that their texts are not taken for a neighbour's.
const OTHERS: &[&str] = &[
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

/// Tells the language of texts.
pub struct Detector {
    lists: Vec<(Language, Lang, StopWords, HashSet<&'static str>)>,
    others: Vec<HashSet<&'static str>>,
}

impl Default for Detector {
    fn default() -> Self {
        let words = |list: &'static str| list.split(' ').filter(|word| !word.is_empty()).collect();
        let lists = BY_WORDS
            .iter()
            .map(|(language, lang)| (*language, *lang, StopWords::with_negations(*language), words(more(*language))));
        Self { lists: lists.collect(), others: OTHERS.iter().map(|list| words(list)).collect() }
    }
}

/// The small words of a text: for each set of languages that have them, how many and which.
type Counts = HashMap<u64, (f64, HashSet<String>)>;

impl Detector {
    /// Tells the language of a question.
    pub fn detect_question(&mut self, question: &str) -> Detection {
        self.detect_with(WORDS_OF_QUESTION, [question])
    }

    /// Tells the language that most of the texts' words are in.
    pub fn detect<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) -> Detection {
        self.detect_with(WORDS, texts)
    }

    fn detect_with<'a>(&mut self, least: usize, texts: impl IntoIterator<Item = &'a str>) -> Detection {
        let mut all = String::new();
        for text in texts {
            all.push_str(&text[..text.floor_char_boundary(LOOKED_INTO)]);
            all.push('\n');
        }
        let (mut counts, mut words, mut word) = (Counts::new(), 0_usize, String::new());
        let letters = |c: char| class(c) == Class::Word || class(c) == Class::Extend;
        for raw in all.split(|c| !letters(c)).filter(|raw| raw.chars().any(char::is_alphabetic)) {
            words += 1;
            word.clear();
            fold_into(raw, &mut word);
            let holders = self.holders(&word);
            if holders != 0 {
                let (count, which) = counts.entry(holders).or_default();
                *count += 1.0;
                if !which.contains(&word) {
                    which.insert(word.clone());
                }
            }
        }
        self.judge(&all, words, least, &counts)
    }

    /// The languages of which a folded word is a small word, a bit each.
    fn holders(&mut self, word: &str) -> u64 {
        let known = self.lists.iter_mut().map(|(_, _, stop, more)| more.contains(word) || stop.contains(word));
        let others = self.others.iter().map(|other| other.contains(word));
        known.chain(others).enumerate().fold(0, |all, (at, holds)| all | u64::from(holds) << at)
    }

    fn judge(&self, all: &str, words: usize, least: usize, counts: &Counts) -> Detection {
        let count = |with: usize, without: Option<usize>| -> f64 {
            let holds = |set: u64| set >> with & 1 == 1 && without.is_none_or(|without| set >> without & 1 == 0);
            counts
                .iter()
                .filter(|(set, _)| holds(**set))
                .map(|(set, (count, _))| count / f64::from(set.count_ones()).sqrt())
                .sum()
        };
        let languages = self.lists.len() + self.others.len();
        let best = (0..languages).max_by(|a, b| count(*a, None).total_cmp(&count(*b, None))).unwrap_or_default();
        // Half a word more on both sides: one against none is no proof.
        let margin = |other: usize| (count(best, Some(other)) + 0.5) / (count(other, Some(best)) + 0.5);
        let margin = (0..languages).filter(|other| *other != best).map(margin).fold(f64::INFINITY, f64::min);
        let own = || counts.iter().filter(|(set, _)| *set >> best & 1 == 1).map(|(_, own)| own);
        let share = own().map(|(count, _)| count).sum::<f64>() / words.max(1) as f64;
        let different: usize = own().map(|(_, which)| which.len()).sum();
        let mut detection = Detection { language: None, share, margin, words };
        let Some(letters) = whatlang::detect(all).filter(|_| words >= least) else { return detection };
        detection.language = match (letters.lang(), self.lists.get(best)) {
            // Letters of their own.
            (Lang::Ell, _) => Some(Language::Greek),
            (Lang::Tam, _) => Some(Language::Tamil),
            (Lang::Ara, _) => Some(Language::Arabic).filter(|_| arabic(all)),
            (lang, Some((language, own, ..))) if different >= DIFFERENT && share >= SHARE && margin >= MARGIN => {
                // Their letters are too much alike for trigrams; their small words are not.
                let alike = [Lang::Dan, Lang::Nob];
                let near = alike.contains(&lang) && alike.contains(own) && margin >= 2.0 * MARGIN;
                let english = lang == Lang::Eng && letters.is_reliable();
                (lang == *own || near).then_some(*language).or(english.then_some(Language::English))
            }
            // What is claimed of few notes in English is rarely wrong, and its stop words and stems lose least.
            (Lang::Eng, _) if letters.is_reliable() => Some(Language::English),
            _ => None,
        };
        detection
    }
}

/// Whether a text in Arabic letters is without those that Arabic lacks and its neighbours' languages use all the time.
fn arabic(text: &str) -> bool {
    let (mut own, mut foreign) = (0_usize, 0_usize);
    for c in text.chars() {
        match c {
            'پ' | 'چ' | 'ژ' | 'گ' | 'ک' | 'ی' | 'ے' | 'ٹ' | 'ڈ' | 'ڑ' | 'ہ' | 'ں' | 'ھ' | 'ې' | 'ۇ' | 'ە' => {
                foreign += 1
            }
            '\u{620}'..='\u{64a}' => own += 1,
            _ => {}
        }
    }
    foreign * 50 < own
}
