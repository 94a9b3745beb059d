#pragma once

/* The runtime for C: packed models that answer texts. See kdqat/runtime/engine.h for what is behind it.
 *
 * Any number of threads may use one engine at a time. Texts are UTF-8 and end with a zero byte. A function
 * that can fail returns NULL or a number other than 0; kdqat_last_error() then tells why. */

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kdqat_engine kdqat_engine;

/* Opens a packed model. threads: of one call; 0 for every processor. NULL where it fails. */
kdqat_engine* kdqat_open(const char* path, int threads);

/* Frees an engine that no thread uses any more; NULL is allowed. */
void kdqat_close(kdqat_engine* engine);

/* Columns of kdqat_classify's scores: classes, or 1 for a regression. */
size_t kdqat_num_scores(const kdqat_engine* engine);

/* Name of a class, valid as long as the engine; NULL for another index. */
const char* kdqat_label(const kdqat_engine* engine, size_t index);

/* Columns of kdqat_embed. */
size_t kdqat_embedding_size(const kdqat_engine* engine);

/* scores [count, kdqat_num_scores]: probabilities of the classes, or the value of a regression. pairs is
 * NULL, or holds count texts, each of which may be NULL. 0 where it succeeds. */
int kdqat_classify(const kdqat_engine* engine, const char* const* texts, const char* const* pairs,
                   size_t count, double* scores);

/* embeddings [count, kdqat_embedding_size]: the mean of each text's last hidden states. 0 where it succeeds.
 */
int kdqat_embed(const kdqat_engine* engine, const char* const* texts, const char* const* pairs, size_t count,
                float* embeddings);

/* What went wrong in the last call of this thread that failed; "" before the first. */
const char* kdqat_last_error(void);

#ifdef __cplusplus
}
#endif
