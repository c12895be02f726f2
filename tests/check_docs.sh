#!/bin/sh
# The documentation, run: every model in it compiles and runs, every message, dump and result is what it says. TAP.
#
#   sh tests/check_docs.sh PATH/TO/adc [FILE.md...]         by default README.md and docs/*.md
#   ADC_UPDATE=1 sh tests/check_docs.sh ...                 writes what consoles and messages say into the files
#
# A fenced block is checked by the word behind its fence:
#
#   ad           a whole model. It is built, evaluated and, when it has a loss and a param, trained for two epochs.
#                    # data: X = normal(20, 3)     makes X: normal uniform(rows, columns), holes (normal, some cells
#                                                  empty), ids(rows, below), ones(rows, columns); --data X=...
#                    # with: --set a=2             more options of the trainer
#                    # fails: 5                    the exit status of training
#                    metric a = sum(x)   # is 6    a metric, loss or output has this value (arrays: all elements in a row)
#   ad NAME.ad   the same, and kept under that name for the consoles behind it (without a run when it has no '# run')
#   ad-error     a wrong model; the block behind it is what 'adc check model.ad' says, to the letter
#   file NAME    a file beside the named models, for the consoles behind it
#   c MODEL.ad   lines of the C that adc makes of models/MODEL.ad for its data, in this order; '...' skips lines
#   console      lines that begin with '$ ' are run beside models/ and the named models, the rest is what they print;
#                '...' stands for any text in a line, and alone for any lines
root=$(cd "$(dirname "$0")/.." && pwd)
adc=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift
[ $# -gt 0 ] || set -- "$root/README.md" "$root"/docs/*.md
for file; do            # absolute, for we shall not stay here
  shift
  set -- "$@" "$(cd "$(dirname "$file")" && pwd)/$(basename "$file")"
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/blocks" "$work/run" "$work/console"
ln -s "$adc" "$work/bin/adc"
if [ -n "$CC" ]; then           # what the consoles call cc: the compiler of the runtime, with its sanitisers
  printf '#!/bin/sh\nexec %s %s "$@"\n' "$CC" "$ADC_SANITIZE" >"$work/bin/cc"
  chmod +x "$work/bin/cc"
fi
cp -r "$root/models" "$work/console/models"
cp -r "$root/models/data" "$work/run/data"
export PKG_CONFIG_PATH="$(dirname "$adc")/meson-uninstalled"        # the runtime as it was built
export PATH="$work/bin:$PATH" XDG_CACHE_HOME="$work/cache" TMPDIR="$work" ADC_COLOR=never
count=0

say() {
  count=$((count + 1))
  echo "$1 $count - $2"
}

# Blocks become files: blocks/NNN.KIND with the text, its place and name in the list.
awk -v dir="$work/blocks" '
  FNR == 1 { inside = 0 }
  /^```/ && !inside {
    inside = 1
    kind = $1; sub(/^```/, "", kind)
    name = $2
    file = FILENAME; sub(/.*\//, "", file)
    n++
    path = sprintf("%s/%04d", dir, n)
    print path, (kind == "" ? "plain" : kind), file ":" FNR, FILENAME, FNR, (name == "" ? "-" : name)
    printf "" > path
    next
  }
  /^```/ { inside = 0; close(path); next }
  inside { print > path }
' "$@" >"$work/list"

# data: what a '# data:' line asks for, as CSV
make_data() {
  awk '
    function rnd() { seed = (seed * 16807) % 2147483647; return seed / 2147483647 }
    function normal(   i, s) { s = -6; for (i = 0; i < 12; i++) s += rnd(); return s }
    BEGIN { seed = 20240229 }
    /^# data:/ {
      line = $0
      sub(/^# data: */, "", line)
      name = line; sub(/ *=.*/, "", name)
      kind = line; sub(/.*= */, "", kind); sub(/\(.*/, "", kind)
      sizes = line; sub(/.*\(/, "", sizes); sub(/\).*/, "", sizes)
      n = split(sizes, size, / *, */)
      rows = size[1]; columns = kind == "ids" || n < 2 ? 1 : size[2]
      file = name ".csv"
      printf "" > file
      for (i = 0; i < rows; i++) {
        for (j = 0; j < columns; j++) {
          v = kind == "normal" ? normal() : kind == "uniform" ? rnd() : kind == "ones" ? 1 : \
              kind == "ids" ? (i < size[2] ? i : int(rnd() * size[2])) : \
              (i + 2 * j) % 5 == 3 ? "" : normal()
          printf "%s%s", (j ? "," : ""), v > file
        }
        printf "\n" > file
      }
      close(file)
      printf " --data %s=%s", name, file
    }' "$1"
}

# same EXPECTED FOUND: two lists of numbers, to six digits
same() {
  awk -v a="$1" -v b="$2" 'BEGIN {
    n = split(a, x, " "); m = split(b, y, " ")
    if (n != m) exit 1
    for (i = 1; i <= n; i++) {
      if (x[i] == y[i]) continue
      if (x[i] !~ /^[-+0-9.]/ || y[i] !~ /^[-+0-9.]/) exit 1
      d = x[i] - y[i]; d = d < 0 ? -d : d
      s = x[i] < 0 ? -x[i] : x[i] + 0
      if (d > 1e-6 + 1e-5 * s) exit 1
    }
  }'
}

complain() { sed 's/^/# /' "$1" | head -n 12; }

# One model: builds, evaluates, compares what it says, trains.
run_model() {
  block=$1 at=$2
  cp "$block" model.ad
  rm -f model
  if ! adc build -Wno-missing model.ad >log 2>&1; then
    say 'not ok' "$at builds"
    complain log
    return
  fi
  options="$(make_data model.ad) $(sed -n 's/^# with: *//p' model.ad)"
  outputs=$(sed -n 's/^ *output  *\([A-Za-z_0-9]*\).*# is .*/\1/p' model.ad)
  for o in $outputs; do options="$options --out $o=$o.out.csv"; done
  # shellcheck disable=SC2086
  if ! eval "./model eval $options" >values 2>log; then
    say 'not ok' "$at evaluates"
    complain log
    return
  fi
  wrong=
  sed -n 's/^ *\(metric\|loss\|output\)  *\([A-Za-z_0-9]*\).*# is  *\(.*\)$/\2 \3/p' model.ad >claims
  while read -r name claim; do
    claim=$(echo "$claim" | tr -d '[]' | tr ',;' '  ')
    if [ -f "$name.out.csv" ]; then
      found=$(sed 1d "$name.out.csv" | tr ',\n' '  ')
    else
      found=$(awk -v name="$name" '$1 == name { print $2 }' values)
    fi
    same "$claim" "$found" || wrong="$wrong; $name is $found, not $claim"
  done <claims
  rm -f ./*.out.csv
  if [ -n "$wrong" ]; then
    say 'not ok' "$at$wrong"
    return
  fi
  if grep -q '^ *loss' model.ad && grep -q '^ *param' model.ad; then
    expected=$(sed -n 's/^# fails: *//p' model.ad)
    options="$(make_data model.ad) $(sed -n 's/^# with: *//p' model.ad)"
    status=0
    eval "./model train --epochs 2 --progress none $options" >/dev/null 2>log || status=$?
    if [ "$status" -ne "${expected:-0}" ]; then
      say 'not ok' "$at trains (status $status)"
      complain log
      return
    fi
  fi
  say ok "$at"
}

# matches EXPECTED FOUND: the same lines but for what '...' stands for
matches() {
  awk '
    function fits(pattern, text,   n, part, i, at) {
      n = split(pattern, part, /\.\.\.\.?/)
      if (n == 1) return pattern == text
      for (i = 1; i <= n; i++) {
        at = part[i] == "" ? 1 : index(text, part[i])
        if (!at || (i == 1 && at != 1)) return 0
        if (i == n && part[i] != "") return substr(text, length(text) - length(part[i]) + 1) == part[i]
        text = substr(text, at + length(part[i]))
      }
      return 1
    }
    NR == FNR { want[++n] = $0; next }
    { got[++m] = $0 }
    END {
      i = j = 1
      while (j <= m || i <= n) {
        if (i <= n && want[i] == "...") { open = i++; back = j; continue }
        if (i <= n && j <= m && fits(want[i], got[j])) { i++; j++; continue }
        if (!open || back > m) exit 1
        i = open + 1; j = ++back
      }
    }' "$1" "$2"
}

# Puts lines in the place of a block's, for ADC_UPDATE.
put_back() {
  awk -v first="$2" -v with="$3" '
    NR == first { print; while ((getline line < with) > 0) print line; skip = 1; next }
    skip && /^```/ { skip = 0 }
    !skip' "$1" >"$work/updated" && cat "$work/updated" >"$1"
}

