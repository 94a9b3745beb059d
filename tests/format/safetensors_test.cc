#include "kdqat/format/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <utility>

#include "kdqat/base/error.h"
#include "tests/base/temporary_directory.h"
#include "tests/format/safetensors_file.h"

namespace kdqat::format {
namespace {

using base::FormatError;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::ThrowsMessage;

std::vector<std::string> names_of(const SafetensorsFile& file) {
  std::vector<std::string> names;
  for (const TensorView& view : file.tensors()) names.push_back(view.name);
  return names;
}

class SafetensorsTest : public ::testing::Test {
 protected:
  SafetensorsFile open(std::string_view header, std::size_t data_size) const {
    test::write_bytes(path_, test::safetensors_bytes(header, data_size));
    return SafetensorsFile(path_);
  }

  const test::TemporaryDirectory directory_;
  const std::filesystem::path path_ = directory_ / "model.safetensors";
};

// Written by the reference implementation (safetensors for Python).
TEST_F(SafetensorsTest, ReadsAFileOfTheReferenceImplementation) {
  const SafetensorsFile file(KDQAT_TEST_FIXTURES "/tiny-bert/batch.safetensors");
  EXPECT_THAT(names_of(file), ElementsAre("attention_mask", "input_ids", "labels", "token_type_ids"));
  const TensorView& labels = file.tensor("labels");
  EXPECT_EQ(labels.dtype, DType::kI64);
  EXPECT_THAT(labels.shape, ElementsAre(2));
  EXPECT_THAT(copy_as_int64(file.tensor("attention_mask")), ::testing::Each(1));
  EXPECT_THAT(file.metadata(), IsEmpty());
}

TEST_F(SafetensorsTest, GivesTensorsInTheOrderOfTheirBytesAndFindsThemByName) {
  const SafetensorsFile file = open(
      R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[4,7]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
      7);
  EXPECT_THAT(names_of(file), ElementsAre("b", "a"));
  EXPECT_EQ(file.find("a"), &file.tensors()[1]);
  EXPECT_EQ(file.tensor("a").bytes.data(), file.tensor("b").bytes.data() + 4);
  EXPECT_EQ(file.tensor("a").num_elements(), 3);
  EXPECT_EQ(file.find("c"), nullptr);
  EXPECT_THAT([&] { file.tensor("c"); },
              ThrowsMessage<FormatError>(path_.string() +
                                         ": tensor 'c': expected in this file, found 2 other tensors"));
}

TEST_F(SafetensorsTest, ViewsStayValidWhenTheFileIsMoved) {
  SafetensorsFile file = open(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 2);
  const SafetensorsFile moved = std::move(file);
  EXPECT_THAT(copy_as_int64(moved.tensor("a")), ElementsAre(1, 1));
}

TEST_F(SafetensorsTest, TakesScalars) {
  const SafetensorsFile file = open(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})", 4);
  EXPECT_THAT(file.tensor("a").shape, IsEmpty());
  EXPECT_EQ(file.tensor("a").num_elements(), 1);
}

TEST_F(SafetensorsTest, TakesEmptyTensorsAtTheBeginningWithinAndAtTheEnd) {
  const SafetensorsFile file = open(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                                    R"("b":{"dtype":"F32","shape":[0,7],"data_offsets":[2,2]},)"
                                    R"("c":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},)"
                                    R"("x":{"dtype":"F64","shape":[0],"data_offsets":[0,0]},)"
                                    R"("y":{"dtype":"U8","shape":[0],"data_offsets":[3,3]}})",
                                    3);
  EXPECT_THAT(names_of(file), ElementsAre("x", "a", "b", "c", "y"));
  EXPECT_EQ(file.tensor("b").num_elements(), 0);
}

TEST_F(SafetensorsTest, TakesAFileOfNoTensorsAndAPaddedHeader) {
  EXPECT_THAT(open("{}", 0).tensors(), IsEmpty());
  EXPECT_THAT(open("{}      ", 0).tensors(), IsEmpty());
}

TEST_F(SafetensorsTest, ReadsTheMetadata) {
  EXPECT_THAT(open(R"({"__metadata__":{"format":"pt","":"é"}})", 0).metadata(),
              ElementsAre(Pair("", "é"), Pair("format", "pt")));
}

TEST_F(SafetensorsTest, KnowsEveryDTypeByItsNameAndSize) {
  const std::vector<std::pair<std::string, std::size_t>> dtypes = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"I16", 2},  {"U16", 2}, {"I32", 4}, {"U32", 4},
      {"I64", 8},  {"U64", 8}, {"F16", 2}, {"BF16", 2}, {"F32", 4}, {"F64", 8}};
  for (const auto& [name, size] : dtypes) {
    const SafetensorsFile file = open(
        base::concat(R"({"a":{"dtype":")", name, R"(","shape":[1],"data_offsets":[0,)", size, "]}}"), size);
    EXPECT_EQ(name_of(file.tensor("a").dtype), name);
    EXPECT_EQ(size_of(file.tensor("a").dtype), size);
  }
}

