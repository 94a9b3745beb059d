"""Where a run writes: what is there is not lost, and a full disk or a loss without an end leaves whole files."""

import json
import resource
import shutil
import signal
import subprocess
import sys
import unittest

from program import (FAILED, INTERRUPTED, ProgramTest, change_json, contents, make_model, make_task, options,
                     read_safetensors, updates_of, without_root_powers)

TRAIN = options(task="sst-2", data="data", batch_size=4, threads=1, checkpoint_seconds=0)
FINETUNE = ("finetune", "--model", "model", *TRAIN)
EVALUATE_EACH = options(eval_steps=1)


class OutputTest(ProgramTest):
    def setUp(self):
        super().setUp()
        make_model(self.dir / "model", labels=2)
        make_task(self.dir / "data", "sst-2", train=12, dev=8)
        self.run_dir = self.dir / "run"

    def records(self):
        lines = (self.run_dir / "metrics.jsonl").read_text().splitlines(keepends=True)
        self.assertTrue(all(line.endswith("\n") for line in lines))
        return [json.loads(line) for line in lines]

    def assert_best_model_is_kept(self):
        """The model in the directory gets the score of the best evaluation that is recorded."""
        score = self.json_of("evaluate", "--model", "run", "--task", "sst-2", "--data", "data", "--threads", "1",
                             "--json")["score"]
        self.assertEqual(score, [record["score"] for record in self.records() if record.get("best")][-1])


class OutputDirectoryTest(OutputTest):
    def test_what_is_there_stays_without_overwrite(self):
        self.run_dir.mkdir()
        (self.run_dir / "notes.txt").write_text("mine")
        for arguments in (FINETUNE, ("distill", "--teacher", "model", *TRAIN),
                          ("export", "--dequantized", "--model", "model")):
            self.refuse(FAILED, "run: expected a new or empty directory, found files", *arguments, "--output", "run")

    def test_overwriting_takes_away_what_a_run_writes_and_nothing_else(self):
        (self.run_dir / "last").mkdir(parents=True)
        for name in ("notes.txt", "checkpoint.safetensors", "checkpoint.safetensors.tmp", "tokenizer.json",
                     "last/special_tokens_map.json", "README.md"):
            (self.run_dir / name).write_text("old")
        self.succeed(*FINETUNE, "--output", "run", "--overwrite")
        self.assertEqual(set(contents(self.run_dir)),
                         {"config.json", "last", "last/config.json", "last/model.safetensors", "last/vocab.txt",
                          "metrics.jsonl", "model.safetensors", "notes.txt", "report.html", "run.toml", "vocab.txt"})

    def test_an_empty_directory_and_one_to_create_are_taken(self):
        (self.dir / "empty").mkdir()
        for output in ("empty", "new/below"):
            self.succeed(*FINETUNE, "--output", output)
            self.assertTrue((self.dir / output / "model.safetensors").exists())

    def test_a_file_is_no_directory(self):
        self.run_dir.write_text("mine")
        self.refuse(FAILED, "run: expected a directory, found a file", *FINETUNE, "--output", "run", "--overwrite")
        self.refuse(FAILED, "run/below: can't create the directory: Not a directory", *FINETUNE,
                    "--output", "run/below")

    def test_the_directory_of_the_model_that_is_read_is_refused(self):
        shutil.copytree(self.dir / "model", self.run_dir / "last")
        student = shutil.copytree(self.dir / "model", self.dir / "student")
        change_json(student / "config.json", kdqat={"quantization": {"weight_bits": 2}})
        for output, arguments in [
                ("model", FINETUNE),
                ("./model/", ("distill", "--teacher", "model", *TRAIN)),
                ("run", ("distill", "--teacher", "run/last", *TRAIN)),
                ("student", ("export", "--dequantized", "--model", "student"))]:
            with self.subTest(arguments[0], output=output):
                message = f"{output}: expected another directory than that of the model which is read, found "
                self.refuse(FAILED, message, *arguments, "--output", output, "--overwrite")


class PermissionTest(OutputTest):
    def setUp(self):
        super().setUp()
        self.run_dir.mkdir()
        self.run_dir.chmod(0o555)
        self.addCleanup(self.run_dir.chmod, 0o755)
        probe = subprocess.run([sys.executable, "-c", "import os; os.mkdir('run/probe')"], cwd=self.dir,
                               capture_output=True, check=False, preexec_fn=without_root_powers)
        if probe.returncode == 0:
            self.skipTest("permissions do not bind this user")

    def refuse_bound(self, message, *arguments):
        """refuse() for a program that permissions bind."""
        self.refuse(FAILED, message, *arguments, preexec_fn=without_root_powers)

    def test_a_directory_without_permission(self):
        self.refuse_bound("run/metrics.jsonl: can't open: Permission denied", *FINETUNE, "--output", "run")
        self.refuse_bound("run/below: can't create the directory: Permission denied", *FINETUNE,
                          "--output", "run/below")

    def test_old_files_without_permission_stay(self):
        self.run_dir.chmod(0o755)
        (self.run_dir / "model.safetensors").write_text("old")
        self.run_dir.chmod(0o555)
        self.refuse_bound("run/model.safetensors: can't remove: Permission denied", *FINETUNE, "--output", "run",
                          "--overwrite")

    def test_input_without_permission(self):
        for name in ("model/model.safetensors", "data/dev.tsv"):
            with self.subTest(name):
                (self.dir / name).chmod(0)
                run = self.run_program(*FINETUNE, "--output", "new", preexec_fn=without_root_powers)
                (self.dir / name).chmod(0o644)
                self.assertEqual(run.returncode, FAILED)
                self.assert_message(FAILED, f"{name}: cannot open: Permission denied", run.stderr)
                self.assertFalse((self.dir / "new").exists())


