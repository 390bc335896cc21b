#!/usr/bin/env bash
# A Slurm of one node for tests: controller, node and munge in one folder, on loopback, without systemd or root's settings.
#
#   scripts/small_slurm.sh start FOLDER      prints the folder of its commands (sbatch, squeue, …), for PATH
#   scripts/small_slurm.sh stop FOLDER
#
# Needs slurmctld, slurmd and munged (Debian: slurmctld slurmd slurm-client munge). The commands in FOLDER/bin know where their
# controller is, so that nothing in /etc is written and a Slurm that this machine is part of is left alone.
set -euo pipefail
verb=$1 folder=$(realpath -m "$2")
here=$(dirname "$(realpath "$0")")
export PATH=$PATH:/usr/sbin:/sbin

write_settings() {
  local name user
  name=$(hostname -s) user=$(id -un)
  mkdir -p "$folder"/{bin,jobs,state,spool}
  head -c 1024 /dev/urandom >"$folder/munge.key"
  chmod 400 "$folder/munge.key"
  cat >"$folder/slurm.conf" <<CONF
ClusterName=small
SlurmctldHost=$name(127.0.0.1)
SlurmctldPort=$(python3 "$here/free_port.py")
SlurmdPort=$(python3 "$here/free_port.py")
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.own.pid
SlurmdPidFile=$folder/slurmd.own.pid
# No control groups, no accounts: neither is needed to run and to requeue jobs.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
ReturnToService=2
JobRequeue=1
KillWait=10
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=100000
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
# More cores than there may be: what waits for an archive needs none.
SlurmdParameters=config_overrides
NodeName=$name NodeAddr=127.0.0.1 CPUs=8 RealMemory=8000 State=UNKNOWN
PartitionName=short Nodes=ALL Default=YES MaxTime=INFINITE DefaultTime=10 State=UP
CONF
  # What strips SLURM_CONF from the environment of a job finds the controller all the same.
  for name in sacct sbatch scancel scontrol sinfo squeue srun; do
    printf '#!/bin/sh\nSLURM_CONF=%q exec %q "$@"\n' "$folder/slurm.conf" "$(command -v $name)" >"$folder/bin/$name"
    chmod +x "$folder/bin/$name"
  done
}

start_one() { # NAME COMMAND...: its process is FOLDER/NAME.pid
  local name=$1
  shift
  "$@" >"$folder/$name.log" 2>&1 </dev/null &
  echo $! >"$folder/$name.pid"
}

case $verb in
start)
  write_settings
  start_one munged munged --foreground --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" \
    --pid-file="$folder/munged.own.pid" --log-file="$folder/munged.own.log" --seed-file="$folder/munge.seed"
  for _ in $(seq 100); do [[ -S $folder/munge.socket ]] && break || sleep 0.1; done
  start_one slurmctld slurmctld -D -f "$folder/slurm.conf"
  start_one slurmd slurmd -D -f "$folder/slurm.conf"
  for _ in $(seq 150); do
    [[ $("$folder/bin/sinfo" -h -o %T 2>/dev/null) == idle ]] && echo "$folder/bin" && exit 0
    sleep 0.2
  done
  tail -n 5 "$folder"/*.log >&2
  echo "error: the Slurm in $folder did not come up" >&2
  exit 1
  ;;
stop)
  [[ -x $folder/bin/scancel ]] && timeout 10 "$folder/bin/scancel" --quiet --user="$(id -un)" 2>/dev/null || :
  for name in slurmd slurmctld munged; do
    [[ -f $folder/$name.pid ]] || continue
    process=$(cat "$folder/$name.pid")
    kill "$process" 2>/dev/null || :
    # It writes down its state before it ends.
    for _ in $(seq 100); do kill -0 "$process" 2>/dev/null || break; sleep 0.1; done
    rm "$folder/$name.pid"
  done
  ;;
*)
  sed -n '2,/^set/s/^# \?//p' "$0" >&2
  exit 2
  ;;
esac
