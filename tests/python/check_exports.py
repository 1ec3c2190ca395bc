"""Compares an exported file with the papers that it is of, read by parsers that are not ours.

check_exports.py FORMAT FILE EXPECTED: FORMAT is csv, bibtex, ris or atom; EXPECTED is the same list as
exported in json. Prints how many papers are the same; at the first that is not, says how, and exits 1.
"""

import csv
import hashlib
import json
import re
import sys
import unicodedata
import urllib.parse
import xml.etree.ElementTree

LABELS = {"arxiv": "arXiv", "pmid": "PMID", "acl": "ACL"}
ACCENTS = dict(zip("`'^~\"=.uvHcdbrk", "\u0300\u0301\u0302\u0303\u0308\u0304\u0307\u0306\u030c\u030b\u0327\u0323\u0331\u030a\u0328"))


def fold(text):
    """White space and control characters as one space, none at the ends, in NFC."""
    signs = (" " if c.isspace() or unicodedata.category(c) == "Cc" else c for c in text or "")
    return unicodedata.normalize("NFC", " ".join("".join(signs).split()))


def words(names):
    """What names have in common however they are inverted."""
    return [sorted(re.split(r"[\s,]+", fold(name).strip(" ,;"))) for name in names if fold(name)]


def link(paper):
    ids = paper["external_ids"]
    sites = {
        "arxiv": "https://arxiv.org/abs/",
        "doi": "https://doi.org/",
        "pmid": "https://pubmed.ncbi.nlm.nih.gov/",
        "pmcid": "https://pmc.ncbi.nlm.nih.gov/articles/",
        "acl": "https://aclanthology.org/",
    }
    found = [site + urllib.parse.quote(ids[kind]) for kind, site in sites.items() if kind in ids]
    return paper["url"] or (found[0] if found else None)


def address(url):
    return urllib.parse.unquote(url or "")


def same(place, found, expected):
    if found != expected:
        sys.exit(f"{place}: expected\n  {expected!r}, found\n  {found!r}")


def derived_id(paper):
    """The id that a record with the paper's identifiers gets where none is written."""
    ids = paper["external_ids"]
    labels = {"corpusid": "CorpusId:", "arxiv": "", "pmid": "PMID:", "acl": "", "openalex": ""}
    return next((label + ids[kind] for kind, label in labels.items() if kind in ids), None)


def content_id(paper):
    """The id of a record that says nothing to be named by, made anew of what it says."""
    digest = hashlib.sha256()
    one = lambda name: [str(paper[name])] if paper.get(name) is not None else []
    ids = [f"{kind}:{id}" for kind, id in paper["external_ids"].items()]
    texts = [one("title"), one("abstract"), paper["authors"], *map(one, ("year", "venue", "volume", "issue", "pages")), ids]
    for items in texts:
        for item in items:
            signs = (" " if c.isspace() or unicodedata.category(c) == "Cc" else c for c in item)
            digest.update(" ".join("".join(signs).split()).encode() + b"\xfe")
        digest.update(b"\xff")
    return "p-" + digest.hexdigest()[:16]


def own_id(written, paper):
    """The id that a file gives: written out, or that of the first identifier, or that of the content."""
    return urllib.parse.unquote(written) if written else derived_id(paper) or content_id(paper)


def check_csv(file, papers):
    with open(file, encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, strict=True))
    same("rows", len(rows), len(papers))
    for row, paper in zip(rows, papers):
        place = paper["id"]
        for name in ("id", "title", "abstract", "year", "publication_date", "venue", "url", "source"):
            expected = paper[name]
            same(f"{place}: {name}", row[name], "" if expected is None else str(expected))
        names = {"arxiv": "arxiv_id", "acl": "acl_id"}
        for kind in ("doi", "arxiv", "pmid", "pmcid", "acl"):
            same(f"{place}: {kind}", row[names.get(kind, kind)], paper["external_ids"].get(kind, ""))


