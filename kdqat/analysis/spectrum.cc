#include "kdqat/analysis/spectrum.h"

#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_eigvalsh.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "kdqat/base/error.h"
#include "kdqat/base/random.h"

namespace kdqat::analysis {
namespace {

torch::Tensor random_signs(const SymmetricOperator& matrix, std::uint64_t seed, std::uint64_t stream) {
  torch::Tensor signs = torch::empty({matrix.size}, torch::kFloat32);
  base::Random random(seed, stream);
  float* values = signs.data_ptr<float>();
  std::uint32_t bits = 0;
  for (std::int64_t i = 0; i < matrix.size; ++i) {
    if (i % 32 == 0) bits = random.next();
    values[i] = (bits & 1U) != 0 ? 1.0F : -1.0F;
    bits >>= 1;
  }
  return signs.to(matrix.dtype);
}

/// Uniform on [-1, 1): unlike vectors of signs, some of few elements are not each other's multiples.
torch::Tensor random_vector(const SymmetricOperator& matrix, std::uint64_t seed, std::uint64_t stream) {
  torch::Tensor vector = torch::empty({matrix.size}, torch::kFloat32);
  base::Random random(seed, stream);
  float* values = vector.data_ptr<float>();
  for (std::int64_t i = 0; i < matrix.size; ++i) {
    values[i] = static_cast<float>(2.0 * random.uniform() - 1.0);
  }
  return vector.to(matrix.dtype);
}

double dot_product(const torch::Tensor& a, const torch::Tensor& b) { return torch::dot(a, b).item<double>(); }

torch::Tensor product(const SymmetricOperator& matrix, const torch::Tensor& vector,
                      const ProductCallback& on_product) {
  torch::Tensor result = matrix.multiply(vector);
  if (on_product) on_product();
  return result;
}

/// body(i, column i of the matrix) for all columns.
template <typename Body>
void for_columns(const SymmetricOperator& matrix, const ProductCallback& on_product, const Body& body) {
  torch::Tensor unit = torch::zeros({matrix.size}, matrix.dtype);
  for (std::int64_t i = 0; i < matrix.size; ++i) {
    unit[i] = 1.0;
    body(i, product(matrix, unit, on_product));
    unit[i] = 0.0;
  }
}

/// Takes out of `vector` what lies along rows 0 .. count - 1 of `basis`, which are orthonormal.
void orthogonalize(torch::Tensor& vector, const torch::Tensor& basis, std::int64_t count) {
  if (count == 0) return;
  const torch::Tensor rows = basis.slice(0, 0, count);
  vector.sub_(torch::mv(rows.t(), torch::mv(rows, vector)));
}

void check_size(const SymmetricOperator& matrix, std::int64_t least, const char* what) {
  if (matrix.size < least) {
    throw base::InvalidArgument(
        base::concat(what, ": expected a matrix of at least ", least, " rows, found ", matrix.size));
  }
}

PowerEigenvalue iterate(const SymmetricOperator& matrix, const PowerOptions& options,
                        const torch::Tensor& basis, std::int64_t index) {
  torch::Tensor vector = random_vector(matrix, options.seed, static_cast<std::uint64_t>(index));
  PowerEigenvalue found;
  for (int i = 0; i < options.max_iterations; ++i) {
    orthogonalize(vector, basis, index);
    vector.div_(vector.norm());
    torch::Tensor next = product(matrix, vector, options.on_product);
    const double value = dot_product(vector, next);
    // A first value has none before it; the least number keeps a matrix of zeros from dividing by 0.
    const double scale = std::abs(found.value) + std::numeric_limits<double>::min();
    found.converged = i > 0 && std::abs(value - found.value) <= options.relative_tolerance * scale;
    found.value = value;
    found.iterations = i + 1;
    if (found.converged || i + 1 == options.max_iterations) break;
    if (next.norm().item<double>() == 0.0) {
      found.converged = true;
      break;
    }
    vector = next;
  }
  basis[index].copy_(vector);
  return found;
}

/// The symmetric tridiagonal matrix that Lanczos' method builds, and what its eigenvectors say.
struct Tridiagonal {
  std::vector<double> diagonal;
  std::vector<double> below;  ///< below[i] couples i and i + 1; the last is the norm of what is left

