# The settings of each stage: options as its program takes them (`recto digest iiif --help`). Write $$ for $ and \# for #.

# A collection or manifest: the URL of its JSON, not of the page that shows it.
SOURCE := https://archive.example/iiif/collection.json

DIGEST := iiif '$(SOURCE)'
# Files that the digest depends on.
INPUTS :=
EXTRACT :=
# Archives want to know who asks.
DOWNLOAD := --contact you@university.example
# A few manifests cannot fill three splits: --group-by image divides their images, --split train=0.8,val=0.2 is for two.
REFORMAT := -f coco --split train=0.8,val=0.1,test=0.1