TEST_F(SafetensorsTest, AMissingFileIsNamed) {
  EXPECT_THAT([&] { SafetensorsFile{path_}; },
              ThrowsMessage<base::IoError>(path_.string() + ": cannot open: No such file or directory"));
}

struct BadBytes {
  std::string name;
  std::string bytes;
  std::string message;  ///< after the file's path
};

std::ostream& operator<<(std::ostream& stream, const BadBytes& bad) { return stream << bad.name; }

class BadSafetensorsTest : public SafetensorsTest, public ::testing::WithParamInterface<BadBytes> {};

TEST_P(BadSafetensorsTest, IsRefusedWithWhatWasExpectedAndFound) {
  test::write_bytes(path_, GetParam().bytes);
  EXPECT_THAT([&] { SafetensorsFile{path_}; },
              ThrowsMessage<FormatError>(path_.string() + ": " + GetParam().message));
}

std::string length_only(std::uint64_t length) {
  std::string bytes = test::safetensors_bytes("{}", 0);
  std::memcpy(bytes.data(), &length, sizeof(length));
  return bytes;
}

const auto kNameOfCase = [](const auto& info) { return info.param.name; };

INSTANTIATE_TEST_SUITE_P(
    Length, BadSafetensorsTest,
    ::testing::Values(
        BadBytes{"EmptyFile", "", "expected at least 8 bytes (the length of the header), found 0"},
        BadBytes{"SevenBytes", std::string(7, '\0'),
                 "expected at least 8 bytes (the length of the header), found 7"},
        BadBytes{"HeaderBeyondTheFile", length_only(3),
                 "expected a header of 3 bytes, found 2 (the file is cut short)"},
        BadBytes{"HeaderAboveTheLimit", length_only(100'000'001),
                 "expected a header of at most 100000000 bytes, found a length of 100000001"},
        BadBytes{"LargestLength", length_only(~std::uint64_t{0}),
                 "expected a header of at most 100000000 bytes, found a length of 18446744073709551615"},
        BadBytes{"EmptyHeader", length_only(0), "header: expected '{' first, found an empty header"}),
    kNameOfCase);

BadBytes bad_header(std::string name, std::string_view header, std::string message) {
  return {std::move(name), test::safetensors_bytes(header, 0), "header: " + std::move(message)};
}

INSTANTIATE_TEST_SUITE_P(
    Header, BadSafetensorsTest,
    ::testing::Values(
        bad_header("Array", "[]", "expected '{' first, found '['"),
        bad_header("SpaceFirst", " {}", "expected '{' first, found ' '"),
        bad_header("ByteOrderMark", "\xEF\xBB\xBF{}", "expected '{' first, found '\xEF\xBF\xBD'"),
        bad_header("CutJson", R"({"x":)", "expected JSON in UTF-8, found a syntax error at byte 5"),
        bad_header("TextAfterTheObject", "{} x", "expected JSON in UTF-8, found a syntax error at byte 3"),
        bad_header("InvalidUtf8", "{\"\xC3(\":1}", "expected JSON in UTF-8, found a syntax error at byte 3"),
        bad_header("ZeroByte", std::string_view("{}\0", 3), "expected JSON, found a zero byte at byte 2"),
        bad_header("NestedShape", R"({"x":{"shape":[[1]]}})",
                   "expected JSON nested at most 3 deep, found more"),
        bad_header("DeepNesting", "{\"x\":" + std::string(1'000'000, '['),
                   "expected JSON nested at most 3 deep, found more"),
        bad_header("NumberOutOfRange", R"({"x":{"dtype":"U8","shape":[1e999],"data_offsets":[0,0]}})",
                   "expected numbers within the range of a double, found a larger one"),
        bad_header("TensorTwice", R"({"x":{},"x":{}})", "'x': expected each name once, found it twice"),
        bad_header("FieldTwice", R"({"x":{"dtype":"U8","dtype":"I8"}})",
                   "'dtype': expected each name once, found it twice")),
    kNameOfCase);

