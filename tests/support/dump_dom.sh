#!/bin/sh
# dump_dom.sh URL WORK: opens a page in headless Chromium, with its profile in the folder WORK, and prints what it has become.
# The console must stay empty: errors stand there, and so does whatever the page tried to fetch against its policy; else it
# prints that and exits with 1. Exits with 77 where there is no Chromium.
set -eu

browser=$(command -v chromium || command -v chromium-browser) || exit 77
# --no-sandbox: the tests may run as root, where Chromium has no sandbox, and the page is our own.
"$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$2/profile" --enable-logging=stderr \
  --window-size=1200,900 --virtual-time-budget=10000 --dump-dom "$1" 2>"$2/log"
if grep 'CONSOLE' "$2/log" >&2; then
  exit 1
fi
