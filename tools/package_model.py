"""Copy the parts of a trained model that prediction needs into the package.

python -m tools.package_model runs/imdb-small
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from undertone import modelfolder

TARGET = Path(__file__).resolve().parents[1] / "src" / "undertone" / "model"
NEEDED = (
    modelfolder.TOKENIZER,
    modelfolder.GRAPH_INT8,
    modelfolder.CALIBRATION,
    modelfolder.METRICS,
    modelfolder.HISTORY,
)
LARGEST = 8_000_000


def main(source: Path) -> int:
    """Verify, copy, and write a manifest over what was copied."""
    manifest = modelfolder.read(source)
    paths = [modelfolder.verified(source, manifest, name) for name in NEEDED]
    size = sum(path.stat().st_size for path in paths)
    if size > LARGEST:
        print(f"{source} has {size:,} bytes to copy; at most {LARGEST:,} go into the package.")
        return 2
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(parents=True)
    for path in [*paths, source / modelfolder.CARD]:
        shutil.copyfile(path, TARGET / path.name)
    modelfolder.write(TARGET, manifest)
    print(f"copied {size:,} bytes to the package")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
