#!/bin/sh
# Emulation of rke2-killall.sh (rke2 bundle/bin/rke2-killall.sh): ends the unit, and then what it leaves; removes the manifests of its pods.
systemctl stop rke2-server.service
for dir in /proc/[0-9]*; do
  case $(readlink "$dir/exe") in
    */etcd | */kube-*) kill -s KILL "${dir#/proc/}" ;;
  esac
done 2>/dev/null
rm -f /run/lattice-dr-lab/containers/*.json
rm -f /var/lib/rancher/rke2/agent/pod-manifests/*.yaml
exit 0
