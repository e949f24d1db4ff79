import argparse


def draw(chosen: argparse.Namespace) -> None: ...
