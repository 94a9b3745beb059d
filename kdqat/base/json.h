#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The one reader of JSON: strict, with messages that name the field.
//
//   const JsonFields fields(read_json_file("config.json"), "config.json");
//   const std::int64_t size = fields.integer("hidden_size", 1, 1 << 16);
//   // "config.json: hidden_size: expected an integer from 1 to 65536, found \"big\""

namespace kdqat::base {

/// Parses `text` as one JSON document. Throws FormatError, which begins with `where`, for what is not JSON in
/// UTF-8 (with the position), for a key that occurs twice in one object, and for objects and arrays nested
/// more than `max_depth` deep.
nlohmann::json parse_json(std::string_view text, std::string_view where, int max_depth = 64);

/// The JSON document in a file. Throws IoError if it can't be read, FormatError as parse_json does.
nlohmann::json read_json_file(const std::filesystem::path& path);

/// 'text' for a message: on one line, control characters escaped, cut where it is long.
std::string quote(std::string_view text);

/// A JSON value for the end of a message "expected ..., found ...": short, on one line.
std::string describe(const nlohmann::json& value);

/// Typed access to the fields of a JSON object. Every error is a FormatError
/// "<where>: <field>: expected <what>, found <what>". An optional field that is null counts as absent, as in
/// Hugging Face's configurations. The value must outlive the object.
class JsonFields {
 public:
  /// Throws FormatError unless `value` is an object.
  JsonFields(const nlohmann::json& value, std::string where);

  const std::string& where() const { return where_; }
  /// The object itself.
  const nlohmann::json& value() const { return object_; }

  /// The field; nullptr if it is absent or null.
  const nlohmann::json* find(std::string_view name) const;

  /// An integer of [minimum, maximum] that must be present.
  std::int64_t integer(std::string_view name, std::int64_t minimum = kLeast,
                       std::int64_t maximum = kGreatest) const;

  /// As `integer`, `fallback` where it is absent.
  std::int64_t integer_or(std::string_view name, std::int64_t minimum, std::int64_t maximum,
                          std::int64_t fallback) const;

  /// As `integer`, nothing where it is absent.
  std::optional<std::int64_t> optional_integer(std::string_view name, std::int64_t minimum = kLeast,
                                               std::int64_t maximum = kGreatest) const;

  /// A number, integer or not, that must be present.
  double number(std::string_view name) const;

  /// As `number`, nothing where it is absent.
  std::optional<double> optional_number(std::string_view name) const;

  /// A number, integer or not; `fallback` where it is absent.
  double number_or(std::string_view name, double fallback) const;

  /// A string; `fallback` where it is absent.
  std::string string_or(std::string_view name, std::string_view fallback) const;

  /// true or false; `fallback` where it is absent.
  bool boolean_or(std::string_view name, bool fallback) const;

  /// The fields of an object that must be present; `where` of its messages is "<where>: <name>".
  JsonFields object(std::string_view name) const;

  /// As `object`, nothing where it is absent.
  std::optional<JsonFields> optional_object(std::string_view name) const;

  /// The objects of a list that must be present; `where` of their messages is "<where>: <name>[<index>]".
  std::vector<JsonFields> objects(std::string_view name) const;

  /// The numbers of an object by name, those that are null left out; none where the object is absent.
  std::map<std::string, double> numbers(std::string_view name) const;

  /// The lists of numbers of an object by name, null as NaN; none where the object is absent.
  std::map<std::string, std::vector<double>> number_lists(std::string_view name) const;

  /// Throws the FormatError for `name`, with the value that the object has there as what was found.
  [[noreturn]] void fail(std::string_view name, std::string_view expected) const;

 private:
  static constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  static constexpr std::int64_t kGreatest = std::numeric_limits<std::int64_t>::max();

  const nlohmann::json& object_;
  std::string where_;
};

}  // namespace kdqat::base
