"""Fine-tuning and distilling from end to end: what a run writes, and that it answers as its training said."""

import json
import re
import unittest

from program import FAILED, ProgramTest, make_model, make_task, options, read_safetensors

LEARN = options(learning_rate="1e-3", epochs=12, batch_size=8, threads=1)  # enough for the words of the tasks
QUICK = options(learning_rate="1e-3", max_steps=4, batch_size=8, eval_steps=2, threads=1)
FROM_TEACHER = options(teacher="teacher", task="sst-2", data="data")
ONE_STEP = options(max_steps=1, batch_size=8, threads=1)

OBJECTIVES = {
    "hard-label": {"ground_truth"},
    "soft-label": {"logit"},
    "hidden": {"logit", "hidden_state"},
    "ternarybert": {"logit", "hidden_state", "attention_score"},
    "map": {"logit", "hidden_state", "attention_map"},
    "output": {"logit", "hidden_state", "attention_output"},
    "unified": {"logit", "hidden_state", "attention_map", "attention_output"},
}


class TrainingTest(ProgramTest):
    def records(self, run, kind):
        lines = (self.dir / run / "metrics.jsonl").read_text().splitlines()
        return [record for record in map(json.loads, lines) if record["kind"] == kind]

    def evaluate(self, model, *task):
        return self.json_of("evaluate", "--model", model, *task, "--threads", "1", "--json")

    def train(self, command, output, *arguments):
        """Runs a training; the best model must get the score that it printed, to the last digit."""
        run = self.succeed(command, *arguments, "--output", output)
        self.assertEqual(run.stdout, "")
        printed = re.search(r"^best (\S+) (\S+) after step (\d+) of (\d+), last (\S+)$", run.stderr, re.MULTILINE)
        self.assertIsNotNone(printed, run.stderr)
        at = arguments.index("--task")
        best = self.evaluate(output, *arguments[at:at + 4])
        self.assertEqual((best["metric"], json.dumps(best["score"])), printed.group(1, 2))
        evaluations = self.records(output, "evaluation")
        self.assertEqual(max(record["score"] for record in evaluations), best["score"])
        self.assertEqual(json.dumps(evaluations[-1]["score"]), printed.group(5))
        return best


