#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace kdqat::analysis {

/// A symmetric matrix [size, size] that is known by its products with vectors alone.
struct SymmetricOperator {
  std::int64_t size = 0;
  torch::ScalarType dtype = torch::kFloat64;                    ///< of the vectors
  std::function<torch::Tensor(const torch::Tensor&)> multiply;  ///< [size] -> [size]
};

/// Told after every product, such as for a display.
using ProductCallback = std::function<void()>;

/// An eigenvalue that power iteration found.
struct PowerEigenvalue {
  double value = 0.0;
  int iterations = 0;
  bool converged = false;
};

struct PowerOptions {
  int count = 3;
  int max_iterations = 100;
  double relative_tolerance = 1e-3;  ///< of the change from one iteration to the next
  std::uint64_t seed = 42;
  ProductCallback on_product = {};
};

/// The eigenvalues of greatest magnitude, with their signs, one after the other: each by power iteration in
/// the complement of the eigenvectors before it (as PyHessian, arXiv:1912.07145, which the paper uses).
/// Throws InvalidArgument unless 1 <= count <= size.
std::vector<PowerEigenvalue> power_iteration(const SymmetricOperator& matrix, const PowerOptions& options);

struct LanczosOptions {
  int largest = 5;          ///< eigenvalues wanted at the upper end
  int smallest = 3;         ///< and at the lower; where none is wanted, every step is made
  int max_steps = 300;      ///< products at most, and vectors [size] kept
  double tolerance = 1e-8;  ///< of the wanted ones' residuals, relative to the greatest magnitude
  std::uint64_t seed = 42;  ///< of the first vector
  ProductCallback on_product = {};
};

struct LanczosResult {
  std::vector<double> ritz_values;  ///< all, ascending; those at the ends converge first
  std::vector<double> weights;      ///< squared first components of their vectors; they sum to 1
  std::vector<double> residuals;    ///< ||H y - value y||, a bound of each one's distance to an eigenvalue
  int steps = 0;
  bool converged = false;  ///< whether the wanted ones are within the tolerance
};

/// Lanczos' method with full reorthogonalisation (twice is enough: Parlett, 1998) from a random vector of
/// signs; in exact arithmetic an eigenvalue of several vectors shows once. Throws InvalidArgument for an
/// empty matrix or max_steps < 1, NumericError if a product is not finite.
LanczosResult lanczos(const SymmetricOperator& matrix, const LanczosOptions& options);

/// A mean and its standard error.
struct Estimate {
  double value = 0.0;
  double standard_error = 0.0;  ///< 0 where exact
  int samples = 0;              ///< 0 where exact
};

/// The trace by Hutchinson's estimator: mean of z^T H z over random vectors of signs z. samples >= 2.
Estimate hutchinson_trace(const SymmetricOperator& matrix, int samples, std::uint64_t seed,
                          const ProductCallback& on_product = {});

/// The trace as the sum of the diagonal, by `size` products; exact.
double exact_trace(const SymmetricOperator& matrix, const ProductCallback& on_product = {});

/// All eigenvalues, ascending, by `size` products and a dense decomposition.
std::vector<double> exact_spectrum(const SymmetricOperator& matrix);

}  // namespace kdqat::analysis
