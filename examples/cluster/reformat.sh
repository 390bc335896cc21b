#!/bin/bash
# A training set by a job array of Slurm: byte for byte the one that recto-reformat alone would write.
#
#   reformat.sh 16 localizations.json -f yolo -o set --tiles 1024 --split train=0.8,val=0.2
#
# 16 tasks make its pictures, each those of its part of the images. When all have ended well, one more job writes the set from them and
# removes what they left. The numbers of both are printed. Options of sbatch come from its variables, such as SBATCH_TIMELIMIT. Where
# tasks failed, the same line may be given again: it makes all parts again.
set -euo pipefail
export RECTO_SHARDS=$1
shift
command=$(printf '%q ' recto-reformat "$@" --progress lines)
submit=(sbatch --parsable --requeue --open-mode=append)
parts=$("${submit[@]}" --array=0-$((RECTO_SHARDS - 1)) --wrap "$command --shard auto")
# 3: done, and rejects.csv says what is not in the set.
last=$("${submit[@]}" --dependency="afterok:$parts" --kill-on-invalid-dep=yes --wrap "$command --from-shards || [ \$? = 3 ]")
echo "$parts $last"
