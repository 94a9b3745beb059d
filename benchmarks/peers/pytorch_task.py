#!/usr/bin/env python3
"""Distils a student on SST-2 with the efficient PyTorch form, as `kdqat distill --objective unified` does: three epochs,
ten evaluations, batches padded to their longest sentence. For its time; its score says that it learns.

usage: pytorch_task.py --teacher DIR --data DIR [--precision fp32|bf16] [--compile] [--max-steps N] [--threads N]
DIR of the teacher is a model directory of kdqat (6 layers of MiniLM), that of the data holds train.tsv and dev.tsv.
Prints one JSON document: seconds of training and of evaluation, best and last accuracy.
"""
import argparse
import csv
import json
import pathlib
import time

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from pytorch_student import Encoder, Shape, Trainer

MODULES = {
    "attention.self.query": "query", "attention.self.key": "key", "attention.self.value": "value",
    "attention.output.dense": "dense", "attention.output.LayerNorm": "attention_norm",
    "intermediate.dense": "up", "output.dense": "down", "output.LayerNorm": "output_norm",
}


def load_teacher(directory):
    config = json.loads((directory / "config.json").read_text())
    shape = Shape(config["num_hidden_layers"], config["hidden_size"], config["num_attention_heads"],
                  config["intermediate_size"], config["vocab_size"], config["max_position_embeddings"],
                  len(config.get("id2label", {0: "", 1: ""})))
    tensors = load_file(directory / "model.safetensors")
    renamed = {
        "word": tensors["bert.embeddings.word_embeddings.weight"],
        "position.weight": tensors["bert.embeddings.position_embeddings.weight"],
        "token_type.weight": tensors["bert.embeddings.token_type_embeddings.weight"],
    }
    for kind in ("weight", "bias"):
        renamed[f"norm.{kind}"] = tensors[f"bert.embeddings.LayerNorm.{kind}"]
        renamed[f"pooler.{kind}"] = tensors[f"bert.pooler.dense.{kind}"]
        renamed[f"classifier.{kind}"] = tensors[f"classifier.{kind}"]
        for layer in range(shape.layers):
            for theirs, ours in MODULES.items():
                renamed[f"layers.{layer}.{ours}.{kind}"] = tensors[f"bert.encoder.layer.{layer}.{theirs}.{kind}"]
    teacher = Encoder(shape)
    teacher.load_state_dict(renamed)
    return shape, teacher


def read_split(path, tokenizer):
    with open(path, encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]
    return [encoding.ids for encoding in tokenizer.encode_batch([row[0] for row in rows])], [int(row[1]) for row in rows]


def pad(sentences):
    longest = max(map(len, sentences))
    ids = torch.zeros(len(sentences), longest, dtype=torch.int64)
    for row, sentence in enumerate(sentences):
        ids[row, : len(sentence)] = torch.tensor(sentence)
    mask = ids != 0
    return ids, None if bool(mask.all()) else mask


def evaluate(trainer, sentences, labels):
    trainer.student.eval()
    right = 0
    with torch.no_grad(), trainer.autocast:
        for first in range(0, len(sentences), 64):
            logits = trainer.student(*pad(sentences[first:first + 64]), quantized=True)[0]
            right += int((logits.argmax(-1) == torch.tensor(labels[first:first + 64])).sum())
    return right / len(labels)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--teacher", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="bf16")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--max-steps", type=int, default=0)
    parser.add_argument("--eval-steps", type=int, default=75)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(42)
    shape, teacher = load_teacher(options.teacher)
    tokenizer = Tokenizer.from_file(str(options.teacher / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(64)
    train, _ = read_split(options.data / "train.tsv", tokenizer)
    dev, labels = read_split(options.data / "dev.tsv", tokenizer)
    trainer = Trainer(shape, options.precision, options.compile, teacher)

    epochs, batch_size = 3, 32
    total = epochs * ((len(train) + batch_size - 1) // batch_size)
    rate = torch.optim.lr_scheduler.LambdaLR(
        trainer.optimizer, lambda k: k / total / 0.1 if k / total < 0.1 else (1 - k / total) / 0.9)
    steps = min(total, options.max_steps or total)
    seconds = {"train": 0.0, "evaluate": 0.0}
    scores = []
    order = []
    for step in range(1, steps + 1):
        if not order:
            shuffled = torch.randperm(len(train)).tolist()
            order = [shuffled[i:i + batch_size] for i in range(0, len(shuffled), batch_size)]
        started = time.perf_counter()
        trainer.step(*pad([train[i] for i in order.pop(0)]))
        rate.step()
        seconds["train"] += time.perf_counter() - started
        if step % options.eval_steps == 0 or step == steps:
            started = time.perf_counter()
            scores.append(evaluate(trainer, dev, labels))
            seconds["evaluate"] += time.perf_counter() - started
    print(json.dumps({"form": f"pytorch {options.precision}" + (" compiled" if options.compile else ""),
                      "torch": torch.__version__, "steps": steps, "seconds": seconds,
                      "best": max(scores), "last": scores[-1]}))


if __name__ == "__main__":
    main()
