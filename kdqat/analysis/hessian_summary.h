#pragma once

#include <cstdint>
#include <vector>

#include "kdqat/analysis/hessian.h"

namespace kdqat::analysis {

struct HessianSummaryOptions {
  int largest = 5;
  int smallest = 3;
  int lanczos_steps = 300;                   ///< at most; fewer where the vectors would not fit
  std::int64_t lanczos_bytes = 2LL << 30;    ///< most that the vectors may take
  int density_runs = 2;                      ///< vectors of stochastic Lanczos quadrature, at least 1
  int density_steps = 30;                    ///< products for each
  int trace_samples = 32;                    ///< of Hutchinson's estimator
  std::int64_t exact_trace_up_to = 1 << 16;  ///< rows of a matrix whose diagonal is summed instead
  std::uint64_t seed = 42;
  ProductCallback on_product = {};
};

/// Products with vectors that summarize_hessian makes at most: for a display.
std::int64_t count_products(const SymmetricOperator& matrix, const HessianSummaryOptions& options);

/// What Lanczos' method and random vectors say of a Hessian; parameters that it leaves out are counted.
struct HessianSummary {
  std::vector<double> largest = {};            ///< descending
  std::vector<double> smallest = {};           ///< ascending
  std::vector<double> largest_residuals = {};  ///< bound of each one's distance to an eigenvalue
  std::vector<double> smallest_residuals = {};
  bool converged = false;
  int lanczos_steps = 0;
  Estimate trace = {};
  std::vector<LanczosResult> density =
      {};  ///< runs of stochastic Lanczos quadrature, of what is not left out
};

/// Throws as lanczos and hutchinson_trace do.
HessianSummary summarize_hessian(const Hessian& hessian, const HessianSummaryOptions& options);

}  // namespace kdqat::analysis
