#!/bin/sh
# The lab in one command: installs what is missing, builds adc, compiles and trains the shipped models on their data, and
# ends with a table of results and the paths of the reports in lab/. Run again, it neither installs nor rebuilds.
#
#   sh tools/lab.sh                  every model
#   sh tools/lab.sh mlp factorise    these
set -eu
cd "$(dirname "$0")/.."
sh tools/install.sh build

[ -f build/build.ninja ] || { echo 'setting up build/' && meson setup build -Dtests=disabled >/dev/null; }
meson compile -C build >/dev/null || meson compile -C build
mkdir -p lab

failed=0
trained=
for model in ${*:-factorise mlp linear logistic autoencoder}; do
  if [ ! -f "models/$model.ad" ]; then
    echo "lab.sh: no model '$model' in models/" >&2
    exit 2
  fi
  echo "training models/$model.ad"
  if build/adc run "models/$model.ad" -- --report "lab/$model.html" --history "lab/$model.csv" \
    --record "lab/$model.json" --model "lab/$model.safetensors" >"lab/$model.txt"; then
    trained="$trained $model"
  else
    echo "lab.sh: $model failed (exit status $?)" >&2
    failed=1
  fi
done

# What trainers print: name and value, or with restarts name, mean, sd, min, quartiles and max, and then the best run.
echo
for model in $trained; do
  awk -v model="$model" '
    $1 == "#" { many = $3 == "restarts:"; if (many) printf "%-12s  %d restarts: median (quartiles)\n", model, $2; model = "" }
    $1 == "#" || NF < 2 { next }
    NF == 8 { printf "%-12s  %-16s %.4g (%.4g to %.4g)\n", model, $1, $6, $5, $7; model = ""; next }
    /^best_/ { next }
    { printf "%-12s  %-16s %.13g\n", model, $1, $2; model = "" }' "lab/$model.txt"
done
echo
echo 'reports:'
for model in $trained; do
  echo "  $(pwd)/lab/$model.html"
done
exit "$failed"
