"""Step 6: what the encoder's scores mean, for databases without local features.

The database is built from the gallery by the exported encoder, with ``--no-local-features``, and
asked about the photos. One half of them chooses the thresholds and the other tries them, both
ways; the stricter ones are written into the ``.onnx`` file, where the package reads them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import numpy as np
import onnx

from mtg_image_db import Database
from mtg_image_db.encoders.onnx import THRESHOLDS
from mtg_image_db.encoders.thresholds import Thresholds
from mtg_image_db.evaluation.labels import plain_name, read_labels
from mtg_image_db.evaluation.scores import Share, evaluate
from mtg_image_db.recognise.verdict import by_score
from mtg_image_db.system.progress import Silent

MARGINS = (0.0, 0.02, 0.04, 0.06, 0.08, 0.10, 0.15)
REFUSED = 0.97
"""Share of the wrong answers that `likely` refuses at the least."""
STEP = 0.01
"""How much stricter than the photos ask for: they are few."""


@dataclass(frozen=True)
class Answer:
    """The score of an answer, its lead over other artworks, and whether the photo has the card."""

    score: float
    lead: float
    right: bool


def ask(database: Database, labels: Path, truth: Path) -> list[list[Answer]]:
    """Ask about the photos by scores alone, in two halves by a hash of their names."""
    known = {plain_name(face.name) for face in database.faces()}
    halves: list[list[Answer]] = [[], []]
    for outcome in evaluate(database, read_labels(labels, truth, known), Silent()):
        half = halves[hashlib.sha256(outcome.photo.file.encode()).digest()[0] % 2]
        for answer, right in zip(outcome.answers, outcome.right, strict=True):
            if answer.by_title:
                continue  # then its matches are those of the title
            first, *others = answer.matches
            art = first.face.illustration_id
            rival = max((m.score for m in others if m.face.illustration_id != art), default=-1.0)
            half.append(Answer(first.score, first.score - rival, right))
    return halves


def fit(answers: Sequence[Answer]) -> Thresholds:
    """Choose what keeps most right answers and lets no wrong one be `confident`."""
    wrong = [answer for answer in answers if not answer.right]
    likely = float(np.quantile([answer.score for answer in wrong], REFUSED)) + STEP
    best: tuple[int, float, float] = (-1, 1.0, 0.0)
    for score, margin in product(np.arange(0.5, 1.0, 0.01), MARGINS):
        if not any(a.score >= score - STEP and a.lead >= margin for a in wrong):
            kept = sum(a.right and a.score >= score and a.lead >= margin for a in answers)
            # Of those that keep as many, the strictest.
            best = max(best, (kept, float(score), margin))
    return Thresholds(round(best[1], 2), round(min(likely, best[1]), 2), best[2])


def tried(answers: Sequence[Answer], thresholds: Thresholds) -> str:
    """Say what thresholds do with answers."""
    verdicts = [by_score(a.score, a.lead, thresholds) for a in answers]
    parts = []
    for right, word in ((True, "right"), (False, "wrong")):
        some = [v for v, a in zip(verdicts, answers, strict=True) if a.right is right]
        parts += [f"{word}, {v} {Share(some.count(v), len(some))}" for v in ("confident", "likely")]
    return "; ".join(parts)


def main() -> int:
    """Fit, try, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database", type=Path, help="of the gallery, without local features")
    parser.add_argument("labels", type=Path, help="photos.csv")
    parser.add_argument("truth", type=Path, help="photo_truth.csv")
    parser.add_argument("onnx", type=Path, help="the encoder's file, which is changed")
    arguments = parser.parse_args()
    halves = ask(Database.open(arguments.database), arguments.labels, arguments.truth)
    chosen = [fit(half) for half in halves]
    for thresholds, other in zip(chosen, halves[::-1], strict=True):
        print(f"{thresholds}\n  on the other half: {tried(other, thresholds)}")
    final = Thresholds(*np.max([list(asdict(one).values()) for one in chosen], axis=0).tolist())
    print(f"written: {final}\n  on all photos: {tried(halves[0] + halves[1], final)}")
    model = onnx.load(str(arguments.onnx), load_external_data=False)
    kept = {prop.key: prop.value for prop in model.metadata_props}
    onnx.helper.set_model_props(model, {**kept, THRESHOLDS: json.dumps(asdict(final))})
    onnx.save(model, str(arguments.onnx))
    return 0


if __name__ == "__main__":
    sys.exit(main())
