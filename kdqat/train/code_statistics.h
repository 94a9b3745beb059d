#pragma once

#include <vector>

#include "kdqat/format/run_log.h"
#include "kdqat/model/classifier.h"

namespace kdqat::train {

/// For every quantized parameter of a student: name, layer (-1 outside of the layers), role, shares of
/// negative, zero and positive codes, and the mean of its scales. Of the word embedding, every row counts.
/// Empty for a model without quantized weights.
std::vector<format::TensorCodes> code_statistics(model::Classifier& student);

}  // namespace kdqat::train
