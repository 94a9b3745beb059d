"""What the tests of the program share: running it as a user does, and the small models and data that it works on.

The model is the two-layer BERT of fixtures/tiny-bert with a made-up vocabulary; the classes of its tasks are told by
words: a text holds "up" words or "down" words, beside others.
"""

import ctypes
import hashlib
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import tempfile
import time
import typing
import unittest

PROGRAM = os.environ["KDQAT_PROGRAM"]
TINY_BERT = pathlib.Path(os.environ["KDQAT_FIXTURES"], "tiny-bert")

UP = [f"up{i}" for i in range(40)]
DOWN = [f"down{i}" for i in range(40)]
OTHER = [f"and{i}" for i in range(35)]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + UP + DOWN + OTHER

FAILED, USAGE, INTERRUPTED = 1, 2, 130

TIMEOUT = 300  # seconds; for a machine that does much else


def read_header(path):
    """The header of a safetensors file, and where its data begins."""
    content = pathlib.Path(path).read_bytes()
    begin = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:begin]), begin


class Tensor(typing.NamedTuple):
    dtype: str
    shape: list
    data: bytes

    @staticmethod
    def floats(shape, values):
        return Tensor("F32", shape, struct.pack(f"<{len(values)}f", *values))

    @staticmethod
    def integers(shape, values):
        return Tensor("I64", shape, struct.pack(f"<{len(values)}q", *values))

    def values(self):
        code, size = {"F32": ("f", 4), "I64": ("q", 8)}[self.dtype]
        return list(struct.unpack(f"<{len(self.data) // size}{code}", self.data))


def read_safetensors(path):
    """Tensors by name."""
    content = pathlib.Path(path).read_bytes()
    header, begin = read_header(path)
    header.pop("__metadata__", None)
    return {name: Tensor(entry["dtype"], entry["shape"],
                         content[begin + entry["data_offsets"][0]:begin + entry["data_offsets"][1]])
            for name, entry in header.items()}


def updates_of(checkpoint):
    """Updates done at a checkpoint; 0 where there is none."""
    try:
        header, _ = read_header(checkpoint)
    except FileNotFoundError:
        return 0
    return json.loads(header["__metadata__"]["kdqat_checkpoint"])["updates"]


