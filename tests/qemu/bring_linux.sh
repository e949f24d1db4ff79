#!/bin/sh
# Bring Linux guests for tests/qemu: Debian's cloud kernels, each with an initramfs whose init counts on a serial port.
#
#   tests/qemu/bring_linux.sh FOLDER
#   eval "$(tests/qemu/bring_linux.sh FOLDER)"     ... and use them
#
# Needs Debian's apt and dpkg, but no root: packages are fetched and unpacked, not installed, with lists and settings of
# this script's own, so that the machine's architecture and its apt stay as they are. What is there already stays as
# it is. Prints the variable that tests/qemu/conftest.py reads. SAVEVM_LINUX_ARCHITECTURES names other architectures.
set -eu

folder=${1:-}
architectures=${SAVEVM_LINUX_ARCHITECTURES:-amd64 arm64}

fail() { echo "bring_linux: $*" >&2; exit 1; }

bring() {
    architecture=$1
    work=$2
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/root/bin" "$work/root/dev" "$work/root/proc"
    : >"$work/status"
    cat >"$work/apt.conf" <<END
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Dir::State::Lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
END
    export APT_CONFIG="$work/apt.conf"
    apt-get update -qq >&2 || fail "apt could not fetch the lists of $architecture"
    # linux-image-cloud-* is empty; what it depends on has the kernel.
    kernel=$(apt-cache depends "linux-image-cloud-$architecture" |
        sed -n 's/.*Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
    [ -n "$kernel" ] || fail "apt knows no linux-image-cloud-$architecture; the machine's sources must be Debian's"
    (cd "$work" && apt-get download -qq "$kernel" busybox-static >&2) || fail "could not fetch $kernel, busybox-static"
    for package in "$work"/*.deb; do dpkg -x "$package" "$work/unpacked"; done
    cp "$work/unpacked/bin/busybox" "$work/root/bin/"
    cat >"$work/root/init" <<'END'
#!/bin/busybox sh
# As root of the guest: where the kernel lies, its banner, and then a line of output ten times a second, for ever.
busybox=/bin/busybox
$busybox mount -t proc proc /proc
$busybox mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
$busybox grep -E ' (_stext|linux_banner)$' /proc/kallsyms
$busybox cat /proc/version
count=0
while :; do
    count=$((count + 1))
    echo "count $count"
    $busybox sleep 0.1
done
END
    chmod 755 "$work/root/init"
    mkdir -p "$folder/$architecture"
    cp "$work"/unpacked/boot/vmlinuz-* "$folder/$architecture/vmlinuz"
    (cd "$work/root" && find . -print | sort | cpio --quiet -o -H newc) | gzip -n >"$work/initramfs"
    mv "$work/initramfs" "$folder/$architecture/initramfs" # last: its being there says that all is
}

[ -n "$folder" ] || fail "which folder?"
command -v cpio >/dev/null || fail "no cpio; Debian's package cpio brings it"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for architecture in $architectures; do
    [ -e "$folder/$architecture/initramfs" ] || (bring "$architecture" "$scratch/$architecture")
done
echo "export SAVEVM_LINUX='$folder'"
