"""Our loop beside other methods: same task, demonstrations, reward, judge and cores; success against wall clock.

    python benchmarks/beside_peers.py curricula/adroit-door-fast.toml --demos FILE --minutes 4 --out runs/peers/door
    python benchmarks/beside_peers.py curricula/planar-turn-fast.toml --minutes 1 --every 15 --out runs/peers/planar

Each method learns for `--minutes` of wall clock on each seed, which starts at the demonstrations and stands still while
its noiseless policy is judged: every `--every` seconds on the same undisturbed cases, by the task's judge. All learn
from the curriculum's reward as ours does (its terms, compressed, at most 1 per control step) and see what the policy
sees; the others at undisturbed starts of the task, ours as its curriculum says. Their settings and sources stand in
`benchmarks/peers/`. The engine has `--threads` threads; torch has one, because more make networks this small slower.
Ours and RLPD let networks learn side by side, each on a thread of its own.

What is complete in `--out` is only read. Writes `<method>-<seed>.jsonl`, `table.json` and `curves.png`, and prints the
table. Stable-Baselines3 and rsl_rl come with the extra `peers`.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from peers.given import Given
from peers.measuring import Budget, Point, measured
from peers.methods import METHODS, missing
from peers.showing import draw, rows, show

from regrasp.curriculum.schema import locate, read_curriculum
from regrasp.demonstrations import read_demonstrations
from regrasp.errors import InputError
from regrasp.tasks import find_task


def main() -> None:
    """Measure whatever is not there yet, then print and draw."""
    options = _options()
    if absent := missing(options.methods):
        sys.exit(_refused(absent))
    try:
        runs = _measure(options)
    except InputError as error:
        sys.exit(_refused(str(error)))
    found, title = rows(runs), read_curriculum(options.curriculum, options.changes).task
    (options.out / "table.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    show(title, found)
    draw(title, runs, options.out / "curves.png")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("curriculum", type=Path)
    parser.add_argument("--demos", type=Path, help="in place of the curriculum's demonstrations")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--minutes", type=float, default=10.0, help="wall clock of each method on each seed")
    parser.add_argument("--every", type=float, default=30.0, help="seconds of it between two judgements")
    parser.add_argument("--cases", type=int, default=100)
    change = {"action": "append", "default": [], "metavar": "PHASE.KEY=VALUE"}
    parser.add_argument("--set", dest="changes", **change, help="a setting of the curriculum, as rl.disturbed=0")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def _refused(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 2


def _measure(options: argparse.Namespace) -> dict[str, dict[int, list[Point]]]:
    curriculum = read_curriculum(options.curriculum, options.changes)
    task = find_task(curriculum.task, str(options.curriculum))
    demos = options.demos or locate(options.curriculum, curriculum.demonstrations or "")
    taught = read_demonstrations(demos, task)
    budget = Budget(60.0 * options.minutes, options.every, options.cases)
    settings = {"curriculum": curriculum.digest, "demonstrations": taught.digest, "threads": options.threads}
    _claim(options.out, settings | vars(budget))
    runs: dict[str, dict[int, list[Point]]] = {name: {} for name in options.methods}
    for seed in options.seeds:
        for name in options.methods:
            print(f"{METHODS[name].title}, seed {seed}", flush=True)
            given = Given(task, curriculum, taught, seed, options.threads)
            runs[name][seed] = measured(METHODS[name], given, budget, options.out / f"{name}-{seed}.jsonl")
    return runs


def _claim(out: Path, settings: dict[str, Any]) -> None:
    """A folder is for one set of settings.

    Raises:
        InputError: it holds results of another.
    """
    out.mkdir(parents=True, exist_ok=True)
    file = out / "settings.json"
    if not file.exists():
        file.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    for name, known in json.loads(file.read_text(encoding="utf-8")).items():
        if settings[name] != known:
            raise InputError(file, name, repr(known), f"{settings[name]!r} as asked for now; name another --out")


if __name__ == "__main__":
    main()
