"""Measures speed and accuracy of other engines on the directory of a fp32 classifier.

usage: inference.py MODEL_DIR ENGINE [--threads N] [--dev DEV_TSV]

ENGINE is onnx-int8 (ONNX Runtime, dynamic quantization), onnx-fp32, openvino or pytorch-bf16.

Prints {"seconds": {"1x16": ..., ...}, "accuracy": of DEV_TSV's sentences (columns sentence, label), or null} as JSON.
All sentences of a size have the same length, so no engine pads. Seconds are the median of calls.
"""

import argparse
import csv
import json
import pathlib
import statistics
import tempfile
import time

import numpy
import torch
import transformers

SIZES = [(1, 16), (1, 64), (32, 24), (32, 64)]
SECONDS = 2.0


def export_onnx(model, path):
    ids = torch.ones((2, 8), dtype=torch.int64)
    axes = {"input_ids": {0: "batch", 1: "tokens"}, "attention_mask": {0: "batch", 1: "tokens"}}
    torch.onnx.export(model, (ids, ids), path, input_names=list(axes), output_names=["logits"], dynamic_axes=axes,
                      dynamo=False)


def onnx_engine(model, threads, quantized):
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic

    folder = pathlib.Path(tempfile.mkdtemp())
    export_onnx(model, folder / "model.onnx")
    path = folder / "model.onnx"
    if quantized:
        path = folder / "int8.onnx"
        quantize_dynamic(folder / "model.onnx", path, weight_type=QuantType.QInt8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda ids, mask: session.run(None, {"input_ids": ids, "attention_mask": mask})[0]


def openvino_engine(model, threads):
    import openvino

    folder = pathlib.Path(tempfile.mkdtemp())
    export_onnx(model, folder / "model.onnx")
    compiled = openvino.Core().compile_model(str(folder / "model.onnx"), "CPU", {
        "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"})
    return lambda ids, mask: compiled({"input_ids": ids, "attention_mask": mask})[0]


def pytorch_engine(model, threads):
    torch.set_num_threads(threads)

    def run(ids, mask):
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
            return model(torch.from_numpy(ids), torch.from_numpy(mask)).logits.float().numpy()

    return run


def median_seconds(engine, batch, tokens, vocab_size):
    ids = numpy.random.default_rng(1).integers(vocab_size, size=(batch, tokens))
    mask = numpy.ones_like(ids)
    engine(ids, mask)
    seconds = []
    while sum(seconds) < SECONDS or len(seconds) < 10:
        started = time.perf_counter()
        engine(ids, mask)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def accuracy(engine, tokenizer, path):
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    right = 0
    for first in range(0, len(rows), 32):
        batch = rows[first:first + 32]
        encoded = tokenizer([row["sentence"] for row in batch], padding=True, truncation=True, max_length=128,
                            return_tensors="np")
        logits = engine(encoded["input_ids"], encoded["attention_mask"])
        right += sum(int(answer) == int(row["label"]) for answer, row in zip(logits.argmax(1), batch))
    return right / len(rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model_dir")
    parser.add_argument("engine", choices=["onnx-int8", "onnx-fp32", "openvino", "pytorch-bf16"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dev")
    options = parser.parse_args()
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        options.model_dir, attn_implementation="eager").eval()
    if options.engine.startswith("onnx"):
        engine = onnx_engine(model, options.threads, options.engine == "onnx-int8")
    elif options.engine == "openvino":
        engine = openvino_engine(model, options.threads)
    else:
        engine = pytorch_engine(model, options.threads)
    seconds = {f"{batch}x{tokens}": median_seconds(engine, batch, tokens, model.config.vocab_size)
               for batch, tokens in SIZES}
    score = None
    if options.dev:
        score = accuracy(engine, transformers.AutoTokenizer.from_pretrained(options.model_dir), options.dev)
    print(json.dumps({"seconds": seconds, "accuracy": score}))


if __name__ == "__main__":
    main()
