"""The command line: help, version, wrong uses, exit codes, and settings from a file."""

import json
import re
import unittest

from program import FAILED, USAGE, ProgramTest, make_model, make_task, options

COMMANDS = ("finetune", "distill", "study", "evaluate", "predict", "info", "export", "losses", "tokenize")


class UsageTest(ProgramTest):
    def test_help_lists_every_command(self):
        text = self.succeed("--help").stdout
        for command in COMMANDS:
            self.assertRegex(text, rf"\n  {command} ")

    def test_help_of_each_command_names_its_options_with_units_and_defaults(self):
        expected = {
            "finetune": ("--model", "--learning-rate FLOAT:POSITIVE=2e-05", "--epochs", "--resume", "--max-seq-length", "--hold-out"),
            "distill": ("--objective", "=unified", "--gamma", "--attention-map-weight", "--temperature FLOAT=1",
                        "--weight-bits INT:{2,4,8,32}=2", "--activation-granularity", "--checkpoint-seconds"),
            "study": ("FILE", "--output", "--dry-run", "--only-table", "--json"),
            "evaluate": ("--split TEXT=dev", "--json"),
            "predict": ("FILE", "--model"),
            "info": ("PATH", "--json"),
            "export": ("--dequantized", "--output"),
            "losses": ("--batch", "--embedding-bits", "--precision"),
            "tokenize": ("--max-seq-length", "--offsets"),
        }
        for command in COMMANDS:
            with self.subTest(command):
                run = self.succeed(command, "--help")
                self.assertEqual(run.stderr, "")
                for text in expected[command]:
                    self.assertIn(text, run.stdout)

    def test_version(self):
        self.assertRegex(self.succeed("--version").stdout, r"^\d+\.\d+\.\d+\n$")

    def test_wrong_uses_end_with_2_and_say_what_is_wrong(self):
        make_model(self.dir / "model")
        (self.dir / "data").mkdir()
        train = ("finetune", "--model", "model", "--task", "sst-2", "--data", "data", "--output", "run")
        distill = ("distill", "--teacher", "model", "--task", "sst-2", "--data", "data", "--output", "run")
        for message, arguments in [
                ("A subcommand is required", ()),
                ("--teacher is required", ("distill",)),
                ("The following argument was not expected: --bogus", ("info", "model", "--bogus")),
                ("PATH: Path does not exist: nowhere", ("info", "nowhere")),
                ("--data: Directory does not exist: nowhere", (*train, "--data", "nowhere")),
                ("--learning-rate: ", (*train, "--learning-rate", "0")),
                ("--epochs", (*train, "--epochs", "many")),
                ("--seed", (*train, "--seed", "-1")),
                ("--precision: ", (*train, "--precision", "fp16")),
                ("--weight-bits: 3 not in {2,4,8,32}", (*distill, "--weight-bits", "3")),
                ("--activation-granularity: ", (*distill, "--activation-granularity", "row")),
                ("--objective: both not in {", (*distill, "--objective", "both")),
                ("--gamma: ", (*distill, "--gamma", "1.5")),
                ("--temperature: expected more than 0, found 0", (*distill, "--temperature", "0")),
                ("distilled layers: expected 'all' or layers such as 0,5,11, found 'x'",
                 (*distill, "--distill-layers", "x")),
                ("--dequantized is required", ("export", "--model", "model", "--output", "run"))]:
            with self.subTest(message):
                self.refuse(USAGE, message, *arguments)

    def test_settings_that_only_the_model_shows_to_be_wrong_end_with_1(self):
        make_model(self.dir / "model", labels=2)
        make_task(self.dir / "data", "sst-2", train=4, dev=4)
        distill = ("distill", "--teacher", "model", "--task", "sst-2", "--data", "data", "--output", "run")
        for message, arguments in [
                ("distilled layers: expected 0 to 1, found 2", ("--distill-layers", "0,2")),
                ("learning rate: expected more than 0, found nan", ("--learning-rate", "nan")),
                ("gamma: expected the objective unified, found map", ("--objective", "map", "--gamma", "0.5")),
                ("objective: expected a loss with a weight above 0, found none",
                 ("--objective", "soft-label", "--logit-weight", "0")),
                ("max_seq_length: expected 5 to 32 (max_position_embeddings), found 33", ("--max-seq-length", "33")),
                ("expected --resume or --overwrite, found both", ("--resume", "--overwrite"))]:
            with self.subTest(message):
                self.refuse(FAILED, message, *distill, *arguments)


