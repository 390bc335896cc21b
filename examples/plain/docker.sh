#!/bin/sh
# The same as the Makefile beside it, in a container: files are those of the folder it is called in, and belong to who calls it.
#   docker build -t recto /path/to/recto && sh docker.sh https://archive.example/iiif/manifest.json
set -eu
recto() {
  docker run --rm --init --user "$(id -u):$(id -g)" --volume "$PWD:/data" recto "$@"
}
recto digest iiif "$1" --cache cache --partial-ok -o digest.json
recto extract digest.json --partial-ok
recto download localizations.json images --partial-ok
recto reformat localizations.json -f coco -o set --split train=0.8,val=0.2 --partial-ok
