#!/usr/bin/env python3
"""Write the vectors of the f32 weights that the tests of crates/encoder compare with.

    venv/bin/python reference.py ../../crates/encoder/tests/reference.safetensors

Run as build.py is. 24 lines of the project's articles, from 3 to 256 tokens.
"""

import sys

import numpy as np
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

import build

source = build.installed_source()
tensors = load_file(source / "model.safetensors")
tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
tokenizer.no_padding()
tokenizer.enable_truncation(build.WINDOW)
lines = build.spread(build.project_lines(), 20)
texts = [*lines, "tide", " ".join(lines), "C++ & §12(3): 5 °C!", "Ebbe und Flut, 潮汐, приливы"]
ids = [tokenizer.encode(text).ids for text in texts]
vectors = np.array([build.encode(tensors, of) for of in ids], np.float32)
lengths = np.array([len(of) for of in ids], np.int32)
print(f"{len(ids)} texts of {lengths.min()} to {lengths.max()} tokens")
save_file({"tokens": np.concatenate(ids).astype(np.int32), "lengths": lengths, "vectors": vectors}, sys.argv[1])
