#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <vector>

// Eigenvalues of a matrix from its products with vectors:
//
//   const SymmetricOperator matrix{.size = n, .multiply = [&](const torch::Tensor& v) { return a.mv(v); }};
//   lanczos(matrix, {.largest = 5}).ritz_values.back();  // the largest

namespace kdqat::analysis {

/// A symmetric matrix [size, size], given only by its products with vectors.
struct SymmetricOperator {
  std::int64_t size = 0;
  torch::ScalarType dtype = torch::kFloat64;                    ///< of the vectors
  std::function<torch::Tensor(const torch::Tensor&)> multiply;  ///< [size] -> [size]
};

/// Called after every product, for example to show progress.
using ProductCallback = std::function<void()>;

/// One eigenvalue of power_iteration.
struct PowerEigenvalue {
  double value = 0.0;
  int iterations = 0;
  bool converged = false;
};

struct PowerOptions {
  int count = 3;
  int max_iterations = 100;
  double relative_tolerance = 1e-3;  ///< for the change from one iteration to the next
  std::uint64_t seed = 42;
  ProductCallback on_product = {};
};

/// The eigenvalues of greatest magnitude, with their signs, one after the other. Each comes from power
/// iteration in the complement of the earlier eigenvectors, as in PyHessian (arXiv:1912.07145), which the
/// paper uses. Throws InvalidArgument unless 1 <= count <= size.
std::vector<PowerEigenvalue> power_iteration(const SymmetricOperator& matrix, const PowerOptions& options);

struct LanczosOptions {
  int largest = 5;          ///< number of eigenvalues wanted at the upper end
  int smallest = 3;         ///< and at the lower end; if none is wanted at both, all max_steps are made
  int max_steps = 300;      ///< most products, and most vectors [size] in memory
  double tolerance = 1e-8;  ///< for the wanted eigenvalues' residuals, relative to the greatest magnitude
  std::uint64_t seed = 42;  ///< of the first vector
  ProductCallback on_product = {};
};

struct LanczosResult {
  std::vector<double> ritz_values;  ///< all, ascending; the ends converge first
  std::vector<double> weights;      ///< squared first components of their vectors; they sum to 1
  std::vector<double> residuals;    ///< ||H y - value y||: bounds of the distance to a true eigenvalue
  int steps = 0;
  bool converged = false;  ///< whether the wanted eigenvalues are within the tolerance
};

/// Lanczos' method with full reorthogonalisation (twice is enough: Parlett, 1998). It starts from a random
/// vector of signs. In exact arithmetic an eigenvalue of several eigenvectors appears once. Throws
/// InvalidArgument for an empty matrix or max_steps < 1, NumericError if a product is not finite.
LanczosResult lanczos(const SymmetricOperator& matrix, const LanczosOptions& options);

/// A mean and its standard error.
struct Estimate {
  double value = 0.0;
  double standard_error = 0.0;  ///< 0 if exact
  int samples = 0;              ///< 0 if exact
};

/// The trace by Hutchinson's estimator: the mean of z^T H z over random vectors of signs z. samples >= 2.
Estimate hutchinson_trace(const SymmetricOperator& matrix, int samples, std::uint64_t seed,
                          const ProductCallback& on_product = {});

/// The exact trace: the sum of the diagonal, from `size` products.
double exact_trace(const SymmetricOperator& matrix, const ProductCallback& on_product = {});

/// All eigenvalues, ascending, from `size` products and a dense decomposition.
std::vector<double> exact_spectrum(const SymmetricOperator& matrix);

}  // namespace kdqat::analysis
