"""The Python that runs a notebook: this interpreter, whatever kernels the machine's Jupyter knows.

The kernel sees none of the user's IPython start-up files, leaves no history behind, speaks encrypted where it can, and
draws charts as SVG. What it prints itself goes to a file, not into the terminal of whoever asked for a report.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rpa_lab.chart.theme import RENDERER_VARIABLE

if TYPE_CHECKING:
    from jupyter_client.manager import AsyncKernelManager

__all__ = ["kernel_manager", "last_words"]

_LOG = "kernel.log"


def kernel_manager(folder: Path) -> type[AsyncKernelManager]:
    """The class of a manager that starts kernels of this interpreter.

    Parameters
    ----------
    folder : Path
        Scratch space of the kernel: its profile and connection file; to be removed afterwards.

    Returns
    -------
    type
        To be given to nbclient as ``kernel_manager_class``.
    """
    import zmq
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    environment = {RENDERER_VARIABLE: "svg", "IPYTHONDIR": str(folder), **_import_path()}
    known: dict[str, Any] = get_kernel_dict(["--HistoryManager.enabled=False"])
    spec = KernelSpec(**{**known, "env": environment})

    class ThisInterpreter(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            return spec

        def _connection_file_default(self) -> str:
            return str(folder / "connection.json")

        async def _async_start_kernel(self, **options: Any) -> None:
            if self.has_trait("transport_encryption") and zmq.has("curve"):
                self.transport_encryption = "auto"
            await super()._async_start_kernel(**options)

        start_kernel = _async_start_kernel

        async def _async_launch_kernel(self, kernel_cmd: list[str], **options: Any) -> None:
            with (folder / _LOG).open("wb") as log:
                await super()._async_launch_kernel(kernel_cmd, **{**options, "stdout": log, "stderr": log})

    return ThisInterpreter


def last_words(folder: Path, *, lines: int = 5) -> str:
    """The end of what a kernel printed itself, such as why it crashed.

    Parameters
    ----------
    folder : Path
        As given to `kernel_manager`.
    lines : int
        How many lines at most.

    Returns
    -------
    str
        Empty where it printed nothing.
    """
    log = folder / _LOG
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return "\n".join(text.strip().splitlines()[-lines:])


def _import_path() -> dict[str, str]:
    """Lets the kernel import this very package, also where it is used without having been installed."""
    home = Path(__file__).resolve().parents[2]
    return {} if home.name in {"site-packages", "dist-packages"} else {"PYTHONPATH": str(home)}
