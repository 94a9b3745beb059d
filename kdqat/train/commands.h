#pragma once

#include "kdqat/train/training_config.h"
#include "kdqat/train/training_loop.h"

namespace kdqat::train {

/// Fine-tunes a pre-trained encoder on a task in floating point. Throws as run_training and the readers of
/// model, tokenizer and data do; nothing is written before all input has been read and checked.
TrainingResult run_finetune(const FinetuneConfig& config, const TrainingCallbacks& callbacks);

/// Distils a fine-tuned teacher into a quantized student of the same architecture, which starts from its
/// weights (arXiv:2211.11014). Throws as run_finetune does, and InvalidArgument for a teacher whose labels do
/// not fit the task.
TrainingResult run_distill(const DistillConfig& config, const TrainingCallbacks& callbacks);

}  // namespace kdqat::train
