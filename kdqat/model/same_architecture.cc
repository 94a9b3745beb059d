#include "kdqat/model/same_architecture.h"

#include <algorithm>

#include "kdqat/base/error.h"
#include "kdqat/encoder/parameter_table.h"

namespace kdqat::model {
namespace {

bool same_parameters(const encoder::EncoderConfig& teacher, const encoder::EncoderConfig& student) {
  const std::vector<encoder::ParameterInfo> a = encoder::parameter_table(teacher);
  const std::vector<encoder::ParameterInfo> b = encoder::parameter_table(student);
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.name == y.name && x.shape == y.shape; });
}

}  // namespace

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

}  // namespace kdqat::model
