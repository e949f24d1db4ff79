"""The Kaitai reading of a stream, beside ours: :func:`parse`, :func:`spans`, :func:`compare`.

The records and values come from modules compiled from ``formats/*.ksy``. Of our reader they take what no format can
say: how long a section without description is, and the page size where the stream does not state it.
"""

from .agreement import Disagreement as Disagreement
from .agreement import compare as compare
from .spans import RecordSpan as RecordSpan
from .spans import spans as spans
from .tree import ChannelTree as ChannelTree
from .tree import StreamTree as StreamTree
from .tree import parse as parse
