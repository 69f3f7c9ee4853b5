//! All instruction sets agree bit for bit on models of many shapes, and the built-in model matches
//! the published weights.

// Kernels are unsafe to call; the tests call only those that the processor supports.
#![allow(unsafe_code)]

mod checkpoint;

use super::*;
use crate::aligned::{Aligned, Bytes};
use crate::model::{Layer, LayerNorm, Linear, QuantizedLinear, Shape, TokenEmbeddings};
use proptest::prelude::*;

static BUILT_IN: &[u8] = include_bytes!("../../../models/minilm-l6-v2-int8/model.safetensors");

/// A linear congruential generator.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// Uniform in -1..=1.
    fn float(&mut self) -> f32 {
        (self.next() % 2001) as f32 / 1000.0 - 1.0
    }

    fn floats(&mut self, count: usize, middle: f32, spread: f32) -> Aligned<f32> {
        (0..count).map(|_| middle + spread * self.float()).collect()
    }

    /// Bytes in -127..=127, as weights are.
    fn bytes(&mut self, count: usize) -> Aligned<u8> {
        (0..count)
            .map(|_| ((self.next() % 255) as i32 - 127) as u8)
            .collect()
    }

    fn linear(&mut self, inputs: usize, outputs: usize, offset: u8) -> Linear {
        let weights = self.bytes(inputs * outputs);
        let mut sums = vec![0; outputs];
        for (at, weight) in weights.iter().enumerate() {
            sums[at / (16 * inputs) * 16 + at / 4 % 16] += i32::from(weight.cast_signed());
        }
        Linear::Quantized(QuantizedLinear {
            inputs,
            weights: Bytes::Own(weights),
            correction: sums.iter().map(|sum| sum * -i32::from(offset)).collect(),
            scale: self.floats(outputs, 0.002, 0.001),
            bias: self.floats(outputs, 0.0, 0.1),
        })
    }

    fn norm(&mut self, width: usize) -> LayerNorm {
        let (weight, bias) = (self.floats(width, 1.0, 0.5), self.floats(width, 0.0, 0.3));
        let next = self.floats(width, 1.0, 0.2);
        let times = |of: &[f32]| of.iter().zip(&next[..]).map(|(x, next)| x * next).collect();
        LayerNorm {
            next_weight: times(&weight),
            next_bias: times(&bias),
            weight,
            bias,
            epsilon: 1e-12,
        }
    }

    fn model(&mut self, shape: Shape, offset: u8) -> Model {
        let Shape {
            hidden_size: width,
            intermediate_size: units,
            outliers,
            vocab_size,
            max_tokens,
            ..
        } = shape;
        Model {
            shape,
            token_embeddings: TokenEmbeddings::Quantized {
                rows: Bytes::Own(self.bytes(vocab_size * width)),
                scales: self.floats(vocab_size, 0.002, 0.001),
            },
            attention_bias: Vec::new(),
            position_embeddings: self.floats(max_tokens * width, 0.0, 0.05),
            embedding_norm: self.norm(width),
            layers: (0..shape.layers)
                .map(|_| Layer {
                    qkv: self.linear(width, 3 * width, offset),
                    attention_smoothing: self.floats(width, 1.0, 0.2),
                    attention_output: self.linear(width, width, offset),
                    attention_norm: self.norm(width),
                    feed_forward_1: self.linear(width, units, offset),
                    feed_forward_smoothing: self.floats(units, 1.0, 0.2),
                    feed_forward_2: self.linear(units, width, offset),
                    outlier_weights: self.floats(outliers * width, 0.0, 0.05),
                    output_norm: self.norm(width),
                })
                .collect(),
        }
    }
}

fn random_encoder(
    instruction_set: InstructionSet,
    kernels: &'static Kernels,
    seed: u64,
    shape: Shape,
) -> Encoder {
    Encoder {
        model: Random(seed).model(shape, kernels.activation_offset),
        instruction_set,
        kernels,
    }
}

