# Runs in the emulated machine, on the host's root: mounts what a machine has, then runs the suites beside this script.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs run /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for module in virtio_blk ext4 veth bridge br_netfilter nf_tables nft_compat xt_conntrack xt_MASQUERADE xt_comment \
    ipt_REJECT ip6t_REJECT xt_addrtype loop fuse; do
    modprobe $module || echo "no module $module"
done
mkfs.ext4 -q -F -O ^has_journal /dev/vda
mount /dev/vda /var/tmp
mkdir /var/tmp/tmp
mount --bind /var/tmp/tmp /tmp
ip link set lo up
ip link add up0 type bridge
ip addr add 203.0.113.2/24 dev up0
ip link set up0 up
ip route add default via 203.0.113.1
echo "cgroup2: Linux $(uname -r) with $(cat /sys/fs/cgroup/cgroup.controllers)"
failed=0
while read -r suite; do
    echo "cgroup2: $suite"
    "$suite" --test-threads 1 || failed=1
done < "$(dirname "$0")/suites"
[ $failed = 0 ] && echo "cgroup2: every suite passed"
sync
echo o > /proc/sysrq-trigger
sleep 10
