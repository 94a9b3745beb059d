#include "kdqat/study/matrix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kdqat/base/error.h"

namespace kdqat::study {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::ThrowsMessage;

std::vector<std::string> names_of(const std::vector<MatrixPoint>& points) {
  std::vector<std::string> names;
  for (const MatrixPoint& point : points) names.push_back(point.name);
  return names;
}

TEST(ExpandMatrixTest, HasEveryCombinationOnceTheLastAxisFastest) {
  const std::vector<MatrixPoint> points =
      expand_matrix({{.option = "objective", .values = {"map", "output"}},
                     {.option = "weight-bits", .values = {"2", "4", "8"}}});
  EXPECT_THAT(names_of(points),
              ElementsAre("map+weight-bits=2", "map+weight-bits=4", "map+weight-bits=8",
                          "output+weight-bits=2", "output+weight-bits=4", "output+weight-bits=8"));
  EXPECT_THAT(points[4].settings, ElementsAre(Pair("objective", "output"), Pair("weight-bits", "4")));
}

TEST(ExpandMatrixTest, NamesHoldTheValueAndOfAllButTheObjectiveTheOption) {
  EXPECT_THAT(names_of(expand_matrix({{.option = "temperature", .values = {"1", "inf"}}})),
              ElementsAre("temperature=1", "temperature=inf"));
  EXPECT_THAT(names_of(expand_matrix({{.option = "distill-layers", .values = {"4,5"}},
                                      {.option = "objective", .values = {"map"}}})),
              ElementsAre("distill-layers=4,5+map"));
}

TEST(ExpandMatrixTest, NoAxisGivesNoPointAndAnAxisNeedsValues) {
  EXPECT_THAT(expand_matrix({}), IsEmpty());
  EXPECT_THAT([] { expand_matrix({{.option = "gamma", .values = {}}}); },
              ThrowsMessage<base::InvalidArgument>("gamma: expected at least one value, found none"));
}

}  // namespace
}  // namespace kdqat::study
