// Labels the texts of its command line with a packed model: classify MODEL TEXT ...

#include <kdqat/runtime/engine.h>

#include <exception>
#include <iostream>
#include <vector>

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: classify MODEL TEXT ...\n";
    return 2;
  }
  try {
    const kdqat::runtime::Engine engine(argv[1]);
    std::vector<kdqat::runtime::Text> texts;
    for (int i = 2; i < argc; ++i) texts.push_back({.text = argv[i]});
    for (const kdqat::runtime::Classification& answer : engine.classify(texts)) {
      const auto label = static_cast<std::size_t>(answer.label);
      std::cout << engine.labels()[label] << ' ' << answer.scores[label] << '\n';
    }
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
  }
}
