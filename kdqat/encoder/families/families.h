#pragma once

#include "kdqat/encoder/family.h"

/// The families that kdqat knows; family.cc lists them.
namespace kdqat::encoder {

const Family& bert_family();
const Family& camembert_family();
const Family& deberta_v2_family();
const Family& distilbert_family();
const Family& electra_family();
const Family& modernbert_family();
const Family& mpnet_family();
const Family& roberta_family();
const Family& xlm_roberta_family();

}  // namespace kdqat::encoder
