#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "kdqat/base/error.h"
#include "tests/model/checkpoint_directory.h"

namespace kdqat::convert {

/// tiny-bert as the directory of a student, with a vocabulary of its size.
class StudentDirectory {
 public:
  explicit StudentDirectory(const nlohmann::json& quantization) {
    directory_.config["kdqat"] = {{"quantization", quantization}, {"max_seq_length", 12}};
    path_ = directory_.write();
    std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
    for (std::int64_t id = 5; id < directory_.config.at("vocab_size").get<std::int64_t>(); ++id) {
      vocabulary += base::concat("token", id, '\n');
    }
    base::write_file_atomically(path_ / "vocab.txt", vocabulary);
  }

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path packed() const { return path_ / "packed.safetensors"; }

 private:
  model::CheckpointDirectory directory_;
  std::filesystem::path path_;
};

}  // namespace kdqat::convert
