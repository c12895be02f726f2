#!/bin/sh
# Installs the Debian packages that are missing, and does nothing when none is.
#
#   sh tools/install.sh build          what building needs
#   sh tools/install.sh build test     and what the tests need
set -eu

missing=
# need PACKAGE COMMAND: a package, by a command that comes with it
need() {
  command -v "$2" >/dev/null 2>&1 || missing="$missing $1"
}

for what in "$@"; do
  case $what in
  build)
    need gcc cc
    [ -f /usr/include/stdlib.h ] || missing="$missing libc6-dev"
    need meson meson
    need ninja-build ninja
    need re2c re2c
    need bison bison
    need pkg-config pkg-config
    ;;
  test)
    need gcc gcc
    need clang clang
    need tcc tcc                # a compiler of plain C11, and a quick one
    # its sanitisers and fuzzer are a package of their own
    [ -n "$(find /usr/lib/llvm-*/lib/clang -name 'libclang_rt.fuzzer-*' 2>/dev/null)" ] ||
      missing="$missing libclang-rt-dev"
    pkg-config --exists check 2>/dev/null || missing="$missing check"
    ;;
  *)
    echo "install.sh: unknown '$what'; it is build or test" >&2
    exit 2
    ;;
  esac
done

[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
  echo "install.sh: no apt-get here; please install:$missing" >&2
  exit 1
fi
root=
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null 2>&1; then
    echo "install.sh: neither root nor sudo; please install:$missing" >&2
    exit 1
  fi
  root="sudo"
fi
echo "installing:$missing"
# shellcheck disable=SC2086     # a list of words, and a prefix that may be empty
{
  $root apt-get update -q
  $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
} >&2
