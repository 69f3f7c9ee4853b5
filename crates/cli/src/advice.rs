//! What a user of the command line can do about an error. Library errors know no flags, commands or
//! environment variables.

use std::path::Path;
use store::RemoteCause;

/// What to put after the message of an error, with its punctuation; empty if there is no advice.
pub fn on(error: &anyhow::Error) -> String {
    if let Some(error) = error.downcast_ref() {
        on_engine(error)
    } else if let Some(error) = error.downcast_ref() {
        on_query(error)
    } else if let Some(error) = error.downcast_ref() {
        on_store(error)
    } else if let Some(error) = error.downcast_ref() {
        on_ingest(error)
    } else if let Some(error) = error.downcast_ref() {
        on_server(error)
    } else {
        String::new()
    }
}

/// The error of a collection in an error, if that is what it is.
pub fn store_error(error: &anyhow::Error) -> Option<&store::Error> {
    match error.downcast_ref() {
        Some(engine::Error::Store(error) | engine::Error::Query(query::Error::Store(error))) => {
            return Some(error);
        }
        Some(_) => return None,
        None => {}
    }
    match error.downcast_ref() {
        Some(query::Error::Store(error)) => Some(error),
        _ => error.downcast_ref(),
    }
}

fn on_engine(error: &engine::Error) -> String {
    use engine::Error;
    match error {
        Error::ModelsDiffer { .. } => ". Make a new collection with -c for them".to_owned(),
        Error::NoQueries => {
            " Give them with --queries, or use --qa for those in question-and-answer articles"
                .to_owned()
        }
        Error::NoJudgements => {
            ": give a file with --qrels, or use --qa for the questions in question-and-answer articles"
                .to_owned()
        }
        Error::NoArticleQuestions => ", or name --queries and --qrels".to_owned(),
        Error::RerankedModeMissing(_) => "; --reranked names one of --mode".to_owned(),
        Error::Model { source, .. } => {
            format!("; --mode lexical needs none{}", on_ingest(source))
        }
        Error::Eval(eval::Error::CorpusMissing) => ": name it with -c".to_owned(),
        Error::PartiallyDone(error) => on_engine(error),
        Error::Store(error) => on_store(error),
        Error::Query(error) => on_query(error),
        Error::Ingest(error) => on_ingest(error),
        _ => String::new(),
    }
}

fn on_query(error: &query::Error) -> String {
    match error {
        query::Error::Store(error) => on_store(error),
        query::Error::Ingest(error) => on_ingest(error),
        _ => String::new(),
    }
}

/// Advice on an error of a collection.
pub fn on_store(error: &store::Error) -> String {
    use store::Error;
    match error {
        Error::NotFound { location } => {
            format!("; `nigh index PATH… -c {location}` makes one")
        }
        Error::Occupied { .. } => "; choose another location with -c".to_owned(),
        Error::Remote { cause, .. } => match cause {
            RemoteCause::Credentials => "; set NIGH_MILVUS_TOKEN to user:password or an API key",
            RemoteCause::UntrustedCertificate => {
                "; set NIGH_MILVUS_CA to the certificate file of its CA"
            }
            RemoteCause::NoTls => "; it does not use TLS: unset NIGH_MILVUS_TLS",
            RemoteCause::PerhapsTls => "; if it uses TLS, set NIGH_MILVUS_TLS=1",
            RemoteCause::NoFullTextSearch => "; use --mode dense",
            RemoteCause::Other => "",
        }
        .to_owned(),
        _ => String::new(),
    }
}

fn on_ingest(error: &ingest::Error) -> String {
    match error {
        ingest::Error::UnknownModel { name, .. } if Path::new(name).is_absolute() => {
            "; if it was moved, `nigh index PATH --model FOLDER` records where it is now".to_owned()
        }
        ingest::Error::UnknownModel { .. } => "; `nigh models` lists the names".to_owned(),
        ingest::Error::NoOnnxRuntime { .. } => ".\n\
             Get it: `pip install onnxruntime`, then set ORT_DYLIB_PATH to the libonnxruntime file in its folder \
             onnxruntime/capi, or install it from your system's packages or https://onnxruntime.ai.\n\
             The built-in model needs nothing: leave --model out"
            .to_owned(),
        error => on_file(error).map_or_else(String::new, |advice| format!("; {advice}")),
    }
}

/// What to do about an error of a file or record.
pub fn on_file(error: &ingest::Error) -> Option<&'static str> {
    match error {
        ingest::Error::Binary { .. } => Some("give --format if it is text in an unusual encoding"),
        ingest::Error::TooLarge { .. } => Some("split it, or raise --max-article-bytes"),
        ingest::Error::AlreadyEmbedded { .. } => Some("nigh import takes them into a collection"),
        ingest::Error::Part { error, .. } => on_file(error),
        _ => None,
    }
}

fn on_server(error: &server::Error) -> String {
    use server::Error;
    match error {
        Error::KeysRequired { .. } => {
            ": make an API key first (nigh key add NAME --keys keys.toml) and give --keys"
                .to_owned()
        }
        Error::TlsRequired { .. } => {
            ": give --tls-cert and --tls-key, or --plain behind a proxy that has TLS".to_owned()
        }
        Error::InvalidOrigin { .. } => "; it is given with --allow-origin".to_owned(),
        Error::Store(error) => on_store(error),
        Error::Model(error) => on_engine(error),
        _ => String::new(),
    }
}
