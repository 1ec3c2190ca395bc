"""The table of docs/engines.md, line by line: what each line says of a data folder and of Milvus is tried on both.

`LINES` has every line with its cells, so that neither a line without a test nor another word in the table goes unnoticed.
"""

import datetime
import http.client
import json
import re
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

from places import ask, ids, lines, query, quoted

ROOT = Path(__file__).resolve().parent.parent.parent.parent
QUESTIONS = [
    "dark matter halos in simulations", "learning representations of graphs", "superconductivity", "deep learning",
    "how do black holes merge?", "error correction for quantum computers", "inflation", "spin chains and entanglement",
]
# More papers than Milvus gives at once.
N_MANY = 16_500
MAX_ROWS = 16_384

# Lines of which several tests try a part each.
COMMANDS = ("`index`, `search`, `similar`, `get`, `delete`, `export`, `stats`, `eval`, `dedup check`, `doctor`, `serve`, `mcp`, `copy`",
            "yes", "yes")
ABOVE = ("recommendations, explanations, batches, the one box, other services' clients", "yes", "yes")
FILTERS = ("filters", "yes", "yes; of an author of three words or initials or more, each two must be in one name")

LINES = {}
# What is tried on more papers than Milvus gives at once.
OF_MANY = []


def line(what, here, there):
    """Tries a line of the table."""
    def of(test):
        LINES.setdefault((what, here, there), []).append(test)
        return test
    return of


def of_many(test):
    OF_MANY.append(test)
    return test


def table():
    """The lines of the table, as they stand in the documentation."""
    text = (ROOT / "docs/engines.md").read_text()
    rows = re.findall(r"^\| (.+) \|$", text.split("## What differs")[1].split("\n## ")[0], re.MULTILINE)[1:]
    return [tuple(cell.strip() for cell in row.split(" | ")) for row in rows]


def check_table():
    """Ends unless every line of the table is tried here, and nothing else."""
    written, tried = set(table()), set(LINES)
    for row in sorted(written ^ tried):
        print(f"{'no test tries' if row in written else 'docs/engines.md does not have'} this line: {' | '.join(row)}")
    if written != tried or not written:
        sys.exit(1)


def made_papers():
    """Papers that show what real ones show seldom."""
    about = lambda words: f"A text that was made to be found, about {words}."  # noqa: E731
    yield {"id": "made/letters", "title": "Made of letters", "abstract": about("letters"), "authors": ["Ahmet Selcuk Ulzhagac"]}
    yield {"id": "made/word", "title": "Made of a word", "abstract": about("a word"), "authors": ["As Ulzhagac"]}
    yield {"id": "made/three", "title": "Made by three", "abstract": about("three"), "authors": ["Annq Zbo", "Zbo Czen", "Annq Czen"]}
    yield {"id": "made/phrase", "title": "Morning notes on a herd", "abstract": "The herd met a purple zebra quokka."}
    yield {"id": "made/words", "title": "Evening notes on a herd", "abstract": "The herd met a zebra purple quokka."}
    for day in range(1, 31):
        yield {"id": f"made/{day:02}", "title": f"Made on day {day}", "abstract": about(f"day {day}"), "categories": ["made.day"],
               "publication_date": f"1913-01-{31 - day:02}"}


# Of these: not long ago, so that it is soon found.
THAT_DAY = str(datetime.date.today() - datetime.timedelta(days=20))


