#include "kdqat/distill/loss.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kdqat/base/error.h"

namespace kdqat::distill {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

TEST(ParseLayersTest, ReadsAllOneOrAList) {
  EXPECT_EQ(parse_layers("all"), LayerSelection{});
  EXPECT_THAT(parse_layers("9").layers, ElementsAre(9));
  EXPECT_FALSE(parse_layers("9").all);
  EXPECT_THAT(parse_layers("0,5,11").layers, ElementsAre(0, 5, 11));
  EXPECT_THAT(parse_layers("11,0,5").layers, ElementsAre(0, 5, 11));
}

TEST(ParseLayersTest, TextsLeadToSelectionsAndBack) {
  for (const std::string text : {"all", "9", "0,5,11"}) EXPECT_EQ(to_string(parse_layers(text)), text);
  EXPECT_EQ(to_string(parse_layers("5,0")), "0,5");
}

TEST(ParseLayersTest, RefusesAnythingElse) {
  for (const std::string text : {"", ",", "1,", ",1", "1,,2", "-1", "1.5", "one", "1 2", " 1", "all,1", "ALL",
                                 "0x1", "99999999999999999999"}) {
    EXPECT_THAT([&] { parse_layers(text); },
                ThrowsMessage<base::InvalidArgument>(base::concat(
                    "distilled layers: expected 'all' or layers such as 0,5,11, found '", text, "'")));
  }
}

TEST(ParseLayersTest, RefusesALayerTwice) {
  EXPECT_THAT([] { parse_layers("3,1,3"); },
              ThrowsMessage<base::InvalidArgument>("distilled layers: expected each once, found '3,1,3'"));
}

TEST(LayerSelectionTest, ResolvesToTheLayersOfAnEncoder) {
  EXPECT_THAT(parse_layers("all").resolve(3), ElementsAre(0, 1, 2));
  EXPECT_THAT(parse_layers("2,0").resolve(3), ElementsAre(0, 2));
  EXPECT_THAT([] { parse_layers("0,3").resolve(3); },
              ThrowsMessage<base::InvalidArgument>("distilled layers: expected 0 to 2, found 3"));
}

TEST(SumTermsTest, UndefinedTermsAddNothing) {
  const LayerLoss loss = sum_terms({torch::tensor(1.5), torch::Tensor(), torch::tensor(2.0)});
  EXPECT_EQ(loss.total.item<double>(), 3.5);
  EXPECT_EQ(loss.terms.size(), 3U);
  EXPECT_FALSE(loss.terms[1].defined());
}

TEST(SumTermsTest, NoTermsAreZero) {
  const LayerLoss loss = sum_terms({});
  EXPECT_EQ(loss.total.item<double>(), 0.0);
  EXPECT_THAT(loss.terms, IsEmpty());
}

}  // namespace
}  // namespace kdqat::distill
