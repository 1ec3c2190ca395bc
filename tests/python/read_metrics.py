"""Reads metrics with Prometheus' own parser and prints the samples as one JSON object."""

import json
import sys
import urllib.request

from prometheus_client.parser import text_string_to_metric_families


def main(address):
    with urllib.request.urlopen(address) as answer:
        kind = answer.headers["Content-Type"]
        assert kind.startswith("text/plain; version=0.0.4"), kind
        text = answer.read().decode()
    samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            samples[f"{sample.name}{{{labels}}}"] = sample.value
    print(json.dumps(samples))


if __name__ == "__main__":
    main(sys.argv[1])
