#!/bin/busybox sh
# The first process of the emulated machine: finds the host's root, lays a layer in memory over it, moves into it.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in /m/*; do insmod "$module"; done
shared=trans=virtio,version=9p2000.L,ro,msize=524288,cache=loose
mount -t 9p -o $shared host /host
mount -t 9p -o $shared modules /modules
mount -t tmpfs -o size=2g layer /layer
mkdir /layer/upper /layer/work
mount -t overlay -o lowerdir=/host,upperdir=/layer/upper,workdir=/layer/work root /root
version=$(uname -r)
mkdir -p "/root/lib/modules/$version" /root/proc /root/sys /root/dev
mount --bind "/modules/$version" "/root/lib/modules/$version"
for place in dev proc sys; do mount --move /$place /root/$place; done
exec switch_root /root /bin/bash "$(sed -n 's/.*circle\.script=\([^ ]*\).*/\1/p' /root/proc/cmdline)"
