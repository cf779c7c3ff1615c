"""The scripts of the pages keep to their types."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import mtg_image_db

SCRIPTS = Path(mtg_image_db.__file__).parent / "serving" / "static"
TSC = ["npx", "--yes", "--prefer-offline", "--package=typescript@5.9.3", "tsc"]
"""One version: what is clean on one machine is clean on all."""
OPTIONS = [
    *("--noEmit", "--allowJs", "--checkJs", "--strict", "--target", "es2022"),
    *("--module", "es2022", "--moduleResolution", "bundler", "--lib", "es2022,dom,dom.iterable"),
]


def test_the_scripts_keep_to_their_types() -> None:
    if shutil.which("npx") is None:
        pytest.skip("npm is not installed: apt-get install npm")
    if subprocess.run([*TSC, "--version"], capture_output=True, check=False).returncode:
        pytest.skip("npm cannot fetch TypeScript: no network, or no registry")
    scripts = sorted(map(str, SCRIPTS.glob("*.js")))
    assert len(scripts) > 5
    done = subprocess.run(
        [*TSC, *OPTIONS, *scripts], capture_output=True, check=False, text=True, cwd=SCRIPTS
    )
    assert (done.returncode, done.stdout) == (0, "")
