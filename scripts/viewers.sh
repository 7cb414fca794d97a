#!/usr/bin/env bash
# Puts Swagger UI and Redoc into .corral/viewers/, unless they are there: the gateway carries them (assets.rs) and shows
# its interface with them at /docs and /redoc.
#
# Not here: how they are fetched (wheels.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/wheels.sh
. scripts/wheels.sh

main() {
  local wheel=drf_spectacular_sidecar/static/drf_spectacular_sidecar
  local swagger=$wheel/swagger-ui-dist redoc=$wheel/redoc
  # Those of another version go.
  (cd .corral 2>/dev/null && grep '  viewers/' ../scripts/wheels.sha256 | sha256sum --check --status 2>/dev/null) ||
    rm -rf .corral/viewers
  fetch drf-spectacular-sidecar \
    $swagger/swagger-ui-bundle.js viewers/swagger-ui-bundle.js \
    $swagger/swagger-ui.css viewers/swagger-ui.css \
    $swagger/LICENSE viewers/swagger-ui.LICENSE \
    $redoc/bundles/redoc.standalone.js viewers/redoc.standalone.js \
    $redoc/LICENSE viewers/redoc.LICENSE \
    $redoc/bundles/redoc.standalone.js.LICENSE.txt viewers/redoc.standalone.js.LICENSE.txt
  local file
  for file in .corral/viewers/{swagger-ui-bundle.js,swagger-ui.css,redoc.standalone.js}; do
    # Under its name only when it is whole.
    [[ -s $file.gz ]] && continue
    gzip -9nc "$file" >"$file.part"
    mv "$file.part" "$file.gz"
  done
}

main
