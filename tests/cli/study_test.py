"""kdqat study: a matrix of runs from one file, trained once each, whatever is killed and however many work on it."""

import csv
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from program import FAILED, INTERRUPTED, PROGRAM, USAGE, ProgramTest, make_model, make_task, updates_of

STUDY = """\
# Two objectives from teachers of two seeds.
[study]
baseline = "hidden"
seeds = [1, 2]

[task.sst-2]
data = "$DATA/sst-2"
model = "encoder"

[teacher]
learning-rate = 1e-3
epochs = 2
batch-size = 8
eval-steps = 6
checkpoint-seconds = 0

[student]
learning-rate = 1e-3
max-steps = 12
batch-size = 8
eval-steps = 6
checkpoint-seconds = 0

[matrix]
objective = ["hidden", "map"]
"""

RUNS = [f"sst-2/{variant}/{seed}" for seed in (1, 2) for variant in ("teacher", "hidden", "map")]


class StudyTest(ProgramTest):
    def setUp(self):
        super().setUp()
        os.environ["DATA"] = "data"
        make_model(self.dir / "encoder", labels=0, dropout=0.1)
        make_task(self.dir / "data" / "sst-2", "sst-2", train=64, dev=20)
        self.write(STUDY)

    def write(self, text):
        (self.dir / "study.toml").write_text(text)

    def command(self, *options, output="runs"):
        return ("study", "study.toml", "--output", output, "--threads", "1", *options)

    def results(self, output="runs"):
        return json.loads((self.dir / output / "results.json").read_text())

    def states(self, output="runs"):
        return {run["name"]: run["state"] for run in self.json_of(*self.command("--dry-run", "--json", output=output))}

    def variants(self, task=0):
        return {variant["name"]: variant for variant in self.results()["tasks"][task]["variants"]}

    def scores(self, output="runs"):
        return {run["name"]: (run["score"], run["selection"]["score"], run["best_step"])
                for task in self.results(output)["tasks"] for variant in task["variants"] for run in variant["runs"]}

    def starts_of(self, output="runs"):
        """When each run began, from the first line of its metrics."""
        return {name: json.loads((self.dir / output / name / "metrics.jsonl").read_text().splitlines()[0])["started"]
                for name in RUNS}


