"""Task data that is damaged is refused with a message that names file and line, before anything is written; what a run
before has left in the output folder stays, --overwrite or not."""

import unittest

from program import FAILED, USAGE, ProgramTest, change_safetensors, make_model, make_task, overflow

SHORT_MESSAGE = 500


class BadDataTest(ProgramTest):
    def setUp(self):
        super().setUp()
        make_model(self.dir / "model", labels=2)
        self.data = make_task(self.dir / "data", "sst-2", train=4, dev=4)
        (self.dir / "old").mkdir()
        (self.dir / "old" / "model.safetensors").write_text("old")

    def refuse_training(self, message, *arguments, code=FAILED):
        self.refuse(code, message, "finetune", "--model", "model", "--data", "data", "--output", "old", "--overwrite",
                    *(arguments or ("--task", "sst-2")))

    def refuse_each(self, split, cases, *arguments):
        """Each of `cases` is the content of the split's file as bytes, and the message after its name."""
        file = next(self.data.glob(f"{split}.*"))
        for content, message in cases:
            with self.subTest(message):
                file.write_bytes(content)
                self.refuse_training(f"data/{file.name}{message}", *arguments)

    def test_bad_training_files(self):
        self.refuse_each("train", [
            (b"sentence\tlabel\nup1\t1\nup2\n", ", line 3: expected at least 2 columns, found 1"),
            (b"sentence\tlabel\nup1\t1\nup2\tpositive\n",
             ", line 3: expected one of the labels '0', '1', found 'positive'"),
            (b"sentence\tlabel\nup1\t1\ncaf\xe9\t1\n",
             ", line 3: expected UTF-8, found byte 233 at byte 3 of the line"),
            (b"sentence\tlabel\nup1\t1\n \t1\n",
             ", line 3: expected a text in column 0 (counted from 0), found an empty one"),
            (b"sentence\tlabel\n", ": expected at least one example, found none"),
            (b"", ": expected at least one example, found none"),
            (b"up1\t1\nup2\t1\n", ", line 1: expected a header, found an example labelled '1'"),
        ])

    def test_a_bad_selection_split_stops_a_training_before_it_begins(self):
        self.refuse_each("dev", [
            (b"sentence\tlabel\nup1\t1\nup2\t2\n", ", line 3: expected one of the labels '0', '1', found '2'"),
            (b"sentence\tlabel\n", ": expected at least one example, found none"),
        ])

    def test_a_file_that_is_not_there(self):
        (self.data / "dev.tsv").unlink()
        self.refuse_training("data: expected a file of split dev of task sst-2, 'dev.tsv', found none")
        self.refuse_training("--train: File does not exist: more.tsv", "--task", "sst-2", "--train", "more.tsv",
                             code=USAGE)
        self.refuse_training("--task: sst not in {", "--task", "sst", code=USAGE)

    def test_an_unknown_label_of_a_million_characters_makes_a_short_message(self):
        (self.data / "train.tsv").write_text("sentence\tlabel\nup1\t" + "x" * 1_000_000)
        run = self.run_program("finetune", "--model", "model", "--task", "sst-2", "--data", "data", "--output", "new")
        self.assertEqual(run.returncode, FAILED)
        self.assert_message(FAILED, "data/train.tsv, line 2: expected one of the labels '0', '1', found 'xxx",
                            run.stderr)
        self.assertLess(len(run.stderr), SHORT_MESSAGE)
        self.assertFalse((self.dir / "new").exists())

    def test_a_text_of_a_million_characters_is_cut_as_any_long_one(self):
        (self.data / "dev.tsv").write_text("sentence\tlabel\n" + "up1 down2 " * 100_000 + "\t1\n")
        result = self.json_of("evaluate", "--model", "model", "--task", "sst-2", "--data", "data", "--json")
        self.assertEqual(result["examples"], 1)

    def test_evaluation_refuses_bad_data(self):
        (self.data / "dev.tsv").write_text("sentence\tlabel\nup1\n")
        arguments = ("evaluate", "--model", "model", "--task", "sst-2", "--data", "data", "--json")
        self.refuse(FAILED, "data/dev.tsv, line 2: expected at least 2 columns, found 1", *arguments)
        self.refuse(FAILED, "split of task sst-2: expected one of 'dev', 'train', found 'test'", *arguments,
                    "--split", "test")

    def test_a_score_that_is_no_number(self):
        make_task(self.dir / "scores", "sts-b", train=1, dev=1)
        (self.dir / "scores" / "dev.tsv").rename(self.data / "dev.tsv")
        good = (self.dir / "scores" / "train.tsv").read_bytes()
        self.refuse_each("train", [
            (good.replace(b"\t" + good.rsplit(b"\t", 1)[1], b"\thigh\n"),
             ", line 2: expected a finite number as score, found 'high'"),
            (good + b"1\tnews\tfile\tyear\told\tsource\tsource\tup1\t\t2.0\n",
             ", line 3: expected a text in column 8 (counted from 0), found an empty one"),
        ], "--task", "sts-b")

    def test_own_data(self):
        (self.data / "train.tsv").rename(self.data / "train.csv")
        self.refuse_each("train", [
            (b"text,class\nup1,a\ndown1,b\n",
             ", line 1: expected one column 'label', found the columns 'text', 'class'"),
            (b"text,label\nup1,a\nup2,a\n", ": expected labels of at least two classes, found only 'a'"),
            (b"text,label\nup1,a\n\"up2,b\n", ", line 3: expected a closing quote, found the end of the file"),
            (b"text,label\nup1,a\nup2,b,c\n", ", line 3: expected 2 columns as in the header, found 3"),
        ], "--task", "custom")
        (self.data / "train.csv").rename(self.data / "train.jsonl")
        self.refuse_each("train", [
            (b'{"text": "up1", "label": "a"}\n{"text": "up1"\n',
             ", line 2: expected JSON in UTF-8, found a syntax error"),
            (b'{"text": "up1", "label": "a"}\n{"label": "b"}\n', ", line 2: expected a field 'text', found 'label'"),
            (b'{"text": "up1", "label": "a"}\n{"text": 7, "label": "b"}\n',
             ", line 2: text: expected a string, found 7"),
        ], "--task", "custom")

    def test_labels_of_own_data_that_the_training_file_lacks(self):
        (self.data / "train.tsv").write_text("text\tlabel\nup1\ta\ndown1\tb\n")
        (self.data / "dev.tsv").write_text("text\tlabel\nup1\tc\n")
        self.refuse_training("data/dev.tsv, line 2: expected one of the labels 'a', 'b', found 'c'", "--task", "custom")


