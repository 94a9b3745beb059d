#include "kdqat/analysis/dynamic_range.h"

#include "kdqat/base/error.h"

namespace kdqat::analysis {
namespace {

const std::vector<torch::Tensor>& find_signal(const model::Signals& signals, std::string_view name) {
  if (name == "attention_output") return signals.attention_output;
  if (name == "sa_output") return signals.sa_output;
  if (name == "context") return signals.context;
  throw base::InvalidArgument(
      base::concat("signal: expected attention_output, sa_output or context, found '", name, "'"));
}

}  // namespace

std::vector<TokenRange> dynamic_range(const model::Signals& signals, std::string_view signal) {
  std::vector<TokenRange> ranges;
  for (const torch::Tensor& values : find_signal(signals, signal)) {
    ranges.push_back({.minimum = values.amin({1}), .maximum = values.amax({1})});
  }
  return ranges;
}

}  // namespace kdqat::analysis
