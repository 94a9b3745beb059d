"""What the commands answer on standard output: with --json one document and nothing else, and its values."""

import json
import pathlib
import unittest

from program import TINY_BERT, VOCABULARY, ProgramTest, change_json, make_model, make_task

LOSSES = {"ground_truth", "ground_truth_sum", "logit", "hidden_state", "attention_score", "attention_map", "context",
          "attention_output", "sa_output"}
TOLERANCE = 1e-4  # relative, of what the reference implementation computed in float32


def reference(name):
    return json.loads((TINY_BERT / name).read_text())


class LossesTest(ProgramTest):
    def setUp(self):
        super().setUp()
        make_model(self.dir / "teacher")
        make_model(self.dir / "student", "student")

    def losses(self, batch, *options):
        document = self.json_of("losses", "--teacher", "teacher", "--student", "student", "--batch", TINY_BERT / batch,
                                "--json", *options)
        self.assertEqual(set(document), {"losses"})
        self.assertEqual(set(document["losses"]), LOSSES)
        return document["losses"]

    def assert_close(self, actual, expected):
        for name in LOSSES & set(expected):
            self.assertAlmostEqual(actual[name] / expected[name], 1.0, delta=TOLERANCE, msg=name)

    def test_are_the_references_at_every_width(self):
        for bits in (2, 4, 8):
            with self.subTest(bits):
                losses = self.losses("batch.safetensors", "--weight-bits", bits, "--embedding-bits", bits,
                                     "--activation-bits", "8", "--activation-granularity", "tensor")
                self.assert_close(losses, reference(f"losses-w{bits}a8.json"))
                self.assertAlmostEqual(losses["ground_truth"] * 2, losses["ground_truth_sum"])
        with self.subTest(32):
            losses = self.losses("batch.safetensors", "--weight-bits", "32", "--activation-bits", "32")
            self.assert_close(losses, reference("losses-w32a32.json"))

    def test_are_the_references_for_sentences_of_several_lengths(self):
        self.assert_close(self.losses("ragged-batch.safetensors", "--weight-bits", "2"),
                          reference("ragged-losses-w2a8-token.json")["losses"])
        self.assert_close(self.losses("ragged-batch.safetensors", "--weight-bits", "32", "--activation-bits", "32"),
                          reference("ragged-losses-w32a32.json").get("losses"))

    def test_every_option_changes_the_result(self):
        base = self.losses("ragged-batch.safetensors")
        for options in [("--weight-bits", "4", "--embedding-bits", "2"), ("--embedding-bits", "4"),
                        ("--activation-bits", "32"), ("--activation-granularity", "tensor"),
                        ("--weight-granularity", "row"), ("--precision", "bf16")]:
            with self.subTest(options[0]):
                changed = self.losses("ragged-batch.safetensors", *options)
                self.assertNotEqual(changed["hidden_state"], base["hidden_state"])
        warm = self.losses("ragged-batch.safetensors", "--temperature", "inf")
        self.assertNotEqual(warm["attention_map"], base["attention_map"])
        self.assertEqual(warm["hidden_state"], base["hidden_state"])

    def test_a_teacher_at_32_bits_has_no_distance_from_itself(self):
        losses = self.json_of("losses", "--teacher", "teacher", "--student", "teacher", "--batch",
                              TINY_BERT / "batch.safetensors", "--weight-bits", "32", "--activation-bits", "32",
                              "--json")["losses"]
        for name in ("hidden_state", "attention_score", "context", "attention_output", "sa_output"):
            self.assertEqual(losses[name], 0.0)

    def test_need_no_vocabulary(self):
        for model in ("teacher", "student"):
            (self.dir / model / "vocab.txt").unlink()
        self.losses("batch.safetensors")

    def test_without_json_a_line_a_loss(self):
        lines = self.succeed("losses", "--teacher", "teacher", "--student", "student", "--batch",
                             TINY_BERT / "batch.safetensors").stdout.splitlines()
        self.assertEqual({line.split(": ")[0] for line in lines}, LOSSES)


class AnswersTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.model = make_model(self.dir / "model", labels=2)
        change_json(self.model / "config.json", id2label={"0": "negative", "1": "positive"})

    def lines_of(self, *arguments, text_in):
        return [json.loads(line) for line in self.succeed(*arguments, text_in=text_in).stdout.splitlines()]

    def test_evaluate(self):
        make_task(self.dir / "data", "sst-2", train=4, dev=10)
        run = self.succeed("evaluate", "--model", "model", "--task", "sst-2", "--data", "data", "--json")
        result = json.loads(run.stdout)
        self.assertEqual(set(result), {"task", "split", "examples", "metric", "score", "metrics"})
        self.assertEqual((result["task"], result["split"], result["examples"], result["metric"]),
                         ("sst-2", "dev", 10, "accuracy"))
        self.assertEqual(result["score"], result["metrics"]["accuracy"])
        self.assertLessEqual({"accuracy", "f1", "macro_f1", "matthews", "f1_and_accuracy"}, set(result["metrics"]))
        train = self.json_of("evaluate", "--model", "model", "--task", "sst-2", "--data", "data", "--split", "train",
                             "--json")
        self.assertEqual((train["split"], train["examples"]), ("train", 4))
        text = self.succeed("evaluate", "--model", "model", "--task", "sst-2", "--data", "data").stdout
        self.assertIn("accuracy", text)

    def test_evaluate_counts_what_predict_answers(self):
        make_task(self.dir / "data", "sst-2", train=4, dev=10)
        rows = [row.split("\t") for row in (self.dir / "data" / "dev.tsv").read_text().splitlines()[1:]]
        answers = self.lines_of("predict", "--model", "model", text_in="".join(f"{text}\n" for text, _ in rows))
        right = sum((answer["label"] == "positive") == (label == "1") for answer, (_, label) in zip(answers, rows))
        result = self.json_of("evaluate", "--model", "model", "--task", "sst-2", "--data", "data", "--json")
        self.assertEqual(result["score"], right / 10)

    def test_predict_answers_plain_lines_and_json_lines_alike(self):
        (self.dir / "texts").write_text("up1 up2\ndown3\n")
        plain = self.lines_of("predict", "--model", "model", "texts", text_in="")
        self.assertEqual(len(plain), 2)
        for answer in plain:
            self.assertEqual(set(answer), {"label", "scores"})
            self.assertEqual(set(answer["scores"]), {"negative", "positive"})
            self.assertAlmostEqual(sum(answer["scores"].values()), 1.0, places=6)
            self.assertEqual(answer["label"], max(answer["scores"], key=answer["scores"].get))
        as_json = '{"text": "up1 up2"}\n\n{"text": "down3", "pair": null}\n'
        self.assertEqual(self.lines_of("predict", "--model", "model", "-", text_in=as_json), plain)

    def test_predict_reads_pairs(self):
        text = '{"text": "up1 up2", "pair": "down3"}\n{"text": "up1 up2"}\n'
        pair, single = self.lines_of("predict", "--model", "model", text_in=text)
        self.assertNotEqual(pair, single)

    def test_predict_gives_each_line_an_answer_that_does_not_depend_on_the_others(self):
        lines = [f"up{i % 40} down{i % 7}" for i in range(70)]  # three batches
        answers = self.lines_of("predict", "--model", "model", text_in="".join(f"{line}\n" for line in lines))
        self.assertEqual(len(answers), 70)
        alone = self.lines_of("predict", "--model", "model", text_in=f"{lines[69]}\n")
        for label, score in alone[0]["scores"].items():
            self.assertAlmostEqual(answers[69]["scores"][label], score, places=5)

    def test_predict_of_a_regression_gives_the_score(self):
        make_model(self.dir / "regression", labels=1)
        answer = self.lines_of("predict", "--model", "regression", text_in="up1\n")[0]
        self.assertIsInstance(answer["label"], float)
        self.assertEqual(answer["scores"], {"score": answer["label"]})

    def test_nothing_in_nothing_out(self):
        self.assertEqual(self.succeed("predict", "--model", "model", text_in="").stdout, "")
        self.assertEqual(self.succeed("tokenize", "--model", "model", text_in="").stdout, "")

    def test_tokenize(self):
        ids = {token: i for i, token in enumerate(VOCABULARY)}
        text = '{"text": "UP1 unknown"}\n{"text": "up1 up2 up3 up4", "pair": "down5"}\n'
        self.assertEqual(self.lines_of("tokenize", "--model", "model", text_in=text), [
            {"input_ids": [ids["[CLS]"], ids["up1"], ids["[UNK]"], ids["[SEP]"]], "token_type_ids": [0, 0, 0, 0]},
            {"input_ids": [ids["[CLS]"], ids["up1"], ids["up2"], ids["up3"], ids["up4"], ids["[SEP]"], ids["down5"],
                           ids["[SEP]"]],
             "token_type_ids": [0, 0, 0, 0, 0, 0, 1, 1]}])
        short = self.lines_of("tokenize", "--model", "model", "--max-seq-length", "6", text_in=text)[1]
        self.assertEqual(short["input_ids"],
                         [ids[token] for token in ("[CLS]", "up1", "up2", "[SEP]", "down5", "[SEP]")])

    def test_tokenize_gives_offsets_where_it_is_asked_for_them(self):
        text = '{"text": "É up1", "pair": "down5"}\n'
        answer = self.lines_of("tokenize", "--model", "model", "--offsets", text_in=text)[0]
        self.assertEqual(answer["offsets"], [[0, 0], [0, 1], [2, 5], [0, 0], [0, 5], [0, 0]])
        self.assertEqual(len(answer["input_ids"]), 6)

    def test_info_of_a_directory(self):
        info = self.json_of("info", "model", "--json")
        self.assertEqual(info["architecture"]["model_type"], "bert")
        self.assertEqual(info["architecture"]["hidden_size"], 32)
        self.assertEqual(info["kind"], "classifier")
        self.assertEqual(info["labels"], ["negative", "positive"])
        self.assertEqual(info["size_bytes"]["float32"], 4 * info["parameters"])
        self.assertNotIn("quantization", info)
        text = self.succeed("info", "model").stdout
        self.assertIn("kind: classifier", text)

    def test_info_of_an_encoder(self):
        make_model(self.dir / "encoder", labels=0)
        self.assertEqual(self.json_of("info", "encoder", "--json")["kind"], "encoder")

    def test_info_of_a_file(self):
        info = self.json_of("info", TINY_BERT / "batch.safetensors", "--json")
        self.assertEqual({tensor["name"]: (tensor["dtype"], tensor["shape"]) for tensor in info["tensors"]},
                         {"input_ids": ("I64", [2, 8]), "token_type_ids": ("I64", [2, 8]),
                          "attention_mask": ("I64", [2, 8]), "labels": ("I64", [2])})

    def test_info_of_a_packed_model(self):
        packed = TINY_BERT.parents[1] / "fuzz" / "corpus" / "packed_file" / "student.safetensors"
        info = self.json_of("info", packed, "--json")
        self.assertEqual(info["kind"], "packed student")
        self.assertEqual(info["size_bytes"]["file"], packed.stat().st_size)
        self.assertEqual(info["architecture"]["hidden_size"], 36)
        self.assertEqual(info["quantization"]["weight_bits"], 2)

    def test_a_standard_output_that_takes_nothing_is_an_error(self):
        if not pathlib.Path("/dev/full").exists():
            self.skipTest("needs /dev/full")
        with open("/dev/full", "w", encoding="utf-8") as full:
            for arguments in (("info", "model", "--json"), ("info", "model"), ("tokenize", "--model", "model")):
                run = self.run_program(*arguments, text_in='{"text": "up1"}\n', stdout=full)
                self.assertEqual(run.returncode, 1)
                self.assert_message(1, "standard output: can't write", run.stderr)


if __name__ == "__main__":
    unittest.main()
