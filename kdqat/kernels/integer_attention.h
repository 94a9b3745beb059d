#pragma once

#include "kdqat/kernels/attention.h"
#include "kdqat/kernels/instruction_set.h"

namespace kdqat::kernels {

/// Attention of one layer without dropout, for inference: query, key and value [T, D], of any values, are
/// quantized to 8 bits with one scale a sentence and head (AttentionScales::kHead), and so is the map:
///   context = Q(softmax(Q(query) Q(key)^T / sqrt(head_size))) Q(value), to context [T, D].
/// The formula of attention_forward of operands that went through fake_quantize_heads, but products are exact
/// sums of integers, so that all instruction sets give the same bits. Throws InvalidArgument for a set that
/// this processor lacks.
void integer_attention(const AttentionShape& shape, const AttentionOperands& operands, float* context,
                       InstructionSet set = default_instruction_set());

}  // namespace kdqat::kernels
