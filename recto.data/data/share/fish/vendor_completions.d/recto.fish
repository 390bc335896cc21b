# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_recto_global_optspecs
    string join \n h/help V/version
end

function __fish_recto_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_recto_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_recto_using_subcommand
    set -l cmd (__fish_recto_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c recto -n "__fish_recto_needs_command" -s h -l help -d 'Print help'
complete -c recto -n "__fish_recto_needs_command" -s V -l version -d 'Print version'
complete -c recto -n "__fish_recto_needs_command" -f -a "digest" -d 'List the images of a source with their annotations, for all later stages'
complete -c recto -n "__fish_recto_needs_command" -f -a "extract" -d 'Turn digests into localizations: boxes with classes, one entry per image'
complete -c recto -n "__fish_recto_needs_command" -f -a "download" -d 'Download the images of a localizations.json, complete and in full resolution'
complete -c recto -n "__fish_recto_needs_command" -f -a "reformat" -d 'Write images and their boxes as a training set'
complete -c recto -n "__fish_recto_needs_command" -f -a "serve" -d 'Serve a folder of images or a downloaded set over IIIF (Image API 2.1 and 3.0, Presentation API 2.1 and 3.0, Content Search 2.0) and as web pages where boxes can be viewed and corrected'
complete -c recto -n "__fish_recto_needs_command" -f -a "shard" -d 'Divide a set among workers, merge their downloads, report their progress'
complete -c recto -n "__fish_recto_needs_command" -f -a "demo" -d 'Draw an archive of scroll fragments, serve it on this machine, and make training sets of it'
complete -c recto -n "__fish_recto_needs_command" -f -a "diff" -d 'Show the differences between two sets, folders or datasets'
complete -c recto -n "__fish_recto_needs_command" -f -a "export" -d 'Write references to images for git-annex, DataLad or DVC'
complete -c recto -n "__fish_recto_needs_command" -f -a "init" -d 'Write a folder for an experiment: Makefile, settings, README'
complete -c recto -n "__fish_recto_needs_command" -f -a "doctor" -d 'Check proxy, certificates, disk, limits, and whether hosts answer'
complete -c recto -n "__fish_recto_needs_command" -f -a "config" -d 'Print the settings of recto.toml and of the environment, and where each is set'
complete -c recto -n "__fish_recto_needs_command" -f -a "completions" -d 'Print the completions of all programs for a shell'
complete -c recto -n "__fish_recto_needs_command" -f -a "man" -d 'Write man pages of all programs into a folder'
complete -c recto -n "__fish_recto_using_subcommand digest" -s o -l output -d 'Write the digest to FILE' -r -F
complete -c recto -n "__fish_recto_using_subcommand digest" -l label -d 'Keep images if the label of the image, canvas or manifest matches' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l where -d 'Keep images by metadata, or by label, manifest, canvas, group, rights, id, url, service' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l review -d 'Copy the corrections in a file by `recto-serve --review` into the digest, if they are of images that are kept' -r -F
complete -c recto -n "__fish_recto_using_subcommand digest" -l limit -d 'Keep only the first N images' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l cache -d 'Keep fetched documents in DIR, and fetch them again only if they have changed' -r -F
complete -c recto -n "__fish_recto_using_subcommand digest" -l activities -d 'Read a stream of activities' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l since -d 'When the cache was last filled, a date or a time in RFC 3339, such as 2026-03-01' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l lock -d 'Write to FILE which documents the digest was made from' -r -F
complete -c recto -n "__fish_recto_using_subcommand digest" -l locked -d 'Compare the documents with FILE, which --lock wrote' -r -F
complete -c recto -n "__fish_recto_using_subcommand digest" -l changes -d 'With --locked, list the documents that are new, changed or gone in FILE' -r -F
complete -c recto -n "__fish_recto_using_subcommand digest" -l max-document -d 'Largest document that is read, in MB' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l shard -d 'Fetch only part I of N of the documents, I from 0 to N-1, into --cache, and write no digest' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -s j -l jobs -d 'Documents read at the same time' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l rejects -d 'Write the list of records that were left out to FILE' -r -F
complete -c recto -n "__fish_recto_using_subcommand digest" -l report -d 'Write a JSON report of the numbers of records read, kept and rejected' -r -F
complete -c recto -n "__fish_recto_using_subcommand digest" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'A bar on a terminal, otherwise a line every minute'
bar\t'A bar; lines where stderr is not a terminal'
lines\t'A line every ten seconds, and when requests to a host have to wait'
json\t'JSON Lines: start, each image, totals every second, hosts with waiting requests, end'
none\t'Nothing'"
complete -c recto -n "__fish_recto_using_subcommand digest" -l id-column -d 'Column with identifiers of a IIIF image server, with --service-prefix' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l service-prefix -d 'URL to put before the identifiers to get the base URLs of image services' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l service-column -d 'Column with the base URLs of IIIF image services' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l url-column -d 'Column with URLs of image files' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l url-template -d 'URL of the image file with columns in braces, such as \'https://host/{photo_id}/medium.{extension}\'' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l fallback-column -d 'Column with another URL of the same image, tried where the first cannot be downloaded' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l sha256-column -d 'Column with the SHA-256 of the image file' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l group-column -d 'Column with the group of the image' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l label-column -d 'Column with the label of the image' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l service-version -d 'Version of the Image API of the services' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l delimiter -d 'Character between the cells of a row, or tab' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l encoding -d 'Encoding of the text, such as windows-1252' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l decimal -d 'Decimal mark of numbers in CSV' -r -f -a "point\t'1234.5'
comma\t'1234,5 and 1.234,5'"
complete -c recto -n "__fish_recto_using_subcommand digest" -l split-cell -d 'Text between several images in one cell, such as \'|\' or \'' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l text -d 'Which of the transcriptions of an image are read, of those that manifests and canvases link to and of those of --text-files' -r -f -a "auto\t'One kind for each image: the first that it has of page, alto, hocr'
page\t'Only PAGE'
alto\t'Only ALTO'
hocr\t'Only hOCR'
none\t'None of them'"
complete -c recto -n "__fish_recto_using_subcommand digest" -l text-granularity -d 'Read only these parts of transcriptions, which saves memory' -r -f -a "page\t'Borders of pages'
block\t'Regions: of text, illustrations, tables, separators'
paragraph\t'Paragraphs within regions'
line\t'Lines'
word\t'Words'
glyph\t'Characters'"
complete -c recto -n "__fish_recto_using_subcommand digest" -l text-files -d 'Also read ALTO, PAGE or hOCR from a file or from all files below a folder' -r -F
complete -c recto -n "__fish_recto_using_subcommand digest" -l images -d 'Where the images are' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l classes -d 'Names of classes by number' -r -F
complete -c recto -n "__fish_recto_using_subcommand digest" -l class-attribute -d 'Attribute of the regions that is their class' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l concept -d 'A concept to search for' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l page-size -d 'Records per request' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -s c -l config -d 'File with the URLs of the services' -r -F
complete -c recto -n "__fish_recto_using_subcommand digest" -l anno -d 'Base URL of annosaurus, such as http://HOST/anno/v1' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l kb -d 'Base URL of the knowledge base, such as http://HOST/kb/v1, for synonyms, descendants and ranks' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l vam -d 'Base URL of vampire-squid, such as http://HOST/vam/v1, for dives, which become groups' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l raziel -d 'Base URL of raziel, such as http://HOST/config, which names the services that are not set otherwise' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l login -d 'Log in to a service first, with a name and password from a netrc file or typed in' -r -f -a "raziel\t''"
complete -c recto -n "__fish_recto_using_subcommand digest" -l box-link -d 'Link name of associations that hold boxes, besides `bounding box`' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l prefer -d 'Which image of a moment its boxes are put on' -r -f -a "one\t'The image that they name; if they name several of the same size, all go on one of these, PNG before JPEG'
own\t'Always the image that each box names'
png\t'A PNG of the same size, if there is one'
jpg\t'A JPEG of the same size, if there is one'"
complete -c recto -n "__fish_recto_using_subcommand digest" -l base -d 'Base URL of the service' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l provider -d 'Taxonomy for --descendants, one of those that the service lists' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l per-host -d 'Requests in flight to one host' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l rate -d 'Requests per second to one host' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l retries -d 'Retries after a temporary error' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l backoff -d 'Seconds to wait before the first retry' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l timeout -d 'Seconds to wait for the next byte of an answer' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l connect-timeout -d 'Seconds to wait for a connection, at most those of --timeout' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l give-up -d 'Stop requesting from a host for this run after N different URLs in a row that it refuses or fails to answer' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l max-redirects -d 'Redirects to follow' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l contact -d 'Your email address or web page, sent as part of the User-Agent' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l header -d 'Send a header, such as \'X-API-Key' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l bearer -d 'Send \'Authorization' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l netrc -d 'Log in with the user names and passwords of a netrc file' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l cookies -d 'Send the cookies of a file in Netscape\'s format, as browsers\' extensions and curl write it, each to its own host' -r -F
complete -c recto -n "__fish_recto_using_subcommand digest" -l archives -d 'Request limits of archives, before those that recto knows' -r -F
complete -c recto -n "__fish_recto_using_subcommand digest" -l budget -d 'Stop sending requests after requests=N, bytes=SIZE or time=LENGTH' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l budget-store -d 'Share each host\'s rate limit and pauses with all programs that use the same Redis server' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l rewrite -d 'Replace a URL prefix in requests' -r
complete -c recto -n "__fish_recto_using_subcommand digest" -l offline -d 'Do not use the network'
complete -c recto -n "__fish_recto_using_subcommand digest" -l no-annotations -d 'Do not fetch annotations in documents of their own'
complete -c recto -n "__fish_recto_using_subcommand digest" -l partial-ok -d 'Exit with code 0 even if some records were left out'
complete -c recto -n "__fish_recto_using_subcommand digest" -s q -l quiet -d 'Print only errors on stderr'
complete -c recto -n "__fish_recto_using_subcommand digest" -l csv-safe -d 'In CSV files, put an apostrophe before cells that spreadsheets would calculate'
complete -c recto -n "__fish_recto_using_subcommand digest" -l voc-inclusive -d 'Corners are counted as in the devkit of VOC'
complete -c recto -n "__fish_recto_using_subcommand digest" -s d -l descendants -d 'Also search for everything below the concepts in the tree'
complete -c recto -n "__fish_recto_using_subcommand digest" -s a -l all -d 'Keep the boxes of all concepts on the images found, not only of those searched for'
complete -c recto -n "__fish_recto_using_subcommand digest" -l overlays -d 'Use images with burnt-in text if a moment does not have another image'
complete -c recto -n "__fish_recto_using_subcommand digest" -l no-parts -d 'Name boxes around a part of an animal after the animal, without the part'
complete -c recto -n "__fish_recto_using_subcommand digest" -l repair-boxes -d 'Also accept boxes whose numbers have decimals, are strings or are shares of the image, that begin outside their image, or whose JSON is encoded twice, nested or similar to JSON'
complete -c recto -n "__fish_recto_using_subcommand digest" -l unpictured -d 'Also read observations of moments without an image, to list boxes that were drawn only on video'
complete -c recto -n "__fish_recto_using_subcommand digest" -l unboxed -d 'Also keep images without boxes, with their concepts as labels of the whole image'
complete -c recto -n "__fish_recto_using_subcommand digest" -l include-rejected -d 'Also keep boxes that reviewers rejected'
complete -c recto -n "__fish_recto_using_subcommand digest" -l insecure -d 'Accept any TLS certificate, unverified'
complete -c recto -n "__fish_recto_using_subcommand digest" -l ignore-robots -d 'Request what robots.txt does not allow'
complete -c recto -n "__fish_recto_using_subcommand digest" -l ignore-opt-out -d 'Download images although their owners opt out of text and data mining'
complete -c recto -n "__fish_recto_using_subcommand digest" -l private-hosts -d 'Request private addresses'
complete -c recto -n "__fish_recto_using_subcommand digest" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c recto -n "__fish_recto_using_subcommand digest" -s V -l version -d 'Print version'
complete -c recto -n "__fish_recto_using_subcommand extract" -s o -l output -d 'Write the localizations to FILE' -r -F
complete -c recto -n "__fish_recto_using_subcommand extract" -l parquet -d 'Also write the images and their boxes to FILE as Parquet, for DuckDB, polars and other programs that query tables' -r -F
complete -c recto -n "__fish_recto_using_subcommand extract" -l rejects -d 'Write the list of records that were left out to FILE' -r -F
complete -c recto -n "__fish_recto_using_subcommand extract" -l class-from -d 'Where the class of a box comes from' -r
complete -c recto -n "__fish_recto_using_subcommand extract" -l outside -d 'What to do with a box that extends beyond its image' -r -f -a "clip\t'Keep the part inside the image'
reject\t'Leave the box out'"
complete -c recto -n "__fish_recto_using_subcommand extract" -l line-height -d 'Turn a line without an area, such as the baseline of a line of text, into a band of this height' -r
complete -c recto -n "__fish_recto_using_subcommand extract" -l point-size -d 'Make a square with sides of this length around a point, in units of the canvas' -r
complete -c recto -n "__fish_recto_using_subcommand extract" -l box-link -d 'In digests by m3-download' -r
complete -c recto -n "__fish_recto_using_subcommand extract" -l review -d 'Apply the corrections in a file by `recto-serve --review`, after those in the digests' -r -F
complete -c recto -n "__fish_recto_using_subcommand extract" -l motivation -d 'Use only annotations with this motivation, such as `tagging`' -r
complete -c recto -n "__fish_recto_using_subcommand extract" -l report -d 'Write a JSON report of the numbers of records read, kept and rejected' -r -F
complete -c recto -n "__fish_recto_using_subcommand extract" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'A bar on a terminal, otherwise a line every minute'
bar\t'A bar; lines where stderr is not a terminal'
lines\t'A line every ten seconds, and when requests to a host have to wait'
json\t'JSON Lines: start, each image, totals every second, hosts with waiting requests, end'
none\t'Nothing'"
complete -c recto -n "__fish_recto_using_subcommand extract" -l repair-boxes -d 'In digests by m3-download'
complete -c recto -n "__fish_recto_using_subcommand extract" -l partial-ok -d 'Exit with code 0 even if some records were left out'
complete -c recto -n "__fish_recto_using_subcommand extract" -s q -l quiet -d 'Print only errors on stderr'
complete -c recto -n "__fish_recto_using_subcommand extract" -l csv-safe -d 'In CSV files, put an apostrophe before cells that spreadsheets would calculate'
complete -c recto -n "__fish_recto_using_subcommand extract" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c recto -n "__fish_recto_using_subcommand extract" -s V -l version -d 'Print version'
complete -c recto -n "__fish_recto_using_subcommand download" -s j -l jobs -d 'Images to download at the same time' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l shard -d 'Download part I of N of the set, I from 0 to N-1' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l deadline -d 'Stop before TIME' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l lock -d 'Write to FILE which bytes the images have' -r -F
complete -c recto -n "__fish_recto_using_subcommand download" -l locked -d 'Publish only images that are byte for byte those of FILE, which --lock wrote' -r -F
complete -c recto -n "__fish_recto_using_subcommand download" -l retry-failed -d 'Of the images that failed before, try only those of this kind again, such as server or timeout' -r -f -a "not-found\t''
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
complete -c recto -n "__fish_recto_using_subcommand download" -l lossless -d 'Whether JPEG regions are joined without decoding them' -r -f -a "prefer\t'Where possible; other regions are decoded and re-encoded'
require\t'Always; an image for which that is not possible is a failure'
off\t'Never; regions are decoded and re-encoded'"
complete -c recto -n "__fish_recto_using_subcommand download" -l tiles -d 'Which regions are requested of a service' -r -f -a "fewest\t'The fewest that the server accepts'
canonical\t'The tiles that info.json lists: those that caches and static servers have'"
complete -c recto -n "__fish_recto_using_subcommand download" -l regions -d 'Download only the parts of images that have boxes, each as an image of its own, from image services' -r -F
complete -c recto -n "__fish_recto_using_subcommand download" -l margin -d 'Pixels to add around each box, or a share of its sides such as 10%' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l name -d 'Name files by fields in braces, such as \'{plate}_{frag}_{side}\'' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l pack -d 'Put images into tar files instead of files of their own, for file systems that limit the number of files' -r -f -a "tar\t'Tar files, images-00000.tar and so on'"
complete -c recto -n "__fish_recto_using_subcommand download" -l pack-size -d 'The most bytes of a tar file, unless one image has more' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l scratch -d 'With OUTPUT_DIR in an object store, the folder for work in progress' -r -F
complete -c recto -n "__fish_recto_using_subcommand download" -l orphans -d 'What to do with files whose images are no longer in the set' -r -f -a "count\t'Report their number'
list\t'List them'
move\t'Move them to `.recto/orphans`'"
complete -c recto -n "__fish_recto_using_subcommand download" -l changes -d 'With --refresh or --locked, list what is new, changed, gone or unknown in FILE' -r -F
complete -c recto -n "__fish_recto_using_subcommand download" -l drop-placeholder -d 'Leave out images whose file has this SHA-256, or is shared by N or more images of the set' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l max-bytes -d 'The largest file accepted, such as 500MB' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l max-width -d 'Scale wider images down to this width in pixels' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l longest-side -d 'Scale images down to this length of their longer side in pixels' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l shortest-side -d 'Scale images down to this length of their shorter side in pixels' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l min-size -d 'Leave out images with a side shorter than this, in pixels' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l format -d 'File type of the images' -r -f -a "keep\t'Bytes as the server sends them; joined regions become a JPEG, or a TIFF of them where a JPEG cannot hold them'
jpg\t'JPEG'
png\t'PNG'
tif\t'TIFF, uncompressed'"
complete -c recto -n "__fish_recto_using_subcommand download" -l image-map -d 'Write the map from image ids to file paths to FILE' -r -F
complete -c recto -n "__fish_recto_using_subcommand download" -l failures -d 'List images that could not be downloaded in FILE' -r -F
complete -c recto -n "__fish_recto_using_subcommand download" -l downloaded-images -d 'Write the paths of the images, one per line, to FILE' -r -F
complete -c recto -n "__fish_recto_using_subcommand download" -l report -d 'Write a JSON report of the numbers of records read, kept and rejected' -r -F
complete -c recto -n "__fish_recto_using_subcommand download" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'A bar on a terminal, otherwise a line every minute'
bar\t'A bar; lines where stderr is not a terminal'
lines\t'A line every ten seconds, and when requests to a host have to wait'
json\t'JSON Lines: start, each image, totals every second, hosts with waiting requests, end'
none\t'Nothing'"
complete -c recto -n "__fish_recto_using_subcommand download" -l per-host -d 'Requests in flight to one host' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l rate -d 'Requests per second to one host' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l retries -d 'Retries after a temporary error' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l backoff -d 'Seconds to wait before the first retry' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l timeout -d 'Seconds to wait for the next byte of an answer' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l connect-timeout -d 'Seconds to wait for a connection, at most those of --timeout' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l give-up -d 'Stop requesting from a host for this run after N different URLs in a row that it refuses or fails to answer' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l max-redirects -d 'Redirects to follow' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l contact -d 'Your email address or web page, sent as part of the User-Agent' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l header -d 'Send a header, such as \'X-API-Key' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l bearer -d 'Send \'Authorization' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l netrc -d 'Log in with the user names and passwords of a netrc file' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l cookies -d 'Send the cookies of a file in Netscape\'s format, as browsers\' extensions and curl write it, each to its own host' -r -F
complete -c recto -n "__fish_recto_using_subcommand download" -l archives -d 'Request limits of archives, before those that recto knows' -r -F
complete -c recto -n "__fish_recto_using_subcommand download" -l budget -d 'Stop sending requests after requests=N, bytes=SIZE or time=LENGTH' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l budget-store -d 'Share each host\'s rate limit and pauses with all programs that use the same Redis server' -r
complete -c recto -n "__fish_recto_using_subcommand download" -l rewrite -d 'Replace a URL prefix in requests' -r
complete -c recto -n "__fish_recto_using_subcommand download" -s o -l overwrite -d 'Download everything again'
complete -c recto -n "__fish_recto_using_subcommand download" -l verify -d 'First check every finished file by its SHA-256'
complete -c recto -n "__fish_recto_using_subcommand download" -l refresh -d 'Ask servers which finished files have changed, by ETag and date, and download those again'
complete -c recto -n "__fish_recto_using_subcommand download" -l forget -d 'With --refresh, do not keep the old bytes of changed files in `.recto/versions`'
complete -c recto -n "__fish_recto_using_subcommand download" -l break-lock -d 'With OUTPUT_DIR in an object store, take over the lock left by a run that was killed on another machine'
complete -c recto -n "__fish_recto_using_subcommand download" -l prune -d 'Move files that are no longer in the set or, with --refresh, no longer at the server to `.recto/pruned`, and leave them out of the image map'
complete -c recto -n "__fish_recto_using_subcommand download" -l keep-unread -d 'Keep files of types that recto cannot decode in `.recto/unread`'
complete -c recto -n "__fish_recto_using_subcommand download" -l dry-run -d 'Print how many requests, bytes and seconds this takes per host, and download nothing'
complete -c recto -n "__fish_recto_using_subcommand download" -l json -d 'With --dry-run, print a line of JSON for each host'
complete -c recto -n "__fish_recto_using_subcommand download" -l partial-ok -d 'Exit with code 0 even if some records were left out'
complete -c recto -n "__fish_recto_using_subcommand download" -s q -l quiet -d 'Print only errors on stderr'
complete -c recto -n "__fish_recto_using_subcommand download" -l csv-safe -d 'In CSV files, put an apostrophe before cells that spreadsheets would calculate'
complete -c recto -n "__fish_recto_using_subcommand download" -l insecure -d 'Accept any TLS certificate, unverified'
complete -c recto -n "__fish_recto_using_subcommand download" -l ignore-robots -d 'Request what robots.txt does not allow'
complete -c recto -n "__fish_recto_using_subcommand download" -l ignore-opt-out -d 'Download images although their owners opt out of text and data mining'
complete -c recto -n "__fish_recto_using_subcommand download" -l private-hosts -d 'Request private addresses'
complete -c recto -n "__fish_recto_using_subcommand download" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c recto -n "__fish_recto_using_subcommand download" -s V -l version -d 'Print version'
complete -c recto -n "__fish_recto_using_subcommand reformat" -s f -l format -d 'The format of the dataset' -r -f -a "csv\t'one wide table, a row per box, with all metadata'
coco\t'COCO instances JSON, one per split, beside images/'
voc\t'Pascal VOC, an XML file per image below VOCdevkit/VOC2012'
tf\t'TFRecord shards for the TF Object Detection API, and label_map.pbtxt'
yolo\t'Ultralytics\' images/, labels/ and data.yaml, detection rows'
yolo-seg\t'the same with outlines, segmentation rows'
yolo-obb\t'the same with the smallest rotated rectangles around outlines'
hf\t'Hugging Face\'s image folder: images and metadata.jsonl per split'
parquet\t'Parquet shards in the types of Hugging Face\'s datasets: images, boxes, outlines, class names'
webdataset\t'tar shards, an image and a JSON per sample, as webdataset and datasets stream them'
crops\t'every box cut out, in a folder of its class per split, for classifiers'
lines\t'every line of text cut out, with its text, for text recognition'
alto\t'ALTO 4, an XML file beside each image: regions, lines, words and their text'
page\t'PAGE 2019, an XML file beside each image: regions, lines, words and their text'
roboflow\t'COCO in RF-DETR\'s layout: train/, valid/ and test/, each with its images'
labelstudio\t'tasks for Label Studio with rectangles, polygons and texts, and their labelling interface'
cvat\t'CVAT for images 1.1: annotations.xml with boxes and polygons, beside images/'
labelme\t'a JSON document of labelme 5 beside each image, and labels.txt'
iiif\t'annotation pages of IIIF Presentation 3 for the archive\'s canvases, and pages.csv'
vgg\t'the metadata CSV of VGG\'s image tools, a row per image, no boxes'
counts\t'how often each class occurs, per split: a CSV, and a table to read'
sheet\t'a contact sheet PNG with the boxes drawn, to look at'
report\t'one HTML file that shows what is in the set, to look at before training'"
complete -c recto -n "__fish_recto_using_subcommand reformat" -s o -l output -d 'Folder to create' -r -F
complete -c recto -n "__fish_recto_using_subcommand reformat" -l image-map -d 'The image map of `recto-download`' -r -F
complete -c recto -n "__fish_recto_using_subcommand reformat" -l images -d 'How image files get into the output folder' -r -f -a "link\t'As hard links, which take no space; as copies where the disk cannot link'
copy\t'As copies, which take no space where the disk can share blocks'
none\t'Not at all: write annotations only'"
complete -c recto -n "__fish_recto_using_subcommand reformat" -l crop-margin -d 'crops' -r
complete -c recto -n "__fish_recto_using_subcommand reformat" -l line-mask -d 'lines' -r -f -a "white\t'They become white'
black\t'They become black'
none\t'They stay'"
complete -c recto -n "__fish_recto_using_subcommand reformat" -l keypoints -d 'coco' -r
complete -c recto -n "__fish_recto_using_subcommand reformat" -l shard-mb -d 'tf, parquet, webdataset' -r
complete -c recto -n "__fish_recto_using_subcommand reformat" -l iiif-base -d 'iiif' -r
complete -c recto -n "__fish_recto_using_subcommand reformat" -l sheet-images -d 'sheet, report' -r
complete -c recto -n "__fish_recto_using_subcommand reformat" -l published -d 'The date of publication in croissant.json, such as 2026-01-31' -r
complete -c recto -n "__fish_recto_using_subcommand reformat" -l previous -d 'The earlier version of this set' -r -F
complete -c recto -n "__fish_recto_using_subcommand reformat" -s j -l jobs -d 'Threads that read and cut images' -r
complete -c recto -n "__fish_recto_using_subcommand reformat" -l shard -d 'Only make the pictures of part I of N, I from 0, in OUTPUT.shards' -r
complete -c recto -n "__fish_recto_using_subcommand reformat" -l rejects -d 'Write the list of records that were left out to FILE' -r -F
complete -c recto -n "__fish_recto_using_subcommand reformat" -l report -d 'Write a JSON report of the numbers of records read, kept and rejected' -r -F
complete -c recto -n "__fish_recto_using_subcommand reformat" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'A bar on a terminal, otherwise a line every minute'
bar\t'A bar; lines where stderr is not a terminal'
lines\t'A line every ten seconds, and when requests to a host have to wait'
json\t'JSON Lines: start, each image, totals every second, hosts with waiting requests, end'
none\t'Nothing'"
complete -c recto -n "__fish_recto_using_subcommand reformat" -l split -d 'Split the images by shares, such as `train=0.8,val=0.1,test=0.1`' -r
complete -c recto -n "__fish_recto_using_subcommand reformat" -l seed -d 'Random seed of the split' -r
complete -c recto -n "__fish_recto_using_subcommand reformat" -l split-like -d 'Keep every image and group in the split that it had in an earlier set, and distribute only what is new' -r -F
complete -c recto -n "__fish_recto_using_subcommand reformat" -l split-by -d 'Split as the source says' -r
complete -c recto -n "__fish_recto_using_subcommand reformat" -l group-by -d 'Images with the same value of these keys are a group, in place of the groups of the source' -r
complete -c recto -n "__fish_recto_using_subcommand reformat" -l stratify -d 'Give every split its share of each class too, as far as whole groups allow' -r -f -a "class\t'The boxes of each class of the source'"
complete -c recto -n "__fish_recto_using_subcommand reformat" -l near-duplicates -d 'What to do with images that look alike' -r -f -a "group\t'Keep their groups together, and list them'
report\t'List them'
off\t'Do not look for them'"
complete -c recto -n "__fish_recto_using_subcommand reformat" -l near-duplicates-distance -d '--near-duplicates' -r
complete -c recto -n "__fish_recto_using_subcommand reformat" -l negatives -d 'What to do with images without boxes' -r
complete -c recto -n "__fish_recto_using_subcommand reformat" -l unboxed -d 'What to do with images that are annotated and have no box' -r -f -a "keep\t'Write them like images without boxes'
drop\t'Leave them out of sets for detectors'"
complete -c recto -n "__fish_recto_using_subcommand reformat" -l merge-equal -d 'Merge boxes of the same class whose intersection over union is at least IOU' -r
complete -c recto -n "__fish_recto_using_subcommand reformat" -l min-box -d 'Leave out boxes with a side of fewer pixels' -r
complete -c recto -n "__fish_recto_using_subcommand reformat" -l min-image -d 'Leave out images with a side of fewer pixels' -r
complete -c recto -n "__fish_recto_using_subcommand reformat" -l exif-boxes -d 'On which image boxes were drawn, where the file has an EXIF orientation and its size does not show that' -r -f -a "stored\t'On the image as stored, as programs see it that ignore EXIF'
turned\t'On the image as rotated or mirrored by EXIF, as viewers show it'"
complete -c recto -n "__fish_recto_using_subcommand reformat" -l tiles -d 'Cut images into tiles with sides of this many pixels, for detectors' -r
complete -c recto -n "__fish_recto_using_subcommand reformat" -l overlap -d 'Minimum overlap of neighbouring tiles, in pixels' -r
complete -c recto -n "__fish_recto_using_subcommand reformat" -l min-visible -d 'Keep a box on a tile that shows at least this share of the box' -r
complete -c recto -n "__fish_recto_using_subcommand reformat" -l remap -d 'Rename, merge or drop classes' -r -F
complete -c recto -n "__fish_recto_using_subcommand reformat" -l keep -d 'Keep only the boxes of these classes, after --remap and --to-rank' -r
complete -c recto -n "__fish_recto_using_subcommand reformat" -l min-count -d 'Leave out classes with fewer boxes' -r
complete -c recto -n "__fish_recto_using_subcommand reformat" -l classes -d 'Give classes the ids that they have in this list, whether they occur or not' -r -F
complete -c recto -n "__fish_recto_using_subcommand reformat" -l to-rank -d 'After --remap, roll classes up to their taxon of this rank, such as `genus`' -r
complete -c recto -n "__fish_recto_using_subcommand reformat" -l taxonomy-file -d 'Use this taxonomy instead of that in LOCALIZATIONS' -r -F
complete -c recto -n "__fish_recto_using_subcommand reformat" -l supercategory -d 'coco' -r
complete -c recto -n "__fish_recto_using_subcommand reformat" -l no-val -d 'yolo'
complete -c recto -n "__fish_recto_using_subcommand reformat" -l voc-inclusive -d 'voc'
complete -c recto -n "__fish_recto_using_subcommand reformat" -l crop-square -d 'crops'
complete -c recto -n "__fish_recto_using_subcommand reformat" -l rectify -d 'lines'
complete -c recto -n "__fish_recto_using_subcommand reformat" -l no-croissant -d 'Do not write croissant.json, the description of the set for programs'
complete -c recto -n "__fish_recto_using_subcommand reformat" -l total -d 'counts'
complete -c recto -n "__fish_recto_using_subcommand reformat" -l from-shards -d 'Write the set from the parts that workers have made with --shard, and remove these'
complete -c recto -n "__fish_recto_using_subcommand reformat" -l partial-ok -d 'Exit with code 0 even if some records were left out'
complete -c recto -n "__fish_recto_using_subcommand reformat" -s q -l quiet -d 'Print only errors on stderr'
complete -c recto -n "__fish_recto_using_subcommand reformat" -l csv-safe -d 'In CSV files, put an apostrophe before cells that spreadsheets would calculate'
complete -c recto -n "__fish_recto_using_subcommand reformat" -l remap-descendants -d 'Apply an entry of --remap also to everything below it in the taxonomy, unless there is a nearer entry'
complete -c recto -n "__fish_recto_using_subcommand reformat" -l to-rank-strict -d 'Leave out the boxes of classes without a taxon of the rank of --to-rank'
complete -c recto -n "__fish_recto_using_subcommand reformat" -l taxonomy -d 'Write the ranks above each class'
complete -c recto -n "__fish_recto_using_subcommand reformat" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c recto -n "__fish_recto_using_subcommand reformat" -s V -l version -d 'Print version'
complete -c recto -n "__fish_recto_using_subcommand serve" -l image-map -d 'The files of the images of LOCALIZATIONS' -r -F
complete -c recto -n "__fish_recto_using_subcommand serve" -s c -l config -d 'A configuration file, TOML' -r -F
complete -c recto -n "__fish_recto_using_subcommand serve" -l listen -d 'Address to listen on' -r
complete -c recto -n "__fish_recto_using_subcommand serve" -l base-url -d 'The start of all URIs that are served' -r
complete -c recto -n "__fish_recto_using_subcommand serve" -l path-prefix -d 'Prefix of all paths, such as /api/iiif, for a proxy that forwards paths unchanged' -r
complete -c recto -n "__fish_recto_using_subcommand serve" -l allow-host -d 'Answer to this host too, and take corrections from its pages' -r
complete -c recto -n "__fish_recto_using_subcommand serve" -l max-size -d 'The longest side of an answer in pixels, declared in info.json' -r
complete -c recto -n "__fish_recto_using_subcommand serve" -l max-pixels -d 'The most pixels of an answer, declared in info.json' -r
complete -c recto -n "__fish_recto_using_subcommand serve" -l memory -d 'Roughly how much memory to use' -r
complete -c recto -n "__fish_recto_using_subcommand serve" -l queue -d 'The most tiles that wait to be rendered, and also the most large images' -r
complete -c recto -n "__fish_recto_using_subcommand serve" -l max-age -d 'For how many seconds browsers may show an image again without asking whether it changed' -r
complete -c recto -n "__fish_recto_using_subcommand serve" -l max-connections -d 'The most open connections' -r
complete -c recto -n "__fish_recto_using_subcommand serve" -l client-timeout -d 'Close the connection to a client that neither sends nor receives anything for this many seconds' -r
complete -c recto -n "__fish_recto_using_subcommand serve" -l review -d 'Let people draw, move, rename and delete boxes in the browser' -r -F
complete -c recto -n "__fish_recto_using_subcommand serve" -l classes -d 'The classes of boxes, in the order of their keys and colours' -r -F
complete -c recto -n "__fish_recto_using_subcommand serve" -l purge -d 'Remove everything that the caches of --config hold for an image, and exit' -r
complete -c recto -n "__fish_recto_using_subcommand serve" -l file-timeout -d 'How many seconds a file may take to be opened' -r
complete -c recto -n "__fish_recto_using_subcommand serve" -l watch -d 'Look for new, changed and removed files, once in this many seconds' -r
complete -c recto -n "__fish_recto_using_subcommand serve" -l served -d 'Remember in FILE what is served, so that Change Discovery also reports what changed or disappeared while no server was running' -r -F
complete -c recto -n "__fish_recto_using_subcommand serve" -l access-log -d 'Append a line of JSON for every answer to FILE' -r -F
complete -c recto -n "__fish_recto_using_subcommand serve" -l prepared -d 'The folder of prepared files' -r -F
complete -c recto -n "__fish_recto_using_subcommand serve" -l report -d 'Write a JSON report of the numbers of records read, kept and rejected' -r -F
complete -c recto -n "__fish_recto_using_subcommand serve" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'A bar on a terminal, otherwise a line every minute'
bar\t'A bar; lines where stderr is not a terminal'
lines\t'A line every ten seconds, and when requests to a host have to wait'
json\t'JSON Lines: start, each image, totals every second, hosts with waiting requests, end'
none\t'Nothing'"
complete -c recto -n "__fish_recto_using_subcommand serve" -l pdf -d 'The file' -r -F
complete -c recto -n "__fish_recto_using_subcommand serve" -l decode -d 'The image to decode' -r -F
complete -c recto -n "__fish_recto_using_subcommand serve" -l pdf-page -d 'The page to draw' -r
complete -c recto -n "__fish_recto_using_subcommand serve" -l pdf-dpi -d 'Resolution in pixels per inch' -r
complete -c recto -n "__fish_recto_using_subcommand serve" -l pdf-seconds -d 'Seconds of processor time that the work may take' -r
complete -c recto -n "__fish_recto_using_subcommand serve" -l url -d 'Print the canonical URLs of the image ID, of 3.0 and of 2.1, and serve nothing' -r
complete -c recto -n "__fish_recto_using_subcommand serve" -l region -d 'Which part' -r
complete -c recto -n "__fish_recto_using_subcommand serve" -l size -d 'Which size' -r
complete -c recto -n "__fish_recto_using_subcommand serve" -l rotation -d 'Degrees clockwise, with `!` before them to mirror' -r
complete -c recto -n "__fish_recto_using_subcommand serve" -l quality -d 'default, color, gray or bitonal' -r
complete -c recto -n "__fish_recto_using_subcommand serve" -l format -d 'jpg, png, tif, gif, webp or pdf' -r
complete -c recto -n "__fish_recto_using_subcommand serve" -l preset -d 'The derivative of the preset NAME, instead of the five options above' -r
complete -c recto -n "__fish_recto_using_subcommand serve" -l follow-links -d 'Serve images that are links to files outside DIR, and enter folders that are links'
complete -c recto -n "__fish_recto_using_subcommand serve" -l hash-token -d 'Read a token from standard input, print its hash for'
complete -c recto -n "__fish_recto_using_subcommand serve" -l undeclared-limit -d 'Do not declare --max-size, and answer larger requests with a smaller image, as some hosts do'
complete -c recto -n "__fish_recto_using_subcommand serve" -l no-upscale -d 'Enlarge no image'
complete -c recto -n "__fish_recto_using_subcommand serve" -l strict-within -d 'Refuse `!w,h` larger than the region unless `^` stands before it, as the official validator of Image API 3.0 does'
complete -c recto -n "__fish_recto_using_subcommand serve" -l review-by-anyone -d 'Let --review take corrections from everybody who can reach a server without `[auth]` that listens beyond this machine'
complete -c recto -n "__fish_recto_using_subcommand serve" -l prepare -d 'Make thumbnails of all images, and exit'
complete -c recto -n "__fish_recto_using_subcommand serve" -l pyramids -d 'With --prepare'
complete -c recto -n "__fish_recto_using_subcommand serve" -l partial-ok -d 'Exit with code 0 even if some records were left out'
complete -c recto -n "__fish_recto_using_subcommand serve" -s q -l quiet -d 'Print only errors on stderr'
complete -c recto -n "__fish_recto_using_subcommand serve" -l csv-safe -d 'In CSV files, put an apostrophe before cells that spreadsheets would calculate'
complete -c recto -n "__fish_recto_using_subcommand serve" -l info -d 'The URLs of info.json instead'
complete -c recto -n "__fish_recto_using_subcommand serve" -l manifest -d 'The URLs of the manifest that holds the image instead'
complete -c recto -n "__fish_recto_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c recto -n "__fish_recto_using_subcommand serve" -s V -l version -d 'Print version'
complete -c recto -n "__fish_recto_using_subcommand shard; and not __fish_seen_subcommand_from plan merge status" -l report -d 'Write a JSON report of the numbers of records read, kept and rejected' -r -F
complete -c recto -n "__fish_recto_using_subcommand shard; and not __fish_seen_subcommand_from plan merge status" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'A bar on a terminal, otherwise a line every minute'
bar\t'A bar; lines where stderr is not a terminal'
lines\t'A line every ten seconds, and when requests to a host have to wait'
json\t'JSON Lines: start, each image, totals every second, hosts with waiting requests, end'
none\t'Nothing'"
complete -c recto -n "__fish_recto_using_subcommand shard; and not __fish_seen_subcommand_from plan merge status" -l partial-ok -d 'Exit with code 0 even if some records were left out'
complete -c recto -n "__fish_recto_using_subcommand shard; and not __fish_seen_subcommand_from plan merge status" -s q -l quiet -d 'Print only errors on stderr'
complete -c recto -n "__fish_recto_using_subcommand shard; and not __fish_seen_subcommand_from plan merge status" -l csv-safe -d 'In CSV files, put an apostrophe before cells that spreadsheets would calculate'
complete -c recto -n "__fish_recto_using_subcommand shard; and not __fish_seen_subcommand_from plan merge status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c recto -n "__fish_recto_using_subcommand shard; and not __fish_seen_subcommand_from plan merge status" -s V -l version -d 'Print version'
complete -c recto -n "__fish_recto_using_subcommand shard; and not __fish_seen_subcommand_from plan merge status" -f -a "plan" -d 'Divide a localizations.json among workers: a folder with a part for each, and plan.json'
complete -c recto -n "__fish_recto_using_subcommand shard; and not __fish_seen_subcommand_from plan merge status" -f -a "merge" -d 'Merge the folders of workers into one: images, journal, image map and failures as one worker would have written them'
complete -c recto -n "__fish_recto_using_subcommand shard; and not __fish_seen_subcommand_from plan merge status" -f -a "status" -d 'Report the progress of each worker, from the files of the plan and of the workers'
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from plan" -s n -l shards -d 'Number of shards' -r
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from plan" -s o -l output -d 'The folder of the plan; it must not exist, or hold a plan, which is replaced' -r -F
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from plan" -l rewrite -d 'Plan for requests to URLs that begin with FROM as if they began with TO (repeatable), as recto-download --rewrite' -r
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from plan" -l archives -d 'A table of archives with their limits, as recto-download --archives' -r -F
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from plan" -l report -d 'Write a JSON report of the numbers of records read, kept and rejected' -r -F
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from plan" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'A bar on a terminal, otherwise a line every minute'
bar\t'A bar; lines where stderr is not a terminal'
lines\t'A line every ten seconds, and when requests to a host have to wait'
json\t'JSON Lines: start, each image, totals every second, hosts with waiting requests, end'
none\t'Nothing'"
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from plan" -l whole-hosts -d 'Keep each host in one shard, however many images it has. Without it a host with more than its share is divided among as many shards as it allows requests at once, each with that part of its rate limit'
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from plan" -l partial-ok -d 'Exit with code 0 even if some records were left out'
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from plan" -s q -l quiet -d 'Print only errors on stderr'
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from plan" -l csv-safe -d 'In CSV files, put an apostrophe before cells that spreadsheets would calculate'
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from merge" -l image-map -d 'Write the image map to FILE' -r -F
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from merge" -l failures -d 'Write the list of what no worker could download to FILE' -r -F
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from merge" -l report -d 'Write a JSON report of the numbers of records read, kept and rejected' -r -F
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from merge" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'A bar on a terminal, otherwise a line every minute'
bar\t'A bar; lines where stderr is not a terminal'
lines\t'A line every ten seconds, and when requests to a host have to wait'
json\t'JSON Lines: start, each image, totals every second, hosts with waiting requests, end'
none\t'Nothing'"
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from merge" -l move -d 'Move files instead of linking or copying them'
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from merge" -l break-lock -d 'In an object store, take over the locks left by runs that were killed on other machines'
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from merge" -l partial-ok -d 'Exit with code 0 even if some records were left out'
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from merge" -s q -l quiet -d 'Print only errors on stderr'
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from merge" -l csv-safe -d 'In CSV files, put an apostrophe before cells that spreadsheets would calculate'
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from merge" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from status" -l report -d 'Write a JSON report of the numbers of records read, kept and rejected' -r -F
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from status" -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'A bar on a terminal, otherwise a line every minute'
bar\t'A bar; lines where stderr is not a terminal'
lines\t'A line every ten seconds, and when requests to a host have to wait'
json\t'JSON Lines: start, each image, totals every second, hosts with waiting requests, end'
none\t'Nothing'"
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from status" -l failed -d 'Print only the numbers of the shards that another run may complete, such as 0,3-5: for `--array=` of a scheduler'
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from status" -l partial-ok -d 'Exit with code 0 even if some records were left out'
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Print only errors on stderr'
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from status" -l csv-safe -d 'In CSV files, put an apostrophe before cells that spreadsheets would calculate'
complete -c recto -n "__fish_recto_using_subcommand shard; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c recto -n "__fish_recto_using_subcommand demo" -l seed -d 'Another seed draws other fragments' -r
complete -c recto -n "__fish_recto_using_subcommand demo" -s h -l help -d 'Print help'
complete -c recto -n "__fish_recto_using_subcommand diff" -l html -d 'Write a page with pairs of images, boxes drawn over them, to FILE' -r -F
complete -c recto -n "__fish_recto_using_subcommand diff" -l json -d 'Print a line of JSON for each difference to standard output'
complete -c recto -n "__fish_recto_using_subcommand diff" -l rehash -d 'Read every file, instead of trusting the SHA-256 that was written down with it where its size is still the same'
complete -c recto -n "__fish_recto_using_subcommand diff" -s q -l quiet -d 'Print only errors: the exit code says whether they differ'
complete -c recto -n "__fish_recto_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c recto -n "__fish_recto_using_subcommand export" -s o -l output -d 'The folder for lists and script' -r -F
complete -c recto -n "__fish_recto_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c recto -n "__fish_recto_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c recto -n "__fish_recto_using_subcommand doctor" -l folder -d 'The folder that downloads are for' -r -F
complete -c recto -n "__fish_recto_using_subcommand doctor" -l per-host -d 'Requests in flight to one host [default: 4; 16 to the services of m3]' -r
complete -c recto -n "__fish_recto_using_subcommand doctor" -l rate -d 'Requests per second to one host; 0: no limit [default: 10; no limit to the services of m3]' -r
complete -c recto -n "__fish_recto_using_subcommand doctor" -l retries -d 'Retries after a temporary error' -r
complete -c recto -n "__fish_recto_using_subcommand doctor" -l backoff -d 'Seconds to wait before the first retry; doubles with each further one' -r
complete -c recto -n "__fish_recto_using_subcommand doctor" -l timeout -d 'Seconds to wait for the next byte of an answer; a host that has not answered at all is given up after this time in total' -r
complete -c recto -n "__fish_recto_using_subcommand doctor" -l connect-timeout -d 'Seconds to wait for a connection, at most those of --timeout' -r
complete -c recto -n "__fish_recto_using_subcommand doctor" -l give-up -d 'Stop requesting from a host for this run after N different URLs in a row that it refuses or fails to answer. recto-download first tries 12 further images from all over the set. 0: never' -r
complete -c recto -n "__fish_recto_using_subcommand doctor" -l max-redirects -d 'Redirects to follow' -r
complete -c recto -n "__fish_recto_using_subcommand doctor" -l contact -d 'Your email address or web page, sent as part of the User-Agent: archives want to know who harvests' -r
complete -c recto -n "__fish_recto_using_subcommand doctor" -l header -d 'Send a header, such as \'X-API-Key: K\', to the only host requested, or to HOST; what identifies nobody, such as Accept-Language, goes to all (repeatable)' -r
complete -c recto -n "__fish_recto_using_subcommand doctor" -l bearer -d 'Send \'Authorization: Bearer TOKEN\' to the only host requested, or to HOST (repeatable); also for IIIF access tokens' -r
complete -c recto -n "__fish_recto_using_subcommand doctor" -l netrc -d 'Log in with the user names and passwords of a netrc file [default FILE: $NETRC, else ~/.netrc]' -r
complete -c recto -n "__fish_recto_using_subcommand doctor" -l cookies -d 'Send the cookies of a file in Netscape\'s format, as browsers\' extensions and curl write it, each to its own host' -r -F
complete -c recto -n "__fish_recto_using_subcommand doctor" -l archives -d 'Request limits of archives, before those that recto knows: a table with columns host,at_once,per_second,why' -r -F
complete -c recto -n "__fish_recto_using_subcommand doctor" -l budget -d 'Stop sending requests after requests=N, bytes=SIZE or time=LENGTH (500MB, 90m), separated by commas' -r
complete -c recto -n "__fish_recto_using_subcommand doctor" -l budget-store -d 'Share each host\'s rate limit and pauses with all programs that use the same Redis server (redis://HOST:PORT). While it does not answer, each program uses its share of the limits' -r
complete -c recto -n "__fish_recto_using_subcommand doctor" -l rewrite -d 'Replace a URL prefix in requests; ids are not changed (repeatable, first match wins)' -r
complete -c recto -n "__fish_recto_using_subcommand doctor" -l json -d 'Print the checks as JSON to standard output'
complete -c recto -n "__fish_recto_using_subcommand doctor" -l insecure -d 'Accept any TLS certificate, unverified'
complete -c recto -n "__fish_recto_using_subcommand doctor" -l ignore-robots -d 'Request what robots.txt does not allow'
complete -c recto -n "__fish_recto_using_subcommand doctor" -l ignore-opt-out -d 'Download images although their owners opt out of text and data mining (X-Robots-Tag, TDM reservation)'
complete -c recto -n "__fish_recto_using_subcommand doctor" -l private-hosts -d 'Request private addresses (this machine, the local network) that public documents and servers name'
complete -c recto -n "__fish_recto_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c recto -n "__fish_recto_using_subcommand config" -l json -d 'Print them as JSON'
complete -c recto -n "__fish_recto_using_subcommand config" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c recto -n "__fish_recto_using_subcommand completions" -l program -d 'Complete the options of this program only' -r
complete -c recto -n "__fish_recto_using_subcommand completions" -s h -l help -d 'Print help'
complete -c recto -n "__fish_recto_using_subcommand man" -s h -l help -d 'Print help'
