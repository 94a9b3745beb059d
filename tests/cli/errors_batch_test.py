"""A batch file that is damaged or does not fit the model is refused with a message that names file and tensor."""

import shutil
import unittest

from program import (FAILED, TINY_BERT, USAGE, ProgramTest, Tensor, change_json, change_safetensors, make_model,
                     overflow, safetensors_bytes)


MODELS = ("--teacher", "teacher", "--student", "student")


class BadBatchTest(ProgramTest):
    def setUp(self):
        super().setUp()
        make_model(self.dir / "teacher")
        make_model(self.dir / "student", "student")
        self.batch = self.dir / "batch.safetensors"
        shutil.copy(TINY_BERT / "batch.safetensors", self.batch)

    def refuse_batch(self, message, code=FAILED):
        self.refuse(code, message, "losses", *MODELS, "--batch", "batch.safetensors", "--json")

    def refuse_change(self, tensor, change, message):
        """`change` makes another tensor of `tensor`; None takes it out."""
        with self.subTest(message):
            shutil.copy(TINY_BERT / "batch.safetensors", self.batch)

            def alter(tensors):
                changed = change(tensors[tensor])
                if changed is None:
                    del tensors[tensor]
                else:
                    tensors[tensor] = changed

            change_safetensors(self.batch, alter)
            self.refuse_batch(f"batch.safetensors: tensor '{tensor}': {message}")

    def put(self, position, value):
        """Replaces one value of an integer tensor."""
        def change(tensor):
            values = tensor.values()
            values[position] = value
            return Tensor.integers(tensor.shape, values)
        return change

    def test_ids_outside_of_their_tables(self):
        self.refuse_change("input_ids", self.put(9, 120), "expected ids from 0 to 119, found 120 in row 1")
        self.refuse_change("input_ids", self.put(3, -1), "expected ids from 0 to 119, found -1 in row 0")
        self.refuse_change("input_ids", self.put(0, 1 << 40),
                           "expected ids from 0 to 119, found 1099511627776 in row 0")
        self.refuse_change("token_type_ids", self.put(0, 2), "expected ids from 0 to 1, found 2 in row 0")

    def test_labels_out_of_range_or_none(self):
        self.refuse_change("labels", self.put(1, 3), "expected ids from 0 to 2, found 3 in row 1")
        self.refuse_change("labels", self.put(0, -100), "expected ids from 0 to 2, found -100 in row 0")
        self.refuse_change("labels", lambda tensor: None, "expected ")

    def test_wrong_dtypes_and_shapes(self):
        floats = Tensor.floats([2, 8], [1.0] * 16)
        self.refuse_change("input_ids", lambda tensor: floats, "expected integers, found F32")
        self.refuse_change("attention_mask", lambda tensor: floats, "expected integers, found F32")
        self.refuse_change("labels", lambda tensor: Tensor.floats([2], [0.0, 1.0]),
                           "expected integer class ids, found F32")
        self.refuse_change("input_ids", lambda tensor: tensor._replace(shape=[16]),
                           "expected [B, S] with a sentence, found [16]")
        self.refuse_change("token_type_ids", lambda tensor: tensor._replace(shape=[4, 4]),
                           "expected [2, 8] as input_ids, found [4, 4]")
        self.refuse_change("labels", lambda tensor: Tensor.integers([3], [0, 0, 0]), "expected [2], found [3]")
        self.refuse_change("input_ids", lambda tensor: None, "expected in this file, found 3 other tensors")

    def test_masks_with_holes_or_without_tokens(self):
        self.refuse_change("attention_mask", self.put(2, 0),
                           "expected ones and then zeros in row 0, found 1 at position 3")
        self.refuse_change("attention_mask", self.put(2, 7),
                           "expected ones and then zeros in row 0, found 7 at position 2")
        self.refuse_change("attention_mask", lambda tensor: Tensor.integers(tensor.shape, [1] * 8 + [0] * 8),
                           "expected a token in row 1, found none")

    def test_more_tokens_than_positions(self):
        def lengthen(tensors):
            for name in ("input_ids", "token_type_ids", "attention_mask"):
                tensors[name] = Tensor.integers([2, 33], [1] * 66)

        change_safetensors(self.batch, lengthen)
        self.refuse_batch("batch.safetensors: tensor 'input_ids': expected at most 32 tokens (max_position_embeddings) "
                          "in row 0, found 33")

    def test_damaged_files(self):
        for content, message in [
                (b"", "expected at least 8 bytes (the length of the header), found 0"),
                (self.batch.read_bytes()[:100], "expected a header of "),
                (self.batch.read_bytes()[:-1], "are outside of the file"),
                (safetensors_bytes({}), "tensor 'input_ids': expected in this file, found 0 other tensors")]:
            with self.subTest(message):
                self.batch.write_bytes(content)
                self.refuse_batch(message)
        self.batch.unlink()
        self.refuse_batch("--batch: File does not exist: batch.safetensors", USAGE)

    def test_a_student_of_another_architecture(self):
        shutil.rmtree(self.dir / "student")
        make_model(self.dir / "student", "student", labels=2)
        self.refuse_batch("student: expected the teacher's architecture (2 layers, 32 wide, 4 heads, 120 tokens, "
                          "3 labels), found 2 layers, 32 wide, 4 heads, 120 tokens, 2 labels")

    def test_a_student_of_another_number_of_heads(self):
        change_json(self.dir / "student" / "config.json", num_attention_heads=8)
        self.refuse_batch("4 heads, 120 tokens, 3 labels), found 2 layers, 32 wide, 8 heads, 120 tokens, 3 labels")

    def test_temperatures_that_are_none(self):
        for value in ("0", "-1", "nan"):
            self.refuse(FAILED, f"temperature: expected more than 0, found {value}", "losses", *MODELS,
                        "--batch", "batch.safetensors", "--temperature", value)

    def test_losses_that_are_not_finite(self):
        change_safetensors(self.dir / "student" / "model.safetensors", overflow)
        self.refuse(FAILED, ": expected a finite loss, found ", "losses", *MODELS, "--batch", "batch.safetensors",
                    "--weight-bits", "32", "--activation-bits", "32", "--json")


if __name__ == "__main__":
    unittest.main()
