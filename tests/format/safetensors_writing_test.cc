#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/format/safetensors.h"
#include "tests/base/temporary_directory.h"

namespace kdqat::format {
namespace {

using base::InvalidArgument;
using ::testing::ElementsAre;
using ::testing::ThrowsMessage;

template <typename T>
TensorToWrite tensor_of(std::string name, DType dtype, Shape shape, const std::vector<T>& values) {
  return {std::move(name), dtype, std::move(shape), std::as_bytes(std::span(values))};
}

class WriteSafetensorsTest : public ::testing::Test {
 protected:
  void write(const std::vector<TensorToWrite>& tensors,
             const std::map<std::string, std::string>& metadata = {}) {
    write_safetensors(path_, tensors, metadata);
  }

  const test::TemporaryDirectory directory_;
  const std::filesystem::path path_ = directory_ / "model.safetensors";
  const std::vector<float> floats_ = {1.5F, -2.0F, 0.0F, 1e-30F, 3.0F, 4.0F};
  const std::vector<std::uint8_t> bytes_ = {7, 8, 9};
  const std::vector<std::int64_t> integers_ = {-1};
};

TEST_F(WriteSafetensorsTest, WhatIsWrittenIsRead) {
  write(
      {tensor_of("f", DType::kF32, {2, 3}, floats_), tensor_of("i", DType::kI64, {}, integers_),
       tensor_of("u", DType::kU8, {3}, bytes_), tensor_of("none", DType::kF16, {0, 4}, std::vector<float>{})},
      {{"note", "é\n"}});
  const SafetensorsFile file(path_);
  EXPECT_EQ(file.tensors().size(), 4U);
  std::vector<float> floats(6);
  copy_as_float(file.tensor("f"), floats);
  EXPECT_EQ(floats, floats_);
  EXPECT_THAT(file.tensor("f").shape, ElementsAre(2, 3));
  EXPECT_EQ(copy_as_int64(file.tensor("i")), integers_);
  EXPECT_THAT(copy_as_int64(file.tensor("u")), ElementsAre(7, 8, 9));
  EXPECT_THAT(file.tensor("none").shape, ElementsAre(0, 4));
  EXPECT_THAT(file.metadata(), ElementsAre(::testing::Pair("note", "é\n")));
}

// The whole file, so that the layout on disk can't change unseen.
TEST_F(WriteSafetensorsTest, LaysOutHeaderAndBytesAsTheFormatSays) {
  write({tensor_of("u", DType::kU8, {3}, bytes_), tensor_of("i", DType::kI64, {1}, integers_)},
        {{"b", "2"}, {"a", "1"}});
  const std::string header =
      R"({"__metadata__":{"a":"1","b":"2"},"i":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},)"
      R"("u":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  const std::string length = {static_cast<char>(padded.size()), 0, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(base::read_file(path_), length + padded + std::string(8, '\xFF') + "\7\10\11");
}

TEST_F(WriteSafetensorsTest, EveryTensorIsAlignedToItsElements) {
  for (int extra = 0; extra < 9; ++extra) {
    write({tensor_of("u" + std::string(static_cast<std::size_t>(extra), 'u'), DType::kU8, {3}, bytes_),
           tensor_of("f", DType::kF32, {6}, floats_), tensor_of("i", DType::kI64, {1}, integers_)});
    const SafetensorsFile file(path_);
    for (const TensorView& view : file.tensors()) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(view.bytes.data()) % size_of(view.dtype), 0U) << view.name;
    }
  }
}

TEST_F(WriteSafetensorsTest, TensorsOfOneElementSizeStayInTheOrderGiven) {
  // More than the few that any sort would leave in order.
  std::vector<TensorToWrite> tensors;
  std::vector<std::string> floats_first;
  std::vector<std::string> bytes_last;
  for (int i = 99; i > 50; --i) {
    floats_first.push_back(base::concat("float", i));
    bytes_last.push_back(base::concat("byte", i));
    tensors.push_back(tensor_of(bytes_last.back(), i % 2 == 0 ? DType::kU8 : DType::kI8, {3}, bytes_));
    tensors.push_back(tensor_of(floats_first.back(), DType::kF32, {6}, floats_));
  }
  write(tensors);
  const SafetensorsFile file(path_);
  std::vector<std::string> names;
  for (const TensorView& view : file.tensors()) names.push_back(view.name);
  std::vector<std::string> expected = floats_first;
  expected.insert(expected.end(), bytes_last.begin(), bytes_last.end());
  EXPECT_EQ(names, expected);
}

TEST_F(WriteSafetensorsTest, RefusesANameTwice) {
  EXPECT_THAT(
      [&] {
        write({tensor_of("x", DType::kU8, {3}, bytes_), tensor_of("x", DType::kU8, {3}, bytes_)});
      },
      ThrowsMessage<InvalidArgument>(path_.string() +
                                     ": tensor 'x': expected each name once, found it twice"));
}

TEST_F(WriteSafetensorsTest, RefusesTheNameOfTheMetadata) {
  EXPECT_THAT(
      [&] { write({tensor_of("__metadata__", DType::kU8, {3}, bytes_)}); },
      ThrowsMessage<InvalidArgument>(path_.string() + ": tensor '__metadata__': this name is reserved"));
}

TEST_F(WriteSafetensorsTest, RefusesBytesThatDoNotFitTheShape) {
  EXPECT_THAT(
      [&] {
        write({tensor_of("x", DType::kF32, {2, 2}, floats_)});
      },
      ThrowsMessage<InvalidArgument>(path_.string() +
                                     ": tensor 'x': expected 16 bytes for F32 [2, 2], found 24"));
  EXPECT_THAT(
      [&] { write({tensor_of("x", DType::kF32, {-1}, floats_)}); },
      ThrowsMessage<InvalidArgument>(
          path_.string() + ": tensor 'x': expected sizes that make less than 2^63 bytes, found F32 [-1]"));
}

TEST_F(WriteSafetensorsTest, RefusesTextThatIsNotUtf8) {
  const std::string expected = path_.string() + ": expected names and metadata in UTF-8, found other bytes";
  EXPECT_THAT([&] { write({tensor_of("\xFF", DType::kU8, {3}, bytes_)}); },
              ThrowsMessage<InvalidArgument>(expected));
  EXPECT_THAT([&] { write({}, {{"a", "\xFF"}}); }, ThrowsMessage<InvalidArgument>(expected));
}

TEST_F(WriteSafetensorsTest, RefusesAHeaderThatNoReaderTakes) {
  EXPECT_THAT(
      [&] {
        write({}, {{"a", std::string(100'000'000, 'x')}});
      },
      ThrowsMessage<InvalidArgument>(
          path_.string() +
          ": expected names and metadata that make a header of at most 100000000 bytes, found 100000032"));
}

TEST_F(WriteSafetensorsTest, ARefusedTensorLeavesTheOldFile) {
  base::write_file_atomically(path_, "old");
  EXPECT_THROW(write({tensor_of("x", DType::kF32, {1}, bytes_)}), InvalidArgument);
  EXPECT_EQ(base::read_file(path_), "old");
}

TEST_F(WriteSafetensorsTest, AMissingDirectoryIsAnIoError) {
  const std::filesystem::path path = directory_ / "missing" / "x.safetensors";
  EXPECT_THAT([&] { write_safetensors(path, {}); },
              ThrowsMessage<base::IoError>(path.string() + ": cannot write: No such file or directory"));
}

}  // namespace
}  // namespace kdqat::format
