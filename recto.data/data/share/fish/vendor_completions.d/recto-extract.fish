complete -c recto-extract -s o -l output -d 'Write the localizations to FILE' -r -F
complete -c recto-extract -l parquet -d 'Also write the images and their boxes to FILE as Parquet, for DuckDB, polars and other programs that query tables' -r -F
complete -c recto-extract -l rejects -d 'Write the list of records that were left out to FILE' -r -F
complete -c recto-extract -l class-from -d 'Where the class of a box comes from' -r
complete -c recto-extract -l outside -d 'What to do with a box that extends beyond its image' -r -f -a "clip\t'Keep the part inside the image'
reject\t'Leave the box out'"
complete -c recto-extract -l line-height -d 'Turn a line without an area, such as the baseline of a line of text, into a band of this height' -r
complete -c recto-extract -l point-size -d 'Make a square with sides of this length around a point, in units of the canvas' -r
complete -c recto-extract -l box-link -d 'In digests by m3-download' -r
complete -c recto-extract -l review -d 'Apply the corrections in a file by `recto-serve --review`, after those in the digests' -r -F
complete -c recto-extract -l motivation -d 'Use only annotations with this motivation, such as `tagging`' -r
complete -c recto-extract -l report -d 'Write a JSON report of the numbers of records read, kept and rejected' -r -F
complete -c recto-extract -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'A bar on a terminal, otherwise a line every minute'
bar\t'A bar; lines where stderr is not a terminal'
lines\t'A line every ten seconds, and when requests to a host have to wait'
json\t'JSON Lines: start, each image, totals every second, hosts with waiting requests, end'
none\t'Nothing'"
complete -c recto-extract -l repair-boxes -d 'In digests by m3-download'
complete -c recto-extract -l partial-ok -d 'Exit with code 0 even if some records were left out'
complete -c recto-extract -s q -l quiet -d 'Print only errors on stderr'
complete -c recto-extract -l csv-safe -d 'In CSV files, put an apostrophe before cells that spreadsheets would calculate'
complete -c recto-extract -s h -l help -d 'Print help (see more with \'--help\')'
complete -c recto-extract -s V -l version -d 'Print version'
