#!/bin/sh
# The same as the Makefile beside it, in a container: files are those of the folder it is called in, and belong to who calls it.
#   docker build -t recto /path/to/recto && sh docker.sh https://archive.example/iiif/manifest.json
set -eu
# 3: what is left out is left out for good. 75: a server was down; the same command goes on where this one ended.
recto() {
  docker run --rm --init --user "$(id -u):$(id -g)" --volume "$PWD:/data" recto "$@"
}
recto digest iiif "$1" --cache cache -o digest.json || { code=$?; [ $code = 3 ] || exit $code; }
recto extract digest.json --partial-ok
recto download localizations.json images || { code=$?; [ $code = 3 ] || exit $code; }
recto reformat localizations.json -f coco -o set --split train=0.8,val=0.2 --partial-ok
