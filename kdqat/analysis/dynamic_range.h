#pragma once

#include <torch/types.h>

#include <array>
#include <string_view>
#include <vector>

#include "kdqat/model/classifier.h"

// The range of a signal, token by token:
//
//   const std::vector<TokenRange> ranges = dynamic_range(signals, "attention_output");
//   ranges[layer].minimum;  // [T]

namespace kdqat::analysis {

/// Least and greatest value of each token over the hidden dimension, [T].
struct TokenRange {
  torch::Tensor minimum;
  torch::Tensor maximum;
};

/// The signals whose ranges figure 5 of arXiv:2211.11014 draws.
inline constexpr std::array<std::string_view, 3> kRangeSignals = {"attention_output", "sa_output", "context"};

/// The ranges of a signal of kRangeSignals, one entry a layer. Throws InvalidArgument for another name.
std::vector<TokenRange> dynamic_range(const model::Signals& signals, std::string_view signal);

}  // namespace kdqat::analysis
