#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/text/model.h"
#include "tests/text/fixtures.h"

namespace kdqat::text {

/// The model of a JSON object as tokenizer.json has it.
inline std::unique_ptr<const Model> model_of(const nlohmann::json& fields, WordForm form = WordForm::kText) {
  return make_model(base::JsonFields(fields, "model"), form).model;
}

inline std::vector<Piece> pieces_of(std::string_view word, const Model& model) {
  std::vector<Piece> pieces;
  model.append_pieces(word, pieces);
  return pieces;
}

/// "id,begin,end id,begin,end"; "error" for a word that the model refuses.
inline std::string describe_pieces(std::string_view word, const Model& model) {
  std::string text;
  try {
    for (const Piece& piece : pieces_of(word, model)) {
      text += base::concat(text.empty() ? "" : " ", piece.id, ',', piece.begin, ',', piece.end);
    }
  } catch (const base::InvalidArgument&) {
    text = "error";
  }
  return text;
}

inline std::string describe_expected(const nlohmann::json& numbers) {
  if (numbers.is_null()) return "error";
  std::string text;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    text += base::concat(i == 0 ? "" : i % 3 == 0 ? " " : ",", numbers[i]);
  }
  return text;
}

/// A record of make_models.py: each word twice, since models remember words.
inline void expect_record(const nlohmann::json& record, WordForm form = WordForm::kText) {
  const auto model = model_of(record.at("model"), form);
  for (int round = 0; round < 2; ++round) {
    for (const auto& word : record.at("words")) {
      EXPECT_EQ(describe_pieces(word[0].get<std::string>(), *model), describe_expected(word[1]))
          << record.at("name") << ": " << word[0];
    }
  }
}

}  // namespace kdqat::text
