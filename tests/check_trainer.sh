#!/bin/sh
# What a trainer says of bad data, bad files and a bad command line. TAP on standard output.
#
#   sh tests/check_trainer.sh PATH/TO/adc           ADC_UPDATE=1 rewrites the goldens: review the diff like code
#
# tests/trainer_bad/NAME.err holds all that the trainer says and, last, its exit status. Whatever went wrong, no output
# file may be there afterwards, not even half of one.
adc=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
here=$(cd "$(dirname "$0")" && pwd)/trainer_bad
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
mkdir outputs
count=0

say() {
  count=$((count + 1))
  echo "$1 $count - $2"
}

# refuses NAME TRAINER ARGUMENT...: $results is where they go, if not into a file
refuses() {
  name=$1 trainer=$2
  shift 2
  "./$trainer" "$@" >"${results:-out}" 2>got </dev/null
  echo "exit status $?" >>got
  left=$(ls -A outputs)
  if [ -n "$ADC_UPDATE" ]; then
    cp got "$here/$name.err"
  fi
  if ! diff -u "$here/$name.err" got >diff 2>&1; then
    say 'not ok' "$name"
    sed 's/^/# /' diff
  elif [ -n "$left" ]; then
    say 'not ok' "$name"
    echo "# left behind: $left"
    rm -rf outputs/* outputs/.[!.]*
  else
    say ok "$name"
  fi
}

# Every command below trains and would write all it can.
trains() {
  name=$1 trainer=$2
  shift 2
  refuses "$name" "$trainer" train --progress none --model outputs/m.safetensors --history outputs/h.csv \
    --record outputs/r.json --report outputs/r.html "$@"
}

for model in fit ratings pick share holes; do
  cp "$here/$model.ad" .
  if ! "$adc" build "$model.ad" -o "$model" >got 2>&1; then
    say 'not ok' "$model.ad builds"
    sed 's/^/# /' got
  fi
done

"$adc" build --precision=f32 holes.ad -o holes32

# ---- tables

# table NAME TEXT: what is said of a table that holds TEXT
table() {
  # shellcheck disable=SC2059
  printf "$2" >"$1.csv"
  trains "$1" fit --data "$1.csv"
}
printf 'a,b,species\n1,0,x\n0,1,y\n1,1,x\n0,0,y\n' >good.csv
table label_column_missing 'a,b,kind\n1,0,x\n0,1,y\n'
table data_column_misspelt 'a,B,species\n1,0,x\n0,1,y\n'
table row_too_short 'a,b,species\n1,0,x\n0,1\n1,1,x\n'
table row_too_long 'a,b,species\n1,0,x\n0,1,y,2\n1,1,x\n'
table text_in_a_number_column 'a,b,species\n1,0,x\n0,abc,y\n'
table number_with_a_unit 'a,b,species\n1,0,x\n0,1.5kg,y\n'
table number_out_of_range 'a,b,species\n1,0,x\n0,1e999,y\n'
table fields_between_semicolons 'a;b;species\n1;0;x\n0;1;y\n'
table fields_between_tabs 'a\tb\tspecies\n1\t0\tx\n0\t1\ty\n'
table cell_empty 'a,b,species\n1,0,x\n0,,y\n'
table nan_not_declared_missing 'a,b,species\n1,nan,x\n0,1,y\n'
table infinity_in_a_table 'a,b,species\n1,inf,x\n0,1,y\n'
table quote_not_closed 'a,b,species\n1,"0,x\n0,1,y\n'
table text_behind_a_quote 'a,b,species\n1,"0"1,x\n0,1,y\n'
table label_of_blanks 'a,b,species\n1,0,x\n0,1,  \n'
table label_in_latin_1 'a,b,species\n1,0,vir\n0,1,s\351tosa\n'
table column_twice 'a,b,a,species\n1,0,1,x\n0,1,0,y\n'
table header_alone 'a,b,species\n'
table empty_file ''
table assertion_about_data 'a,b,species\n900000,1,x\n200000,1,y\n'
printf 'a,b,species\n1e5,1e5,x\n-1e5,1e5,y\n1e5,-1e5,x\n3,4,z\n' >steep.csv
# the best params are kept, so files are written: none are asked for
refuses diverges fit train --progress none --data steep.csv --optimizer 'sgd(lr = 1e300)' --epochs 20
mkdir directory.csv directory.npy directory.safetensors
trains table_is_a_directory fit --data directory.csv
trains table_not_there fit --data nowhere/none.csv
trains table_of_unknown_kind fit --data fit.ad
trains columns_beyond_the_table fit --data X=good.csv#0:7 --data y=good.csv#species
trains columns_that_are_text fit --data X=good.csv#b:species --data y=good.csv#species
trains no_data_for_an_array ratings --data u=nowhere.npy
trains no_data_at_all ratings
trains test_rows_with_an_unknown_label fit --data good.csv --test label_column_missing.csv
printf 'a,b,species\n1,0,q\n' >newlabel.csv
trains test_rows_with_a_new_label fit --data good.csv --test newlabel.csv

# ---- NPY: npy NAME HEADER BYTES makes a file of version 1.0 with this header

npy() {
  printf '\223NUMPY\001\000\166\000%-117s\n' "$2" >"$1.npy"
  head -c "$3" /dev/zero >>"$1.npy"
}
npy u "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }" 24
npy r "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }" 24
of_r() {
  trains "npy_$1" ratings --data u=u.npy --data "r=$1.npy"
}
npy truncated "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }" 23
npy too_long "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }" 25
npy complex "{'descr': '<c16', 'fortran_order': False, 'shape': (3,), }" 48
npy matrix "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }" 48
npy other_length "{'descr': '<f8', 'fortran_order': False, 'shape': (4,), }" 32
npy negative_shape "{'descr': '<f8', 'fortran_order': False, 'shape': (-3,), }" 24
npy huge_shape "{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775807, 9), }" 24
npy without_shape "{'descr': '<f8', 'fortran_order': False, }" 24
npy no_dictionary "import os" 24
npy infinite "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }" 16
printf '\000\000\000\000\000\000\360\177' >>infinite.npy
printf 'PK\003\004 this is no array' >wrong_magic.npy
: >empty.npy
printf '\223NUMPY\011\000\166\000' >version_9.npy
for name in truncated too_long complex matrix other_length negative_shape huge_shape without_shape no_dictionary \
  infinite wrong_magic empty version_9 directory nowhere; do
  of_r $name
done
npy floats "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }" 16
printf '\000\000\000\000\000\000\370\077' >>floats.npy
trains npy_label_of_one_and_a_half ratings --data u=floats.npy --data r=r.npy
npy below "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }" 16
printf '\377\377\377\377\377\377\377\377' >>below.npy
trains npy_label_below_0 ratings --data u=below.npy --data r=r.npy
trains label_beyond_its_dim ratings --data u=u.npy --data r=r.npy --dim users=0
npy at "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }" 16
printf '\007\000\000\000\000\000\000\000' >>at.npy
trains index_from_data_past_the_end pick --data at=at.npy --data x=r.npy
trains divisor_from_data_that_is_0 share --data at=at.npy --data x=r.npy

npy far "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }" 16
printf '\000\000\000\000\000\000\001\000' >>far.npy
trains npy_label_beyond_reason ratings --data u=far.npy --data r=r.npy
trains dim_beyond_memory ratings --data u=u.npy --data r=r.npy --dim users=1000000000000
trains dim_beyond_64_bits ratings --data u=u.npy --data r=r.npy --dim users=8000000000000000000
{ seq 999 | sed 's/.*/1 1:1/' && echo '1 2147483647:1'; } >wide.libsvm
trains libsvm_beyond_memory fit --data X=wide.libsvm --data y=good.csv#species
printf '1 1:1\n1 1e300:1\n' >place.libsvm
trains libsvm_place_out_of_range fit --data X=place.libsvm --data y=good.csv#species
trains restarts_beyond_reason ratings --data u=u.npy --data r=r.npy --restarts 1e12

# ---- safetensors

params() {
  printf '%b' "$2" >"$1.safetensors"
  head -c "$3" /dev/zero >>"$1.safetensors"
  trains "params_$1" ratings --data u=u.npy --data r=r.npy --init "$1.safetensors"
}
# The length of the header, of 8 bytes, comes first.
head='{"P":{"dtype":"F64","shape":[1,2],"data_offsets":[0,16]}}'
octal=$(printf '%03o' ${#head})
params wrong_magic 'GGUF this is something else altogether' 0
params empty '' 0
params truncated "\\0${octal}\\0000\\0000\\0000\\0000\\0000\\0000\\0000$head" 15
params too_long "\\0${octal}\\0000\\0000\\0000\\0000\\0000\\0000\\0000$head" 17
params wrong_size '\0074\0000\0000\0000\0000\0000\0000\0000{"P":{"dtype":"F64","shape":[1,3],"data_offsets":[0,16]}}   ' 16
params of_another_shape '\0074\0000\0000\0000\0000\0000\0000\0000{"P":{"dtype":"F64","shape":[1,3],"data_offsets":[0,24]}}   ' 24
params of_another_name '\0074\0000\0000\0000\0000\0000\0000\0000{"Q":{"dtype":"F64","shape":[1,2],"data_offsets":[0,16]}}   ' 16
params of_unknown_type '\0074\0000\0000\0000\0000\0000\0000\0000{"P":{"dtype":"Q64","shape":[1,2],"data_offsets":[0,16]}}   ' 16
params header_cut '\0074\0000\0000\0000\0000\0000\0000\0000{"P":{"dtype":"F64","shape":[1,2' 0
params header_of_2_to_the_63 '\0000\0000\0000\0000\0000\0000\0000\0200{"P"' 0
trains params_are_a_directory ratings --data u=u.npy --data r=r.npy --init directory.safetensors
trains params_not_there ratings --data u=u.npy --data r=r.npy --init nowhere.safetensors
trains params_are_a_table ratings --data u=u.npy --data r=r.npy --init good.csv
trains resume_from_a_model fit --resume good.csv

# ---- the command line

flags() {
  name=$1
  shift
  trains "$name" fit --data good.csv "$@"
}
# notes FILE METADATA: a model file without tensors
notes() {
  head="{\"__metadata__\":{$2}}"
  printf '%b%s' "\\0$(printf '%03o' ${#head})\\0000\\0000\\0000\\0000\\0000\\0000\\0000" "$head" >"$1.safetensors"
}
notes stranger '"adc.model":"other"'
flags init_without_a_param --init stranger.safetensors
notes meta '"adc.model":"fit","adc.hyper.decay":"much"'
flags init_with_a_hyper_of_text --init meta.safetensors
flags unknown_flag --epocks 5
flags unknown_short_flag -e 5
flags flag_without_its_value --epochs
flags learning_rate_of_text --lr fast
flags unknown_optimizer --optimizer 'sdg(lr = 0.1)'
flags unknown_optimizer_argument --optimizer 'sgd(speed = 3)'
flags optimizer_not_closed --optimizer 'sgd(lr = 0.1'
flags split_of_more_than_all --split '[0.9, 0.9, 0.9]'
flags unknown_hyper --set dekay=1
flags hyper_of_text --set decay=small
flags unknown_dim --dim m=3
flags dim_that_data_contradicts --dim n=7
flags unknown_data_array --data Z=good.csv
flags unknown_output --out q=outputs/q.npy
flags unknown_param_to_freeze --freeze V
flags unknown_schedule --schedule 'cosin(3)'
flags lm_for_no_sum_of_squares --optimizer 'lm()'
flags data_given_twice --data good.csv
ln -s good.csv link.csv
refuses history_over_the_data fit --data good.csv --history good.csv
refuses output_over_columns_of_the_data fit --data X=good.csv#0:2 --data y=good.csv#species --out p=./link.csv
refuses model_over_the_initial_params fit --data good.csv --init meta.safetensors --model meta.safetensors
flags no_directory_for_the_model --model nowhere/m.safetensors
if [ -w /dev/full ]; then
  results=/dev/full
  refuses results_that_cannot_be_written fit --data good.csv --quiet
  results=
fi
flags no_directory_for_an_output --out p=nowhere/p.npy
refuses unknown_command fit trian --data good.csv
refuses predict_without_params fit predict --data good.csv --out p=outputs/p.npy
refuses predict_without_an_output fit predict --data good.csv --init good.csv
refuses gradient_of_a_metric fit eval --data good.csv --grad accuracy=outputs/g.npy
refuses eval_of_wrong_params fit eval --data good.csv --init wrong_magic.safetensors --out p=outputs/p.npy

printf 'a,b\n1,\n2,3\n' >holes.csv
holes() {
  name=$1
  shift
  trains "$name" holes --data holes.csv "$@"
}
holes holdout_of_too_few_cells --holdout 'cells(A, 0.1)'
holes holdout_of_all_cells --holdout 'cells(A, 0.9)'
holes holdout_beside_split --holdout 'cells(A, 0.4)' --split '[0.5, 0, 0.5]'
flags holdout_of_what_is_not_missing --holdout 'cells(X, 0.1)'
flags epochs_of_text --epochs ten
refuses option_of_another_command fit eval --data good.csv --epochs 3
refuses gradients_in_f32 holes32 check-grad --data holes.csv

# ---- a trainer for other sizes

if "$adc" build --data good.csv fit.ad -o small >got 2>&1; then
  printf 'a,b,species\n1,0,x\n0,1,y\n1,1,z\n' >wide.csv
  trains built_for_other_sizes small --data wide.csv
  ./fit --data wide.csv --quiet --model wide.safetensors >got
  trains init_of_other_sizes small --data good.csv --init wide.safetensors
  notes other '"adc.model":"other","adc.dim.c":"3"'
  trains init_of_another_model small --data good.csv --init other.safetensors
fi

echo "1..$count"
