#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kdqat/data/dataset.h"

namespace kdqat::data {

/// How many of the examples are held out of training.
struct HoldOutConfig {
  double share = 0.1;        ///< of the examples, rounded; at least one example
  std::int64_t most = 2000;  ///< examples
};

/// Indices of the examples that are held out, ascending: a function of the labels alone, the same on every
/// machine and for every seed of a training. The examples are shuffled, put in order of their labels, and
/// taken at equal distances, so every class has its share to within one example, and scores of a regression
/// are spread as those of all.
///
/// Throws InvalidArgument if fewer than two examples are there, and for a share that is not above 0 and below
/// 1 or `most` below 1.
std::vector<std::int64_t> held_out_indices(std::span<const double> labels, const HoldOutConfig& config = {});

/// A dataset in two parts, each in the order of the whole. The first has the warnings.
struct HeldOut {
  Dataset kept;
  Dataset held_out;
};

/// Takes the examples of held_out_indices out of a dataset. Throws as that does.
HeldOut hold_out(Dataset dataset, const HoldOutConfig& config = {});

}  // namespace kdqat::data
