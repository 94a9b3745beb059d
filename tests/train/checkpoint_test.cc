#include "kdqat/train/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/base/file.h"
#include "kdqat/format/safetensors.h"
#include "tests/base/temporary_directory.h"
#include "tests/support/tensors.h"
#include "tests/train/named_parameter.h"

namespace kdqat::train {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;
using tests::random_tensor;
using tests::same;

const nlohmann::json kConfig = {
    {"task", "rte"}, {"learning_rate", 2e-5}, {"objective", {{"recipe", "map"}, {"gamma", 1}}}};

/// Two parameters and their optimizer.
struct SmallRun {
  explicit SmallRun(std::uint64_t seed, std::int64_t rows = 4)
      : weight(random_tensor(seed, {rows, 3}).requires_grad_()),
        bias(random_tensor(seed + 1, {rows}).requires_grad_()) {}

  void update(std::uint64_t seed) {
    weight.mutable_grad() = random_tensor(seed, weight.sizes().vec());
    bias.mutable_grad() = random_tensor(seed + 1, bias.sizes().vec());
    optimizer.update();
  }

  torch::Tensor weight;
  torch::Tensor bias;
  BertAdam optimizer{{.learning_rate = 1e-2},
                     {named_parameter("classifier.weight", weight), named_parameter("classifier.bias", bias)},
                     20};
};

class CheckpointTest : public ::testing::Test {
 protected:
  /// Expects that loading the file into a run throws this.
  template <typename Error, typename Matcher>
  void expect_refused(const Matcher& message, const nlohmann::json& config = kConfig) {
    SmallRun run(9);
    EXPECT_THAT([&] { load_checkpoint(path_, run.optimizer, config); }, ThrowsMessage<Error>(message));
  }

  /// Writes a file of one tensor under these metadata.
  void write(const std::map<std::string, std::string>& metadata,
             const std::string& tensor = "weights/classifier.weight") {
    const std::vector<float> values(12, 1.0F);
    const format::TensorToWrite one{.name = tensor,
                                    .dtype = format::DType::kF32,
                                    .shape = {4, 3},
                                    .bytes = std::as_bytes(std::span(values))};
    format::write_safetensors(path_, std::span(&one, 1), metadata);
  }

  test::TemporaryDirectory directory_;
  std::filesystem::path path_ = directory_ / "checkpoint.safetensors";
};

TEST_F(CheckpointTest, ARunThatGoesOnIsOneThatNeverStopped) {
  SmallRun unbroken(1);
  for (std::uint64_t update = 0; update < 3; ++update) unbroken.update(10 * update);
  const Progress saved{.updates = 3,
                       .best_score = 0.75,
                       .best_step = 2,
                       .metrics_bytes = 1234,
                       .train_seconds = 1.5,
                       .evaluate_seconds = 0.25};
  save_checkpoint(path_, unbroken.optimizer, saved, kConfig);

  SmallRun resumed(7);
  const Progress loaded = load_checkpoint(path_, resumed.optimizer, kConfig);
  EXPECT_EQ(loaded.updates, 3);
  EXPECT_EQ(loaded.best_score, 0.75);
  EXPECT_EQ(loaded.best_step, 2);
  EXPECT_EQ(loaded.metrics_bytes, 1234);
  EXPECT_EQ(loaded.train_seconds, 1.5);
  EXPECT_EQ(loaded.evaluate_seconds, 0.25);
  EXPECT_EQ(resumed.optimizer.updates(), 3);
  for (std::uint64_t update = 3; update < 6; ++update) {
    unbroken.update(10 * update);
    resumed.update(10 * update);
  }
  EXPECT_TRUE(same(resumed.weight.detach(), unbroken.weight.detach()));
  EXPECT_TRUE(same(resumed.bias.detach(), unbroken.bias.detach()));
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(same(resumed.optimizer.slots()[i].first_moment, unbroken.optimizer.slots()[i].first_moment));
    EXPECT_TRUE(
        same(resumed.optimizer.slots()[i].second_moment, unbroken.optimizer.slots()[i].second_moment));
  }
}

