"""kdqat-infer from outside: its messages and exit codes. Usage: program_test.py KDQAT_INFER FIXTURES"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop(1)
FIXTURES = pathlib.Path(sys.argv.pop(1))


def run(*arguments, stdin=""):
    return subprocess.run([PROGRAM, *map(str, arguments)], input=stdin, capture_output=True, text=True, check=False)


class ProgramTest(unittest.TestCase):
    def expect_failure(self, result, code, *parts):
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(result.stdout, "")
        for part in parts:
            self.assertIn(part, result.stderr)

    def test_usage_errors_exit_with_2(self):
        self.expect_failure(run(), 2, "A subcommand is required")
        self.expect_failure(run("classify"), 2, "--model is required")
        self.expect_failure(run("bench", "--model", "no-such-file"), 2, "no-such-file")
        self.expect_failure(run("bench", "--model", __file__, "--batch-size", 0), 2, "--batch-size")

    def test_help_and_version_exit_with_0(self):
        for arguments in (["--help"], ["--version"], ["classify", "--help"], ["embed", "--help"], ["bench", "--help"]):
            self.assertEqual(run(*arguments).returncode, 0)

    def test_a_file_that_is_no_packed_model_is_named(self):
        teacher = FIXTURES / "tiny-bert" / "teacher.safetensors"
        self.expect_failure(run("classify", "--model", teacher), 1, "teacher.safetensors", "kdqat pack")
        with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
            self.expect_failure(run("embed", "--model", file.name), 1, file.name, "found 0")


if __name__ == "__main__":
    unittest.main()
