//! What can be chosen from a list.

use clap::ValueEnum;
use ingest::format::DocumentKind;
use ingest::{Format, Strategy};
use query::{ArticleScore, By, Mode};
use store::FusionMethod;

/// What builds a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BuilderArg {
    /// Our own: the same seed and vectors give the same graph
    Batch,
    /// The crate hnsw_rs
    #[value(name = "hnsw_rs")]
    HnswRs,
}

impl From<BuilderArg> for index::Builder {
    fn from(arg: BuilderArg) -> Self {
        match arg {
            BuilderArg::Batch => Self::Batch,
            BuilderArg::HnswRs => Self::HnswRs,
        }
    }
}

/// What a walk compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FirstPassArg {
    /// A byte a number
    Int8,
    /// A bit a number: less memory, longer lists for the same recall
    Binary,
}

impl From<FirstPassArg> for index::FirstPass {
    fn from(arg: FirstPassArg) -> Self {
        match arg {
            FirstPassArg::Int8 => Self::Int8,
            FirstPassArg::Binary => Self::Binary,
        }
    }
}

macro_rules! value_enum {
    ($(#[$doc:meta])* $name:ident => $target:ty { $($(#[$variant_doc:meta])* $variant:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[$variant_doc])* $variant),* }

        impl From<$name> for $target {
            fn from(value: $name) -> Self {
                match value { $($name::$variant => <$target>::$variant),* }
            }
        }
    };
}

value_enum!(
    /// How articles are cut.
    ChunkArg => Strategy { Whole, Sentences, Markdown }
);
value_enum!(
    /// Which lists answer.
    ModeArg => Mode { Hybrid, Dense, Lexical }
);
value_enum!(
    /// What is judged.
    LevelArg => eval::Level { Article, Answer }
);
value_enum!(
    /// What is ranked.
    ByArg => By { Passage, Article }
);
value_enum!(
    /// What an article's passages make of its score.
    ArticleScoreArg => ArticleScore { Best, Sum }
);

/// What makes scores comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FusionArg {
    /// Standard deviations from the list's mean
    ZScore,
    /// From the list's lowest, 0, to its highest, 1
    MinMax,
    /// From three standard deviations below the mean, 0, to three above, 1
    Distribution,
    /// Ranks alone: 1 / (60 + rank)
    Rrf,
}

impl From<FusionArg> for FusionMethod {
    fn from(arg: FusionArg) -> Self {
        match arg {
            FusionArg::ZScore => Self::ZScore,
            FusionArg::MinMax => Self::MinMax,
            FusionArg::Distribution => Self::Distribution,
            FusionArg::Rrf => Self::Rrf,
        }
    }
}

macro_rules! format_arg {
    (own { $($own:ident),* } documents { $($kind:ident),* }) => {
        /// The format of files.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
        #[value(rename_all = "lower")]
        pub enum FormatArg { Auto, $($own,)* $($kind),* }

        impl FormatArg {
            /// The format, or `None` to find it out.
            pub fn format(self) -> Option<Format> {
                Some(match self {
                    Self::Auto => return None,
                    $(Self::$own => Format::$own,)*
                    $(Self::$kind => Format::Document(DocumentKind::$kind)),*
                })
            }
        }
    };
}

format_arg!(
    own { Qa, Text, Markdown, Html, Pdf, Jsonl, Csv, Beir, Parquet }
    documents {
        Docx, Pptx, Xlsx, Odf, FlatOdf, Epub, Rtf, Eml, Mbox, Ipynb, Srt, Vtt, Org, Rst, AsciiDoc, Man, Latex, Zip
    }
);