class BadTextTest(ProgramTest):
    """Texts on standard input."""

    def setUp(self):
        super().setUp()
        make_model(self.dir / "model", labels=2)

    def test_bad_lines(self):
        lines = [
            ('{"text": 3}\n', "line 1: field 'text': expected a string, found number"),
            ('{"text": "up1"}\n\n{"pair": "up1"}\n', "line 3: expected a field 'text', found none"),
            ('{"text": "up1", "pair": 1}\n', "line 1: field 'pair': expected a string, found number"),
            ('{"text": "up1"\n', "line 1: expected a JSON object {\"text\": ...}, found no valid JSON"),
            ('{"text": "up1"}\nup1\n', "line 2: expected a JSON object {\"text\": ...}, found no valid JSON"),
        ]
        for i, (text, message) in enumerate(lines):
            command = ("predict", "tokenize")[i % 2]  # they share the reader
            with self.subTest(command, message=message):
                self.refuse(FAILED, f"standard input: {message}", command, "--model", "model", text_in=text)

    def test_tokenize_takes_json_lines_only(self):
        self.refuse(FAILED, "standard input: line 1: expected a JSON object", "tokenize", "--model", "model",
                    text_in="up1\n")

    def test_text_that_is_not_utf8(self):
        (self.dir / "texts").write_bytes(b"up1\ncaf\xe9\n")
        self.refuse(FAILED, "texts: line 2: text: expected UTF-8, found an invalid byte at position 3",
                    "predict", "--model", "model", "texts")

    def test_a_directory_in_place_of_a_file(self):
        self.refuse(FAILED, "model: ", "predict", "--model", "model", "model")

    def test_a_file_that_is_not_there(self):
        self.refuse(FAILED, "texts: can't open the file", "predict", "--model", "model", "texts")

    def test_answers_that_are_not_finite(self):
        change_safetensors(self.dir / "model" / "model.safetensors", overflow)
        self.refuse(FAILED, "standard input: line 1 and on: expected finite logits, found NaN or infinity",
                    "predict", "--model", "model", text_in="up1\ndown1\n")

    def test_lengths_without_room(self):
        self.refuse(FAILED, "max_seq_length: expected 5 to 32 (max_position_embeddings), found 33",
                    "predict", "--model", "model", "--max-seq-length", "33", text_in="up1\n")
        self.refuse(USAGE, "--max-seq-length: ", "tokenize", "--model", "model", "--max-seq-length", "2", text_in="")


if __name__ == "__main__":
    unittest.main()