# A block's text and what was found: the same, or written back, or a failure.
compare() {
  block=$1 at=$2 file=$3 line=$4
  if matches "$block" found; then
    say ok "$at"
  elif [ -n "$ADC_UPDATE" ] && ! grep -q '^\.\.\.$' "$block"; then
    echo "$file $line $work/update.$line.$(basename "$file")" >>"$work/updates"
    cp found "$work/update.$line.$(basename "$file")"
    say ok "$at (updated)"
  else
    say 'not ok' "$at"
    diff "$block" found >log
    sed 's/^/# /' log | head -n 40
  fi
}

run_console() {
  (
    cd "$work/console" || exit 1
    while IFS= read -r line; do
      case $line in
      '$ '*)
        printf '%s\n' "$line"
        sh -c "${line#??}" 2>&1 </dev/null | sed -E "/^(epoch|restart) [0-9]+\//d"
        ;;
      esac
    done <"$1"
  ) >found
  compare "$@"
}

# Every line, blanks aside, stands in the C in this order; after '...' other lines may come between.
check_c() {
  block=$1 at=$2 name=$3
  ADC_DATA="$work/console/models/data" adc build --emit=c --data "$work/console/models/data/iris.csv" -o emitted.c "$work/console/models/$name" 2>log
  if awk '
    { gsub(/^[ \t]+|[ \t]+$/, "") }
    NR == FNR { if ($0 != "") want[++n] = $0; next }
    $0 != "" { got[++m] = $0 }
    END {
      for (start = 1; start <= m; start++) {
        j = start
        for (i = 1; i <= n; i++) {
          if (want[i] == "...") { i++; while (j <= m && got[j] != want[i]) j++ }
          if (j > m || got[j] != want[i]) break
          j++
        }
        if (i > n) exit 0
      }
      exit 1
    }' "$block" emitted.c; then
    say ok "$at"
  else
    say 'not ok' "$at is not what adc makes of models/$name"
    complain log
  fi
}