class SettingsFileTest(ProgramTest):
    def setUp(self):
        super().setUp()
        make_model(self.dir / "model", labels=2)
        make_task(self.dir / "my data", "sst-2", train=8, dev=4)
        self.data = ("--data", "my data")
        self.train = ("finetune", "--model", "model", "--task", "sst-2", *self.data)

    def write(self, text):
        (self.dir / "settings.toml").write_text(text)

    def config_of(self, *arguments):
        """What a run says of its configuration; two updates, the first at a learning rate of 0."""
        self.succeed(*arguments, "--threads", "1", "--output", "run", "--overwrite")
        with open(self.dir / "run" / "metrics.jsonl", encoding="utf-8") as metrics:
            return json.loads(metrics.readline())["config"]

    def test_a_file_goes_before_the_defaults_and_the_command_line_before_the_file(self):
        self.write('[finetune]\nlearning-rate=0.001\nmax-steps=2\nseed=7\nprecision="bf16"\nbucket-by-length=true\n')
        config = self.config_of(*self.train, "--config", "settings.toml", "--seed", "8")
        self.assertEqual(config["learning_rate"], 0.001)
        self.assertEqual(config["max_steps"], 2)
        self.assertEqual(config["seed"], 8)
        self.assertEqual(config["precision"], "bf16")
        self.assertTrue(config["bucket_by_length"])
        self.assertEqual(config["epochs"], 3)

    def test_a_run_has_the_precision_that_the_help_names(self):
        shown = re.search(r"--precision ENUM=(fp32|bf16)", self.succeed("finetune", "--help").stdout)
        self.assertEqual(self.config_of(*self.train, "--max-steps", "1")["precision"], shown.group(1))

    def test_a_file_may_hold_what_is_required(self):
        self.write('[finetune]\nmodel="model"\ntask="sst-2"\ndata="my data"\nmax-steps=1\n[distill]\ngamma=0.5\n')
        config = self.config_of("finetune", "--config", "settings.toml")
        self.assertEqual(config["data"], "my data")

    def test_bad_files_are_wrong_uses(self):
        for text, message in [
                ("[finetune]\nlearning-rat=0.1\n", "settings.toml: [finetune]: expected options of finetune, found 'learning-rat'"),
                ("[train]\nepochs=1\n", "settings.toml: expected sections of subcommands, such as [finetune], found [train]"),
                ("epochs=1\n", "settings.toml: expected a section such as [finetune] first, found 'epochs'"),
                ("[finetune]\nepochs=1\nepochs=2\n", "settings.toml: line 3: expected each section and name once: "),
                ("[finetune]\nprecision=bf16\n", "settings.toml: line 2: expected TOML: "),
                ("[finetune]\nepochs=\"many\"\n", "--epochs"),
                ("[finetune]\nlearning-rate=-1\n", "--learning-rate: ")]:
            with self.subTest(message):
                self.write(text)
                self.refuse(USAGE, message, *self.train, "--output", "run", "--config", "settings.toml")
        self.refuse(USAGE, "nowhere.toml was not readable", *self.train, "--output", "run", "--config", "nowhere.toml")

    def test_the_settings_beside_a_result_make_the_same_run_again(self):
        train = (*self.train, "--max-steps", "3", "--batch-size", "4", "--learning-rate", "1e-3", "--threads", "1")
        self.succeed(*train, "--output", "teacher")
        distill = ("distill", "--teacher", "teacher", "--task", "sst-2", *self.data, "--bucket-by-length",
                   *options(objective="unified", gamma=0.3, logit_weight=0, temperature="inf", distill_layers=0,
                            weight_bits=4, weight_granularity="row", activation_granularity="tensor",
                            precision="bf16", max_seq_length=16, eval_steps=2, batch_tokens=40, learning_rate="1e-3",
                            epochs=2, seed=3, train="my data/dev.tsv"))
        self.succeed(*distill, "--threads", "1", "--output", "student")
        for command, run in (("finetune", "teacher"), ("distill", "student")):
            with self.subTest(command):
                self.succeed(command, "--config", f"{run}/run.toml", "--threads", "1", "--output", f"{run}2")
                self.assertEqual((self.dir / run / "run.toml").read_text(),
                                 (self.dir / f"{run}2" / "run.toml").read_text().replace(f"{run}2", run))
                for model in (".", "last"):
                    self.assertEqual((self.dir / run / model / "model.safetensors").read_bytes(),
                                     (self.dir / f"{run}2" / model / "model.safetensors").read_bytes())

    def test_the_settings_of_one_objective_serve_another(self):
        train = (*self.train, "--max-steps", "1", "--batch-size", "4", "--threads", "1")
        self.succeed(*train, "--output", "teacher")
        self.succeed("distill", "--teacher", "teacher", "--task", "sst-2", *self.data, "--max-steps", "1",
                     "--batch-size", "4", "--threads", "1", "--objective", "map", "--logit-weight", "0.5", "--output", "map")
        self.succeed("distill", "--config", "map/run.toml", "--objective", "output", "--threads", "1",
                     "--output", "output")
        start = json.loads((self.dir / "output" / "metrics.jsonl").read_text().splitlines()[0])
        self.assertEqual(start["config"]["objective"]["effective_weights"],
                         {"attention_output": 1.0, "hidden_state": 1.0, "logit": 0.5})

    def test_the_settings_beside_a_result_hold_the_columns_of_own_data(self):
        data = self.dir / "reviews"
        data.mkdir()
        for split in ("train", "dev"):
            (data / f"{split}.csv").write_text("review,stars\nup1,b\ndown1,a\nup2,b\ndown2,a\n")
        self.succeed("finetune", *options(model="model", task="custom", data="reviews", text_column="review",
                                          label_column="stars", labels="b,a", metric="macro_f1", max_steps=2,
                                          threads=1, output="run"))
        self.succeed("finetune", "--config", "run/run.toml", "--threads", "1", "--output", "run2")
        self.assertEqual((self.dir / "run" / "model.safetensors").read_bytes(),
                         (self.dir / "run2" / "model.safetensors").read_bytes())
        self.assertEqual(self.json_of("info", "run2", "--json")["labels"], ["b", "a"])


if __name__ == "__main__":
    unittest.main()
