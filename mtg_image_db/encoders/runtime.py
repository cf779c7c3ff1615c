"""The only import of ONNX Runtime, with its telemetry off."""

from __future__ import annotations

import os
from typing import Any

_SWITCH = "ORT_DISABLE_TELEMETRY"


def onnx_runtime() -> Any:
    """Import onnxruntime with its telemetry off.

    From version 1.29 on, its packages look up a host of Microsoft, and keep a device id and a
    database of events in the user's cache. The variable is read once, when the module is first
    imported. If the host program has already imported it, at least our own calls are not reported.
    """
    os.environ[_SWITCH] = "1"
    import onnxruntime

    # For Windows, and for a module that was already imported.
    onnxruntime.disable_telemetry_events()
    return onnxruntime
