#!/usr/bin/env bash
# Scans what the chart renders, with every values file of ci/.
set -euo pipefail
cd "$(dirname "$0")/.."

rendered=$(mktemp -d)
trap 'rm -rf "$rendered"' EXIT
for values in charts/certctl/ci/*-values.yaml; do
  name=$(basename "$values" -values.yaml)
  .cache/helm/helm-4.* template certctl charts/certctl --namespace certctl --values "$values" >"$rendered/$name.yaml"
done
.cache/checkov/bin/checkov --config-file charts/checkov.yaml --skip-download --directory "$rendered"
echo "checkov has nothing to say"
