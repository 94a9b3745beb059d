"""script/demo runs its stages once each, whenever it is stopped, and passes on what goes wrong.

The stages' programs are stand-ins: cmake "builds" a kdqat that notes how it was called, pip "downloads" packages
made here. What the real ones do is not tested here.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from demo_data_test import write_packages

SCRIPTS = pathlib.Path(__file__).parents[2] / "script"

CMAKE = """#!/bin/bash
echo "cmake $*" >>calls
mkdir -p build/release/bin
cp kdqat build/release/bin/kdqat
cp infer build/release/bin/kdqat-infer
"""

PYTHON = f"""#!/bin/bash
if [[ $1 != -m ]]; then exec {sys.executable} "$@"; fi
echo "pip $3" >>calls
cp -r packages "${{@: -1}}"
"""

# Training stops where the file `stop` says: "wait" is killed by a signal, a number is the exit code.
KDQAT = """#!/bin/bash
echo "kdqat $*" >>calls
case $1 in
  evaluate) echo '{"metric": "accuracy", "examples": 7, "score": 0.875}' ;;
  info) echo '{"size_bytes": {"float32": 90870000, "quantized": 6310000}}' ;;
  verify) echo '{"passed": true}' ;;
  pack)
    while [[ $1 != --output ]]; do shift; done
    head -c 6330000 /dev/zero >"$2"
    ;;
  *)
    while [[ $1 != --output ]]; do shift; done
    if [[ -e $2 && $3 != --resume ]]; then
      echo "kdqat: $2 exists" >&2
      exit 1
    fi
    mkdir -p "$2"
    echo begun >"$2/checkpoint"
    if [[ -e stop && $(<stop) == wait ]]; then
      trap 'echo "kdqat got SIGTERM" >>calls; exit 130' TERM
      echo "kdqat waits" >>calls
      for i in {1..3000}; do sleep 0.1; done
    elif [[ -e stop ]]; then
      echo "kdqat: no space" >&2
      exit "$(<stop)"
    fi
    echo "$2 $(cat seed)" >"$2/model.safetensors"
    echo "<html>" >"$2/report.html"
    echo '{"kind": "end", "seconds": {"train": 61.5, "evaluate": 2.7}}' >"$2/metrics.jsonl"
    ;;
