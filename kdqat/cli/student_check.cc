#include "kdqat/cli/student_check.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "kdqat/base/error.h"
#include "kdqat/model/classifier.h"

namespace kdqat::cli {
namespace {

bool same_parameters(const encoder::EncoderConfig& teacher, const encoder::EncoderConfig& student) {
  const std::vector<encoder::ParameterInfo> a = encoder::parameter_table(teacher);
  const std::vector<encoder::ParameterInfo> b = encoder::parameter_table(student);
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.name == y.name && x.shape == y.shape; });
}

}  // namespace

data::BatchLimits batch_limits(const encoder::EncoderConfig& config) {
  // Types are not read where there is one at most.
  const bool reads_types = config.type_vocab_size > 0 && !config.only_first_token_type;
  return {.vocab_size = config.vocab_size,
          .type_vocab_size = reads_types ? config.type_vocab_size : std::numeric_limits<std::int32_t>::max(),
          .max_position_embeddings = config.max_length(),
          .num_labels = config.num_labels};
}

void check_has_labels(const data::Batch& batch, const std::filesystem::path& file) {
  if (batch.labels.defined()) return;
  throw base::FormatError(file.string() + ": tensor 'labels': expected one a sentence, found none");
}

void check_same_architecture(const encoder::EncoderConfig& teacher, const encoder::EncoderConfig& student,
                             const std::string& who) {
  if (teacher.num_attention_heads != student.num_attention_heads || !same_parameters(teacher, student)) {
    throw base::InvalidArgument(base::concat(
        who, ": expected the teacher's architecture (", teacher.num_hidden_layers, " layers, ",
        teacher.hidden_size, " wide, ", teacher.num_attention_heads, " heads, ", teacher.vocab_size,
        " tokens, ", teacher.num_labels, " labels), found ", student.num_hidden_layers, " layers, ",
        student.hidden_size, " wide, ", student.num_attention_heads, " heads, ", student.vocab_size,
        " tokens, ", student.num_labels, " labels"));
  }
}

}  // namespace kdqat::cli
