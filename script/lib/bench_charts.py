"""Draws results with gnuplot: an SVG file an operation, a group of bars a size, a bar a contender."""

import math
import shutil
import subprocess

from bench_results import OPERATIONS

# Ours first, in the strong colour.
COLOURS = {
    "piecemark": "#0b5fa5",
    "ordered": "#7fb2dd",
    "sqlite": "#e08e45",
    "rocksdb": "#c9504b",
    "leveldb": "#6a9f58",
    "postgres": "#8672b5",
    "lmdb": "#9a9a9a",
}
LOGARITHMIC_FROM = 15  # largest to smallest

SCRIPT = """
set terminal svg size 860,440 dynamic font "Helvetica,Arial,sans-serif,13" background "#ffffff" noenhanced
set output "{output}"
$values << END
{table}
END
set title "{title}" font ",16"
set ylabel "{unit}"
set xlabel "components"
set style data histograms
set style histogram clustered gap 1.5
set style fill solid 1.0 noborder
set boxwidth 0.9
set border 3 linecolor "#808080"
set xtics nomirror scale 0
set ytics nomirror
set decimalsign "."
set format y "%g"
set xrange [-0.7:{groups} - 0.3]
set grid ytics linecolor "#e4e4e4"
set key outside right top Left reverse samplen 1 spacing 1.3
{scale}
plot {bars}
"""


def is_available():
    return shutil.which("gnuplot") is not None


def write_all(results, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for chart in folder.glob("*.svg"):
        chart.unlink()
    for operation in OPERATIONS:
        entries = [entry for entry in results["benchmarks"] if entry["operation"] == operation.name]
        if entries:
            write(operation, entries, list(results["contenders"]), folder / f"{operation.name}.svg")


def write(operation, entries, contenders, output):
    names = [name for name in contenders if any(name in entry["contenders"] for entry in entries)]
    rows = []
    values = []
    for entry in entries:
        medians = [entry["contenders"].get(name, {}).get("median") for name in names]
        values += [median for median in medians if median is not None]
        cells = (f"{median:.6g}" if median is not None else "NaN" for median in medians)
        rows.append(f'"{entry["components"]:,}" ' + " ".join(cells))
    bars = ", ".join(
        f'$values using {column}:xtic(1) title "{name}" linecolor rgb "{COLOURS[name]}"'
        for column, name in enumerate(names, start=2)
    )
    script = SCRIPT.format(output=output, table="\n".join(rows), title=operation.label, unit=unit_label(operation),
                           scale=scale(values), groups=len(rows), bars=bars)
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def unit_label(operation):
    return f"{operation.unit} (less is better)"


def scale(values):
    """Linear from 0, or logarithmic where the shortest bar would not be seen."""
    if max(values) / min(values) < LOGARITHMIC_FROM:
        return "set yrange [0:*]"
    return f"set logscale y\nset yrange [{10 ** math.floor(math.log10(min(values) / 1.5)):g}:*]"
