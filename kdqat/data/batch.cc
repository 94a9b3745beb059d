#include "kdqat/data/batch.h"

#include "kdqat/base/error.h"

namespace kdqat::data {

Batch make_batch(std::span<const text::Encoding* const> encodings) {
  if (encodings.empty()) throw base::InvalidArgument("batch: expected at least one sentence, found none");
  Batch batch;
  batch.cu_seqlens.push_back(0);
  for (const text::Encoding* encoding : encodings) {
    const auto length = static_cast<std::int64_t>(encoding->input_ids.size());
    if (length == 0)
      throw base::InvalidArgument("batch: expected at least one token in a sentence, found none");
    batch.cu_seqlens.push_back(batch.cu_seqlens.back() + length);
  }
  batch.input_ids = torch::empty({batch.tokens()}, torch::kInt64);
  batch.token_type_ids = torch::empty({batch.tokens()}, torch::kInt64);
  batch.position_ids = torch::empty({batch.tokens()}, torch::kInt64);
  batch.first_tokens = torch::empty({batch.sentences()}, torch::kInt64);
  auto* input_id = batch.input_ids.data_ptr<std::int64_t>();
  auto* token_type_id = batch.token_type_ids.data_ptr<std::int64_t>();
  auto* position_id = batch.position_ids.data_ptr<std::int64_t>();
  for (std::size_t b = 0; b < encodings.size(); ++b) {
    batch.first_tokens.data_ptr<std::int64_t>()[b] = batch.cu_seqlens[b];
    for (std::size_t i = 0; i < encodings[b]->input_ids.size(); ++i) {
      *input_id++ = encodings[b]->input_ids[i];
      *token_type_id++ = encodings[b]->token_type_ids[i];
      *position_id++ = static_cast<std::int64_t>(i);
    }
  }
  return batch;
}

Batch make_batch(std::span<const text::Encoding* const> encodings, std::span<const double> labels,
                 bool regression) {
  Batch batch = make_batch(encodings);
  if (labels.size() != encodings.size()) {
    throw base::InvalidArgument(
        base::concat("batch: expected ", encodings.size(), " labels, found ", labels.size()));
  }
  const torch::Tensor values =
      torch::tensor(std::vector<double>(labels.begin(), labels.end()), torch::kFloat64);
  batch.labels = values.to(regression ? torch::kFloat32 : torch::kInt64);
  return batch;
}

}  // namespace kdqat::data
