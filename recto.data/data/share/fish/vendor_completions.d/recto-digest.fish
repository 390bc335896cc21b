complete -c recto-digest -s o -l output -d 'Write the digest to FILE' -r -F
complete -c recto-digest -l label -d 'Keep images if the label of the image, canvas or manifest matches' -r
complete -c recto-digest -l where -d 'Keep images by metadata, or by label, manifest, canvas, group, rights, id, url, service' -r
complete -c recto-digest -l review -d 'Copy the corrections in a file by `recto-serve --review` into the digest, if they are of images that are kept' -r -F
complete -c recto-digest -l limit -d 'Keep only the first N images' -r
complete -c recto-digest -l cache -d 'Keep fetched documents in DIR, and fetch them again only if they have changed' -r -F
complete -c recto-digest -l activities -d 'Read a stream of activities' -r
complete -c recto-digest -l since -d 'When the cache was last filled, a date or a time in RFC 3339, such as 2026-03-01' -r
complete -c recto-digest -l lock -d 'Write to FILE which documents the digest was made from' -r -F
complete -c recto-digest -l locked -d 'Compare the documents with FILE, which --lock wrote' -r -F
complete -c recto-digest -l changes -d 'With --locked, list the documents that are new, changed or gone in FILE' -r -F
complete -c recto-digest -l max-document -d 'Largest document that is read, in MB' -r
complete -c recto-digest -l shard -d 'Fetch only part I of N of the documents, I from 0 to N-1, into --cache, and write no digest' -r
complete -c recto-digest -s j -l jobs -d 'Documents read at the same time' -r
complete -c recto-digest -l rejects -d 'Write the list of records that were left out to FILE' -r -F
complete -c recto-digest -l report -d 'Write a JSON report of the numbers of records read, kept and rejected' -r -F
complete -c recto-digest -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'A bar on a terminal, otherwise a line every minute'
bar\t'A bar; lines where stderr is not a terminal'
lines\t'A line every ten seconds, and when requests to a host have to wait'
json\t'JSON Lines: start, each image, totals every second, hosts with waiting requests, end'
none\t'Nothing'"
complete -c recto-digest -l id-column -d 'Column with identifiers of a IIIF image server, with --service-prefix' -r
complete -c recto-digest -l service-prefix -d 'URL to put before the identifiers to get the base URLs of image services' -r
complete -c recto-digest -l service-column -d 'Column with the base URLs of IIIF image services' -r
complete -c recto-digest -l url-column -d 'Column with URLs of image files' -r
complete -c recto-digest -l url-template -d 'URL of the image file with columns in braces, such as \'https://host/{photo_id}/medium.{extension}\'' -r
complete -c recto-digest -l fallback-column -d 'Column with another URL of the same image, tried where the first cannot be downloaded' -r
complete -c recto-digest -l sha256-column -d 'Column with the SHA-256 of the image file' -r
complete -c recto-digest -l group-column -d 'Column with the group of the image' -r
complete -c recto-digest -l label-column -d 'Column with the label of the image' -r
complete -c recto-digest -l service-version -d 'Version of the Image API of the services' -r
complete -c recto-digest -l delimiter -d 'Character between the cells of a row, or tab' -r
complete -c recto-digest -l encoding -d 'Encoding of the text, such as windows-1252' -r
complete -c recto-digest -l decimal -d 'Decimal mark of numbers in CSV' -r -f -a "point\t'1234.5'
comma\t'1234,5 and 1.234,5'"
complete -c recto-digest -l split-cell -d 'Text between several images in one cell, such as \'|\' or \'' -r
complete -c recto-digest -l text -d 'Which of the transcriptions of an image are read, of those that manifests and canvases link to and of those of --text-files' -r -f -a "auto\t'One kind for each image: the first that it has of page, alto, hocr'
page\t'Only PAGE'
alto\t'Only ALTO'
hocr\t'Only hOCR'
none\t'None of them'"
complete -c recto-digest -l text-granularity -d 'Read only these parts of transcriptions, which saves memory' -r -f -a "page\t'Borders of pages'
block\t'Regions: of text, illustrations, tables, separators'
paragraph\t'Paragraphs within regions'
line\t'Lines'
word\t'Words'
glyph\t'Characters'"
complete -c recto-digest -l text-files -d 'Also read ALTO, PAGE or hOCR from a file or from all files below a folder' -r -F
complete -c recto-digest -l images -d 'Where the images are' -r
complete -c recto-digest -l classes -d 'Names of classes by number' -r -F
complete -c recto-digest -l class-attribute -d 'Attribute of the regions that is their class' -r
complete -c recto-digest -l concept -d 'A concept to search for' -r
complete -c recto-digest -l page-size -d 'Records per request' -r
complete -c recto-digest -s c -l config -d 'File with the URLs of the services' -r -F
complete -c recto-digest -l anno -d 'Base URL of annosaurus, such as http://HOST/anno/v1' -r
complete -c recto-digest -l kb -d 'Base URL of the knowledge base, such as http://HOST/kb/v1, for synonyms, descendants and ranks' -r
complete -c recto-digest -l vam -d 'Base URL of vampire-squid, such as http://HOST/vam/v1, for dives, which become groups' -r
complete -c recto-digest -l raziel -d 'Base URL of raziel, such as http://HOST/config, which names the services that are not set otherwise' -r
complete -c recto-digest -l login -d 'Log in to a service first, with a name and password from a netrc file or typed in' -r -f -a "raziel\t''"
complete -c recto-digest -l box-link -d 'Link name of associations that hold boxes, besides `bounding box`' -r
complete -c recto-digest -l prefer -d 'Which image of a moment its boxes are put on' -r -f -a "one\t'The image that they name; if they name several of the same size, all go on one of these, PNG before JPEG'
own\t'Always the image that each box names'
png\t'A PNG of the same size, if there is one'
jpg\t'A JPEG of the same size, if there is one'"
complete -c recto-digest -l base -d 'Base URL of the service' -r
complete -c recto-digest -l provider -d 'Taxonomy for --descendants, one of those that the service lists' -r
complete -c recto-digest -l per-host -d 'Requests in flight to one host' -r
complete -c recto-digest -l rate -d 'Requests per second to one host' -r
complete -c recto-digest -l retries -d 'Retries after a temporary error' -r
complete -c recto-digest -l backoff -d 'Seconds to wait before the first retry' -r
complete -c recto-digest -l timeout -d 'Seconds to wait for the next byte of an answer' -r
complete -c recto-digest -l connect-timeout -d 'Seconds to wait for a connection, at most those of --timeout' -r
complete -c recto-digest -l give-up -d 'Stop requesting from a host for this run after N different URLs in a row that it refuses or fails to answer' -r
complete -c recto-digest -l max-redirects -d 'Redirects to follow' -r
complete -c recto-digest -l contact -d 'Your email address or web page, sent as part of the User-Agent' -r
complete -c recto-digest -l header -d 'Send a header, such as \'X-API-Key' -r
complete -c recto-digest -l bearer -d 'Send \'Authorization' -r
complete -c recto-digest -l netrc -d 'Log in with the user names and passwords of a netrc file' -r
complete -c recto-digest -l cookies -d 'Send the cookies of a file in Netscape\'s format, as browsers\' extensions and curl write it, each to its own host' -r -F
complete -c recto-digest -l archives -d 'Request limits of archives, before those that recto knows' -r -F
complete -c recto-digest -l budget -d 'Stop sending requests after requests=N, bytes=SIZE or time=LENGTH' -r
complete -c recto-digest -l budget-store -d 'Share each host\'s rate limit and pauses with all programs that use the same Redis server' -r
complete -c recto-digest -l rewrite -d 'Replace a URL prefix in requests' -r
complete -c recto-digest -l offline -d 'Do not use the network'
complete -c recto-digest -l no-annotations -d 'Do not fetch annotations in documents of their own'
complete -c recto-digest -l partial-ok -d 'Exit with code 0 even if some records were left out'
complete -c recto-digest -s q -l quiet -d 'Print only errors on stderr'
complete -c recto-digest -l csv-safe -d 'In CSV files, put an apostrophe before cells that spreadsheets would calculate'
complete -c recto-digest -l voc-inclusive -d 'Corners are counted as in the devkit of VOC'
complete -c recto-digest -s d -l descendants -d 'Also search for everything below the concepts in the tree'
complete -c recto-digest -s a -l all -d 'Keep the boxes of all concepts on the images found, not only of those searched for'
complete -c recto-digest -l overlays -d 'Use images with burnt-in text if a moment does not have another image'
complete -c recto-digest -l no-parts -d 'Name boxes around a part of an animal after the animal, without the part'
complete -c recto-digest -l repair-boxes -d 'Also accept boxes whose numbers have decimals, are strings or are shares of the image, that begin outside their image, or whose JSON is encoded twice, nested or similar to JSON'
complete -c recto-digest -l unpictured -d 'Also read observations of moments without an image, to list boxes that were drawn only on video'
complete -c recto-digest -l unboxed -d 'Also keep images without boxes, with their concepts as labels of the whole image'
complete -c recto-digest -l include-rejected -d 'Also keep boxes that reviewers rejected'
complete -c recto-digest -l insecure -d 'Accept any TLS certificate, unverified'
complete -c recto-digest -l ignore-robots -d 'Request what robots.txt does not allow'
complete -c recto-digest -l ignore-opt-out -d 'Download images although their owners opt out of text and data mining'
complete -c recto-digest -l private-hosts -d 'Request private addresses'
complete -c recto-digest -s h -l help -d 'Print help (see more with \'--help\')'
complete -c recto-digest -s V -l version -d 'Print version'
