#!/bin/bash
# Installs what the tests talk to on Debian 12: the C daemon with its tools,
# client libraries and headers, Pacemaker, qdevice, and the programs that make
# networks. Nothing of it is started: corosync's package would otherwise run a
# one-node cluster on this machine.
#
#   install-debian.sh          everything
#   install-debian.sh minimal  without Pacemaker and qdevice
set -eu

if [ "$(id -u)" != 0 ]; then
    echo "install-debian.sh: needs root; the tests skip what is missing" >&2
    exit 1
fi

packages=(
    gcc libc6-dev make valgrind iproute2 nftables util-linux procps mandoc groff man-db
    corosync libcpg-dev libcmap-dev libcfg-dev libquorum-dev libvotequorum-dev
    libsam-dev libcorosync-common-dev libqb-dev libqb-tools dbus-daemon dbus-bin
)
if [ "${1:-}" != minimal ]; then
    packages+=(
        pacemaker pacemaker-cli-utils resource-agents crmsh
        corosync-qdevice corosync-qnetd corosync-notifyd corosync-vqsim
        sbd dlm-controld pcs
    )
fi

missing=()
for p in "${packages[@]}"; do
    [ "$(dpkg-query -W -f='${Status}' "$p" 2>/dev/null)" = "install ok installed" ] || missing+=("$p")
done
if [ ${#missing[@]} = 0 ]; then
    echo "all peers are installed"
    exit 0
fi

policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=120 -qq update
apt-get -o DPkg::Lock::Timeout=120 -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
echo "installed: ${missing[*]}"
