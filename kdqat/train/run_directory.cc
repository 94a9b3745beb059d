#include "kdqat/train/run_directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "kdqat/base/error.h"

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
}

std::optional<nlohmann::json> RunDirectory::end_record() const {
  if (fs::exists(checkpoint())) return {};
  std::ifstream stream(metrics());
  std::string last;
  for (std::string line; std::getline(stream, line);) last = line;
  nlohmann::json record = nlohmann::json::parse(last, nullptr, /*allow_exceptions=*/false);
  if (!record.is_object() || record.value("kind", "") != "end" || record.value("status", "") != "done")
    return {};
  return record;
}

void RunDirectory::start_anew() const {
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) fail(path_, "create the directory", error.value());
  for (const char* name :
       {"checkpoint.safetensors", "metrics.jsonl", "report.html", "README.md", "model.safetensors",
        "config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}) {
    fs::remove(path_ / name, error);
    if (error) fail(path_ / name, "remove", error.value());
    fs::remove(last() / name, error);
    if (error && error != std::errc::not_a_directory) fail(last() / name, "remove", error.value());
  }
  fs::remove(last(), error);  // fails, rightly, where somebody keeps a file of their own in it
}

MetricsLog::MetricsLog(const fs::path& path, std::int64_t size) : path_(path), size_(size) {
  descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail(path_, "open", errno);
  if (::ftruncate(descriptor_, size) != 0 || ::lseek(descriptor_, size, SEEK_SET) < 0) {
    const int error = errno;
    ::close(descriptor_);
    fail(path_, "cut to size", error);
  }
}

MetricsLog::~MetricsLog() { ::close(descriptor_); }

void MetricsLog::write(const nlohmann::json& record) {
  const std::string line = record.dump() + "\n";
  for (std::size_t done = 0; done < line.size();) {
    const ssize_t written = ::write(descriptor_, line.data() + done, line.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(path_, "write", errno);
    done += static_cast<std::size_t>(written);
  }
  size_ += static_cast<std::int64_t>(line.size());
}

std::int64_t MetricsLog::sync() {
  if (::fsync(descriptor_) != 0) fail(path_, "sync", errno);
  return size_;
}

}  // namespace kdqat::train
