"""A run that is stopped or killed, whenever, goes on with --resume to the bytes of a run without a break."""

import json
import pathlib
import random
import re
import shutil
import signal
import subprocess
import time
import unittest

from program import (FAILED, INTERRUPTED, PROGRAM, ProgramTest, change_json, contents, make_model, make_task, options,
                     updates_of)

STEPS = 144  # 6 epochs of 24 batches
TRAIN = {"task": "sst-2", "data": "data", "output": "run", "learning_rate": "1e-3", "epochs": 6, "batch_size": 4,
         "eval_steps": 7, "threads": 1}

# What differs from run to run.
TIMES = ("tokens_per_second", "seconds", "peak_rss_bytes", "started")


def lines_of(path):
    return path.read_text().splitlines() if path.exists() else []


def records(run):
    """The records of metrics.jsonl without times."""
    return [{name: value for name, value in json.loads(line).items() if name not in TIMES}
            for line in lines_of(run / "metrics.jsonl")]


class ResumeTest(ProgramTest):
    def setUp(self):
        super().setUp()
        make_model(self.dir / "teacher", labels=2, dropout=0.1)
        make_task(self.dir / "data", "sst-2", train=96, dev=20)
        self.run_dir = self.dir / "run"

    def command(self, *flags, **settings):
        return ("distill", "--teacher", "teacher", "--bucket-by-length", *options(**{**TRAIN, **settings}), *flags)

    def unbroken(self):
        """The directory of the run without a break."""
        whole = self.dir / "whole"
        whole.mkdir()
        for name in ("teacher", "data"):
            (whole / name).symlink_to(self.dir / name)
        subprocess.run([PROGRAM, *map(str, self.command())], cwd=whole, capture_output=True, check=True)
        return whole / "run"

    def stop_run(self, reached, signal_number, *flags, **settings):
        """break_off for the run of command()."""
        return self.break_off(reached, signal_number, *self.command(*flags, **settings))

    def recorded(self, kind):
        """A condition: metrics.jsonl has a record of the kind."""
        return lambda: any(f'"kind":"{kind}"' in line for line in lines_of(self.run_dir / "metrics.jsonl"))

    def checkpointed(self, updates):
        return lambda: updates_of(self.run_dir / "checkpoint.safetensors") >= updates

    def finish(self):
        return self.succeed(*self.command("--resume"))

    def assert_same(self, whole):
        """The run is, but for times, what the unbroken one is."""
        names = set(contents(whole))
        self.assertEqual(set(contents(self.run_dir)), names)
        for name in sorted(names - {"last", "report.html", "metrics.jsonl"}):
            self.assertEqual((self.run_dir / name).read_bytes(), (whole / name).read_bytes(), name)
        self.assertEqual(records(self.run_dir), records(whole))

    def test_signals_stop_with_a_checkpoint(self):
        whole = self.unbroken()
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal_number.name):
                code, stderr = self.stop_run(self.recorded("step"), signal_number)
                self.assertEqual(code, INTERRUPTED)
                stopped = re.search(rf"^stopped after step (\d+) of {STEPS}; go on with --resume$", stderr,
                                    re.MULTILINE)
                self.assertIsNotNone(stopped, stderr)
                self.assertEqual(str(updates_of(self.run_dir / "checkpoint.safetensors")), stopped.group(1))
                self.assertTrue((self.run_dir / "report.html").exists())
                self.assertIn(f"going on after step {stopped.group(1)} of {STEPS}", self.finish().stderr)
                self.assert_same(whole)
                shutil.rmtree(self.run_dir)

    def test_kills_lose_at_most_what_came_after_the_last_checkpoint(self):
        whole = self.unbroken()
        draw = random.Random(1)
        for number, updates in enumerate((1, 2, 8, 13, 22, 35, 50)):
            delay = draw.uniform(0, 0.01)

            def reached():
                if not self.checkpointed(updates)():
                    return False
                time.sleep(delay)
                return True

            code, stderr = self.stop_run(reached, signal.SIGKILL, *(["--resume"] if number else []),
                                         checkpoint_seconds=0)
            self.assertEqual(code, -signal.SIGKILL, stderr)
            self.assertFalse((self.run_dir / "last").exists())
        self.finish()
        self.assert_same(whole)

    def test_a_kill_before_any_checkpoint_begins_anew(self):
        whole = self.unbroken()
        for kind in ("run", "evaluation"):
            with self.subTest(kind):
                code, stderr = self.stop_run(self.recorded(kind), signal.SIGKILL)
                self.assertEqual(code, -signal.SIGKILL, stderr)
                self.assertFalse((self.run_dir / "checkpoint.safetensors").exists())
                self.finish()
                self.assert_same(whole)
                shutil.rmtree(self.run_dir)

    def test_there_need_not_be_a_run_to_go_on_with(self):
        whole = self.unbroken()
        self.finish()
        self.assert_same(whole)

    def test_a_finished_run_stays_as_it_is(self):
        self.succeed(*self.command(max_steps=2))
        before = contents(self.run_dir)
        times = {path: path.stat().st_mtime_ns for path in self.run_dir.rglob("*")}
        run = self.succeed(*self.command("--resume", max_steps=2))
        self.assertIn("run: the run has ended before", run.stderr)
        self.assertIn("best accuracy ", run.stderr)
        self.assertEqual(contents(self.run_dir), before)
        self.assertEqual({path: path.stat().st_mtime_ns for path in self.run_dir.rglob("*")}, times)

    def test_other_settings_data_or_checkpoints_are_refused(self):
        self.stop_run(self.recorded("step"), signal.SIGINT)
        before = contents(self.run_dir)
        checkpoint = self.run_dir / "checkpoint.safetensors"
        for settings, message in [
                ({"learning_rate": "2e-3"}, "learning_rate: expected 0.001, found 0.002"),
                ({"epochs": 5}, "epochs: expected 6, found 5"),
                ({"objective": "map"}, "objective.recipe: expected \"unified\", found \"map\""),
                ({"weight_bits": 4}, "quantization."),
                ({"seed": 1}, "seed: expected 42, found 1")]:
            with self.subTest(message):
                where = "run/checkpoint.safetensors: a run goes on with the settings that it began with; "
                self.refuse(FAILED, where + message, *self.command("--resume", **settings))
        good = checkpoint.read_bytes()
        for content, message in [(good[:-1], "are outside of the file"), (b"", "expected at least 8 bytes"),
                                 ((self.dir / "teacher" / "model.safetensors").read_bytes(),
                                  "expected a checkpoint of version 1")]:
            with self.subTest(message):
                checkpoint.write_bytes(content)
                self.refuse(FAILED, message, *self.command("--resume"))
        checkpoint.write_bytes(good)
        self.refuse(FAILED, "run: expected a new or empty directory, found files: go on with --resume, or start anew "
                            "with --overwrite", *self.command())
        self.assertEqual(contents(self.run_dir), before)

    def test_a_directory_of_something_else_is_not_taken_for_a_run(self):
        shutil.copytree(self.dir / "teacher", self.run_dir)
        self.refuse(FAILED, "run: expected the directory of a run with metrics.jsonl, found other files",
                    *self.command("--resume"))

    def test_overwriting_ends_an_unfinished_run(self):
        whole = self.unbroken()
        self.stop_run(self.recorded("evaluation"), signal.SIGINT)
        pathlib.Path(self.run_dir, "mine.txt").write_text("kept")
        self.succeed(*self.command("--overwrite"))
        self.assertEqual((self.run_dir / "mine.txt").read_text(), "kept")
        (self.run_dir / "mine.txt").unlink()
        self.assert_same(whole)

    def test_a_teacher_resumes_too(self):
        change_json(self.dir / "teacher" / "config.json", hidden_dropout_prob=0.2)
        self.command = lambda *flags, **settings: (
            "finetune", "--model", "teacher", *options(**{**TRAIN, "batch_tokens": 24, **settings}), *flags)
        whole = self.unbroken()
        code, _ = self.stop_run(self.checkpointed(9), signal.SIGKILL, checkpoint_seconds=0)
        self.assertEqual(code, -signal.SIGKILL)
        self.finish()
        self.assert_same(whole)


if __name__ == "__main__":
    unittest.main()
