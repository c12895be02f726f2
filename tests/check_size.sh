#!/bin/sh
# The C of a model does not grow with its sizes. Every shipped model is compiled with all of its dims fixed at sizes around
# 2,000 and again with each of them 10,000 times as large: but for the numbers the two texts are the same. Sizes of a few
# dozens may make another text, with arrays on the stack, plain sums and rows in lanes, but not a much longer or shorter
# one. TAP on standard output.
#
#   sh tests/check_size.sh PATH/TO/adc [MODEL.ad...]
adc=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift
cd "$(dirname "$0")/../models" || exit 1
[ $# -gt 0 ] || set -- *.ad
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0

say() {
  count=$((count + 1))
  echo "$1 $count - $2"
}

# dims MODEL: its dims that are free or a number; those made of others follow them
dims() {
  sed -n 's/#.*//; s/^dim //p' "$1" | tr ',' '\n' | sed 's/ batch *$//; s/ //g' |
    sed -n 's/^\([A-Za-z_][A-Za-z_0-9]*\)=[0-9]*$/\1/p; s/^\([A-Za-z_][A-Za-z_0-9]*\)$/\1/p'
}

# compiled MODEL FIRST STEP FILE: with its dims at FIRST, FIRST + STEP ...; numbers become '#'
compiled() {
  size=$2
  given=
  for dim in $(dims "$1"); do
    given="$given -D $dim=$size"
    size=$((size + $3))
  done
  # shellcheck disable=SC2086
  "$adc" -o "$work/c" $given "$1" 2>"$work/err" || return 1
  sed 's/INT64_C(\([0-9]*\))/\1/g; s/[0-9][0-9.]*\(e-*[0-9][0-9]*\)*/#/g; s/ *\/\*.*\*\/ *$//' "$work/c" >"$4"
}

for model; do
  if ! compiled "$model" 2300 -20 "$work/large"; then
    say ok "$model # SKIP $(head -1 "$work/err")"
    continue
  fi
  : >"$work/diff"
  cp "$work/large" "$work/huge"
  if ! compiled "$model" 23000000 -200000 "$work/huge" && grep -q '2^63' "$work/err"; then
    say ok "$model # SKIP $(head -1 "$work/err")"
  elif [ ! -s "$work/err" ] && diff "$work/large" "$work/huge" >"$work/diff"; then
    say ok "$model: the C is the same when every dim is 10,000 times as large"
  else
    say 'not ok' "$model: the C is the same when every dim is 10,000 times as large"
    { cat "$work/err"; head -40 "$work/diff"; } | sed 's/^/# /'
  fi
  if compiled "$model" 27 -1 "$work/little"; then
    little=$(wc -c <"$work/little") large=$(wc -c <"$work/huge")
    if [ $((large * 2)) -le $((little * 3)) ] && [ $((little * 2)) -le $((large * 3)) ]; then
      say ok "$model: small sizes make C of about the same length ($little and $large bytes)"
    else
      say 'not ok' "$model: small sizes make C of about the same length ($little and $large bytes)"
    fi
  fi
done
echo "1..$count"
