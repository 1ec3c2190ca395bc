"""Pairs of records to fit and to measure deduplication on: labelled, perturbed and hard ones.

A pair is {"a": record, "b": record, "label": 0 or 1, "group": where it comes from, "part": "fit" or "held-out"}.
A paper is in one part only: which one, a hash of what names it says. Used by scripts/fit-dedup and
scripts/bench-dedup.
"""

import hashlib
import io
import json
import random
import re
from collections import defaultdict

# Groups of haematology that hold errata, replies and re-publications beside duplicates: they count neither way.
UNSURE_GROUPS = {"haematology": {"4", "56", "59", "72", "79", "99", "110", "111", "112"}}
SEED = 7
HELD_OUT = 0.3


# ---- reading ----------------------------------------------------------------------------------------------

def read_jsonl(path):
    """Every object of a JSONL file, decompressed where its name ends in .zst."""
    if path.suffix == ".zst":
        import zstandard
        with open(path, "rb") as packed:
            yield from map(json.loads, io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(packed), "utf-8"))
    else:
        with open(path, encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def arxiv_papers(path):
    """The abstracts of an arXiv snapshot as short records."""
    for paper in read_jsonl(path):
        yield {
            "id": paper["id"], "title": " ".join(paper["title"].split()), "abstract": " ".join(paper["abstract"].split()),
            "authors": [" ".join(part for part in (name[1], name[0], name[2]) if part) for name in paper["authors_parsed"]],
            "year": int(paper["versions"][0]["created"].split()[3]), "doi": paper["doi"], "categories": paper["categories"],
        }


def title_key(title):
    return re.sub(r"[\W_]+", "", title.lower())


def authors_of(record):
    authors = record.get("authors", [])
    return [name.strip() for name in authors.split(",")] if isinstance(authors, str) else authors


def family_names(record):
    return {re.sub(r"\W+", "", name.split()[-1].lower()) for name in authors_of(record) if name.split()}


def part_of(name):
    digest = hashlib.sha256(f"{SEED}/{name}".encode()).digest()
    return "held-out" if digest[0] < 256 * HELD_OUT else "fit"


# ---- perturbations ----------------------------------------------------------------------------------------

def typos(text, rng, rate=0.01):
    out = []
    for c in text:
        kind = rng.random() / rate if c.isalpha() else 9
        if kind < 0.25:
            continue
        if kind < 0.5:
            out.append(c)
        elif kind < 0.75:
            c = rng.choice("abcdefghijklmnopqrstuvwxyz")
        elif kind < 1 and out:
            out[-1], c = c, out[-1]
        out.append(c)
    return "".join(out)


def ocr(text, rng, rate=0.2):
    confused = {"rn": "m", "m": "rn", "l": "1", "O": "0", "cl": "d", "fi": "ﬁ", "ff": "ﬀ", "e": "c", "h": "b", "I": "l"}
    for right, wrong in confused.items():
        text = "".join(wrong if piece == right and rng.random() < rate * 0.3 else piece
                       for piece in re.split(f"({right})", text))
    words = text.split(" ")
    return " ".join(w[:3] + "- " + w[3:] if len(w) > 7 and rng.random() < rate * 0.3 else w for w in words)


def truncated(text, rng):
    return text[:int(len(text) * rng.uniform(0.35, 0.8))].rsplit(" ", 1)[0] + rng.choice(["", "…", "..."])


def with_copyright(text, rng):
    year = rng.randint(1995, 2024)
    return text + rng.choice([
        f" © {year} Elsevier B.V. All rights reserved.", f" Copyright (C) {year} John Wiley & Sons, Ltd.",
        f" © The Author(s) {year}. Published by Oxford University Press.", f" (C) {year} American Institute of Physics.",
    ])


def as_unicode(text, rng):
    greek = dict(alpha="α", beta="β", gamma="γ", delta="δ", epsilon="ε", lambda_="λ", mu="μ", pi="π", sigma="σ", omega="ω")
    for name, letter in greek.items():
        text = text.replace("\\" + name.rstrip("_"), letter)
    text = text.translate(str.maketrans("", "", "${}")).replace("\\times", "×").replace("\\sim", "∼")
    return re.sub(r"\\[a-z]+ ?", "", text).replace("_0", "₀").replace("^2", "²")


def with_labels(text, rng):
    labels = ["BACKGROUND: ", "METHODS: ", "RESULTS: ", "CONCLUSIONS: "]
    sentences = re.split(r"(?<=[.!?]) ", text)
    step = max(1, len(sentences) // len(labels))
    return " ".join((labels[i // step] if i % step == 0 and i // step < 4 else "") + s for i, s in enumerate(sentences))


def reordered(text, rng):
    sentences = re.split(r"(?<=[.!?]) ", text)
    rng.shuffle(sentences)
    return " ".join(sentences)


def reworded(text, rng):
    words = {"we": "the authors", "show": "demonstrate", "study": "investigate", "propose": "introduce", "large": "big",
             "method": "approach", "results": "findings", "new": "novel", "using": "by means of", "also": "furthermore",
             "paper": "work", "obtain": "derive", "use": "employ", "present": "describe", "important": "significant"}
    out = [words.get(w, w) if rng.random() < 0.9 else w for w in text.split(" ")]
    return " ".join(w for w in out if rng.random() > 0.06)


def retitled(title, rng):
    words = title.split()
    choice = rng.randrange(5)
    if choice == 0 and ":" in title:
        return title.split(":")[0]
    if choice == 1 and len(words) > 5:
        drop = rng.randrange(len(words))
        return " ".join(words[:drop] + words[drop + 1:])
    if choice == 2:
        return rng.choice(["On ", "Towards ", "A study of ", "A note on "]) + title
    if choice == 3 and len(words) > 6:
        return " ".join(words[:len(words) * 2 // 3])
    return typos(title, rng, 0.04)


def other_authors(authors, rng):
    """The same people as another source has them."""
    def short(name):
        words = name.split()
        return f"{words[-1]}, {' '.join(w[0] + '.' for w in words[:-1])}" if len(words) > 1 else name
    choice = rng.randrange(4)
    if choice == 0:
        return [short(name) for name in authors]
    if choice == 1 and len(authors) > 3:
        return authors[:3]
    if choice == 2:
        return [name.upper() for name in authors]
    return authors


TEXTS = [typos, ocr, truncated, with_copyright, as_unicode, with_labels, reordered, reworded]


def perturbed(record, rng):
    """The record as another source might have it."""
    copy = dict(record, id=f"copy-{record['id']}", doi=None)
    for change in rng.sample(TEXTS, rng.choice([1, 1, 2, 3])):
        copy["abstract"] = change(copy["abstract"], rng)
    if rng.random() < 0.5:
        copy["title"] = retitled(copy["title"], rng) if rng.random() < 0.6 else as_unicode(copy["title"].upper(), rng)
    copy["authors"] = other_authors(record["authors"], rng)
    copy["year"] = record["year"] + rng.choice([0, 0, 0, 1, 1, 2])
    return copy


def without(record, rng, of_title=0.5, of_authors=0.15, of_abstract=0.1, of_year=0.4):
    """The record without some of its fields, but never without both title and abstract."""
    copy = {key: value for key, value in record.items() if value}
    if rng.random() < of_title and copy.get("abstract"):
        copy.pop("title", None)
    elif rng.random() < of_abstract and copy.get("title"):
        copy.pop("abstract", None)
    if rng.random() < of_authors:
        copy.pop("authors", None)
    if rng.random() < of_year:
        copy.pop("year", None)
    return copy


# ---- pairs ------------------------------------------------------------------------------------------------

def dblp_acm(folder, split):
    for number, pair in enumerate(read_jsonl(folder / f"{split}.jsonl")):
        yield {**pair, "group": "dblp-acm", "part": "held-out" if split == "test" else "fit", "number": number}


def cross_source(path, rng):
    """The same paper from two sources: as it is, and without titles, each record for itself."""
    for pair in read_jsonl(path):
        a, b = ({key: value for key, value in pair[side].items() if key != "src"} for side in "ab")
        part = part_of(title_key(a["title"]))
        bare = [{key: value for key, value in record.items() if key != "title"} for record in (a, b)]
        yield {"a": bare[0], "b": bare[1], "label": 1, "group": "cross-untitled", "part": part}
        if rng.random() < 0.3:
            changed = dict(b, title=retitled(b["title"], rng))
            yield {"a": without(a, rng, 0.1), "b": without(changed, rng, 0.1), "label": 1, "group": "cross-titled", "part": part}
        if rng.random() < 0.3:
            yield {"a": without(bare[0], rng), "b": without(bare[1], rng), "label": 1, "group": "cross-bare", "part": part}


def cross_renamed(path, rng):
    """The same paper from two sources, one under another title altogether, made of its abstract's own words."""
    for pair in read_jsonl(path):
        if rng.random() < 0.8:
            continue
        a, b = ({key: value for key, value in pair[side].items() if key != "src"} for side in "ab")
        words = re.sub(r"[.,;:]", "", b["abstract"]).split()
        start = rng.randrange(max(1, len(words) - 12))
        renamed = dict(b, title=" ".join(words[start:start + rng.randint(5, 12)]).capitalize())
        yield {"a": a, "b": renamed, "label": 1, "group": "cross-renamed", "part": part_of(title_key(a["title"]))}


def perturbed_papers(papers, n, rng):
    for record in rng.sample(papers, n):
        copy = perturbed(record, rng)
        part = part_of(record["id"])
        yield {"a": without(record, rng, 0.15), "b": without(copy, rng, 0.15), "label": 1, "group": "perturbed", "part": part}


def look_alikes(papers, n, rng):
    """Other papers by the same people that are near in words: the hardest to tell apart."""
    by_author = defaultdict(list)
    for number, paper in enumerate(papers):
        names = {name.lower() for name in paper["authors"] if len(name.split()) > 1}
        for name in names:
            by_author[name].append(number)
    words = {}
    def bag(number):
        if number not in words:
            words[number] = set(re.findall(r"[a-z]{4,}", papers[number]["abstract"].lower()))
        return words[number]
    scored = {}
    for numbers in by_author.values():
        if not 2 <= len(numbers) <= 60:
            continue
        for i, a in enumerate(numbers):
            for b in numbers[i + 1:]:
                if (a, b) not in scored:
                    both = len(bag(a) & bag(b))
                    scored[a, b] = both / max(1, len(bag(a) | bag(b)))
    ranked = sorted(scored, key=lambda pair: (-scored[pair], pair))
    picked = ranked[:n // 2] + rng.sample(ranked[n // 2:n * 8], n // 2)
    for a, b in picked:
        a, b = papers[a], papers[b]
        if title_key(a["title"]) == title_key(b["title"]):
            continue
        part = part_of(min(family_names(a) & family_names(b), default=a["id"]))
        pair = {"a": without(a, rng, 0.45, 0.1), "b": without(b, rng, 0.45, 0.1)}
        # Ids as they are: another arXiv id is evidence that users' records seldom have.
        for side in pair.values():
            if rng.random() < 0.7:
                side["id"] = f"x-{side['id']}"
                side.pop("doi", None)
        yield {**pair, "label": 0, "group": "look-alike", "part": part}


def series(papers, n, rng):
    """Titles that differ in a part, a number or a notice, with the same authors, from papers as they are."""
    changes = [("Part I: ", "Part II: "), ("", "Erratum: "), ("", "Comment on "), ("", "Reply to "), ("Volume 1: ", "Volume 2: ")]
    for record in rng.sample(papers, n):
        first, second = rng.choice(changes)
        other = rng.choice(papers)
        a = dict(record, title=first + record["title"], doi=None)
        b = dict(record, id=f"x-{record['id']}", title=second + record["title"], doi=None, abstract=other["abstract"])
        if rng.random() < 0.6:
            a, b = ({key: value for key, value in r.items() if key != "abstract"} for r in (a, b))
        part = part_of(record["id"])
        yield {"a": without(a, rng, 0), "b": without(b, rng, 0), "label": 0, "group": "series", "part": part}
