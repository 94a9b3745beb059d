#!/usr/bin/env bash
# Installs the runtime, builds examples/classify from outside of the tree against it, and runs it on a packed model.
#
# usage: outside_test.sh BUILD_DIR EXAMPLE_DIR WRITE_SAMPLE_MODEL
set -euo pipefail
build=$1 example=$2 write_sample=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cmake --install "$build" --prefix "$folder/installed" >"$folder/install.log"
cmake -S "$example" -B "$folder/build" -DCMAKE_PREFIX_PATH="$folder/installed" -DCMAKE_BUILD_TYPE=Release >"$folder/configure.log"
cmake --build "$folder/build" >"$folder/build.log" || { cat "$folder/build.log"; exit 1; }
"$write_sample" "$folder/model.safetensors"
answer=$("$folder/build/classify" "$folder/model.safetensors" "a fine film" "bad")
echo "$answer"
[[ $(grep -c '^LABEL_[012] 0\.' <<<"$answer") == 2 ]]
"$folder/installed/bin/kdqat-infer" classify --model "$folder/model.safetensors" <<<"a fine film" | grep -q '"label":"LABEL_'
if ldd "$folder/build/classify" | grep -E 'torch|python'; then
  echo "expected neither libtorch nor Python among the program's libraries" >&2
  exit 1
fi
