#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace kdqat::text {

/// Remembers which words that are written as a token are cut into that token alone. Most words of a text are,
/// so that a model finds the pieces of such a word once, and later only the word in its trie. Safe to share
/// between threads: whoever asks first writes the answer, which is the same for all.
class WholeWords {
 public:
  enum class Answer : std::uint8_t { kNotYetKnown, kWhole, kCut };

  /// Of tokens with ids below num_ids.
  explicit WholeWords(std::size_t num_ids) : answers_(new std::atomic<Answer>[num_ids]()) {}

  Answer find(std::int32_t id) const {
    return answers_[static_cast<std::size_t>(id)].load(std::memory_order_relaxed);
  }
  void set(std::int32_t id, Answer answer) const {
    answers_[static_cast<std::size_t>(id)].store(answer, std::memory_order_relaxed);
  }

 private:
  std::unique_ptr<std::atomic<Answer>[]> answers_;
};

}  // namespace kdqat::text
