"""Prints results as tables of Markdown."""

import statistics

from bench_results import CHECKSUM, OPERATIONS, QUESTIONS


def print_all(results, ours):
    print_circumstances(results, ", ".join(f"{name} {version}" for name, version in results["contenders"].items()))
    print_comparison(results["benchmarks"], ours, [name for name in results["contenders"] if name != ours])
    if results["across_upgrade"]:
        print()
        print_across_upgrade(results["across_upgrade"])


def print_layouts(results):
    layouts = list(results["contenders"])
    print_circumstances(results, f"Piecemark {results['contenders'][layouts[0]]}, its layouts alone")
    rows = [["operation", "components", "unit", *layouts, "spread"]]
    found = {(entry["operation"], entry["components"]): entry["contenders"] for entry in results["benchmarks"]}
    for size in sorted({size for _, size in found}):
        for operation in OPERATIONS:
            if values := found.get((operation.name, size)):
                medians = [amount(values[name]["median"]) for name in layouts]
                spread = max(spread_of(value["rounds"]) for value in values.values())
                rows.append([operation.label, f"{size:,}", operation.unit, *medians, f"{spread:.1f}x"])
    print_table(rows)
    print("\nSpread: slowest round to the fastest, of the layout where they differ most.")
    print_cost_of_checksum(results["benchmarks"])


def print_circumstances(results, versions):
    print_machine(results["machine"])
    print(results["compiler"])
    print(versions)
    print(f"median of {rounds(results['rounds'])}, {results['id_order'].replace('_', '-')} ids\n")


def rounds(number):
    return f"{number} round" + "s" * (number != 1)


def print_machine(machine):
    print(
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, load {machine['load']:.1f}, "
        f"{machine['filesystem']}, {machine['system']}"
    )


def print_comparison(benchmarks, ours, others):
    rows = [["operation", "components", "unit", ours, *(f"{name} ÷" for name in others), "spread"]]
    found = {(entry["operation"], entry["components"]): entry["contenders"] for entry in benchmarks}
    for size in sorted({size for _, size in found}):
        for operation in OPERATIONS:
            values = found.get((operation.name, size), {})
            if ours in values:
                rows.append(comparison_row(operation, size, values, ours, others))
    print_table(rows)
    print(f"\n÷: the number of that contender divided by {ours}'s. Above 1 {ours} is faster, or smaller.")
    print("A dash: cannot be done there.")
    print(f"Spread: slowest round of {ours} to its fastest.")
    print_cost_of_checksum(benchmarks)


def print_cost_of_checksum(benchmarks):
    checksums = [
        value["median"]
        for entry in benchmarks
        if entry["operation"] == CHECKSUM.name
        for value in entry["contenders"].values()
    ]
    if checksums:
        print(f"Every row read includes {statistics.median(checksums):.0f} ns for its checksum.")


def comparison_row(operation, size, values, ours, others):
    base = values[ours]["median"]
    ratios = [ratio(values[name]["median"] / base) if name in values else "-" for name in others]
    spread = spread_of(values[ours]["rounds"])
    return [operation.label, f"{size:,}", operation.unit, amount(base), *ratios, f"{spread:.1f}x"]


def print_across_upgrade(questions):
    names = list(questions[0]["contenders"])
    header = ["before and after the upgrade", "components", "unit"]
    for name in names:
        header += [f"{name}, old", "upgraded", "upgraded/old"]
    labels = {question.name: question.label for question in QUESTIONS}
    rows = [header + ["spread"]]
    rows += [across_upgrade_row(labels[entry["question"]], entry, names) for entry in questions]
    print_table(rows)
    print("\nRatios below 1: faster than before. Spread: highest ratio of a round to the lowest.")


def across_upgrade_row(label, entry, names):
    row = [label, f"{entry['components']:,}", entry["unit"]]
    spreads = []
    for name in names:
        old, upgraded = entry["contenders"][name]["old"], entry["contenders"][name]["upgraded"]
        # Both sides of a round share its weather, so each round has a ratio of its own.
        ratios = [after / before for before, after in zip(old["rounds"], upgraded["rounds"])]
        spreads.append(spread_of(ratios))
        row += [amount(old["median"]), amount(upgraded["median"]), f"{statistics.median(ratios):.2f}"]
    return row + [f"{max(spreads):.2f}x"]


def amount(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def ratio(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread_of(values):
    return max(values) / min(values)


def print_table(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        aligned = [str.ljust, str.rjust, str.ljust] + [str.rjust] * (len(row) - 3)
        cells = (align(cell, width) for align, cell, width in zip(aligned, row, widths))
        print("| " + " | ".join(cells) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
