#include "kdqat/cli/student_check.h"

#include "kdqat/base/error.h"
#include "kdqat/model/classifier.h"

namespace kdqat::cli {

data::BatchLimits batch_limits(const format::EncoderConfig& config) {
  return {.vocab_size = config.vocab_size,
          .type_vocab_size = config.type_vocab_size,
          .max_position_embeddings = config.max_position_embeddings,
          .num_labels = config.num_labels};
}

void check_has_labels(const data::Batch& batch, const std::filesystem::path& file) {
  if (batch.labels.defined()) return;
  throw base::FormatError(file.string() + ": tensor 'labels': expected one a sentence, found none");
}

void check_same_architecture(const format::EncoderConfig& teacher, const format::EncoderConfig& student,
                             const std::string& who) {
  if (teacher.num_attention_heads != student.num_attention_heads ||
      model::parameter_shapes(teacher) != model::parameter_shapes(student)) {
    throw base::InvalidArgument(base::concat(
        who, ": expected the teacher's architecture (", teacher.num_hidden_layers, " layers, ",
        teacher.hidden_size, " wide, ", teacher.num_attention_heads, " heads, ", teacher.vocab_size,
        " tokens, ", teacher.num_labels, " labels), found ", student.num_hidden_layers, " layers, ",
        student.hidden_size, " wide, ", student.num_attention_heads, " heads, ", student.vocab_size,
        " tokens, ", student.num_labels, " labels"));
  }
}

}  // namespace kdqat::cli