cd "$work/run" || exit 1
wrong=
while read -r block kind at file line name; do
  case $kind in
  ad)
    [ "$name" = - ] || cp "$block" "$work/console/$name"
    run_model "$block" "$at"
    ;;
  file) cp "$block" "$work/console/$name" ;;
  ad-error) wrong=$block ;;
  c) check_c "$block" "$at" "$name" ;;
  console) run_console "$block" "$at" "$file" "$line" ;;
  *)
    if [ -n "$wrong" ]; then
      cp "$wrong" model.ad
      adc check model.ad >found 2>&1
      [ $? -eq 1 ] || echo '(exit status not 1)' >>found
      compare "$block" "$at" "$file" "$line"
    fi
    ;;
  esac
  [ "$kind" = ad-error ] || wrong=
done <"$work/list"

# The map of the source names every file.
case " $* " in *docs/compiler.md*)
  for source in "$root"/compiler/*.[cy] "$root"/compiler/lex.re "$root"/compiler/schedule/*.c "$root"/runtime/*.c; do
    name=$(basename "$source")
    grep -q "[ |\`]$name[ ,|\`]" "$root/docs/compiler.md" || missing="$missing $name"
  done
  if [ -n "$missing" ]; then say 'not ok' "compiler.md names$missing"; else say ok 'compiler.md names every file of the source'; fi ;;
esac

# from the last line of a file to the first, so that places stay true
[ ! -f "$work/updates" ] || sort -k1,1 -k2,2nr "$work/updates" | while read -r file line with; do put_back "$file" "$line" "$with"; done

echo "1..$count"
