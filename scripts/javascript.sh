#!/usr/bin/env bash
# Builds the example logic in JavaScript, .corral/javascript/logic.wasm, as `corral new --language javascript` begins it
# and with the tools that its package.json names; and installs OpenAI's package, by version and hash, for the test that
# uses it. Node.js comes as a wheel (services.txt), by version and hash too.
#
# Looks first, and says nothing when there is nothing to do.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/say.sh
. scripts/say.sh
# shellcheck source=scripts/node.sh
. scripts/node.sh

place=.corral/javascript

main() {
  client
  logic
}

client() {
  local sources=tests/fixtures/openai client=$place/openai
  cmp -s $sources/package-lock.json $client/installed.json && return
  step "installing OpenAI's package for Node.js (some seconds)"
  rm -rf $client
  mkdir -p $client
  cp $sources/package.json $sources/package-lock.json $client
  PATH=$(node_folder $place):$PATH npm ci --prefix $client --silent --no-audit --no-fund --ignore-scripts ||
    fail "could not install OpenAI's package" "the network is needed once; behind a proxy, configure npm for it"
  # Written last, so that an installation that broke off is not taken for one.
  cp $sources/package-lock.json $client/installed.json
}

logic() {
  local scratch
  scratch=$(mktemp -d)
  # shellcheck disable=SC2064 # the folder as it is now
  trap "rm -rf '$scratch'" EXIT
  target/release/corral new "$scratch/javascript" --language javascript >/dev/null
  local sources
  sources=$(cd "$scratch/javascript" && find . -type f -print0 | sort -z | xargs -0 sha256sum)
  # Written last, so that a build that broke off is not taken for one.
  [[ -f $place/built && $sources == "$(<$place/built)" ]] && return
  step "building the example logic in JavaScript (a minute)"
  mkdir -p $place
  rm -rf $place/wit $place/built
  cp -r "$scratch/javascript/." $place
  PATH=$(node_folder $place):$PATH
  export PATH
  npm install --prefix $place --silent --no-audit --no-fund --no-package-lock ||
    fail "could not install componentize-js" "the network is needed once; behind a proxy, configure npm for it"
  npm run --prefix $place --silent build
  printf '%s\n' "$sources" >$place/built
}

main
