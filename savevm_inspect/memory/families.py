"""The machine types whose memory layout is known: what each family's source file lays down, as data."""

from .elf.target import AARCH64, ARM, LOONGARCH64, M68K, PPC, PPC64, RISCV64, S390, SPARC64, X86_64
from .machines import Evidence, Family, Piece, Split, whole

_MIB, _GIB = 1 << 20, 1 << 30

_PC_FIRMWARE = ("pc.bios", "system.flash0", "system.flash1")

_MALTA_LOW_BYTES = 256 * _MIB
"""Of Malta's RAM, the first so many bytes are seen at 0, too, and what lies beyond 512 MiB at that address."""

_MOST_CHIPS, _HOMER_BYTES = 16, 4 * _MIB
"""Of a POWER machine, and what the firmware of each chip keeps for itself (include/hw/ppc/pnv_chip.h)."""


def _homers(base: int) -> dict[str, tuple[Piece, ...]]:
    return whole({f"homer-chip{chip}-memory": base + chip * _HOMER_BYTES for chip in range(_MOST_CHIPS)})


_AST2500_SRAM = whole({"aspeed.sram.0": 0x1E72_0000})
_BELOW_PERIPHERALS = Piece(gpa=0, length=0x3F00_0000)
_ZYNQMP_OCM = whole({f"zynqmp.ocm_ram_bank_{bank}": 0xFFFC_0000 + bank * 0x1_0000 for bank in range(4)})

