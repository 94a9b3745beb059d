#pragma once

/// Compiles a function once for each instruction set and picks one when the program starts, so that a plain
/// loop uses AVX2 or AVX-512 where the processor has them. Results do not depend on the choice: the build
/// never fuses a product and a sum, and reductions keep their lanes (see reduce.h). Sanitizers instrument the
/// code that picks, which runs too early for them: there, the portable form is built.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(KDQAT_NO_MULTIVERSION)
#define KDQAT_MULTIVERSION __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define KDQAT_MULTIVERSION
#endif
