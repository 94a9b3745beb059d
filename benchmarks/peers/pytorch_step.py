#!/usr/bin/env python3
"""Times one distillation step of the efficient PyTorch form (pytorch_student.py) on random sentences without padding.

usage: pytorch_step.py --shape minilm|bert-base|bert-large --precision fp32|bf16 [--compile] [--threads N]
Prints one JSON document: median seconds of a step and their spread.
"""
import argparse
import json
import statistics
import time

import torch

from pytorch_student import SHAPES, Trainer


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--shape", choices=SHAPES, default="minilm")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seq-length", type=int, default=64)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    trainer = Trainer(SHAPES[options.shape], options.precision, options.compile)
    seconds = []
    for repetition in range(options.repetitions + 2):  # the first two warm up, or compile
        ids = torch.randint(0, 30522, (options.batch_size, options.seq_length))
        started = time.perf_counter()
        trainer.step(ids)
        if repetition >= 2:
            seconds.append(time.perf_counter() - started)
    print(json.dumps({"form": f"pytorch {options.precision}" + (" compiled" if options.compile else ""),
                      "torch": torch.__version__, "shape": options.shape, "seconds": statistics.median(seconds),
                      "fastest": min(seconds), "slowest": max(seconds)}))


if __name__ == "__main__":
    main()
