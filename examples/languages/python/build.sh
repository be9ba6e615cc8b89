#!/bin/sh
# Builds the component: ./build.sh WIT OUT.wasm
set -eu
pip() { python3 -m pip --disable-pip-version-check install --quiet --root-user-action ignore --target "$@"; }
[ -d tools ] || pip tools -r requirements-build.txt
# Its parser in C cannot run in a component.
[ -d packages ] || pip packages --no-compile -r requirements.txt
rm -rf packages/_yaml packages/yaml/*.so
PYTHONPATH=tools tools/bin/componentize-py -d "$1" -w '%package' componentize --stub-wasi -p . -p packages app -o "$2"
