"""What recording costs the bot: a call, a flush beside it, an hour of it, and a real suite of Robot Framework.

Each figure stands beside a peer or a goal, measured in the same run. After each round the books are checked: `flush()`
said True, nothing was dropped, and the store holds every row; a benchmark whose books don't balance fails. Times aren't
checked, they depend on the machine; ratios are what carries over.

    python benchmarks/collection.py                all of it (a quarter of an hour, most of it waiting)
    python benchmarks/collection.py calls stall    only these parts
    python benchmarks/collection.py robot --pairs 10
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable

from benchmarks.recording.figures import Goal, heading, machine, summary


def main() -> None:
    parser = ArgumentParser(description="What recording costs the bot.")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(_PARTS)}; default: all")
    parser.add_argument("--rounds", type=int, default=7, help="of the calls (default: 7)")
    parser.add_argument("--pairs", type=int, default=5, help="of runs of the robot (default: 5)")
    said = parser.parse_args()
    if unknown := set(said.parts) - set(_PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(_PARTS)}")
    heading(machine())
    summary([goal for name in said.parts or _PARTS for goal in _PARTS[name](said)])


def _calls(said: Namespace) -> list[Goal]:
    from benchmarks.recording.calls import calls  # what a part needs is loaded with it

    return calls(rounds=said.rounds)


def _stall(_said: Namespace) -> list[Goal]:
    from benchmarks.recording.stall import stall

    return stall()


def _idle(_said: Namespace) -> list[Goal]:
    from benchmarks.recording.idle import idle

    return idle()


def _robot(said: Namespace) -> list[Goal]:
    from benchmarks.recording.suite_runs import robot

    return robot(pairs=said.pairs)


_PARTS: dict[str, Callable[[Namespace], list[Goal]]] = {
    "calls": _calls,
    "stall": _stall,
    "idle": _idle,
    "robot": _robot,
}

if __name__ == "__main__":
    main()
