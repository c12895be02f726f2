#!/bin/sh
# What the sweep back through a recurrence needs: stated in the C and by the trainer, and traded for arithmetic when it is
# too much, without another answer. TAP on standard output.
#
#   sh tests/check_recurrence.sh PATH/TO/adc
adc=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
model=$(cd "$(dirname "$0")/../models" && pwd)/lstm.ad
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
count=0

# check NAME STATUS
check() {
  count=$((count + 1))
  if [ "$2" -eq 0 ]; then echo "ok $count - $1"; else echo "not ok $count - $1"; fi
}

# kept OPTION...: the arrays that have an element for every step, and the bytes of all
kept() {
  "$adc" "$@" -o - "$model" | sed -n 's/.*Every step is kept, for the way back, of \(.*\)\. \*\/$/\1/p'
}

# lengths that fit the cache, and that do not
stored=$(kept -D T=1000)
again=$(kept -D T=20000)
echo "# stored: $stored"
echo "# computed again: $again"
case $stored in *g\[T_2\ \*\ N\ \*\ G_2\]*bytes) ok=0 ;; *) ok=1 ;; esac
check 'a thousand steps are stored whole' "$ok"
[ "$again" = 'h[T_2 * N * H_2], c[T_2 * N * H_2]: 81920000 bytes' ]
check 'of twenty thousand only the states are' $?
[ "$(kept --keep=0)" = 'h[T_2 * N * H_2], c[T_2 * N * H_2]: 122880 bytes' ]
check '--keep=0 stores states alone' $?

"$adc" -D T=20000 -o - "$model" | sed 's/[0-9][0-9.e]*/#/g' >long
"$adc" -D T=2000000 -o - "$model" | sed 's/[0-9][0-9.e]*/#/g' >longer
[ -s long ] && cmp -s long longer
check 'C is the same, but for numbers, for two million steps as for twenty thousand' $?

"$adc" build --precision=f64 "$model" -o stored && "$adc" build --precision=f64 --keep=0 "$model" -o again
check 'both compile' $?
for how in stored again; do
  ./$how train --quiet --epochs 30 --history $how.csv >$how.txt
done
cut -d, -f1-3 stored.csv >a && cut -d, -f1-3 again.csv >b
awk -F, 'NR == FNR { loss[FNR] = $3; next }
  FNR > 1 && ($3 - loss[FNR] > 1e-12 * loss[FNR] || loss[FNR] - $3 > 1e-12 * loss[FNR]) { wrong = 1 }
  END { exit wrong || FNR != 31 }' a b
check 'and train alike' $?
./stored info | grep '^memory' >a && ./again info | grep '^memory' >b && [ "$(cut -d' ' -f2 a)" -gt "$(cut -d' ' -f2 b)" ]
check 'info says how much memory they need' $?
echo "1..$count"
