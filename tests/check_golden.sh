#!/bin/sh
# What adc makes of small models, to the letter. TAP on standard output.
#
#   sh tests/check_golden.sh PATH/TO/adc            ADC_UPDATE=1 rewrites the goldens: review the diff like code
#
# tests/bad/NAME.ad is wrong in the way its name states; NAME.err holds all that 'adc check' says. tests/good/NAME.ad shows
# one thing; the files beside it decide what is compared: NAME.graph (the graph once it is simplified), NAME.loops (the
# loop tree), NAME.c (the C of a training step). A first line '# adc: OPTION...' is given to adc.
adc=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
tests=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0

say() {
  count=$((count + 1))
  echo "$1 $count - $2"
}

# compare NAME GOLDEN: what is in $work/got with the golden
compare() {
  if [ -n "$ADC_UPDATE" ]; then
    cp "$work/got" "$2"
    say ok "$1"
  elif [ ! -e "$2" ]; then
    say 'not ok' "$1"
    echo "# there is no $2; ADC_UPDATE=1 makes it"
  elif diff -u "$2" "$work/got" >"$work/diff"; then
    say ok "$1"
  else
    say 'not ok' "$1"
    sed 's/^/# /' "$work/diff"
  fi
}

# Of the dumps of several passes the last that says more than '(unchanged)'.
last_dump() {
  awk '/^; [a-z]+: / { part = ""; next }
       { part = part $0 "\n"; if ($0 != "(unchanged)") kept = part }
       END { printf "%s", kept }'
}

options() {
  sed -n '1s/^# adc: //p' "$1"
}

# A model with an error is refused with status 1; warnings alone leave it at 0.
cd "$tests/bad" || exit 1
for model in *.ad; do
  name=${model%.ad}
  # shellcheck disable=SC2046
  "$adc" check $(options "$model") "$model" >"$work/out" 2>"$work/got"
  status=$?
  compare "bad/$name" "$name.err"
  expected=0
  ! grep -q '^[^ ].*: error: ' "$work/got" || expected=1
  if [ "$status" -ne "$expected" ] || [ ! -s "$work/got" ] || [ -s "$work/out" ]; then
    say 'not ok' "bad/$name is refused"
    echo "# exit status $status, not $expected, or nothing said, or something on standard output"
  fi
done

cd "$tests/good" || exit 1
for model in *.ad; do
  name=${model%.ad}
  given=$(options "$model")
  for golden in "$name".graph "$name".loops "$name".c; do
    [ -e "$golden" ] || continue
    case $golden in
    # shellcheck disable=SC2086
    *.graph) "$adc" check --verify --dump=differentiate,simplify $given "$model" 2>&1 | last_dump >"$work/got" ;;
    # shellcheck disable=SC2086
    *.loops) "$adc" --emit=loops $given "$model" >"$work/got" 2>&1 ;;
    # shellcheck disable=SC2086
    *.c) "$adc" $given -o - "$model" 2>&1 | sed -n '/^static void step/,/^}/p' >"$work/got" ;;
    esac
    compare "good/$golden" "$golden"
  done
done

echo "1..$count"
