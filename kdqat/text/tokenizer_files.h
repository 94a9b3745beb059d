#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

namespace kdqat::text {

struct TokenizerDocument {
  nlohmann::json json;  ///< as a tokenizer.json
  std::string where;    ///< the file that its vocabulary is from, for messages
};

/// The tokenizer of a model directory as one tokenizer.json document:
///
///   const TokenizerDocument document = read_tokenizer("encoder");
///   const Tokenizer tokenizer(document.json, document.where);
///
/// The vocabulary is tokenizer.json's. Where there is none it is, by the tokenizer's class
/// (tokenizer_class.h), vocab.txt (BERT, MPNet), vocab.json and merges.txt (RoBERTa), sentencepiece.bpe.model
/// (XLM-R, CamemBERT) or spm.model (DeBERTa-v2). config.json, tokenizer_config.json, special_tokens_map.json
/// and added_tokens.json add what transformers 5.24 reads of them. Without any class, vocab.txt is a BERT's
/// and vocab.json a RoBERTa's.
///
/// Throws IoError if none of the files is there or one can't be read. Throws FormatError that names file and
/// field for: what is not JSON; a wrong JSON type; a class that cuts text by rules of its own; without
/// tokenizer.json, another class; what make_bert_document and parse_sentencepiece_model refuse; special
/// tokens that are to be read as text ("split_special_tokens").
TokenizerDocument read_tokenizer(const std::filesystem::path& model_dir);

/// Whether a directory has a file that a vocabulary may be in.
bool has_tokenizer(const std::filesystem::path& model_dir);

/// The names of all files that belong to a tokenizer.
std::span<const char* const> tokenizer_file_names();

/// The files of a tokenizer that `from` has, copied as they are to `to`. Throws IoError.
void copy_tokenizer_files(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace kdqat::text