BadBytes bad_metadata(std::string name, std::string_view metadata, std::string message) {
  return {std::move(name), test::safetensors_bytes(base::concat(R"({"__metadata__":)", metadata, "}"), 0),
          "__metadata__: " + std::move(message)};
}

INSTANTIATE_TEST_SUITE_P(
    Metadata, BadSafetensorsTest,
    ::testing::Values(bad_metadata("Null", "null", "expected an object of strings, found null"),
                      bad_metadata("Array", "[]",
                                   "expected an object of strings, found an array of 0 values"),
                      bad_metadata("Number", R"({"a":"1","b":1})", "'b': expected a string, found 1"),
                      bad_metadata("Object", R"({"a":{}})", "'a': expected a string, found an object")),
    kNameOfCase);

BadBytes bad_entry(std::string name, std::string_view entry, std::string message, std::size_t data_size = 0) {
  return {std::move(name), test::safetensors_bytes(base::concat(R"({"x":)", entry, "}"), data_size),
          "tensor 'x': " + std::move(message)};
}

const std::string kKnownDTypes = "one of BOOL, U8, I8, I16, U16, I32, U32, I64, U64, F16, BF16, F32, F64";

INSTANTIATE_TEST_SUITE_P(
    Entry, BadSafetensorsTest,
    ::testing::Values(
        bad_entry("NoObject", "3", "expected a JSON object, found 3"),
        bad_entry("NoDType", R"({"shape":[],"data_offsets":[0,0]})",
                  "dtype: expected " + kKnownDTypes + ", found no such field"),
        bad_entry("UnknownDType", R"({"dtype":"F8_E4M3","shape":[],"data_offsets":[0,0]})",
                  "dtype: expected " + kKnownDTypes + ", found \"F8_E4M3\""),
        bad_entry("NumberAsDType", R"({"dtype":32,"shape":[],"data_offsets":[0,0]})",
                  "dtype: expected " + kKnownDTypes + ", found 32"),
        bad_entry("NoShape", R"({"dtype":"U8","data_offsets":[0,0]})",
                  "shape: expected an array of non-negative integers, found no such field"),
        bad_entry("NumberAsShape", R"({"dtype":"U8","shape":0,"data_offsets":[0,0]})",
                  "shape: expected an array of non-negative integers, found 0"),
        bad_entry("NegativeSize", R"({"dtype":"U8","shape":[1,-1],"data_offsets":[0,0]})",
                  "shape: expected non-negative integers of 63 bits, found -1"),
        bad_entry("FractionalSize", R"({"dtype":"U8","shape":[1.5],"data_offsets":[0,0]})",
                  "shape: expected non-negative integers of 63 bits, found 1.5"),
        bad_entry("IntegralSizeWithAPoint", R"({"dtype":"U8","shape":[0.0],"data_offsets":[0,0]})",
                  "shape: expected non-negative integers of 63 bits, found 0.0"),
        bad_entry("TextAsSize", R"({"dtype":"U8","shape":["1"],"data_offsets":[0,0]})",
                  "shape: expected non-negative integers of 63 bits, found \"1\""),
        bad_entry("SizeOfSixtyFourBits",
                  R"({"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,0]})",
                  "shape: expected non-negative integers of 63 bits, found 9223372036854775808"),
        bad_entry("SizeBeyondSixtyFourBits",
                  R"({"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,0]})",
                  "shape: expected non-negative integers of 63 bits, found 1.8446744073709552e+19"),
        bad_entry("OverflowingShape",
                  R"({"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]})",
                  "shape [4294967296, 4294967296]: expected a size in bytes below 2^63, found a larger one"),
        bad_entry("OverflowingBytes", R"({"dtype":"F64","shape":[1152921504606846976],"data_offsets":[0,0]})",
                  "shape [1152921504606846976]: expected a size in bytes below 2^63, found a larger one"),
        bad_entry("NoOffsets", R"({"dtype":"U8","shape":[]})",
                  "data_offsets: expected an array of two non-negative integers, found no such field"),
        bad_entry("NumberAsOffsets", R"({"dtype":"U8","shape":[],"data_offsets":1})",
                  "data_offsets: expected an array of two non-negative integers, found 1"),
        bad_entry("OneOffset", R"({"dtype":"U8","shape":[],"data_offsets":[0]})",
                  "data_offsets: expected an array of two non-negative integers, found an array of 1 values"),
        bad_entry("NegativeOffset", R"({"dtype":"U8","shape":[],"data_offsets":[-1,0]})",
                  "data_offsets: expected non-negative integers of 64 bits, found -1"),
        bad_entry("FractionalOffset", R"({"dtype":"U8","shape":[],"data_offsets":[0,1.0]})",
                  "data_offsets: expected non-negative integers of 64 bits, found 1.0")),
    kNameOfCase);

