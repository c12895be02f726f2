#!/bin/sh
# Installs what the tests need, builds with gcc and clang (warnings are errors) and with the sanitisers, runs all tests.
# The last line is "N passed, N failed"; the status is 0 when nothing failed.
#
#   sh tools/test.sh                 everything
#   sh tools/test.sh gcc             one build: gcc, clang, asan or fuzz
set -eu
cd "$(dirname "$0")/.."
sh tools/install.sh build test

passed=0
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# setup NAME CC OPTION...: configures build-NAME unless that was done
setup() {
  name=$1 compiler=$2
  shift 2
  [ -f "build-$name/build.ninja" ] || CC=$compiler meson setup "build-$name" -Dwerror=true -Dtests=enabled "$@"
}

# The number behind a word of meson's summary, 0 when it is not there.
summary() {
  n=$(sed -n "s/^$1: *\([0-9][0-9]*\) *$/\1/p" "$log" | tail -n 1)
  echo "${n:-0}"
}

# run NAME: builds build-NAME, tests it, adds to the sums
run() {
  echo "== $1"
  began=$(date +%s)
  if ! meson compile -C "build-$1"; then
    echo "build-$1: does not build"
    failed=$((failed + 1))
    return
  fi
  status=0
  case $1 in
  gcc) suite= ;;
  fuzz) suite='--suite fuzz' ;;                 # the other builds run the rest
  asan) suite='--no-suite random --no-suite numbers' ;;     # what they compile is not sanitised
  *) suite='--no-suite random' ;;               # ten thousand models are built once
  esac
  # shellcheck disable=SC2086
  meson test -C "build-$1" --no-rebuild --print-errorlogs $suite >"$log" 2>&1 || status=$?
  cat "$log"
  wrong=$(($(summary Fail) + $(summary Timeout) + $(summary 'Unexpected Pass')))
  if [ "$status" -ne 0 ] && [ "$wrong" -eq 0 ]; then
    wrong=1                     # meson itself failed
  fi
  passed=$((passed + $(summary Ok) + $(summary 'Expected Fail')))
  failed=$((failed + wrong))
  echo "build-$1: $(($(date +%s) - began)) seconds"
}

for build in ${*:-gcc clang asan fuzz}; do
  case $build in
  gcc) setup gcc gcc --buildtype=debugoptimized -Db_ndebug=false ;;
  clang) setup clang clang --buildtype=debugoptimized -Db_ndebug=false ;;
  asan) setup asan gcc --buildtype=debug -Doptimization=1 -Db_sanitize=address,undefined -Db_ndebug=false ;;
  fuzz)
    setup fuzz clang --buildtype=debug -Doptimization=1 -Db_sanitize=address,undefined -Db_ndebug=false \
      -Db_lundef=false -Dfuzz=true
    ;;
  *)
    echo "test.sh: unknown build '$build'; there are gcc, clang, asan and fuzz" >&2
    exit 2
    ;;
  esac || {
    failed=$((failed + 1))
    continue
  }
  run "$build"
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
