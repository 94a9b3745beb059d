#!/usr/bin/env python3
"""Trains a byte-level BPE (RoBERTa's kind) and a Unigram tokenizer (XLM-R's kind) on JSON lines {"text"}.

usage: train_tokenizers.py TEXTS_JSONL OUTPUT_DIR
Writes OUTPUT_DIR/bpe/tokenizer.json and OUTPUT_DIR/unigram/tokenizer.json, of 20,000 tokens at most.
"""
import json
import pathlib
import sys

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
SIZE = 20_000


def save(tokenizer, directory):
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(directory / "tokenizer.json"))


with open(sys.argv[1], encoding="utf-8") as stream:
    texts = sorted({json.loads(line)["text"] for line in stream})
output = pathlib.Path(sys.argv[2])

bpe = Tokenizer(models.BPE())
bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
bpe.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=SIZE, special_tokens=SPECIAL, show_progress=False,
                                                   initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
save(bpe, output / "bpe")

unigram = Tokenizer(models.Unigram())
unigram.normalizer = normalizers.NFKC()
unigram.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
unigram.train_from_iterator(texts, trainers.UnigramTrainer(vocab_size=SIZE, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False))
save(unigram, output / "unigram")
