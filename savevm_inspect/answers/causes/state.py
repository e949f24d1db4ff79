"""State of devices by their descriptions (migration/vmstate.c, migration/vmstate-types.c)."""

from typing import Final

from ..row import Part, Row

_PROPERTIES: Final = (
    "Start the destination with the same properties of that device (`info qtree` on both sides shows them), the "
    "same machine type and, if that is not enough, the same QEMU version."
)

ROWS: Final = (
    Row(
        key="vmsd-too-new",
        values=("vmsd", "version", "local_version"),
        part=Part.FIELDS,
        cause="The state, or a struct or subsection within it, has a version_id that is higher than this QEMU can "
        "read.",
        remedy="Load it in a QEMU that is at least as new as the source, or start the source with a machine type "
        "that keeps the old format.",
    ),
    Row(
        key="vmsd-too-old",
        values=("vmsd", "version", "minimum_version"),
        part=Part.FIELDS,
        cause="The state has a version_id that this QEMU no longer reads: below the minimum_version_id of its "
        "description. Formats that old were dropped on purpose.",
        remedy="Load it in an older QEMU and migrate it on in steps; if both are current, the version in the stream "
        "is damaged.",
    ),
    Row(
        key="field-load-failed",
        values=("vmsd", "field"),
        part=Part.FIELDS,
        cause="Reading that field failed. With 'Input/output error' at the end the stream ends there; otherwise its "
        "type has a rule that the value breaks (equal values, a limit, PCI's write masks), and the line before says "
        "which.",
        remedy="See the line before. If there is none, the stream was cut: look at the source.",
        context=True,
    ),
    Row(
        key="element-load-failed",
        values=("type", "field", "error"),
        part=Part.FIELDS,
        cause="Reading that field failed: its type has a rule that the value in the stream breaks (equal values, a "
        "limit, PCI's write masks, a tree's structure); another line says which.",
        remedy="See the other line; it has the values.",
        context=True,
    ),
    Row(
        key="vmsd-stream-error",
        values=("vmsd", "error"),
        part=Part.END,
        cause="The stream ended, or its connection broke, while that device's fields were read. QEMU reads zeros "
        "from there on and notices after the field.",
        remedy="Look at the source: it ended, was cancelled or failed. Of a file compare the size with the "
        "original's.",
    ),
    Row(
        key="validation-failed",
        values=("vmsd", "field"),
        part=Part.FIELDS,
        cause="A check that the device's description has at that point (VMSTATE_VALIDATE) failed: fields read just "
        "before it are out of bounds, or differ from what the destination was started with. Its name says which.",
        remedy="For a name that says 'must match', " + _PROPERTIES[0].lower() + _PROPERTIES[1:] + " For a range, the "
        "stream is damaged or hostile.",
    ),
    Row(
        key="post-load-failed",
        values=("vmsd", "version", "minimum_version", "error"),
        part=Part.FIELDS,
        cause="The fields were read, and then the device's own check of them (post_load) refused: values that "
        "contradict each other or that this host or configuration can't have. For `configuration` it is the machine "
        "type, the page size or a capability.",
        remedy="See the rest of the line. If it only gives a number, compare the device's properties, the CPU model "
        "and what the host offers (KVM, back ends); the code is the post_load of that description.",
        context=True,
    ),
    Row(
        key="pre-load-failed",
        values=("vmsd", "version", "minimum_version", "error"),
        part=Part.NONE,
        cause="The device could not get ready for its state (pre_load); not a byte of it had been read.",
        remedy="See the rest of the line: mostly something of the host (memory, KVM, a back end) was not to be had.",
        context=True,
    ),
    Row(
        key="subsection-unknown",
        values=("subsection", "vmsd"),
        part=Part.SUBSECTION,
        cause="The device's state has a subsection that the destination's QEMU does not know. A source sends one "
        "only when its condition holds (needed), so a newer QEMU, or a feature in use there, is enough. 7.2 and "
        "10.0 say nothing but 'No such file or directory' to it.",
        remedy="Switch off the feature or the property that makes the source send it (often a machine type's compat "
        "property), or use a QEMU that knows it. If the state may be lost, `stream.edit().drop(idstr, subsection)` "
        "writes the stream without it.",
    ),
    Row(
        key="subsection-failed",
        values=("subsection", "vmsd", "error"),
        part=Part.SUBSECTION,
        cause="The subsection is known, but loading it failed; the rest of the line says why.",
        remedy="See the rest of the line.",
        context=True,
    ),
    Row(
        key="values-differ",
        values=("local", "received"),
        part=Part.FIELDS,
        cause="A field must have the same value on both sides (types 'equal'), and has not: the first number is the "
        "destination's, the second the stream's. The next line names the field. Known cases are the number of CPUs "
        "or queues, sizes of flash or tables, a bus address.",
        remedy=_PROPERTIES,
    ),
    Row(
        key="value-above-limit",
        values=("received", "local"),
        part=Part.FIELDS,
        cause="A length or count in the stream (first number) is negative or larger than what the destination has "
        "room for (second): its device has smaller tables or buffers, or the bytes are damaged.",
        remedy=_PROPERTIES,
    ),
    Row(
        key="pointer-marker",
        values=("marker",),
        part=Part.FIELDS,
        cause="An array of pointers has a marker for each element that is absent (0x30) or present (0x31, newer "
        "versions), and another byte stands there: fields before it were read with the wrong length, or an element "
        "exists on one side only.",
        remedy="Compare what the array counts on both sides (channels, subchannels, queues), then QEMU's versions.",
    ),
    Row(
        key="pointer-put",
        part=Part.NONE,
        cause="A bug of the source: the description says that a pointer is absent, but it is not.",
        remedy="Report it with the machine type and the devices.",
    ),
    Row(
        key="collection-load-failed",
        values=("collection", "element", "error"),
        part=Part.FIELDS,
        cause="An element of a list or tree could not be loaded; an error before says why.",
        remedy="See the line before.",
        context=True,
    ),
    Row(
        key="tree-inconsistent",
        values=("tree",),
        part=Part.FIELDS,
        cause="A tree (virtio-iommu's domains, ...) says how many nodes it has, and another number follows before "
        "its end.",
        remedy="The stream is damaged, or was written by a version with another format: compare QEMU's versions.",
    ),
    Row(
        key="collection-too-new",
        values=("collection",),
        part=Part.FIELDS,
        cause="A list or tree has a version that this QEMU can't read yet.",
        remedy="Use a QEMU that is at least as new as the source.",
    ),
    Row(
        key="collection-too-old",
        values=("collection",),
        part=Part.FIELDS,
        cause="A list or tree has a version that this QEMU no longer reads.",
        remedy="Migrate in steps, over a QEMU that reads both.",
    ),
    Row(
        key="collection-save-failed",
        values=("collection", "element", "error"),
        part=Part.NONE,
        cause="On the source an element of a list or tree could not be saved.",
        remedy="See the lines before; the VM keeps running on the source.",
    ),
    Row(
        key="save-validation-failed",
        values=("vmsd", "field"),
        part=Part.NONE,
        cause="The source found its own state of that device inconsistent while saving, and refused to write it.",
        remedy="A bug of the device or of the guest's driver: reset the device (reload its driver in the guest), or "
        "unplug it; report it with the name of the check.",
    ),
    Row(
        key="save-field-failed",
        values=("vmsd", "field"),
        part=Part.NONE,
        cause="The source could not save that field: the function of its type failed. The VM keeps running there.",
        remedy="See the other lines of the source's log; for VFIO and vhost-user devices their kernel driver or "
        "back end.",
    ),
    Row(
        key="put-failed",
        part=Part.NONE,
        cause="The source could not save a field; the line names it after this.",
        remedy="See the rest of the line.",
        context=True,
    ),
    Row(
        key="pre-save-failed",
        values=("vmsd",),
        part=Part.NONE,
        cause="The source's device could not collect its state (pre_save): mostly KVM, a vhost-user back end or a "
        "TPM emulator did not answer as it should. The VM keeps running on the source.",
        remedy="See the lines around it and the log of that back end; then migrate again.",
    ),
    Row(
        key="post-save-failed",
        values=("vmsd",),
        part=Part.NONE,
        cause="The source's device failed to clean up after its state was written (post_save).",
        remedy="See the lines around it.",
    ),
    Row(
        key="description-unterminated",
        values=("vmsd",),
        part=Part.NONE,
        cause="A bug of this build of QEMU: a device's description lacks its end (VMSTATE_END_OF_LIST).",
        remedy="For developers: add it.",
    ),
    Row(
        key="path-too-long",
        values=("path",),
        part=Part.NONE,
        cause="A device's path in the bus tree is too long for an idstr of 255 bytes.",
        remedy="Use shorter ids or fewer nested bridges.",
    ),
    Row(
        key="entry-duplicate",
        values=("idstr", "instance_id"),
        part=Part.NONE,
        cause="Two devices of this QEMU registered state under one name and instance, so a stream could not tell "
        "them apart.",
        remedy="Give them different addresses. If no option can, it is a bug of the device.",
    ),
)
