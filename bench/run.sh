#!/bin/sh
# The benchmark: each workload by adc's trainer and by every peer that is present, in turn, medians of several rounds.
#
#   meson compile -C build bench          or   sh bench/run.sh PATH/TO/adc
#
# Writes bench/results/results.md (also printed) and bench/results/results.json. Peers need a Python with PyTorch or JAX:
# $BENCH_PYTHON, python3 when unset. $BENCH_ROUNDS (5) says how many rounds, $BENCH_RESULTS where the results go.
set -eu
adc=${1:-${ADC:?usage: sh bench/run.sh PATH/TO/adc}}
adc=$(cd "$(dirname "$adc")" && pwd)/$(basename "$adc")
bench=$(cd "$(dirname "$0")" && pwd)
models=$bench/../models
iris=$models/data/iris.csv
python=${BENCH_PYTHON:-python3}
rounds=${BENCH_ROUNDS:-5}
results=${BENCH_RESULTS:-$bench/results}
work=$(mktemp -d)
peers=
# Runs at the end, however it comes.
tidy() {
  for process in $peers; do
    kill "$process" 2>/dev/null || :
  done
  rm -rf "$work"
}
trap tidy EXIT
trap 'exit 130' INT TERM
trap '' PIPE                    # a peer that dies is said to, it does not end the benchmark
cd "$work"
"${CC:-cc}" -std=c11 -D_XOPEN_SOURCE=700 -O1 "$bench/measure.c" -o measure
XDG_CACHE_HOME=$work/cache
export XDG_CACHE_HOME

median() {
  sort -g "$1" | awk '{ x[NR] = $1 } END { if (NR) print NR % 2 ? x[(NR + 1) / 2] : (x[NR / 2] + x[NR / 2 + 1]) / 2 }'
}

# ---- adc ----

# specialised MODEL: builds it for the data at hand, as 'adc run' does
specialised() {
  "$adc" build --data "$iris" "$models/$1.ad" -o "$1" >&2
}

# trained UNITS TRAINER OPTION...: seconds a unit of a training run, by the trainer's own clock
trained() {
  units=$1 trainer=$2
  shift 2
  "./$trainer" train --quiet --data "$iris" --record record.json "$@" >/dev/null || { echo none; return; }
  awk -F'[:,]' -v units="$units" '/"train_seconds"/ { printf "%.9g\n", $2 / units }' record.json
}

run_adc() {
  case $1 in
  factorise) trained 500000 factorise --epochs 500000 --restarts 1 ;;
  mlp) trained 200000 mlp --epochs 200000 --restarts 1 ;;
  restarts) trained 1 mlp --epochs 100 --restarts 1000 --threads 1 ;;
  restarts_threads) trained 1 mlp --epochs 100 --restarts 1000 ;;
  esac
}

# ---- peers: each a process that reads names of workloads and answers with seconds ----

# start NAME DESCRIPTOR SCRIPT...: its standard input on DESCRIPTOR, standard output on DESCRIPTOR + 1
start() {
  name=$1 to=$2 from=$(($2 + 1))
  shift 2
  mkfifo "$name.in" "$name.out"
  "$python" "$@" <"$name.in" >"$name.out" 2>"$name.err" 3>&- 4<&- 5>&- 6<&- 7>&- 8<&- &
  peers="$peers $!"
  eval "exec $to>$name.in $from<$name.out"
}

has() {
  "$python" -c "import $1" 2>/dev/null
}

# peer DESCRIPTOR WORKLOAD: its answer
peer() {
  eval "echo $2 >&$1"
  eval "IFS= read -r answer <&$(($1 + 1))" || answer='none died'
  echo "$answer"
}

present=
missing=
if has torch; then
  start eager 3 "$bench/peer_torch.py" eager
  start compile 5 "$bench/peer_torch.py" compile
  present="$present torch"
else
  missing="$missing PyTorch"
fi
if has jax; then
  start jax 7 "$bench/peer_jax.py"
  present="$present jax"
else
  missing="$missing JAX"
fi

run_peer() {
  case $1 in
  'PyTorch eager') peer 3 "$2" ;;
  'PyTorch eager, vmap') peer 3 restarts_vmap ;;
  'torch.compile') peer 5 "$2" ;;
  'torch.compile, vmap') peer 5 restarts_vmap ;;
  'JAX') peer 7 "$2" ;;
  esac
}

contenders() {
  case $present in
  *torch*) echo 'PyTorch eager
torch.compile' ;;
  esac
  case $present in
  *jax*) echo JAX ;;
  esac
}

# Those of the restarts: an eager run each, or all as one with another axis.
restart_contenders() {
  contenders | sed 's/^torch.compile$/PyTorch eager, vmap\ntorch.compile, vmap/'
}

# ---- measuring ----

# measure_workload NAME CONTENDER-LIST-FILE: times/NAME/CONTENDER holds a number a round
measure_workload() {
  mkdir -p "times/$1"
  round=0
  while [ "$round" -lt "$rounds" ]; do
    round=$((round + 1))
    echo "$1, round $round of $rounds" >&2
    run_adc "$1" >>"times/$1/adc"
    while IFS= read -r contender; do
      run_peer "$contender" "$1" >>"times/$1/$contender" </dev/null
    done <"$2"
  done
  [ "$1" != restarts ] || {
    round=0
    while [ "$round" -lt "$rounds" ]; do
      round=$((round + 1))
      run_adc restarts_threads >>"times/$1/adc, all threads"
    done
  }
}

unit_of() {
  case $1 in
  factorise) echo 'factorise, one epoch (150 x 4, rank 2, f64)' ;;
  mlp) echo 'mlp, one epoch (4-12-3, 100 rows, f32)' ;;
  restarts) echo 'mlp, 1000 restarts of 100 epochs' ;;
  esac
}

