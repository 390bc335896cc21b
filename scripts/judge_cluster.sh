#!/usr/bin/env bash
# A set downloaded by several workers, started by what people have for that, beside the same set downloaded by one:
# scripts/judge_cluster.py.
#
#   scripts/judge_cluster.sh PROGRAMS [WORK] [--ray]
#
# PROGRAMS: folder of recto-download, recto-shard and recto-reformat. WORK: scratch folder (default build/cluster). --ray: Ray
# too, which is a large download.
#
# Needs Slurm, munge and GNU parallel of Debian, Snakemake with its plugins, Dask and moto of PyPI, and installs them. What is missing
# is skipped (scripts/needs.sh). Slurm is one of its own, on loopback (scripts/small_slurm.sh), and so are the hosts, the store and what
# answers as Kubernetes would (scripts/small_kubernetes.py); all of it ends with this.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/needs.sh
ray=
if [[ ${!#} == --ray ]]; then
  ray=ray==2.60.0
  set -- "${@:1:$#-1}"
fi
programs=$(realpath "$1")
work=$(realpath -m "${2:-build/cluster}")
mkdir -p "$work"
export PATH=$PATH:/usr/sbin

are_there() {
  local name
  for name in "$@"; do
    command -v "$name" >/dev/null || return 1
  done
}
are_there slurmctld slurmd munged sbatch parallel || install_packages slurmctld slurmd slurm-client munge parallel
# In a shell of its own: what needs none of them is judged without them too.
(python_packages "$work/venv" snakemake==9.27.1 snakemake-executor-plugin-slurm==2.8.0 'dask[distributed]==2026.8.0' \
  snakemake-executor-plugin-kubernetes==0.5.1 snakemake-storage-plugin-s3==0.3.6 'moto[s3,server]==5.2.5' \
  kubernetes-validate==1.37.0 $ray)

slurm=$work/slurm
if are_there slurmctld slurmd munged sbatch; then
  rm -rf "$slurm"
  trap 'scripts/small_slurm.sh stop "$slurm"' EXIT
  scripts/small_slurm.sh start "$slurm" >/dev/null || rm -rf "$slurm/bin"
fi
python3 scripts/judge_cluster.py "$programs" "$work"
