// Writes the small packed model of the tests: write_sample_model FILE

#include "tests/runtime/packed_file.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  kdqat::runtime::PackedFile().write(argv[1]);
}