INSTANTIATE_TEST_SUITE_P(
    Offsets, BadSafetensorsTest,
    ::testing::Values(
        bad_entry("EndBeforeBegin", R"({"dtype":"U8","shape":[2],"data_offsets":[2,0]})",
                  "offsets [2, 0]: expected begin <= end", 2),
        bad_entry("TooManyBytesForTheShape", R"({"dtype":"F32","shape":[2,3],"data_offsets":[0,40]})",
                  "offsets [0, 40] do not fit F32 [2, 3]: expected 24 bytes, found 40", 40),
        bad_entry("TooFewBytesForTheShape", R"({"dtype":"F32","shape":[],"data_offsets":[0,0]})",
                  "offsets [0, 0] do not fit F32 []: expected 4 bytes, found 0"),
        bad_entry("BeyondTheFile", R"({"dtype":"U8","shape":[4],"data_offsets":[0,4]})",
                  "offsets [0, 4] are outside of the file: expected at most 3 (the bytes after the header), "
                  "found 4",
                  3),
        bad_entry("FarBeyondTheFile",
                  R"({"dtype":"U8","shape":[1],"data_offsets":[18446744073709551614,18446744073709551615]})",
                  "offsets [18446744073709551614, 18446744073709551615] are outside of the file: expected at "
                  "most 3 "
                  "(the bytes after the header), found 18446744073709551615",
                  3),
        bad_entry("GapAtTheBeginning", R"({"dtype":"U8","shape":[2],"data_offsets":[1,3]})",
                  "offsets [1, 3] leave a gap: expected begin 0, found 1", 3),
        bad_entry(
            "GapBetween",
            R"({"dtype":"U8","shape":[1],"data_offsets":[2,3]},"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})",
            "offsets [2, 3] leave a gap: expected begin 1, found 2", 3),
        bad_entry(
            "Overlap",
            R"({"dtype":"U8","shape":[2],"data_offsets":[1,3]},"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]})",
            "offsets [1, 3] overlap the tensor before: expected begin 2, found 1", 3),
        bad_entry(
            "SameBytes",
            R"({"dtype":"U8","shape":[2],"data_offsets":[0,2]},"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]})",
            "offsets [0, 2] overlap the tensor before: expected begin 2, found 0", 2),
        BadBytes{"BytesAfterTheLast",
                 test::safetensors_bytes(R"({"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 5),
                 "expected 2 bytes after the header, found 5"},
        BadBytes{"BytesAfterNoTensors", test::safetensors_bytes("{}", 1),
                 "expected 0 bytes after the header, found 1"}),
    kNameOfCase);

TEST_F(SafetensorsTest, AMessageStaysShortAndOnOneLineForAHostileName) {
  const std::string name = "a\\n" + std::string(100'000, 'b');
  EXPECT_THAT([&] { open("{\"" + name + "\":1}", 0); },
              ThrowsMessage<FormatError>(path_.string() + ": tensor 'a\\n" + std::string(78, 'b') +
                                         "'...: expected a JSON object, found 1"));
}

}  // namespace
}  // namespace kdqat::format
