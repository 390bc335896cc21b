complete -c recto-download -s j -l jobs -d 'Images to download at the same time' -r
complete -c recto-download -l shard -d 'Download part I of N of the set, I from 0 to N-1' -r
complete -c recto-download -l deadline -d 'Stop before TIME' -r
complete -c recto-download -l lock -d 'Write to FILE which bytes the images have' -r -F
complete -c recto-download -l locked -d 'Publish only images that are byte for byte those of FILE, which --lock wrote' -r -F
complete -c recto-download -l retry-failed -d 'Of the images that failed before, try only those of this kind again, such as server or timeout' -r -f -a "not-found\t''
forbidden\t''
too-many\t''
server\t''
status\t''
network\t''
certificate\t''
timeout\t''
truncated\t''
damaged\t''
wrong-size\t''
not-an-image\t''
info\t''
unsupported\t''
checksum\t''
robots\t''
reserved\t''
budget\t''
disk\t''
placeholder\t''
too-small\t''"
complete -c recto-download -l lossless -d 'Whether JPEG regions are joined without decoding them' -r -f -a "prefer\t'Where possible; other regions are decoded and re-encoded'
require\t'Always; an image for which that is not possible is a failure'
off\t'Never; regions are decoded and re-encoded'"
complete -c recto-download -l tiles -d 'Which regions are requested of a service' -r -f -a "fewest\t'The fewest that the server accepts'
canonical\t'The tiles that info.json lists: those that caches and static servers have'"
complete -c recto-download -l regions -d 'Download only the parts of images that have boxes, each as an image of its own, from image services' -r -F
complete -c recto-download -l margin -d 'Pixels to add around each box, or a share of its sides such as 10%' -r
complete -c recto-download -l name -d 'Name files by fields in braces, such as \'{plate}_{frag}_{side}\'' -r
complete -c recto-download -l pack -d 'Put images into tar files instead of files of their own, for file systems that limit the number of files' -r -f -a "tar\t'Tar files, images-00000.tar and so on'"
complete -c recto-download -l pack-size -d 'The most bytes of a tar file, unless one image has more' -r
complete -c recto-download -l scratch -d 'With OUTPUT_DIR in an object store, the folder for work in progress' -r -F
complete -c recto-download -l orphans -d 'What to do with files whose images are no longer in the set' -r -f -a "count\t'Report their number'
list\t'List them'
move\t'Move them to `.recto/orphans`'"
complete -c recto-download -l changes -d 'With --refresh or --locked, list what is new, changed, gone or unknown in FILE' -r -F
complete -c recto-download -l drop-placeholder -d 'Leave out images whose file has this SHA-256, or is shared by N or more images of the set' -r
complete -c recto-download -l max-bytes -d 'The largest file accepted, such as 500MB' -r
complete -c recto-download -l max-width -d 'Scale wider images down to this width in pixels' -r
complete -c recto-download -l longest-side -d 'Scale images down to this length of their longer side in pixels' -r
complete -c recto-download -l shortest-side -d 'Scale images down to this length of their shorter side in pixels' -r
complete -c recto-download -l min-size -d 'Leave out images with a side shorter than this, in pixels' -r
complete -c recto-download -l format -d 'File type of the images' -r -f -a "keep\t'Bytes as the server sends them; joined regions become a JPEG, or a TIFF of them where a JPEG cannot hold them'
jpg\t'JPEG'
png\t'PNG'
tif\t'TIFF, uncompressed'"
complete -c recto-download -l image-map -d 'Write the map from image ids to file paths to FILE' -r -F
complete -c recto-download -l failures -d 'List images that could not be downloaded in FILE' -r -F
complete -c recto-download -l downloaded-images -d 'Write the paths of the images, one per line, to FILE' -r -F
complete -c recto-download -l report -d 'Write a JSON report of the numbers of records read, kept and rejected' -r -F
complete -c recto-download -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'A bar on a terminal, otherwise a line every minute'
bar\t'A bar; lines where stderr is not a terminal'
lines\t'A line every ten seconds, and when requests to a host have to wait'
json\t'JSON Lines: start, each image, totals every second, hosts with waiting requests, end'
none\t'Nothing'"
complete -c recto-download -l per-host -d 'Requests in flight to one host' -r
complete -c recto-download -l rate -d 'Requests per second to one host' -r
complete -c recto-download -l retries -d 'Retries after a temporary error' -r
complete -c recto-download -l backoff -d 'Seconds to wait before the first retry' -r
complete -c recto-download -l timeout -d 'Seconds to wait for the next byte of an answer' -r
complete -c recto-download -l connect-timeout -d 'Seconds to wait for a connection, at most those of --timeout' -r
complete -c recto-download -l give-up -d 'Stop requesting from a host for this run after N different URLs in a row that it refuses or fails to answer' -r
complete -c recto-download -l max-redirects -d 'Redirects to follow' -r
complete -c recto-download -l contact -d 'Your email address or web page, sent as part of the User-Agent' -r
complete -c recto-download -l header -d 'Send a header, such as \'X-API-Key' -r
complete -c recto-download -l bearer -d 'Send \'Authorization' -r
complete -c recto-download -l netrc -d 'Log in with the user names and passwords of a netrc file' -r
complete -c recto-download -l cookies -d 'Send the cookies of a file in Netscape\'s format, as browsers\' extensions and curl write it, each to its own host' -r -F
complete -c recto-download -l archives -d 'Request limits of archives, before those that recto knows' -r -F
complete -c recto-download -l budget -d 'Stop sending requests after requests=N, bytes=SIZE or time=LENGTH' -r
complete -c recto-download -l budget-store -d 'Share each host\'s rate limit and pauses with all programs that use the same Redis server' -r
complete -c recto-download -l rewrite -d 'Replace a URL prefix in requests' -r
complete -c recto-download -s o -l overwrite -d 'Download everything again'
complete -c recto-download -l verify -d 'First check every finished file by its SHA-256'
complete -c recto-download -l refresh -d 'Ask servers which finished files have changed, by ETag and date, and download those again'
complete -c recto-download -l forget -d 'With --refresh, do not keep the old bytes of changed files in `.recto/versions`'
complete -c recto-download -l break-lock -d 'With OUTPUT_DIR in an object store, take over the lock left by a run that was killed on another machine'
complete -c recto-download -l prune -d 'Move files that are no longer in the set or, with --refresh, no longer at the server to `.recto/pruned`, and leave them out of the image map'
complete -c recto-download -l keep-unread -d 'Keep files of types that recto cannot decode in `.recto/unread`'
complete -c recto-download -l dry-run -d 'Print how many requests, bytes and seconds this takes per host, and download nothing'
complete -c recto-download -l json -d 'With --dry-run, print a line of JSON for each host'
complete -c recto-download -l partial-ok -d 'Exit with code 0 even if some records were left out'
complete -c recto-download -s q -l quiet -d 'Print only errors on stderr'
complete -c recto-download -l csv-safe -d 'In CSV files, put an apostrophe before cells that spreadsheets would calculate'
complete -c recto-download -l insecure -d 'Accept any TLS certificate, unverified'
complete -c recto-download -l ignore-robots -d 'Request what robots.txt does not allow'
complete -c recto-download -l ignore-opt-out -d 'Download images although their owners opt out of text and data mining'
complete -c recto-download -l private-hosts -d 'Request private addresses'
complete -c recto-download -s h -l help -d 'Print help (see more with \'--help\')'
complete -c recto-download -s V -l version -d 'Print version'
