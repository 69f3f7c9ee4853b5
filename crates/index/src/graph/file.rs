//! Graph files: writing a graph, and mapping one.

use super::format_v1;
use super::hnsw::{Graph, MAX_LEVELS};
use super::layer::max_neighbors;
use super::params::M_RANGE;
use super::report::BuildReport;
use crate::codes::{self, QuantizedVectors};
use crate::section_file::{Array, FORMAT_V1, SectionFile, SectionWriter};
use crate::{Result, VectorFile};
use disk::WriteOptions;
use std::path::Path;
use std::sync::{Arc, OnceLock};

const MAGIC: &[u8; 8] = b"NIGHGRF\n";

// The sections of the file, in order.
const ROWS: usize = 0;
const ROW_OFFSETS: usize = 1;
const LEVEL_SIZES: usize = 2;
const LINKS: usize = 3;
const SCALES: usize = 4;
const ERRORS: usize = 5;
const CODES: usize = 6;
const SECTIONS: usize = 7;

/// Packs two 32-bit numbers into one header field.
fn pack(low: usize, high: usize) -> u64 {
    low as u64 & 0xffff_ffff | (high as u64) << 32
}

fn unpack(field: u64) -> (usize, usize) {
    (field as u32 as usize, (field >> 32) as usize)
}

impl Graph {
    /// Writes the graph to `path`. Returns the checksum of the file in hex.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if a system call fails, for instance because the disk is
    /// full.
    pub fn write(&self, options: &WriteOptions, path: &Path) -> Result<String> {
        let mut file = SectionWriter::create(options, path, SECTIONS)?;
        let level_sizes: Vec<u32> = self.level_sizes.iter().map(|&nodes| nodes as u32).collect();
        let sections: [&[u8]; SECTIONS] = [
            bytemuck::cast_slice(&self.rows),
            bytemuck::cast_slice(&self.row_offsets),
            bytemuck::cast_slice(&level_sizes),
            bytemuck::cast_slice(&self.links),
            bytemuck::cast_slice(&self.codes.scales),
            bytemuck::cast_slice(&self.codes.errors),
            &self.codes.bytes,
        ];
        for (number, section) in sections.into_iter().enumerate() {
            if number > 0 {
                file.next_section()?;
            }
            file.write(section)?;
        }
        let report = self.report;
        file.finish(
            MAGIC,
            [
                self.nodes() as u64,
                self.codes.stride as u64,
                pack(self.m, self.ef_construction),
                report.unreachable as u64,
                report.links_added as u64,
                report.no_incoming as u64,
                report.self_queries as u64,
                report.self_misses as u64,
                0,
                0,
                0,
            ],
        )
    }

    /// Maps the file of the graph over `vectors`.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the file cannot be opened,
    /// [`Error::Version`](crate::Error::Version) if a newer program wrote it,
    /// [`Error::Damaged`](crate::Error::Damaged) if it contradicts its header or `vectors`.
    pub fn open(path: &Path, vectors: &VectorFile) -> Result<Self> {
        let file = Arc::new(SectionFile::open(path, MAGIC)?);
        let graph = if file.version == FORMAT_V1 {
            format_v1::read(&file, vectors)?
        } else {
            Self::map(&file)?
        };
        let (rows, stride) = (vectors.rows(), codes::stride(vectors.dimensions()));
        if graph.rows() != rows || graph.codes.stride != stride {
            return Err(file.damaged(format!(
                "{} rows and codes of {} bytes, but its vector file has {rows} rows and needs {stride} bytes",
                graph.rows(),
                graph.codes.stride
            )));
        }
        Ok(Self {
            file: Some(file),
            ..graph
        })
    }

    fn map(file: &Arc<SectionFile>) -> Result<Self> {
        let fields = file
            .fields
            .map(|field| usize::try_from(field).unwrap_or(usize::MAX));
        let (m, ef_construction) = unpack(file.fields[2]);
        let level_sizes: Array<u32> = Array::verified_section(file, LEVEL_SIZES)?;
        let level_sizes: Vec<usize> = level_sizes.iter().map(|&nodes| nodes as usize).collect();
        let graph = Self {
            rows: Array::verified_section(file, ROWS)?,
            row_offsets: Array::verified_section(file, ROW_OFFSETS)?,
            links: Array::section(file, LINKS)?,
            codes: QuantizedVectors {
                stride: fields[1],
                bytes: Array::section(file, CODES)?,
                scales: Array::verified_section(file, SCALES)?,
                errors: Array::verified_section(file, ERRORS)?,
            },
            level_sizes,
            m,
            ef_construction,
            report: BuildReport {
                unreachable: fields[3],
                links_added: fields[4],
                no_incoming: fields[5],
                self_queries: fields[6],
                self_misses: fields[7],
            },
            file: None,
            row_nodes: OnceLock::new(),
            binary_codes: OnceLock::new(),
        };
        let nodes = graph.row_offsets.len().saturating_sub(1);
        let sizes_valid = graph.level_sizes.len() <= MAX_LEVELS
            && graph.level_sizes.windows(2).all(|pair| pair[0] >= pair[1])
            && graph.level_sizes.iter().all(|&nodes| nodes > 0);
        if !M_RANGE.contains(&m) {
            return Err(file.damaged(format!("M is {m}; expected 2 to 128")));
        }
        let links: Option<usize> = (0..)
            .zip(&graph.level_sizes)
            .try_fold(0usize, |sum, (level, &nodes)| {
                sum.checked_add(nodes.checked_mul(max_neighbors(level, m))?)
            });
        let consistent = graph.level_sizes.first() == Some(&nodes)
            && (1..super::search_layer::MAX_NODES).contains(&nodes)
            && fields[0] == nodes
            && sizes_valid
            && links == Some(graph.links.len())
            && graph.codes.scales.len() == nodes
            && graph.codes.errors.len() == nodes
            && Some(graph.codes.bytes.len()) == nodes.checked_mul(graph.codes.stride);
        if !consistent {
            return Err(file.damaged("its sections do not fit each other".to_owned()));
        }
        Ok(graph)
    }
}
