#!/bin/bash
# Some workers on one machine, by GNU parallel:
#
#   parallel.sh SET OUTPUT_DIR WORKERS [OPTION OF recto-download]...
#
# Each worker has a shard. One that ends with 75, because a host was down or busy, is started again, five times at most, after
# a pause.
set -euo pipefail
set_of_images=$1 images=$2 workers=$3
shift 3

worker() { # SHARD [OPTION]...
  local code try
  for try in 1 2 3 4 5 6; do
    code=0
    recto-download "$plan" "$images" --shard "$1/$workers" --progress none "${@:2}" || code=$?
    [ $code = 75 ] || break
    [ $try = 6 ] || sleep "${PAUSE:-60}"
  done
  # 3: done, and failures.csv says what could not be downloaded.
  [ $code = 3 ] || return $code
}

export -f worker
export plan=$images.plan images workers
recto-shard plan "$set_of_images" -n "$workers" -o "$plan"
seq 0 $((workers - 1)) | parallel --jobs "$workers" --halt soon,fail=1 worker {} "$@"
recto-shard merge "$images" || [ $? = 3 ]
