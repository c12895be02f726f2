#!/bin/sh
# Formats C files in the house style. Tables laid out by hand stand between 'clang-format off' and 'on', or look at the
# diff before you keep it.
#
#   sh tools/format.sh compiler/files.c ...
set -eu
if [ $# -eq 0 ]; then
  echo "usage: sh tools/format.sh FILE.c..." >&2
  exit 2
fi
exec clang-format -i --style=file "$@"
