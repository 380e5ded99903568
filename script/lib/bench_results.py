"""What the benchmark programs report, brought together: one entry an operation and size, with every contender."""

import collections
import statistics

import bench_machine

# Name in the program, label, unit, how many of that unit a second has; None where no time is meant.
Operation = collections.namedtuple("Operation", "name label unit per_second")
OPERATIONS = [
    Operation("find", "find by drawing, mark, instance", "ns", 1e9),
    Operation("find_absent", "find, not there", "ns", 1e9),
    Operation("find_own_snapshot", "find, each in its own snapshot", "ns", 1e9),
    Operation("get", "get by id", "ns", 1e9),
    Operation("instances", "instances of a mark", "ns", 1e9),
    Operation("read_drawing", "read a drawing", "ns/row", 1e9),
    Operation("scan", "full scan", "ns/row", 1e9),
    Operation("open_and_find", "open, find one, close", "us", 1e6),
    Operation("find_cold", "open, 1,000 finds, cold file", "us/find", 1e6),
    Operation("read_drawing_cold", "open, 20 drawings, cold file", "ns/row", 1e9),
    Operation("bulk_load", "bulk load, in key order", "ns/row", 1e9),
    Operation("bulk_load_unsorted", "bulk load, in random order", "ns/row", 1e9),
    Operation("insert_one", "one row a commit", "us", 1e6),
    Operation("insert_many", "1,000 rows a commit", "us/row", 1e6),
    Operation("insert_drawing", "a drawing of 500 a commit", "us", 1e6),
    Operation("update_many", "1,000 updates a commit", "us/row", 1e6),
    Operation("erase_drawing", "delete a drawing of about 500", "us", 1e6),
    Operation("bytes", "room on the disk", "bytes/row", None),
    Operation("bytes_after_use", "room after ten changes of each row", "bytes/row", None),
    Operation("upgrade", "upgrade", "ns/row", 1e9),
    Operation("downgrade", "downgrade", "ns/row", 1e9),
    Operation("downgrade_setting_aside", "downgrade, setting rows aside", "ns/row", 1e9),
    Operation("upgrade_returning", "upgrade, all of them return", "ns/row", 1e9),
    Operation("upgrade_layout", "upgrade to the newest layout", "ns/row", 1e9),
    Operation("downgrade_layout", "downgrade from the newest layout", "ns/row", 1e9),
]
CHECKSUM = Operation("checksum", "checksum of a row", "ns/row", 1e9)

# The same question to a file of the old schema and to one upgraded from it: name in the program, label, unit.
Question = collections.namedtuple("Question", "name label unit")
QUESTIONS = [
    Question("find_across_upgrade", "find by drawing, mark", "ns"),
    Question("get_across_upgrade", "get by id", "ns"),
    Question("read_drawing_across_upgrade", "read a drawing", "ns/row"),
    Question("scan_across_upgrade", "full scan", "ns/row"),
]


def summarise(reports, id_order, rounds, root):
    """Every operation, size and contender over all rounds, in the unit of the operation."""
    values, times = collect(reports)
    return {
        "machine": bench_machine.describe(),
        "compiler": bench_machine.compiler(root),
        "contenders": {name: runs[0]["context"]["contender_version"] for name, runs in reports.items()},
        "id_order": id_order,
        "rounds": rounds,
        "benchmarks": [
            {
                "operation": operation.name,
                "components": size,
                "unit": operation.unit,
                "contenders": {name: with_median(rounds) for name, rounds in values[operation.name, size].items()},
            }
            for size in sorted({size for _, size in values})
            for operation in [*OPERATIONS, CHECKSUM]
            if (operation.name, size) in values
        ],
        "across_upgrade": [
            {
                "question": question.name,
                "components": size,
                "unit": question.unit,
                "contenders": {
                    name: {schema: with_median(rounds) for schema, rounds in schemas.items()}
                    for name, schemas in times[question.name, size].items()
                },
            }
            for size in sorted({size for _, size in times})
            for question in QUESTIONS
            if (question.name, size) in times
        ],
    }


def by_contender(report):
    """The report of a program that runs several contenders, one for each of them."""
    parts = {}
    for entry in report["benchmarks"]:
        contender = entry["name"].split("/")[2]
        parts.setdefault(contender, {"context": report["context"], "benchmarks": []})["benchmarks"].append(entry)
    return parts


def collect(reports):
    """Both by operation and size, then by contender: values, and the times before and after the upgrade."""
    values = collections.defaultdict(lambda: collections.defaultdict(list))
    times = collections.defaultdict(lambda: collections.defaultdict(lambda: {"old": [], "upgraded": []}))
    operations = {operation.name: operation for operation in [*OPERATIONS, CHECKSUM]}
    for contender, runs in reports.items():
        for entry in (entry for report in runs for entry in report["benchmarks"]):
            name, size = entry["name"].split("/")[:2]
            if name in operations:
                values[name, int(size)][contender].append(value_of(entry, operations[name]))
            else:
                for schema, rounds in times[name, int(size)][contender].items():
                    rounds.append(entry[schema])
    return values, times


def value_of(entry, operation):
    if operation.per_second is None:
        return entry["bytes_per_component"]
    return operation.per_second / entry["items_per_second"]


def with_median(rounds):
    return {"median": statistics.median(rounds), "rounds": rounds}
