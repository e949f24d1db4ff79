"""What ``formats/compile.sh`` makes of ``formats/*.ksy``: nothing here is written by hand."""
