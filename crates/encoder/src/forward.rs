//! The way of tokens through all layers.

// What the kernels' pointers point to is checked here, once.
#![allow(unsafe_code)]

use crate::kernels::{Attention, Embedding, Kernels, Normalization, Projection, Quantization};
use crate::model::{Layer, Model, Norm, Product};
use crate::workspace::{UNIT_ROWS, Workspace};
use std::ops::Range;

/// Leaves the last states of all texts' tokens in the workspace, one text after the other.
///
/// # Panics
/// When a text has no token, more than the model has positions, or one that is not in the vocabulary.
pub fn run(model: &Model, kernels: &Kernels, texts: &[&[u32]], work: &mut Workspace) {
    let shape = model.shape;
    let rows = texts.iter().map(|text| text.len()).sum();
    let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
    assert!(longest <= shape.positions, "a text of {longest} tokens; the model reads {}", shape.positions);
    assert!(texts.iter().all(|text| !text.is_empty()), "a text without tokens");
    let known = |token: &u32| (*token as usize) < shape.vocabulary;
    assert!(texts.iter().all(|text| text.iter().all(known)), "a token that is not in the vocabulary");
    work.reserve(shape, rows, longest);

    let mut row = 0;
    for text in texts {
        // SAFETY: the workspace has room for all rows, the tokens are known, and there are as many positions.
        unsafe {
            (kernels.embed)(&Embedding {
                model,
                tokens: text,
                row: work.given.as_mut_ptr(),
                states: work.states.as_mut_ptr().add(row * shape.width),
                output: work.bytes.as_mut_ptr().add(row * shape.width),
                scales: work.scales.as_mut_ptr().add(row),
            });
        }
        row += text.len();
    }
    for layer in &model.layers {
        attend(model, kernels, layer, texts, rows, work);
        for from in (0..rows).step_by(UNIT_ROWS) {
            let some = UNIT_ROWS.min(rows - from);
            // SAFETY: the workspace has what attention gave for all rows, and eight more.
            unsafe {
                let bytes = work.attended_bytes.as_ptr().add(from * shape.width);
                let bytes = (bytes, work.attended_scales.as_ptr().add(from));
                let (product, norm) = (&layer.attention_output, &layer.attention_norm);
                project_and_normalize(kernels, product, norm, bytes, None, from..from + some, work);
            }
            units(model, kernels, layer, from, some, work);
        }
    }
}

/// Self-attention of all texts, to bytes.
fn attend(model: &Model, kernels: &Kernels, layer: &Layer, texts: &[&[u32]], rows: usize, work: &mut Workspace) {
    let (width, head) = (model.shape.width, model.shape.head());
    for number in 0..model.shape.heads {
        // SAFETY: the workspace has room for all rows and eight more, of a head's numbers and of whole states.
        unsafe {
            (kernels.project)(&Projection {
                product: &layer.attention,
                columns: number * 3 * head..(number + 1) * 3 * head,
                input: work.bytes.as_ptr(),
                scales: work.scales.as_ptr(),
                rows,
                output: work.head.as_mut_ptr(),
                stride: 3 * head,
            });
            let mut row = 0;
            for text in texts {
                let job = Attention {
                    input: work.head.as_ptr().add(row * 3 * head),
                    dimensions: head,
                    length: text.len(),
                    output: work.attended.as_mut_ptr().add(row * width + number * head),
                    stride: width,
                };
                (kernels.attend)(&job, &mut work.scratch);
                row += text.len();
            }
        }
    }
    // SAFETY: as above.
    unsafe {
        (kernels.quantize)(&Quantization {
            input: work.attended.as_ptr(),
            factors: &layer.attention_smoothing,
            zeros: 0,
            rows,
            output: work.attended_bytes.as_mut_ptr(),
            scales: work.attended_scales.as_mut_ptr(),
        });
    }
}

/// Some rows of bytes, with the scale of each, through a product, added to the states of `rows`. `outliers` are
/// what [`Normalization`] adds besides.
///
/// # Safety
/// The bytes are as many rows of the product's inputs and eight more that can be read, at most [`UNIT_ROWS`], and `outliers`
/// have as many.
unsafe fn project_and_normalize(
    kernels: &Kernels,
    product: &Product,
    norm: &Norm,
    (input, scales): (*const u8, *const f32),
    outliers: Option<(*const f32, usize, &[f32])>,
    rows: Range<usize>,
    work: &mut Workspace,
) {
    let (width, from, rows) = (norm.weight.len(), rows.start, rows.len());
    // SAFETY: as the caller promised; the workspace has room for the states and, of what is given, for UNIT_ROWS.
    unsafe {
        (kernels.project)(&Projection {
            product,
            columns: 0..product.outputs(),
            input,
            scales,
            rows,
            output: work.given.as_mut_ptr(),
            stride: width,
        });
        (kernels.normalize)(&Normalization {
            norm,
            input: work.given.as_mut_ptr(),
            states: work.states.as_mut_ptr().add(from * width),
            outliers,
            rows,
            output: work.bytes.as_mut_ptr().add(from * width),
            scales: work.scales.as_mut_ptr().add(from),
        });
    }
}

/// Some rows through the units of a layer.
fn units(model: &Model, kernels: &Kernels, layer: &Layer, from: usize, rows: usize, work: &mut Workspace) {
    let (width, units, outliers) = (model.shape.width, model.shape.units, model.shape.outliers);
    // SAFETY: the workspace has room for `from + rows` rows and eight more; of units and of what is given, for UNIT_ROWS
    // and eight more. Outliers are the last of the units.
    unsafe {
        (kernels.project_gelu)(&Projection {
            product: &layer.first,
            columns: 0..units,
            input: work.bytes.as_ptr().add(from * width),
            scales: work.scales.as_ptr().add(from),
            rows,
            output: work.units.as_mut_ptr(),
            stride: units,
        });
        (kernels.quantize)(&Quantization {
            input: work.units.as_ptr(),
            factors: &layer.smoothing,
            zeros: outliers,
            rows,
            output: work.unit_bytes.as_mut_ptr(),
            scales: work.unit_scales.as_mut_ptr(),
        });
        let outliers = (work.units.as_ptr().add(units - outliers), units, layer.outliers.as_slice());
        let bytes = (work.unit_bytes.as_ptr(), work.unit_scales.as_ptr());
        project_and_normalize(
            kernels,
            &layer.second,
            &layer.output_norm,
            bytes,
            Some(outliers),
            from..from + rows,
            work,
        );
    }
}
