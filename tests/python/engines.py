"""Two servers of cognate over the same papers, one with a data folder and one with Milvus, answer alike: all that docs/engines.md
does not name as a difference is the same.

Usage: engines.py BINARY WORK MILVUS_LITE PAPERS.jsonl PYTHON FILE...

WORK is made anew. MILVUS_LITE is the program of that name. PYTHON has the clients of other services, which the other scripts
beside this one need, and FILEs are what they ask for beside PAPERS.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

BINARY, WORK, MILVUS_LITE, PAPERS, PYTHON, *FILES = (Path(arg) for arg in sys.argv[1:])
QUESTIONS = [
    "dark matter halos in simulations", "learning representations of graphs", "superconductivity", "deep learning",
    "how do black holes merge?", "error correction for quantum computers", "inflation", "spin chains and entanglement",
]
failures = []


def expect(what, holds, found=""):
    if not holds:
        failures.append(what)
        print(f"FAILED {what}: {found}"[:2000], flush=True)


def ask(address, path, body=None, method=None):
    """The status of an answer, and what it holds."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address + path, data=data, method=method, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        text = error.read()
        return error.code, {**json.loads(text), "retry_after": error.headers.get("Retry-After")}


def query(**params):
    return "/v1/search?" + urllib.parse.urlencode(params)


