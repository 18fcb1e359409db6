"""TensorBoard as one more listener."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from undertone.extras import require
from undertone.training.events import EpochDone, Event, Listener


@contextmanager
def joined_by_tensorboard(wanted: bool, output: Path, listen: Listener) -> Iterator[Listener]:
    """The caller's listener, joined by TensorBoard if asked for.

    Raises:
        MissingExtraError: TensorBoard is wanted, but not installed.
    """
    if not wanted:
        yield listen
        return
    require("tensorboard", "tensorboard")
    writer = require("torch.utils.tensorboard", "tensorboard").SummaryWriter(
        str(output / "tensorboard")
    )

    def both(event: Event) -> None:
        if isinstance(event, EpochDone):
            for part in ("train", "validation"):
                for kind in ("loss", "accuracy"):
                    value = getattr(event, f"{part}_{kind}")
                    writer.add_scalar(f"{kind}/{part}", value, event.epoch)
            writer.add_scalar("lr", event.lr, event.epoch)
        listen(event)

    try:
        yield both
    finally:
        writer.close()
