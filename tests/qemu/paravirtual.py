"""Linux guests with the devices that libvirt gives them, on disks that are full: QEMU stops them on an I/O error."""

_FULL = ",".join((
    "driver=blkdebug", "node-name={name}", "image.driver=null-co", "image.size=67108864", "image.read-zeroes=on",
    "inject-error.0.event=none", "inject-error.0.iotype=write", "inject-error.0.errno=28",
))  # fmt: skip
_STOP = "rerror=stop,werror=stop"
_BACKENDS = " ".join((
    *(f"-blockdev {_FULL.format(name=name)}" for name in ("first", "second", "third")),
    "-netdev hubport,hubid=0,id=net", "-chardev null,id=agent", "-audiodev none,id=sound",
    "-object rng-random,filename=/dev/urandom,id=random",
))  # fmt: skip
_KERNEL = "-kernel {{folder}}/vmlinuz -initrd {{folder}}/initramfs -append 'console={console} quiet disks'"


def _ports(count: int) -> str:
    return " ".join(
        f"-device pcie-root-port,id=pci.{number},port={number},chassis={number},bus=pcie.0,addr={number + 2:#x}"
        for number in range(1, count + 1)
    )


_BEHIND_PORTS = " ".join((
    _ports(9),
    "-device virtio-net-pci,netdev=net,bus=pci.1",
    "-device qemu-xhci,p2=15,p3=15,id=usb,bus=pci.2",
    "-device virtio-scsi-pci,id=scsi0,bus=pci.3",
    f"-device scsi-hd,bus=scsi0.0,drive=second,{_STOP}",
    "-device virtio-serial-pci,id=serial0,bus=pci.4",
    "-device virtserialport,bus=serial0.0,nr=1,chardev=agent,name=org.qemu.guest_agent.0",
    f"-device virtio-blk-pci,drive=first,bus=pci.5,{_STOP}",
    "-device virtio-balloon-pci,bus=pci.6",
    "-device virtio-rng-pci,rng=random,bus=pci.7",
    "-device virtio-gpu-pci,bus=pci.8",
    "-device usb-tablet,bus=usb.0",
    "-device usb-kbd,bus=usb.0",
))  # fmt: skip
_Q35 = " ".join((
    "-machine q35 -cpu qemu64 -m 256 -smp 2", _BACKENDS, _BEHIND_PORTS,
    f"-device usb-storage,bus=usb.0,drive=third,{_STOP}",
    "-device ich9-intel-hda,id=hda -device hda-duplex,bus=hda.0,audiodev=sound",
    "-device i6300esb -device vmcoreinfo -device virtio-keyboard-pci,bus=pci.9",
    "-chardev socket,id=tpm,path={folder}/tpm -tpmdev emulator,id=tpm0,chardev=tpm -device tpm-crb,tpmdev=tpm0",
))  # fmt: skip
_ARM = " ".join(("-machine virt -cpu cortex-a57 -m 256 -smp 2", _BACKENDS, _BEHIND_PORTS))
_S390X = " ".join((
    "-machine s390-ccw-virtio -m 256 -smp 2", _BACKENDS,
    "-device virtio-net-ccw,netdev=net",
    "-device virtio-scsi-ccw,id=scsi0",
    f"-device scsi-hd,bus=scsi0.0,drive=second,{_STOP}",
    "-device virtio-serial-ccw,id=serial0",
    "-device virtserialport,bus=serial0.0,nr=1,chardev=agent,name=org.qemu.guest_agent.0",
    f"-device virtio-blk-ccw,drive=first,{_STOP}",
    "-device virtio-balloon-ccw",
    "-device virtio-rng-ccw,rng=random",
    "-device virtio-gpu-ccw",
))  # fmt: skip

GUESTS = {
    "q35, as of libvirt": ("amd64", "x86_64", f"{_Q35} {_KERNEL.format(console='ttyS0')}"),
    "arm virt, as of libvirt": ("arm64", "aarch64", f"{_ARM} {_KERNEL.format(console='ttyAMA0')}"),
    "s390x, as of libvirt": ("s390x", "s390x", f"{_S390X} {_KERNEL.format(console='ttysclp0')}"),
}
"""Name -> Debian's architecture, QEMU's target and options."""
