#include "kdqat/text/regex.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kdqat/base/error.h"
#include "kdqat/text/unicode.h"

namespace kdqat::text {
namespace {

using base::concat;
using base::FormatError;

constexpr std::size_t kLongestExpression = 1000;
constexpr std::size_t kLargestProgram = 20'000;
constexpr int kMostRepetitions = 100;
constexpr int kDeepestGroup = 20;

/// A set of characters: ranges, and classes such as \s, each or its complement.
struct CharacterSet {
  using Class = bool (*)(char32_t);
  struct Range {
    char32_t first;
    char32_t last;
  };
  struct Member {
    Class has;
    bool is_negated;
  };

  bool contains(char32_t character) const {
    const bool is_in =
        std::any_of(ranges.begin(), ranges.end(),
                    [&](Range range) { return range.first <= character && character <= range.last; }) ||
        std::any_of(classes.begin(), classes.end(),
                    [&](Member member) { return member.has(character) != member.is_negated; });
    return is_in != is_negated;
  }

  std::vector<Range> ranges;
  std::vector<Member> classes;
  bool is_negated = false;
};

/// \w as Oniguruma has it.
bool is_word(char32_t character) {
  switch (character) {
    case 0xB2:
    case 0xB3:
    case 0xB9:
    case 0xBC:
    case 0xBD:
    case 0xBE:
      return true;
    case 0x200C:
    case 0x200D:
      return false;
    default:
      return is_word_character(character);
  }
}

/// One step of the automaton (Thompson, 1968; Pike's form, which keeps the order of the alternatives).
struct Instruction {
  enum class Kind {
    kCharacter,  ///< passes a character of the set
    kSplit,      ///< goes on at `first` and, less wanted, at `second`
    kAhead,      ///< goes on if the next character is in the set, which is not passed
    kNotAhead,   ///< goes on unless it is
    kMatch,
  };
  Kind kind;
  std::size_t first = 0;   // of kSplit; the set's number of the others
  std::size_t second = 0;  // of kSplit
};

struct Program {
  std::vector<Instruction> instructions;
  std::vector<CharacterSet> sets;
};

/// A part of an expression as a tree, since what is repeated is written several times.
struct Node {
  enum class Kind { kSet, kAhead, kNotAhead, kSequence, kAlternatives, kRepeat };
  Kind kind = Kind::kSequence;
  std::size_t set = 0;
  std::vector<Node> children;
  int minimum = 0;
  int maximum = 0;  // of kRepeat; -1: no limit
};

class Parser {
 public:
  Parser(std::string_view expression, std::string_view where) : text_(expression), where_(where) {}

  Node parse(std::vector<CharacterSet>& sets) {
    sets_ = &sets;
    Node node = parse_alternatives(0);
    if (position_ < text_.size()) refuse("a ) without (");
    return node;
  }

  [[noreturn]] void refuse(std::string_view what) const {
    throw FormatError(concat(where_, ": Regex: expected an expression that is supported, found ", what,
                             " in ", base::quote(text_)));
  }

 private:
  bool is_at(char c) const { return position_ < text_.size() && text_[position_] == c; }

  bool take(std::string_view what) {
    if (!text_.substr(position_).starts_with(what)) return false;
    position_ += what.size();
    return true;
  }

  Node parse_alternatives(int depth) {
    if (depth > kDeepestGroup) refuse("groups nested too deep");
    Node node{.kind = Node::Kind::kAlternatives, .set = 0, .children = {}};
    do node.children.push_back(parse_sequence(depth));
    while (take("|"));
    return node;
  }

  Node parse_sequence(int depth) {
    Node node;
    while (position_ < text_.size() && !is_at('|') && !is_at(')')) {
      node.children.push_back(parse_repeated(depth));
    }
    return node;
  }

  Node parse_repeated(int depth) {
    Node node = parse_atom(depth);
    int minimum = 1;
    int maximum = 1;
    if (take("?")) {
      minimum = 0;
    } else if (take("*")) {
      minimum = 0;
      maximum = -1;
    } else if (take("+")) {
      maximum = -1;
    } else if (take("{")) {
      minimum = parse_number();
      maximum = minimum;
      if (take(",")) maximum = is_at('}') ? -1 : parse_number();
      if (!take("}") || (maximum >= 0 && maximum < minimum)) refuse("a repetition of another form");
    } else {
      return node;
    }
    if (is_at('?') || is_at('+') || is_at('*') || is_at('{')) refuse("a lazy or possessive repetition");
    return {.kind = Node::Kind::kRepeat,
            .set = 0,
            .children = {std::move(node)},
            .minimum = minimum,
            .maximum = maximum};
  }

