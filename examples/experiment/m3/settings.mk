# The settings of each stage: options as its program takes them (`recto digest m3 --help`). Write $$ for $ and \# for #.

# Concepts as the knowledge base spells them; in quotes where they have spaces.
CONCEPTS := Sebastes

# The addresses of the services: m3-download's config.ini as it is, or --raziel URL, or --anno, --kb and --vam.
DIGEST := m3 $(CONCEPTS) --descendants --config config.ini
# Files that the digest depends on.
INPUTS := $(wildcard config.ini)
EXTRACT :=
# Your own servers: no pause between requests.
DOWNLOAD := --rate 0 --per-host 16
REFORMAT := -f yolo --split train=0.8,val=0.1,test=0.1
