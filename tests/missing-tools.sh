#!/usr/bin/env bash
# Prints the tools the tests need that this machine does not have, one line, empty if all are there.
set -eu
missing=()
for tool in chromium firefox-esr promtool psql valgrind turnserver certutil; do
  command -v "$tool" >/dev/null || missing+=("$tool")
done
"${PYTHON:-python3}" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
echo "${missing[*]}"