  int parse_number() {
    int number = -1;
    const char* const first = text_.data() + position_;
    const auto [end, error] = std::from_chars(first, text_.data() + text_.size(), number);
    if (error != std::errc() || number < 0 || number > kMostRepetitions) refuse("a number of repetitions");
    position_ += static_cast<std::size_t>(end - first);
    return number;
  }

  Node parse_atom(int depth) {
    if (take("(?=")) return parse_ahead(Node::Kind::kAhead);
    if (take("(?!")) return parse_ahead(Node::Kind::kNotAhead);
    if (take("(?i:")) {
      const bool outer = std::exchange(ignores_case_, true);
      Node node = parse_group(depth);
      ignores_case_ = outer;
      return node;
    }
    if (take("(?:")) return parse_group(depth);
    if (text_.substr(position_).starts_with("(?")) refuse("a group of another kind");
    if (take("(")) return parse_group(depth);
    return make_set(parse_set());
  }

  Node parse_group(int depth) {
    Node node = parse_alternatives(depth + 1);
    if (!take(")")) refuse("a ( without )");
    return node;
  }

  Node parse_ahead(Node::Kind kind) {
    Node node = make_set(parse_set());
    if (!take(")")) refuse("a lookahead at more than one character");
    node.kind = kind;
    return node;
  }

  Node make_set(CharacterSet set) {
    if (ignores_case_) add_other_case(set);
    sets_->push_back(std::move(set));
    return {.kind = Node::Kind::kSet, .set = sets_->size() - 1, .children = {}};
  }

  static void add_other_case(CharacterSet& set) {
    const std::size_t count = set.ranges.size();
    for (std::size_t i = 0; i < count; ++i) {
      const auto add = [&](char32_t first, char32_t last, int shift) {
        first = std::max(first, set.ranges[i].first);
        last = std::min(last, set.ranges[i].last);
        if (first <= last) {
          set.ranges.push_back({static_cast<char32_t>(static_cast<int>(first) + shift),
                                static_cast<char32_t>(static_cast<int>(last) + shift)});
        }
      };
      add(U'a', U'z', 'A' - 'a');
      add(U'A', U'Z', 'a' - 'A');
    }
    const CharacterSet letters{.ranges = set.ranges, .classes = {}};
    if (letters.contains(U's')) set.ranges.push_back({0x017F, 0x017F});  // long s
    if (letters.contains(U'k')) set.ranges.push_back({0x212A, 0x212A});  // the sign of kelvin
  }

  CharacterSet parse_set() {
    CharacterSet set;
    if (take(".")) {
      set.ranges = {{U'\n', U'\n'}};
      set.is_negated = true;
    } else if (take("[")) {
      set.is_negated = take("^");
      do parse_member(set);
      while (!take("]"));
    } else if (is_at('^') || is_at('$') || is_at('*') || is_at('+') || is_at('?') || is_at('{')) {
      refuse(concat("'", text_.substr(position_, 1), "'"));
    } else {
      parse_single(set);
    }
    return set;
  }

  void parse_member(CharacterSet& set) {
    if (is_at('[') || take("&&")) refuse("a set within a set");
    parse_single(set);
    if (!is_at('-') || position_ + 1 >= text_.size() || text_[position_ + 1] == ']') return;
    ++position_;
    CharacterSet last;
    parse_single(last);
    if (last.ranges.size() != 1 || set.ranges.empty() || set.ranges.back().first > last.ranges[0].last) {
      refuse("a range of another form");
    }
    set.ranges.back().last = last.ranges[0].last;
  }

  /// Adds a character, or a class behind a backslash.
  void parse_single(CharacterSet& set) {
    if (position_ >= text_.size()) refuse("an end that is too early");
    if (!take("\\")) {
      const char32_t character = next_character(text_, position_);
      set.ranges.push_back({character, character});
      return;
    }
    if (position_ >= text_.size()) refuse("a backslash at the end");
    const char c = text_[position_++];
    if (c == 'p' || c == 'P') {
      set.classes.push_back({parse_property(), c == 'P'});
    } else if (const CharacterSet::Class has = class_of(c); has != nullptr) {
      set.classes.push_back({has, c >= 'A' && c <= 'Z'});
    } else {
      const char32_t character = parse_escape(c);
      set.ranges.push_back({character, character});
    }
  }

