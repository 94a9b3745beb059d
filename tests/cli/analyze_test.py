"""What kdqat analyze answers and writes, and what it refuses."""

import json
import shutil
import unittest

from program import (FAILED, TINY_BERT, USAGE, ProgramTest, change_json, change_safetensors, make_model, make_task,
                     Tensor)

BATCH = TINY_BERT / "batch.safetensors"
W2A8 = ("--weight-bits", "2", "--activation-granularity", "tensor")
BLOCK = "bert.encoder.layer.0.attention.output.dense.weight"


def reference(name):
    return json.loads((TINY_BERT / name).read_text())


class AnalyzeTest(ProgramTest):
    def setUp(self):
        super().setUp()
        make_model(self.dir / "teacher")
        make_model(self.dir / "student", "student")

    def analyze(self, name, *options):
        return self.json_of("analyze", name, "--teacher", "teacher", *options, "--json")

    def assert_all_near(self, actual, expected, delta):
        self.assertEqual(len(actual), len(expected))
        for found, wanted in zip(actual, expected):
            self.assertAlmostEqual(found, wanted, delta=delta)


class BatchTest(AnalyzeTest):
    """On a pre-tokenized batch."""

    def test_attention_is_the_references(self):
        expected = reference("analysis.json")
        result = self.analyze("attention", "--student", "map=student", "--batch", BATCH, *W2A8)
        for name in ("cover_length_ratio", "ranking_loss"):
            self.assert_all_near(result[name], expected[name]["values"], 1e-5)

    def test_several_students_are_told_by_name(self):
        result = self.analyze("attention", "--student", "map=student", "--student", "same=teacher", "--batch", BATCH,
                              "--weight-bits", "32", "--activation-bits", "32")
        self.assertEqual(set(result["students"]), {"map", "same"})
        self.assertNotIn("ranking_loss", result)
        self.assertEqual(result["students"]["same"]["ranking_loss"], [0.0] * 8)
        self.assertNotEqual(result["students"]["map"]["ranking_loss"], [0.0] * 8)

    def test_top_k_and_quantization_change_the_result(self):
        student = ("--student", "map=student", "--batch", BATCH)
        base = self.analyze("attention", *student)
        for options in (("--top-k", "2"), ("--weight-bits", "8"), ("--activation-bits", "32"),
                        ("--activation-granularity", "tensor")):
            with self.subTest(options[0]):
                changed = self.analyze("attention", *student, *options)
                self.assertNotEqual([changed[name] for name in ("cover_length_ratio", "ranking_loss")],
                                    [base[name] for name in ("cover_length_ratio", "ranking_loss")])

    def test_hessian_of_a_block_is_the_references(self):
        expected = reference("hessian.json")["block"]
        result = self.analyze("hessian", "--batch", BATCH, "--parameters", BLOCK)
        self.assertEqual(result["parameters"], expected["count"])
        self.assertEqual(result["trace_method"], "diagonal")
        self.assert_all_near(result["largest"], expected["largest"], 1e-6)
        self.assert_all_near(result["smallest"], expected["smallest"], 1e-6)
        self.assertAlmostEqual(result["trace"], expected["trace"], delta=1e-6)

    def test_hessian_of_a_student_and_the_norm_term(self):
        options = ("--batch", BATCH, "--parameters", BLOCK)
        teacher = self.analyze("hessian", *options)
        with_norms = self.analyze("hessian", *options, "--norm-term", "0.01")
        self.assertGreater(with_norms["trace"], teacher["trace"])
        student = self.analyze("hessian", *options, "--student", "map=student")
        self.assertNotEqual(student["largest"], teacher["largest"])
        distilled = self.analyze("hessian", *options, "--student", "map=student", "--loss", "attention_map")
        self.assertNotEqual(distilled["largest"], student["largest"])

    def test_range_is_the_references(self):
        expected = reference("analysis.json")["attention_output_range_of_sentence_0_teacher"]
        found = self.analyze("range", "--batch", BATCH)["results"][0]["teacher"]["attention_output"]
        for end in ("min", "max"):
            for layer in range(2):
                self.assert_all_near(found[end][layer][:8], expected[end][layer], 1e-5)
        self.assertEqual(self.analyze("range", "--batch", BATCH, "--layers", "1")["chosen_layers"], [1])

    def test_norms_ranking_and_layers(self):
        student = ("--student", "map=student", "--batch", BATCH)
        norms = self.analyze("norms", *student)
        self.assertEqual(norms["token_classes"], ["cls", "sep", "punctuation", "other", "all"])
        self.assertEqual(len(norms["students"]["map"]["f_x"]["mean"]), 2 * 5)
        self.assertEqual(len(norms["teacher"]), 2)
        ranking = self.analyze("ranking", *student, "--tokens", "[CLS],up0,[MASK]")
        self.assertEqual(ranking["tokens"], ["[CLS]", "up0", "[MASK]"])
        self.assertEqual(len(ranking["teacher"]["up0"]["mean"]), 8)
        layers = self.analyze("layers", *student)
        self.assertEqual([len(row) for row in layers["cka"]], [3, 3, 3])
        self.assertEqual(set(layers["quantization_error"]), {"total", "inherited", "weights", "activations"})