def many_papers():
    """More papers than Milvus gives at once, all of one day, in the order against that of their ids. Few have equal scores."""
    for number in reversed(range(N_MANY)):
        yield {"id": f"many/{number:05}", "title": f"Wind turbine {number}", "publication_date": THAT_DAY,
               "abstract": "wind " * (number % 16) + "blade " * (number // 16 % 16),
               "categories": ["made.tenth"] if number % 10 == 0 else ["made.other"], "publisher": "filling " * 125}


def open_both(run, papers, n_many):
    """The same papers in a data folder and with Milvus."""
    both = SimpleNamespace(run=run, local=["--data", str(run.work / "data")], remote=run.milvus.place("papers"), papers=papers)
    both.flat = run.milvus.place("flat", "?index=flat")
    both.file = run.write("papers.jsonl", [*papers, *made_papers()])
    both.some = [paper["id"] for paper in papers[len(papers) // 2:][:3]]
    for place in (both.local, both.remote):
        _, report = run.cognate(place, "index", both.file)
        run.expect("everything is indexed", report["added"] == report["read"] > len(papers), report)
    run.cognate([], "copy", "--from", both.local[1], "--to", both.flat[1])
    if n_many:
        both.many_here, both.many_there = ["--data", str(run.work / "many")], run.milvus.place("many", "?index=flat")
        many = run.write("many.jsonl", many_papers())
        run.cognate(both.many_here, "index", many)
        run.cognate([], "copy", "--from", both.many_here[1], "--to", both.many_there[1])
    return both


def check_lines(both, has_many):
    """Tries every line."""
    run = both.run
    with run.serving(both.local) as here, run.serving(both.remote) as there, run.serving(both.flat) as flat:
        both.here, both.there, both.flat_there = here, there, flat
        for (what, _, _), tests in LINES.items():
            for test in tests:
                attempt(run, what, test, both)
    if has_many:
        with run.serving(both.many_here) as here, run.serving(both.many_there) as there:
            both.here, both.there = here, there
            for test in OF_MANY:
                attempt(run, test.__name__, test, both)


def attempt(run, what, test, both):
    n_failures = len(run.failures)
    try:
        test(both)
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError, OSError) as error:
        run.expect(f"an answer that can be read ({what})", False, f"{type(error).__name__}: {error}")
    if len(run.failures) > n_failures:
        print(f"  in the line {what}", flush=True)


def ask_patiently(at, path, body=None, method=None):
    """As `ask`, and again where many papers take milvus-lite too long on a busy machine."""
    for _ in range(4):
        status, answer = ask(at, path, body, method)
        if status != 503:
            break
    return status, answer


def asked(both, path, body=None):
    """What a data folder answers, and what Milvus does."""
    return [ask_patiently(at, path, body)[1] for at in (both.here, both.there)]


def statuses(both, path, body=None, method=None):
    return [ask(at, path, body, method)[0] for at in (both.here, both.there)]


def refused(both, path, body=None, method=None):
    """Milvus's refusal, which says where the papers lie."""
    status, answer = ask_patiently(both.there, path, body, method)
    said = answer.get("message") or answer.get("text") or ""
    both.run.expect(f"refusal of {path}", status == 501 and answer.get("code", "not_supported") == "not_supported", (status, said[:300]))


@line(*COMMANDS)
def commands(both):
    run = both.run
    for args in (["search", "dark matter"], ["similar", both.some[0]], ["get", both.some[0]], ["stats"], ["doctor"]):
        codes = [run.cognate(place, *args, check=False)[0] for place in (both.local, both.remote)]
        run.expect(f"{args} everywhere", codes == [0, 0], codes)
    found = [run.cognate(place, "stats")[1]["n_papers"] for place in (both.local, both.remote)]
    run.expect("as many papers", found[0] == found[1] > 0, found)
    _, again = run.cognate(both.remote, "index", both.file)
    run.expect("a repeated run changes nothing", again["updated"] == 0 == again["added"], again)
    one = run.write("one.jsonl", [{"id": "made/one", "title": "A paper that goes again"}])
    for place in (both.local, both.remote):
        _, report = run.cognate(place, "index", one)
        codes = [run.cognate(place, "delete", "made/one", check=False)[0] for _ in range(2)]
        run.expect("a paper comes and goes", report["added"] == 1 and codes == [0, 3], (report, codes))
    code, body = run.cognate(both.remote, "doctor", check=False)
    run.expect("the doctor finds all well", code == 0 and body["ok"], body)
    for question, conditions in (("", ["--year", "2010-2012"]), ("black holes", []), ("", []), ("1", [])):
        args = [*question.split(), *conditions, "--format", "jsonl"]
        exported = [sorted(run.ended(place, "export", *args).stdout.splitlines()) for place in (both.local, both.remote)]
        run.expect(f"exported {args}", exported[0] == exported[1], [len(lines) for lines in exported])


@line(*COMMANDS)
def evaluation(both):
    """Each title asks for its paper."""
    run, folder = both.run, both.run.work / "collection"
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    papers = [paper for paper in both.papers if paper.get("title") and paper.get("abstract")][:60]
    rows = [{"_id": str(at), "title": paper["title"], "text": paper["abstract"]} for at, paper in enumerate(papers)]
    run.write("collection/corpus.jsonl", rows)
    run.write("collection/queries.jsonl", [{"_id": f"q{row['_id']}", "text": row["title"]} for row in rows])
    judged = "".join(f"q{row['_id']}\t{row['_id']}\t1\n" for row in rows)
    (folder / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged)
    found = [run.cognate(place, "eval", folder)[1] for place in (both.local, run.milvus.place("evaluated"))]
    for a, b in zip(found[0]["modes"], found[1]["modes"]):
        same = a["mode"] == b["mode"] and abs(a["ndcg_at_10"] - b["ndcg_at_10"]) <= 0.01
        run.expect(f"evaluation by {a['mode']}", same and b["ndcg_at_10"] > 0.9, (a, b))
    run.expect("all was evaluated", found[0]["n_queries"] == found[1]["n_queries"] == len(papers), found)


@line(*COMMANDS)
def checked_records(both):
    run = both.run
    records = [dict(paper) for paper in both.papers[20:26]]
    for record in records[3:]:
        record["id"] = "another " + record["id"]
        record["abstract"] = record["abstract"][:-40]
    changed = run.write("checked.jsonl", records)
    verdicts = []
    for place in (both.local, both.remote):
        values = [json.loads(value) for value in run.ended(place, "dedup", "check", changed).stdout.splitlines()]
        verdicts.append([(value.get("id"), value.get("verdict")) for value in values])
    run.expect("records that are checked", verdicts[0] == verdicts[1] and len(verdicts[0]) >= 6, verdicts)


@line(*COMMANDS)
def tools(both):
    calls = json.dumps([["search_papers", {"query": QUESTIONS[0], "limit": 3}], ["search_papers", {"query": both.some[0], "limit": 1}]])
    found = []
    for place in (both.local, both.remote):
        command = [both.run.options.python, ROOT / "tests/python/mcp_client.py", "stdio", both.run.binary, *place, "mcp"]
        done = subprocess.run([str(part) for part in command], input=calls, capture_output=True, text=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    answers = [[answer["is_error"] for answer in one["answers"]] for one in found]
    both.run.expect("tools for language models", answers == [[False, False]] * 2 and found[0]["tools"] == found[1]["tools"], answers)
    named = [both.some[0] in one["answers"][1]["text"] for one in found]
    both.run.expect("a tool finds a paper by its id", all(named), found)


@line(*COMMANDS)
def copies(both):
    run = both.run
    _, again = run.cognate([], "copy", "--from", both.local[1], "--to", both.flat[1])
    run.expect("a copy is complete", again["unchanged"] == again["n_papers"] > len(both.papers), again)
    back = ["--data", str(run.work / "back")]
    run.cognate([], "copy", "--from", both.flat[1], "--to", back[1])
    run.expect("all papers come back", run.contents(back) == run.contents(both.local))
    with run.serving(back) as returned:
        for question in QUESTIONS[:2]:
            answers = [ask(at, query(q=question, mode="semantic", exact="true", limit=50))[1] for at in (both.here, returned)]
            scored = [[(hit["id"], hit["score"]) for hit in answer["data"]] for answer in answers]
            run.expect(f"{question!r} after a copy and back", scored[0] == scored[1], scored)


@line(*COMMANDS)
def searches(both):
    run = both.run
    for question in QUESTIONS:
        a, b = asked(both, query(q=question, mode="semantic", limit=20))
        # The walk on a graph may miss a paper.
        common = set(ids(a)) & set(ids(b))
        run.expect(f"semantic {question!r}", len(common) >= len(ids(a)) - 1, (ids(a), ids(b)))
        scores = [{hit["id"]: hit["score"] for hit in answer["data"]} for answer in (a, b)]
        run.expect(f"cosines of {question!r}", all(scores[0][key] == scores[1][key] for key in common), scores)
        a, b = asked(both, query(q=question, mode="keyword", limit=20))
        run.expect(f"keyword {question!r}", len(set(ids(a)) & set(ids(b))) >= 0.85 * len(ids(a)), (ids(a), ids(b)))
        run.expect(f"total of keyword {question!r}", a["total"] == b["total"], (a["total"], b["total"]))
        a, b = asked(both, query(q=question, limit=10))
        run.expect(f"hybrid {question!r}", len(set(ids(a)) & set(ids(b))) >= 9, (ids(a), ids(b)))
        (_, first), (_, second) = (ask(both.there, query(q=question, limit=5, offset=n)) for n in (0, 5))
        run.expect(f"pages of {question!r}", ids(first) + ids(second) == ids(b), (ids(first), ids(second), ids(b)))
    for key in both.some:
        a, b = asked(both, f"/v1/papers/{quoted(key)}")
        for body in (a, b):
            for name in ("duplicates", "versions", "first_indexed"):
                body.pop(name, None)
        run.expect(f"paper {key}", a == b and a["id"] == key, (a, b))
        a, b = asked(both, f"/v1/papers/{quoted(key)}/similar?limit=20")
        run.expect(f"similar to {key}", len(set(ids(a)) & set(ids(b))) >= 19, (ids(a), ids(b)))
    exported = [[paper["id"] for paper in papers] for papers in asked(both, "/v1/export?year=2011&format=csl")]
    run.expect("exported over HTTP", sorted(exported[0]) == sorted(exported[1]), exported)
    for page in ("/", "/search?q=dark+matter", f"/papers/{quoted(both.some[0])}", "/docs/engines"):
        run.expect(f"the page {page}", statuses(both, page) == [200, 200], statuses(both, page))


@line(*COMMANDS)
def changes(both):
    """What comes, changes and goes over HTTP."""
    run, there = both.run, both.there
    record = {"id": "made-up/1 \"x\" \\y", "title": "Zyxwv crystals of nothing", "abstract": "A text about zyxwv crystals. " * 5,
              "year": 1901, "authors": ["Ada Müller"], "categories": ["cs.ZZ"]}
    status, answer = ask(there, "/v1/papers", record)
    run.expect("a paper is added", status == 200 and answer["added"] == 1, answer)
    _, found = ask(there, query(q="zyxwv crystals", mode="keyword"))
    run.expect("it is found at once", ids(found)[:1] == [record["id"]], found)
    _, again = ask(there, "/v1/papers", record)
    run.expect("it is unchanged", again["unchanged"] == 1, again)
    _, changed = ask(there, "/v1/papers", {**record, "year": 1902})
    run.expect("only its year is new", changed["updated"] == 1, changed)
    _, paper = ask(there, f"/v1/papers/{quoted(record['id'])}")
    run.expect("its year is stored", paper["year"] == 1902, paper)
    long = {**record, "id": "long", "abstract": "ä word " * 40_000, "title": "A long one"}
    ask(there, "/v1/papers", long)
    _, paper = ask(there, "/v1/papers/long")
    run.expect("nothing long is cut", paper["abstract"] == long["abstract"].strip(), len(paper.get("abstract", "")))
    for key in (quoted(record["id"]), "long"):
        run.expect("it is deleted", ask(there, f"/v1/papers/{key}", method="DELETE")[0] == 204)
        run.expect("it is gone", ask(there, f"/v1/papers/{key}")[0] == 404)
    status, _ = ask(there, f"/v1/papers/{quoted(record['id'])}", method="DELETE")
    run.expect("what is not there cannot be deleted", status == 404, status)


@line(*ABOVE)
def recommendations(both):
    run, some = both.run, both.some
    for strategy in ("average_vector", "best_score", "sum_scores"):
        a, b = asked(both, "/v1/recommend", {"positive": some[:2], "negative": some[2:3], "strategy": strategy, "limit": 10})
        run.expect(f"recommended by {strategy}", len(set(ids(a)) & set(ids(b))) >= 9, (ids(a), ids(b)))
    a, b = asked(both, query(q="dark matter", limit=3, explain="true"))
    pairs = [(one, other) for one in a["data"] for other in b["data"] if one["id"] == other["id"]]
    for one, other in pairs:
        run.expect("matched terms", one["explanation"]["matched_terms"] == other["explanation"]["matched_terms"], (one, other))
        run.expect("best sentence", one["explanation"]["best_sentence"] == other["explanation"]["best_sentence"], (one, other))
    run.expect("explanations", len(pairs) >= 2, (ids(a), ids(b)))
    a, b = asked(both, "/v1/search/batch", {"searches": [{"q": question, "limit": 3} for question in QUESTIONS[:4]]})
    shown = [[ids(one) for one in answer["results"]] for answer in (a, b)]
    run.expect("a batch", sum(x == y for x, y in zip(*shown)) >= 3 and len(shown[1]) == 4, shown)


@line(*ABOVE)
def one_box(both):
    run, paper = both.run, both.papers[7]
    for asks in (both.some[0], f"arXiv:{both.some[0]}", f"https://arxiv.org/abs/{both.some[0]}", paper["title"], paper["abstract"]):
        a, b = asked(both, query(q=asks, limit=3))
        run.expect(f"first of {asks!r}", ids(a)[0] == ids(b)[0] and a["meta"]["mode"] == b["meta"]["mode"], (ids(a), ids(b)))
    for asks in ("halos year:2010-2012", "author:Wang model", "category:cs networks", "quantum -spin", "title:networks", "10.5555/nothing",
                 '+"dark matter" halos', '"neural networks"'):
        a, b = asked(both, query(q=asks, mode="keyword", limit=10))
        run.expect(f"total of {asks}", a["total"] == b["total"], (a["total"], b["total"]))
        said = [answer["meta"].get("query", {}).get("unknown_identifier") for answer in (a, b)]
        run.expect(f"how {asks} is read", said[0] == said[1], said)


@line(*ABOVE)
def clients(both):
    """The clients of other services find in Milvus what they need."""
    run, place = both.run, both.run.milvus.place("clients")
    if not run.options.files:
        return
    run.cognate([], "copy", "--from", both.local[1], "--to", place[1])
    run.cognate(place, "index", *run.options.files)
    texts = ["kelp forests", "Lullabies slow the breathing of premature infants.", "naïve $x^2$ 日本"]
    vectors = run.work / "vectors.jsonl"
    given = "".join(json.dumps(text) + "\n" for text in texts)
    vectors.write_text(subprocess.run([run.binary, "embed"], input=given, stdout=subprocess.PIPE, text=True, check=True).stdout)
    with run.serving(place) as there:
        for script, *rest in [("hugging_face_client", run.work / "home", "without-trends"), ("semantic_scholar_client",),
                              ("embedding_clients", vectors)]:
            command = [run.options.python, ROOT / f"tests/python/{script}.py", there, *rest]
            done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            run.expect(f"{script} with Milvus", done.returncode == 0, done.stdout[-1500:])


@line("saved queries, feeds, digests, trends, map, `dedup` of all papers, decisions, lists, `reembed`, `backup`, `optimize`",
      "yes", "no (501, exit code 2)")
def local_only(both):
    run = both.run
    saved = {"name": "kept", "q": "dark matter"}
    for path, body in [
        ("/v1/saved", saved), ("/v1/saved", None), ("/v1/saved/kept", None), ("/v1/saved/kept/new", None),
        ("/v1/saved/kept/feed.atom", None), ("/v1/saved/kept/feed.json", None), ("/v1/trends", None), ("/v1/dedup", {}),
        ("/v1/dedup/rethreshold", {}), ("/v1/dedup/histogram", None), ("/v1/dedup/pairs", None), ("/v1/dedup/flow", None),
        ("/v1/dedup/runs", None), ("/v1/dedup/dropped", None), ("/v1/dedup/labels", None),
        ("/v1/dedup/labels", {"a": both.some[0], "b": both.some[1], "duplicate": False}), ("/v1/dedup/apply", {}),
        ("/map", None), ("/map/points", None), ("/saved", None), ("/trends", None), ("/library", None), ("/duplicates", None),
    ]:
        status = ask(both.here, path, body)[0]
        run.expect(f"{path} in a data folder", status in (200, 201), status)
        refused(both, path, body)
    run.expect("what was dropped comes back", ask(both.here, "/v1/dedup/undo", {})[0] in (200, 404))
    refused(both, "/v1/dedup/undo", {})
    small = run.write("small.jsonl", both.papers[:10])
    local = ["--data", str(run.work / "small")]
    run.cognate(local, "index", small)
    for args in (["saved", "add", "dark matter", "--name", "kept"], ["saved", "list"], ["saved", "new", "kept"], ["digest"], ["trends"],
                 ["dedup"], ["dedup", "--apply"], ["dedup", "runs"], ["dedup", "labels"], ["dedup", "label", *both.some[:2], "no"],
                 ["reembed"], ["backup", run.work / "backup"], ["optimize"]):
        here = [paper["id"] for paper in both.papers[:2]] if args[:2] == ["dedup", "label"] else None
        code = run.cognate(local, *(args[:2] + here + args[4:] if here else args), check=False)[0]
        run.expect(f"{args} in a data folder", code == 0, code)
        done = run.ended(both.remote, *args)
        run.expect(f"refusal of {args}", done.returncode == 2 and "data folder" in done.stdout + done.stderr,
                   (done.returncode, done.stdout, done.stderr))


@line(*FILTERS)
def filters(both):
    run = both.run
    for conditions in [
        {"year": "2010-2015"}, {"year": "-2000"}, {"publication_date": "2012-03:2014-06"}, {"categories": "cs"},
        {"categories": "hep-th,math.AG"}, {"author": "Wang"}, {"author": "J Smith"}, {"author": "Müller"}, {"author": "Wang X"},
        {"venue": "Phys"}, {"has_abstract": "true"}, {"has_abstract": "false"},
        {"filter": json.dumps({"ids": both.some + ["nobody's"]})},
        {"filter": json.dumps({"must_not": [{"year": "2000-"}], "should": [{"categories": ["cs"]}, {"author": "Li"}]})},
    ]:
        a, b = asked(both, query(limit=50, **conditions))
        run.expect(f"total where {conditions}", a["total"] == b["total"], (a["total"], b["total"]))
        a, b = asked(both, query(q="model", mode="semantic", limit=10, **conditions))
        run.expect(f"semantic where {conditions}", ids(a) == ids(b), (ids(a), ids(b)))


@line(*FILTERS)
def names_of_authors(both):
    """Both read a name alike, as PubMed writes it too."""
    letters, word = "made/letters", "made/word"
    for name, expected in [("Ulzhagac", [letters, word]), ("Ulzhagac AS", [letters, word]), ("ulzhagac as", [word]), ("ULZHAGAC AS", [word]),
                           ("Ulzhagac SA", [letters]), ("Ulzhagac AX", []), ("A. S. Ulzhagac", [letters]), ("Ulzhagac, A.", [letters, word]),
                           ("Selcuk Ulzhagac A", [letters]), ("Annq Czen", ["made/three"])]:
        found = [sorted(ids(answer)) for answer in asked(both, query(author=name))]
        both.run.expect(f"papers of {name}", found == [expected, expected], found)
    found = [ids(answer) for answer in asked(both, query(author="Annq Zbo Czen"))]
    both.run.expect("three words, each two of which one name has", found == [[], ["made/three"]], found)


@line("facets", "yes", "yes, of fewer than 16,384 papers, else 501")
def facets(both):
    for conditions in ({}, {"year": "2010-2015"}, {"categories": "cs"}):
        a, b = asked(both, query(limit=1, facets="year,categories,venue", **conditions))
        both.run.expect(f"facets where {conditions}", a["facets"] == b["facets"] and a["facets"]["year"], (a["facets"], b["facets"]))


@of_many
def facets_of_many(both):
    status, answer = ask(both.here, query(limit=1, facets="year"))
    both.run.expect("facets of many", status == 200 and answer["facets"]["year"] == [{"value": THAT_DAY[:4], "n_papers": N_MANY}], answer)
    refused(both, query(limit=1, facets="year", filter=json.dumps({"year": THAT_DAY[:4]})))
    a, b = asked(both, query(limit=1, facets="categories", categories="made.tenth"))
    both.run.expect("facets of fewer", a["facets"] == b["facets"], (a["facets"], b["facets"]))


@line("pages of a day", "yes", "yes, but neither by trend nor by day of indexing; within a day in order of id")
def days(both):
    run = both.run
    for when in ("", "?date=2012", "?date=2011-06", "?date=1913-01-30"):
        found = [ask(at, f"/api/daily_papers{when}") for at in (both.here, both.there)]
        names = [sorted(paper["paper"]["id"] for paper in papers) if isinstance(papers, list) else papers for _, papers in found]
        run.expect(f"papers of a day {when}", found[0][0] == found[1][0] and names[0] == names[1], names)
    # The newest first in both, and there each day in order of id.
    _, month = ask(both.there, "/api/daily_papers?month=1913-01&limit=50")
    shown = [paper["paper"]["id"] for paper in month] if isinstance(month, list) else month
    run.expect("a month, the newest day first", shown == [f"made/{day:02}" for day in range(1, 31)], shown)
    same_day = [{"id": f"made/same/{letter}", "title": f"Of one day, {letter}", "publication_date": "1909-05-05"} for letter in "cab"]
    run.cognate(both.remote, "index", run.write("same.jsonl", same_day))
    _, day = ask(both.there, "/api/daily_papers?date=1909-05-05")
    run.expect("a day in order of id", [paper["paper"]["id"] for paper in day] == [f"made/same/{letter}" for letter in "abc"], day)
    for record in same_day:
        ask(both.there, f"/v1/papers/{quoted(record['id'])}", method="DELETE")
    for path in ("/api/daily_papers?sort=trending", "/?by=indexed", "/?sort=trending"):
        run.expect(f"{path} in a data folder", ask(both.here, path)[0] == 200)
        refused(both, path)


@line("papers without a question", "the newest first", "the newest first, where fewer than 16,384 share a day")
def newest(both):
    for conditions in ({}, {"year": "2010-2015"}, {"categories": "cs"}, {"author": "Li"}):
        a, b = asked(both, query(limit=50, **conditions))
        both.run.expect(f"newest where {conditions}", ids(a) == ids(b) and ids(a), (ids(a)[:5], ids(b)[:5]))
    _, b = ask(both.there, query(categories="made.day", limit=30))
    both.run.expect("the newest first", ids(b) == [f"made/{day:02}" for day in range(1, 31)], ids(b))


@of_many
def newest_of_many(both):
    status, answer = ask(both.here, query(limit=3))
    both.run.expect("the newest of many", status == 200 and answer["total"] == N_MANY, answer)
    refused(both, query(limit=3))
    a, b = asked(both, query(limit=20, categories="made.tenth"))
    both.run.expect("the newest of fewer", ids(a) == ids(b), (ids(a), ids(b)))


@line("`versions=collapse`", "yes", "no (501)")
def versions(both):
    ask(both.here, "/v1/dedup", {})
    status, answer = ask(both.here, query(q="deep learning", versions="collapse"))
    both.run.expect("one version of each", status == 200 and answer["data"], answer)
    refused(both, query(q="deep learning", versions="collapse"))


@line("`cursor`", "goes on as the listing began", "goes on behind the last paper; what is added between pages may be missed")
def cursors(both):
    run = both.run
    began = [f"made/{day:02}" for day in range(1, 31)]
    new = [{"id": f"made/{name}", "title": f"Made {name}", "categories": ["made.day"], "publication_date": day}
           for name, day in (("later", "1913-02-01"), ("earlier", "1912-12-01"))]
    for at, expected in ((both.here, began), (both.there, [*began, "made/earlier"])):
        found, cursor = [], "new"
        while cursor:
            _, answer = ask(at, query(limit=8, cursor=cursor, categories="made.day"))
            if cursor == "new":
                run.expect("papers come between pages", ask(at, "/v1/papers", new)[1]["added"] == 2)
            found += ids(answer)
            cursor = answer["meta"].get("cursor")
        run.expect("a listing goes on", found == expected, found)
        for record in new:
            ask(at, f"/v1/papers/{quoted(record['id'])}", method="DELETE")
    for params in ({"q": "learning representations"}, {"year": "2010-2015"}):
        found, cursor = [], "new"
        while cursor and len(found) < 500:
            _, answer = ask(both.there, query(limit=100, cursor=cursor, **params))
            found += ids(answer)
            cursor = answer["meta"].get("cursor")
        run.expect(f"a cursor gives each paper once for {params}", len(found) == len(set(found)) and found, len(found))
        run.expect(f"a cursor reaches the end for {params}", cursor or len(found) == answer["total"], (len(found), answer["total"]))


@line("`exact`, `min_score`, range", "yes", "with `index=flat`, up to 16,383 papers, else 501")
def exact(both):
    run, flat = both.run, both.flat_there
    for path, body in ((query(q="deep", exact="true"), None), (query(q="deep learning", min_score="0.5"), None),
                       ("/v1/search/range", {"q": "x y", "min_score": 0.5})):
        refused(both, path, body)
    for question in QUESTIONS[:4]:
        (_, a), (_, b) = (ask(at, query(q=question, mode="semantic", exact="true", limit=50)) for at in (both.here, flat))
        scored = [[(hit["id"], hit["score"]) for hit in answer["data"]] for answer in (a, b)]
        run.expect(f"exact {question!r}", scored[0] == scored[1], scored)
        (_, a), (_, b) = (ask(at, query(q=question, mode="semantic", min_score=0.4, limit=50)) for at in (both.here, flat))
        run.expect(f"min_score of {question!r}", (a["total"], ids(a)) == (b["total"], ids(b)), (a["total"], b["total"]))
        found = [lines(at, "/v1/search/range", {"q": question, "min_score": 0.35}) for at in (both.here, flat)]
        hits = [sorted((hit["id"], hit["score"]) for hit in values[1:]) for values in found]
        run.expect(f"range of {question!r}", hits[0] == hits[1] and found[0][0] == found[1][0], [len(one) for one in hits])


@of_many
def range_of_many(both):
    everything = {"q": "wind turbine", "min_score": -1}
    found = lines(both.here, "/v1/search/range", everything)
    both.run.expect("a range of many", found[0] == {"total": N_MANY} and len(found) == N_MANY + 1, found[0])
    refused(both, "/v1/search/range", everything)
    refused(both, query(q="wind turbine", min_score=-1))
    found = [lines(at, "/v1/search/range", {**everything, "categories": "made.tenth"}) for at in (both.here, both.there)]
    hits = [sorted((hit["id"], hit["score"]) for hit in values[1:]) for values in found]
    both.run.expect("a range of fewer", hits[0] == hits[1] and len(hits[1]) == N_MANY // 10, [len(one) for one in hits])


@line("`neuro*`", "yes", "no (501); titles that are completed need the whole last word, or its stem")
def beginnings(both):
    status, answer = ask(both.here, query(q="ulzha* purpl*", mode="keyword"))
    both.run.expect("words that begin so", status == 200 and "made/phrase" in ids(answer), answer)
    refused(both, query(q="purpl*"))
    titles = {}
    for written in ("lett", "letter", "letters"):
        path = f"/graph/v1/paper/autocomplete?query={quoted(written)}"
        found = [[match["title"] for match in answer["matches"]] for answer in asked(both, path)]
        titles[written] = ["Made of letters" in one for one in found]
    expected = {"lett": [True, False], "letter": [True, True], "letters": [True, True]}
    both.run.expect("titles that are completed", titles == expected, titles)


@line("phrases", "yes", "yes, where at most 5,000 papers have their words, else 501")
def phrases(both):
    for asks in ('"purple zebra"', '+"zebra purple" herd', 'herd -"purple zebra"', '"dark matter"', '"black holes" OR "neural networks"'):
        a, b = asked(both, query(q=asks, mode="keyword", limit=50))
        found = ids(a) or "zebra" not in asks
        both.run.expect(f"papers with {asks}", sorted(ids(a)) == sorted(ids(b)) and found, (ids(a), ids(b)))


@of_many
def phrases_of_many(both):
    status, answer = ask(both.here, query(q='"wind turbine"', mode="keyword", limit=3))
    both.run.expect("a phrase that many have", status == 200 and answer["total"] == N_MANY, answer)
    refused(both, query(q='"wind turbine"', mode="keyword"))
    a, b = asked(both, query(q='"wind turbine"', mode="keyword", categories="made.tenth", limit=3))
    both.run.expect("a phrase that fewer have", a["total"] == b["total"] == N_MANY // 10, (a["total"], b["total"]))


@line("words that no paper has are corrected", "yes", "no")
def corrections(both):
    a, b = asked(both, query(q="quakka", mode="keyword"))
    said = a["meta"].get("query", {}).get("corrections")
    both.run.expect("a word is corrected", said and a["total"] > 0, a["meta"])
    both.run.expect("a word is left as it is", not b["meta"].get("query", {}).get("corrections") and b["total"] == 0, b["meta"])


@line("a phrase that should match (not must)", "makes papers better", "counts as its words")
def preferred_phrases(both):
    scores = [{hit["id"]: hit["score"] for hit in answer["data"]} for answer in asked(both, query(q='herd "purple zebra"', mode="keyword"))]
    both.run.expect("a phrase is better", scores[0]["made/phrase"] > scores[0]["made/words"], scores[0])
    both.run.expect("a phrase counts as its words", scores[1]["made/phrase"] == scores[1]["made/words"] > 0, scores[1])
    _, words = ask(both.there, query(q="herd purple zebra", mode="keyword"))
    both.run.expect("as without its marks", {hit["id"]: hit["score"] for hit in words["data"]} == scores[1], (words["data"], scores[1]))


@line("papers of several records are composed", "yes", "no: the last record of an id is the paper")
def several_records(both):
    run = both.run
    first = run.write("first.jsonl", [{"id": "made/composed", "title": "Made twice", "abstract": "Once with a text.", "year": 1915}])
    second = run.write("second.jsonl", [{"id": "made/composed", "title": "Made twice", "venue": "Journal of Seconds"}])
    found = []
    for place in (both.local, both.remote):
        run.cognate(place, "index", first)
        run.cognate(place, "index", second)
        _, paper = run.cognate(place, "get", "made/composed")
        found.append((paper.get("abstract"), paper.get("year"), paper.get("venue")))
        run.cognate(place, "delete", "made/composed")
    expected = [("Once with a text.", 1915, "Journal of Seconds"), (None, None, "Journal of Seconds")]
    run.expect("records of one paper", found == expected, found)


@line("`index --source`, `--prune`", "yes", "`--source` has no effect; `--prune` is refused")
def sources(both):
    run = both.run
    path = run.write("source.jsonl", [{"id": "made/source", "title": "Made of a source", "abstract": "Of one source, then of another."}])
    for place, effect in ((both.local, True), (both.remote, False)):
        reports = [run.cognate(place, "index", "--source", name, path)[1] for name in ("one", "other")]
        run.expect("a source's paper", reports[0]["added"] == 1, reports)
        if not effect:
            run.expect("another source is nothing new", reports[1]["unchanged"] == 1, reports)
        run.cognate(place, "delete", "made/source")
    code, counted = run.cognate(both.local, "stats", "--by", "source", check=False)
    run.expect("sources are counted", code == 0 and "source" in json.dumps(counted), counted)
    local = ["--data", str(run.work / "pruned")]
    run.cognate(local, "index", "--source", "one", run.write("two.jsonl", both.papers[:2]))
    run.cognate(local, "index", "--source", "one", "--prune", run.write("two.jsonl", both.papers[:1]))
    run.expect("what a source no longer has goes", run.cognate(local, "stats")[1]["n_papers"] == 1)
    for args in (["index", "--prune", path], ["stats", "--by", "source"]):
        code, _ = run.cognate(both.remote, *args, check=False)
        run.expect(f"refusal of {args}", code == 2, code)


@line("`meta.generation`", "a number", "null")
def generations(both):
    a, b = asked(both, query(q="dark matter"))
    both.run.expect("a generation", isinstance(a["meta"]["generation"], int) and b["meta"]["generation"] is None, (a["meta"], b["meta"]))
    a, b = asked(both, "/v1/stats")
    both.run.expect("a generation of the papers", isinstance(a["generation"], int) and b["generation"] is None, (a, b))


@line("which papers are relevant, and their facets", "of all", "of the best 500 by meaning and the best 500 by words")
def relevant(both):
    for question in QUESTIONS[:3]:
        a, b = asked(both, query(q=question, facets="year", limit=1))
        found = [answer["total_relevant"] for answer in (a, b)]
        # Among few papers all of the relevant are near; those at the border may differ by what BM25 goes by.
        near = abs(found[0] - found[1]) <= max(5, found[0] // 5) or found[0] > 400
        both.run.expect(f"relevant to {question!r}", near and (found[1] > 0) == (found[0] > 0), found)
        counted = sum(value["n_papers"] for value in b["facets"]["year"])
        both.run.expect(f"facets of what is relevant to {question!r}", counted <= found[1], (counted, found))


@of_many
def relevant_of_many(both):
    a, b = asked(both, query(q="wind turbine", facets="year", limit=1))
    found = [answer["total_relevant"] for answer in (a, b)]
    both.run.expect("relevant of many", found[0] == N_MANY and 500 <= found[1] <= 1_000, found)


@line("export", "in the order in which papers came, of one moment", "in order of id, each paper as it is when it is read")
def exports(both):
    run = both.run
    orders = []
    for place in (both.local, both.remote):
        exported = run.ended(place, "export", "--format", "jsonl").stdout.splitlines()
        orders.append([json.loads(value)["id"] for value in exported])
    came = [paper["id"] for paper in [*both.papers, *made_papers()]]
    run.expect("in the order in which papers came", orders[0] == came, (orders[0][:5], came[:5]))
    run.expect("in order of id", orders[1] == sorted(came), orders[1][:5])


@of_many
def exports_of_many(both):
    """Two papers change while an export is read: the one that comes first, and the one that comes last."""
    first, last = "many/00000", f"many/{N_MANY - 1:05}"
    found = []
    for at in (both.here, both.there):
        _, before = ask(at, f"/v1/papers/{quoted(first)}")
        titles = {}
        for value in slowly_read(at, "/v1/export?format=jsonl", lambda: [
                ask(at, "/v1/papers", {"id": key, "title": "Changed meanwhile", "publication_date": THAT_DAY}) for key in (first, last)]):
            paper = json.loads(value)
            titles[paper["id"]] = paper["title"]
        both.run.expect("an export has all", len(titles) == N_MANY, len(titles))
        found.append([titles.get(key) for key in (first, last)])
        both.run.expect("a paper changes", ask(at, f"/v1/papers/{quoted(first)}")[1]["title"] == "Changed meanwhile", before)
    expected = [["Wind turbine 0", f"Wind turbine {N_MANY - 1}"], ["Wind turbine 0", "Changed meanwhile"]]
    both.run.expect("what changes while it is exported", found == expected, found)


def slowly_read(address, path, meanwhile):
    """The lines of an answer, of which little is taken before something happens."""
    host, port = address.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=120)
    connection.sock = socket.socket()
    # So that the server cannot send it all at once.
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    connection.sock.connect((host, int(port)))
    connection.request("GET", path)
    answer = connection.getresponse()
    values = [answer.readline() for _ in range(20)]
    meanwhile()
    values += answer.readlines()
    connection.close()
    return values


def compare_servers(run, place):
    """Two servers before one collection answer alike."""
    with run.serving(place) as one, run.serving(place) as other:
        for question in QUESTIONS:
            for mode in ("hybrid", "semantic", "keyword"):
                (_, a), (_, b) = (ask(at, query(q=question, mode=mode, limit=20)) for at in (one, other))
                shown = [[(hit["id"], hit["score"]) for hit in answer["data"]] for answer in (a, b)]
                run.expect(f"two servers, {mode} {question!r}", shown[0] == shown[1] and a["total"] == b["total"], shown)


def refused_arguments(run, remote, file):
    """What contradicts itself is refused by the command line."""
    somewhere = str(run.work / "x")
    code, _ = run.cognate([*remote, "--data", somewhere], "stats", check=False)
    run.expect("two places", code == 2, code)
    code, _ = run.cognate(["--data", somewhere], "index", "--shard", "0/2", file, check=False)
    run.expect("a shard of a data folder", code == 2, code)
