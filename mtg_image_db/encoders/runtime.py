"""ONNX Runtime, which sends nothing and leaves nothing behind. Every import of it is this one."""

from __future__ import annotations

import os
from typing import Any

_SWITCH = "ORT_DISABLE_TELEMETRY"


def onnx_runtime() -> Any:
    """Import onnxruntime with its telemetry off.

    From 1.29 on its packages look up a host of Microsoft's, and keep a device's id and a database
    of events in the user's cache. The variable is read once, when the module is first imported;
    where a program around us has imported it, what we ask of it is not reported at least.
    """
    os.environ[_SWITCH] = "1"
    import onnxruntime

    # For Windows, and for a module that was there already.
    onnxruntime.disable_telemetry_events()
    return onnxruntime