  static CharacterSet::Class class_of(char c) {
    switch (c) {
      case 's':
      case 'S':
        return is_whitespace;
      case 'd':
      case 'D':
        return is_decimal_digit;
      case 'w':
      case 'W':
        return is_word;
      default:
        return nullptr;
    }
  }

  CharacterSet::Class parse_property() {
    const std::size_t end = text_.find('}', position_);
    if (!is_at('{') || end == std::string_view::npos) refuse("\\p without {}");
    const std::string_view name = text_.substr(position_ + 1, end - position_ - 1);
    position_ = end + 1;
    if (name == "L" || name == "Letter") return is_letter;
    if (name == "N" || name == "Number") return is_number;
    if (name == "M" || name == "Mark") return is_mark;
    if (name == "Nd") return is_decimal_digit;
    refuse(concat("\\p{", name, "}"));
  }

  char32_t parse_escape(char c) {
    constexpr std::array kControls = std::to_array<std::pair<char, char32_t>>(
        {{'n', U'\n'}, {'r', U'\r'}, {'t', U'\t'}, {'f', U'\f'}, {'v', U'\v'}});
    for (const auto& [name, character] : kControls) {
      if (c == name) return character;
    }
    if (c == 'x' && take("{")) {
      std::uint32_t code = 0;
      const char* const first = text_.data() + position_;
      const auto [end, error] = std::from_chars(first, text_.data() + text_.size(), code, 16);
      position_ += static_cast<std::size_t>(end - first);
      if (error != std::errc() || code > 0x10FFFF || !take("}")) refuse("\\x without a character");
      return code;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (!is_ascii_punctuation(byte) && c != ' ') refuse(concat("'\\", c, "'"));
    return byte;
  }

  std::string_view text_;
  std::string_view where_;
  std::size_t position_ = 0;
  bool ignores_case_ = false;
  std::vector<CharacterSet>* sets_ = nullptr;
};

bool matches_empty(const Node& node) {
  const auto child_does = [](const Node& child) { return matches_empty(child); };
  switch (node.kind) {
    case Node::Kind::kSet:
      return false;
    case Node::Kind::kSequence:
      return std::all_of(node.children.begin(), node.children.end(), child_does);
    case Node::Kind::kAlternatives:
      return std::any_of(node.children.begin(), node.children.end(), child_does);
    case Node::Kind::kRepeat:
      return node.minimum == 0 || matches_empty(node.children[0]);
    default:
      return true;
  }
}

class Compiler {
 public:
  explicit Compiler(Program& program) : code_(program.instructions) {}

  /// False if the program becomes too large.
  bool compile(const Node& node) {
    if (code_.size() > kLargestProgram) return false;
    switch (node.kind) {
      case Node::Kind::kSet:
        code_.push_back({Instruction::Kind::kCharacter, node.set});
        return true;
      case Node::Kind::kAhead:
        code_.push_back({Instruction::Kind::kAhead, node.set});
        return true;
      case Node::Kind::kNotAhead:
        code_.push_back({Instruction::Kind::kNotAhead, node.set});
        return true;
      case Node::Kind::kSequence:
        return std::all_of(node.children.begin(), node.children.end(),
                           [&](const Node& child) { return compile(child); });
      case Node::Kind::kAlternatives:
        return compile_alternatives(node);
      case Node::Kind::kRepeat:
        return compile_repeat(node);
    }
    return false;
  }

 private:
  bool compile_alternatives(const Node& node) {
    std::vector<std::size_t> jumps;
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      const bool is_last = i + 1 == node.children.size();
      const std::size_t split = code_.size();
      if (!is_last) code_.push_back({Instruction::Kind::kSplit, split + 1});
      if (!compile(node.children[i])) return false;
      if (is_last) break;
      jumps.push_back(code_.size());
      code_.push_back({Instruction::Kind::kSplit});
      code_[split].second = code_.size();
    }
    for (const std::size_t jump : jumps) code_[jump].first = code_[jump].second = code_.size();
    return true;
  }

