"""A progress bar over the batches of one epoch, where Keras trains."""

from __future__ import annotations

import keras

from models.progress import progress_bar

Logs = dict[str, float] | None


class EpochBar(keras.callbacks.Callback):  # type: ignore[misc]
    """Shows loss and accuracy so far."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title = title
        self.bar = progress_bar()

    def on_train_begin(self, logs: Logs = None) -> None:
        """Show it."""
        self.bar.start()
        self.task = self.bar.add_task(self.title, total=self.params["steps"], note="")

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Advance by a batch."""
        values = logs or {}
        note = f"loss {values.get('loss', 0):.3f} accuracy {values.get('accuracy', 0):.3f}"
        self.bar.update(self.task, advance=1, note=note)

    def on_train_end(self, logs: Logs = None) -> None:
        """Take it away."""
        self.bar.stop()
