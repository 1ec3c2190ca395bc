"""Speaks to a running cognate as to Semantic Scholar, with `semanticscholar`.

semantic_scholar_client.py ADDRESS: the papers of tests/fixtures/clients.jsonl are there, among others. Ends with an
assertion at the first answer that is not as it should be.
"""

import sys
from datetime import datetime

from semanticscholar import SemanticScholar
from semanticscholar.SemanticScholarException import BadQueryParametersException, ObjectNotFoundException

ADDRESS = sys.argv[1]


def ids(papers):
    return [paper.paperId for paper in papers]


def refused(kind, call):
    try:
        call()
    except kind as error:
        return str(error)
    raise AssertionError(f"expected {kind.__name__}")


def check_search(client):
    found = client.search_paper("carbon in kelp forests", limit=10)
    kelp = found[0]
    assert kelp.paperId == "2607.00011" and kelp.title.startswith("Kelp forests"), ids(found.items)
    assert kelp.abstract.startswith("Kelp forests take") and kelp.year == 2026
    assert kelp.publicationDate == datetime(2026, 7, 30)
    assert [author.name for author in kelp.authors] == ["Mira Sandoval"]
    assert kelp.externalIds["DOI"] == "10.5555/kelp.2026" and kelp.externalIds["ArXiv"] == "2607.00011"
    assert kelp.citationCount is None and kelp.citationStyles["bibtex"].startswith("@")
    assert (found.total > 10, found.offset, found.next, len(found)) == (True, 0, 10, 10)

    # Page after page, and no paper twice.
    found.next_page()
    assert found.offset == 10 and len(set(ids(found.items))) == 20
    narrow = client.search_paper("waves", year="1987", limit=2)
    everything = ids(narrow)
    assert "tides-1987" in everything and len(everything) == len(set(everything)) == narrow.total
    assert narrow.next == 0, "there is no next page after the last"

    def only(expected, query="a paper", **filters):
        found = set(ids(client.search_paper(query, limit=100, **filters)))
        assert expected <= found, (filters, found)
        return found

    assert only({"2607.00011", "2607.00012"}, publication_date_or_year="2026-07-29:2026-07-31") == {"2607.00011", "2607.00012"}
    assert "2607.00013" in only({"2607.00011"}, publication_date_or_year="2026-07")
    january = client.search_paper("a paper", publication_date_or_year=":1999-01", year="1999", limit=100)
    assert "hep-th/9901001" in ids(january)
    assert {(paper.publicationDate.year, paper.publicationDate.month) for paper in january} == {(1999, 1)}
    assert "tides-1987" in only(set(), query="tides", year="-1990")
    assert "2607.00011" not in only(set(), query="kelp", year="-2025")
    assert only({"tides-1987"}, venue=["Annals of Small Waters", "Nowhere"]) == {"tides-1987"}
    assert only({"hep-th/9901001"}, query="branes", fields_of_study=["math.AG"], venue=["Imagined Strings"])

    # The client sends what the user wrote as part of the address.
    assert client.search_paper("branes & tori: 100% of them, x=1&y", limit=3)[0].paperId == "hep-th/9901001"
    assert client.search_paper("10.5555/kelp.2026", limit=1)[0].paperId == "2607.00011"
    message = refused(BadQueryParametersException, lambda: client.search_paper("x", fields=["title", "colour"]))
    assert "colour" in message and "title" not in message, message
    assert "year" in refused(BadQueryParametersException, lambda: client.search_paper("x", year="soon"))
    refused(BadQueryParametersException, lambda: client.search_paper("x", min_citation_count=3))


    study = lambda names: ids(client.search_paper("a paper", fields_of_study=names, limit=100))
    assert "hep-th/9901001" in study(["Mathematics"]) and "hep-th/9901001" not in study(["Computer Science"])
    assert "Mathematics" in client.get_paper("hep-th/9901001", fields=["fieldsOfStudy"]).fieldsOfStudy


