#!/bin/sh
# Unpacks the vendored wheels and the project's own metadata to where Python finds them (PYTHONPATH): the image has no pip.
set -eu
for wheel in vendor/*.whl; do
    python3 -m zipfile -e "$wheel" /tmp/site
done
version=$(sed -n 's/^Version: //p' PKG-INFO)
mkdir -p "/tmp/site/pg8000-$version.dist-info"
cp PKG-INFO "/tmp/site/pg8000-$version.dist-info/METADATA"
