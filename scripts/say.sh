# How the scripts here speak, ask for root, and fail. Sourced, not run.
# shellcheck shell=bash

# One line for each step that does something.
step() { printf '==> %s\n' "$*"; }

# fail WHAT FIX…: ends the script, saying what is wrong, then what to do about it.
fail() {
  printf 'error: %s\n' "$1" >&2
  shift
  if (($#)); then printf '       %s\n' "$@" >&2; fi
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  elif have sudo; then
    sudo "$@"
  else
    fail "this needs root, and there is no sudo" "run as root: $*" "then start again"
  fi
}
