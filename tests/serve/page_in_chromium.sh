#!/bin/sh
# page_in_chromium.sh KDQAT_INFER WRITE_SAMPLE_MODEL: opens the server's page with a text in headless Chromium. The
# label and a bar a class must appear, and the console must stay empty. Exits with 77 where there is no Chromium.
set -eu

support=$(dirname "$0")/../support
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

sh "$support/dump_dom.sh" "$address#text=a%20fine%20film" "$work" >"$work/dom.html"
# Labels of the sample are LABEL_0 .. LABEL_2; the best one stands first and above.
grep -q '<p id="label">LABEL_[0-2]</p>' "$work/dom.html"
[ "$(grep -o 'class="bar"' "$work/dom.html" | wc -l)" -eq 3 ]
grep -q 'ms in the server' "$work/dom.html"
