//! That all paths agree to the last bit, on models of many shapes, and that the built-in one is the published one.

// The kernels are unsafe to call; the tests call those that the processor has.
#![allow(unsafe_code)]

use super::*;
use crate::model::{Layer, Norm, Product, Shape};
use proptest::prelude::*;
use std::borrow::Cow;

static BUILT_IN: &[u8] = include_bytes!("../../../models/minilm-l6-v2-int8/model.safetensors");

/// A few numbers that do not repeat.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// Between -1 and 1.
    fn float(&mut self) -> f32 {
        (self.next() % 2001) as f32 / 1000.0 - 1.0
    }

    fn floats(&mut self, count: usize, middle: f32, spread: f32) -> Vec<f32> {
        (0..count).map(|_| middle + spread * self.float()).collect()
    }

    /// Bytes as weights are: never -128.
    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| ((self.next() % 255) as i32 - 127) as u8).collect()
    }

    fn product(&mut self, inputs: usize, outputs: usize, offset: u8) -> Product {
        let weights = self.bytes(inputs * outputs);
        let mut sums = vec![0; outputs];
        for (at, weight) in weights.iter().enumerate() {
            sums[at / (16 * inputs) * 16 + at / 4 % 16] += i32::from(weight.cast_signed());
        }
        Product {
            inputs,
            weights: Cow::Owned(weights),
            correction: sums.iter().map(|sum| sum * -i32::from(offset)).collect(),
            scale: self.floats(outputs, 0.002, 0.001),
            bias: self.floats(outputs, 0.0, 0.1),
        }
    }

    fn norm(&mut self, width: usize) -> Norm {
        let (weight, bias) = (self.floats(width, 1.0, 0.5), self.floats(width, 0.0, 0.3));
        let next = self.floats(width, 1.0, 0.2);
        let times = |of: &[f32]| of.iter().zip(&next).map(|(x, next)| x * next).collect();
        Norm { next_weight: times(&weight), next_bias: times(&bias), weight, bias, epsilon: 1e-12 }
    }

    fn model(&mut self, shape: Shape, offset: u8) -> Model {
        let Shape { width, units, outliers, vocabulary, positions, .. } = shape;
        Model {
            shape,
            words: Cow::Owned(self.bytes(vocabulary * width)),
            word_scales: self.floats(vocabulary, 0.002, 0.001),
            positions: self.floats(positions * width, 0.0, 0.05),
            norm: self.norm(width),
            layers: (0..shape.layers)
                .map(|_| Layer {
                    attention: self.product(width, 3 * width, offset),
                    attention_smoothing: self.floats(width, 1.0, 0.2),
                    attention_output: self.product(width, width, offset),
                    attention_norm: self.norm(width),
                    first: self.product(width, units, offset),
                    smoothing: self.floats(units, 1.0, 0.2),
                    second: self.product(units, width, offset),
                    outliers: self.floats(outliers * width, 0.0, 0.05),
                    output_norm: self.norm(width),
                })
                .collect(),
        }
    }
}

fn on(path: &'static str, kernels: &'static Kernels, seed: u64, shape: Shape) -> Encoder {
    Encoder { model: Random(seed).model(shape, kernels.offset), path, kernels }
}