TEST_F(CheckpointTest, BeforeAnEvaluationThereIsNoBestScore) {
  SmallRun run(1);
  save_checkpoint(path_, run.optimizer, {.best_score = {}}, kConfig);
  EXPECT_EQ(load_checkpoint(path_, run.optimizer, kConfig).best_score, std::nullopt);
}

TEST_F(CheckpointTest, AScoreKeepsItsLastDigit) {
  SmallRun run(1);
  const double score = 0.1 + 0.2;
  save_checkpoint(path_, run.optimizer, {.best_score = score}, kConfig);
  EXPECT_EQ(load_checkpoint(path_, run.optimizer, kConfig).best_score, score);
}

TEST_F(CheckpointTest, NamesTheFirstSettingThatDiffers) {
  SmallRun run(1);
  save_checkpoint(path_, run.optimizer, {.best_score = {}}, kConfig);
  const std::string start = path_.string() + ": a run goes on with the settings that it began with; ";
  nlohmann::json changed = kConfig;
  changed["objective"]["recipe"] = "unified";
  changed["task"] = "cola";  // behind it in the order of names
  expect_refused<base::InvalidArgument>(start + R"(objective.recipe: expected "map", found "unified")",
                                        changed);
  nlohmann::json less = kConfig;
  less.erase("task");
  expect_refused<base::InvalidArgument>(start + R"(task: expected "rte", found null)", less);
  nlohmann::json more = kConfig;
  more["max_steps"] = 5;
  expect_refused<base::InvalidArgument>(start + "max_steps: expected null, found 5", more);
}

TEST_F(CheckpointTest, RefusesAnotherKindOfFile) {
  const std::string message = path_.string() + ": expected a checkpoint of version 1, found another file";
  write({});
  expect_refused<base::FormatError>(message);
  write({{"kdqat_checkpoint", "not JSON"}});
  expect_refused<base::FormatError>(message);
  write({{"kdqat_checkpoint", R"({"version": 2})"}});
  expect_refused<base::FormatError>(message);
}

TEST_F(CheckpointTest, RefusesATensorThatIsMissingOrOfAnotherShape) {
  SmallRun other(1, /*rows=*/5);
  save_checkpoint(path_, other.optimizer, {.best_score = {}}, kConfig);
  expect_refused<base::FormatError>(path_.string() +
                                    ": tensor 'weights/classifier.weight': expected [4, 3], found [5, 3]");
  const nlohmann::json state = {{"version", 1}, {"config", kConfig}};
  write({{"kdqat_checkpoint", state.dump()}});
  expect_refused<base::FormatError>(HasSubstr("first_moment/classifier.weight"));
}

TEST_F(CheckpointTest, RefusesAFileThatIsNotThereOrCutOff) {
  expect_refused<base::IoError>(StartsWith(path_.string()));
  SmallRun run(1);
  save_checkpoint(path_, run.optimizer, {.best_score = {}}, kConfig);
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 1);
  expect_refused<base::FormatError>(StartsWith(path_.string()));
}

TEST_F(CheckpointTest, AWeightThatIsNotFiniteIsNotSavedAndTheLastCheckpointStays) {
  SmallRun run(1);
  save_checkpoint(path_, run.optimizer, {.updates = 2, .best_score = {}}, kConfig);
  const std::string before = base::read_file(path_);
  run.weight.data_ptr<float>()[5] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT([&] { save_checkpoint(path_, run.optimizer, {.updates = 3, .best_score = {}}, kConfig); },
              ThrowsMessage<base::NumericError>("checkpoint after step 3: 'weights/classifier.weight': "
                                                "expected finite values, found NaN or infinity"));
  EXPECT_EQ(base::read_file(path_), before);
}

}  // namespace
}  // namespace kdqat::train
