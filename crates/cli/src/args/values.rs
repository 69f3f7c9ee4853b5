//! Values to choose from.

use clap::ValueEnum;
use ingest::format::DocumentKind;
use ingest::{Format, Strategy};
use query::{ArticleScore, Mode, ResultUnit};
use store::FusionMethod;

/// The implementation that builds graphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BuilderArg {
    /// Built-in, deterministic: the same vectors and seed give the same graph
    Batch,
    /// The hnsw_rs crate
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

/// The codes that a graph search compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FirstPassArg {
    /// One byte per dimension
    Int8,
    /// One bit per dimension: less memory, but needs a larger --ef for the same recall
    Binary,
}

impl From<FirstPassArg> for index::Quantization {
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
    /// How articles are split into passages.
    ChunkArg => Strategy { Whole, Sentences, Markdown }
);
value_enum!(
    /// Which indexes to search.
    ModeArg => Mode { Hybrid, Dense, Lexical }
);
value_enum!(
    /// What is evaluated.
    LevelArg => eval::Level { Article, Answer }
);
value_enum!(
    /// What is ranked.
    ByArg => ResultUnit { Passage, Article }
);
value_enum!(
    /// How an article is scored by its passages.
    ArticleScoreArg => ArticleScore { Best, Sum }
);

/// How scores are normalized before they are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FusionArg {
    /// Standard deviations from the list's mean
    ZScore,
    /// Scaled so that the list's lowest score is 0 and its highest 1
    MinMax,
    /// Scaled so that three standard deviations below the mean is 0, and three above is 1
    Distribution,
    /// Reciprocal rank fusion: 1 / (60 + rank), without the scores
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
        /// A file format.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
        #[value(rename_all = "lower")]
        pub enum FormatArg { Auto, $($own,)* $($kind),* }

        impl FormatArg {
            /// The format, or `None` to detect it.
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
