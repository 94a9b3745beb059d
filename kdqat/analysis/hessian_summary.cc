#include "kdqat/analysis/hessian_summary.h"

#include <algorithm>

#include "kdqat/base/error.h"

namespace kdqat::analysis {
namespace {

struct BoundedValue {
  double value;
  double residual;
};

/// Steps whose vectors fit into the memory that the options give.
int lanczos_steps(const SymmetricOperator& matrix, const HessianSummaryOptions& options) {
  const auto bytes =
      static_cast<std::int64_t>(matrix.dtype == torch::kFloat64 ? sizeof(double) : sizeof(float));
  const std::int64_t fitting = options.lanczos_bytes / (matrix.size * bytes);
  return static_cast<int>(std::clamp<std::int64_t>(fitting, 1, options.lanczos_steps));
}

/// Ritz values and the eigenvalues of what is left out, which are known, ascending.
std::vector<BoundedValue> with_left_out(const LanczosResult& ends, const std::vector<LeftOut>& left_out,
                                        int most) {
  std::vector<BoundedValue> values;
  for (std::size_t i = 0; i < ends.ritz_values.size(); ++i) {
    values.push_back({ends.ritz_values[i], ends.residuals[i]});
  }
  for (const LeftOut& rest : left_out) {
    const std::int64_t count = std::min<std::int64_t>(rest.count, most);
    values.insert(values.end(), static_cast<std::size_t>(count), {rest.eigenvalue, 0.0});
  }
  std::sort(values.begin(), values.end(),
            [](const BoundedValue& a, const BoundedValue& b) { return a.value < b.value; });
  return values;
}

Estimate trace_of(const Hessian& hessian, const SymmetricOperator& matrix,
                  const HessianSummaryOptions& options) {
  Estimate trace = matrix.size <= options.exact_trace_up_to
                       ? Estimate{.value = exact_trace(matrix, options.on_product)}
                       : hutchinson_trace(matrix, options.trace_samples, options.seed, options.on_product);
  for (const LeftOut& rest : hessian.left_out()) {
    trace.value += static_cast<double>(rest.count) * rest.eigenvalue;
  }
  return trace;
}

}  // namespace

std::int64_t count_products(const SymmetricOperator& matrix, const HessianSummaryOptions& options) {
  const std::int64_t of_trace =
      matrix.size <= options.exact_trace_up_to ? matrix.size : options.trace_samples;
  const std::int64_t of_density = static_cast<std::int64_t>(options.density_runs) * options.density_steps;
  return lanczos_steps(matrix, options) + of_trace + of_density;
}

HessianSummary summarize_hessian(const Hessian& hessian, const HessianSummaryOptions& options) {
  const SymmetricOperator matrix = hessian.matrix();
  const LanczosResult ends = lanczos(matrix, {.largest = options.largest,
                                              .smallest = options.smallest,
                                              .max_steps = lanczos_steps(matrix, options),
                                              .seed = options.seed,
                                              .on_product = options.on_product});
  HessianSummary summary{.converged = ends.converged, .lanczos_steps = ends.steps};
  const std::vector<BoundedValue> values =
      with_left_out(ends, hessian.left_out(), std::max(options.largest, options.smallest));
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i < static_cast<std::size_t>(options.smallest)) {
      summary.smallest.push_back(values[i].value);
      summary.smallest_residuals.push_back(values[i].residual);
    }
    if (i < static_cast<std::size_t>(options.largest)) {
      const BoundedValue& from_above = values[values.size() - 1 - i];
      summary.largest.push_back(from_above.value);
      summary.largest_residuals.push_back(from_above.residual);
    }
  }
  for (int run = 0; run < options.density_runs; ++run) {
    summary.density.push_back(lanczos(matrix, {.largest = 0,
                                               .smallest = 0,
                                               .max_steps = options.density_steps,
                                               .tolerance = 0.0,
                                               .seed = options.seed + 1 + static_cast<std::uint64_t>(run),
                                               .on_product = options.on_product}));
  }
  summary.trace = trace_of(hessian, matrix, options);
  return summary;
}

}  // namespace kdqat::analysis