  bool compile_repeat(const Node& node) {
    const Node& child = node.children[0];
    for (int i = 0; i < node.minimum; ++i) {
      if (!compile(child)) return false;
    }
    if (node.maximum < 0) {
      const std::size_t split = code_.size();
      code_.push_back({Instruction::Kind::kSplit, split + 1});
      if (!compile(child)) return false;
      code_.push_back({Instruction::Kind::kSplit, split, split});
      code_[split].second = code_.size();
      return true;
    }
    std::vector<std::size_t> splits;
    for (int i = node.minimum; i < node.maximum; ++i) {
      splits.push_back(code_.size());
      code_.push_back({Instruction::Kind::kSplit, code_.size() + 1});
      if (!compile(child)) return false;
    }
    for (const std::size_t split : splits) code_[split].second = code_.size();
    return true;
  }

  std::vector<Instruction>& code_;
};

class Regex : public Pattern {
 public:
  explicit Regex(Program program) : program_(std::move(program)) {}

  std::optional<Match> find(std::string_view text, std::size_t from) const override;

 private:
  struct Thread {
    std::size_t instruction;
    std::size_t begin;
  };
  /// Threads that wait for a character, the most wanted first; each instruction once.
  struct Threads {
    explicit Threads(std::size_t size) : is_in(size, 0) {}
    void clear() {
      threads.clear();
      ++round;
    }
    std::vector<Thread> threads;
    std::vector<std::uint32_t> is_in;  // the round in which an instruction was added
    std::uint32_t round = 1;
  };

  void add(std::size_t instruction, std::size_t begin, std::optional<char32_t> next, Threads& threads,
           std::vector<std::size_t>& pending) const;

  Program program_;
};

/// Adds the threads that `instruction` leads to without passing `next`, the character at this place.
void Regex::add(std::size_t instruction, std::size_t begin, std::optional<char32_t> next, Threads& threads,
                std::vector<std::size_t>& pending) const {
  using Kind = Instruction::Kind;
  pending.assign(1, instruction);
  while (!pending.empty()) {
    const std::size_t current = pending.back();
    pending.pop_back();
    if (std::exchange(threads.is_in[current], threads.round) == threads.round) continue;
    const Instruction& step = program_.instructions[current];
    switch (step.kind) {
      case Kind::kSplit:
        pending.push_back(step.second);
        pending.push_back(step.first);
        break;
      case Kind::kAhead:
      case Kind::kNotAhead: {
        const bool is_there = next && program_.sets[step.first].contains(*next);
        if (is_there == (step.kind == Kind::kAhead)) pending.push_back(current + 1);
        break;
      }
      default:
        threads.threads.push_back({current, begin});
    }
  }
}

std::optional<Match> Regex::find(std::string_view text, std::size_t from) const {
  Threads now(program_.instructions.size());
  Threads later(program_.instructions.size());
  std::vector<std::size_t> pending;
  std::optional<Match> match;
  for (std::size_t position = from;;) {
    const std::size_t begin = position;
    std::optional<char32_t> next;
    if (position < text.size()) next = next_character(text, position);
    if (!match) add(0, begin, next, now, pending);
    if (now.threads.empty() && (match || !next)) return match;
    std::optional<char32_t> after;
    std::size_t behind = position;
    if (position < text.size()) after = next_character(text, behind);
    later.clear();
    for (const Thread& thread : now.threads) {
      const Instruction& step = program_.instructions[thread.instruction];
      if (step.kind == Instruction::Kind::kMatch) {
        match = Match{.begin = thread.begin, .end = begin};
        break;  // the threads behind are less wanted
      }
      if (next && program_.sets[step.first].contains(*next)) {
        add(thread.instruction + 1, thread.begin, after, later, pending);
      }
    }
    if (!next) return match;
    std::swap(now, later);
  }
}

}  // namespace

std::unique_ptr<const Pattern> make_regex(std::string_view expression, std::string_view where) {
  Program program;
  Parser parser(expression, where);
  if (expression.size() > kLongestExpression) parser.refuse("more than 1000 bytes");
  const Node node = parser.parse(program.sets);
  if (matches_empty(node)) parser.refuse("a match of the empty text");
  if (!Compiler(program).compile(node)) parser.refuse("too many repetitions");
  program.instructions.push_back({Instruction::Kind::kMatch});
  return std::make_unique<Regex>(std::move(program));
}

}  // namespace kdqat::text
