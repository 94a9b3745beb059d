#include "kdqat/model/same_architecture.h"

#include "kdqat/base/error.h"
#include "kdqat/model/classifier.h"

namespace kdqat::model {

void check_same_architecture(const format::EncoderConfig& teacher, const format::EncoderConfig& student,
                             const std::string& who) {
  if (teacher.num_attention_heads != student.num_attention_heads ||
      parameter_shapes(teacher) != parameter_shapes(student)) {
    throw base::InvalidArgument(base::concat(
        who, ": expected the teacher's architecture (", teacher.num_hidden_layers, " layers, ",
        teacher.hidden_size, " wide, ", teacher.num_attention_heads, " heads, ", teacher.vocab_size,
        " tokens, ", teacher.num_labels, " labels), found ", student.num_hidden_layers, " layers, ",
        student.hidden_size, " wide, ", student.num_attention_heads, " heads, ", student.vocab_size,
        " tokens, ", student.num_labels, " labels"));
  }
}

}  // namespace kdqat::model
