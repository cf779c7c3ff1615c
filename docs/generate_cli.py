"""Write docs/cli.md from the command line's own declarations: ``python docs/generate_cli.py``."""

from __future__ import annotations

import argparse
from pathlib import Path

from mtg_image_db.cli.parser import make_parser

PAGE = Path(__file__).with_name("cli.md")

INTRODUCTION = """\
# Command line

This page is generated from the program's own help (`python docs/generate_cli.py`); a test fails
when it is stale.

All arguments are checked before any work, and all problems are listed at once. Answers go to
standard output, everything else to standard error. Progress bars appear on terminals only.
`--debug` or `MTG_DB_DEBUG=1` shows the traceback of an error.

## Exit codes

| code | meaning |
|---|---|
| 0 | done (also when the answer is "none") |
| 1 | error: arguments, configuration, a failed request; a verify command found something |
| 2 | nothing usable: every image or picture failed, or there is no valid image to embed |
| 3 | an input is missing: the cache, the database |
| 4 | partial failure, only with `--strict` |
| 130 | ended by SIGINT (Ctrl-C) |
| 143 | ended by SIGTERM |
"""


def page() -> str:
    """The page's text."""
    parser = make_parser()
    [commands] = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    parts = [INTRODUCTION]
    for name, command in commands.choices.items():
        usage = " ".join(str(action.metavar) for action in _positional(command))
        parts.append(f"\n## mtg-db {name}\n")
        parts.append(f"{command.description}\n")
        parts.append(f"```\nmtg-db {name} [OPTIONS]{' ' + usage if usage else ''}\n```\n")
        parts.append("| argument | meaning (default) |\n|---|---|")
        parts += [_row(action) for action in command._actions]
        parts.append("")
    return "\n".join(parts)


def _positional(command: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in command._actions if not action.option_strings]


def _row(action: argparse.Action) -> str:
    names = ", ".join(f"`{name}`" for name in action.option_strings) or f"`{action.metavar}`"
    value = f" `{action.metavar or action.dest.upper()}`" if _takes_value(action) else ""
    text = (action.help or "") % {**vars(action), "prog": "mtg-db"}
    cells = (cell.replace("|", chr(92) + "|") for cell in (names + value, text))
    return f"| {' | '.join(cells)} |"


def _takes_value(action: argparse.Action) -> bool:
    return bool(action.option_strings) and action.nargs != 0


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
