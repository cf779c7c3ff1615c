"""Damaged files end no command in a crash, a hang or a traceback (see fuzzer.py).

``MTG_DB_FUZZ_ROUNDS`` multiplies the rounds, ``MTG_DB_FUZZ_SEED`` draws others.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("fuzzer.py")
SEED = os.environ.get("MTG_DB_FUZZ_SEED", "0")
TIMES = int(os.environ.get("MTG_DB_FUZZ_ROUNDS", "1"))


@pytest.mark.parametrize(
    ("target", "rounds"),
    [("pictures", 60), ("database", 15), ("indexes", 40), ("cache", 5), ("checkpoint", 5)],
)
def test_damaged_files_are_answered_or_refused_by_name(
    tmp_path: Path, target: str, rounds: int
) -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), target, SEED, "0", str(rounds * TIMES), str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, f"seed {SEED}, exit code {done.returncode}:\n{done.stdout[-6000:]}"
    assert done.stdout.count(f"{target}, seed {SEED}, round ") == rounds * TIMES
