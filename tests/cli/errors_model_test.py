"""A model directory that is damaged or does not fit is refused with a message that names the file and the field or
tensor; what a run before has left in the output folder stays, --overwrite or not."""

import resource
import shutil
import struct
import unittest

from program import (FAILED, TINY_BERT, USAGE, VOCABULARY, ProgramTest, Tensor, change_json, change_safetensors,
                     make_model, make_task, safetensors_bytes)

QUERY = "bert.encoder.layer.1.attention.self.query.weight"
TASK = ("--task", "sst-2", "--data", "data")
NAN, INFINITY = float("nan"), float("inf")


class BadModelTest(ProgramTest):
    def setUp(self):
        super().setUp()
        make_task(self.dir / "data", "sst-2", train=4, dev=4)
        old = self.dir / "old"
        (old / "last").mkdir(parents=True)
        for name in ("model.safetensors", "config.json", "metrics.jsonl", "checkpoint.safetensors", "last/config.json"):
            (old / name).write_text(f"old {name}")
        self.model = self.dir / "model"
        self.weights = self.model / "model.safetensors"
        self.config = self.model / "config.json"

    def refuse_teacher(self, message, code=FAILED):
        self.refuse(code, message, "distill", "--teacher", "model", *TASK, "--output", "old", "--overwrite")

    def renew(self):
        """A good teacher in self.model."""
        if self.model.exists():
            shutil.rmtree(self.model)
        make_model(self.model, labels=2)

    def refuse_each(self, cases):
        """Each of `cases` is what to do to a good teacher, and the message."""
        for change, message in cases:
            with self.subTest(message):
                self.renew()
                change()
                self.refuse_teacher(message)

    def test_damaged_weights(self):
        def entry(begin, end, shape, dtype="F32"):
            return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}

        def write(content):
            return lambda: self.weights.write_bytes(content)

        good = (TINY_BERT / "teacher.safetensors").read_bytes()
        self.refuse_each([
            (self.weights.unlink, "model: expected a model directory with model.safetensors, found no such file"),
            (write(b""), "model/model.safetensors: expected at least 8 bytes (the length of the header), found 0"),
            (write(good[:1000]), "model/model.safetensors: expected a header of "),
            (write(good[:-4]), "are outside of the file: expected at most "),
            (write(good + b"x"), "bytes after the header, found "),
            (write(struct.pack("<Q", 1 << 40) + good[8:]),
             "model/model.safetensors: expected a header of at most 100000000 bytes, found a length of 1099511627776"),
            (write(safetensors_bytes(b"{\"a\":")), "model/model.safetensors: header: expected JSON in UTF-8"),
            (write(safetensors_bytes({"a": entry(0, 8, [2]), "b": entry(4, 12, [2])}, bytes(12))),
             "tensor 'b': offsets [4, 12] overlap the tensor before: expected begin 8, found 4"),
            (write(safetensors_bytes({"a": entry(0, 800, [200])}, bytes(12))),
             "model/model.safetensors: tensor 'a': offsets [0, 800] are outside of the file: expected at most 12"),
            (write(safetensors_bytes({"a": entry(0, 12, [2])}, bytes(12))),
             "model/model.safetensors: tensor 'a': offsets [0, 12] do not fit F32 [2]: expected 8 bytes, found 12"),
        ])

    def test_weights_of_another_kind_than_the_configuration_says(self):
        def change(alter):
            return lambda: change_safetensors(self.weights, alter)

        def to_integers(tensors):
            tensors[QUERY] = Tensor.integers([32, 32], [0] * 1024)

        def transpose(tensors):
            tensors[QUERY] = tensors[QUERY]._replace(shape=[16, 64])

        def drop(tensors):
            del tensors[QUERY]

        def add(tensors):
            tensors["bert.encoder.layer.2.output.dense.bias"] = Tensor.floats([32], [0.0] * 32)

        def spell_twice(tensors):
            tensors[QUERY.removeprefix("bert.")] = tensors[QUERY]

        def put(value):
            def alter(tensors):
                values = tensors[QUERY].values()
                values[37] = value
                tensors[QUERY] = Tensor.floats([32, 32], values)
            return alter

        where = f"model/model.safetensors: tensor '{QUERY}': expected "
        self.refuse_each([
            (change(to_integers), f"{where}floating point (F32, F16 or BF16), found I64"),
            (change(transpose), f"{where}[32, 32] (config.json), found [16, 64]"),
            (change(drop), f"{where}[32, 32], found none"),
            (change(add), "model/model.safetensors: tensor 'bert.encoder.layer.2.output.dense.bias': expected the "
                          "tensors of a BertForSequenceClassification with 2 layers (config.json)"),
            (change(spell_twice), f"found under two spellings of '{QUERY}'"),
            (change(put(NAN)), f"{where}finite values, found nan at element 37"),
            (change(put(-INFINITY)), f"{where}finite values, found -inf at element 37"),
        ])

    def test_bad_configurations(self):
        def change(**fields):
            return lambda: change_json(self.config, **fields)

        quantization = {"quantization": {"weight_bits": 3}}
        self.refuse_each([
            (self.config.unlink, "model: expected a model directory with config.json, found no such file"),
            (lambda: self.config.write_text("{"), "model/config.json: expected JSON"),
            (change(hidden_size=None),
             "model/config.json: hidden_size: expected an integer from 1 to 65536, found no such field"),
            (change(hidden_size="32"),
             "model/config.json: hidden_size: expected an integer from 1 to 65536, found \"32\""),
            (change(num_attention_heads=5),
             "model/config.json: num_attention_heads: expected a divisor of hidden_size (32), found 5"),
            (change(intermediate_size=10**12),
             "model/config.json: intermediate_size: expected an integer from 1 to 1000000, found 1000000000000"),
            (change(hidden_size=65536, num_hidden_layers=1024),
             "model/config.json: expected sizes that make at most 10000000000 parameters, found about "),
            (change(model_type="albert"), "model/config.json: model_type: expected one of bert roberta xlm-roberta camembert "
                                          "distilbert electra mpnet modernbert deberta-v2, found \"albert\""),
            (change(hidden_act="mish"), "model/config.json: hidden_act: expected one of gelu gelu_python gelu_new gelu_fast "
                                        "gelu_pytorch_tanh relu silu swish tanh, found \"mish\""),
            (change(kdqat=quantization), "kdqat.quantization: weight_bits: expected one of 2, 4, 8, 32, found 3"),
        ])

    def test_sizes_beyond_the_file_are_refused_before_memory_is_taken_for_them(self):
        self.renew()
        change_json(self.config, vocab_size=10_000_000)  # a word embedding of 1.3 GB
        self.refuse_teacher("tensor 'bert.embeddings.word_embeddings.weight': expected [10000000, 32] (config.json), "
                            "found [120, 32]")
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # KiB, of all programs so far
        self.assertLess(largest, 1 << 20)

    def test_a_directory_with_only_a_pickle_is_refused_with_the_way_to_convert_it(self):
        self.renew()
        self.weights.rename(self.model / "pytorch_model.bin")
        self.refuse_teacher("model: expected model.safetensors, found pytorch_model.bin; to convert it run in this "
                            "directory: python3 -c \"import torch; from safetensors.torch import save_file; ")

    def test_vocabularies_that_do_not_fit(self):
        vocabulary = self.model / "vocab.txt"

        def write(tokens):
            return lambda: vocabulary.write_text("".join(f"{token}\n" for token in tokens))

        self.refuse_each([
            (write(token for token in VOCABULARY if token != "[UNK]"), "[UNK]"),
            (write([*VOCABULARY, "more"]),
             "model: expected a vocabulary of at most 120 tokens (vocab_size of config.json), found 121"),
            (vocabulary.unlink, "model: "),
        ])

    def test_a_teacher_whose_labels_do_not_fit_the_task(self):
        make_model(self.model, labels=3)
        self.refuse_teacher("model: expected a classifier with 2 labels for the task sst-2, found 3")
        self.refuse(FAILED, "model: expected a classifier with 2 labels for the task sst-2, found 3",
                    "evaluate", "--model", "model", *TASK, "--json")

    def test_a_student_is_no_teacher(self):
        self.renew()
        change_json(self.config, kdqat={"quantization": {"weight_bits": 2}})
        self.refuse_teacher("model: expected a teacher in floating point, found a student")
        self.refuse(FAILED, "model: expected an encoder in floating point, found a student",
                    "finetune", "--model", "model", *TASK, "--output", "old", "--overwrite")

    def test_an_encoder_without_a_classifier_answers_nothing(self):
        make_model(self.model, labels=0)
        self.refuse_teacher("found an encoder without one: fine-tune it first")
        self.refuse(FAILED, "found an encoder without one: fine-tune it first", "predict", "--model", "model",
                    text_in="up1\n")

    def test_every_command_refuses_damaged_weights(self):
        self.renew()
        make_model(self.dir / "good", labels=2)
        self.weights.write_bytes(self.weights.read_bytes()[:-4])
        batch = TINY_BERT / "batch.safetensors"
        for arguments in [
                ("finetune", "--model", "model", *TASK, "--output", "old", "--overwrite"),
                ("evaluate", "--model", "model", *TASK, "--json"),
                ("predict", "--model", "model"),
                ("info", "model", "--json"),
                ("export", "--dequantized", "--model", "model", "--output", "old", "--overwrite"),
                ("losses", "--teacher", "good", "--student", "model", "--batch", batch, "--json"),
                ("losses", "--teacher", "model", "--student", "good", "--batch", batch, "--json")]:
            with self.subTest(arguments[0]):
                self.refuse(FAILED, "model/model.safetensors: tensor 'classifier.bias': offsets [", *arguments,
                            text_in="up1\n")

    def test_a_directory_that_is_not_there_is_a_wrong_use(self):
        self.refuse_teacher("--teacher: Directory does not exist: model", USAGE)
        self.refuse(USAGE, "--model: Directory does not exist: model", "predict", "--model", "model")

    def test_a_file_in_place_of_a_directory_is_a_wrong_use(self):
        self.model.write_text("")
        self.refuse_teacher("--teacher: Directory is actually a file: model", USAGE)


if __name__ == "__main__":
    unittest.main()
