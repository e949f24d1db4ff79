#!/bin/sh
# Bring newer QEMUs for tests/qemu, each in a folder of its own: Debian trixie's and Debian sid's.
#
#   sudo tests/qemu/bring_qemus.sh [FOLDER]          default: /var/lib/savevm-qemus
#   eval "$(sudo tests/qemu/bring_qemus.sh)"         ... and use them
#
# What is there already stays as it is, so it may be run before every test run: it mounts again what a restart of
# the machine has unmounted, and prints the two variables that tests/qemu/conftest.py reads. FOLDER/work is
# mounted at the same path in each of them. SAVEVM_SUITES names other suites, SAVEVM_PACKAGES other packages than
# qemu-system-x86 (a folder that lacks some of them gets them; 'qemu-system' stands for QEMU's every target),
# DEBIAN_MIRROR another mirror than the machine's apt uses. To take all away: unmount FOLDER/*/dev, FOLDER/*/proc and FOLDER/*FOLDER/work first.
set -eu

folder=${1:-/var/lib/savevm-qemus}
suites=${SAVEVM_SUITES:-trixie sid}
packages=${SAVEVM_PACKAGES:-qemu-system-x86}
stamp=.savevm-complete

say() { echo "bring_qemus: $*" >&2; }
fail() { say "$*"; exit 1; }

[ "$(id -u)" = 0 ] || fail "debootstrap and chroot need root"
case $folder in
    /*) ;;
    *) fail "$folder: a path from / on is needed, it is mounted at the same place inside" ;;
esac
case $folder in
    *[!A-Za-z0-9/._-]*) fail "$folder: only letters, digits and /._- please, it becomes a part of command lines" ;;
esac

find_mirror() {
    # What apt fetches Debian itself from; needs the lists of an 'apt-get update'.
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1
}

unmount_all() {
    # Deepest first; only what lies in the given folder.
    awk -v inside="$1/" 'index($2, inside) == 1 { print $2 }' /proc/mounts | sort -r | while read -r place; do
        umount "$place"
    done
}

bring() {
    suite=$1
    root=$folder/$suite
    [ -e "$root/$stamp" ] && return
    command -v debootstrap >/dev/null || fail "no debootstrap; Debian's package debootstrap brings it"
    mirror=${DEBIAN_MIRROR:-$(find_mirror)}
    [ -n "$mirror" ] || fail "apt on this machine knows no Debian archive (apt-get update?); set DEBIAN_MIRROR"
    if [ -e "$root" ]; then
        say "$root is not complete, it is made anew"
        unmount_all "$root"
        rm -rf --one-file-system "$root"
    fi
    mkdir -p "$root"
    say "Debian $suite into $root (some minutes)"
    debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$folder/$suite.log" 2>&1 ||
        fail "debootstrap failed, see $folder/$suite.log"
    # Nothing must start in there.
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    touch "$root/$stamp"
}

install_missing() {
    suite=$1
    root=$folder/$suite
    missing=
    for package in $packages; do
        chroot "$root" dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q ' installed$' ||
            missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    say "$suite:$missing"
    # shellcheck disable=SC2086 # several packages
    chroot "$root" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends $missing >>"$folder/$suite.log" 2>&1 ||
        fail "installing QEMU failed, see $folder/$suite.log"
    rm -rf "$root"/var/cache/apt/archives/*.deb
}

mount_once() {
    # Arguments: the place, and mount's other arguments.
    place=$1
    shift
    mkdir -p "$place"
    mountpoint -q "$place" || mount "$@" "$place"
}

mkdir -p "$folder/work"
chmod 711 "$folder" "$folder/work"
commands="qemu-system-x86_64"
command -v qemu-system-x86_64 >/dev/null || commands=
for suite in $suites; do
    bring "$suite"
    root=$folder/$suite
    mount_once "$root/dev" --bind /dev
    mount_once "$root/proc" -t proc proc
    mount_once "$root$folder/work" --bind "$folder/work"
    install_missing "$suite"
    say "$suite: $(chroot "$root" qemu-system-x86_64 --version | head -n 1)"
    commands="${commands:+$commands;}chroot $root qemu-system-x86_64"
done
echo "export SAVEVM_QEMU='$commands'"
echo "export SAVEVM_QEMU_WORK='$folder/work'"