def check_bibtex(file, papers):
    import bibtexparser
    from bibtexparser import middlewares
    from pylatexenc import latex2text

    # Two commands of LaTeX that the decoder does not know, and one that it takes for another sign.
    signs = {"textbraceleft": "{", "textbraceright": "}", "textasciicircum": "^"}
    macros = [latex2text.MacroTextSpec(name, simplify_repl=sign) for name, sign in signs.items()]
    context = latex2text.get_default_latex_context_db()
    context.add_context_category("signs", prepend=True, macros=macros)
    decoder = latex2text.LatexNodes2Text(context, math_mode="verbatim")
    stack = [
        middlewares.ResolveStringReferencesMiddleware(),
        middlewares.RemoveEnclosingMiddleware(),
        middlewares.SeparateCoAuthors(),
        middlewares.LatexDecodingMiddleware(decoder=decoder),
    ]
    library = bibtexparser.parse_file(file, parse_stack=stack, encoding="utf-8")
    # Addresses and identifiers are no TeX.
    verbatim = bibtexparser.parse_file(file, parse_stack=stack[:3], encoding="utf-8")
    same("blocks that failed", [block.raw for block in library.failed_blocks], [])
    same("entries", len(library.entries), len(papers))
    same("unique keys", len({entry.key.lower() for entry in library.entries}), len(papers))
    for entry, raw, paper in zip(library.entries, verbatim.entries, papers):
        place = f"{paper['id']} (@{entry.entry_type}{{{entry.key}}})"
        same(f"{place}: key in ASCII", re.fullmatch(r"[A-Za-z0-9._:/+-]+", entry.key) is not None, True)
        field = lambda name: displayed(entry[name]) if name in entry.fields_dict else ""
        text = lambda name: displayed(plain(paper[name]))
        for name in ("title", "abstract", "source"):
            same(f"{place}: {name}", field(name), text(name))
        same(f"{place}: venue", field("journal") or field("booktitle"), text("venue"))
        same(f"{place}: year", field("year"), str(paper["year"] or ""))
        same(f"{place}: date", field("date") or field("publicationdate"), paper["publication_date"] or "")
        # The decoder passes by what was separated before.
        found = raw["author"] if "author" in raw.fields_dict else []
        found = [re.sub(r"[{}]", "", decoder.latex_to_text(name)) for name in found]
        expected = [re.sub(r"[{}]", "", plain(name)) for name in paper["authors"]]
        same(f"{place}: authors", words(found), words(expected))
        raw = {field.key: field.value for field in raw.fields}
        expected = ", ".join(filter(None, map(plain, paper["categories"])))
        same(f"{place}: keywords", field("keywords"), displayed(expected))
        ids = paper["external_ids"]
        doi = urllib.parse.unquote(raw["doi"].removeprefix("https://doi.org/")) if "//" in raw.get("doi", "") else raw.get("doi")
        same(f"{place}: doi", doi, ids.get("doi"))
        for name, kind in (("eprint", "arxiv"), ("pmid", "pmid"), ("pmcid", "pmcid"), ("aclid", "acl")):
            same(f"{place}: {name}", raw.get(name), ids.get(kind))
        same(f"{place}: url", address(raw.get("url")), address(paper["url"]))
        same(f"{place}: id", own_id(raw.get("paperid"), paper), paper["id"])


def displayed(text):
    """Without white space around maths on lines of its own, which the decoder sets off. TeX has two spellings of maths
    in a line, `$x$` and `\\(x\\)`; the second is written where the first would be read back as a plain sign."""
    text = re.sub(r"\\\((.*?)\\\)", r"$\1$", text or "")
    return re.sub(r"\s*\$\$\s*", "$$", fold(text))


def plain(text):
    """A text with TeX's accents as characters, outside maths."""
    def accent(match):
        return unicodedata.normalize("NFC", match["letter"].removeprefix("\\") + ACCENTS[match["accent"]])

    letter = r"(?P<letter>\\[ij](?![A-Za-z])|[A-Za-z\u00c0-\u024f])"
    signs = r"\\(?P<accent>[`'^~\"=.])\s*"
    lettered = r"\\(?P<accent>[uvHcdbrk])"
    forms = [
        rf"\{{{signs}{letter}\}}", rf"\{{{signs}\{{{letter}\s*\}}\}}", rf"{signs}\{{{letter}\s*\}}", rf"{signs}{letter}",
        rf"\{{{lettered}\s+{letter}\}}", rf"\{{{lettered}\s*\{{{letter}\s*\}}\}}", rf"{lettered}\s*\{{{letter}\s*\}}", rf"{lettered}\s+{letter}",
    ]
    out, at, text = [], 0, text or ""
    while at < len(text):
        maths = re.compile(r"\$\$(?:\\.|[^\\])*?\$\$|\$(?!\$)(?:\\.|[^\\$])*\$", re.S).match(text, at)
        found = next(filter(None, (re.compile(form).match(text, at) for form in forms)), None)
        if maths:
            out.append(maths[0])
        elif found:
            out.append(accent(found))
        else:
            out.append(text[at])
        at = (maths or found).end() if maths or found else at + 1
    return fold("".join(out))


