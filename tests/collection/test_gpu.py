"""Only the driver is absent or made up here: no machine of the tests has a GPU that its figures could be checked on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from rpa_lab.collection.gpu import Gpu, GpuUse


def _has_driver() -> bool:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return False
    return True


class FakeNvml:
    """Stands in for the five NVML functions that are called; a load or size that is an exception is raised."""

    def __init__(self, *gpus: tuple[Any, Any], init: Exception | None = None) -> None:
        self.gpus = gpus
        self.init = init
        self.inits = 0

    def nvmlInit(self) -> None:  # noqa: N802 - the library's name
        self.inits += 1
        if self.init:
            raise self.init

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        return index

    def nvmlDeviceGetUtilizationRates(self, device: int) -> Any:  # noqa: N802
        return SimpleNamespace(gpu=_or_raise(self.gpus[device][0]))

    def nvmlDeviceGetMemoryInfo(self, device: int) -> Any:  # noqa: N802
        return SimpleNamespace(used=_or_raise(self.gpus[device][1]))


def _or_raise(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    return value


@pytest.mark.skipif(_has_driver(), reason="this machine has an NVIDIA driver")
def test_without_a_driver_the_real_library_says_nothing_and_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    inits = []
    real = pynvml.nvmlInit

    def counted() -> None:
        inits.append(1)
        real()

    monkeypatch.setattr(pynvml, "nvmlInit", counted)
    gpu = Gpu()
    assert [gpu.read() for _ in range(3)] == [GpuUse(None, None)] * 3
    assert len(inits) == 1


def test_several_gpus_are_their_mean_use_and_their_memory_together() -> None:
    assert Gpu(FakeNvml((20, 1_000), (60, 500))).read() == GpuUse(40.0, 1_500)


def test_a_gpu_that_lacks_a_figure_is_left_out_of_that_figure_only() -> None:
    lost = pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
    divided = pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

    assert Gpu(FakeNvml((20, 1_000), (divided, 500))).read() == GpuUse(20.0, 1_500)
    assert Gpu(FakeNvml((lost, lost), (60, 500))).read() == GpuUse(60.0, 500)
    assert Gpu(FakeNvml((lost, lost))).read() == GpuUse(None, None)
    assert Gpu(FakeNvml((0, 0))).read() == GpuUse(0.0, 0)


@pytest.mark.parametrize("failure", [pynvml.NVMLError(pynvml.NVML_ERROR_DRIVER_NOT_LOADED), OSError("no"), KeyError(1)])
def test_a_driver_that_fails_is_no_error_and_not_tried_again(failure: Exception) -> None:
    nvml = FakeNvml((20, 1_000), init=failure)
    gpu = Gpu(nvml)

    assert [gpu.read() for _ in range(3)] == [GpuUse(None, None)] * 3
    assert nvml.inits == 1
