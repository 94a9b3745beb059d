#include "kdqat/analysis/attention_distance.h"

#include <algorithm>
#include <numeric>

#include "kdqat/base/error.h"
#include "kdqat/base/parallel.h"

namespace kdqat::analysis {
namespace {

std::vector<std::size_t> positions_by_value(std::span<const float> row) {
  std::vector<std::size_t> order(row.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return row[a] > row[b]; });
  return order;
}

void check_rows(std::span<const float> teacher, std::span<const float> student) {
  if (teacher.size() != student.size() || teacher.empty()) {
    throw base::InvalidArgument(base::concat("rows of attention maps: expected one length, found ",
                                             teacher.size(), " and ", student.size()));
  }
}

void check_top_k(std::int64_t top_k) {
  if (top_k < 1) throw base::InvalidArgument(base::concat("top-k: expected at least 1, found ", top_k));
}

/// Cover length ratio (mean over rows) and ranking loss (summed) of one head's maps of a sentence, [n, n].
struct HeadDistance {
  double cover = 0.0;
  double ranking = 0.0;
};

HeadDistance head_distance(const float* teacher, const float* student, std::size_t length,
                           std::int64_t top_k) {
  HeadDistance distance;
  for (std::size_t row = 0; row < length; ++row) {
    const std::span<const float> of_teacher(teacher + row * length, length);
    const std::span<const float> of_student(student + row * length, length);
    distance.cover += cover_length_ratio(of_teacher, of_student, top_k);
    distance.ranking += ranking_loss(of_teacher, of_student);
  }
  distance.cover /= static_cast<double>(length);
  return distance;
}

}  // namespace

double cover_length_ratio(std::span<const float> teacher, std::span<const float> student,
                          std::int64_t top_k) {
  check_rows(teacher, student);
  check_top_k(top_k);
  const std::vector<std::size_t> chosen = positions_by_value(teacher);
  const std::vector<std::size_t> order = positions_by_value(student);
  std::vector<std::size_t> rank(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) rank[order[i]] = i;
  std::size_t deepest = 0;
  const std::size_t count = std::min(chosen.size(), static_cast<std::size_t>(top_k));
  for (std::size_t i = 0; i < count; ++i) deepest = std::max(deepest, rank[chosen[i]]);
  return static_cast<double>(deepest) / static_cast<double>(teacher.size());
}

double ranking_loss(std::span<const float> teacher, std::span<const float> student) {
  check_rows(teacher, student);
  double sum = 0.0;
  for (std::size_t i = 0; i < teacher.size(); ++i) {
    for (std::size_t j = i + 1; j < teacher.size(); ++j) {
      if (teacher[i] == teacher[j]) continue;
      const double difference = static_cast<double>(student[i]) - static_cast<double>(student[j]);
      sum += std::max(0.0, teacher[i] > teacher[j] ? -difference : difference);
    }
  }
  return sum;
}

AttentionDistance::AttentionDistance(std::int64_t top_k) : top_k_(top_k) { check_top_k(top_k); }

void AttentionDistance::add(const model::Signals& teacher, const model::Signals& student,
                            std::span<const std::int64_t> cu_seqlens, std::int64_t heads) {
  const std::size_t layers = teacher.attention_map.size();
  if (student.attention_map.size() != layers) {
    throw base::InvalidArgument(
        base::concat("attention maps: expected ", layers, " layers, found ", student.attention_map.size()));
  }
  std::vector<torch::Tensor> teacher_maps;
  std::vector<torch::Tensor> student_maps;
  for (std::size_t layer = 0; layer < layers; ++layer) {
    teacher_maps.push_back(teacher.attention_map[layer].to(torch::kFloat32).contiguous());
    student_maps.push_back(student.attention_map[layer].to(torch::kFloat32).contiguous());
    if (teacher_maps.back().sizes() != student_maps.back().sizes()) {
      throw base::InvalidArgument(base::concat("attention maps of layer ", layer, ": expected ",
                                               teacher_maps.back().sizes(), ", found ",
                                               student_maps.back().sizes()));
    }
  }
  const auto places = static_cast<std::int64_t>(layers) * heads;
  for (const SentenceRange& sentence : sentence_ranges(cu_seqlens, heads)) {
    std::vector<double> cover(static_cast<std::size_t>(places));
    std::vector<double> ranking(cover.size());
    base::parallel_for(0, places, 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t place = first; place < last; ++place) {
        const auto layer = static_cast<std::size_t>(place / heads);
        const std::int64_t offset = sentence.first_pair + place % heads * sentence.length * sentence.length;
        const HeadDistance distance = head_distance(teacher_maps[layer].data_ptr<float>() + offset,
                                                    student_maps[layer].data_ptr<float>() + offset,
                                                    static_cast<std::size_t>(sentence.length), top_k_);
        cover[static_cast<std::size_t>(place)] = distance.cover;
        ranking[static_cast<std::size_t>(place)] = distance.ranking;
      }
    });
    cover_.add(std::move(cover), static_cast<double>(sentence.length));
    ranking_.add(std::move(ranking));
  }
}

}  // namespace kdqat::analysis