esac
"""

INFER = """#!/bin/bash
echo "infer $*" >>calls
while [[ $1 != --batch-size ]]; do shift; done
echo '{"batch_size": '$2', "seq_length": 32, "latency_seconds": {"median": 0.00125}, "sentences_per_second": 1234.5}'
"""


class DemoTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = pathlib.Path(temporary.name)
        (self.root / "script").mkdir()
        for name in ["demo", "demo-data", "demo-table", "demo-packages.txt"]:
            shutil.copy(SCRIPTS / name, self.root / "script")
        self.write_program("script/setup", "#!/bin/bash\n")
        self.write_program("bin/cmake", CMAKE)
        self.write_program("bin/python3", PYTHON)
        self.write_program("kdqat", KDQAT)
        self.write_program("infer", INFER)
        (self.root / "benchmarks/peers").mkdir(parents=True)
        (self.root / "benchmarks/peers/teacher_speed.py").write_text("print('{}')")
        (self.root / "seed").write_text("1")
        (self.root / "packages").mkdir()
        write_packages(self.root / "packages", "1\t1\ttext\n")

    def write_program(self, name, text):
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def start(self):
        return subprocess.Popen(["bash", "script/demo"], cwd=self.root, text=True,
                                env={**os.environ, "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}"},
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run_demo(self):
        """Exit code, standard output and error of a whole run, and the calls it made of training."""
        (self.root / "calls").unlink(missing_ok=True)
        demo = self.start()
        output, error = demo.communicate(timeout=300)
        return demo.returncode, output, error, self.training_calls()

    def training_calls(self):
        return [line.split()[1] + (" --resume" if "--resume" in line else "")
                for line in self.calls() if line.startswith(("kdqat finetune", "kdqat distill"))]

    def calls(self):
        path = self.root / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def wait_for(self, call):
        for _ in range(6000):
            if call in self.calls():
                return
            time.sleep(0.05)
        self.fail(f"no call {call} in {self.calls()}")

    def test_prints_one_table_and_where_the_report_lies(self):
        code, output, error, calls = self.run_demo()
        self.assertEqual(code, 0, error)
        self.assertEqual(calls, ["finetune", "distill"])
        self.assertRegex(output, r"accuracy, 7 test sentences +87.5 % +87.5 %\n"
                                 r"size of the weights +90.9 MB +6.3 MB\n"
                                 r"seconds of training +64 +64\n"
                                 r"packed file +6.3 MB\n"
                                 r"one sentence of 32 tokens +1.25 ms\n"
                                 r"sentences/s, 32 x 32 tokens +1234\n")
        self.assertRegex(output, r"\nSeconds: build \d+, download \d+, prepare \d+, teacher 64, student 64, evaluate \d+, pack \d+\n"
                                 r"Packed student: demo/student.packed.safetensors .*\nReport: demo/report.html\n$")
        self.assertTrue((self.root / "demo/report.html").exists())

    def test_shows_the_teachers_speed_where_python_can_measure_it(self):
        speed = self.root / "benchmarks/peers/teacher_speed.py"
        speed.write_text("""print('{"latency_seconds": 0.0101, "sentences_per_second": 217.4}')""")
        code, output, error, _ = self.run_demo()
        self.assertEqual(code, 0, error)
        self.assertRegex(output, r"one sentence of 32 tokens +10.10 ms +1.25 ms\n"
                                 r"sentences/s, 32 x 32 tokens +217 +1234\n")

    def test_repeats_no_finished_stage(self):
        self.run_demo()
        code, output, error, calls = self.run_demo()
        self.assertEqual((code, calls), (0, []), error)
        self.assertEqual([call.split()[0] for call in self.calls()], ["cmake", "cmake"])
        self.assertIn("teacher: done before", error)
        self.assertIn("Report: demo/report.html", output)

    def test_goes_on_after_kill_in_the_stage_it_was_in(self):
        for number in [signal.SIGKILL, signal.SIGTERM]:
            with self.subTest(signal=number):
                shutil.rmtree(self.root / "demo", ignore_errors=True)
                (self.root / "calls").unlink(missing_ok=True)
                (self.root / "stop").write_text("wait")
                demo = self.start()
                self.wait_for("kdqat waits")
                demo.send_signal(number)
                self.wait_for("kdqat got SIGTERM")  # nothing is left running
                demo.communicate(timeout=300)
                self.assertNotEqual(demo.returncode, 0)
                (self.root / "stop").unlink()
                code, _, error, calls = self.run_demo()
                self.assertEqual((code, calls), (0, ["finetune --resume", "distill"]), error)
                self.assertIn("download: done before", error)

    def test_waits_for_what_a_killed_run_left_behind(self):
        self.run_demo()
        shutil.rmtree(self.root / "demo/student")
        holder = subprocess.Popen(["flock", "demo/lock", "sleep", "1"], cwd=self.root)
        time.sleep(0.3)
        code, _, error, calls = self.run_demo()
        holder.wait()
        self.assertEqual((code, calls), (0, ["distill"]), error)
        self.assertIn("Waiting for another run of script/demo to end", error)

    def test_passes_on_the_failure_of_a_stage(self):
        (self.root / "stop").write_text("1")
        code, output, error, calls = self.run_demo()
        self.assertEqual((code, output, calls), (1, "", ["finetune"]))
        self.assertIn("kdqat: no space\nscript/demo: teacher stopped (exit code 1)", error)

    def test_does_a_stage_anew_when_what_it_used_has_changed(self):
        self.run_demo()
        (self.root / "seed").write_text("2")
        shutil.rmtree(self.root / "demo/teacher")
        code, _, error, calls = self.run_demo()
        self.assertEqual((code, calls), (0, ["finetune", "distill"]), error)
        self.assertIn("student 2", (self.root / "demo/student/model.safetensors").read_text())


if __name__ == "__main__":
    unittest.main()
