#pragma once

#include <nlohmann/json.hpp>

#include "kdqat/model/classifier.h"

namespace kdqat::train {

/// For every quantized parameter of a student: name, layer (-1 outside of the layers), role, shares of
/// negative, zero and positive codes, and the mean of its scales; an array of objects as metrics.jsonl keeps
/// it. Of the word embedding, every row counts. Empty for a model without quantized weights.
nlohmann::json code_statistics(model::Classifier& student);

}  // namespace kdqat::train
