"""kdqat-infer serve from outside. Usage: program_test.py KDQAT_INFER WRITE_SAMPLE_MODEL"""

import json
import pathlib
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from running_server import RunningServer

WRITE_SAMPLE_MODEL = sys.argv.pop()
PROGRAM = sys.argv.pop()
BODY = b'{"texts": ["a fine film", "bad"]}'


def serve(*options, port=0):
    return RunningServer(PROGRAM, WRITE_SAMPLE_MODEL, *options, port=port)


def document(answer):
    return json.loads(answer.partition(b"\r\n\r\n")[2])


class ServeTest(unittest.TestCase):
    def test_a_signal_ends_it_with_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with serve() as server:
                self.assertEqual(len(document(server.post(b"/v1/classify", BODY))["results"]), 2)
                self.assertEqual(server.end(number), 0)

    def test_a_killed_one_can_be_started_again_at_once(self):
        with serve() as first:
            first.post(b"/v1/classify", BODY)
            self.assertEqual(first.end(signal.SIGKILL), -signal.SIGKILL)
            with serve(port=first.port) as second:
                self.assertEqual(second.port, first.port)
                self.assertEqual(len(document(second.post(b"/v1/classify", BODY))["results"]), 2)

    def test_a_model_is_named_after_its_file(self):
        with serve() as server:
            self.assertEqual(document(server.send(b"GET /v1/models HTTP/1.1\r\n\r\n"))["models"][0]["name"], "student")

    def test_answers_are_those_of_classify(self):
        with serve() as server:
            model = pathlib.Path(server.folder.name) / "student.packed.safetensors"
            lines = subprocess.run([PROGRAM, "classify", "--model", model], input="a fine film\nbad\n", text=True,
                                   capture_output=True, check=True).stdout.splitlines()
            self.assertEqual(document(server.post(b"/v1/classify", BODY))["results"], [json.loads(line) for line in lines])

    def test_what_cannot_start_says_why(self):
        with serve() as server:
            model = pathlib.Path(server.folder.name) / "student.packed.safetensors"
            for arguments, code, part in [(["--model", model, "--port", server.port], 1, "can't bind"),
                                          (["--model", model, "--host", "no.such.host.invalid"], 1, "can't bind"),
                                          (["--model", "no-such-file"], 1, "no-such-file"),
                                          (["--model", f"a={model}", "--model", f"a={model}"], 1, "two of a"),
                                          (["--port", 70000, "--model", model], 2, "--port"), ([], 2, "--model")]:
                result = subprocess.run([PROGRAM, "serve", *map(str, arguments)], capture_output=True, text=True, check=False)
                self.assertEqual(result.returncode, code, result.stderr)
                self.assertIn(part, result.stderr)


if __name__ == "__main__":
    unittest.main()
