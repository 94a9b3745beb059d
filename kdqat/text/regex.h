#pragma once

#include <memory>
#include <string_view>

#include "kdqat/text/pattern.h"

namespace kdqat::text {

/// A regular expression of the kind that tokenizers have, as Oniguruma reads it: " {2,}", "\\s+",
/// "\\p{N}{1,3}", "(?i:'s|'t)|\\s+(?!\\S)|\\s+". Supported are
///   characters and \n \r \t \f \v, \x{2581}, other ASCII punctuation behind a backslash;
///   . (all but a newline); \s \S \d \D \w \W; \p{L}, \p{N}, \p{M}, \p{Nd} and \P of them; [...] and [^...]
///   of these and of ranges; alternatives |; groups (...), (?:...), (?i:...), the latter for ASCII letters;
///   greedy ? * + {2} {2,} {2,5}; (?=x) and (?!x) where x is one character or class.
/// Alternatives are tried in order, so "a|ab" finds "a" in "ab", as backtracking does. A search takes time
/// linear in the text that it passes, for each character of the expression.
///
/// Throws FormatError "<where>: Regex: ..." that quotes what is not supported, and for an expression that
/// matches the empty text or has more than 1,000 characters.
std::unique_ptr<const Pattern> make_regex(std::string_view expression, std::string_view where);

}  // namespace kdqat::text
