// Any bytes as a packed model: they are refused with an Error, or the model answers.

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "kdqat/base/error.h"
#include "kdqat/runtime/engine.h"

namespace kdqat {
namespace {

/// A file in memory that holds these bytes.
class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* bytes, std::size_t size) : descriptor_(memfd_create("model", 0)) {
    if (descriptor_ < 0 || write(descriptor_, bytes, size) != static_cast<ssize_t>(size))
      throw base::IoError("memfd");
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { close(descriptor_); }

  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

void open_and_ask(const std::string& path) {
  const runtime::Engine engine(path, {.threads = 1});
  engine.classify(std::vector<runtime::Text>{{.text = "a fine film!"}, {.text = "bad", .pair = "the films"}});
  engine.embed(std::vector<runtime::Text>{{.text = ""}});
}

}  // namespace
}  // namespace kdqat

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const kdqat::MemoryFile file(bytes, size);
  try {
    kdqat::open_and_ask(file.path());
  } catch (const kdqat::base::Error&) {  // what a damaged file is answered with
  }
  return 0;
}
