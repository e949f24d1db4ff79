#!/bin/sh
# Bring a Linux guest for tests/qemu: Debian's cloud kernel, and an initramfs whose init counts on the serial port.
#
#   tests/qemu/bring_linux.sh FOLDER
#   eval "$(tests/qemu/bring_linux.sh FOLDER)"     ... and use it
#
# Needs apt (after 'apt-get update') and dpkg on an amd64 machine, and no root: packages are fetched and unpacked, not
# installed. What is there already stays as it is. Prints the variable that tests/qemu/test_linux.py reads.
set -eu

fail() { echo "bring_linux: $*" >&2; exit 1; }

folder=${1:-}
[ -n "$folder" ] || fail "which folder?"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

if [ ! -e "$folder/initramfs" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    # linux-image-cloud-amd64 is empty; what it depends on has the kernel.
    kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
    [ -n "$kernel" ] || fail "apt knows no linux-image-cloud-amd64 (apt-get update?)"
    (cd "$work" && apt-get download -qq "$kernel" busybox-static >&2) || fail "could not fetch $kernel and busybox-static"
    for package in "$work"/*.deb; do dpkg -x "$package" "$work/unpacked"; done
    mkdir -p "$work/root/bin" "$work/root/dev" "$work/root/proc"
    cp "$work/unpacked/bin/busybox" "$work/root/bin/"
    cat >"$work/root/init" <<'END'
#!/bin/busybox sh
# As root of the guest: where the kernel has its banner, and then a line of output ten times a second, for ever.
busybox=/bin/busybox
$busybox mount -t proc proc /proc
$busybox mount -t devtmpfs dev /dev
exec </dev/ttyS0 >/dev/ttyS0 2>&1
$busybox grep ' linux_banner$' /proc/kallsyms
$busybox cat /proc/version
count=0
while :; do
    count=$((count + 1))
    echo "count $count"
    $busybox sleep 0.1
done
END
    chmod 755 "$work/root/init"
    cp "$work"/unpacked/boot/vmlinuz-* "$folder/vmlinuz"
    (cd "$work/root" && find . | "$work/unpacked/bin/busybox" cpio -o -H newc 2>/dev/null) | gzip >"$work/initramfs"
    mv "$work/initramfs" "$folder/initramfs" # last: its being there says that all is
fi
echo "export SAVEVM_LINUX='$folder'"
