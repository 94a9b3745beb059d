#!/bin/sh
# page_in_chromium.sh WRITE_SAMPLE_PAGE: opens the page of a sample run, and one of linked figures, in headless Chromium. Every figure must be
# drawn, and the console must stay empty: errors stand there, and so does whatever the page tried to fetch, since
# its policy forbids that. Exits with 77 where there is no Chromium.
set -eu

browser=$(command -v chromium || command -v chromium-browser) || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1" "$work"

for page in report linked; do
  # --no-sandbox: the tests may run as root, where Chromium has no sandbox, and the page is our own.
  "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/profile" --enable-logging=stderr \
    --window-size=1200,900 --virtual-time-budget=10000 --dump-dom "file://$work/$page.html" \
    >"$work/dom.html" 2>"$work/log"

  figures=$(grep -o '<figure' "$work/dom.html" | wc -l)
  drawn=$(grep -o '<svg[^>]* class="marks"' "$work/dom.html" | wc -l)
  echo "$page: $figures figures, $drawn drawn"
  if [ "$figures" -eq 0 ] || [ "$drawn" -ne "$figures" ]; then
    exit 1
  fi
  if grep 'CONSOLE' "$work/log"; then
    exit 1
  fi
done
