#pragma once

#include <cstdint>
#include <vector>

#include "kdqat/analysis/hessian.h"

// The ends, the density and the trace of a Hessian's spectrum:
//
//   const HessianSummary summary = summarize_hessian(hessian, {.largest = 5});
//   summary.largest[0];
//   summary.trace.value;

namespace kdqat::analysis {

struct HessianSummaryOptions {
  int largest = 5;
  int smallest = 3;
  int lanczos_steps = 300;                   ///< at most; fewer if the vectors would need more memory
  std::int64_t lanczos_bytes = 2LL << 30;    ///< most memory of the vectors
  int density_runs = 2;                      ///< vectors of stochastic Lanczos quadrature, at least 1
  int density_steps = 30;                    ///< products for each of them
  int trace_samples = 32;                    ///< of Hutchinson's estimator
  std::int64_t exact_trace_up_to = 1 << 16;  ///< up to so many rows the diagonal is summed instead
  std::uint64_t seed = 42;
  ProductCallback on_product = {};
};

/// Most products with vectors that summarize_hessian makes; for a progress display.
std::int64_t count_products(const SymmetricOperator& matrix, const HessianSummaryOptions& options);

/// Results of Lanczos' method and of random vectors. They include the eigenvalues of left-out parameters.
struct HessianSummary {
  std::vector<double> largest = {};            ///< descending
  std::vector<double> smallest = {};           ///< ascending
  std::vector<double> largest_residuals = {};  ///< bounds of the distance to a true eigenvalue
  std::vector<double> smallest_residuals = {};
  bool converged = false;
  int lanczos_steps = 0;
  Estimate trace = {};
  std::vector<LanczosResult> density =
      {};  ///< runs of stochastic Lanczos quadrature, without left-out parameters
};

/// Throws as lanczos and hutchinson_trace do.
HessianSummary summarize_hessian(const Hessian& hessian, const HessianSummaryOptions& options);

}  // namespace kdqat::analysis
