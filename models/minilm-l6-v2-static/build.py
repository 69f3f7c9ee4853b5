"""Distils the static model beside this file from the built-in MiniLM, without any training data.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python build.py MODEL.ONNX

MODEL.ONNX is MiniLM as version 0.1.0 shipped it: models/minilm-l6-v2-int8/model.onnx there, sha256 7d4d1746…861cdc2c.

MiniLM embeds every token of the vocabulary by itself. The principal directions that all tokens have in common
are dropped, the following 256 are kept, and frequent tokens get a lower weight, by their rank in the vocabulary.
A text's vector is the weighted mean over its tokens, so that no network has to run.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
from safetensors.numpy import save_file
from tokenizers import Tokenizer

HERE = Path(__file__).resolve().parent
TEACHER = HERE.parent / "minilm-l6-v2-int8"
DIMENSIONS = 256
# The number of leading principal directions to drop: those that all tokens have in common.
DROPPED = 3
# Smooth inverse frequency (Arora et al., 2017): a / (a + p), with p from Zipf's law.
SIF = 1e-4
ZIPF_SHIFT = 2.7


def embed_tokens(tokens, before, after):
    """The teacher's last hidden state of every token between the special tokens, plus that of [CLS]."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(sys.argv[1], options)
    states = np.zeros((tokens, 384), np.float32)
    for token in range(tokens):
        ids = np.array([[before, token, after]], np.int64)
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        out = session.run(None, feeds)[0][0]
        states[token] = out[0] + out[1]
    return states


def main():
    tokenizer = Tokenizer.from_file(str(TEACHER / "tokenizer.json"))
    vocabulary = tokenizer.get_vocab()
    names = sorted(vocabulary, key=vocabulary.get)
    states = embed_tokens(len(names), vocabulary["[CLS]"], vocabulary["[SEP]"])
    states -= states.mean(0)
    directions = np.linalg.svd(states, full_matrices=False)[2][DROPPED : DROPPED + DIMENSIONS]
    vectors = states @ directions.T
    # The vocabulary is ordered by frequency, except for the reserved tokens at its start.
    used = np.array([not name.startswith("[unused") for name in names])
    rank = np.where(used, used.cumsum(), len(names))
    frequency = 1 / (rank + ZIPF_SHIFT)
    weights = SIF / (SIF + frequency / frequency[used].sum())
    # int8 with one scale per token, which is multiplied into the token's weight.
    largest = np.maximum(np.abs(vectors).max(1), 1e-9)
    embeddings = np.round(vectors / largest[:, None] * 127).astype(np.int8)
    tensors = {"embeddings": embeddings, "weights": (weights * largest / 127).astype(np.float32)}
    save_file(tensors, str(HERE / "model.safetensors"))
    config = {
        "model_type": "model2vec",
        "architectures": ["StaticModel"],
        "tokenizer_name": "minilm-l6-v2-int8",
        "hidden_dim": DIMENSIONS,
        "embedding_dtype": "int8",
        "normalize": True,
    }
    (HERE / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    shutil.copyfile(TEACHER / "tokenizer.json", HERE / "tokenizer.json")


main()