# rows WORKLOAD LIST: "contender<TAB>median seconds or 'none why'", adc first
rows() {
  { echo adc; [ "$1" != restarts ] || echo 'adc, all threads'; cat "$2"; } | while IFS= read -r contender; do
    if grep -q none "times/$1/$contender"; then
      printf '%s\t%s\n' "$contender" "$(grep -m 1 none "times/$1/$contender")"
    else
      printf '%s\t%s\n' "$contender" "$(median "times/$1/$contender")"
    fi
  done
}

table() {
  echo '| work | by | time | adc is faster by |'
  echo '|---|---|---|---|'
  for workload in factorise mlp restarts; do
    awk -F'\t' -v unit="$(unit_of "$workload")" '
      function shown(s) { return s < 1e-3 ? sprintf("%.3g µs", 1e6 * s) : s < 1 ? sprintf("%.3g ms", 1e3 * s) : sprintf("%.3g s", s) }
      NR == 1 { ours = $2 }
      $2 ~ /none/ { printf "| %s | %s | %s | |\n", unit, $1, $2; next }
      { printf "| %s | %s | %s | %s |\n", unit, $1, shown($2), ((ours > 0 && $1 !~ /^adc/) ? sprintf("%.1f", $2 / ours) : "") }
    ' "rows.$workload"
  done
}

# ---- what else is promised ----

# sizes MODEL: "model first-step-s adc-ms cc-s C-bytes executable-bytes peak-kB", tab-separated; the executable stripped
sizes() {
  rm -rf cache
  ./measure first "$adc" run "$models/$1.ad" -- train --quiet --steps 1 --restarts 1 >/dev/null
  ./measure adc "$adc" -o "$1.c" "$models/$1.ad"
  ./measure build "$adc" build "$models/$1.ad" -o "$1.plain"
  strip -o "$1.stripped" "$1.plain"
  ./measure run "./$1.plain" train --quiet --restarts 1 --data "$2" >/dev/null
  awk -v model="$1" -v c="$(wc -c <"$1.c")" -v exe="$(wc -c <"$1.stripped")" '
    FILENAME == "first" { first = $1 } FILENAME == "adc" { adc = $1 } FILENAME == "build" { build = $1 } FILENAME == "run" { peak = $2 }
    END { printf "%s\t%.3f\t%.1f\t%.3f\t%d\t%d\t%d\n", model, first, 1e3 * adc, build - adc, c, exe, peak }
  ' first adc build run
}

sizes_table() {
  echo '| model | .ad to first step | .ad to C | C to executable | C | executable, stripped | peak memory |'
  echo '|---|---|---|---|---|---|---|'
  awk -F'\t' '{ printf "| %s | %s s | %s ms | %s s | %.1f kB | %.1f kB | %.1f MB |\n", $1, $2, $3, $4, $5 / 1e3, $6 / 1e3, $7 / 1024 }' sizes
}

# ---- the results ----

machine() {
  sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1
}
versions() {
  "${CC:-cc}" --version | head -n 1
  case $present in *torch*) "$python" -c 'import torch; print("PyTorch", torch.__version__)' ;; esac
  case $present in *jax*) "$python" -c 'import jax; print("JAX", jax.__version__)' ;; esac
}

json() {
  printf '{\n  "machine": "%s",\n  "versions": [%s],\n  "missing": [%s],\n  "rounds": %d,\n  "seconds": {\n' "$(machine)" \
    "$(versions | sed 's/"/\\"/g; s/.*/"&"/' | paste -sd, -)" "$(for m in $missing; do echo "\"$m\""; done | paste -sd, -)" "$rounds"
  for workload in factorise mlp restarts; do
    printf '    "%s": {' "$workload"
    awk -F'\t' '{ gsub(/"/, "\\\"", $2); printf "%s\"%s\": %s", (NR > 1 ? ", " : ""), $1, ($2 ~ /none/ ? "null" : $2) }' "rows.$workload"
    [ "$workload" = restarts ] && echo '}' || echo '},'
  done
  printf '  },\n  "sizes": [\n'
  awk -F'\t' '{ printf "%s    {\"model\": \"%s\", \"first_step_s\": %s, \"adc_ms\": %s, \"cc_s\": %s, \"c_bytes\": %s, \"exe_bytes\": %s, \"peak_kb\": %s}",
    (NR > 1 ? ",\n" : ""), $1, $2, $3, $4, $5, $6, $7 }' sizes
  printf '\n  ]\n}\n'
}

page() {
  echo '# Results of bench/run.sh'
  echo
  echo "$(machine), one thread; $(versions | paste -sd';' - | sed 's/;/; /g')."
  echo "Medians of $rounds rounds, all contenders in turn. Compare within one table only: absolute times drift."
  [ -z "$missing" ] || echo "Missing here, so not measured:$missing."
  echo
  table
  echo
  sizes_table
}

specialised factorise
specialised mlp
contenders >list
restart_contenders >list.restarts
measure_workload factorise list
measure_workload mlp list
measure_workload restarts list.restarts
rows factorise list >rows.factorise
rows mlp list >rows.mlp
rows restarts list.restarts >rows.restarts
: >sizes
for model in factorise mlp linear logistic autoencoder; do
  case $model in
  logistic) data=$models/data/cancer.csv ;;
  autoencoder) data=$models/data/digits.csv ;;
  *) data=$iris ;;
  esac
  sizes "$model" "$data" >>sizes
done
mkdir -p "$results"
json >"$results/results.json"
page >"$results/results.md"
cat "$results/results.md"