#[test]
fn paths_that_this_processor_cannot_run_are_named() {
    use std::io::Write;
    let all: &[&str] = if cfg!(target_arch = "x86_64") {
        &["vnni", "avx-vnni", "avx2", "portable"]
    } else if cfg!(target_arch = "aarch64") {
        &["neon-dot", "neon", "portable"]
    } else {
        &["portable"]
    };
    let found = paths();
    assert!(found.iter().all(|path| all.contains(path)) && found.last() == Some(&"portable"), "{found:?}");
    for path in all.iter().filter(|path| !found.contains(path)) {
        // Past the capture of what tests print.
        let _ = writeln!(std::io::stderr(), "not tested here: the path {path} of the encoder");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn all_paths_give_the_same_states_to_the_last_bit(
        seed in any::<u64>(),
        heads in 1usize..4,
        head in prop_oneof![Just(16usize), Just(32), Just(48), Just(64)],
        panels in 1usize..9,
        outliers in 0usize..2,
        layers in 1usize..3,
        lengths in prop::collection::vec(1usize..70, 1..4),
    ) {
        let units = 16 * panels;
        let shape = Shape {
            width: heads * head,
            heads,
            units,
            outliers: (16 * outliers).min(units - 16),
            layers,
            vocabulary: 50,
            positions: 70,
        };
        let mut random = Random(seed);
        let texts: Vec<Vec<u32>> =
            lengths.iter().map(|&length| (0..length).map(|_| (random.next() % 50) as u32).collect()).collect();
        let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let mut expected: Option<Vec<u32>> = None;
        for (path, kernels) in kernels::available().into_iter().rev() {
            let encoder = on(path, kernels, seed, shape);
            let mut work = Workspace::default();
            let together: Vec<u32> = encoder.states(&texts, &mut work).iter().map(|x| x.to_bits()).collect();
            prop_assert!(encoder.states(&texts, &mut work).iter().all(|x| x.is_finite()));
            // However many go together, and whatever was in the workspace before.
            let alone: Vec<u32> = texts
                .iter()
                .flat_map(|text| encoder.states(&[text], &mut work).iter().map(|x| x.to_bits()).collect::<Vec<_>>())
                .collect();
            prop_assert_eq!(&together, &alone, "{}", path);
            prop_assert_eq!(expected.get_or_insert_with(|| together.clone()), &together, "{}", path);
        }
    }
}

#[test]
fn every_length_up_to_all_positions() {
    let shape = Shape { width: 64, heads: 2, units: 64, outliers: 16, layers: 1, vocabulary: 90, positions: 512 };
    let tokens: Vec<u32> = (0..512).map(|at| at * 7 % 90).collect();
    let sums = |(path, kernels)| {
        let (encoder, mut work) = (on(path, kernels, 5, shape), Workspace::default());
        let lengths = (1..130).chain([255, 256, 257, 511, 512]);
        lengths.map(|length| encoder.sums(&[&tokens[..length]], &mut work)).collect::<Vec<_>>()
    };
    let mut all = kernels::available().into_iter().map(sums);
    let first = all.next().unwrap();
    assert!(all.all(|other| other == first));
}

/// Cosines to what the published f32 weights give, written down by `models/minilm-l6-v2-int8/reference.py`.
#[test]
fn the_built_in_model_gives_what_the_published_weights_give() {
    let file: &[u8] = include_bytes!("../tests/reference.safetensors");
    let tensors = safetensors::SafeTensors::deserialize(file).unwrap();
    let numbers = |name: &str| {
        let data = tensors.tensor(name).unwrap().data();
        data.as_chunks::<4>().0.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect::<Vec<_>>()
    };
    let tokens: Vec<u32> = numbers("tokens").into_iter().map(i32::cast_unsigned).collect();
    let vectors: Vec<f32> = numbers("vectors").into_iter().map(|x| f32::from_bits(x.cast_unsigned())).collect();
    let encoder = Encoder::from_quantized(BUILT_IN).unwrap();
    let (mut work, mut rest, mut cosines) = (Workspace::default(), &tokens[..], Vec::new());
    for (length, expected) in numbers("lengths").into_iter().zip(vectors.chunks_exact(384)) {
        let (text, more) = rest.split_at(length as usize);
        rest = more;
        let sum = encoder.sums(&[text], &mut work);
        let norm = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
        cosines.push(sum.iter().zip(expected).map(|(a, b)| a * b).sum::<f32>() / norm);
    }
    let mean = cosines.iter().sum::<f32>() / cosines.len() as f32;
    assert!(cosines.len() == 24 && mean > 0.9990 && cosines.iter().all(|x| *x > 0.9985), "{mean} {cosines:?}");
}

/// The built-in file with a tensor's bytes or its header changed.
fn changed(of: &str, to: &str) -> &'static [u8] {
    assert_eq!(of.len(), to.len());
    let mut file = BUILT_IN.to_vec();
    let header = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let at = file[8..8 + header].windows(of.len()).position(|window| window == of.as_bytes()).unwrap() + 8;
    file[at..at + to.len()].copy_from_slice(to.as_bytes());
    file.leak()
}

#[test]
fn what_is_wrong_with_a_file_is_named() {
    let error = |file| Encoder::from_quantized(file).unwrap_err().to_string();
    assert!(error(b"no such file").starts_with("no safetensors file: "));
    assert_eq!(
        error(changed("\"layer.3.attention.scale", "\"layer.3.attention.scalp")),
        "no tensor `layer.3.attention.scale`"
    );
    let error_of = error(changed("[24,96,16,4]", "[96,24,16,4]"));
    assert!(error_of.contains("expected") && error_of.contains("[96, 24, 16, 4]"), "{error_of}");
    let with = |name: &str, at: usize, bytes: [u8; 4]| {
        let tensors = safetensors::SafeTensors::deserialize(BUILT_IN).unwrap();
        let at = tensors.tensor(name).unwrap().data().as_ptr().addr() - BUILT_IN.as_ptr().addr() + 4 * at;
        let mut file = BUILT_IN.to_vec();
        file[at..at + 4].copy_from_slice(&bytes);
        error(file.leak())
    };
    assert_eq!(
        with("layer.2.output_norm.bias", 10, f32::NAN.to_le_bytes()),
        "tensor `layer.2.output_norm.bias`: number 10 is NaN"
    );
    let heads = "the number of heads: expected one that leaves each a multiple of 16, found ";
    assert_eq!(with("heads", 0, 11i32.to_le_bytes()), format!("{heads}11"));
    assert_eq!(with("heads", 0, (-12i32).to_le_bytes()), format!("{heads}0"));
}

#[test]
fn the_environment_chooses_among_what_the_processor_has() {
    for path in paths() {
        assert_eq!(chosen(Some(path)).unwrap().0, path);
    }
    assert_eq!(chosen(None).unwrap().0, paths()[0]);
    let error = chosen(Some("abacus")).unwrap_err().to_string();
    assert!(error.starts_with("NIGH_CPU: expected one of ") && error.ends_with(", found abacus"), "{error}");
}

#[test]
#[should_panic(expected = "a text of 513 tokens; the model reads 512")]
fn a_text_past_the_positions_is_refused() {
    Encoder::from_quantized(BUILT_IN).unwrap().sums(&[&[7; 513]], &mut Workspace::default());
}

#[test]
#[should_panic(expected = "a token that is not in the vocabulary")]
fn an_unknown_token_is_refused() {
    Encoder::from_quantized(BUILT_IN).unwrap().sums(&[&[101, 30_522]], &mut Workspace::default());
}
