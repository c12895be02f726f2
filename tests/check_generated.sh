#!/bin/sh
# The C of the shipped models: generated/NAME.c is what adc makes of models/NAME.ad, byte for byte and whatever compiler
# built adc, and no C compiler has a word to say about it. TAP on standard output.
#
#   sh tests/check_generated.sh PATH/TO/adc         ADC_UPDATE=1 rewrites generated/: review the diff like code
adc=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")/.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
strict='-std=c11 -O2 -Wall -Wextra -Wshadow -Wconversion -Werror'
count=0

# holds NAME COMMAND...: a command that succeeds
holds() {
  what=$1
  shift
  count=$((count + 1))
  if "$@" >"$work/said" 2>&1; then
    echo "ok $count - $what"
  else
    echo "not ok $count - $what"
    head -n 40 "$work/said" | sed 's/^/# /'
  fi
}

for model in models/*.ad; do
  name=$(basename "$model" .ad)
  holds "$name is compiled" "$adc" -o "$work/$name.c" "$model"
  [ -z "$ADC_UPDATE" ] || cp "$work/$name.c" "generated/$name.c"
  holds "$name is as committed" diff -u "generated/$name.c" "$work/$name.c"
  for cc in gcc clang; do
    # shellcheck disable=SC2086
    ! command -v $cc >/dev/null || holds "$name has no warnings, $cc" $cc $strict -Iruntime -c -o "$work/$name.o" "$work/$name.c"
  done
done

for file in generated/*.c; do
  holds "$file has its model" [ -e "models/$(basename "$file" .c).ad" ]
done
echo "1..$count"
