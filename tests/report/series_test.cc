#include "kdqat/report/series.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "kdqat/base/error.h"

namespace kdqat::report {
namespace {

using base::InvalidArgument;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

std::vector<Point> wave(std::size_t count) {
  std::vector<Point> points;
  for (std::size_t i = 0; i < count; ++i) {
    const double x = static_cast<double>(i);
    points.push_back({x, std::sin(x / 37.0)});
  }
  return points;
}

TEST(ThinTest, FewPointsStayAsTheyAre) {
  const std::vector<Point> points = wave(100);
  EXPECT_EQ(thin(points, 100), points);
  EXPECT_EQ(thin({}, 4), std::vector<Point>());
}

TEST(ThinTest, KeepsAtMostTheLimitInOrder) {
  for (const std::size_t count : {101U, 102U, 150U, 1000U, 99999U}) {
    for (const std::size_t limit : {4U, 5U, 99U, 100U}) {
      const std::vector<Point> kept = thin(wave(count), limit);
      EXPECT_LE(kept.size(), limit);
      EXPECT_TRUE(std::is_sorted(kept.begin(), kept.end(),
                                 [](const Point& left, const Point& right) {
                                   return left.x <=
                                          right.x;  // a point kept twice would not be sorted strictly
                                 }) ||
                  kept.size() < 2);
    }
  }
}

TEST(ThinTest, KeepsFirstLastAndExtremes) {
  std::vector<Point> points = wave(10000);
  points.front().y = 0.5;
  points.back().y = -0.5;
  points[4321].y = 100.0;
  points[4322].y = -100.0;
  points[1].y = 50.0;      // at the border of the first stretch
  points[9998].y = -50.0;  // at the border of the last one
  const std::vector<Point> kept = thin(points, 200);
  EXPECT_EQ(kept.front(), points.front());
  EXPECT_EQ(kept.back(), points.back());
  for (const std::size_t extreme : {1U, 4321U, 4322U, 9998U}) EXPECT_THAT(kept, Contains(points[extreme]));
}

TEST(ThinTest, RejectsALimitThatCannotKeepEnds) {
  EXPECT_THAT([] { thin({}, 3); },
              ThrowsMessage<InvalidArgument>(HasSubstr("points to keep: expected at least 4, found 3")));
}

TEST(RunningMeanTest, AveragesTheWindowAndLessAtTheEnds) {
  const std::vector<Point> points = {{0, 3}, {1, 6}, {2, 0}, {5, 9}};
  EXPECT_THAT(running_mean(points, 3), ElementsAre(Point{0, 4.5}, Point{1, 3}, Point{2, 5}, Point{5, 4.5}));
  EXPECT_THAT(running_mean(points, 2), ElementsAre(Point{0, 4.5}, Point{1, 3}, Point{2, 4.5}, Point{5, 9}));
  EXPECT_THAT(running_mean(points, 100),
              ElementsAre(Point{0, 4.5}, Point{1, 4.5}, Point{2, 4.5}, Point{5, 4.5}));
}

TEST(RunningMeanTest, WindowOfOneChangesNothing) {
  const std::vector<Point> points = {{0, 1}, {1, 2}, {2, 4}};
  EXPECT_EQ(running_mean(points, 1), points);
  EXPECT_EQ(running_mean({}, 1), std::vector<Point>());
}

TEST(RunningMeanTest, RejectsAnEmptyWindow) {
  EXPECT_THAT([] { running_mean({}, 0); },
              ThrowsMessage<InvalidArgument>(HasSubstr("running mean: expected at least 1, found 0")));
}

}  // namespace
}  // namespace kdqat::report
