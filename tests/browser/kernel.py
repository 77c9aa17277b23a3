"""The kernel behind a notebook, reached beside the browser through its connection file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient


class Kernel:
    """Runs code in the notebook's own kernel, in the notebook's own namespace.

    The shell channel is shared with the front end, so code that is sent after a click runs after
    the messages which the click has already sent.
    """

    def __init__(self, client: BlockingKernelClient) -> None:
        self._client = client

    def run(self, code: str, *, timeout_s: float = 60) -> str:
        """Run ``code`` and return what it printed.

        Raises
        ------
        RuntimeError
            With the kernel's traceback, where the code raised.
        """
        printed: list[str] = []

        def keep(message: dict[str, Any]) -> None:
            if message["header"]["msg_type"] == "stream":
                printed.append(message["content"]["text"])

        reply = self._client.execute_interactive(
            code, store_history=False, allow_stdin=False, timeout=timeout_s, output_hook=keep
        )
        if reply["content"]["status"] != "ok":
            traceback = "\n".join(reply["content"].get("traceback", ["no traceback"]))
            message = f"in the kernel:\n{code}\n{traceback}"
            raise RuntimeError(message)
        return "".join(printed)

    def read(self, expression: str) -> Any:
        """Return the value of an expression whose value JSON can carry.

        What JSON does not know comes back as its ``tolist()`` (numpy), ``to_dict()`` (pandas), or
        its ``str``.
        """
        return json.loads(self.run(_READ.format(expression=expression)))


_READ = """
print(__import__("json").dumps(({expression}), default=lambda value: (
    value.tolist() if hasattr(value, "tolist")
    else value.to_dict() if hasattr(value, "to_dict")
    else str(value)
)))
"""


@contextmanager
def connected(connection_file: Path) -> Iterator[Kernel]:
    """Connect to a running kernel and disconnect at the end; the kernel goes on."""
    client = BlockingKernelClient(connection_file=str(connection_file))
    client.load_connection_file()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield Kernel(client)
    finally:
        client.stop_channels()