def check_ris(file, papers):
    import rispy

    with open(file, encoding="utf-8", newline="") as lines:
        records = rispy.load(lines)
    same("records", len(records), len(papers))
    for record, paper in zip(records, papers):
        place = paper["id"]
        text = lambda name: fold(paper[name] or "")
        same(f"{place}: title", fold(record.get("title")), text("title"))
        same(f"{place}: abstract", fold(record.get("abstract")), text("abstract"))
        venue = record.get("journal_name") or record.get("secondary_title") or record.get("alternate_title3")
        same(f"{place}: venue", fold(venue), text("venue"))
        same(f"{place}: source", fold(record.get("name_of_database")), text("source"))
        same(f"{place}: year", record.get("year", ""), str(paper["year"] or ""))
        same(f"{place}: date", record.get("date", "").replace("/", "-"), paper["publication_date"] or "")
        same(f"{place}: authors", words(record.get("authors", [])), words([name.replace(";", ",") for name in paper["authors"]]))
        expected = [fold(name.replace(";", ",")) for name in paper["categories"]]
        same(f"{place}: keywords", list(map(fold, record.get("keywords", []))), list(filter(None, expected)))
        ids = paper["external_ids"]
        same(f"{place}: doi", record.get("doi"), ids.get("doi"))
        for name, kind in (("accession_number", "pmid"), ("custom1", "arxiv"), ("custom3", "acl")):
            same(f"{place}: {kind}", record.get(name), f"{LABELS[kind]}:{ids[kind]}" if kind in ids else None)
        same(f"{place}: pmcid", record.get("custom2"), ids.get("pmcid"))
        # Of a DOI every program makes a link.
        written = None if paper["url"] is None and "doi" in ids and "arxiv" not in ids else link(paper)
        same(f"{place}: url", address(";".join(record.get("urls", []))), address(written))
        written = record.get("user_defined1") or record.get("unknown_tag", {}).get("U1", [""])[0]
        same(f"{place}: id", own_id(written.removeprefix("paper_id:"), paper), paper["id"])


def check_atom(file, papers):
    import feedparser

    with open(file, "rb") as content:
        content = content.read()
    root = xml.etree.ElementTree.fromstring(content)
    atom = "{http://www.w3.org/2005/Atom}"
    for name in ("id", "title", "updated", "author"):
        same(f"feed: one {name}", len(root.findall(atom + name)), 1)
    entries = root.findall(atom + "entry")
    feed = feedparser.parse(content, sanitize_html=False, resolve_relative_uris=False)
    same("well formed", bool(feed.bozo), False)
    same("entries", (len(feed.entries), len(entries)), (len(papers), len(papers)))
    same("unique ids", len({entry.id for entry in feed.entries}), len({paper["id"] for paper in papers}))
    for entry, element, paper in zip(feed.entries, entries, papers):
        place = paper["id"]
        legal = lambda text: fold(re.sub("[\ufffe\uffff]", "", text or ""))
        same(f"{place}: id", urllib.parse.unquote(entry.id.removeprefix("urn:cognate:paper:")), paper["id"])
        same(f"{place}: title", fold(element.findtext(atom + "title")), legal(paper["title"] or paper["id"]))
        same(f"{place}: title as read", fold(entry.title), legal(paper["title"] or paper["id"]))
        same(f"{place}: updated", entry.updated_parsed is not None, True)
        authors = [author.name for author in entry.get("authors", []) if author.get("name")]
        same(f"{place}: authors", list(map(fold, authors)), list(filter(None, map(legal, paper["authors"]))))
        terms = [tag.term for tag in entry.get("tags", [])]
        same(f"{place}: categories", list(map(fold, terms)), list(filter(None, map(legal, paper["categories"]))))
        links = [found["href"] for found in entry.get("links", [])]
        same(f"{place}: links", list(map(address, links)), list(map(address, filter(None, [link(paper)]))))
        text = fold(element.findtext(atom + "summary") or element.findtext(atom + "content"))
        expected = paper["abstract"] or (None if link(paper) else paper["title"])
        same(f"{place}: abstract", text, legal(expected))
        same(f"{place}: venue", fold(entry.get("prism_publicationname")), legal(paper["venue"]))


def main():
    _, format, file, expected = sys.argv
    with open(expected, encoding="utf-8") as lines:
        papers = json.load(lines)
    checks = {"csv": check_csv, "bibtex": check_bibtex, "ris": check_ris, "atom": check_atom}
    checks[format](file, papers)
    print(f"{len(papers)} papers are the same in {format}")


if __name__ == "__main__":
    main()