class EndToEndTest(TrainingTest):
    def setUp(self):
        super().setUp()
        make_model(self.dir / "encoder", labels=0, dropout=0.1)

    def test_a_teacher_learns_and_its_student_too(self):
        make_task(self.dir / "data", "sst-2", train=96)
        task = ("--task", "sst-2", "--data", "data")
        teacher = self.train("finetune", "teacher", "--model", "encoder", *task, *LEARN)
        self.assertGreaterEqual(teacher["score"], 0.9)
        student = self.train("distill", "student", "--teacher", "teacher", *task, *LEARN)
        self.assertGreaterEqual(student["score"], 0.8)

        for run in ("teacher", "student"):
            last = self.evaluate(f"{run}/last", *task)
            self.assertEqual(self.records(run, "evaluation")[-1]["metrics"], last["metrics"])
            for name in ("config.json", "model.safetensors", "vocab.txt", "metrics.jsonl", "report.html", "run.toml",
                         "last/config.json", "last/model.safetensors", "last/vocab.txt"):
                self.assertTrue((self.dir / run / name).is_file(), f"{run}/{name}")
            self.assertEqual([], list((self.dir / run).rglob("*.tmp")) + list((self.dir / run).glob("checkpoint*")))
        info = self.json_of("info", "student", "--json")
        self.assertEqual(info["kind"], "student")
        self.assertEqual(info["labels"], ["negative", "positive"])
        self.assertEqual(info["task"]["name"], "sst-2")
        self.assertEqual(info["scores"]["dev"]["score"], student["score"])
        self.assertEqual(info["teacher"]["scores"]["dev"]["score"], teacher["score"])
        self.assertEqual(info["quantization"], {"weight_bits": 2, "embedding_bits": 2, "activation_bits": 8,
                                                "weight_granularity": "tensor", "activation_granularity": "token"})
        self.assertLess(info["size_bytes"]["quantized"], info["size_bytes"]["float32"] / 4)
        self.assertIn("kdqat export --dequantized", (self.dir / "student" / "README.md").read_text())

        self.succeed("export", "--dequantized", "--model", "student", "--output", "plain")
        plain = self.json_of("info", "plain", "--json")
        self.assertEqual(plain["kind"], "classifier")
        self.assertNotIn("quantization", plain)
        tensors = read_safetensors(self.dir / "plain" / "model.safetensors")
        for name, tensor in tensors.items():
            if re.search(r"(query|key|value|dense)\.weight$", name):
                self.assertLessEqual(len(set(tensor.values())), 3, name)
        self.assertGreaterEqual(self.evaluate("plain", *task)["score"], 0.8)
        answers = self.succeed("predict", "--model", "student", text_in="up1 up2 up3\ndown1 down2 down3\n").stdout
        self.assertEqual([json.loads(line)["label"] for line in answers.splitlines()], ["positive", "negative"])

    def test_pairs(self):
        make_task(self.dir / "data", "rte")
        task = ("--task", "rte", "--data", "data")
        self.train("finetune", "teacher", "--model", "encoder", *task, *QUICK)
        self.train("distill", "student", "--teacher", "teacher", *task, *QUICK)
        self.assertEqual(self.json_of("info", "student", "--json")["labels"], ["entailment", "not_entailment"])

    def test_a_regression(self):
        make_task(self.dir / "data", "sts-b")
        task = ("--task", "sts-b", "--data", "data")
        self.train("finetune", "teacher", "--model", "encoder", *task, *QUICK)
        for objective in ("hard-label", "unified"):
            student = self.train("distill", objective, "--teacher", "teacher", *task, *QUICK, "--objective", objective)
            self.assertEqual(student["metric"], "pearson_and_spearman")
            self.assertEqual(set(student["metrics"]), {"pearson", "spearman", "pearson_and_spearman"})

    def test_own_data_of_three_classes_in_pairs(self):
        (self.dir / "data").mkdir()
        for split in ("train", "dev"):
            lines = [{"a": f"up{i} down{i}", "b": f"and{i}", "class": ["x", "y", "z"][i % 3]} for i in range(30)]
            (self.dir / "data" / f"{split}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        task = ("--task", "custom", "--data", "data")
        columns = ("--text-column", "a", "--pair-column", "b", "--label-column", "class", "--metric", "macro_f1")
        self.train("finetune", "teacher", "--model", "encoder", *task, *QUICK, *columns)
        # The model keeps the columns, and the labels in their order.
        student = self.train("distill", "student", "--teacher", "teacher", *task, *QUICK)
        self.assertEqual(student["metric"], "macro_f1")
        self.assertEqual(self.json_of("info", "student", "--json")["labels"], ["x", "y", "z"])
        self.refuse(FAILED, "student: expected its labels 'x', 'y', 'z' in this order, found 'z', 'y', 'x'",
                    "evaluate", "--model", "student", *task, *columns, "--labels", "z,y,x")


class DistillingTest(TrainingTest):
    """One teacher, which has seen nothing of the task: what counts is that every setting does what it says."""

    def setUp(self):
        super().setUp()
        make_model(self.dir / "teacher", labels=2, dropout=0.1)
        make_task(self.dir / "data", "sst-2", train=32, dev=33)

    def distill(self, output, *arguments):
        return self.train("distill", output, *FROM_TEACHER, *QUICK, *arguments)

    def first_losses(self, *arguments):
        """Losses and their total at the first update."""
        self.succeed("distill", *FROM_TEACHER, *ONE_STEP, "--output", "run", "--overwrite", *arguments)
        return self.records("run", "step")[0]

    def test_every_objective_is_the_sum_of_its_losses(self):
        for objective, losses in OBJECTIVES.items():
            with self.subTest(objective):
                step = self.first_losses("--objective", objective)
                self.assertEqual(set(step["losses"]), losses)
                self.assertAlmostEqual(step["loss"] / sum(step["losses"].values()), 1.0, places=5)

    def test_gamma_and_weights(self):
        step = self.first_losses(*options(gamma=0.3, logit_weight=0, hidden_state_weight=2, context_weight=0.5))
        losses = step["losses"]
        self.assertEqual(set(losses), {"hidden_state", "attention_map", "attention_output", "context"})
        total = 0.3 * losses["attention_map"] + 0.7 * losses["attention_output"] + 2 * losses["hidden_state"] + \
            0.5 * losses["context"]
        self.assertAlmostEqual(step["loss"] / total, 1.0, places=5)

    def test_temperature_and_layers(self):
        losses = [self.first_losses("--objective", "map", "--temperature", tau)["losses"] for tau in ("1", "2", "inf")]
        self.assertEqual(len({of_one["attention_map"] for of_one in losses}), 3)
        self.assertEqual(len({of_one["hidden_state"] for of_one in losses}), 1)
        everywhere = self.first_losses()
        self.assertEqual(len(everywhere["layer_losses"]["hidden_state"]), 3)  # the embedding and two layers
        self.assertEqual(len(everywhere["layer_losses"]["attention_map"]), 2)
        second = self.first_losses("--distill-layers", "1")
        self.assertEqual(second["losses"]["attention_map"], everywhere["layer_losses"]["attention_map"][1])
        self.assertEqual(second["losses"]["hidden_state"], everywhere["layer_losses"]["hidden_state"][2])

    def test_every_width_scores_as_it_was_trained(self):
        sizes = []
        for bits in ("2", "4", "8", "32"):
            with self.subTest(bits):
                self.distill(f"w{bits}", "--weight-bits", bits, "--activation-bits", "32" if bits == "32" else "8")
                info = self.json_of("info", f"w{bits}", "--json")
                self.assertEqual(str(info["quantization"]["weight_bits"]), bits)
                sizes.append(info["size_bytes"]["quantized"])
        self.assertEqual(sizes, sorted(sizes))

    def test_every_granularity_and_precision_scores_as_it_was_trained(self):
        for settings in [{"activation_granularity": "tensor"}, {"weight_granularity": "row"}, {"precision": "bf16"},
                         {"embedding_bits": 8, "activation_granularity": "tensor", "precision": "bf16"}]:
            with self.subTest(settings):
                self.distill("-".join(settings), *options(**settings))

    def test_batches_by_tokens_and_another_training_file(self):
        (self.dir / "more.tsv").write_text("sentence\tlabel\n" + "up1 up2\t1\ndown1\t0\n" * 20)
        self.distill("by-tokens", "--bucket-by-length",
                     *options(batch_tokens=50, train="more.tsv", max_seq_length=8))
        self.assertEqual(self.json_of("info", "by-tokens", "--json")["config"]["train"], "more.tsv")

    def test_seeds_differ_and_repeat(self):
        weights = []
        for output, seed in (("a", "1"), ("b", "2"), ("c", "1")):
            self.succeed("distill", *FROM_TEACHER, *QUICK, "--output", output, "--seed", seed)
            weights.append((self.dir / output / "last" / "model.safetensors").read_bytes())
        self.assertNotEqual(weights[0], weights[1])
        self.assertEqual(weights[0], weights[2])


if __name__ == "__main__":
    unittest.main()
