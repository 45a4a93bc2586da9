#!/usr/bin/env bash
# Runs every test stage, keeps going after a failure, and ends with the counts of the runners.
# `tests/run.sh browser` runs only the named stages (rust, page, browser).
set -u -o pipefail
cd "$(dirname "$0")/.."
stages=("${@:-rust}")
[ $# -eq 0 ] && stages=(rust page browser)
logs=target/test-logs
mkdir -p "$logs"
# One build from nothing: incremental artifacts would cost time and several gigabytes.
export CARGO_INCREMENTAL="${CARGO_INCREMENTAL:-0}"
export TEST_BINARY="$PWD/target/debug/convene"
failed=()

stage() {
  local name=$1 started=$SECONDS
  shift
  printf '\n==== %s: %s\n' "$name" "$*"
  if "$@" 2>&1 | tee "$logs/$name.log"; then
    printf '==== %s: passed in %s s\n' "$name" "$((SECONDS - started))"
  else
    printf '==== %s: FAILED after %s s\n' "$name" "$((SECONDS - started))"
    failed+=("$name")
  fi
}

for name in "${stages[@]}"; do
  case $name in
    rust) stage rust cargo test --locked --no-fail-fast ;;
    page) stage page npm --prefix web-demo test ;;
    browser)
      # Building the test builds the binary with the features the other stage uses: nothing is compiled twice.
      cargo test --locked --no-run --test e2e || failed+=(build)
      stage browser npm --prefix tests/browser test
      ;;
    *) echo "unknown stage $name" >&2; exit 2 ;;
  esac
done

# The runners' own words, without colours. A stage that printed no count did not run and is a failure.
plain() { sed -E 's/\x1b\[[0-9;]*[A-Za-z]//g' "$1"; }
printf '\n==== counts\n'
for name in "${stages[@]}"; do
  counts=$(plain "$logs/$name.log" | case $name in
    rust) grep -E '^(test result:)' ;;
    page) grep -E '^ *(Test Files|Tests) ' ;;
    browser) grep -E '^(# |ℹ )(tests|pass|fail|skipped|duration_ms) ' ;;
  esac)
  if [ -z "$counts" ]; then
    failed+=("$name-without-counts")
  else
    sed "s/^ */$name: /" <<<"$counts"
  fi
done
# What failed and why, once more at the end: nobody scrolls through thousands of lines.
failures() {
  plain "$logs/$1.log" | case $1 in
    rust) sed -nE '/^---- .* stdout ----$/,/^$/p; /^error/p' ;;
    page) sed -nE '/^ *FAIL /,/^ *at /p; /^ *(AssertionError|Error)/p' ;;
    browser) sed -nE '/^✖ failing tests:/,/^▶|^ℹ tests/p' ;;
  esac | cut -c1-600 | head -n 150
}
in_short() {
  plain "$logs/$1.log" | case $1 in
    rust) grep -E '^test .* FAILED$|^error|panicked at' ;;
    page) grep -E '^ *FAIL |^ *(AssertionError|Error)' ;;
    browser)
      sed -n '/^✖ failing tests:/,$p' |
        awk '/^test at /{at=$3} /^✖ /{name=$0; fresh=1; next} fresh && /^ +[A-Za-z[]/{print at " " name; print $0; fresh=0}'
      ;;
  esac | cut -c1-300 | head -n 40
}
if [ ${#failed[@]} -gt 0 ]; then
  for name in "${stages[@]}"; do
    [[ " ${failed[*]} " == *" $name"* ]] && printf '\n==== %s: what failed\n' "$name" && failures "$name"
  done
  # And a line each, at the very end: what came first is rarely in the last lines of what is above.
  for name in "${stages[@]}"; do
    [[ " ${failed[*]} " == *" $name"* ]] && printf '\n==== %s: in short\n' "$name" && in_short "$name"
  done
  printf '==== FAILED: %s\n' "${failed[*]}"
  exit 1
fi
echo "==== all stages passed"
