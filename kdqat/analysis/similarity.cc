#include "kdqat/analysis/similarity.h"

#include "kdqat/base/error.h"

namespace kdqat::analysis {
namespace {

torch::Tensor centred(const torch::Tensor& x) {
  const torch::Tensor values = x.to(torch::kFloat64);
  return values - values.mean(0, /*keepdim=*/true);
}

double frobenius(const torch::Tensor& a, const torch::Tensor& b) {
  return torch::matmul(a.t(), b).norm().item<double>();
}

void append(const std::vector<torch::Tensor>& hidden_states, std::vector<std::vector<torch::Tensor>>& lists) {
  lists.resize(hidden_states.size());
  for (std::size_t i = 0; i < lists.size(); ++i) lists[i].push_back(hidden_states[i].detach());
}

/// Centred, of all batches, with the norm of its product with itself.
struct Representation {
  torch::Tensor values;
  double norm = 0.0;
};

std::vector<Representation> representations(const std::vector<std::vector<torch::Tensor>>& lists) {
  std::vector<Representation> result;
  for (const std::vector<torch::Tensor>& list : lists) {
    const torch::Tensor values = centred(torch::cat(list));
    result.push_back({.values = values, .norm = frobenius(values, values)});
  }
  return result;
}

double similarity(const Representation& x, const Representation& y) {
  const double shared = frobenius(y.values, x.values);
  return shared * shared / (x.norm * y.norm);
}

}  // namespace

double linear_cka(const torch::Tensor& x, const torch::Tensor& y) {
  if (x.dim() != 2 || y.dim() != 2 || x.size(0) != y.size(0)) {
    throw base::InvalidArgument(
        base::concat("CKA: expected [T, D1] and [T, D2], found ", x.sizes(), " and ", y.sizes()));
  }
  const std::vector<Representation> both = representations({{x}, {y}});
  return similarity(both[0], both[1]);
}

void HiddenSimilarity::add(const model::Signals& teacher, const model::Signals& student) {
  append(teacher.hidden_states, teacher_);
  append(student.hidden_states, student_);
}

std::vector<std::vector<double>> HiddenSimilarity::matrix() const {
  const std::vector<Representation> of_student = representations(student_);
  std::vector<std::vector<double>> rows;
  for (const Representation& x : representations(teacher_)) {
    rows.emplace_back();
    for (const Representation& y : of_student) rows.back().push_back(similarity(x, y));
  }
  return rows;
}

}  // namespace kdqat::analysis