FAMILIES = (
    Family(
        name="x86 pc",
        machine=r"pc-i440fx-.+",
        ram="pc.ram",
        split=Split(from_bytes=0xE000_0000, low_bytes=0xC000_0000),
        fixed=whole({"pc.rom": 0xC_0000}),
        top=_PC_FIRMWARE,
        isa_bios=True,
        pam=("0000:00:00.0/I440FX", 0x59),
        upstream="hw/i386/pc_piix.c",
        target=X86_64,
    ),
    Family(
        name="x86 q35",
        machine=r"pc-q35-.+",
        ram="pc.ram",
        split=Split(from_bytes=0xB000_0000, low_bytes=0x8000_0000),
        fixed=whole({"pc.rom": 0xC_0000}),
        top=_PC_FIRMWARE,
        isa_bios=True,
        pam=("0000:00:00.0/mch", 0x90),
        upstream="hw/i386/pc_q35.c",
        target=X86_64,
    ),
    Family(
        name="x86 microvm",
        machine=r"microvm",
        ram="microvm.ram",
        split=Split(from_bytes=0xC000_0000, low_bytes=0xC000_0000),
        top=("pc.bios",),
        isa_bios=True,
        upstream="hw/i386/microvm.c",
        target=X86_64,
    ),
    Family(
        name="x86 isapc",
        machine=r"isapc",
        ram="pc.ram",
        split=Split(from_bytes=0xE000_0000, low_bytes=0xC000_0000),
        fixed=whole({"pc.rom": 0xC_0000}),
        top=("pc.bios",),
        isa_bios=True,
        upstream="hw/i386/isapc.c",
        target=X86_64,
    ),
    Family(
        name="arm virt",
        machine=r"virt(-\d.*)?",
        devices="arm_gic",
        ram="mach-virt.ram",
        pieces=(Piece(gpa=_GIB),),
        fixed=whole({"virt.flash0": 0, "virt.flash1": 0x400_0000}),
        upstream="hw/arm/virt.c",
        target=AARCH64,
    ),
    Family(
        name="arm sbsa-ref",
        machine=r"sbsa-ref",
        ram="sbsa-ref.ram",
        pieces=(Piece(gpa=0x100_0000_0000),),
        fixed=whole({"sbsa.flash1": 0x1000_0000}),
        upstream="hw/arm/sbsa-ref.c",
        target=AARCH64,
    ),
    Family(
        name="arm raspi, 0 to 2",
        machine=r"raspi(0|1ap|2b)",
        ram="ram",
        pieces=(_BELOW_PERIPHERALS,),
        upstream="hw/arm/bcm2836.c",
        target=ARM,
    ),
    Family(
        name="arm raspi3",
        machine=r"raspi(3ap|3b)",
        ram="ram",
        pieces=(_BELOW_PERIPHERALS,),
        upstream="hw/arm/bcm2836.c",
        target=AARCH64,
    ),
    Family(name="arm raspi4b", machine=r"raspi4b", ram="ram", upstream="hw/arm/bcm2838.c", target=AARCH64),
    Family(
        name="arm zcu102",
        machine=r"xlnx-zcu102",
        ram="ddr-ram",
        pieces=(Piece(gpa=0, length=2 * _GIB), Piece(gpa=0x8_0000_0000, addr=2 * _GIB)),
        fixed=_ZYNQMP_OCM,
        upstream="hw/arm/xlnx-zynqmp.c",
        target=AARCH64,
    ),
    Family(
        name="arm ast2400",
        machine=r"(palmetto|quanta-q71l|supermicrox11)-bmc",
        ram="ram",
        pieces=(Piece(gpa=0x4000_0000),),
        fixed=_AST2500_SRAM,
        upstream="hw/arm/aspeed_ast2400.c",
        target=ARM,
    ),
    Family(
        name="arm ast2500",
        machine=r"ast2500-evb|(romulus|witherspoon|g220a|fp5280g2|sonorapass|tiogapass|yosemitev2"
        r"|supermicro-x11spi)-bmc",
        ram="ram",
        pieces=(Piece(gpa=2 * _GIB),),
        fixed=_AST2500_SRAM,
        upstream="hw/arm/aspeed_ast2400.c",
        target=ARM,
    ),
    Family(
        name="arm ast2600",
        machine=r"ast2600-evb|(rainier|tacoma|fuji|bletchley|fby35|catalina|gb200nvl|anacapa|qcom-dc-scm-v1"
        r"|qcom-firework)-bmc",
        ram="ram",
        pieces=(Piece(gpa=2 * _GIB),),
        fixed={"aspeed.sram.0": (Piece(gpa=0x1000_0000, length=0x1_6400),)},
        upstream="hw/arm/aspeed_ast2600.c",
        target=ARM,
    ),
    Family(
        name="riscv virt",
        machine=r"virt(-\d.*)?",
        devices="riscv_",
        ram="riscv_virt_board.ram",
        pieces=(Piece(gpa=2 * _GIB),),
        fixed=whole({"virt.flash0": 0x2000_0000, "virt.flash1": 0x2200_0000, "riscv_virt_board.mrom": 0x1000}),
        upstream="hw/riscv/virt.c",
        target=RISCV64,
    ),
    Family(
        name="riscv sifive_u",
        machine=r"sifive_u",
        ram="riscv.sifive.u.ram",
        pieces=(Piece(gpa=2 * _GIB),),
        fixed=whole(
            {
                "riscv.sifive.u.mrom": 0x1000,
                "riscv.sifive.u.l2lim": 0x800_0000,
                "riscv.sifive.u.flash0": 0x2000_0000,
            }
        ),
        upstream="hw/riscv/sifive_u.c",
        target=RISCV64,
    ),
    Family(
        name="loongarch virt",
        machine=r"virt(-\d.*)?",
        devices="loongarch_",
        ram="loongarch.ram",
        pieces=(Piece(gpa=0, length=256 * _MIB), Piece(gpa=2 * _GIB, addr=256 * _MIB)),
        fixed=whole({"virt.flash0": 0x1C00_0000, "virt.flash1": 0x1D00_0000}),
        upstream="hw/loongarch/virt.c",
        target=LOONGARCH64,
    ),
    Family(
        name="m68k virt",
        machine=r"virt(-\d.*)?",
        devices="goldfish_",
        ram="m68k_virt.ram",
        upstream="hw/m68k/virt.c",
        target=M68K,
    ),
    Family(
        name="mips malta",
        machine=r"malta",
        ram="mips_malta.ram",
        pieces=(
            Piece(gpa=0, length=_MALTA_LOW_BYTES),
            Piece(gpa=512 * _MIB, addr=512 * _MIB),
            Piece(gpa=2 * _GIB),
        ),
        fixed=whole({"mips_malta.bios": 0x1E00_0000, "bios.1fc": 0x1FC0_0000}),
        upstream="hw/mips/malta.c",
    ),
    Family(
        name="ppc pseries",
        machine=r"pseries-.+",
        own_device="spapr",
        ram="ppc_spapr.ram",
        upstream="hw/ppc/spapr.c",
        target=PPC64,
    ),
    Family(
        name="ppc powernv8",
        machine=r"powernv8",
        ram="pnv.ram",
        fixed=_homers(0x7F_FD80_0000),
        upstream="hw/ppc/pnv.c",
        target=PPC64,
    ),
    Family(
        name="ppc powernv9",
        machine=r"powernv9",
        ram="pnv.ram",
        fixed=_homers(0x203F_FD80_0000),
        upstream="hw/ppc/pnv.c",
        target=PPC64,
    ),
    Family(
        name="ppc powernv10",
        machine=r"powernv1[01](-rainier)?",
        ram="pnv.ram",
        fixed=_homers(0x300F_FD80_0000),
        upstream="hw/ppc/pnv.c",
        target=PPC64,
    ),
    Family(
        name="ppc mac99",
        machine=r"mac99",
        ram="ppc_core99.ram",
        fixed={
            "ppc_core99.bios": (
                Piece(gpa=0xFFF0_0000, length=0x4000),
                Piece(gpa=0xFFF0_8000, addr=0x8000),  # between them lies the NVRAM
            )
        },
        upstream="hw/ppc/mac_newworld.c",
        target=PPC,
    ),
    Family(
        name="ppc g3beige",
        machine=r"g3beige",
        ram="ppc_heathrow.ram",
        fixed=whole({"ppc_heathrow.bios": 0xFFC0_0000}),
        upstream="hw/ppc/mac_oldworld.c",
        target=PPC,
    ),
    Family(
        name="s390x",
        machine=r"s390-ccw-virtio-.+",
        ram="s390.ram",
        upstream="hw/s390x/s390-virtio-ccw.c",
        target=S390,
    ),
    Family(
        name="sparc64 sun4u",
        machine=r"sun4u",
        ram="sun4u.ram",
        fixed=whole({"sun4u.prom": 0x1FF_F000_0000}),
        upstream="hw/sparc64/sun4u.c",
        target=SPARC64,
    ),
)
"""The machine types whose memory layout is known."""


def find_family(evidence: Evidence) -> Family | None:
    """The family that a stream's machine type belongs to."""
    return next((family for family in FAMILIES if family.covers(evidence)), None)
