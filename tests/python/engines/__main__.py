"""Two servers of cognate over the same papers, one with a data folder and one with Milvus, answer alike: every line of the
table in docs/engines.md is tried on both. Then Milvus is killed, machines index together, and what it all costs is measured.

Usage: engines BINARY WORK MILVUS_LITE PYTHON PAPERS.jsonl [options]

WORK is made anew. MILVUS_LITE is the program of that name, with `pymilvus` beside it. PYTHON has the clients of other services.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import faults
import speed
import table
from places import Run, milvus_lite


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("binary", "work", "milvus_lite", "python", "papers"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--files", type=Path, nargs="*", default=[], help="what the clients of other services ask for beside PAPERS")
    parser.add_argument("--parts", nargs="*", default=["table", "faults"], choices=["table", "faults", "shards", "speed", "memory", "eval"])
    parser.add_argument("--short", action="store_true", help="leave out what needs thousands of papers")
    parser.add_argument("--more", type=Path, help="more papers, for shards and speed")
    parser.add_argument("--most", type=Path, help="a hundred times as many papers as PAPERS' first thousand, for memory")
    parser.add_argument("--collection", type=Path, help="a collection with judgments, for eval")
    found = parser.parse_args()
    found.here = Path(__file__).resolve().parent
    # A virtual environment's own programs are links: to resolve them would lead out of it.
    found.milvus_lite = found.milvus_lite.absolute()
    return found


def titles(file, n):
    """Questions: the first words of some titles."""
    with open(file) as papers:
        records = [json.loads(value) for value, _ in zip(papers, range(n))]
    return [" ".join(record["title"].split()[:6]) for record in records]


def compare_tables(run):
    papers = [json.loads(value) for value in open(run.options.papers)]
    both = table.open_both(run, papers, not run.options.short)
    table.check_lines(both, not run.options.short)
    table.refused_arguments(run, both.remote, both.file)
    table.compare_servers(run, both.remote)


def kill(run):
    place = run.milvus.place("killed")
    run.cognate(place, "index", run.options.papers)
    whole = run.contents(place)
    faults.killed_under_searches(run, place, table.QUESTIONS)
    run.expect("nothing is lost", run.contents(place) == whole)
    faults.killed_while_indexing(run, run.options.papers, whole, table.QUESTIONS)


def share(run):
    run.cognate(run.milvus.place("alone"), "index", run.options.more)
    faults.sharded(run, run.options.more, "alone")


def measure(run):
    local, remote = ["--data", str(run.work / "measured")], run.milvus.place("measured")
    run.cognate(local, "index", run.options.more)
    run.cognate([], "copy", "--from", local[1], "--to", remote[1])
    table.compare_servers(run, remote)
    speed.compare(run, local, remote, titles(run.options.more, 300))


def remember(run):
    with open(run.options.most) as papers:
        values = [value for value, _ in zip(papers, range(1000))]
    few = run.work / "few.jsonl"
    few.write_text("".join(values))
    speed.memory(run, few, run.options.most, 100)


def evaluate(run):
    found = [run.cognate(place, "eval", run.options.collection)[1] for place in (["--data", str(run.work / "data")], run.milvus.place("evaluated"))]
    for a, b in zip(found[0]["modes"], found[1]["modes"]):
        print(f"{a['mode']}: nDCG@10 {b['ndcg_at_10']:.4f} with Milvus, {a['ndcg_at_10']:.4f} in a data folder; "
              f"Recall@100 {b['recall_at_100']:.4f}, {a['recall_at_100']:.4f}", flush=True)
        run.expect(f"nDCG@10 by {a['mode']}", abs(a["ndcg_at_10"] - b["ndcg_at_10"]) <= 0.01, (a, b))


PARTS = {"table": compare_tables, "faults": kill, "shards": share, "speed": measure, "memory": remember, "eval": evaluate}


def main():
    table.check_table()
    given = options()
    base, failures = given.work, []
    shutil.rmtree(base, ignore_errors=True)
    for part in given.parts:
        # Each with a server of its own: what others left there costs time.
        given.work = base / part
        given.work.mkdir(parents=True)
        print(f"== {part}", flush=True)
        milvus = milvus_lite(given.milvus_lite, given.work / "milvus")
        milvus.start()
        run = Run(given, milvus)
        try:
            PARTS[part](run)
        finally:
            milvus.kill()
        failures += run.failures
    if failures:
        print(f"{len(failures)} failed")
        sys.exit(1)
    print(f"all alike ({', '.join(given.parts)})")


main()