def check_other_searches(client):
    # Everything with the words, page after page by tokens; the client asks on by itself.
    found = client.search_paper("papers | all | kinds", bulk=True, fields=["title"])
    everything = ids(found)
    assert len(everything) == len(set(everything)) == found.total > 5, (len(everything), found.total)
    dates = [paper.publicationDate for paper in client.search_paper("forests | lullaby", bulk=True, sort="publicationDate:desc", fields=["publicationDate"])]
    assert dates == sorted(dates, key=lambda date: date or datetime.min, reverse=True)
    assert "citationCount" in refused(BadQueryParametersException, lambda: client.search_paper("x", bulk=True, sort="citationCount:asc"))

    best = client.search_paper("branes WRAPPED on tori and their moduli", match_title=True)
    assert best.paperId == "hep-th/9901001" and best.raw_data["matchScore"] > 0.8, best.raw_data
    refused(ObjectNotFoundException, lambda: client.search_paper("no paper here is called like this one", match_title=True))
    begun = client.get_autocomplete("branes wrap")
    assert begun[0].id == "hep-th/9901001" and begun[0].title.startswith("Branes wrapped"), begun
    assert begun[0].authors_year.endswith("1999"), begun[0].authors_year
    assert client.get_autocomplete("qqqqzzzz") == []


def check_papers(client):
    paper = client.get_paper("hep-th/9901001")
    assert paper.title == "Branes wrapped on tori & their <moduli>" and paper.venue == "Journal of Imagined Strings"
    assert paper.journal.name == paper.venue and paper.externalIds["ArXiv"] == "hep-th/9901001"
    assert len(paper.embedding["vector"]) > 100 and paper.citations == []
    for key in ["DOI:10.5555/lullaby.2026", "PMID:31415926", "ARXIV:2607.00012", "URL:https://arxiv.org/abs/2607.00012"]:
        assert client.get_paper(key, fields=["title"]).paperId == "2607.00012", key
    assert client.get_paper("PMCID:2718281", fields=["externalIds"]).externalIds["PubMedCentral"] == "2718281"
    few = client.get_paper("10.5555/tides.1987", fields=["year", "authors.name", "authors.url"])
    assert few.raw_data.keys() == {"paperId", "year", "authors"} and few.publicationDate is None
    assert "nowhere/1" in refused(ObjectNotFoundException, lambda: client.get_paper("nowhere/1"))
    assert "colour" in refused(BadQueryParametersException, lambda: client.get_paper("2607.00012", fields=["colour"]))

    papers, missing = client.get_papers(["hep-th/9901001", "nowhere/1", "DOI:10.5555/kelp.2026"], return_not_found=True)
    assert (ids(papers), missing) == (["hep-th/9901001", "2607.00011"], ["nowhere/1"])


    authors = client.get_paper_authors("2607.00011", limit=10)
    assert [author.name for author in authors] == ["Mira Sandoval"]
    assert list(client.get_paper_citations("2607.00011")) == [] == list(client.get_paper_references("2607.00011", limit=5))
    refused(ObjectNotFoundException, lambda: client.get_paper_citations("nowhere/1"))
    assert "colour" in refused(BadQueryParametersException, lambda: client.get_paper_citations("2607.00011", fields=["colour"]))


def check_recommendations(client):
    papers = client.get_recommended_papers("hep-th/9901001", limit=5)
    assert len(set(ids(papers))) == 5 and "hep-th/9901001" not in ids(papers)
    papers = client.get_recommended_papers_from_lists(["2607.00011", "DOI:10.5555/tides.1987"], ["2607.00012"], limit=7)
    assert len(papers) == 7 and not {"2607.00011", "2607.00012", "tides-1987"} & set(ids(papers))
    assert len(client.get_recommended_papers_from_lists(["hep-th/9901001"], limit=3, fields=["title", "year"])) == 3
    refused(ObjectNotFoundException, lambda: client.get_recommended_papers("nowhere/1"))
    refused(ObjectNotFoundException, lambda: client.get_recommended_papers_from_lists(["nowhere/1"]))


def main():
    client = SemanticScholar(api_url=ADDRESS, retry=False)
    check_search(client)
    check_other_searches(client)
    check_papers(client)
    check_recommendations(client)


main()