#[test]
fn unsupported_instruction_sets_are_reported() {
    use InstructionSet::{Amx, Avx2, AvxVnni, Neon, NeonDot, Portable, Vnni};
    use std::io::Write;
    let all: &[InstructionSet] = if cfg!(target_arch = "x86_64") {
        &[Amx, Vnni, AvxVnni, Avx2, Portable]
    } else if cfg!(target_arch = "aarch64") {
        &[NeonDot, Neon, Portable]
    } else {
        &[Portable]
    };
    let found = instruction_sets();
    assert!(
        found.iter().all(|set| all.contains(set)) && found.last() == Some(&Portable),
        "{found:?}"
    );
    for set in all.iter().filter(|set| !found.contains(set)) {
        let name = set.name();
        // Written to standard error directly, which the test harness does not capture.
        let _ = writeln!(
            std::io::stderr(),
            "not tested: the encoder on {name}, which this processor does not support"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn instruction_sets_agree_bit_for_bit(
        seed in any::<u64>(),
        heads in 1usize..4,
        // Widths of whole tiles and others.
        head in prop_oneof![Just(16usize), Just(32), Just(48), Just(64)],
        panels in 1usize..9,
        outliers in 0usize..2,
        layers in 1usize..3,
        lengths in prop::collection::vec(1usize..70, 1..4),
    ) {
        let units = 16 * panels;
        let shape = Shape {
            hidden_size: heads * head,
            heads,
            intermediate_size: units,
            outliers: (16 * outliers).min(units - 16),
            layers,
            vocab_size: 50,
            max_tokens: 70,
        };
        let mut random = Random(seed);
        let texts: Vec<Vec<u32>> =
            lengths.iter().map(|&length| (0..length).map(|_| (random.next() % 50) as u32).collect()).collect();
        let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let mut expected: Option<Vec<u32>> = None;
        for (name, kernels) in kernels::available().into_iter().rev() {
            let encoder = random_encoder(name, kernels, seed, shape);
            let mut work = Workspace::default();
            let together: Vec<u32> = encoder.hidden_states(&texts, &mut work).iter().map(|x| x.to_bits()).collect();
            prop_assert!(encoder.hidden_states(&texts, &mut work).iter().all(|x| x.is_finite()));
            // The result must depend neither on the batch nor on what was in the workspace before.
            let alone: Vec<u32> = texts
                .iter()
                .flat_map(|text| encoder.hidden_states(&[text], &mut work).iter().map(|x| x.to_bits()).collect::<Vec<_>>())
                .collect();
            prop_assert_eq!(&together, &alone, "{}", name);
            prop_assert_eq!(expected.get_or_insert_with(|| together.clone()), &together, "{}", name);
        }
    }
}

#[test]
fn instruction_sets_agree_at_every_text_length() {
    let shape = Shape {
        hidden_size: 64,
        heads: 2,
        intermediate_size: 64,
        outliers: 16,
        layers: 1,
        vocab_size: 90,
        max_tokens: 512,
    };
    let tokens: Vec<u32> = (0..512).map(|at| at * 7 % 90).collect();
    let sums = |(name, kernels)| {
        let (encoder, mut work) = (
            random_encoder(name, kernels, 5, shape),
            Workspace::default(),
        );
        let lengths = (1..130).chain([255, 256, 257, 511, 512]);
        lengths
            .map(|length| encoder.summed_states(&[&tokens[..length]], &mut work))
            .collect::<Vec<_>>()
    };
    let mut all = kernels::available().into_iter().map(sums);
    let first = all.next().unwrap();
    assert!(all.all(|other| other == first));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn texts_packed_in_any_way_have_the_vectors_of_single_texts(
        lengths in prop::collection::vec(prop_oneof![4 => 1usize..40, 1 => 1usize..513], 1..12),
        cuts in prop::collection::vec(1usize..6, 12),
    ) {
        let shape = Shape {
            hidden_size: 64,
            heads: 2,
            intermediate_size: 64,
            outliers: 16,
            layers: 2,
            vocab_size: 90,
            max_tokens: 512,
        };
        let texts: Vec<Vec<u32>> = lengths
            .iter()
            .enumerate()
            .map(|(text, &length)| (0..length).map(|at| ((at * 7 + text * 13) % 90) as u32).collect())
            .collect();
        let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let (set, kernels) = kernels::fastest(None);
        let encoder = random_encoder(set, kernels, 11, shape);
        let mut work = Workspace::default();
        let alone: Vec<f32> =
            texts.iter().flat_map(|text| encoder.summed_states(&[text], &mut work)).collect();
        let (mut packed, mut rest) = (Vec::new(), &texts[..]);
        for cut in cuts {
            let (some, others) = rest.split_at(cut.min(rest.len()));
            packed.extend(encoder.summed_states(some, &mut work));
            rest = others;
        }
        packed.extend(encoder.summed_states(rest, &mut work));
        prop_assert!(packed == alone);
    }
}

/// Compares by cosine with the vectors of the published f32 weights, which are written by
/// `models/minilm-l6-v2-int8/reference.py`.
#[test]
fn built_in_model_matches_the_published_weights() {
    let file: &[u8] = include_bytes!("../tests/reference.safetensors");
    let tensors = safetensors::SafeTensors::deserialize(file).unwrap();
    let numbers = |name: &str| {
        let data = tensors.tensor(name).unwrap().data();
        data.as_chunks::<4>()
            .0
            .iter()
            .map(|bytes| i32::from_le_bytes(*bytes))
            .collect::<Vec<_>>()
    };
    let tokens: Vec<u32> = numbers("tokens")
        .into_iter()
        .map(i32::cast_unsigned)
        .collect();
    let vectors: Vec<f32> = numbers("vectors")
        .into_iter()
        .map(|x| f32::from_bits(x.cast_unsigned()))
        .collect();
    let encoder = Encoder::from_quantized(BUILT_IN).unwrap();
    let (mut work, mut rest, mut cosines) = (Workspace::default(), &tokens[..], Vec::new());
    for (length, expected) in numbers("lengths")
        .into_iter()
        .zip(vectors.chunks_exact(384))
    {
        let (text, more) = rest.split_at(length as usize);
        rest = more;
        let sum = encoder.summed_states(&[text], &mut work);
        let norm = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
        cosines.push(sum.iter().zip(expected).map(|(a, b)| a * b).sum::<f32>() / norm);
    }
    let mean = cosines.iter().sum::<f32>() / cosines.len() as f32;
    assert!(
        cosines.len() == 24 && mean > 0.9990 && cosines.iter().all(|x| *x > 0.9985),
        "{mean} {cosines:?}"
    );
}

/// Collections record the hash of the built-in model's file, so its vectors must stay as they are.
#[test]
fn vectors_of_the_built_in_model_never_change() {
    let encoder = Encoder::from_quantized(BUILT_IN).unwrap();
    let mut work = Workspace::default();
    let mut random = Random(1);
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for length in [1, 2, 3, 9, 16, 31, 64, 128, 200, 512] {
        let text: Vec<u32> = (0..length)
            .map(|_| (random.next() % 30_522) as u32)
            .collect();
        for x in encoder.summed_states(&[&text], &mut work) {
            hash = (hash ^ u64::from(x.to_bits())).wrapping_mul(0x0100_0000_01b3);
        }
    }
    assert_eq!(hash, 0x6ccc_6ddb_4d55_6f1a, "{hash:#x}");
}

/// The built-in file with a part of its header replaced.
fn with_header_text(from: &str, to: &str) -> &'static [u8] {
    assert_eq!(from.len(), to.len());
    let mut file = BUILT_IN.to_vec();
    let header = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let at = file[8..8 + header]
        .windows(from.len())
        .position(|window| window == from.as_bytes())
        .unwrap()
        + 8;
    file[at..at + to.len()].copy_from_slice(to.as_bytes());
    file.leak()
}

#[test]
fn load_errors_name_the_tensor_or_size() {
    let error = |file| Encoder::from_quantized(file).unwrap_err().to_string();
    assert!(error(b"no such file").starts_with("not a safetensors file: "));
    assert_eq!(
        error(with_header_text(
            "\"layer.3.attention.scale",
            "\"layer.3.attention.scalp"
        )),
        "no tensor `layer.3.attention.scale`"
    );
    let error_of = error(with_header_text("[24,96,16,4]", "[96,24,16,4]"));
    assert!(
        error_of.contains("expected") && error_of.contains("[96, 24, 16, 4]"),
        "{error_of}"
    );
    let with = |name: &str, at: usize, bytes: [u8; 4]| {
        let tensors = safetensors::SafeTensors::deserialize(BUILT_IN).unwrap();
        let at = tensors.tensor(name).unwrap().data().as_ptr().addr() - BUILT_IN.as_ptr().addr()
            + 4 * at;
        let mut file = BUILT_IN.to_vec();
        file[at..at + 4].copy_from_slice(&bytes);
        error(file.leak())
    };
    assert_eq!(
        with("layer.2.output_norm.bias", 10, f32::NAN.to_le_bytes()),
        "tensor `layer.2.output_norm.bias`: number 10 is NaN"
    );
    let heads =
        "the number of heads: expected one whose heads have a multiple of 16 dimensions, found ";
    assert_eq!(with("heads", 0, 11i32.to_le_bytes()), format!("{heads}11"));
    assert_eq!(
        with("heads", 0, (-12i32).to_le_bytes()),
        format!("{heads}0")
    );
}

#[test]
fn fastest_kernels_up_to_the_ceiling_are_selected() {
    for set in instruction_sets() {
        assert_eq!(kernels::fastest(Some(set)).0, set);
    }
    assert_eq!(kernels::fastest(None).0, instruction_sets()[0]);
    assert_eq!(
        kernels::fastest(Some(InstructionSet::Amx)).0,
        instruction_sets()[0]
    );
}

#[test]
#[should_panic(expected = "a text of 513 tokens; the model reads 512")]
fn text_longer_than_the_model_panics() {
    Encoder::from_quantized(BUILT_IN)
        .unwrap()
        .summed_states(&[&[7; 513]], &mut Workspace::default());
}

#[test]
#[should_panic(expected = "a token that is not in the vocabulary")]
fn unknown_token_panics() {
    Encoder::from_quantized(BUILT_IN)
        .unwrap()
        .summed_states(&[&[101, 30_522]], &mut Workspace::default());
}
