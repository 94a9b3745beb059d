#pragma once

#include <cstdint>
#include <fstream>
#include <istream>
#include <optional>
#include <string>
#include <vector>

#include "kdqat/text/tokenizer.h"

namespace kdqat::text {

/// One text, or a pair of texts, to answer.
struct TextInput {
  std::string text;
  std::optional<std::string> pair;
};

/// The tokens of a text or pair. Throws InvalidArgument that begins with `place` for what can't be encoded.
Encoding encode(const Tokenizer& tokenizer, const TextInput& input, std::int64_t max_seq_length,
                const std::string& place, bool with_offsets = false);

/// How lines become texts.
enum class LineForm {
  kJson,    ///< {"text": "...", "pair": "..."?} a line
  kDetect,  ///< as the first line is: JSON lines if it starts with {, else a text a line
};

/// Reads texts line by line; blank JSON lines are skipped, a blank plain line is an empty text.
class TextReader {
 public:
  /// `name` stands for the stream in messages.
  TextReader(std::istream& stream, LineForm form, std::string name)
      : stream_(stream), form_(form), name_(std::move(name)) {}

  /// Up to `count` texts; none at the end. Throws FormatError that names stream and line for what is not an
  /// object with a string "text" and, where given, a string "pair".
  std::vector<TextInput> read(std::size_t count);

  /// "name: line 3", for the i-th text of the last read.
  std::string place(std::size_t index) const;

 private:
  TextInput parse(const std::string& line) const;

  std::istream& stream_;
  LineForm form_;
  std::string name_;
  std::int64_t line_ = 0;
  std::optional<bool> json_;
  std::vector<std::int64_t> lines_;
};

/// A file of texts, or standard input.
class TextSource {
 public:
  /// `file`: a path, or - for standard input. Throws IoError that names a file which can't be opened or is a
  /// directory.
  TextSource(const std::string& file, LineForm form);
  TextSource(const TextSource&) = delete;  // the reader refers to the file
  TextSource& operator=(const TextSource&) = delete;

  TextReader& reader() { return reader_; }

 private:
  std::ifstream file_;
  TextReader reader_;
};

}  // namespace kdqat::text
