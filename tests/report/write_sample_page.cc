// write_sample_page FOLDER: the page of the sample run, for page_in_chromium.sh.

#include <filesystem>

#include "kdqat/base/file.h"
#include "kdqat/report/run_report.h"
#include "tests/report/sample_run.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::filesystem::path folder = argv[1];
  kdqat::base::write_file_atomically(folder / "metrics.jsonl", kdqat::test::sample_metrics());
  kdqat::report::write_run_report(folder / "metrics.jsonl", folder / "report.html");
}
