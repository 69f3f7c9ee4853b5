//! Published weights give the states that transformers computes, and near ones when quantized.

use super::*;
use crate::calibration::Calibration;
use crate::head::Head;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

const EXPECTED: &[u8] = include_bytes!("../../tests/golden/expected.safetensors");

/// The models of `tests/golden.py`.
fn golden() -> [(&'static str, Config, &'static [u8]); 4] {
    let config = Config {
        architecture: Architecture::Bert,
        hidden_size: 32,
        heads: 2,
        intermediate_size: 64,
        layers: 2,
        vocab_size: 60,
        positions: 40,
        first_position: 0,
        epsilon: 1e-12,
        distance_buckets: 32,
    };
    let of = |architecture, positions, first_position| Config {
        architecture,
        positions,
        first_position,
        ..config
    };
    [
        (
            "bert",
            config,
            include_bytes!("../../tests/golden/bert.safetensors"),
        ),
        (
            "distilbert",
            of(Architecture::DistilBert, 40, 0),
            include_bytes!("../../tests/golden/distilbert.safetensors"),
        ),
        (
            "roberta",
            of(Architecture::Roberta, 42, 2),
            include_bytes!("../../tests/golden/roberta.safetensors"),
        ),
        (
            "mpnet",
            of(Architecture::MpNet, 202, 2),
            include_bytes!("../../tests/golden/mpnet.safetensors"),
        ),
    ]
}

/// The texts of a model: tokens, and the states of every fifth token of long ones.
fn expected(model: &str) -> Vec<(Vec<u32>, usize, Vec<f32>)> {
    let tensors = SafeTensors::deserialize(EXPECTED).unwrap();
    let words = |name: String| -> Vec<u32> {
        let data = tensors.tensor(&name).unwrap().data().to_vec();
        data.as_chunks::<4>()
            .0
            .iter()
            .map(|bytes| u32::from_le_bytes(*bytes))
            .collect()
    };
    let lengths = [1, 7, if model == "mpnet" { 200 } else { 40 }];
    let text = |length: usize| {
        let states = words(format!("{model}.{length}.states"));
        (
            words(format!("{model}.{length}.tokens")),
            if length > 7 { 5 } else { 1 },
            states.into_iter().map(f32::from_bits).collect(),
        )
    };
    lengths.map(text).to_vec()
}

fn mean_head() -> Head {
    Head::new(32, vec![Pooling::Mean], Vec::new()).unwrap()
}

