complete -c recto-reformat -s f -l format -d 'The format of the dataset' -r -f -a "csv\t'one wide table, a row per box, with all metadata'
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
complete -c recto-reformat -s o -l output -d 'Folder to create' -r -F
complete -c recto-reformat -l image-map -d 'The image map of `recto-download`' -r -F
complete -c recto-reformat -l images -d 'How image files get into the output folder' -r -f -a "link\t'As hard links, which take no space; as copies where the disk cannot link'
copy\t'As copies, which take no space where the disk can share blocks'
none\t'Not at all: write annotations only'"
complete -c recto-reformat -l crop-margin -d 'crops' -r
complete -c recto-reformat -l line-mask -d 'lines' -r -f -a "white\t'They become white'
black\t'They become black'
none\t'They stay'"
complete -c recto-reformat -l keypoints -d 'coco' -r
complete -c recto-reformat -l shard-mb -d 'tf, parquet, webdataset' -r
complete -c recto-reformat -l iiif-base -d 'iiif' -r
complete -c recto-reformat -l sheet-images -d 'sheet, report' -r
complete -c recto-reformat -l published -d 'The date of publication in croissant.json, such as 2026-01-31' -r
complete -c recto-reformat -l previous -d 'The earlier version of this set' -r -F
complete -c recto-reformat -s j -l jobs -d 'Threads that read and cut images' -r
complete -c recto-reformat -l shard -d 'Only make the pictures of part I of N, I from 0, in OUTPUT.shards' -r
complete -c recto-reformat -l rejects -d 'Write the list of records that were left out to FILE' -r -F
complete -c recto-reformat -l report -d 'Write a JSON report of the numbers of records read, kept and rejected' -r -F
complete -c recto-reformat -l progress -d 'How progress is shown on stderr' -r -f -a "auto\t'A bar on a terminal, otherwise a line every minute'
bar\t'A bar; lines where stderr is not a terminal'
lines\t'A line every ten seconds, and when requests to a host have to wait'
json\t'JSON Lines: start, each image, totals every second, hosts with waiting requests, end'
none\t'Nothing'"
complete -c recto-reformat -l split -d 'Split the images by shares, such as `train=0.8,val=0.1,test=0.1`' -r
complete -c recto-reformat -l seed -d 'Random seed of the split' -r
complete -c recto-reformat -l split-like -d 'Keep every image and group in the split that it had in an earlier set, and distribute only what is new' -r -F
complete -c recto-reformat -l split-by -d 'Split as the source says' -r
complete -c recto-reformat -l group-by -d 'Images with the same value of these keys are a group, in place of the groups of the source' -r
complete -c recto-reformat -l stratify -d 'Give every split its share of each class too, as far as whole groups allow' -r -f -a "class\t'The boxes of each class of the source'"
complete -c recto-reformat -l near-duplicates -d 'What to do with images that look alike' -r -f -a "group\t'Keep their groups together, and list them'
report\t'List them'
off\t'Do not look for them'"
complete -c recto-reformat -l near-duplicates-distance -d '--near-duplicates' -r
complete -c recto-reformat -l negatives -d 'What to do with images without boxes' -r
complete -c recto-reformat -l unboxed -d 'What to do with images that are annotated and have no box' -r -f -a "keep\t'Write them like images without boxes'
drop\t'Leave them out of sets for detectors'"
complete -c recto-reformat -l merge-equal -d 'Merge boxes of the same class whose intersection over union is at least IOU' -r
complete -c recto-reformat -l min-box -d 'Leave out boxes with a side of fewer pixels' -r
complete -c recto-reformat -l min-image -d 'Leave out images with a side of fewer pixels' -r
complete -c recto-reformat -l exif-boxes -d 'On which image boxes were drawn, where the file has an EXIF orientation and its size does not show that' -r -f -a "stored\t'On the image as stored, as programs see it that ignore EXIF'
turned\t'On the image as rotated or mirrored by EXIF, as viewers show it'"
complete -c recto-reformat -l tiles -d 'Cut images into tiles with sides of this many pixels, for detectors' -r
complete -c recto-reformat -l overlap -d 'Minimum overlap of neighbouring tiles, in pixels' -r
complete -c recto-reformat -l min-visible -d 'Keep a box on a tile that shows at least this share of the box' -r
complete -c recto-reformat -l remap -d 'Rename, merge or drop classes' -r -F
complete -c recto-reformat -l keep -d 'Keep only the boxes of these classes, after --remap and --to-rank' -r
complete -c recto-reformat -l min-count -d 'Leave out classes with fewer boxes' -r
complete -c recto-reformat -l classes -d 'Give classes the ids that they have in this list, whether they occur or not' -r -F
complete -c recto-reformat -l to-rank -d 'After --remap, roll classes up to their taxon of this rank, such as `genus`' -r
complete -c recto-reformat -l taxonomy-file -d 'Use this taxonomy instead of that in LOCALIZATIONS' -r -F
complete -c recto-reformat -l supercategory -d 'coco' -r
complete -c recto-reformat -l no-val -d 'yolo'
complete -c recto-reformat -l voc-inclusive -d 'voc'
complete -c recto-reformat -l crop-square -d 'crops'
complete -c recto-reformat -l rectify -d 'lines'
complete -c recto-reformat -l no-croissant -d 'Do not write croissant.json, the description of the set for programs'
complete -c recto-reformat -l total -d 'counts'
complete -c recto-reformat -l from-shards -d 'Write the set from the parts that workers have made with --shard, and remove these'
complete -c recto-reformat -l partial-ok -d 'Exit with code 0 even if some records were left out'
complete -c recto-reformat -s q -l quiet -d 'Print only errors on stderr'
complete -c recto-reformat -l csv-safe -d 'In CSV files, put an apostrophe before cells that spreadsheets would calculate'
complete -c recto-reformat -l remap-descendants -d 'Apply an entry of --remap also to everything below it in the taxonomy, unless there is a nearer entry'
complete -c recto-reformat -l to-rank-strict -d 'Leave out the boxes of classes without a taxon of the rank of --to-rank'
complete -c recto-reformat -l taxonomy -d 'Write the ranks above each class'
complete -c recto-reformat -s h -l help -d 'Print help (see more with \'--help\')'
complete -c recto-reformat -s V -l version -d 'Print version'
