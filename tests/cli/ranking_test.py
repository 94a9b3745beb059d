"""distill --record-ranking: the ranks of chosen tokens over the course of a training."""

import json
import signal
import unittest

from program import FAILED, USAGE, ProgramTest, make_model, make_task, options, updates_of

STEPS = 12
TRAIN = options(teacher="teacher", task="sst-2", data="data", learning_rate="1e-3", max_steps=STEPS, batch_size=8,
                eval_steps=5, checkpoint_seconds=0, threads=1)
RECORD = ("--record-ranking", "[CLS],up1,[SEP]", "--ranking-steps", "5")


class RankingTest(ProgramTest):
    def setUp(self):
        super().setUp()
        make_model(self.dir / "teacher", labels=2, dropout=0.1)
        make_task(self.dir / "data", "sst-2", train=64, dev=20)

    def records(self, run):
        lines = (self.dir / run / "metrics.jsonl").read_text().splitlines()
        return [record for record in map(json.loads, lines) if record["kind"] == "ranking"]

    def analyze(self, *students):
        chosen = [text for student in students for text in ("--student", student)]
        return self.json_of("analyze", "ranking", "--teacher", "teacher", *chosen, "--task", "sst-2", "--data", "data",
                            "--tokens", "[CLS],up1,[SEP]", "--threads", "1", "--output", "analysis", "--json")

    def assert_all_near(self, actual, expected):
        self.assertEqual(len(actual), len(expected))
        for found, wanted in zip(actual, expected):
            self.assertAlmostEqual(found, wanted, delta=1e-12)

    def test_records_what_analyze_ranking_gives_at_each_step(self):
        self.succeed("distill", *TRAIN, *RECORD, "--output", "run")
        records = self.records("run")
        self.assertEqual([record["step"] for record in records], [0, 5, 10, STEPS])
        self.assertEqual({record["sentences"] for record in records}, {20})
        document = self.analyze("run=run/last", "start=teacher", "whole=run")
        for token in ("[CLS]", "up1", "[SEP]"):
            self.assert_all_near(records[0]["tokens"][token], document["students"]["start"][token]["mean"])
            self.assert_all_near(records[-1]["tokens"][token], document["students"]["run"][token]["mean"])
        self.assertNotEqual(records[0]["tokens"], records[-1]["tokens"])
        training = document["students"]["whole"]["training"]
        self.assertEqual(training["steps"], [0, 5, 10, STEPS])
        self.assertEqual(training["tokens"]["up1"], [record["tokens"]["up1"] for record in records])
        self.assertNotIn("training", document["students"]["start"])
        page = (self.dir / "analysis" / "ranking.html").read_text()
        self.assertIn("Rank of up1 over the training of whole", page)

    def test_recording_changes_nothing_of_the_run(self):
        self.succeed("distill", *TRAIN, *RECORD, "--output", "run")
        self.succeed("distill", *TRAIN, "--output", "plain")
        self.assertEqual((self.dir / "run" / "last" / "model.safetensors").read_bytes(),
                         (self.dir / "plain" / "last" / "model.safetensors").read_bytes())
        self.assertEqual(self.records("plain"), [])

    def test_a_run_that_is_killed_has_each_record_once(self):
        self.succeed("distill", *TRAIN, *RECORD, "--output", "whole")
        checkpoint = self.dir / "run" / "checkpoint.safetensors"
        command = ("distill", *TRAIN, *RECORD, "--output", "run", "--resume")
        self.break_off(lambda: updates_of(checkpoint) >= 6, signal.SIGKILL, *command)
        self.succeed(*command)
        self.assertEqual(self.records("run"), self.records("whole"))

    def test_unknown_tokens_are_refused(self):
        self.refuse(FAILED, "--record-ranking: expected tokens of the teacher's vocabulary, found 'nowhere'", "distill",
                    *TRAIN, "--record-ranking", "nowhere", "--output", "run")
        self.refuse(USAGE, "--ranking-steps requires --record-ranking", "distill", *TRAIN, "--ranking-steps", "5",
                    "--output", "run")


if __name__ == "__main__":
    unittest.main()
