"""script/check-layers finds each kind of violation, planted in a small tree that is otherwise right."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).parents[2] / "script" / "check-layers"

RIGHT = {
    "kdqat/base/CMakeLists.txt": "kdqat_add_layer(base SOURCES a.cc)\n",
    "kdqat/kernels/CMakeLists.txt": "kdqat_add_layer(kernels\n  SOURCES a.cc\n  DEPS base)\n",
    "kdqat/text/CMakeLists.txt": "# kdqat_add_layer(text TORCH)\nkdqat_add_layer(text SOURCES a.cc DEPS base)\n",
    "kdqat/data/CMakeLists.txt": "kdqat_add_layer(data TORCH\n  SOURCES a.cc b.cc  # two\n  DEPS base text\n  LIBS x::y)\n",
    "kdqat/model/CMakeLists.txt": "kdqat_add_layer(model TORCH SOURCES a.cc DEPS data ONLY data/batch.h)\n",
    "kdqat/cli/CMakeLists.txt": "kdqat_add_program(kdqat TORCH SOURCES main.cc DEPS model)\n",
    "kdqat/base/error.h": "#pragma once\nnamespace kdqat::base {}\n",
    "kdqat/kernels/macros.h": "#pragma once\n// only\n#define KDQAT_TWO(x) \\\n  do_it(x)\n",
    "kdqat/text/tokenizer.h": '#pragma once\n#include "kdqat/base/error.h"\nnamespace kdqat::text {}\n',
    "kdqat/data/batch.h": '#pragma once\n#include "kdqat/text/tokenizer.h"\nnamespace kdqat::data {}\n',
    "kdqat/data/reader.h": '#pragma once\n#include "kdqat/data/batch.h"\nnamespace kdqat::data {}\n',
    "kdqat/model/encoder.h": '#pragma once\n#include <torch/types.h>\n#include "kdqat/data/batch.h"\n'
                             "namespace kdqat::model {}\nnamespace kdqat::model::detail {}\n",
    "kdqat/cli/main.cc": '#include "kdqat/model/encoder.h"\nint main() {}\n',
    "tests/base/CMakeLists.txt": "",
    "tests/kernels/CMakeLists.txt": "",
    "tests/text/CMakeLists.txt": "",
    "tests/data/CMakeLists.txt": "",
    "tests/model/CMakeLists.txt": "",
    "tests/cli/CMakeLists.txt": "",
    "tests/fixtures/long.txt": "1\n" * 700,
    "docs/guide.md": "a\n" * 700,
}


class CheckLayersTest(unittest.TestCase):
    def run_with(self, changes):
        """The exit code and output for the right tree with `changes`: a file's text, or None for no file."""
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {**RIGHT, **changes}.items():
                if text is not None:
                    path = pathlib.Path(folder, name)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text, encoding="utf-8")
            run = subprocess.run([sys.executable, str(SCRIPT), folder], capture_output=True, text=True, check=False)
        return run.returncode, run.stdout.splitlines()

    def expect_only(self, violation, changes):
        self.assertEqual(self.run_with(changes), (1, [violation]))

    def test_accepts_what_keeps_the_rules(self):
        self.assertEqual(self.run_with({}), (0, []))

    def test_finds_an_arrow_that_is_not_allowed(self):
        self.expect_only(
            "kdqat/text/vocabulary.h:1: text must not include model",
            {"kdqat/text/vocabulary.h": '#include "kdqat/model/heads.h"\nnamespace kdqat::text {}\n'})

    def test_finds_a_family_s_name_of_a_tensor_elsewhere(self):
        name = '{ const char* kName = "bert.embeddings.LayerNorm"; }\n'
        self.expect_only(
            'kdqat/text/names.cc:1: "bert.embeddings.LayerNorm" is a name of kdqat/encoder/families/bert.cc: '
            "ask for a role instead",
            {"kdqat/encoder/CMakeLists.txt": "kdqat_add_layer(encoder SOURCES families/bert.cc DEPS base)\n",
             "tests/encoder/CMakeLists.txt": "",
             "kdqat/encoder/families/bert.cc": f"namespace kdqat::encoder {name}",
             "kdqat/text/names.cc": f"namespace kdqat::text {name}"})

    def test_finds_a_header_beyond_those_allowed_of_a_folder(self):
        self.expect_only(
            "kdqat/model/head.h:1: model may include of data only batch.h",
            {"kdqat/model/head.h": '#include "kdqat/data/reader.h"\nnamespace kdqat::model {}\n'})

    def test_finds_an_include_not_written_from_the_root(self):
        self.expect_only(
            'kdqat/text/vocabulary.h:1: write "kdqat/<folder>/..." for "tokenizer.h"',
            {"kdqat/text/vocabulary.h": '#include "tokenizer.h"\nnamespace kdqat::text {}\n'})

    def test_finds_a_folder_without_a_place(self):
        self.expect_only(
            "kdqat/misc/a.h:1: kdqat/misc/CMakeLists.txt has no kdqat_add_layer or kdqat_add_program",
            {"kdqat/misc/a.h": "namespace kdqat::misc {}\n", "tests/misc/CMakeLists.txt": ""})

    def test_finds_a_folder_whose_declaration_is_a_comment(self):
        self.expect_only(
            "kdqat/cli/main.cc:1: kdqat/cli/CMakeLists.txt has no kdqat_add_layer or kdqat_add_program",
            {"kdqat/cli/CMakeLists.txt": "# kdqat_add_program(kdqat DEPS model)\n"})

    def test_finds_an_arrow_to_nowhere(self):
        self.expect_only(
            "kdqat/text/CMakeLists.txt:1: DEPS name misc, which is no folder of kdqat",
            {"kdqat/text/CMakeLists.txt": "kdqat_add_layer(text SOURCES a.cc DEPS base misc)\n"})

    def test_finds_an_arrow_that_nothing_takes(self):
        self.expect_only(
            "kdqat/data/CMakeLists.txt:1: DEPS name kernels, of which data includes nothing",
            {"kdqat/data/CMakeLists.txt": "kdqat_add_layer(data TORCH SOURCES a.cc DEPS base text kernels)\n"})

    def test_finds_a_cycle_of_folders(self):
        code, lines = self.run_with({
            "kdqat/text/CMakeLists.txt": "kdqat_add_layer(text SOURCES a.cc DEPS base data)\n",
            "kdqat/text/a.cc": '#include "kdqat/data/reader.h"\nnamespace kdqat::text {}\n'})
        self.assertEqual((code, lines), (1, [
            "kdqat/data/CMakeLists.txt:1: folders form a cycle: data -> text -> data",
            "kdqat/text/CMakeLists.txt:1: folders form a cycle: text -> data -> text"]))

    def test_finds_a_cycle_within_a_folder(self):
        self.expect_only(
            "kdqat/data/batch.h:1: includes form a cycle: "
            "kdqat/data/batch.h -> kdqat/data/reader.h -> kdqat/data/batch.h",
            {"kdqat/data/batch.h": '#include "kdqat/text/tokenizer.h"\n#include "kdqat/data/reader.h"\n'
                                   "namespace kdqat::data {}\n"})

    def test_finds_libtorch_behind_another_header(self):
        self.expect_only(
            "kdqat/base/tensor.h:1: base must do without libtorch: kdqat/base/tensor.h -> c10/util/Half.h",
            {"kdqat/base/tensor.h": "#include <c10/util/Half.h>\nnamespace kdqat::base {}\n"})
        code, lines = self.run_with({
            "kdqat/base/tensor.h": "#include <ATen/ATen.h>\nnamespace kdqat::base {}\n",
            "kdqat/text/a.cc": '#include "kdqat/base/tensor.h"\nnamespace kdqat::text {}\n'})
        self.assertEqual(code, 1)
        self.assertIn("kdqat/text/a.cc:1: text must do without libtorch: "
                      "kdqat/text/a.cc -> kdqat/base/tensor.h -> ATen/ATen.h", lines)

    def test_finds_a_wrong_or_missing_namespace(self):
        self.expect_only(
            "kdqat/text/vocabulary.h:1: expected namespace kdqat::text, found kdqat::texts",
            {"kdqat/text/vocabulary.h": "namespace kdqat::texts {}\n"})
        self.expect_only(
            "kdqat/text/vocabulary.h:1: expected namespace kdqat::text, found none",
            {"kdqat/text/vocabulary.h": "int size();\n"})

    def test_finds_a_folder_without_tests(self):
        self.expect_only("kdqat/data:1: tests/data/CMakeLists.txt is missing", {"tests/data/CMakeLists.txt": None})

    def test_finds_a_long_file_and_a_marker(self):
        self.expect_only("script/long:601: expected at most 600 lines, found 601", {"script/long": "x\n" * 601})
        marker = "TO" + "DO"
        self.expect_only(f"docs/guide.md:2: {marker}: do it or leave it", {"docs/guide.md": f"a\nb {marker} c\n"})


if __name__ == "__main__":
    unittest.main()
