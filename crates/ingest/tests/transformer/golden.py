"""Writes the folder model/, a small random model with a Dense layer, and expected.json, the vectors that
sentence-transformers computes with it.

    pip install sentence-transformers==6.2.0 torch==2.15.0 transformers==5.24.0
    python3 crates/ingest/tests/transformer/golden.py

Weights are larger than at the start of a training, so that texts have different vectors.
"""

import json
import shutil
import string
import tempfile
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
from transformers import BertConfig, BertModel

HERE = Path(__file__).parent
FOLDER = HERE / "model"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *string.ascii_lowercase, *(f"##{c}" for c in string.ascii_lowercase), *".,?!-'", "the", "moon", "sea", "##ing"]
TEXTS = ["The moon pulls the sea.", "Why?", "naïve café-going, isn't it!", "Sing 7 songs \u2013 the sea is listening.", "the sea and the moon " * 9]


def randomized(module):
    with torch.no_grad():
        for name, weight in module.named_parameters():
            middle = 1.0 if "norm" in name.lower() and "weight" in name else 0.0
            weight.copy_((middle + 0.25 * torch.randn_like(weight)).half())
    return module


def main():
    torch.manual_seed(5)
    config = BertConfig(vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, max_position_embeddings=40)
    with tempfile.TemporaryDirectory() as base:
        randomized(BertModel(config, add_pooling_layer=False)).save_pretrained(base)
        Path(base, "vocab.txt").write_text("\n".join(WORDS) + "\n")
        Path(base, "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 32}))
        modules = [Transformer(base), Pooling(32, pooling_mode="mean"), randomized(Dense(32, 48, activation_function=torch.nn.Tanh())), Normalize()]
        model = SentenceTransformer(modules=modules, prompts={"query": "moon: ", "document": ""}, device="cpu").eval()
    vectors = {name: encode(TEXTS).tolist() for name, encode in (("query", model.encode_query), ("passage", model.encode_document))}
    (HERE / "expected.json").write_text(json.dumps({"texts": TEXTS, **{name: [[round(x, 6) for x in vector] for vector in found] for name, found in vectors.items()}}) + "\n")
    shutil.rmtree(FOLDER, ignore_errors=True)
    model.half().save(str(FOLDER), create_model_card=False)
    (FOLDER / "vocab.txt").write_text("\n".join(WORDS) + "\n")


main()
