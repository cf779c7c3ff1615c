"""Which scans the detector misses where nothing else is to be seen.

    python missed_scans.py SHARED WORK DETECTOR.onnx

lays each scan on a plain table: upright, turned by a quarter, and by half. A scan is missed if one
of the three photos does not have exactly one outline at the right corners. WORK/missed.npy gets
the rows of missed ones among the scans of training; `train_detector.py` shows these more often.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from cards import Image
from detector_scenes import prepare

from mtg_image_db.recognise.detector import CardDetector

_GROUND = (120, 95, 70)
_OFF = 0.15
"""Most distance of a corner from where it is, as a share of the card's sides."""
_LEAST = 0.4
"""Least probability: photos are harder than this."""
_CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)


def is_missed(detector: CardDetector, scan: Image) -> bool:
    """Whether the detector misses a scan [h, w, 3] at one of three angles."""
    for turn in (0, 1, 2):
        laid = np.rot90(scan, -turn)
        rows, columns = laid.shape[:2]
        photo = np.full((2 * rows, 2 * columns, 3), _GROUND, np.uint8)
        photo[rows // 2 : rows // 2 + rows, columns // 2 : columns // 2 + columns] = laid
        found = detector.detect(photo)
        if len(found) != 1 or found[0].probability < _LEAST:
            return True
        quad = (found[0].quad - (columns / 2, rows / 2)) / (columns, rows)
        if np.abs(quad - np.roll(_CORNERS, -turn, axis=0)).max() > _OFF:
            return True
    return False


def main() -> None:
    """Write which scans are missed."""
    parser = argparse.ArgumentParser()
    for name in ("shared", "work", "detector"):
        parser.add_argument(name, type=Path)
    options = parser.parse_args()
    detector = CardDetector(options.detector)
    for held_out, said in ((True, "held-out scans"), (False, "scans of training")):
        scans = prepare(options.shared, options.work, held_out=held_out)
        missed = [row for row, scan in enumerate(scans) if is_missed(detector, np.asarray(scan))]
        print(f"{said}: {len(missed)} of {len(scans)} missed")
        if not held_out:
            np.save(options.work / "missed.npy", np.array(missed, np.int64))


if __name__ == "__main__":
    main()
