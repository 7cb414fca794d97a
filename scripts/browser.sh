#!/usr/bin/env bash
# Installs what the tests of the page need, unless it is there: Chromium without a screen, from Debian's packages, and
# what drives it and judges the page (puppeteer-core, axe-core), by version and hash (tests/fixtures/page), in
# .corral/page. Node.js comes as a wheel (services.txt).
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/say.sh
. scripts/say.sh
# shellcheck source=scripts/node.sh
. scripts/node.sh

place=.corral/page
lock=tests/fixtures/page/package-lock.json

main() {
  have chromium-headless-shell || install_chromium
  # Written last, so that an installation that broke off is not taken for one.
  cmp -s $lock $place/installed || install_driver
}

install_chromium() {
  have apt-get || fail "chromium-headless-shell is missing" "install your system's package for it"
  step "installing chromium-headless-shell (half a minute)"
  debian_packages chromium-headless-shell
}

install_driver() {
  step "installing puppeteer-core and axe-core"
  rm -rf $place
  mkdir -p $place
  cp tests/fixtures/page/package.json $lock $place
  PATH=$(node_folder $place):$PATH
  export PATH
  npm ci --prefix $place --silent --ignore-scripts --no-audit --no-fund ||
    fail "could not install puppeteer-core" "the network is needed once; behind a proxy, configure npm for it"
  cp $lock $place/installed
}

main
