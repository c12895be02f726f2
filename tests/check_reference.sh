#!/bin/sh
# Trainers against PyTorch in float64 and against what is known of the lab. TAP on standard output, a summary last.
#
#   sh tests/check_reference.sh PATH/TO/adc          or with the path in $ADC
#
# tests/reference/README.md says what the references are. $CC and $CFLAGS are those of the trainers.
adc=${1:-${ADC:?usage: sh tests/check_reference.sh PATH/TO/adc}}
adc=$(cd "$(dirname "$adc")" && pwd)/$(basename "$adc")
root=$(cd "$(dirname "$0")/.." && pwd)
reference=$root/tests/reference
models=$root/models
iris=$models/data/iris.csv
cancer=$models/data/cancer.csv
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0
failed=0

# say STATUS NAME [DETAIL]: one line a check
say() {
  if [ "$1" -eq 0 ]; then
    passed=$((passed + 1))
    echo "ok $((passed + failed)) - $2${3:+ # $3}"
  else
    failed=$((failed + 1))
    echo "not ok $((passed + failed)) - $2"
    [ -z "$3" ] || echo "$3" | sed 's/^/# /'
    [ ! -s err ] || head -n 5 err | sed 's/^/# /'
  fi
}

# build NAME MODEL OPTION...
build() {
  name=$1 model=$2
  shift 2
  "$adc" build "$@" "$model" -o "$name" >out 2>err
  status=$?
  [ "$status" -eq 0 ] || say 1 "$name builds" "exit status $status"
  return "$status"
}

# losses NAME TRAINER REFERENCE BOUND OPTION...: the history of a training run
losses() {
  name=$1 trainer=$2 expected=$3 bound=$4
  shift 4
  rm -f history.csv
  if "./$trainer" train --quiet --restarts 1 --history history.csv "$@" >out 2>err; then
    detail=$(./compare each "$bound" history.csv:loss "$reference/$expected.npy")
    say $? "$name" "$detail"
  else
    say 1 "$name" "the trainer's exit status is $?"
  fi
}

# same NAME HOW BOUND FILE REFERENCE
same() {
  detail=$(./compare "$2" "$3" "$4" "$reference/$5.npy")
  say $? "$1" "$detail"
}

