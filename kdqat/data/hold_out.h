#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kdqat/data/dataset.h"

// Examples that choose the best model instead of dev:
//
//   HeldOut parts = hold_out(std::move(train));  // a tenth: parts.held_out; the rest: parts.kept

namespace kdqat::data {

/// How many examples are held out of training.
struct HoldOutConfig {
  double share = 0.1;        ///< of the examples, rounded; at least one example
  std::int64_t most = 2000;  ///< examples
};

/// Indices of the held-out examples, ascending. They depend on the labels alone: they are the same on every
/// machine and for every seed of a training.
///
/// The examples are shuffled, sorted by their labels, and taken at equal distances. So every class has its
/// share to within one example, and the scores of a regression are spread like those of all examples.
///
/// Throws InvalidArgument for fewer than two examples, a share that is not between 0 and 1, and `most` below
/// 1.
std::vector<std::int64_t> held_out_indices(std::span<const double> labels, const HoldOutConfig& config = {});

/// A dataset in two parts, each in the order of the whole. `kept` has the warnings.
struct HeldOut {
  Dataset kept;
  Dataset held_out;
};

/// Splits a dataset by held_out_indices. Throws as held_out_indices does.
HeldOut hold_out(Dataset dataset, const HoldOutConfig& config = {});

}  // namespace kdqat::data