class FullDiskTest(OutputTest):
    """No file can become larger than a limit, which stands for a disk without space."""

    LESS_THAN_A_RECORD = 200
    LESS_THAN_A_MODEL = 60_000
    LESS_THAN_A_CHECKPOINT = 200_000
    LESS_THAN_A_REPORT = 400_000

    def fail_for_want_of_space(self, limit, file, *arguments):
        def limit_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        run = self.run_program(*arguments, "--output", "run", preexec_fn=limit_files)
        self.assertEqual(run.returncode, FAILED, run.stderr)
        self.assertEqual(run.stdout, "")
        message = run.stderr.splitlines()[-1]
        self.assertRegex(message, rf"^error: run/{file}: (cannot|can't) write: File too large$")
        self.assertEqual([], list(self.run_dir.rglob("*.tmp")))

    def assert_finishes(self, *arguments):
        """With space the run goes on to the result of one without a break."""
        self.succeed(*FINETUNE, *arguments, "--output", "run", "--resume")
        self.succeed(*FINETUNE, *arguments, "--output", "whole")
        for name in ("model.safetensors", "last/model.safetensors"):
            self.assertEqual((self.run_dir / name).read_bytes(), (self.dir / "whole" / name).read_bytes())

    def test_no_space_for_the_record(self):
        self.fail_for_want_of_space(self.LESS_THAN_A_RECORD, "metrics.jsonl", *FINETUNE)
        self.assertEqual(self.records(), [])

    def test_no_space_for_the_model(self):
        self.fail_for_want_of_space(self.LESS_THAN_A_MODEL, "model.safetensors", *FINETUNE, *EVALUATE_EACH)
        self.assertFalse((self.run_dir / "model.safetensors").exists())
        self.records()
        self.assert_finishes(*EVALUATE_EACH)

    def test_no_space_for_a_checkpoint_keeps_the_best_model(self):
        self.fail_for_want_of_space(self.LESS_THAN_A_CHECKPOINT, "checkpoint.safetensors", *FINETUNE, *EVALUATE_EACH)
        self.assertFalse((self.run_dir / "checkpoint.safetensors").exists())
        self.assert_best_model_is_kept()

    def test_no_space_for_the_next_checkpoint_keeps_the_last(self):
        checkpoint = self.run_dir / "checkpoint.safetensors"
        train = (*FINETUNE, "--epochs", "40")
        code, stderr = self.break_off(checkpoint.exists, signal.SIGTERM, *train, "--output", "run")
        self.assertEqual(code, INTERRUPTED, stderr)
        kept = checkpoint.read_bytes()
        self.fail_for_want_of_space(self.LESS_THAN_A_CHECKPOINT, "checkpoint.safetensors", *train, "--resume")
        self.assertEqual(checkpoint.read_bytes(), kept)
        self.assert_finishes("--epochs", "40")

    def test_no_space_for_the_report_keeps_the_models(self):
        self.fail_for_want_of_space(self.LESS_THAN_A_REPORT, "report.html", *FINETUNE)
        self.assert_best_model_is_kept()
        self.assertEqual(self.records()[-1]["status"], "done")
        self.succeed(*FINETUNE, "--output", "run", "--resume")
        self.assertTrue((self.run_dir / "report.html").exists())

    def test_no_space_for_an_export(self):
        change_json(self.dir / "model" / "config.json", kdqat={"quantization": {"weight_bits": 2}})
        self.fail_for_want_of_space(self.LESS_THAN_A_MODEL, "model.safetensors",
                                    "export", "--dequantized", "--model", "model")
        self.assertEqual(set(contents(self.run_dir)), {"vocab.txt"})


class LossWithoutAnEndTest(OutputTest):
    """The first update has a learning rate of 0; the second, of an absurd one, is the last that may count."""

    def stop(self, learning_rate, *arguments):
        """The message of a training that must fail."""
        run = self.run_program(*arguments, *TRAIN, "--learning-rate", learning_rate, "--output", "run")
        self.assertEqual(run.returncode, FAILED, run.stderr)
        self.assertTrue((self.run_dir / "report.html").exists())
        for name, tensor in read_safetensors(self.run_dir / "checkpoint.safetensors").items():
            self.assertTrue(all(abs(value) < float("inf") for value in tensor.values()), name)
        return run.stderr.splitlines()[-1]

    def test_stops_the_training_of_a_teacher(self):
        message = self.stop("1e30", "finetune", "--model", "model")
        self.assertRegex(message, r"^error: step 3: expected a finite loss, found (-?nan|inf); the last checkpoint and "
                                  r"the best model are kept$")
        self.assertEqual(updates_of(self.run_dir / "checkpoint.safetensors"), 2)

    def test_stops_the_training_of_a_student(self):
        message = self.stop("1e30", "distill", "--teacher", "model")
        self.assertRegex(message, r"^error: .*expected .*finite")

    def test_an_evaluation_that_is_not_finite_keeps_the_model_before(self):
        message = self.stop("1e30", "finetune", "--model", "model", *EVALUATE_EACH)
        self.assertEqual(message, "error: evaluation: expected finite logits, found NaN or infinity")
        self.assertEqual(updates_of(self.run_dir / "checkpoint.safetensors"), 1)
        self.assert_best_model_is_kept()

    def test_weights_that_are_not_finite_are_no_checkpoint(self):
        message = self.stop("3e38", "finetune", "--model", "model")
        self.assertRegex(message, r"^error: checkpoint after step 2: 'weights/.*': expected finite values, found NaN")
        self.assertEqual(updates_of(self.run_dir / "checkpoint.safetensors"), 1)


if __name__ == "__main__":
    unittest.main()
