#include "kdqat/distill/fused_loss.h"

#include "kdqat/base/error.h"
#include "kdqat/kernels/attention.h"
#include "kdqat/kernels/loss.h"

namespace kdqat::distill {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

void check_signals(const torch::Tensor& student, const torch::Tensor& teacher) {
  for (const torch::Tensor& signal : {student, teacher}) {
    if (signal.scalar_type() != torch::kFloat32 || !signal.device().is_cpu() ||
        signal.numel() != student.numel()) {
      throw base::InvalidArgument(
          base::concat("fused loss: expected float32 on a CPU and as many elements, found ",
                       signal.scalar_type(), " ", signal.sizes(), " on ", signal.device()));
    }
  }
}

class FusedMse : public torch::autograd::Function<FusedMse> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& student,
                               const torch::Tensor& teacher) {
    context->save_for_backward({student, teacher});
    const double sum =
        kernels::squared_distance(student.data_ptr<float>(), teacher.data_ptr<float>(), student.numel());
    return torch::tensor(sum / static_cast<double>(student.numel()), torch::kFloat32);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const double factor = 2.0 * gradients[0].item<double>() / static_cast<double>(saved[0].numel());
    const torch::Tensor gradient = torch::empty_like(saved[0]);
    kernels::squared_distance_backward(saved[0].data_ptr<float>(), saved[1].data_ptr<float>(),
                                       saved[0].numel(), static_cast<float>(factor),
                                       gradient.data_ptr<float>());
    return {gradient, {}};
  }
};

kernels::Probabilities probabilities_of(const torch::Tensor& student, const torch::Tensor& teacher,
                                        std::span<const std::int64_t> starts,
                                        std::span<const double> weights) {
  return {.teacher = teacher.data_ptr<float>(),
          .student = student.data_ptr<float>(),
          .starts = starts,
          .weights = weights};
}

class FusedDivergence : public torch::autograd::Function<FusedDivergence> {
 public:
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& student,
                               const torch::Tensor& teacher, const MapRuns& runs) {
    context->save_for_backward({student, teacher});
    context->saved_data["starts"] = runs.starts;
    context->saved_data["weights"] = runs.weights;
    return torch::tensor(kernels::divergence(probabilities_of(student, teacher, runs.starts, runs.weights)),
                         torch::kFloat32);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const std::vector<std::int64_t> starts = context->saved_data["starts"].toIntVector();
    const std::vector<double> weights = context->saved_data["weights"].toDoubleVector();
    const torch::Tensor gradient = torch::empty_like(saved[0]);
    kernels::divergence_backward(probabilities_of(saved[0], saved[1], starts, weights),
                                 gradients[0].item<double>(), gradient.data_ptr<float>());
    return {gradient, {}, {}};
  }
};

}  // namespace

torch::Tensor mean_squared_error(const torch::Tensor& student, const torch::Tensor& teacher,
                                 quant::Form form) {
  if (form == quant::Form::kPlain) return torch::mse_loss(student, teacher);
  check_signals(student, teacher);
  return FusedMse::apply(student.contiguous(), teacher.contiguous());
}

MapRuns::MapRuns(const LossInputs& inputs) {
  const kernels::AttentionShape shape{.cu_seqlens = inputs.student.pairs.cu_seqlens,
                                      .heads = inputs.student.pairs.heads};
  starts = shape.ragged_starts();
  for (std::int64_t b = 0; b < shape.sentences(); ++b) {
    weights.push_back(1.0 / static_cast<double>(shape.sentences() * shape.heads * shape.length(b)));
  }
}

torch::Tensor fused_divergence(const MapRuns& runs, const torch::Tensor& student_map,
                               const torch::Tensor& teacher_map) {
  check_signals(student_map, teacher_map);
  return FusedDivergence::apply(student_map.contiguous(), teacher_map.contiguous(), runs);
}

}  // namespace kdqat::distill
