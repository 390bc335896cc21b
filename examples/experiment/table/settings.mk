# The settings of each stage: options as its program takes them (`recto digest table --help`). Write $$ for $ and \# for #.

# A table (CSV, TSV, JSON Lines, Parquet) or a list of URLs, one a line: a file, or the URL of one, which `make again` asks for anew.
TABLE := images.csv
ifneq ($(words $(TABLE)),1)
$(error settings.mk: TABLE must be the name of one file, without blanks)
endif

DIGEST := table '$(TABLE)' --url-column url --group-column group
# Files that the digest depends on.
INPUTS := $(if $(findstring ://,$(TABLE)),,$(TABLE))
EXTRACT :=
# Archives want to know who asks.
DOWNLOAD := --contact you@university.example
REFORMAT := -f hf --split train=0.8,val=0.1,test=0.1
