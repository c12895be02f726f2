#!/bin/sh
# The command line of adc: exit statuses, messages, what is written where. TAP on standard output.
#
#   sh tests/check_cli.sh PATH/TO/adc
adc=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export XDG_CACHE_HOME="$work/cache" TMPDIR="$work"
count=0

cat >fit.ad <<'END'
precision f64
dim n batch, f
hyper decay = 0
data X[n, f] : from columns "a", "b"
data y[n] : from column "y"
param w[f] = 0
param b = 0
let p[n] = X @ w + b
loss J = mse(p, y) + decay * sum(w^2)
output p
train { data = "fit.csv"; optimizer = sgd(lr = 0.1); epochs = 20 }
END
printf 'a,b,y\n1,0,1\n0,1,2\n1,1,3\n0,0,0\n' >fit.csv
cat >wrong.ad <<'END'
dim n
data X[n]
loss sum(X) + nosuch
END
mkdir -p sub
cp fit.ad fit.csv sub/

say() {
  count=$((count + 1))
  echo "$1 $count - $2"
}

# expect NAME STATUS PATTERN COMMAND...: the status, and standard output with standard error matching the pattern ('' any)
expect() {
  name=$1 status=$2 pattern=$3
  shift 3
  "$@" >out 2>err </dev/null
  got=$?
  if [ "$got" -ne "$status" ]; then
    say 'not ok' "$name"
    echo "# exit status $got, not $status"
    sed 's/^/# /' err
  elif [ -n "$pattern" ] && ! cat out err | grep -q -e "$pattern"; then
    say 'not ok' "$name"
    echo "# nothing matches: $pattern"
    cat out err | head -n 20 | sed 's/^/# /'
  else
    say ok "$name"
  fi
}

# holds NAME CONDITION...: a command that succeeds
holds() {
  name=$1
  shift
  if "$@"; then say ok "$name"; else say 'not ok' "$name"; fi
}

# 1. usage: status 2, and the nearest match
expect 'no model'                 2 'no model given'                      "$adc"
expect 'help'                     0 'usage: adc'                          "$adc" --help
expect 'help of a command'        0 'usage: adc'                          "$adc" build --help
expect 'version'                  0 '^adc [0-9]'                          "$adc" --version
expect 'misspelt option'          2 "did you mean '--emit'"               "$adc" --emmit=c fit.ad
expect 'misspelt command'         2 "did you mean 'build'"                "$adc" biuld fit.ad
expect 'command that is not first' 2 'comes first'                        "$adc" --verify check fit.ad
expect 'misspelt form'            2 "did you mean 'graph'"                "$adc" --emit=grahp fit.ad
expect 'misspelt pass'            2 "did you mean 'simplify'"             "$adc" --dump=simplfy fit.ad
expect 'pass that is needed'      2 'cannot be left out'                  "$adc" --skip=lower fit.ad
expect 'option without its value' 2 'needs a value'                       "$adc" fit.ad -o
expect 'value of a flag'          2 'takes no value'                      "$adc" --verify=1 fit.ad
expect 'define without a value'   2 'has no value'                        "$adc" -D n fit.ad
expect 'define of no size'        2 'whole number'                        "$adc" -D n=0 fit.ad
expect 'define too large'         2 'whole number'                        "$adc" -D n=9223372036854775808 fit.ad
expect 'unknown precision'        2 'f32 or f64'                          "$adc" --precision=f16 fit.ad
expect 'unknown level'            2 '0, 1, 2 or 3'                        "$adc" -O4 fit.ad
expect 'option of another command' 2 "no option of 'adc check'"           "$adc" check -o x fit.ad
expect 'two models'               2 'one model at a time'                 "$adc" fit.ad wrong.ad
expect 'one name, two forms'      2 'names one file'                      "$adc" --emit=c,exe -o x fit.ad
expect 'trainer option for adc'   2 "follow '--'"                         "$adc" run fit.ad --epochs 3
expect 'executable to a pipe'     2 'name it with -o'                     "$adc" build fit.ad -o -

