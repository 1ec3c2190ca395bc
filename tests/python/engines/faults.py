"""What is killed, and what becomes of it: Milvus under searches, writes and indexing, and machines that index together."""

import json
import signal
import subprocess
import threading
import time

from places import ask, query, quoted

# Longest time after which a server answers that Milvus is away, in seconds.
DEADLINE = 35
# Time in which searches are answered again once Milvus listens, in seconds.
RECOVERY = 60


class Load:
    """Searches, and papers that are put, one after the other by some threads, until it ends."""

    def __init__(self, address, questions, n_searching=3, puts=False):
        self.address, self.questions, self.ended = address, questions, threading.Event()
        self.answers, self.acknowledged, self.n_put, self.odd = [], [], 0, []
        self.threads = [threading.Thread(target=self.search, args=(at,)) for at in range(n_searching)]
        if puts:
            self.threads.append(threading.Thread(target=self.put))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def asked(self, path, body=None):
        started = time.monotonic()
        status, answer = ask(self.address, path, body)
        ended = time.monotonic()
        if status not in (200, 503) or (status == 503 and not answer["retry_after"]) or ended - started > DEADLINE:
            self.odd.append((path[:60], status, round(ended - started, 1), str(answer)[:200]))
        if status == 503:
            time.sleep(0.2)
        return status, answer, ended

    def search(self, at):
        while not self.ended.is_set():
            at += 1
            status, answer, ended = self.asked(query(q=self.questions[at % len(self.questions)]))
            n_hits = len(answer["data"]) if status == 200 else 0
            self.answers.append((ended, status, n_hits))

    def put(self):
        while not self.ended.is_set():
            self.n_put += 1
            record = {"id": f"put/{self.n_put:04}", "title": f"Put while it was killed, number {self.n_put}", "categories": ["made.put"]}
            status, answer, _ = self.asked("/v1/papers", record)
            if status == 200 and answer["added"] + answer["updated"] + answer["unchanged"] == 1:
                self.acknowledged.append(record["id"])
            time.sleep(0.05)


def killed_under_searches(run, place, questions):
    """Milvus is killed and started again under searches and writes: what was acknowledged is there once, and searches go on."""
    milvus = run.milvus
    with run.serving(place) as there:
        ask(there, query(q=questions[0]))
        with Load(there, questions, puts=True) as load:
            for _ in range(2):
                time.sleep(4)
                milvus.kill()
                killed = time.monotonic()
                time.sleep(3)
                run.expect("health goes on", ask(there, "/health")[0] == 200)
                run.expect("it is not ready", ask(there, "/ready")[0] == 503)
                milvus.start()
                back = recovered(load, time.monotonic())
                run.expect("searches go on by themselves", back is not None, load.answers[-5:])
                if back is not None:
                    print(f"killed under searches and writes: answers again {back - killed:.1f} s after the kill", flush=True)
        n_away = sum(status == 503 for _, status, _ in load.answers)
        run.expect("every answer is one, or 503 in time", not load.odd and n_away > 0, (load.odd[:5], n_away))
        run.expect("every answer is whole", all(n == 10 for _, status, n in load.answers if status == 200), load.answers[:5])
        missing = [key for key in load.acknowledged if ask(there, f"/v1/papers/{quoted(key)}")[0] != 200]
        run.expect("what was acknowledged is there", not missing and len(load.acknowledged) > 10, (missing, len(load.acknowledged)))
        _, found = ask(there, query(categories="made.put", limit=1000))
        keys = [hit["id"] for hit in found["data"]]
        run.expect("nothing is doubled", len(keys) == len(set(keys)) == found["total"] and set(load.acknowledged) <= set(keys), found["total"])
        print(f"{len(load.answers)} searches, of which {n_away} were told 503; {len(load.acknowledged)} papers acknowledged of {load.n_put}", flush=True)
        slow(run, there, questions[0])
        for key in keys:
            ask(there, f"/v1/papers/{quoted(key)}", method="DELETE")


