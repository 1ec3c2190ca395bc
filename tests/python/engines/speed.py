"""What searches through Milvus cost beside a data folder, where the time goes, and what memory indexing takes."""

import os
import re
import statistics
import threading
import time
import urllib.request

from places import ask, query

# For each place and mode, in seconds.
PATIENCE = 25


def compare(run, local, remote, questions):
    """Prints latency, throughput and where the time goes: one server over a data folder, one over Milvus, two over Milvus."""
    with run.serving(local) as here, run.serving(remote) as one, run.serving(remote) as other:
        for at in (here, one, other):
            # What is read once is read before.
            for question in questions[-3:]:
                ask(at, query(q=question))
        print(f"{'':34}{'p50':>9}{'p95':>9}{'searches':>10}")
        for mode in ("hybrid", "semantic", "keyword"):
            for name, at in (("data folder", here), ("Milvus", one)):
                before = metrics(at)
                took, ended = timed(at, questions, mode), time.monotonic()
                p50, p95 = statistics.median(took), sorted(took)[int(0.95 * (len(took) - 1))]
                print(f"{name + ', ' + mode + ', one client':34}{p50:7.1f}ms{p95:7.1f}ms{len(took):10}")
                print("    " + breakdown(before, metrics(at), len(took)), flush=True)
        filtered = {"year": "2005-2012"}
        for name, at in (("data folder", here), ("Milvus", one)):
            took = timed(at, questions, "hybrid", filtered)
            print(f"{name + ', hybrid, of some years':34}{statistics.median(took):7.1f}ms{'':>9}{len(took):10}")
        for name, servers in (("data folder, one server", [here]), ("Milvus, one server", [one]), ("Milvus, two servers", [one, other])):
            print(f"{name + ', eight clients':40}{throughput(servers, questions):7.1f} searches/s", flush=True)


def timed(address, questions, mode, filters=None):
    """Milliseconds of searches one after the other."""
    took, until = [], time.monotonic() + PATIENCE
    for question in questions:
        started = time.monotonic()
        status, _ = ask(address, query(q=question, mode=mode, **(filters or {})))
        if status != 200:
            raise RuntimeError(f"{address} answered {status}")
        took.append(1000 * (time.monotonic() - started))
        if time.monotonic() > until and len(took) >= 10:
            break
    return took


def throughput(servers, questions, n_clients=8):
    """Hybrid searches a second that many clients get together."""
    counts, ended = [0] * n_clients, threading.Event()

    def client(number):
        at = number * 37
        while not ended.is_set():
            at += 1
            status, _ = ask(servers[number % len(servers)], query(q=questions[at % len(questions)]))
            counts[number] += status == 200

    threads = [threading.Thread(target=client, args=(number,)) for number in range(n_clients)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    time.sleep(PATIENCE)
    ended.set()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - started)


def metrics(address):
    """Sums and counts of what a server measures."""
    with urllib.request.urlopen(address + "/metrics") as answer:
        text = answer.read().decode()
    return {name: float(value) for name, value in re.findall(r"^(\w+(?:\{[^}]*\})?) (\S+)$", text, re.MULTILINE)}


def breakdown(before, after, n):
    """Where the time of a search went, by what the server measured: milliseconds, and how often."""
    gained = {name: value - before.get(name, 0.0) for name, value in after.items()}
    total = sum(value for name, value in gained.items()
                if name.startswith("cognate_http_request_duration_seconds_sum") and '"/v1/search"' in name)
    encoded = gained.get("cognate_encoder_pass_duration_seconds_sum", 0.0)
    parts = [("encode", encoded, gained.get("cognate_encoder_pass_duration_seconds_count", 0.0))]
    for name, seconds in sorted(gained.items()):
        if found := re.fullmatch(r'cognate_engine_call_duration_seconds_sum\{call="(\w+)"\}', name):
            count = gained[name.replace("_sum{", "_count{")]
            if count:
                parts.append((found[1], seconds, count))
    rest = total - sum(seconds for _, seconds, _ in parts)
    told = ", ".join(f"{name} {1000 * seconds / n:.1f} ms ({count / n:.1f} times)" for name, seconds, count in parts)
    # The model works beside the first call, so that the rest may be less than nothing.
    return f"of {1000 * total / n:.1f} ms in the server: {told}, ranking and all else {1000 * rest / n:.1f} ms"


def memory(run, few, many, n_shards):
    """Prints the peak memory of `index --shard` over a file of few papers and one of many; about as many are embedded."""
    peaks = []
    for name, file, shard in (("few", few, "0/1"), ("many", many, f"0/{n_shards}")):
        indexing = run.begin(run.milvus.place(f"memory_{name}"), "index", "--shard", shard, file)
        _, status, usage = os.wait4(indexing.pid, 0)
        indexing.returncode = os.waitstatus_to_exitcode(status)
        run.expect(f"indexing {name} ends well", indexing.returncode == 0, indexing.returncode)
        peaks.append(usage.ru_maxrss / 1024)
        print(f"index --shard {shard} of {file.name}, {file.stat().st_size / 1e6:.0f} MB: {peaks[-1]:.0f} MiB at most", flush=True)
    run.expect("no more memory for a longer file", peaks[1] <= 1.1 * peaks[0] + 16, peaks)
