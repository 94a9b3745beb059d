#!/bin/sh
# page_in_chromium.sh KDQAT_INFER WRITE_SAMPLE_MODEL: opens the server's page with a text in headless Chromium. The
# label and a bar a class must appear, and the console must stay empty. Exits with 77 where there is no Chromium.
set -eu

browser=$(command -v chromium || command -v chromium-browser) || exit 77
work=$(mktemp -d)
trap 'kill "$server"; rm -rf "$work"' EXIT
"$2" "$work/student.packed.safetensors"
: >"$work/messages"
"$1" serve --model "$work/student.packed.safetensors" --port 0 2>"$work/messages" &
server=$!
until address=$(grep -o 'http://[^ ]*' "$work/messages"); do
  kill -0 "$server"
  sleep 0.05
done

# --no-sandbox: the tests may run as root, where Chromium has no sandbox, and the page is our own.
"$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/profile" --enable-logging=stderr \
  --virtual-time-budget=10000 --dump-dom "$address#text=a%20fine%20film" >"$work/dom.html" 2>"$work/log"

# Labels of the sample are LABEL_0 .. LABEL_2; the best one stands first and above.
grep -q '<p id="label">LABEL_[0-2]</p>' "$work/dom.html"
[ "$(grep -o 'class="bar"' "$work/dom.html" | wc -l)" -eq 3 ]
grep -q 'ms in the server' "$work/dom.html"
if grep 'CONSOLE' "$work/log"; then
  exit 1
fi