/// A checkpoint quantized in this way, whatever its vectors are like.
fn encoder(
    kernels: (InstructionSet, &'static Kernels),
    config: &Config,
    file: &[u8],
    samples: &[Vec<u32>],
    precision: Precision,
) -> Encoder {
    let checkpoint = Checkpoint::with_kernels(kernels, config, file).unwrap();
    let calibration = checkpoint.calibrate(&mean_head(), samples).unwrap();
    checkpoint
        .into_encoder(&Calibration {
            precision,
            ..calibration
        })
        .unwrap()
}

#[test]
fn states_of_every_architecture_are_those_of_transformers() {
    for (name, config, file) in golden() {
        let kernels = kernels::fastest(None);
        let texts = expected(name);
        let samples: Vec<Vec<u32>> = texts.iter().map(|(tokens, ..)| tokens.clone()).collect();
        let float = encoder(kernels, &config, file, &samples, Precision::F32);
        let exact = Checkpoint::read(&config, file).unwrap();
        let mut work = Workspace::default();
        for (tokens, stride, expected) in texts {
            let largest_error = |states: &[f32]| {
                let rows = states.chunks_exact(32).step_by(stride).flatten();
                assert_eq!(states.len(), tokens.len() * 32);
                rows.zip(&expected)
                    .map(|(a, b)| (a - b).abs())
                    .fold(0.0, f32::max)
            };
            let exact = reference::states(&exact.model, kernels.1, &tokens, &mut ranges(&exact));
            let error = largest_error(&exact);
            assert!(
                error < 1e-4,
                "{name}, {} tokens, reference: {error}",
                tokens.len()
            );
            let error = largest_error(float.hidden_states(&[&tokens], &mut work));
            assert!(error < 5e-3, "{name}, {} tokens: {error}", tokens.len());
        }
    }
}

/// Ranges to be widened.
fn ranges(checkpoint: &Checkpoint) -> Vec<calibration::Ranges> {
    vec![calibration::Ranges::zero(checkpoint.model.shape); checkpoint.model.layers.len()]
}

#[test]
fn instruction_sets_agree_on_every_precision() {
    for (name, config, file) in golden() {
        let samples: Vec<Vec<u32>> = expected(name)
            .into_iter()
            .map(|(tokens, ..)| tokens)
            .collect();
        let texts: Vec<&[u32]> = samples.iter().map(Vec::as_slice).collect();
        for precision in [Precision::Int8, Precision::Mixed, Precision::F32] {
            let mut states = kernels::available().into_iter().map(|kernels| {
                let encoder = encoder(kernels, &config, file, &samples, precision);
                encoder
                    .hidden_states(&texts, &mut Workspace::default())
                    .to_vec()
            });
            let first = states.next().unwrap();
            assert!(states.all(|other| other == first), "{name} {precision:?}");
        }
    }
}

#[test]
fn calibration_chooses_int8_and_measures_how_near_it_is() {
    for (name, config, file) in golden() {
        let samples: Vec<Vec<u32>> = expected(name)
            .into_iter()
            .map(|(tokens, ..)| tokens)
            .collect();
        let checkpoint = Checkpoint::read(&config, file).unwrap();
        let Calibration {
            precision,
            agreement,
            ..
        } = checkpoint.calibrate(&mean_head(), &samples).unwrap();
        assert_eq!((precision, agreement.texts), (Precision::Int8, 3), "{name}");
        assert!(
            agreement.mean > 0.999 && agreement.mean < 1.0,
            "{name}: {agreement:?}"
        );
        assert!(
            agreement.lowest > 0.998 && agreement.lowest <= agreement.mean,
            "{name}: {agreement:?}"
        );
    }
}

#[test]
fn layers_that_lose_too_much_keep_their_precision() {
    let (_, config, file) = golden()[0];
    let samples: Vec<Vec<u32>> = expected("bert")
        .into_iter()
        .map(|(tokens, ..)| tokens)
        .collect();
    // A unit that is huge for a few tokens: its row's scale leaves nothing of the other units.
    let spoiled = with_tensors(file, |name, numbers| {
        if name.ends_with("0.output.dense.weight") {
            numbers.iter_mut().for_each(|x| *x *= 30.0);
            numbers.iter_mut().step_by(64).for_each(|x| *x /= 30_000.0);
        }
        if name.ends_with("0.intermediate.dense.bias") {
            numbers[0] = 20_000.0;
        }
    });
    let checkpoint = Checkpoint::read(&config, &spoiled).unwrap();
    let calibration = checkpoint.calibrate(&mean_head(), &samples).unwrap();
    assert_ne!(
        calibration.precision,
        Precision::Int8,
        "{:?}",
        calibration.agreement
    );
    assert!(calibration.agreement.mean > 0.998);
}

/// A copy of a file with f32 tensors, changed.
fn with_tensors(file: &[u8], change: impl Fn(&str, &mut Vec<f32>)) -> Vec<u8> {
    let tensors = SafeTensors::deserialize(file).unwrap();
    let changed: Vec<_> = tensors
        .tensors()
        .into_iter()
        .map(|(name, view)| {
            let pairs = view.data().as_chunks::<2>().0.iter();
            let mut numbers: Vec<f32> = pairs
                .map(|bytes| half::f16::from_le_bytes(*bytes).to_f32())
                .collect();
            change(&name, &mut numbers);
            let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
            (name, view.shape().to_vec(), bytes)
        })
        .collect();
    let views = changed.iter().map(|(name, shape, bytes)| {
        (
            name.as_str(),
            TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap(),
        )
    });
    serialize(views, None).unwrap()
}

#[test]
fn what_is_no_such_model_is_named() {
    let (_, config, file) = golden()[0];
    let error =
        |config: &Config, file: &[u8]| Checkpoint::read(config, file).unwrap_err().to_string();
    let key = "encoder.layer.1.attention.self.key.weight";
    assert_eq!(
        error(
            &Config {
                layers: 3,
                ..config
            },
            file
        ),
        "no tensor `encoder.layer.2.attention.self.query.weight`"
    );
    assert_eq!(
        error(
            &Config {
                layers: 1,
                ..config
            },
            file
        ),
        "tensor `encoder.layer.1.attention.output.LayerNorm.bias` is no part of a model with these settings"
    );
    assert_eq!(
        error(
            &Config {
                intermediate_size: 128,
                ..config
            },
            file
        ),
        "tensor `encoder.layer.0.intermediate.dense.weight`: expected the shape [128, 32], found F16 [64, 32]"
    );
    assert_eq!(
        error(&Config { heads: 4, ..config }, file),
        "the number of heads: expected one whose heads have a multiple of 16 dimensions, found 4"
    );
    assert_eq!(
        error(
            &Config {
                first_position: 40,
                ..config
            },
            file
        ),
        "the number of positions: expected more than 40, found 40"
    );
    assert_eq!(
        error(
            &Config {
                epsilon: 0.0,
                ..config
            },
            file
        ),
        "the layer norms' epsilon: expected a number in 0..1, found 0"
    );
    let infinite = with_tensors(file, |name, numbers| {
        if name == key {
            numbers[3] = f32::INFINITY;
        }
    });
    assert_eq!(
        error(&config, &infinite),
        format!("tensor `{key}`: number 3 is inf")
    );
    assert!(error(&config, b"nothing").starts_with("not a safetensors file: "));
    let calibration = encoder_calibration(&config, file);
    let (_, other, other_file) = golden()[3];
    let checkpoint = Checkpoint::read(&other, other_file).unwrap();
    assert!(
        checkpoint.into_encoder(&calibration).is_ok(),
        "layers of the same sizes"
    );
    let shallow = with_tensors(file, |_, _| ());
    assert!(
        Checkpoint::read(&config, &shallow)
            .unwrap()
            .into_encoder(&calibration)
            .is_ok()
    );
}

fn encoder_calibration(config: &Config, file: &[u8]) -> Calibration {
    let samples = vec![vec![5, 6, 7]];
    Checkpoint::read(config, file)
        .unwrap()
        .calibrate(&mean_head(), &samples)
        .unwrap()
}

#[test]
fn pooling_follows_its_definition() {
    let states = [1.0, -2.0, 3.0, 4.0, 8.0, -5.0];
    let pooled = |pooling| {
        Head::new(2, vec![pooling], Vec::new())
            .unwrap()
            .apply(&states, 2)
    };
    assert_eq!(pooled(Pooling::Cls), [1.0, -2.0]);
    assert_eq!(pooled(Pooling::LastToken), [8.0, -5.0]);
    assert_eq!(pooled(Pooling::Max), [8.0, 4.0]);
    assert_eq!(pooled(Pooling::Mean), [4.0, -1.0]);
    assert_eq!(
        pooled(Pooling::MeanSqrtLength),
        [12.0 / 3f32.sqrt(), -3.0 / 3f32.sqrt()]
    );
    assert_eq!(pooled(Pooling::WeightedMean), [31.0 / 6.0, -9.0 / 6.0]);
    let both = Head::new(2, vec![Pooling::Cls, Pooling::Max], vec![Step::Normalize]).unwrap();
    let vector = both.apply(&states, 2);
    assert!(
        (vector.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-6 && both.dimensions() == 4
    );
}

#[test]
fn dense_layers_are_applied_and_checked() {
    let numbers = |numbers: &[f32]| {
        numbers
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let (weight, bias) = (
        numbers(&[1.0, 2.0, -1.0, 0.5, 3.0, 0.0]),
        numbers(&[0.5, -4.0, 0.0]),
    );
    let file = serialize(
        [
            (
                "linear.weight",
                TensorView::new(Dtype::F32, vec![3, 2], &weight).unwrap(),
            ),
            (
                "linear.bias",
                TensorView::new(Dtype::F32, vec![3], &bias).unwrap(),
            ),
        ],
        None,
    )
    .unwrap();
    let dense = |activation| Dense::read(&file, 2, 3, true, activation).unwrap();
    let vector = |activation| {
        let head = Head::new(2, vec![Pooling::Cls], vec![Step::Dense(dense(activation))]).unwrap();
        head.apply(&[2.0, 1.0], 2)
    };
    assert_eq!(vector(Activation::Identity), [4.5, -5.5, 6.0]);
    assert_eq!(vector(Activation::Relu), [4.5, 0.0, 6.0]);
    assert_eq!(vector(Activation::Tanh)[0], 4.5f64.tanh() as f32);
    let error = Head::new(
        3,
        vec![Pooling::Cls],
        vec![Step::Dense(dense(Activation::Relu))],
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "the inputs of a Dense layer: expected 3, found 2"
    );
    let error = Dense::read(&file, 2, 3, false, Activation::Relu).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tensor `linear.bias` is no part of a model with these settings"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn damaged_weights_are_an_error_or_give_vectors(
        model in 0usize..4,
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        in_header in any::<bool>(),
    ) {
        let (_, config, file) = golden()[model];
        let mut file = file.to_vec();
        let end = if in_header { 2_000 } else { file.len() };
        for (place, byte) in places {
            let at = place.index(end);
            file[at] = byte;
        }
        if let Ok(checkpoint) = Checkpoint::read(&config, &file)
            && let Ok(calibration) = checkpoint.calibrate(&mean_head(), &[vec![5, 6, 7], vec![9]])
        {
            let encoder = checkpoint.into_encoder(&calibration).unwrap();
            let mut work = Workspace::default();
            let vectors = encoder.vectors(&[&[5, 6], &[7; 40]], &mean_head(), &mut work);
            prop_assert!(vectors.len() == 2 && vectors.iter().all(|vector| vector.len() == 32));
        }
    }
}