def recovered(load, since):
    """When searches were answered again."""
    while time.monotonic() < since + RECOVERY:
        for ended, status, _ in load.answers[-10:]:
            if status == 200 and ended > since:
                return ended
        time.sleep(0.1)
    return None


def slow(run, there, question):
    """It listens, and says nothing."""
    run.milvus.signal(signal.SIGSTOP)
    started = time.monotonic()
    status, answer = ask(there, query(q=question))
    run.expect("503 while it is slow", status == 503 and answer["retry_after"] and time.monotonic() - started < DEADLINE, (status, answer))
    started = time.monotonic()
    run.expect("it is not ready while it is slow", ask(there, "/ready")[0] == 503 and time.monotonic() - started < 5)
    status, answer = ask(there, "/v1/papers", {"id": "never", "title": "Not acknowledged"})
    run.expect("nothing is acknowledged", status == 503, (status, answer))
    run.milvus.signal(signal.SIGCONT)
    status, answer = ask(there, query(q=question))
    run.expect("searches go on at once", status == 200, (status, answer))
    ask(there, "/v1/papers/never", method="DELETE")


def killed_while_indexing(run, file, whole, questions):
    """Milvus is killed twice in the middle of an indexing run, under searches of the same collection."""
    place, n = run.milvus.place("interrupted"), len(whole)
    with run.serving(place) as there:
        indexing = run.begin(place, "index", file)
        with Load(there, questions, n_searching=1) as load:
            for part in (0.2, 0.6):
                run.expect("papers come", reached(there, part * n, indexing), part)
                run.expect("it is killed in the middle", indexing.poll() is None, part)
                run.milvus.kill()
                time.sleep(2)
                run.milvus.start()
            code = indexing.wait(timeout=1800)
            run.expect("searches go on during indexing", recovered(load, time.monotonic()) is not None, load.answers[-5:])
        run.expect("every answer during indexing is one, or 503 in time", not load.odd, load.odd[:5])
    run.expect("the run ends well", code == 0, code)
    run.expect("nothing is lost or doubled", run.contents(place) == whole)


def reached(there, n_papers, process):
    """Waits until so many papers are there."""
    for _ in range(6000):
        status, stats = ask(there, "/v1/stats")
        if status == 200 and stats["n_papers"] >= n_papers:
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.1)
    return False


def sharded(run, file, alone):
    """Four processes at once, two of which are killed and run again, make what one makes, to the last field and bit."""
    place = run.milvus.place("sharded")
    begin = lambda number: run.begin(place, "index", "--shard", f"{number}/4", file)  # noqa: E731
    started = time.monotonic()
    shards = [begin(number) for number in range(4)]
    n_papers = rows_of(run, alone)["n_rows"]
    with run.serving(place) as there:
        run.expect("shards put papers", reached(there, n_papers / 4, shards[0]))
        for number in (1, 3):
            run.expect("a shard is killed in the middle", shards[number].poll() is None)
            shards[number].kill()
            shards[number].wait()
        time.sleep(1)
        for number in (1, 3):
            shards[number] = begin(number)
        codes = [shard.wait(timeout=3600) for shard in shards]
    print(f"four shards at once, two of them twice: {time.monotonic() - started:.0f} s for {n_papers} papers", flush=True)
    run.expect("all shards end well", codes == [0] * 4, codes)
    whole, of_shards = rows_of(run, alone), rows_of(run, "sharded")
    run.expect("the shards make the whole", whole == of_shards, (whole, of_shards))


def rows_of(run, collection):
    """All rows of a collection as another client reads them: how many, and a hash of each field but `first_indexed`."""
    python = run.options.milvus_lite.parent / "python"
    script = run.options.here / "rows.py"
    address = f"http://127.0.0.1:{run.milvus.port}"
    done = subprocess.run([str(python), str(script), address, collection], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])