def ids(answer):
    return [hit["id"] for hit in answer["data"]]


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class MilvusLite:
    """A server of Milvus over a folder that stays."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, free_port(), None

    def start(self):
        command = [MILVUS_LITE, "server", "--data-dir", self.folder, "--host", "127.0.0.1", "--port", str(self.port)]
        log = open(WORK / "milvus-lite.log", "a")
        self.process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, start_new_session=True)
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.1)
        raise RuntimeError("milvus-lite does not listen")

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def address(self, collection, options=""):
        return f"milvus://127.0.0.1:{self.port}/{collection}{options}"


def cognate(place, *args, check=True):
    command = [BINARY, *place, "--json", *args]
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if check and done.returncode != 0:
        raise RuntimeError(f"{args} ended with {done.returncode}: {done.stderr[-2000:]} {done.stdout[-500:]}")
    return done.returncode, json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else None


@contextlib.contextmanager
def serving(place):
    command = [BINARY, *place, "serve", "--bind", "127.0.0.1:0"]
    log = open(WORK / "serve.log", "a")
    server = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=log)
    try:
        yield server.stdout.readline().decode().strip().removeprefix("listening on ")
    finally:
        server.terminate()
        server.wait()


def compare_searches(here, there):
    for question in QUESTIONS:
        (_, a), (_, b) = (ask(at, query(q=question, mode="semantic", limit=20)) for at in (here, there))
        # The walk on a graph may miss a paper.
        common = set(ids(a)) & set(ids(b))
        expect(f"semantic {question!r}", len(common) >= 19, (ids(a), ids(b)))
        scores = [{hit["id"]: hit["score"] for hit in answer["data"]} for answer in (a, b)]
        expect(f"cosines of {question!r}", all(scores[0][key] == scores[1][key] for key in common), scores)
        (_, a), (_, b) = (ask(at, query(q=question, mode="keyword", limit=20)) for at in (here, there))
        expect(f"keyword {question!r}", len(set(ids(a)) & set(ids(b))) >= 0.85 * len(ids(a)), (ids(a), ids(b)))
        expect(f"total of keyword {question!r}", a["total"] == b["total"], (a["total"], b["total"]))
        (_, a), (_, b) = (ask(at, query(q=question, limit=10)) for at in (here, there))
        expect(f"hybrid {question!r}", len(set(ids(a)) & set(ids(b))) >= 9, (ids(a), ids(b)))
        expect(f"generation of {question!r}", b["meta"]["generation"] is None and a["meta"]["generation"] > 0, b["meta"])
        (_, first), (_, second) = (ask(there, query(q=question, limit=5, offset=n)) for n in (0, 5))
        expect(f"pages of {question!r}", ids(first) + ids(second) == ids(b), (ids(first), ids(second), ids(b)))


def compare_filters(here, there):
    filters = [
        {"year": "2010-2015"}, {"year": "-2000"}, {"publication_date": "2012-03:2014-06"}, {"categories": "cs"},
        {"categories": "hep-th,math.AG"}, {"author": "Wang"}, {"author": "J Smith"}, {"author": "Müller"},
        {"venue": "Phys"}, {"has_abstract": "true"}, {"has_abstract": "false"},
        {"filter": json.dumps({"must_not": [{"year": "2000-"}], "should": [{"categories": ["cs"]}, {"author": "Li"}]})},
    ]
    for conditions in filters:
        (_, a), (_, b) = (ask(at, query(limit=50, facets="year,categories,venue", **conditions)) for at in (here, there))
        expect(f"total where {conditions}", a["total"] == b["total"], (a["total"], b["total"]))
        expect(f"newest where {conditions}", ids(a) == ids(b), (ids(a)[:5], ids(b)[:5]))
        expect(f"facets where {conditions}", a["facets"] == b["facets"], (a["facets"], b["facets"]))
        (_, a), (_, b) = (ask(at, query(q="model", mode="semantic", limit=10, **conditions)) for at in (here, there))
        expect(f"semantic where {conditions}", ids(a) == ids(b), (ids(a), ids(b)))


def compare_papers(here, there, some):
    for key in some:
        quoted = urllib.parse.quote(key, safe="")
        (status, a), (_, b) = (ask(at, f"/v1/papers/{quoted}") for at in (here, there))
        for body in (a, b):
            for name in ("duplicates", "versions", "first_indexed"):
                body.pop(name, None)
        expect(f"paper {key}", status == 200 and a == b, (a, b))
        (_, a), (_, b) = (ask(at, f"/v1/papers/{quoted}/similar?limit=20") for at in (here, there))
        expect(f"similar to {key}", len(set(ids(a)) & set(ids(b))) >= 19, (ids(a), ids(b)))
        (_, a), (_, b) = (ask(at, query(q=key, limit=3)) for at in (here, there))
        expect(f"the id {key} asked for", ids(a)[0] == ids(b)[0] == key, (ids(a), ids(b)))
    for strategy in ("average_vector", "best_score", "sum_scores"):
        body = {"positive": some[:2], "negative": some[2:3], "strategy": strategy, "limit": 10}
        (_, a), (_, b) = (ask(at, "/v1/recommend", body) for at in (here, there))
        expect(f"recommended by {strategy}", len(set(ids(a)) & set(ids(b))) >= 9, (ids(a), ids(b)))
    body = {"searches": [{"q": question, "limit": 3} for question in QUESTIONS[:4]]}
    (_, a), (_, b) = (ask(at, "/v1/search/batch", body) for at in (here, there))
    expect("a batch", [len(one["data"]) for one in a["results"]] == [len(one["data"]) for one in b["results"]], b)
    for question in ('+"dark matter" halos', "quantum -spin", "title:networks", '"neural networks"'):
        (_, a), (_, b) = (ask(at, query(q=question, mode="keyword", limit=10)) for at in (here, there))
        expect(f"total of {question}", a["total"] == b["total"], (a["total"], b["total"]))
    (_, a), (_, b) = (ask(at, query(q="dark matter", limit=3, explain="true")) for at in (here, there))
    for one, other in zip(a["data"], b["data"]):
        if one["id"] == other["id"]:
            expect("matched terms", one["explanation"]["matched_terms"] == other["explanation"]["matched_terms"], (one, other))


def compare_listings(here, there, local, remote):
    """Cursors, exports, days, records that are checked, doctors."""
    for params in ({"q": "learning representations"}, {"year": "2010-2015"}):
        found = []
        cursor = "new"
        while cursor and len(found) < 3_000:
            _, answer = ask(there, query(limit=100, cursor=cursor, **params))
            found += ids(answer)
            cursor = answer["meta"].get("cursor")
            if len(found) >= 500 and "q" in params:
                break
        expect(f"a cursor gives each paper once for {params}", len(found) == len(set(found)) and len(found) >= 100, len(found))
        if "q" not in params:
            expect("a cursor reaches the end", len(found) == answer["total"], (len(found), answer["total"]))
    exported = {}
    for name, place in (("here", local), ("there", remote)):
        for conditions in ((), ("--year", "2010-2012"), ("black holes",), ("1",)):
            done = subprocess.run([str(BINARY), *place, "export", *conditions, "--format", "jsonl"], stdout=subprocess.PIPE, text=True)
            exported[name, conditions] = sorted(done.stdout.splitlines())
    for conditions in {key[1] for key in exported}:
        a, b = exported["here", conditions], exported["there", conditions]
        expect(f"exported {conditions}", a == b and (a or conditions == ("1",)), (len(a), len(b), a[:1], b[:1]))
    (_, a), (_, b) = (ask(at, "/v1/export?" + urllib.parse.urlencode({"year": "2011", "format": "csl"})) for at in (here, there))
    order = lambda papers: sorted(papers, key=lambda paper: paper["id"])
    expect("exported over HTTP", a and order(a) == order(b), (len(a), len(b)))
    for when in ("", "?date=2012", "?date=2011-06"):
        (status, a), (other, b) = (ask(at, f"/api/daily_papers{when}") for at in (here, there))
        names = lambda papers: sorted(paper["paper"]["id"] for paper in papers) if isinstance(papers, list) else papers
        expect(f"papers of a day {when}", status == other and names(a) == names(b), (status, other, names(a), names(b)))
    records = [json.loads(line) for line in open(PAPERS)][200:206]
    for record in records[3:]:
        record["id"] = "another " + record["id"]
        record["abstract"] = record["abstract"][:-40]
    changed = WORK / "checked.jsonl"
    changed.write_text("".join(json.dumps(record) + "\n" for record in records))
    checked = [subprocess.run([str(BINARY), *place, "--json", "dedup", "check", str(changed)], stdout=subprocess.PIPE, text=True)
               for place in (local, remote)]
    verdicts = [[(json.loads(line).get("id"), json.loads(line).get("verdict")) for line in one.stdout.splitlines()] for one in checked]
    expect("records that are checked", verdicts[0] == verdicts[1] and len(verdicts[0]) >= 6, verdicts)
    code, body = cognate(remote, "doctor", check=False)
    expect("the doctor finds all well", code == 0 and body["ok"], body)


def compare_exact(local, flat):
    """An index that compares every vector gives what a data folder gives, to the bit."""
    _, report = cognate([], "copy", "--from", local[1], "--to", flat[1])
    _, again = cognate([], "copy", "--from", local[1], "--to", flat[1])
    expect("a copy is complete", again["unchanged"] == again["n_papers"] == report["n_papers"] > 0, (report, again))
    back = ["--data", str(WORK / "back")]
    cognate([], "copy", "--from", flat[1], "--to", back[1])
    with serving(local) as here, serving(flat) as there, serving(back) as returned:
        for question in QUESTIONS[:4]:
            (_, a), (_, b), (_, c) = (ask(at, query(q=question, mode="semantic", exact="true", limit=50)) for at in (here, there, returned))
            scored = [[(hit["id"], hit["score"]) for hit in answer["data"]] for answer in (a, b, c)]
            expect(f"exact {question!r}", scored[0] == scored[1] == scored[2], scored)
            (_, a), (_, b) = (ask(at, query(q=question, mode="semantic", min_score=0.4, limit=50)) for at in (here, there))
            expect(f"min_score of {question!r}", (a["total"], ids(a)) == (b["total"], ids(b)), (a["total"], b["total"]))
            body = {"q": question, "min_score": 0.35}
            lines = [stream(at, "/v1/search/range", body) for at in (here, there)]
            found = [sorted((hit["id"], hit["score"]) for hit in hits[1:]) for hits in lines]
            expect(f"range of {question!r}", found[0] == found[1] and lines[0][0] == lines[1][0], (len(found[0]), len(found[1])))


def stream(address, path, body):
    request = urllib.request.Request(address + path, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return [json.loads(line) for line in answer]


def compare_servers(place):
    """Two servers before one collection answer alike."""
    with serving(place) as one, serving(place) as other:
        for question in QUESTIONS:
            for mode in ("hybrid", "semantic", "keyword"):
                (_, a), (_, b) = (ask(at, query(q=question, mode=mode, limit=20)) for at in (one, other))
                shown = [[(hit["id"], hit["score"]) for hit in answer["data"]] for answer in (a, b)]
                expect(f"two servers, {mode} {question!r}", shown[0] == shown[1] and a["total"] == b["total"], shown)


def clients(place):
    """The clients of other services find in Milvus what they need."""
    cognate(place, "index", *FILES)
    texts = ["kelp forests", "Lullabies slow the breathing of premature infants.", "naïve $x^2$ 日本"]
    vectors = WORK / "vectors.jsonl"
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    vectors.write_text(subprocess.run([str(BINARY), "embed"], input=lines, stdout=subprocess.PIPE, text=True, check=True).stdout)
    with serving(place) as there:
        for script, *rest in [("hugging_face_client", WORK / "home", "without-trends"), ("semantic_scholar_client",), ("embedding_clients", vectors)]:
            command = [PYTHON, Path(__file__).parent / f"{script}.py", there, *rest]
            done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            expect(f"{script} with Milvus", done.returncode == 0, done.stdout[-1500:])


def contents(place):
    """All papers of a place, as it exports them."""
    done = subprocess.run([str(BINARY), *place, "export", "--format", "jsonl"], stdout=subprocess.PIPE, text=True, check=True)
    return sorted(done.stdout.splitlines())


def refusals(there, place):
    for path, body in [
        ("/v1/saved", None), ("/v1/trends", None), ("/v1/dedup", {}), ("/v1/dedup/runs", None),
        ("/v1/search/range", {"q": "x y", "min_score": 0.5}), (query(q="deep", versions="collapse"), None),
        (query(q="deep", exact="true"), None), (query(q="neuro*"), None), (query(q="deep learning", min_score="0.5"), None),
    ]:
        status, answer = ask(there, path, body)
        expect(f"refusal of {path}", status == 501 and answer["code"] == "not_supported", (status, answer))
    for args in (["saved", "list"], ["trends"], ["dedup"], ["reembed"], ["backup", "x"], ["optimize"], ["index", "--prune", str(PAPERS)]):
        code, _ = cognate(place, *args, check=False)
        expect(f"refusal of {args}", code == 2, code)
    code, _ = cognate([*place, "--data", str(WORK / "x")], "stats", check=False)
    expect("two places", code == 2, code)
    code, _ = cognate(["--data", str(WORK / "x")], "index", "--shard", "0/2", str(PAPERS), check=False)
    expect("a shard of a data folder", code == 2, code)


def changes(there, place):
    record = {"id": "made-up/1 \"x\" \\y", "title": "Zyxwv crystals of nothing", "abstract": "A text about zyxwv crystals. " * 5,
              "year": 1901, "authors": ["Ada Müller"], "categories": ["cs.ZZ"]}
    status, answer = ask(there, "/v1/papers", record)
    expect("a paper is added", status == 200 and answer["added"] == 1, answer)
    _, found = ask(there, query(q="zyxwv crystals", mode="keyword"))
    expect("it is found at once", ids(found)[:1] == [record["id"]], found)
    _, again = ask(there, "/v1/papers", record)
    expect("it is unchanged", again["unchanged"] == 1, again)
    _, changed = ask(there, "/v1/papers", {**record, "year": 1902})
    expect("only its year is new", changed["updated"] == 1, changed)
    quoted = urllib.parse.quote(record["id"], safe="")
    _, paper = ask(there, f"/v1/papers/{quoted}")
    expect("its year is stored", paper["year"] == 1902, paper)
    long = {**record, "id": "long", "abstract": "ä word " * 40_000, "title": "A long one"}
    _, answer = ask(there, "/v1/papers", long)
    _, paper = ask(there, "/v1/papers/long")
    expect("nothing long is cut", paper["abstract"] == long["abstract"].strip(), len(paper.get("abstract", "")))
    for key in (quoted, "long"):
        expect("it is deleted", ask(there, f"/v1/papers/{key}", method="DELETE")[0] == 204)
        expect("it is gone", ask(there, f"/v1/papers/{key}")[0] == 404)
    status, _ = ask(there, f"/v1/papers/{quoted}", method="DELETE")
    expect("what is not there cannot be deleted", status == 404, status)


def away(milvus, there, n_papers):
    """The server is killed under searches: they answer 503 in time, and go on by themselves."""
    milvus.kill()
    started = time.monotonic()
    status, answer = ask(there, query(q="dark matter"))
    expect("503 while it is away", status == 503 and answer["retry_after"] and time.monotonic() - started < 30, (status, answer))
    expect("health goes on", ask(there, "/health")[0] == 200)
    expect("it is not ready", ask(there, "/ready")[0] == 503)
    milvus.start()
    for _ in range(60):
        if ask(there, query(q="dark matter"))[0] == 200:
            break
        time.sleep(1)
    status, answer = ask(there, query(q="dark matter"))
    expect("searches go on", status == 200 and len(answer["data"]) == 10, (status, answer))
    _, stats = ask(there, "/v1/stats")
    expect("nothing is lost", stats["n_papers"] == n_papers, stats)
    # It listens, and says nothing.
    os.killpg(milvus.process.pid, signal.SIGSTOP)
    started = time.monotonic()
    status, answer = ask(there, query(q="dark matter"))
    expect("503 while it is slow", status == 503 and answer["retry_after"] and time.monotonic() - started < 35, (status, answer))
    started = time.monotonic()
    expect("it is not ready", ask(there, "/ready")[0] == 503 and time.monotonic() - started < 5)
    status, answer = ask(there, "/v1/papers", {"id": "never", "title": "Not acknowledged"})
    expect("nothing is acknowledged", status == 503, (status, answer))
    os.killpg(milvus.process.pid, signal.SIGCONT)
    status, answer = ask(there, query(q="dark matter"))
    expect("searches go on at once", status == 200, (status, answer))
    ask(there, "/v1/papers/never", method="DELETE")


def interrupted(milvus, papers, whole):
    """The server is killed in the middle of an indexing run, which goes on."""
    place = ["--engine", milvus.address("interrupted")]
    command = [str(BINARY), *place, "index", str(papers)]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(6)
    milvus.kill()
    time.sleep(2)
    milvus.start()
    code = run.wait(timeout=900)
    expect("the run ends well", code == 0, code)
    expect("nothing is lost or doubled", contents(place) == whole)


def sharded(milvus, papers, whole):
    """Four processes at once, two of which are killed and run again, make what one makes."""
    place = ["--engine", milvus.address("sharded")]
    start = lambda n: subprocess.Popen([str(BINARY), *place, "index", "--shard", f"{n}/4", str(papers)],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    runs = [start(n) for n in range(4)]
    time.sleep(4)
    for n in (1, 3):
        runs[n].kill()
        runs[n].wait()
        runs[n] = start(n)
    expect("all shards end well", [run.wait(timeout=900) for run in runs] == [0] * 4)
    expect("the shards make the whole", contents(place) == whole)


def main():
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    milvus = MilvusLite(WORK / "milvus")
    milvus.start()
    try:
        local, remote = ["--data", str(WORK / "data")], ["--engine", milvus.address("papers")]
        times = {}
        for name, place in (("data folder", local), ("Milvus", remote)):
            started = time.monotonic()
            cognate(place, "index", PAPERS)
            times[name] = time.monotonic() - started
        _, again = cognate(remote, "index", PAPERS)
        expect("a repeated run changes nothing", again["updated"] == 0 == again["added"], again)
        _, stats = cognate(remote, "stats")
        n_papers = stats["n_papers"]
        some = [json.loads(line)["id"] for line in open(PAPERS)][100:103]
        with serving(local) as here, serving(remote) as there:
            compare_searches(here, there)
            compare_filters(here, there)
            compare_papers(here, there, some)
            compare_listings(here, there, local, remote)
            changes(there, remote)
            refusals(there, remote)
            took = {}
            for name, at in (("data folder", here), ("Milvus", there)):
                started = time.monotonic()
                for question in QUESTIONS * 2:
                    ask(at, query(q=question))
                took[name] = (time.monotonic() - started) / (2 * len(QUESTIONS))
            away(milvus, there, n_papers)
        compare_servers(remote)
        compare_exact(local, ["--engine", milvus.address("flat", "?index=flat")])
        whole = contents(remote)
        clients(remote)
        interrupted(milvus, PAPERS, whole)
        sharded(milvus, PAPERS, whole)
    finally:
        with contextlib.suppress(ProcessLookupError):
            milvus.kill()
    print("indexed in " + ", ".join(f"{name}: {seconds:.1f} s" for name, seconds in times.items()))
    print("a hybrid search in " + ", ".join(f"{name}: {1000 * seconds:.0f} ms" for name, seconds in took.items()))
    if failures:
        print(f"{len(failures)} failed")
        sys.exit(1)
    print(f"all alike over {n_papers} papers")


main()
