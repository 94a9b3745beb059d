#!/usr/bin/env python3
"""Times Hugging Face tokenizers on JSON lines {"text"}, from the file to printed ids, in one thread.

usage: tokenizers_speed.py TOKENIZER_JSON TEXTS_JSONL
Prints one JSON document: seconds. Starting Python and loading the tokenizer are not counted.
"""
import json
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer  # noqa: E402  (reads the environment when it is loaded)

tokenizer = Tokenizer.from_file(sys.argv[1])
tokenizer.no_padding()
tokenizer.enable_truncation(64)
started = time.perf_counter()
with open(sys.argv[2], encoding="utf-8") as stream, open(os.devnull, "w", encoding="utf-8") as out:
    texts = []
    for line in stream:
        texts.append(json.loads(line)["text"])
        if len(texts) == 256:
            for encoding in tokenizer.encode_batch(texts):
                out.write(f'{{"input_ids":{encoding.ids},"token_type_ids":{encoding.type_ids}}}\n')
            texts.clear()
    for encoding in tokenizer.encode_batch(texts):
        out.write(f'{{"input_ids":{encoding.ids},"token_type_ids":{encoding.type_ids}}}\n')
print(json.dumps({"seconds": time.perf_counter() - started}))