  LanczosResult decompose() const {
    const auto count = static_cast<std::int64_t>(diagonal.size());
    torch::Tensor matrix = torch::zeros({count, count}, torch::kFloat64);
    auto entries = matrix.accessor<double, 2>();
    for (std::int64_t i = 0; i < count; ++i) {
      entries[i][i] = diagonal[static_cast<std::size_t>(i)];
      if (i + 1 < count) entries[i + 1][i] = entries[i][i + 1] = below[static_cast<std::size_t>(i)];
    }
    const auto [values, vectors] = at::linalg_eigh(matrix);
    LanczosResult result;
    result.steps = static_cast<int>(count);
    for (std::int64_t i = 0; i < count; ++i) {
      result.ritz_values.push_back(values[i].item<double>());
      result.weights.push_back(std::pow(vectors[0][i].item<double>(), 2));
      result.residuals.push_back(std::abs(below.back() * vectors[count - 1][i].item<double>()));
    }
    return result;
  }
};

bool ends_converged(const LanczosResult& result, const LanczosOptions& options) {
  const std::size_t count = result.ritz_values.size();
  const auto largest = static_cast<std::size_t>(options.largest);
  const auto smallest = static_cast<std::size_t>(options.smallest);
  if (largest + smallest == 0 || count < largest + smallest) return false;
  const double scale = std::max(std::abs(result.ritz_values.front()), std::abs(result.ritz_values.back()));
  const auto good = [&](std::size_t i) { return result.residuals[i] <= options.tolerance * scale; };
  for (std::size_t i = 0; i < smallest; ++i) {
    if (!good(i)) return false;
  }
  for (std::size_t i = count - largest; i < count; ++i) {
    if (!good(i)) return false;
  }
  return true;
}

}  // namespace

std::vector<PowerEigenvalue> power_iteration(const SymmetricOperator& matrix, const PowerOptions& options) {
  if (options.count < 1)
    throw base::InvalidArgument(base::concat("eigenvalues: expected at least 1, found ", options.count));
  check_size(matrix, options.count, "power iteration");
  const torch::Tensor basis = torch::zeros({options.count, matrix.size}, matrix.dtype);
  std::vector<PowerEigenvalue> found;
  for (int i = 0; i < options.count; ++i) found.push_back(iterate(matrix, options, basis, i));
  return found;
}

LanczosResult lanczos(const SymmetricOperator& matrix, const LanczosOptions& options) {
  check_size(matrix, 1, "Lanczos");
  if (options.max_steps < 1)
    throw base::InvalidArgument(base::concat("Lanczos: expected at least 1 step, found ", options.max_steps));
  constexpr int kCheckEvery = 10;  // decompositions cost little, but not nothing
  const std::int64_t steps = std::min<std::int64_t>(options.max_steps, matrix.size);
  torch::Tensor basis = torch::empty({steps, matrix.size}, matrix.dtype);
  torch::Tensor vector = random_signs(matrix, options.seed, 0);
  vector.div_(vector.norm());
  Tridiagonal tridiagonal;
  LanczosResult result;
  double scale = 0.0;
  const double epsilon = matrix.dtype == torch::kFloat64
                             ? std::numeric_limits<double>::epsilon()
                             : static_cast<double>(std::numeric_limits<float>::epsilon());
  for (std::int64_t step = 0; step < steps; ++step) {
    basis[step].copy_(vector);
    torch::Tensor next = product(matrix, vector, options.on_product).clone();
    const double along = dot_product(next, vector);
    if (!std::isfinite(along)) {
      throw base::NumericError(
          base::concat("Lanczos, step ", step, ": expected finite products, found ", along));
    }
    orthogonalize(next, basis, step + 1);
    orthogonalize(next, basis, step + 1);
    const double rest = next.norm().item<double>();
    tridiagonal.diagonal.push_back(along);
    tridiagonal.below.push_back(rest);
    scale = std::max({scale, std::abs(along), rest});
    // What is left is rounding: the vectors so far span everything that the first one reaches.
    const bool exhausted = rest <= 16 * epsilon * scale || step + 1 == steps;
    if (exhausted || (step + 1) % kCheckEvery == 0) {
      result = tridiagonal.decompose();
      result.converged = ends_converged(result, options);
      if (exhausted || result.converged) break;
    }
    vector = next.div_(rest);
  }
  return result;
}

Estimate hutchinson_trace(const SymmetricOperator& matrix, int samples, std::uint64_t seed,
                          const ProductCallback& on_product) {
  if (samples < 2)
    throw base::InvalidArgument(base::concat("samples of a trace: expected at least 2, found ", samples));
  double sum = 0.0;
  double squares = 0.0;
  for (int i = 0; i < samples; ++i) {
    const torch::Tensor signs = random_signs(matrix, seed, static_cast<std::uint64_t>(i));
    const double value = dot_product(signs, product(matrix, signs, on_product));
    sum += value;
    squares += value * value;
  }
  const double mean = sum / samples;
  const double variance = std::max(0.0, squares / samples - mean * mean) * samples / (samples - 1);
  return {.value = mean, .standard_error = std::sqrt(variance / samples), .samples = samples};
}

double exact_trace(const SymmetricOperator& matrix, const ProductCallback& on_product) {
  double trace = 0.0;
  for_columns(matrix, on_product,
              [&](std::int64_t i, const torch::Tensor& column) { trace += column[i].item<double>(); });
  return trace;
}

std::vector<double> exact_spectrum(const SymmetricOperator& matrix) {
  torch::Tensor dense = torch::empty({matrix.size, matrix.size}, torch::kFloat64);
  for_columns(matrix, {}, [&](std::int64_t i, const torch::Tensor& column) { dense[i].copy_(column); });
  const torch::Tensor values = at::linalg_eigvalsh((dense + dense.t()) / 2);
  const double* begin = values.data_ptr<double>();
  return {begin, begin + values.numel()};
}

}  // namespace kdqat::analysis
