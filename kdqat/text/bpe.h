#pragma once

#include <memory>

#include "kdqat/base/json.h"
#include "kdqat/text/model.h"
#include "kdqat/text/tokens.h"

namespace kdqat::text {

/// Byte pair encoding (Sennrich, Haddow and Birch, ACL 2016): a word begins as its characters; of all
/// neighbours that have a merge, the pair that stands first in the list of merges becomes one token, until
/// none has. With merges "l o", "lo w" the word "lowl" is "low", "l". Of equal pairs the left one goes first.
/// Takes n log n time in the length of the word.
///
/// Fields of tokenizer.json, with the rules of Hugging Face's tokenizers:
/// - merges: an array of "a b" or ["a", "b"], the first to be merged first; of a pair that stands twice the
///   later place counts;
/// - unk_token: what a character without a token becomes; absent: the character is left out, and what
///   follows seems to begin earlier, as in Hugging Face;
/// - fuse_unk (false): neighbouring unknown characters are one unknown token;
/// - byte_fallback (false): such a character becomes the tokens <0x00> ... <0xFF> of its bytes, if the
///   vocabulary has all of them;
/// - continuing_subword_prefix, end_of_word_suffix (none): how tokens are written that continue or end a
///   word;
/// - ignore_merges (false): a word that is a token is that token, whatever the merges are;
/// - dropout: absent or 0.
/// Throws FormatError for a wrong type, another dropout, and a merge of or to what is not among `tokens`.
std::unique_ptr<const Model> make_bpe(const base::JsonFields& model, const Tokens& tokens, WordForm form);

}  // namespace kdqat::text
