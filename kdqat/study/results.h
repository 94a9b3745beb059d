#pragma once

#include <nlohmann/json.hpp>

#include "kdqat/study/study.h"

namespace kdqat::study {

/// What the runs of a study that are done have come to (docs/studies.md has the schema): by task and variant
/// the scores on the reported split with their mean and sample standard deviation, and against the baseline
/// the mean difference over the seeds that both have, with the paired bootstrap over examples
/// (evaluate::compare_scores) and, of a classification, McNemar's test of each seed
/// (evaluate::AnswerDifferences).
///
/// Throws as read_record does, and InvalidArgument if two runs of a task have other examples.
nlohmann::json study_results(const Study& study);

}  // namespace kdqat::study
