complete -c recto-serve -l image-map -d 'The files of the images of LOCALIZATIONS' -r -F
complete -c recto-serve -s c -l config -d 'A configuration file, TOML' -r -F
complete -c recto-serve -l listen -d 'Address to listen on' -r
complete -c recto-serve -l base-url -d 'The start of all URIs that are served' -r
complete -c recto-serve -l path-prefix -d 'Prefix of all paths, such as /api/iiif, for a proxy that forwards paths unchanged' -r
complete -c recto-serve -l allow-host -d 'Answer to this host too, and take corrections from its pages' -r
complete -c recto-serve -l max-size -d 'The longest side of an answer in pixels, declared in info.json' -r
complete -c recto-serve -l max-pixels -d 'The most pixels of an answer, declared in info.json' -r
complete -c recto-serve -l memory -d 'Roughly how much memory to use' -r
complete -c recto-serve -l queue -d 'The most tiles that wait to be rendered, and also the most large images' -r
complete -c recto-serve -l max-age -d 'For how many seconds browsers may show an image again without asking whether it changed' -r
complete -c recto-serve -l max-connections -d 'The most open connections' -r
complete -c recto-serve -l client-timeout -d 'Close the connection to a client that neither sends nor receives anything for this many seconds' -r
complete -c recto-serve -l review -d 'Let people draw, move, rename and delete boxes in the browser' -r -F
complete -c recto-serve -l classes -d 'The classes of boxes, in the order of their keys and colours' -r -F
complete -c recto-serve -l purge -d 'Remove everything that the caches of --config hold for an image, and exit' -r
complete -c recto-serve -l file-timeout -d 'How many seconds a file may take to be opened' -r
complete -c recto-serve -l watch -d 'Look for new, changed and removed files, once in this many seconds' -r
complete -c recto-serve -l served -d 'Remember in FILE what is served, so that Change Discovery also reports what changed or disappeared while no server was running' -r -F
complete -c recto-serve -l access-log -d 'Append a line of JSON for every answer to FILE' -r -F
complete -c recto-serve -l prepared -d 'The folder of prepared files' -r -F
complete -c recto-serve -l report -d 'Write a JSON report of the numbers of records read, kept and rejected' -r -F
complete -c recto-serve -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'A bar on a terminal, otherwise a line every minute'
bar\t'A bar; lines where stderr is not a terminal'
lines\t'A line every ten seconds, and when requests to a host have to wait'
json\t'JSON Lines: start, each image, totals every second, hosts with waiting requests, end'
none\t'Nothing'"
complete -c recto-serve -l pdf -d 'The file' -r -F
complete -c recto-serve -l decode -d 'The image to decode' -r -F
complete -c recto-serve -l pdf-page -d 'The page to draw' -r
complete -c recto-serve -l pdf-dpi -d 'Resolution in pixels per inch' -r
complete -c recto-serve -l pdf-seconds -d 'Seconds of processor time that the work may take' -r
complete -c recto-serve -l url -d 'Print the canonical URLs of the image ID, of 3.0 and of 2.1, and serve nothing' -r
complete -c recto-serve -l region -d 'Which part' -r
complete -c recto-serve -l size -d 'Which size' -r
complete -c recto-serve -l rotation -d 'Degrees clockwise, with `!` before them to mirror' -r
complete -c recto-serve -l quality -d 'default, color, gray or bitonal' -r
complete -c recto-serve -l format -d 'jpg, png, tif, gif, webp or pdf' -r
complete -c recto-serve -l preset -d 'The derivative of the preset NAME, instead of the five options above' -r
complete -c recto-serve -l follow-links -d 'Serve images that are links to files outside DIR, and enter folders that are links'
complete -c recto-serve -l hash-token -d 'Read a token from standard input, print its hash for'
complete -c recto-serve -l undeclared-limit -d 'Do not declare --max-size, and answer larger requests with a smaller image, as some hosts do'
complete -c recto-serve -l no-upscale -d 'Enlarge no image'
complete -c recto-serve -l strict-within -d 'Refuse `!w,h` larger than the region unless `^` stands before it, as the official validator of Image API 3.0 does'
complete -c recto-serve -l review-by-anyone -d 'Let --review take corrections from everybody who can reach a server without `[auth]` that listens beyond this machine'
complete -c recto-serve -l prepare -d 'Make thumbnails of all images, and exit'
complete -c recto-serve -l pyramids -d 'With --prepare'
complete -c recto-serve -l partial-ok -d 'Exit with code 0 even if some records were left out'
complete -c recto-serve -s q -l quiet -d 'Print only errors on stderr'
complete -c recto-serve -l csv-safe -d 'In CSV files, put an apostrophe before cells that spreadsheets would calculate'
complete -c recto-serve -l info -d 'The URLs of info.json instead'
complete -c recto-serve -l manifest -d 'The URLs of the manifest that holds the image instead'
complete -c recto-serve -s h -l help -d 'Print help (see more with \'--help\')'
complete -c recto-serve -s V -l version -d 'Print version'
