#!/bin/sh
# The C of a model does not grow with its sizes. Every shipped model is compiled with all of its dims fixed, and again with
# each of them 10,000 times as large: but for the numbers the two texts are the same. That holds for sizes around 2,000,
# and with --large, which leaves out what is for small sizes alone (arrays on the stack, plain sums, rows in lanes), for
# any size above 1. What small sizes get without --large may be another text, but not a much longer or shorter one. TAP on
# standard output.
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

# compiled MODEL LARGEST TIMES FILE OPTION...: its dims are LARGEST, LARGEST - 1 ..., TIMES as large; numbers and the
# names of sizes become '#'
compiled() {
  model=$1 size=$2 times=$3 file=$4
  shift 4
  for dim in $(dims "$model"); do
    set -- "$@" -D "$dim=$((size * times))"
    size=$((size - 1))
  done
  "$adc" -o "$work/c" "$@" "$model" 2>"$work/err" || return 1
  sed -n 's/^    \([A-Z_0-9]*\) = [0-9]*,* *\/\* dim .*/s,\\b\1\\b,#,g/p' "$work/c" >"$work/names"
  sed 's/INT64_C(\([0-9]*\))/\1/g; /\/\* dim /d; s/ *\/\*.*\*\/ *$//' "$work/c" | sed -f "$work/names" |
    sed 's/[0-9][0-9.]*\(e-*[0-9][0-9]*\)*/#/g' >"$file"
}

# same MODEL LARGEST OPTION...: the C is the same when every dim is 10,000 times as large
same() {
  model=$1 largest=$2
  shift 2
  what="$model: the C for sizes up to $largest${*:+ with $*} is the same when every dim is 10,000 times as large"
  if ! compiled "$model" "$largest" 1 "$work/small" "$@"; then
    say ok "$what # SKIP $(head -1 "$work/err")"
    return
  fi
  cp "$work/small" "$work/huge"
  : >"$work/diff"
  if ! compiled "$model" "$largest" 10000 "$work/huge" "$@" && grep -q '2^63' "$work/err"; then
    say ok "$what # SKIP $(head -1 "$work/err")"
  elif [ ! -s "$work/err" ] && diff "$work/small" "$work/huge" >"$work/diff"; then
    say ok "$what"
  else
    say 'not ok' "$what"
    { cat "$work/err"; head -40 "$work/diff"; } | sed 's/^/# /'
  fi
}

for model; do
  same "$model" 2000
  same "$model" 30 --large
  if compiled "$model" 30 1 "$work/little" && compiled "$model" 2000 1 "$work/large"; then
    little=$(wc -c <"$work/little") large=$(wc -c <"$work/large")
    if [ $((large * 2)) -le $((little * 3)) ] && [ $((little * 2)) -le $((large * 3)) ]; then
      say ok "$model: small sizes make C of about the same length ($little and $large bytes)"
    else
      say 'not ok' "$model: small sizes make C of about the same length ($little and $large bytes)"
    fi
  fi
done
echo "1..$count"
