#!/bin/sh
# Axes of length 1: every model of the conformance suite and of models/ with all of its free dims 1. What adc accepts so,
# compiles without a warning. TAP on standard output.
#
#   sh tests/check_ones.sh PATH/TO/adc [MODEL.ad...]
adc=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
tests=$(cd "$(dirname "$0")" && pwd)
shift
[ $# -gt 0 ] || set -- "$tests"/conformance/cases/*/model.ad "$tests"/../models/*.ad
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0

# dims MODEL: its dims that are free or a number; those made of others follow them
dims() {
  sed -n 's/#.*//; s/^dim //p' "$1" | tr ',' '\n' | sed 's/ batch *$//; s/ //g' |
    sed -n 's/^\([A-Za-z_][A-Za-z_0-9]*\)=[0-9]*$/\1/p; s/^\([A-Za-z_][A-Za-z_0-9]*\)$/\1/p'
}

for model; do
  name=$(basename "$(dirname "$model")")/$(basename "$model")
  given=
  for dim in $(dims "$model"); do
    given="$given -D $dim=1"
  done
  # shellcheck disable=SC2086
  "$adc" -o "$work/c.c" $given "$model" 2>"$work/err" || continue        # a model may need more than one of something
  count=$((count + 1))
  status=ok
  for cc in gcc clang; do
    command -v "$cc" >/dev/null || continue
    "$cc" -std=c11 -O1 -Wall -Wextra -Wshadow -Wconversion -Werror -I"$tests/../runtime" -c -o "$work/o" "$work/c.c" 2>"$work/err" || status='not ok'
  done
  if command -v tcc >/dev/null; then                                     # which is to say: by any compiler of C11
    tcc -std=c11 -I"$tests/../runtime" -c -o "$work/o" "$work/c.c" 2>>"$work/err" || status='not ok'
  fi
  echo "$status $count - $name: no warning when every axis has length 1"
  [ "$status" = ok ] || head -6 "$work/err" | sed 's/^/# /'
done
echo "1..$count"
