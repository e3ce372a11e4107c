#!/bin/bash
# First process of a machine: gives it a root of its own over this system's, and becomes its init. In new mount, host name, IPC, network and process
# namespaces already. Arguments: the machine's folder, its name, and what lies on other file systems and would not be seen through the overlay.
set -eu
folder=$1
name=$2
shift 2
hostname "$name"
cd "$folder"
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
for path in "$@"; do
  mkdir -p "root$path"
  mount --rbind "$path" "root$path"
done
if [ ! -e root/etc/lattice-dr-lab/installed ]; then
  # What this system may have of its own must not be taken for the machine's, and what its shells start must not run there.
  rm -rf root/root/.bash* root/root/.profile root/root/.ssh root/root/.kube root/root/.aws root/etc/bash.bashrc
  rm -rf root/etc/kubernetes root/etc/etcd root/var/lib/etcd root/var/lib/kubelet root/var/lib/lattice-dr root/var/log/pods root/opt/cni root/etc/rancher root/var/lib/rancher root/etc/systemd/system root/{etc,run,usr/lib}/systemd/system/{kubelet,etcd,rke2-server}.service
  cp -a image/. root/
  if [ -d kubernetes ]; then
    cp -a kubernetes/. root/
    mkdir -p -m 700 root/var/lib/etcd
  fi
  touch root/etc/lattice-dr-lab/installed
fi
if [ -e data.img ]; then
  mkdir -p root/var/lib/etcd
  mount -o loop data.img root/var/lib/etcd
  chmod 700 root/var/lib/etcd
fi
mount -t proc proc root/proc
mount --rbind /sys root/sys
mount --rbind /dev root/dev
mount -t tmpfs -o mode=755 tmpfs root/run
mkdir -p root/.outside
cd root
pivot_root . .outside
cd /
umount -l /.outside
exec /bin/bash /etc/lattice-dr-lab/init.sh
