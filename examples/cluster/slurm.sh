#!/bin/bash
# A job array of Slurm, a task for each shard of a plan:
#
#   recto-shard plan localizations.json -n 16 -o plan
#   sbatch --array=0-15 slurm.sh plan images
#   recto-shard merge images
#
# A task ends a minute before its time is over. One that may get further, because a host was down or its time was over, puts
# itself back into the queue, five times at most; one that Slurm preempts is put back by Slurm.
#SBATCH --time=4:00:00
#SBATCH --cpus-per-task=1
#SBATCH --mem=2G
#SBATCH --requeue
#SBATCH --open-mode=append

# On a signal this shell waits until the program has ended in order.
trap : TERM

# Not SLURM_JOB_ID: that of the last task stands for the whole array.
task=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
end=$(date -d "$(squeue -h -j "$task" -o %e)" +%s)
recto-download "$1" "$2" --shard auto --deadline "$((end - 60))" --progress lines "${@:3}"
code=$?
if [ $code = 75 ] && [ "${SLURM_RESTART_COUNT:-0}" -lt 5 ]; then
  scontrol requeue "$task"
fi
# 3: done, and failures.csv says what could not be downloaded.
[ $code = 3 ] || exit $code
