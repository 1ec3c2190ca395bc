"""Measures a TREC run with ir-measures, for comparison with `cognate eval`.

Usage: measure.py QRELS.tsv RUN
"""

import csv
import json
import sys

import ir_measures
from ir_measures import AP, RR, R, nDCG

NAMES = {nDCG @ 10: "ndcg_at_10", RR @ 10: "mrr_at_10", AP: "map", R @ 100: "recall_at_100"}


def main(qrels_path, run_path):
    qrels = {}
    with open(qrels_path, newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            qrels.setdefault(row["query-id"], {})[row["corpus-id"]] = int(row["score"])
    # As cognate does: a query without a relevant paper says nothing.
    qrels = {query: grades for query, grades in qrels.items() if max(grades.values()) > 0}
    run = list(ir_measures.read_trec_run(run_path))
    values = ir_measures.calc_aggregate(NAMES.keys(), qrels, run)
    print(json.dumps({NAMES[measure]: value for measure, value in values.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
