"""Compares results with those of an earlier run."""

import json
import statistics
import sys

from bench_results import OPERATIONS

TOLERANCE = 1.10


def load(file):
    try:
        results = json.loads(file.read_text())
        results["id_order"], results["benchmarks"][0]["contenders"]
    except (OSError, ValueError, LookupError) as error:
        sys.exit(f"bench: cannot compare with {file}: {error}")
    return results


def print_comparison(earlier, results, ours):
    """Names what became faster and slower, of our own contenders. Returns whether anything became slower."""
    if earlier["id_order"] != results["id_order"]:
        sys.exit("bench: cannot compare: the earlier run had ids in another order")
    changes = list(changes_between(earlier, results))
    own = [change for change in changes if change["contender"] in ours]
    slower = [change for change in own if change["factor"] > TOLERANCE]
    faster = [change for change in own if change["factor"] < 1 / TOLERANCE]
    if not own:
        sys.exit("bench: cannot compare: the earlier run has no operation and size in common with this one")
    names = sorted({change["contender"] for change in own}, key=ours.index)
    print(f"\nAgainst the earlier run, {len(own)} medians of {', '.join(names)}:")
    print_changes("slower", slower)
    print_changes("faster", faster)
    rivals = [change["factor"] for change in changes if change["contender"] not in ours]
    if rivals:
        print(f"  The rivals' times are {statistics.median(rivals):.2f} times what they were: the machine's share.")
    return bool(slower)


def changes_between(earlier, results):
    before = {(entry["operation"], entry["components"]): entry["contenders"] for entry in earlier["benchmarks"]}
    labels = {operation.name: operation.label for operation in OPERATIONS}
    for entry in results["benchmarks"]:
        for contender, value in entry["contenders"].items():
            old = before.get((entry["operation"], entry["components"]), {}).get(contender)
            if old and entry["operation"] in labels:
                yield {
                    "label": labels[entry["operation"]],
                    "components": entry["components"],
                    "unit": entry["unit"],
                    "contender": contender,
                    "before": old["median"],
                    "after": value["median"],
                    "factor": value["median"] / old["median"],
                }


def print_changes(word, changes):
    print(f"  more than {(TOLERANCE - 1) * 100:.0f} % {word}: {len(changes) or 'none'}")
    for change in sorted(changes, key=lambda change: abs(change["factor"] - 1), reverse=True):
        numbers = f"{change['before']:,.1f} to {change['after']:,.1f} {change['unit']}"
        percent = f"{(change['factor'] - 1) * 100:+.0f} %"
        print(f"    {change['contender']}, {change['label']}, {change['components']:,}: {numbers} ({percent})")