def safetensors_bytes(header, data=b""):
    """A file with this header, right or wrong: an object or the text itself."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, tensor in tensors.items():
        end = len(data) + len(tensor.data)
        header[name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [len(data), end]}
        data += tensor.data
    pathlib.Path(path).write_bytes(safetensors_bytes(header, data))


def change_safetensors(path, change):
    """`change` gets the tensors by name and alters them in place."""
    tensors = read_safetensors(path)
    change(tensors)
    write_safetensors(path, tensors)


def overflow(tensors):
    """A change for which finite weights give logits that are not."""
    name = "bert.embeddings.LayerNorm.weight"
    tensors[name] = Tensor.floats(tensors[name].shape, [3e38] * len(tensors[name].values()))


def change_json(path, **fields):
    """Sets fields of a JSON file; None takes one out."""
    document = json.loads(path.read_text())
    document.update(fields)
    path.write_text(json.dumps({name: value for name, value in document.items() if value is not None}))


def make_model(directory, weights="teacher", labels=3, dropout=0.0):
    """tiny-bert as a model directory; `labels` 0 for an encoder without a classifier."""
    directory.mkdir(parents=True)
    shutil.copy(TINY_BERT / "config.json", directory)
    shutil.copy(TINY_BERT / f"{weights}.safetensors", directory / "model.safetensors")
    names = {str(i): f"LABEL_{i}" for i in range(labels)}
    change_json(directory / "config.json", hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout,
                num_labels=labels or None, id2label=names or None,
                architectures=["BertForSequenceClassification" if labels else "BertModel"])
    if labels != 3:
        change_safetensors(directory / "model.safetensors", lambda tensors: resize_classifier(tensors, labels))
    (directory / "vocab.txt").write_text("".join(f"{token}\n" for token in VOCABULARY))
    return directory


def resize_classifier(tensors, labels):
    """Keeps the first rows, the first of them again where there are too few; 0 takes the classifier out."""
    weight, bias = tensors.pop("classifier.weight"), tensors.pop("classifier.bias")
    if labels == 0:
        return
    width = weight.shape[1]
    rows = [i if i < weight.shape[0] else 0 for i in range(labels)]
    tensors["classifier.weight"] = Tensor.floats(
        [labels, width], [value for i in rows for value in weight.values()[i * width:(i + 1) * width]])
    tensors["classifier.bias"] = Tensor.floats([labels], [bias.values()[i] for i in rows])


def make_text(draw, positive):
    """A text of the class; 1 to 9 words."""
    few = 5  # words, so that a few examples show them all
    words = draw.choices((UP if positive else DOWN)[:few], k=draw.randint(1, 4))
    words += draw.choices(OTHER[:few], k=draw.randint(0, 5))
    draw.shuffle(words)
    return " ".join(words)


def sst2_row(draw, index):
    return f"{make_text(draw, index % 2 == 1)}\t{index % 2}"


def rte_row(draw, index):
    same = index % 2 == 0
    first = draw.random() < 0.5
    label = "entailment" if same else "not_entailment"
    return f"{index}\t{make_text(draw, first)}\t{make_text(draw, first == same)}\t{label}"


def stsb_row(draw, index):
    first = draw.random() < 0.5
    score = draw.uniform(3, 5) if index % 2 else draw.uniform(0, 2)
    texts = f"{make_text(draw, first)}\t{make_text(draw, first == (index % 2 == 1))}"
    return f"{index}\tnews\tfile\tyear\told\tsource\tsource\t{texts}\t{score:.3f}"


TASKS = {
    "sst-2": ("sentence\tlabel", sst2_row),
    "rte": ("index\tsentence1\tsentence2\tlabel", rte_row),
    "sts-b": ("index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore", stsb_row),
}


def make_task(directory, task, train=48, dev=40):
    """train.tsv and dev.tsv of `task`, with so many examples, always the same."""
    directory.mkdir(parents=True)
    header, row = TASKS[task]
    for split, count in (("train", train), ("dev", dev)):
        draw = random.Random(f"{task} {split}")
        rows = "".join(f"{row(draw, i)}\n" for i in range(count))
        (directory / f"{split}.tsv").write_text(f"{header}\n{rows}")
    return directory


def options(**settings):
    """Settings as a command line has them: max_steps=4 is --max-steps 4."""
    return [text for name, value in settings.items() for text in ("--" + name.replace("_", "-"), value)]


def contents(directory):
    """What is below a directory: digests of files, None for directories, by relative path."""
    return {str(path.relative_to(directory)): None if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(directory.rglob("*"))}


def without_root_powers():
    """In a child process: root, too, is bound by the permissions of files from the next program on."""
    drop_capability = 24  # PR_CAPBSET_DROP
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(drop_capability, capability, 0, 0, 0)


class ProgramTest(unittest.TestCase):
    """Runs the program within a directory of its own, self.dir."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name)

    def run_program(self, *arguments, text_in="", **settings):
        """The finished process, with its outputs as text."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.run([PROGRAM, *map(str, arguments)], input=text_in, text=True, cwd=self.dir, timeout=TIMEOUT,
                              check=False, **{**pipes, **settings})

    def succeed(self, *arguments, **settings):
        """The finished process of a run that must end with 0."""
        run = self.run_program(*arguments, **settings)
        self.assertEqual(run.returncode, 0, f"{arguments}: {run.stderr}")
        return run

    def json_of(self, *arguments, **settings):
        """The one JSON document on standard output."""
        return json.loads(self.succeed(*arguments, **settings).stdout)

    def refuse(self, code, message, *arguments, **settings):
        """The run must end with `code` and one line on standard error that holds `message`, with nothing on standard
        output, and every file must be as before."""
        before = contents(self.dir)
        run = self.run_program(*arguments, **settings)
        self.assertEqual(run.returncode, code, f"{arguments}: {run.stdout}{run.stderr}")
        self.assertEqual(run.stdout, "")
        self.assert_message(code, message, run.stderr)
        self.assertEqual(contents(self.dir), before)

    def break_off(self, reached, signal_number, *arguments):
        """Starts the program and sends the signal as soon as reached() holds; the exit code and standard error."""
        with tempfile.TemporaryFile("w+", encoding="utf-8") as stderr:
            program = subprocess.Popen([PROGRAM, *map(str, arguments)], cwd=self.dir, stdout=subprocess.DEVNULL,
                                       stderr=stderr)
            end = time.monotonic() + TIMEOUT
            while not reached():
                if program.poll() is not None or time.monotonic() > end:
                    program.kill()
                    program.wait()
                    stderr.seek(0)
                    self.fail(f"the run was over before the signal: {stderr.read()}")
                time.sleep(0.001)
            program.send_signal(signal_number)
            code = program.wait(TIMEOUT)
            stderr.seek(0)
            return code, stderr.read()

    def assert_message(self, code, message, stderr):
        lines = [line for line in stderr.splitlines() if message in line]
        self.assertEqual(len(lines), 1, f"expected once: {message}\nfound: {stderr}")
        if code == FAILED:
            self.assertTrue(lines[0].startswith("error: "), lines[0])
            self.assertEqual(stderr.splitlines()[-1], lines[0])
