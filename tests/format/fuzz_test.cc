// Damaged files, the same ones in every run: whatever the bytes, a reader gives an error of kdqat or
// succeeds. What goes wrong beyond that is for the sanitizer builds to see.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "kdqat/base/json.h"
#include "kdqat/base/random.h"
#include "kdqat/encoder/encoder_config.h"
#include "kdqat/format/quantization_config.h"
#include "kdqat/format/safetensors.h"
#include "tests/base/temporary_directory.h"
#include "tests/format/safetensors_file.h"

namespace kdqat::format {
namespace {

using Reader = std::function<void(const std::filesystem::path&)>;

class FuzzTest : public ::testing::Test {
 protected:
  /// Counts the reads that succeed; fails if one throws what is no error of kdqat or no line of text.
  void read(const std::string& bytes) {
    // A new file: some file systems flush one that is written over, which is far slower.
    std::filesystem::remove(path_);
    test::write_bytes(path_, bytes);
    ++reads_;
    try {
      reader_(path_);
      ++successes_;
    } catch (const base::Error& error) {
      const std::string message = error.what();
      EXPECT_TRUE(message.starts_with(path_.string() + ": ")) << message;
      EXPECT_LT(message.size(), path_.string().size() + 400) << message;
      EXPECT_TRUE(std::none_of(message.begin(), message.end(), [](char c) { return c >= 0 && c < ' '; }))
          << message;
    }
  }

  void damage_in_every_way(const std::string& bytes) {
    ASSERT_NO_THROW(read(bytes));
    ASSERT_EQ(successes_, 1) << "the file to be damaged must be right";
    truncate(bytes);
    flip_each_bit(bytes);
    insert_and_remove(bytes);
    edit_at_random(bytes);
    EXPECT_GT(reads_, successes_);
  }

  Reader reader_;

 private:
  void truncate(const std::string& bytes) {
    for (std::size_t size = 0; size < bytes.size(); ++size) read(bytes.substr(0, size));
  }

  void flip_each_bit(const std::string& bytes) {
    for (std::size_t i = 0; i < 8 * bytes.size(); ++i) {
      std::string damaged = bytes;
      damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << (i % 8)));
      read(damaged);
    }
  }

  void insert_and_remove(const std::string& bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      for (const char* inserted : {"\xFF", "{", "[", "\"", "-", "9", "\n", "\\", "e"}) {
        read(std::string(bytes).insert(i, inserted));
      }
      read(std::string(bytes).insert(i, 1, '\0'));
      read(std::string(bytes).erase(i, 1));
    }
  }

  /// Some bytes overwritten, some stretches copied to another place: what single faults can't reach.
  void edit_at_random(const std::string& bytes) {
    base::Random random(20'221'211);
    for (int round = 0; round < 3000; ++round) {
      std::string damaged = bytes;
      for (std::uint64_t edits = 1 + random.below(4); edits > 0; --edits) {
        const std::size_t from = random.below(damaged.size());
        const std::size_t to = random.below(damaged.size());
        if (random.below(2) == 0) {
          damaged[to] = static_cast<char>(random.below(256));
        } else {
          damaged.insert(to, damaged.substr(from, random.below(40)));
        }
      }
      read(damaged);
    }
  }

  const test::TemporaryDirectory directory_;
  const std::filesystem::path path_ = directory_ / "file";
  int reads_ = 0;
  int successes_ = 0;
};

/// Reads every byte of every tensor in each way that its dtype allows.
void read_all(const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  for (const TensorView& view : file.tensors()) {
    ASSERT_EQ(file.find(view.name), &view);
    ASSERT_EQ(static_cast<std::size_t>(view.num_elements()) * size_of(view.dtype), view.bytes.size());
    try {
      std::vector<float> values(static_cast<std::size_t>(view.num_elements()));
      copy_as_float(view, values);
    } catch (const base::FormatError&) {
    }
    try {
      copy_as_int64(view);
    } catch (const base::FormatError&) {
    }
  }
}

TEST_F(FuzzTest, DamagedSafetensorsGiveAnErrorOrTensorsWithinTheFile) {
  reader_ = read_all;
  damage_in_every_way(test::safetensors_bytes(R"({"__metadata__":{"a":"b"},)"
                                              R"("x":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
                                              R"("y":{"dtype":"I16","shape":[3],"data_offsets":[8,14]}})",
                                              14));
}

TEST_F(FuzzTest, DamagedEncoderConfigsGiveAnErrorOrAConfigThatCanBeWritten) {
  reader_ = [](const std::filesystem::path& path) {
    const encoder::EncoderConfig config = encoder::read_encoder_config(path);
    ASSERT_EQ(config.head_size() * config.num_attention_heads, config.hidden_size);
    ASSERT_EQ(static_cast<std::int64_t>(config.labels.size()), config.num_labels);
    encoder::to_json(config).dump();
  };
  damage_in_every_way(
      R"({"architectures":["BertForSequenceClassification"],"model_type":"bert","vocab_size":12,)"
      R"("hidden_size":32,"num_hidden_layers":2,"num_attention_heads":4,"intermediate_size":64,)"
      R"("max_position_embeddings":32,"num_labels":2,"id2label":{"0":"no","1":"yes"}})");
}

TEST_F(FuzzTest, DamagedQuantizationConfigsGiveAnErrorOrAConfig) {
  reader_ = [](const std::filesystem::path& path) {
    const nlohmann::json value = base::read_json_file(path);
    const QuantizationConfig config = quantization_config_from_json(value, path.string());
    ASSERT_EQ(quantization_config_from_json(to_json(config), ""), config);
  };
  damage_in_every_way(to_json(QuantizationConfig{}).dump());
}

}  // namespace
}  // namespace kdqat::format
