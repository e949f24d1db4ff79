#!/bin/sh
# Bring Linux guests for tests/qemu: Debian's kernels, each with an initramfs whose init counts on its console. With
# 'disks' on its command line, init loads the drivers of paravirtual devices and writes to every disk that it finds.
#
#   tests/qemu/bring_linux.sh [--debug] FOLDER
#   eval "$(tests/qemu/bring_linux.sh FOLDER)"     ... and use them
#
# --debug brings each kernel's symbols and types, too (vmlinux, of some hundred MiB), for drgn and the crash utility.
#
# Needs Debian's apt and dpkg, but no root: packages are fetched and unpacked, not installed, with lists and settings of
# this script's own, so that the machine's architecture and its apt stay as they are. What is there already stays as
# it is. Prints the variable that tests/qemu/conftest.py reads. SAVEVM_LINUX_ARCHITECTURES names other architectures
# of Debian's than amd64 and arm64; the tests use armhf, ppc64el and s390x, too.
set -eu

debug=
[ "${1:-}" != --debug ] || { debug=yes; shift; }
folder=${1:-}
architectures=${SAVEVM_LINUX_ARCHITECTURES:-amd64 arm64}

# Paravirtual devices, what they need, and disks on other buses; which of them are built in differs.
drivers="virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_mmio virtio_blk scsi_common
    scsi_mod virtio_scsi crc64 crc64-rocksoft crc64_rocksoft crc-t10dif crct10dif_common crct10dif_generic t10-pi sd_mod
    failover net_failover virtio_net virtio_console virtio_balloon virtio-rng rng-core virtio_input virtio_dma_buf
    qemu_fw_cfg"

fail() { echo "bring_linux: $*" >&2; exit 1; }

metapackage() {
    # What depends on the newest kernel of an architecture; the smallest one, where Debian has several.
    case $1 in
        amd64 | arm64) echo "linux-image-cloud-$1" ;;
        armhf) echo linux-image-armmp ;;
        ppc64el) echo linux-image-powerpc64le ;;
        *) echo "linux-image-$1" ;;
    esac
}

settle() {
    # apt's settings for one architecture, in a folder of its own.
    architecture=$1
    work=$2
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/root/bin" "$work/root/dev" "$work/root/proc" "$work/root/sys"
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
    apt-get update -qq >&2 || echo "bring_linux: apt lacks some lists of $architecture, and goes on without them" >&2
    # The metapackage is empty; what it depends on has the kernel.
    kernel=$(apt-cache depends "$(metapackage "$architecture")" |
        sed -n 's/.*Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
    [ -n "$kernel" ] || fail "apt knows no $(metapackage "$architecture"); the machine's sources must be Debian's"
}

bring() {
    architecture=$1
    work=$2
    settle "$architecture" "$work"
    (cd "$work" && apt-get download -qq "$kernel" busybox-static >&2) || fail "could not fetch $kernel, busybox-static"
    for package in "$work"/*.deb; do dpkg -x "$package" "$work/unpacked"; done
    cp "$work/unpacked/bin/busybox" "$work/root/bin/"
    cat >"$work/root/init" <<'END'
#!/bin/busybox sh
# As root of the guest: where the kernel lies, its banner, and then a line of output ten times a second, for ever.
busybox=/bin/busybox
$busybox mount -t proc proc /proc
$busybox mount -t sysfs sys /sys
$busybox mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
$busybox grep -E ' (_stext|linux_banner)$' /proc/kallsyms
$busybox cat /proc/version
if $busybox grep -q disks /proc/cmdline; then
    $busybox depmod
    for driver in /lib/modules/*/*.ko; do
        name=${driver##*/}
        $busybox modprobe "${name%.ko}"
    done
    $busybox sleep 2
    for disk in /sys/block/vd* /sys/block/sd*; do
        [ -e "$disk" ] || continue
        echo "writing to ${disk##*/}"
        $busybox dd if=/bin/busybox of="/dev/${disk##*/}" bs=65536 count=8 conv=fsync &
    done
fi
count=0
while :; do
    count=$((count + 1))
    echo "count $count"
    $busybox sleep 0.1
done
END
    chmod 755 "$work/root/init"
    modules=$work/root/lib/modules/${kernel#linux-image-}
    mkdir -p "$modules"
    for driver in $drivers; do
        find "$work/unpacked/lib/modules" -name "$driver.ko*" -exec cp {} "$modules/" \;
    done
    find "$modules" -name '*.xz' -exec unxz {} +
    mkdir -p "$folder/$architecture"
    cp "$work"/unpacked/boot/vmlinu[xz]-* "$folder/$architecture/vmlinuz"
    echo "$kernel" >"$folder/$architecture/package"
    (cd "$work/root" && find . -print | sort | cpio --quiet -o -H newc) | gzip -n >"$work/initramfs"
    mv "$work/initramfs" "$folder/$architecture/initramfs" # last: its being there says that all is
}

bring_symbols() {
    architecture=$1
    work=$2
    settle "$architecture" "$work"
    [ "$kernel" = "$(cat "$folder/$architecture/package" 2>/dev/null)" ] ||
        fail "$folder/$architecture is of another kernel than $kernel; remove it first"
    (cd "$work" && apt-get download -qq "$kernel-dbg" >&2) || fail "could not fetch $kernel-dbg"
    mkdir "$work/symbols"
    dpkg --fsys-tarfile "$work/$kernel"-dbg_*.deb | tar -x -C "$work/symbols" --wildcards './usr/lib/debug/boot/vmlinux-*'
    mv "$work"/symbols/usr/lib/debug/boot/vmlinux-* "$folder/$architecture/vmlinux"
}

[ -n "$folder" ] || fail "which folder?"
command -v cpio >/dev/null || fail "no cpio; Debian's package cpio brings it"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for architecture in $architectures; do
    [ -e "$folder/$architecture/initramfs" ] || (bring "$architecture" "$scratch/$architecture")
    [ -z "$debug" ] || [ -e "$folder/$architecture/vmlinux" ] ||
        (bring_symbols "$architecture" "$scratch/$architecture-symbols")
done
echo "export SAVEVM_LINUX='$folder'"
