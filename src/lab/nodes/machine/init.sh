#!/bin/bash
# Process 1 of a machine: starts what a machine starts and takes the dead away.
mkdir -p /run/sshd /run/lock /run/user /run/lattice-dr-lab
/usr/sbin/sshd -f /etc/lattice-dr-lab/sshd_config -D -E /var/log/sshd.log &
/etc/lattice-dr-lab/units </dev/null >>/var/log/units.log 2>&1 &
while true; do
  wait
  sleep 1
done
