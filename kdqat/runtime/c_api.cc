#include <algorithm>
#include <exception>
#include <string>

#include "kdqat/runtime/engine.h"
#include "kdqat/runtime/kdqat.h"

struct kdqat_engine {
  kdqat::runtime::Engine engine;
};

namespace kdqat::runtime {
namespace {

std::string& last_error() {
  thread_local std::string message;
  return message;
}

/// What body() gives; `failed`, with the message kept, for what it throws.
template <typename Result, typename Body>
Result guard(Result failed, const Body& body) {
  try {
    return body();
  } catch (const std::exception& error) {
    last_error() = error.what();
  } catch (...) {
    last_error() = "unknown error";
  }
  return failed;
}

std::vector<Text> texts_of(const char* const* texts, const char* const* pairs, std::size_t count) {
  std::vector<Text> result;
  result.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    Text text{.text = texts[i]};
    if (pairs != nullptr && pairs[i] != nullptr) text.pair = pairs[i];
    result.push_back(text);
  }
  return result;
}

}  // namespace
}  // namespace kdqat::runtime

using kdqat::runtime::guard;
using kdqat::runtime::texts_of;

kdqat_engine* kdqat_open(const char* path, int threads) {
  return guard<kdqat_engine*>(
      nullptr, [&] { return new kdqat_engine{kdqat::runtime::Engine(path, {.threads = threads})}; });
}

void kdqat_close(kdqat_engine* engine) { delete engine; }

std::size_t kdqat_num_scores(const kdqat_engine* engine) {
  return engine->engine.is_regression() ? 1 : engine->engine.labels().size();
}

const char* kdqat_label(const kdqat_engine* engine, std::size_t index) {
  const std::vector<std::string>& labels = engine->engine.labels();
  return index < labels.size() ? labels[index].c_str() : nullptr;
}

std::size_t kdqat_embedding_size(const kdqat_engine* engine) {
  return static_cast<std::size_t>(engine->engine.embedding_size());
}

int kdqat_classify(const kdqat_engine* engine, const char* const* texts, const char* const* pairs,
                   std::size_t count, double* scores) {
  return guard(1, [&] {
    for (const auto& answer : engine->engine.classify(texts_of(texts, pairs, count))) {
      scores = std::copy(answer.scores.begin(), answer.scores.end(), scores);
    }
    return 0;
  });
}

int kdqat_embed(const kdqat_engine* engine, const char* const* texts, const char* const* pairs,
                std::size_t count, float* embeddings) {
  return guard(1, [&] {
    const std::vector<float> values = engine->engine.embed(texts_of(texts, pairs, count));
    std::copy(values.begin(), values.end(), embeddings);
    return 0;
  });
}

const char* kdqat_last_error(void) { return kdqat::runtime::last_error().c_str(); }
