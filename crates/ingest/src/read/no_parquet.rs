//! Replaces the Parquet reader in builds without the feature `parquet`.

use super::reader::{Emit, Reader};
use crate::source::Source;
use crate::{Error, Result};

pub struct Parquet;

impl Reader for Parquet {
    fn read(&self, source: &Source, _limit: u64, _emit: &mut Emit<'_>) -> Result<()> {
        Err(Error::NotBuiltIn {
            path: source.path.clone(),
            format: "Parquet",
            feature: "parquet",
        })
    }
}
