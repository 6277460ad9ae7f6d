"""How busy the machine's NVIDIA GPUs are, and how much of their memory is in use; nothing where there is none."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Gpu", "GpuUse"]


class GpuUse(NamedTuple):
    """Over all GPUs: mean use in percent 0-100, and bytes of memory in use together; None where unknown."""

    utilization: float | None
    memory_bytes: int | None


_UNKNOWN = GpuUse(None, None)


class Gpu:
    """The GPUs of this machine, looked for once, when first read.

    Where there is no driver, none is looked for again. A GPU that fails, or lacks a figure (one that is divided by MIG
    has no utilisation), is left out of that figure. Memory is the whole machine's, not the bot's share.

    Parameters
    ----------
    nvml : module, optional
        What has NVML's functions; default: `pynvml`, imported when first read.

    Examples
    --------
    >>> utilization, memory_bytes = Gpu().read()
    >>> utilization is None or 0 <= utilization <= 100
    True
    """

    def __init__(self, nvml: Any = None) -> None:
        self._nvml = nvml
        self._devices: list[Any] | None = None

    def read(self) -> GpuUse:
        """Use and memory now; never raises."""
        if self._devices is None:
            self._devices = self._look()
        if not self._devices:
            return _UNKNOWN
        loads = [load for device in self._devices if (load := self._load(device)) is not None]
        used = [size for device in self._devices if (size := self._used(device)) is not None]
        return GpuUse(sum(loads) / len(loads) if loads else None, sum(used) if used else None)

    def _look(self) -> list[Any]:
        try:
            if self._nvml is None:
                import pynvml

                self._nvml = pynvml
            self._nvml.nvmlInit()
            return [self._nvml.nvmlDeviceGetHandleByIndex(n) for n in range(self._nvml.nvmlDeviceGetCount())]
        except Exception:  # noqa: BLE001 - no driver, an old one, or no permission: each way there is no GPU to read
            return []

    def _load(self, device: Any) -> float | None:
        try:
            return float(self._nvml.nvmlDeviceGetUtilizationRates(device).gpu)
        except Exception:  # noqa: BLE001 - a GPU that fails must not take the other figures along
            return None

    def _used(self, device: Any) -> int | None:
        try:
            return int(self._nvml.nvmlDeviceGetMemoryInfo(device).used)
        except Exception:  # noqa: BLE001 - as above
            return None
