#include "kdqat/data/batch_file.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/format/safetensors.h"

namespace kdqat::data {
namespace {

using format::TensorView;

[[noreturn]] void fail(const std::filesystem::path& path, std::string_view tensor, const std::string& what) {
  throw base::FormatError(base::concat(path.string(), ": tensor '", tensor, "': ", what));
}

bool is_integer(format::DType dtype) {
  switch (dtype) {
    case format::DType::kI64:
    case format::DType::kI32:
    case format::DType::kI16:
    case format::DType::kI8:
    case format::DType::kU8:
      return true;
    default:
      return false;
  }
}

/// Reads the tensors of one batch file, checked.
class BatchReader {
 public:
  BatchReader(const std::filesystem::path& path, const BatchLimits& limits) : file_(path), limits_(limits) {}

  Batch read() {
    const TensorView& ids = file_.tensor("input_ids");
    if (ids.shape.size() != 2 || ids.shape[0] < 1 || ids.shape[1] < 1) {
      fail(file_.path(), ids.name, "expected [B, S] with a sentence, found " + format::to_string(ids.shape));
    }
    shape_ = ids.shape;
    const std::vector<std::int64_t> input_ids = integers("input_ids", 0);
    const std::vector<std::int64_t> token_type_ids = integers("token_type_ids", 0);
    const std::vector<std::int64_t> attention_mask = integers("attention_mask", 1);

    std::vector<text::Encoding> encodings;
    for (std::int64_t b = 0; b < shape_[0]; ++b) {
      const std::int64_t length = sentence_length(attention_mask, b);
      text::Encoding encoding;
      for (std::int64_t i = b * shape_[1]; i < b * shape_[1] + length; ++i) {
        const auto at = static_cast<std::size_t>(i);
        encoding.input_ids.push_back(checked(input_ids[at], limits_.vocab_size, "input_ids", b));
        encoding.token_type_ids.push_back(
            checked(token_type_ids[at], limits_.type_vocab_size, "token_type_ids", b));
      }
      encodings.push_back(std::move(encoding));
    }
    std::vector<const text::Encoding*> pointers;
    for (const text::Encoding& encoding : encodings) pointers.push_back(&encoding);
    if (file_.find("labels") == nullptr) return make_batch(pointers);
    return make_batch(pointers, labels(), limits_.num_labels == 1);
  }

 private:
  /// Values of an integer tensor [B, S], or `absent` everywhere.
  std::vector<std::int64_t> integers(std::string_view name, std::int64_t absent) const {
    const TensorView* view = file_.find(name);
    if (view == nullptr)
      return std::vector<std::int64_t>(static_cast<std::size_t>(shape_[0] * shape_[1]), absent);
    if (!is_integer(view->dtype)) {
      fail(file_.path(), name, base::concat("expected integers, found ", format::name_of(view->dtype)));
    }
    if (view->shape != shape_) {
      fail(
          file_.path(), name,
          "expected " + format::to_string(shape_) + " as input_ids, found " + format::to_string(view->shape));
    }
    return format::copy_as_int64(*view);
  }

  std::int64_t sentence_length(const std::vector<std::int64_t>& attention_mask, std::int64_t sentence) const {
    const std::int64_t* row = attention_mask.data() + sentence * shape_[1];
    std::int64_t length = 0;
    for (std::int64_t i = 0; i < shape_[1]; ++i) {
      if ((row[i] != 0 && row[i] != 1) || (row[i] == 1 && i != length)) {
        fail(file_.path(), "attention_mask",
             base::concat("expected ones and then zeros in row ", sentence, ", found ", row[i],
                          " at position ", i));
      }
      length += row[i];
    }
    if (length == 0)
      fail(file_.path(), "attention_mask",
           base::concat("expected a token in row ", sentence, ", found none"));
    if (length > limits_.max_position_embeddings) {
      fail(file_.path(), "input_ids",
           base::concat("expected at most ", limits_.max_position_embeddings,
                        " tokens (max_position_embeddings) in row ", sentence, ", found ", length));
    }
    return length;
  }

  std::int32_t checked(std::int64_t id, std::int64_t bound, std::string_view tensor,
                       std::int64_t sentence) const {
    if (id < 0 || id >= bound) {
      fail(file_.path(), tensor,
           base::concat("expected ids from 0 to ", bound - 1, ", found ", id, " in row ", sentence));
    }
    return static_cast<std::int32_t>(id);
  }

  std::vector<double> labels() const {
    const TensorView& view = file_.tensor("labels");
    if (view.shape != format::Shape{shape_[0]}) {
      fail(file_.path(), view.name,
           base::concat("expected [", shape_[0], "], found ", format::to_string(view.shape)));
    }
    const bool regression = limits_.num_labels == 1;
    if (is_integer(view.dtype)) {
      const std::vector<std::int64_t> ids = format::copy_as_int64(view);
      for (std::size_t b = 0; !regression && b < ids.size(); ++b) {
        checked(ids[b], limits_.num_labels, view.name, static_cast<std::int64_t>(b));
      }
      return {ids.begin(), ids.end()};
    }
    if (!regression || view.dtype == format::DType::kBool) {
      fail(file_.path(), view.name,
           base::concat("expected ", regression ? "scores" : "integer class ids", ", found ",
                        format::name_of(view.dtype)));
    }
    std::vector<float> scores(static_cast<std::size_t>(shape_[0]));
    format::copy_as_float(view, scores);
    for (const float score : scores) {
      if (!std::isfinite(score))
        fail(file_.path(), view.name, base::concat("expected finite scores, found ", score));
    }
    return {scores.begin(), scores.end()};
  }

  format::SafetensorsFile file_;
  BatchLimits limits_;
  format::Shape shape_;
};

}  // namespace

BatchLimits batch_limits(const encoder::EncoderConfig& config) {
  // Types are not read where there is one at most.
  const bool reads_types = config.type_vocab_size > 0 && !config.only_first_token_type;
  return {.vocab_size = config.vocab_size,
          .type_vocab_size = reads_types ? config.type_vocab_size : std::numeric_limits<std::int32_t>::max(),
          .max_position_embeddings = config.max_length(),
          .num_labels = config.num_labels};
}

Batch read_batch_file(const std::filesystem::path& path, const BatchLimits& limits) {
  return BatchReader(path, limits).read();
}

void check_has_labels(const Batch& batch, const std::filesystem::path& file) {
  if (batch.labels.defined()) return;
  throw base::FormatError(file.string() + ": tensor 'labels': expected one a sentence, found none");
}

}  // namespace kdqat::data
