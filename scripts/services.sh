#!/usr/bin/env bash
# Installs the servers that tests and benches start, unless they are there: Redis and a registry from Debian's packages
# (and minisign, with which tests sign), and ChromaDB in a virtual environment of its own, .corral/services/venv, by
# version and hash (services.txt). The clients in Python that tests run are there too, and Node.js.
#
# Nothing runs afterwards: each test starts the servers that it needs. Not here: what running Corral needs (setup.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/say.sh
. scripts/say.sh

venv=.corral/services/venv

main() {
  local missing=()
  have redis-server || missing+=(redis-server)
  have docker-registry || missing+=(docker-registry)
  have minisign || missing+=(minisign)
  if ((${#missing[@]})); then servers "${missing[@]}"; fi
  # Written last, so that an installation that broke off is not taken for one.
  cmp -s <(wanted) $venv/installed.txt || install_chroma
}

# What is to be installed, and where: Python's environments do not work any more when their folder is moved.
wanted() {
  echo "# $PWD"
  cat scripts/services.txt
}

# A package of Debian's starts its service; 101 from policy-rc.d forbids that. One that is there already decides.
servers() {
  have apt-get || fail "missing, by Debian's names: $*" "install your system's packages for them" \
    "Redis 6.2, Docker's registry 2.8, minisign 0.11, or later ones"
  step "installing $* (a minute)"
  local policy=/usr/sbin/policy-rc.d own=
  if [[ ! -e $policy ]] && { [[ $(id -u) == 0 ]] || have sudo; }; then
    own=yes
    as_root install -m 755 /dev/stdin $policy <<<$'#!/bin/sh\nexit 101'
    # shellcheck disable=SC2064 # the path as it is now
    trap "as_root rm -f $policy" EXIT
  fi
  debian_packages "$@"
  if [[ $own ]]; then
    as_root rm -f $policy
    trap - EXIT
    # Nor at the next start of this machine. One by one: not every package has a service.
    if have systemctl; then
      local service
      for service in "$@"; do as_root systemctl disable --quiet "$service" 2>/dev/null || true; done
    fi
  fi
}

install_chroma() {
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "Python 3.11 or later is needed" "install it, so that python3 is it"
  step "installing ChromaDB into $venv (a minute or two)"
  rm -rf $venv
  make_venv
  $venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement scripts/services.txt \
    --require-hashes --only-binary :all: ||
    fail "could not install ChromaDB" \
      "the network is needed once; behind a proxy or with an own package index, configure pip for it"
  wanted >$venv/installed.txt
}

# Debian keeps the part of Python that makes environments with a pip in a package of its own.
make_venv() {
  if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    have apt-get || fail "python3 cannot make virtual environments" "install your system's package for that"
    step "installing python3-venv"
    debian_packages python3-venv
  fi
  mkdir -p "$(dirname $venv)"
  python3 -m venv $venv
}

main
