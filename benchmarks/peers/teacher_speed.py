"""How fast PyTorch runs a fp32 model directory: one sentence, and 32 of them.

usage: teacher_speed.py MODEL_DIR TOKENS

Prints {"latency_seconds", "sentences_per_second"} as JSON; {} where PyTorch or transformers is not installed.
"""

import json
import statistics
import sys
import time

CALLS = 15


def median_seconds(call):
    call()
    seconds = []
    for _ in range(CALLS):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        import torch
        import transformers
    except ImportError:
        print("{}")
        return
    model = transformers.AutoModelForSequenceClassification.from_pretrained(sys.argv[1]).eval()
    tokens = int(sys.argv[2])
    generator = torch.Generator().manual_seed(1)

    def seconds_of(batch):
        ids = torch.randint(model.config.vocab_size, (batch, tokens), generator=generator)
        with torch.inference_mode():
            return median_seconds(lambda: model(input_ids=ids))

    print(json.dumps({"latency_seconds": seconds_of(1), "sentences_per_second": 32 / seconds_of(32)}))


if __name__ == "__main__":
    main()