# 2. files: status 3, nothing half written
expect 'no such model'            3 "cannot read 'none.ad'"               "$adc" none.ad
expect 'model is a directory'     3 "cannot read 'sub'"                   "$adc" sub
expect 'no such output directory' 3 "cannot write 'no/fit.c'"             "$adc" -o no/fit.c fit.ad
expect 'no place for executable'  3 "cannot write 'no/fit'"               "$adc" build -o no/fit fit.ad
expect 'device is full'           3 'No space left'                       "$adc" -o /dev/full fit.ad
expect 'no data to specialise'    3 'none.csv'                            "$adc" build --data none.csv fit.ad
expect 'data of no such name'     2 "no data 'Y'; did you mean"           "$adc" build --data Y=fit.csv fit.ad
expect 'run writes no file'       2 "no option of 'adc run'"              "$adc" run -o x fit.ad
expect 'no runtime'               3 'ADC_RUNTIME'                         env ADC_RUNTIME=/none "$adc" build fit.ad

# what was read is not written over, whatever it is called
mkdir inputs
cd inputs || exit 1
cp ../fit.ad ../fit.csv .
printf 'fn twice(x) = 2 * x\n' >lib.ad
{ printf 'import "lib.ad"\n'; cat ../fit.ad; } >user.ad
cp fit.ad bare
cp fit.csv other.csv
cp fit.ad fit.c
cp fit.ad .ad
cp fit.ad head.h
ln -s fit.ad link.ad
cat ./*.* .ad bare >../before
expect 'output is the model'      2 "writing 'fit.ad' would overwrite the model"  "$adc" -o fit.ad fit.ad
expect 'by another path'          2 'overwrite the model'                 "$adc" build -o "$PWD/fit.ad" ./fit.ad
expect 'by a link'                2 'overwrite the model'                 "$adc" -o link.ad fit.ad
expect 'model without a suffix'   2 'overwrite the model'                 "$adc" build bare
expect 'model named fit.c'        2 'overwrite the model'                 "$adc" fit.c
expect 'model named .ad'          2 'overwrite the model'                 "$adc" build .ad
expect 'model named head.h'       2 'overwrite the model'                 "$adc" --emit=c,header head.h
expect 'model on standard input'  2 'overwrite the model'                 sh -c '"$1" - -o fit.ad <fit.ad' sh "$adc"
expect 'output is an import'      2 'a file that the model imports'       "$adc" user.ad -o lib.ad
expect 'output is the data'       2 'overwrite its data'                  "$adc" build fit.ad -o fit.csv
expect 'output is data given'     2 'overwrite its data'                  "$adc" build user.ad --data "X=other.csv#a,b" -o other.csv
expect 'rule is the model'        2 'overwrite the model'                 "$adc" -MD -MF fit.ad fit.ad
cat ./*.* .ad bare >../after
holds  'nothing has changed'      cmp -s ../before ../after
printf 'param  w=1\nloss w^2\n' >fit.ad
expect 'layout of a link'         0 ''                                    "$adc" fmt -w link.ad
holds  'is that of the file'      [ -L link.ad -a "$(head -n 1 fit.ad)" = 'param w = 1' ]
cd .. || exit 1
rm -r inputs before after
expect 'no place in /proc'        3 "cannot write '/proc/fit'"            "$adc" build -o /proc/fit fit.ad
printf 'a,y\n1,2\n' >fewer.csv
expect 'data without a column'    1 '"b"'                                 "$adc" run fit.ad -- --data fewer.csv
expect 'data of another length'   1 'n'                                   "$adc" run -D n=3 fit.ad
rm fewer.csv
holds  'nothing is left behind'   [ "$(ls -A | tr '\n' ' ')" = 'err fit.ad fit.csv out sub wrong.ad ' ]

# 3. models: status 1, with the place
expect 'wrong model'              1 'wrong.ad:3:15: error: .*nosuch'      "$adc" check wrong.ad
expect 'wrong model, compiled'    1 'wrong.ad:3:15: error'                "$adc" wrong.ad
holds  'writes nothing'           [ ! -e wrong.c ]
expect 'right model'              0 ''                                    "$adc" check fit.ad
holds  'is silent'                [ ! -s out ] && [ ! -s err ]
expect 'several models'           1 'wrong.ad:3'                          "$adc" check fit.ad wrong.ad
expect 'unknown define'           1 'nodim'                               "$adc" check -D nodim=3 fit.ad
expect 'unknown code'             2 "'E9'"                                "$adc" explain E9
expect 'several codes'            0 'A size is'                           "$adc" explain E0213 E0214
expect 'a code in lower case'     0 'inner\|last axis'                    "$adc" explain e0203
expect 'the settings are listed'  0 'on_nan'                              "$adc" explain E0301
expect 'a warning explained'      0 'mini-batches'                        "$adc" explain -Wbatch-sum
expect 'unknown warning'          2 "unknown warning 'batchsum'; did you mean 'batch-sum'" "$adc" check -Wbatchsum fit.ad
expect 'unknown warning off'      2 "unknown warning 'foo'"               "$adc" check -Wno-foo fit.ad
expect 'no warning all'           2 "unknown warning 'all'"               "$adc" check -Wall fit.ad
expect 'warning off'              0 ''                                    "$adc" check -Wno-missing -Wlog-of -Wno-error fit.ad
expect 'no form of output'        2 "'--emit' needs a value"              "$adc" --emit= fit.ad
expect 'define without a name'    2 'has no name'                         "$adc" check -D =3 fit.ad
expect 'unknown pass'             2 'they are parse, '                    "$adc" check --dump=foo fit.ad
expect 'codes are listed'         0 '^E0'                                 "$adc" explain

# 4. what is written, and where
expect 'C'                        0 ''                                    "$adc" sub/fit.ad
holds  'beside us, not the model' [ -s fit.c ]
expect 'C on standard output'     0 'adrt_main'                           "$adc" -o - fit.ad
holds  'is the same'              cmp -s out fit.c
expect 'C from standard input'    0 '^/\* model.c: '                         sh -c '"$1" - <fit.ad' sh "$adc"
expect 'tokens'                   0 'mse'                                 "$adc" --emit=tokens fit.ad
expect 'syntax tree'              0 'param'                               "$adc" --emit=ast fit.ad
expect 'graph'                    0 '%[0-9]'                              "$adc" --emit=graph fit.ad
expect 'loops'                    0 'for'                                 "$adc" --emit=loops fit.ad
expect 'dot'                      0 'digraph'                             "$adc" --emit=dot fit.ad
expect 'manifest'                 0 '"name": "w", "type": "real", "shape": \["f"\]'       "$adc" --emit=manifest fit.ad
expect 'dependencies'             0 '^fit.c: fit.ad$'                     "$adc" --emit=deps fit.ad
expect 'dependencies of a target' 0 '^x.o: fit.ad$'                       "$adc" -M -MT x.o fit.ad
expect 'dependencies beside'      0 ''                                    "$adc" -MD -o g.c fit.ad
holds  'are in a file'            grep -q '^g.c: fit.ad$' g.d
expect 'and beside the output'    0 ''                                    "$adc" -MD -MT fit.o -o sub/h.c fit.ad
holds  'not the target'           [ -s sub/h.d -a ! -e fit.d ]
expect 'rules that nobody wants'  2 '-MF needs -M or -MD'                 "$adc" -MF x.d fit.ad
expect 'a target of no rule'      2 '-MT needs -M or -MD'                 "$adc" -MT x.o fit.ad
expect 'a rule has a target'      0 '^x.o: fit.ad$'                       "$adc" --emit=deps -MT x.o fit.ad
expect 'dump of a pass'           0 '^; simplify: '                       "$adc" check --dump=simplify fit.ad
expect 'dump of all'              0 '^; schedule: '                       "$adc" check --dump=all fit.ad
expect 'passes left out'          0 ''                                    "$adc" check --skip=simplify,fuse --verify fit.ad
expect 'layout'                   0 '^loss J'                             "$adc" fmt fit.ad
cp out fmt.ad
expect 'layout is stable'         0 ''                                    "$adc" fmt --check fmt.ad

printf 'let b=1+2\nlet c = 1 +2*3\n' >tight.ad
expect 'tight stays tight'        0 '^let b = 1+2$'                       "$adc" fmt tight.ad
expect 'what is not gets blanks'  0 '^let c = 1 + 2\*3$'                  "$adc" fmt tight.ad

# 5. models that are long
awk 'BEGIN { printf "metric a = 1"; for (i = 1; i < 9990; i++) printf " + 1"; print "" }' >sum.ad
awk 'BEGIN { print "fn f0(x) = x + 1"; for (i = 1; i < 190; i++) print "fn f" i "(x) = f" i - 1 "(x)"; print "param w = 1\nloss f189(w)" }' >chain.ad
awk 'BEGIN { for (i = 0; i < 20000; i++) print "fn f" i "(x) = x" }' >many.ad
awk 'BEGIN { printf "let a = [0"; for (i = 1; i < 5000; i++) printf ", " i; print "]\nmetric s = sum(a)" }' >literal.ad
awk 'BEGIN { printf "param x[2, 2] = 1\nloss sum(x"; for (i = 0; i < 9000; i++) printf "\47"; print ")" }' >ticks.ad
awk 'BEGIN { print "fn f0(x) = x + 1"; for (i = 1; i < 250; i++) print "fn f" i "(x) = f" i - 1 "(x)"; print "param w = 1\nloss f249(w)" }' >deep.ad
awk 'BEGIN { print "fn f0(x) = x + 1"; for (i = 1; i < 20; i++) print "fn f" i "(x) = f" i - 1 "(x) + f" i - 1 "(x)"; print "param w = 1\nloss f19(w)" }' >often.ad
for model in sum chain many literal; do
  expect "long: $model" 0 '' "$adc" check "$model.ad"
done
expect 'too deep'                 1 'more than 200 deep'                  "$adc" check deep.ad
expect 'too often'                1 'more than 20000 times'               "$adc" check often.ad
expect 'too long'                 1 'ticks.ad:2:10: error: nested too deeply' "$adc" check ticks.ad

# 6. building and running
expect 'C compiler that is not there' 4 "cannot run the C compiler 'nocc'"    env CC=nocc "$adc" build fit.ad
expect 'C compiler that fails'    4 'the C compiler failed'               env CC=false "$adc" build fit.ad

# stopped while the C compiler runs: that ends too, and no file is left in the way
mkdir stopped
cat >slowcc <<'END'
#!/bin/sh
while [ "$1" != -o ]; do shift; done
: >"$2"
sh -c 'echo $$ >sleeper; exec sleep 60'
END
chmod +x slowcc
for signal in INT.130 TERM.143; do
  expect "stopped by ${signal%.*}" "${signal#*.}" '' \
    env CC=./slowcc TMPDIR="$work/stopped" timeout --preserve-status -s "${signal%.*}" 1 "$adc" build -o stopped/fit fit.ad
  holds 'leaves nothing'          [ -z "$(ls -A stopped)" ]
  holds 'and nobody'              sh -c '! grep -qs "^State:.[SR]" "/proc/$(cat sleeper)/status"'
done

expect 'build'                    0 ''                                    "$adc" build fit.ad
expect 'trainer'                  0 '^J '                                 ./fit --data fit.csv
expect 'build with CFLAGS'        0 ''                                    env CFLAGS='-O0 -g' LDFLAGS='-lm' "$adc" build -o fit0 fit.ad
expect 'specialised'              0 ''                                    "$adc" build --data fit.csv -o fits fit.ad
expect 'still trains'             0 '^J '                                 ./fits --data fit.csv
expect 'standalone'               0 ''                                    "$adc" --standalone -o alone.c fit.ad
expect 'needs no runtime'         0 ''                                    "${CC:-cc}" -O0 -w -o alone alone.c -lm
expect 'and trains'               0 '^J '                                 ./alone --data fit.csv
expect 'library'                  0 ''                                    "$adc" --emit=lib fit.ad
holds  'is there'                 [ -s libfit.a ]
expect 'run, data beside the model' 0 '^J '                               "$adc" run sub/fit.ad
holds  'is in the cache'          [ "$(ls cache/adc | wc -l)" -eq 1 ]
expect 'run again'                0 '^J '                                 "$adc" run sub/fit.ad -- --epochs 5
holds  'builds nothing'           [ "$(ls cache/adc | wc -l)" -eq 1 ]
expect 'the trainer finds the fault' 2 'did you mean'                     "$adc" run fit.ad -- --epocks 5
expect 'data after --'            3 'none.csv'                            "$adc" run fit.ad -- --data none.csv

# params of a model without batch_norm, for one with it: its statistics begin as ever
sed 's/mse(p, y)/mse(p + 0 * batch_norm(p, over = n), y)/' fit.ad >normed.ad
expect 'params are kept'          0 '^J '                                 ./fit --data fit.csv --model fit.safetensors
expect 'and taken up'             0 '^J '                                 "$adc" run normed.ad -- eval --init fit.safetensors

grep -v '^precision' fit.ad >single.ad
expect 'gradients are checked in f64'  0 '^w '                            "$adc" run single.ad -- check-grad
expect 'unless f32 is asked for'  2 'run --precision=f64 single.ad -- check-grad' "$adc" run --precision=f32 single.ad -- check-grad

# a slope that is another one on purpose
printf 'fn half(x) = x^2 vjp (dy) = dy\n' >half.ad
printf 'import "half.ad"\nparam w = 1.5\nloss half(w)\n' >ruled.ad
printf 'param w = 1.5\nfn f(x) = stop(x) * x\nloss f(w)\n' >stopped.ad
expect 'a rule is named'          6 "'half' has a vjp of its own, which may be why" "$adc" run ruled.ad -- check-grad
expect 'so is a stop'             6 "'stop' at 2:11 lets no gradient through, which may be why" "$adc" run stopped.ad -- check-grad

# -Wlog-of: what where guards is not warned about
printf 'param z[3] = [0, 1, 2]\nlet a = softmax(z)\nloss sum(a * log(a))\n' >logged.ad
printf 'param z[3] = [0, 1, 2]\nlet a = softmax(z)\nloss sum(where(a > 0, a * log(a), 0))\n' >entropy.ad
expect 'log of a softmax'         0 'Wlog-of'                             "$adc" check logged.ad
expect 'but behind a where'       0 ''                                    "$adc" check -Werror entropy.ad

# a place in the rows, with a last batch of one: metrics see all rows, the loss sees its batch
printf 'x\n1\n2\n3\n' >three.csv
printf 'dim n batch\ndata x[n]\nparam w = 0.5\nmetric second = x[1]\nloss mean((x * w - 1)^2)\n' >second.ad
printf 'dim n batch\ndata x[n]\nparam w = 0.5\nloss mean((x * w - 1)^2) + 0 * x[1]\n' >loses.ad
printf 'dim n\ndata x[n]\nparam w = 0.5\nloss mean((x * w - 1)^2) + x[3]\n' >fourth.ad
expect 'metrics see all rows'     0 '^second 2'                           "$adc" run second.ad -- --data three.csv --batch 2 --epochs 2 --progress none
expect 'the loss sees its batch'  1 'index 1 is out of range, the size is 1' "$adc" run loses.ad -- --data three.csv --batch 2 --epochs 2 --progress none
expect 'too few rows'             1 "an index of 'x' runs past the end"   "$adc" run fourth.ad -- eval --data three.csv

echo "1..$count"
