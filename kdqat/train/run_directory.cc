#include "kdqat/train/run_directory.h"

#include <cstring>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/text/tokenizer_files.h"

namespace kdqat::train {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, const std::string& what, int error) {
  throw base::IoError(base::concat(path.string(), ": can't ", what, ": ", std::strerror(error)));
}

}  // namespace

void RunDirectory::check_free(bool resume, bool overwrite) const {
  if (resume && overwrite) {
    throw base::InvalidArgument("expected --resume or --overwrite, found both");
  }
  std::error_code error;
  const fs::file_status status = fs::status(path_, error);
  if (!fs::exists(status)) return;
  if (!fs::is_directory(status)) {
    throw base::InvalidArgument(base::concat(path_.string(), ": expected a directory, found a file"));
  }
  const bool empty = fs::is_empty(path_, error);
  if (error) fail(path_, "read the directory", error.value());
  if (!empty && !resume && !overwrite) {
    throw base::InvalidArgument(
        base::concat(path_.string(),
                     ": expected a new or empty directory, found files: go on with --resume, or start anew "
                     "with --overwrite"));
  }
  if (!empty && resume && !fs::exists(metrics()) && !fs::exists(checkpoint())) {
    throw base::InvalidArgument(base::concat(
        path_.string(), ": expected the directory of a run with metrics.jsonl, found other files"));
  }
}

void RunDirectory::check_apart_from(const fs::path& model_dir) const {
  for (const fs::path& written : {path_, last()}) {
    std::error_code error;  // where one of the two does not exist
    if (fs::equivalent(written, model_dir, error)) {
      throw base::InvalidArgument(base::concat(path_.string(), ": expected another directory than that of ",
                                               "the model which is read, found ", model_dir.string()));
    }
  }
}

std::optional<format::EndRecord> RunDirectory::end_record() const {
  if (fs::exists(checkpoint()) || !fs::exists(path_ / "model.safetensors")) return {};
  return format::read_run_end(metrics());
}

void RunDirectory::start_anew() const {
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) fail(path_, "create the directory", error.value());
  remove_checkpoint();
  // The metrics go last: while they are there, what a killed process has left can be resumed.
  std::vector<const char*> names = {"model.safetensors", "config.json"};
  const auto of_tokenizer = text::tokenizer_file_names();
  names.insert(names.end(), of_tokenizer.begin(), of_tokenizer.end());
  names.insert(names.end(), {"README.md", "report.html", "run.toml", "metrics.jsonl"});
  for (const char* const name : names) {
    fs::remove(path_ / name, error);
    if (error) fail(path_ / name, "remove", error.value());
    fs::remove(last() / name, error);
    if (error && error != std::errc::not_a_directory) fail(last() / name, "remove", error.value());
  }
  fs::remove(last(), error);  // fails, rightly, where somebody keeps a file of their own in it
}

void RunDirectory::remove_checkpoint() const {
  for (const char* ending : {"", ".tmp"}) {
    const fs::path path = checkpoint().string() + ending;
    std::error_code error;
    fs::remove(path, error);
    if (error) fail(path, "remove", error.value());
  }
}

}  // namespace kdqat::train
