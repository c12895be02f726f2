#!/bin/sh
# The shipped models beyond the lab's: each is trained as it says, and must find what is known of its problem. TAP on
# standard output.
#
#   sh tests/check_models.sh PATH/TO/adc
#
# The numbers are those of tests/reference/make_models.py, which solves the same problems by other means; where the
# answer depends on luck (a split, an initial draw), a range says how much of it. Gradients are compared with central
# differences; of networks, with fewer units and on forty pictures, or that would be slow.
adc=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
models=$(cd "$(dirname "$0")/../models" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export CFLAGS="-O2 $CFLAGS"
count=0

say() {
  count=$((count + 1))
  echo "$1 $count - $2"
}

# train NAME OPTION...: builds the model and runs it; what it finds is in the file 'found'
train() {
  name=$1
  shift
  "$adc" check -Werror "$models/$name.ad" >err 2>&1 && "$adc" fmt --check "$models/$name.ad" >>err 2>&1
  if [ $? -eq 0 ]; then say ok "$name: no warning, canonical layout"; else say 'not ok' "$name: no warning, canonical layout"; fi
  data=$(sed -n 's/.*data = "\(.*\.csv\)".*/\1/p' "$models/$name.ad")
  if "$adc" build "$models/$name.ad" -o "$name" 2>err && "./$name" ${data:+--data "$models/$data"} --quiet "$@" >found 2>>err; then
    say ok "$name: trains"
  else
    say 'not ok' "$name: trains"
    sed 's/^/# /' err
  fi
}

# finds QUANTITY LEAST MOST
finds() {
  value=$(awk -v what="$1" '$1 == what { print $2; exit }' found)
  if awk -v v="$value" -v lo="$2" -v hi="$3" 'BEGIN { exit !(v != "" && v + 0 >= lo && v + 0 <= hi) }'; then
    say ok "$name: $1 $value"
  else
    say 'not ok' "$name: $1 is ${value:-not there}, not in $2 .. $3"
  fi
}

# slopes DATA SIZES [PARAM...]: the gradient in every param, or in these, agrees with central differences to 1e-6
slopes() {
  data=$1 sizes=$2
  shift 2
  # shellcheck disable=SC2086
  "$adc" build --precision=f64 $sizes "$models/$name.ad" -o "$name-f64" 2>err
  "./$name-f64" check-grad ${data:+--data "$data"} >slopes 2>>err
  for param in "${@:-.}"; do
    if awk -v p="$param" '$1 != "#" && p == "." || $1 == p { n++; if (!($2 <= 1e-6)) bad = 1 } END { exit bad || !n }' slopes; then
      say ok "$name: gradient${1:+ in $param}"
    else
      say 'not ok' "$name: gradient${1:+ in $param}"
      sed 's/^/# /' slopes err
    fi
  done
}

head -n 41 "$models/data/digits.csv" >forty.csv

train masked
finds validation_error 0.3 0.5                              # 1 is as good as no model
sed 's/; holdout = [^;}]*//' "$models/masked.ad" >whole.ad
"$adc" build whole.ad -o whole 2>err && ./whole --data "$models/data/wine.csv" --quiet --epochs 1000 >found 2>>err
finds loss 0.394055 0.394056                                # by alternating least squares 0.394055419
slopes "$models/data/wine.csv" ""

train ratings
finds test_rmse 0.43 0.49                                   # the ratings' own noise is 0.47, that of guessing the mean 1.06
slopes "$models/data/ratings.csv" ""

train mnist
finds test_accuracy 0.97 1
slopes forty.csv "-D h=12"

train gmm
finds best_loss 1.96000 1.96001                             # 1.960008264
finds best_likelihood 1.946796 1.947                        # without a prior 1.946796917
slopes "$models/data/iris.csv" ""

train poisson
finds deviance 38.695050 38.695053                          # 38.695051536
slopes "$models/data/ships.csv" ""

train nonlinear --out b=b.csv
finds loss 5642.70823 5642.70824
sed -n 2,8p b.csv | awk 'BEGIN { split("1288.1396800 1491.0792535 583.23836877 75.416644291 0.96629502864 0.39797285797 0.049727297349", nist) }
    { print $1, nist[NR]; if (($1 - nist[NR])^2 > (1e-7 * nist[NR])^2) bad = 1 } END { exit bad || NR != 7 }' >digits
if [ $? -eq 0 ]; then say ok 'nonlinear: params, as certified by NIST, to 7 digits'; else say 'not ok' 'nonlinear: params'; sed 's/^/# /' digits; fi
slopes "$models/data/thurber.csv" ""

train ode
finds error 0 1e-4                                          # the largest distance to the solution by hand
slopes "" ""

train lstm
finds loss 0 0.002                                          # saying 1 every time: 0.167
slopes "" "-D T=6 -D n=8"

train nmf --report nmf.html
if grep -q '<b>parts</b> each row of 64 as 8 ' nmf.html; then say ok 'nmf: parts are shown as pictures'; else say 'not ok' 'nmf: parts are shown as pictures'; fi
finds error 0.0153 0.0172                                   # by multiplicative updates 0.0154 to 0.0159
slopes forty.csv ""

train newton
finds bottom 0.066569008008 0.06656900801                   # 0.066569008009
"./$name" --data "$models/data/cancer.csv" --quiet --epochs 20 >found
finds left 1e-6 2e-6
finds bottom 0.066569008 0.066569009                        # known before the optimiser is there
slopes "$models/data/cancer.csv" ""

train ste
finds test_aware 0.93 1
finds test_rounded 0 0.9
slopes forty.csv "-D h=12" c2 V1 a1 V2 a2                             # in the others it is not the derivative: see the model

train vae
finds loss 24 25.2                                          # PyTorch: 24.50, 24.57
slopes forty.csv "-D h=12"

echo "1..$count"
