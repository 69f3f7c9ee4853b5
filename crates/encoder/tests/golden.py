"""Writes tests/golden/: small random models of every architecture, and the hidden states that transformers computes for them.

    pip install torch==2.15.0 transformers==5.24.0 safetensors
    python3 crates/encoder/tests/golden.py

Weights are larger than at the start of a training, so that attention is not uniform.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel, MPNetConfig, MPNetModel, RobertaConfig, RobertaModel

FOLDER = Path(__file__).parent / "golden"
SIZES = {"vocab_size": 60, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
DISTILBERT = {"vocab_size": 60, "dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "max_position_embeddings": 40}
MODELS = {
    "bert": (BertModel(BertConfig(**SIZES, max_position_embeddings=40), add_pooling_layer=False), torch.float16),
    "distilbert": (DistilBertModel(DistilBertConfig(**DISTILBERT)), torch.bfloat16),
    "roberta": (RobertaModel(RobertaConfig(**SIZES, max_position_embeddings=42, type_vocab_size=1, pad_token_id=1), add_pooling_layer=False), torch.float32),
    "mpnet": (MPNetModel(MPNetConfig(**SIZES, max_position_embeddings=202, pad_token_id=1), add_pooling_layer=False), torch.float16),
}
LENGTHS = {"bert": (1, 7, 40), "distilbert": (1, 7, 40), "roberta": (1, 7, 40), "mpnet": (1, 7, 200)}


def main():
    FOLDER.mkdir(exist_ok=True)
    expected = {}
    for name, (model, dtype) in MODELS.items():
        torch.manual_seed(7)
        with torch.no_grad():
            for key, weight in model.named_parameters():
                scale, middle = (0.2, 1.0) if "norm" in key.lower() and "weight" in key else (0.25, 0.0)
                weight.copy_((middle + scale * torch.randn_like(weight)).to(dtype))
            model.eval()
            for length in LENGTHS[name]:
                tokens = torch.randint(4, 60, (1, length))
                states = model(input_ids=tokens, attention_mask=torch.ones_like(tokens)).last_hidden_state[0]
                expected[f"{name}.{length}.tokens"] = tokens[0].to(torch.int32)
                # Of long texts, every fifth state.
                expected[f"{name}.{length}.states"] = states[:: 5 if length > 7 else 1].contiguous()
        weights = {key: value.to(dtype).contiguous() for key, value in model.state_dict().items() if value.is_floating_point()}
        save_file(weights, FOLDER / f"{name}.safetensors")
    save_file(expected, FOLDER / "expected.safetensors")


main()
