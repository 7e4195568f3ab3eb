"""Fuzz guided by coverage, where atheris is installed: `python -m tests.fuzz.atheris_target CORPUS -runs=100000`.

The corpus is any folder; the specs of the zoo are put into an empty one. A finding stops the run, and libFuzzer
keeps the input in a file.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path


def main() -> None:
    """Fill an empty corpus, then fuzz."""
    import atheris

    with atheris.instrument_imports(include=["cnncalc"]):
        from .check import check_file
        from .mutate import bases
        from .tree import write

    file = Path(tempfile.mkdtemp(prefix="cnncalc-fuzz-")) / "input.yaml"

    def one(data: bytes) -> None:
        file.write_bytes(data)
        check_file(file)

    for folder in (Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")):
        folder.mkdir(parents=True, exist_ok=True)
        if not any(folder.iterdir()):
            for number, tree in enumerate(bases()):
                (folder / f"spec{number}.yaml").write_text(write(tree, 3), "utf-8")
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