# output_of TRAINER DATA INIT NAME...: outputs at given params as NAME.npy
output_of() {
  trainer=$1 data=$2 init=$3
  shift 3
  for output in "$@"; do
    set -- "$@" --out "$output=$output.npy"
    shift
  done
  rm -f ./*.npy
  "./$trainer" eval --data "$data" --init "$reference/$init.safetensors" "$@" >out 2>err
}

# value NAME: of what a trainer printed
value() {
  awk -v name="$1" '$1 == name { print $2 }' out
}

# ---- the lab ----

factorise_checks() {
  build factorise "$models/factorise.ad" || return
  losses 'factorise follows PyTorch, 1000 epochs' factorise factorise_loss 1e-12 --data "$iris" \
    --init "$reference/factorise.safetensors" --optimizer 'sgd(lr = 0.01)' --epochs 1000
  wrong=
  for seed in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    ./factorise train --quiet --data "$iris" --seed "$seed" >out 2>err || wrong="$wrong $seed (exit status $?)"
    awk -v loss="$(value loss)" -v svd="$(value svd)" \
      'BEGIN { exit !(loss >= 15.2288 && loss <= 15.2310 && sprintf("%.11f", svd) == "15.22883334780") }' ||
      wrong="$wrong seed $seed: loss $(value loss), svd $(value svd);"
  done
  [ -z "$wrong" ]
  say $? 'factorise reaches the error of the SVD from seeds 1 to 20' "$wrong"
}

diverges() {
  sed 's/: centered / /' "$models/factorise.ad" >uncentred.ad
  build uncentred uncentred.ad || return
  ./uncentred train --quiet --data "$iris" --optimizer 'sgd(lr = 0.05)' >out 2>err
  status=$?
  grep -q 'epoch [0-9]' err && grep -q 'uncentred.ad:[0-9]' err && [ "$status" -eq 5 ]
  say $? 'factorise uncentred with lr 0.05 stops, exit 5, naming epoch and line' "exit status $status: $(cat err)"
}

mlp_checks() {
  if build mlp64 "$models/mlp.ad" --precision=f64; then
    for epochs in 100 1000; do
      losses "mlp in f64 follows PyTorch, $epochs epochs" mlp64 mlp_loss 1e-12 --data "$iris" \
        --init "$reference/mlp.safetensors" --split '[1, 0, 0]' --epochs "$epochs"
    done
  fi
  build mlp32 "$models/mlp.ad" || return
  for epochs in 100 1000; do
    losses "mlp in f32 follows PyTorch, $epochs epochs" mlp32 mlp_loss 1e-4 --data "$iris" \
      --init "$reference/mlp.safetensors" --split '[1, 0, 0]' --epochs "$epochs"
  done
}

# ---- second and third derivatives ----

# hessian NAME DATA
hessian() {
  build "$1_hessian" "$reference/$1_hessian.ad" || return
  output_of "$1_hessian" "$2" "$1" H
  same "the Hessian of $1 is PyTorch's" largest 1e-10 H.npy "$1_hessian"
  detail=$(./compare symmetric 1e-12 H.npy)
  say $? "the Hessian of $1 is symmetric" "$detail"
}

tanh_derivatives() {
  build tanh_derivatives "$reference/tanh_derivatives.ad" || return
  output_of tanh_derivatives "$iris" tanh H gradient product third_W1 third_W2
  same 'the gradient of tanh is PyTorch'\''s' largest 1e-12 gradient.npy tanh_gradient
  same 'the Hessian of tanh is PyTorch'\''s' largest 1e-11 H.npy tanh_hessian
  detail=$(./compare symmetric 1e-12 H.npy)
  say $? 'the Hessian of tanh is symmetric' "$detail"
  same 'the Hessian of tanh times D is PyTorch'\''s' largest 1e-11 product.npy tanh_product
  same 'third derivatives of tanh are PyTorch'\''s, W1' largest 1e-10 third_W1.npy tanh_third_W1
  same 'third derivatives of tanh are PyTorch'\''s, W2' largest 1e-10 third_W2.npy tanh_third_W2
}

# ---- every optimizer, step by step ----

optimizer() {
  losses "$1 follows PyTorch, 200 steps" tanh "tanh_loss_$1" 1e-9 --data "$iris" \
    --init "$reference/tanh.safetensors" --epochs 200 --optimizer "$2"
}

optimizers() {
  build tanh "$reference/tanh.ad" || return
  optimizer sgd 'sgd(lr = 0.1)'
  optimizer momentum 'sgd(lr = 0.05, momentum = 0.9)'
  optimizer nesterov 'sgd(lr = 0.05, momentum = 0.9, nesterov = true, weight_decay = 0.01)'
  optimizer adam 'adam(lr = 0.02)'
  optimizer adam_decay 'adam(lr = 0.02, beta1 = 0.8, beta2 = 0.99, eps = 1e-6, weight_decay = 0.01)'
  optimizer adamw 'adamw(lr = 0.02, weight_decay = 0.05)'
  optimizer rmsprop 'rmsprop(lr = 0.002)'
  optimizer rmsprop_momentum 'rmsprop(lr = 0.002, alpha = 0.9, momentum = 0.8, weight_decay = 0.01)'
  optimizer adagrad 'adagrad(lr = 0.1)'
  optimizer lbfgs 'lbfgs(history = 10)'
}

# ---- gathered params: what a batch does not mention does not move ----

gather() {
  name=$1
  shift
  losses "gathered rows follow PyTorch: $name" gathers "gathers_loss_$name" 1e-9 --data "$models/data/ratings.csv" \
    --init "$reference/gathers.safetensors" --epochs 5 "$@"
}

gathers() {
  build gathers "$reference/gathers.ad" || return
  gather sgd --optimizer 'sgd(lr = 0.1)'
  gather sgd_clip --optimizer 'sgd(lr = 1)' --clip 0.05
  gather momentum --optimizer 'sgd(lr = 0.02, momentum = 0.9)'
  gather adam --optimizer 'adam(lr = 0.01)'
  gather lazy --optimizer 'adam(lr = 0.01, eps = 1e-16, lazy = true)'
}

"${CC:-cc}" -std=c11 -D_POSIX_C_SOURCE=200809L -O1 "$reference/compare.c" -o compare -lm || exit 1
factorise_checks
diverges
mlp_checks
hessian linear "$iris"
hessian logistic "$cancer"
tanh_derivatives
optimizers
gathers

echo "1..$((passed + failed))"
echo "# $passed passed, $failed failed"
[ "$failed" -eq 0 ]
