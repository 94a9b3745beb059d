#!/bin/sh
# page_in_chromium.sh WRITE_SAMPLE_PAGE: opens the pages of a sample run, of linked figures and of a study in headless Chromium. Every
# figure must be drawn, and the console must stay empty. Exits with 77 where there is no Chromium.
set -eu

support=$(dirname "$0")/../support
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1" "$work"

for page in report linked study; do
  sh "$support/dump_dom.sh" "file://$work/$page.html" "$work" >"$work/dom.html"
  figures=$(grep -o '<figure' "$work/dom.html" | wc -l)
  drawn=$(grep -o '<svg[^>]* class="marks"' "$work/dom.html" | wc -l)
  echo "$page: $figures figures, $drawn drawn"
  if [ "$figures" -eq 0 ] || [ "$drawn" -ne "$figures" ]; then
    exit 1
  fi
done