class MatrixTest(StudyTest):
    def test_runs_every_combination_and_compares_them(self):
        self.assertEqual(self.states(), dict.fromkeys(RUNS, "new"))
        self.assertFalse((self.dir / "runs").exists())
        run = self.succeed(*self.command())
        self.assertEqual(self.states(), dict.fromkeys(RUNS, "done"))
        self.assertIn("sst-2: accuracy on dev (20 examples); best models chosen on hold-out\nvariant", run.stdout)
        self.assertIn("differences are from hidden", run.stdout)

        results = self.results()
        self.assertEqual(results["runs"], {"planned": 6, "done": 6})
        self.assertEqual(results["students"]["learning_rate"], 1e-3)
        variants = self.variants()
        self.assertEqual(list(variants), ["teacher", "hidden", "map"])
        for name, variant in variants.items():
            scores = [entry["score"] for entry in variant["runs"]]
            self.assertEqual([entry["seed"] for entry in variant["runs"]], [1, 2])
            self.assertAlmostEqual(variant["mean"], sum(scores) / 2)
            self.assertAlmostEqual(variant["deviation"], abs(scores[0] - scores[1]) / 2 ** 0.5)
            for entry in variant["runs"]:
                answer = self.json_of("evaluate", "--model", f"runs/{entry['name']}", "--task", "sst-2", "--data",
                                      "data/sst-2", "--threads", "1", "--json")
                self.assertEqual(answer["score"], entry["score"], name)
        compared = variants["map"]["against_baseline"]
        self.assertAlmostEqual(compared["difference"], variants["map"]["mean"] - variants["hidden"]["mean"])
        self.assertLessEqual(compared["low"], compared["difference"])
        self.assertGreaterEqual(compared["high"], compared["difference"])
        self.assertEqual(len(compared["mcnemar_p"]), 2)
        with open(self.dir / "runs" / "results.csv", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([row["variant"] for row in rows], ["teacher", "hidden", "map"])
        self.assertEqual(float(rows[2]["mean"]), variants["map"]["mean"])
        self.assertIn("<h1>kdqat study: study</h1>", (self.dir / "runs" / "results.html").read_text())

        starts = self.starts_of()
        time.sleep(1.1)  # the clock of the records has seconds
        again = self.json_of(*self.command("--json"))
        self.assertEqual(again, results)
        self.assertEqual(self.starts_of(), starts)
        self.assertEqual(self.json_of(*self.command("--only-table", "--json")), results)

    def test_the_best_model_is_not_chosen_on_what_is_reported(self):
        self.succeed(*self.command())
        lines = (self.dir / "runs" / "sst-2" / "map" / "1" / "metrics.jsonl").read_text().splitlines()
        evaluations = [record for record in map(json.loads, lines) if record["kind"] == "evaluation"]
        self.assertEqual({record["split"] for record in evaluations}, {"hold-out"})
        self.assertEqual({record["examples"] for record in evaluations}, {6})  # a tenth of 64
        info = self.json_of("info", "runs/sst-2/map/1", "--json")
        self.assertEqual(list(info["scores"]), ["hold-out"])
        # The run's own settings make the same run.
        self.succeed("distill", "--config", "runs/sst-2/map/1/run.toml", "--output", "again", "--threads", "1")
        self.assertEqual((self.dir / "again" / "model.safetensors").read_bytes(),
                         (self.dir / "runs" / "sst-2" / "map" / "1" / "model.safetensors").read_bytes())

    def test_own_data_with_a_test_split_and_a_ready_teacher(self):
        make_model(self.dir / "ready", labels=2)
        data = self.dir / "own"
        data.mkdir()
        for split in ("train", "dev", "test"):
            (data / f"{split}.tsv").write_text("text\tlabel\n" + "up1 up2\tyes\ndown1 down2\tno\n" * 12)
        student = STUDY[STUDY.index("[student]"):STUDY.index("[matrix]")]
        self.write(f'[task.own]\ntask = "custom"\ndata = "own"\nteacher = "ready"\n{student}'
                   '[variant.limit]\nobjective = "map"\ntemperature = "inf"\n[variant.plain]\n')
        self.succeed(*self.command())
        results = self.results()
        self.assertIsNone(results["baseline"])
        task = results["tasks"][0]
        self.assertEqual((task["reported"], task["selection"], task["examples"]), ("test", "dev", 24))
        self.assertEqual([variant["name"] for variant in task["variants"]], ["teacher", "limit", "plain"])
        self.assertNotIn("selection", task["variants"][0]["runs"][0])
        config = json.loads((self.dir / "runs/own/limit/42/config.json").read_text())["kdqat"]["config"]
        self.assertEqual(config["objective"]["temperature"], "inf")
        self.assertEqual(config["teacher"], "ready")
        self.assertFalse((self.dir / "runs/own/teacher/42").exists())


class StopTest(StudyTest):
    def unbroken(self):
        self.succeed(*self.command(output="whole"))
        return self.scores("whole")

    def test_a_kill_or_a_signal_loses_no_run_and_repeats_none(self):
        whole = self.unbroken()
        checkpoint = self.dir / "runs" / "sst-2" / "hidden" / "1" / "checkpoint.safetensors"
        self.break_off(lambda: updates_of(checkpoint) >= 3, signal.SIGKILL, *self.command())
        states = self.states()
        self.assertEqual((states["sst-2/teacher/1"], states["sst-2/hidden/1"], states["sst-2/map/1"]),
                         ("done", "begun", "new"))
        started = json.loads((checkpoint.parent / "metrics.jsonl").read_text().splitlines()[0])["started"]

        later = self.dir / "runs" / "sst-2" / "map" / "2" / "checkpoint.safetensors"
        code, stderr = self.break_off(lambda: updates_of(later) >= 3, signal.SIGINT, *self.command())
        self.assertEqual(code, INTERRUPTED)
        self.assertIn("stopped in sst-2/map/2; the same command goes on", stderr)
        self.assertRegex(stderr, r"going on after step \d+ of 12")
        self.assertEqual(self.starts_of()["sst-2/hidden/1"], started)
        self.succeed(*self.command())
        self.assertEqual(self.scores(), whole)

    def test_of_two_processes_one_trains_each_run(self):
        whole = self.unbroken()
        processes = []
        for _ in range(2):
            with tempfile.TemporaryFile("w+", encoding="utf-8") as stderr:
                processes.append((subprocess.Popen([PROGRAM, *map(str, self.command())], cwd=self.dir,
                                                   stdout=subprocess.DEVNULL, stderr=stderr), os.dup(stderr.fileno())))
        trained = []
        for process, stderr in processes:
            self.assertEqual(process.wait(300), 0)
            with os.fdopen(stderr, encoding="utf-8") as file:
                file.seek(0)
                text = file.read()
            trained.append([name for name in RUNS if f"written: runs/{name} " in text])
        self.assertEqual(sorted(trained[0] + trained[1]), sorted(RUNS))
        self.assertEqual(self.scores(), whole)

    def test_one_process_takes_over_what_another_leaves(self):
        whole = self.unbroken()
        checkpoint = self.dir / "runs" / "sst-2" / "teacher" / "1" / "checkpoint.safetensors"
        first = subprocess.Popen([PROGRAM, *map(str, self.command())], cwd=self.dir, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        self.addCleanup(first.kill)
        while updates_of(checkpoint) < 1:
            self.assertIsNone(first.poll())
            time.sleep(0.001)
        first.send_signal(signal.SIGSTOP)  # it holds its lock and does nothing
        second = subprocess.Popen([PROGRAM, *map(str, self.command())], cwd=self.dir, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True)
        self.addCleanup(second.kill)
        for line in second.stderr:
            if "waiting for other processes: 3 runs" in line:
                break
        states = self.states()
        self.assertEqual([name for name in RUNS if states[name] == "done"], [name for name in RUNS if name.endswith("/2")])
        first.kill()
        first.wait()
        second.communicate(timeout=300)
        self.assertEqual(second.returncode, 0)
        self.assertEqual(self.scores(), whole)

    def test_a_run_that_leaves_the_finite_numbers_does_not_end_the_study(self):
        self.write(STUDY.replace("[matrix]", "[variant.wild]\nlearning-rate = 1e30\n[matrix]"))
        run = self.run_program(*self.command())
        self.assertEqual(run.returncode, FAILED)
        self.assert_message(FAILED, "expected every run to end, found 2 that did not: sst-2/wild/1, sst-2/wild/2",
                            run.stderr)
        self.assertIn("warning: sst-2/wild/1: step", run.stderr)
        self.assertIn("6 of 8 runs are done", run.stdout)
        self.assertEqual(self.variants()["wild"]["runs"], [])
        self.assertIsNone(self.variants()["wild"]["against_baseline"])


class ErrorTest(StudyTest):
    def refuse_file(self, message, text):
        with self.subTest(message):
            self.write(text)
            self.refuse(FAILED, message, *self.command())

    def test_bad_files_are_refused_with_section_key_expected_and_found(self):
        def changed(old, new):
            self.assertIn(old, STUDY)
            return STUDY.replace(old, new)

        for message, text in [
                ("study.toml: expected a section such as [study] first, found 'gamma'", "gamma = 0.5\n" + STUDY),
                ("study.toml: expected sections [study], [task.NAME], [teacher], [student], [matrix] and "
                 "[variant.NAME], found [students]", changed("[student]", "[students]")),
                ("study.toml, line 26: expected each section and name once: cannot redefine existing table 'teacher'",
                 STUDY + "[teacher]\nepochs = 2\n"),
                ("study.toml, line 22: expected each section and name once: cannot redefine existing integer "
                 "'max-steps'",
                 changed("eval-steps = 6\ncheckpoint-seconds = 0\n\n[matrix]",
                         "eval-steps = 6\nmax-steps = 3\n\n[matrix]")),
                ("study.toml: [study]: expected one of the settings 'baseline', 'seeds', found 'seed'",
                 changed("seeds =", "seed =")),
                ("study.toml: [student]: expected one of the settings 'learning-rate', ",
                 changed("max-steps", "max_steps")),
                ("study.toml: [teacher]: --learning-rate: ",
                 changed("learning-rate = 1e-3\nepochs", "learning-rate = -1\nepochs")),
                ("study.toml: [matrix] mop: --objective: mop not in {hard-label,", changed('"map"', '"mop"')),
                ("study.toml: [matrix] seed=1: expected one of the settings",
                 changed('objective = ["hidden", "map"]', "seed = [1, 2]")),
                ("study.toml: [task.sst-2]: --data: Directory does not exist: data/none", changed("$DATA/sst-2", "$DATA/none")),
                ("study.toml: [task.sst-2]: --data is required", changed('data = "$DATA/sst-2"\n', "")),
                ("study.toml: [task.sst-2] data: expected the environment's variable NOTHING to be set, found none in "
                 "'$NOTHING/sst-2'", changed("$DATA/", "$NOTHING/")),
                ("study.toml: [task.sst3]: --task: sst3 not in {", changed("[task.sst-2]", "[task.sst3]")),
                ("study.toml: task sst-2: expected an encoder or a ready teacher, found neither",
                 changed('model = "encoder"\n', "")),
                ("study.toml: baseline: expected one of the variants hidden, map, found 'output'",
                 changed('baseline = "hidden"', 'baseline = "output"')),
                ("study.toml: seeds: expected different ones, found 1 twice", changed("[1, 2]", "[1, 1]")),
                ("study.toml: variants: expected at least one, found none",
                 changed('objective = ["hidden", "map"]', "")),
                ("study.toml: task sst-2, variant hidden: distilled layers: expected 0 to 1, found 7",
                 changed("[matrix]", 'distill-layers = "7"\n[matrix]')),
        ]:
            self.refuse_file(message, text)
        self.refuse(USAGE, "FILE: File does not exist: none.toml", "study", "none.toml", "--output", "runs")
        self.refuse(USAGE, "--output is required", "study", "study.toml")

    def test_settings_that_have_changed_are_refused_before_anything_is_trained(self):
        self.succeed(*self.command())
        text = STUDY.replace("max-steps = 12", "max-steps = 13")
        self.refuse_file("runs/sst-2/hidden/1.json: a run goes on with the settings that it began with; max_steps: "
                         "expected 12, found 13", text)
        # What is new is trained, what is there is left.
        self.write(STUDY.replace('"map"]', '"map", "output"]'))
        self.assertEqual([name for name, state in self.states().items() if state == "new"],
                         ["sst-2/output/1", "sst-2/output/2"])
        shutil.rmtree(self.dir / "encoder")
        self.refuse(FAILED, "study.toml: [task.sst-2]: --model: Directory does not exist: encoder", *self.command())


if __name__ == "__main__":
    unittest.main()