class TaskTest(AnalyzeTest):
    """On a task's data."""

    def setUp(self):
        super().setUp()
        for model in ("teacher", "student"):
            shutil.rmtree(self.dir / model)
            make_model(self.dir / model, model, labels=2)
        make_task(self.dir / "data", "sst-2")

    def arguments(self, name, *options):
        return ("analyze", name, "--teacher", "teacher", "--student", "map=student", "--student",
                "quantized=teacher", "--task", "sst-2", "--data", "data", "--sentences", "3", *options)

    def test_all_write_a_file_each_and_one_page(self):
        self.succeed(*self.arguments("all", "--hessian-sentences", "1", "--output", "out", "--parameters",
                                     "classifier.weight,classifier.bias"))
        names = {"attention", "hessian", "range", "norms", "ranking", "layers"}
        self.assertEqual({path.name for path in (self.dir / "out").iterdir()},
                         {f"{name}.json" for name in names} | {"all.html"})
        attention = json.loads((self.dir / "out" / "attention.json").read_text())
        self.assertEqual(attention["sentences"], 3)
        self.assertEqual(set(attention["students"]), {"map", "quantized"})
        self.assertEqual(attention["maps"][0]["tokens"][0], "[CLS]")
        hessian = json.loads((self.dir / "out" / "hessian.json").read_text())
        self.assertEqual(len(hessian["students"]["map"]["spectrum"][0]["eigenvalues"]), 3)
        self.assertEqual(len(hessian["teacher"]["spectrum"]), 1)
        page = (self.dir / "out" / "all.html").read_text()
        for section in ("Attention maps", "Curvature", "Dynamic range", "Norms", "Ranks", "similarity layer by layer"):
            self.assertIn(section, page)
        self.assertIn('"||f(x)||, all"', page)
        self.assertNotIn('"a, all"', page)  # the same in every model

    def test_a_students_own_quantization_goes_before_the_options(self):
        change_json(self.dir / "student" / "config.json", kdqat={"quantization": {"weight_bits": 8}})
        own = self.json_of(*self.arguments("attention", "--json"))["students"]
        asked = self.json_of(*self.arguments("attention", "--json", "--weight-bits", "4"))["students"]
        self.assertEqual(own["map"], asked["map"])
        self.assertNotEqual(own["quantized"], asked["quantized"])


class RefusedTest(AnalyzeTest):
    def refuse_analysis(self, message, name, *options, code=FAILED):
        self.refuse(code, message, "analyze", name, "--teacher", "teacher", *options)

    def test_students_that_are_missing_or_do_not_fit(self):
        batch = ("--batch", BATCH)
        self.refuse_analysis("attention: expected a student to compare (--student NAME=DIR), found none", "attention",
                             *batch)
        self.refuse_analysis("--student: expected NAME=DIR, found 'student'", "attention", "--student", "student",
                             *batch)
        self.refuse_analysis("--student: expected each name once, found 'a' twice", "attention", "--student",
                             "a=student", "--student", "a=teacher", *batch)
        self.refuse_analysis("nowhere", "attention", "--student", "a=nowhere", *batch)
        change_json(self.dir / "student" / "config.json", num_attention_heads=8)
        self.refuse_analysis("student a: expected the teacher's architecture (2 layers, 32 wide, 4 heads, 120 tokens, "
                             "3 labels), found 2 layers, 32 wide, 8 heads, 120 tokens, 3 labels", "attention",
                             "--student", "a=student", *batch)

    def test_sentences_longer_than_the_positions(self):
        def lengthen(tensors):
            for name in ("input_ids", "token_type_ids", "attention_mask"):
                tensors[name] = Tensor.integers([2, 33], [1] * 66)

        shutil.copy(BATCH, self.dir / "batch.safetensors")
        change_safetensors(self.dir / "batch.safetensors", lengthen)
        self.refuse_analysis("expected at most 32 tokens (max_position_embeddings) in row 0, found 33", "range",
                             "--batch", "batch.safetensors")

    def test_unknown_layers_tokens_parameters_and_losses(self):
        batch = ("--batch", BATCH)
        self.refuse_analysis("layers: expected 0 to 1, found 2", "range", "--layers", "2", *batch)
        self.refuse_analysis("--tokens: expected tokens of the teacher's vocabulary, found 'nothing'", "ranking",
                             "--tokens", "nothing", *batch)
        self.refuse_analysis("found 'bert.nothing'", "hessian", "--parameters", "bert.nothing", *batch)
        self.refuse_analysis("--loss: expected the name of a loss, found 'nothing'", "hessian", "--loss", "nothing",
                             *batch)

    def test_inputs_that_are_not_given_or_contradict(self):
        self.refuse_analysis("data: expected --task and --data, or --batch, found neither", "range")
        self.refuse_analysis("--batch excludes --task", "range", "--batch", BATCH, "--task", "sst-2", code=USAGE)
        (self.dir / "teacher" / "vocab.txt").unlink()
        self.refuse_analysis("ranking: expected a vocabulary in the teacher's folder, found none", "ranking",
                             "--batch", BATCH)
        shutil.copy(BATCH, self.dir / "batch.safetensors")
        change_safetensors(self.dir / "batch.safetensors", lambda tensors: tensors.pop("labels"))
        self.refuse_analysis("tensor 'labels': expected one a sentence, found none", "hessian", "--batch",
                             "batch.safetensors")


if __name__ == "__main__":
    unittest.main()
