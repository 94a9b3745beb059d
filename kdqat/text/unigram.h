#pragma once

#include <memory>

#include "kdqat/base/json.h"
#include "kdqat/text/model.h"

namespace kdqat::text {

/// Unigram (Kudo, ACL 2018): of all ways to cut a word into tokens the one with the greatest sum of their
/// scores, which are log probabilities. With scores ab -2, a -1, b -3 the word "ab" is "ab", since -2 > -4.
///
/// Viterbi over the positions of the word, in float64, by the rules of Hugging Face's tokenizers: a character
/// that is no token alone may also be the unknown token, with the lowest score of the vocabulary - 10; of
/// ways with equal sums the first found wins, that is the one whose last token is longest; neighbouring
/// unknown tokens become one. With byte_fallback an unknown token becomes the tokens <0x00> ... <0xFF> of its
/// bytes, if the vocabulary has all of them; each stands for all of the unknown part.
///
/// Takes time linear in the length of the word, times the length of the longest token, which has a limit.
///
/// Fields of tokenizer.json: vocab, an array of [token, score], id = position; unk_id (a word with an unknown
/// character throws InvalidArgument if absent); byte_fallback (false). Throws FormatError for a wrong type
/// and an unk_id that is no id of `vocab`.
ModelAndTokens make_unigram(const base::JsonFields& model);

}  // namespace kdqat::text
