"""Speaks to a running cognate as to the Hugging Face hub, with `huggingface_hub` and its command `hf`.

hugging_face_client.py ADDRESS HOME [without-trends]: the papers of tests/fixtures/clients.jsonl are there, among others; HOME is
an empty folder. Ends with an assertion at the first answer that is not as it should be. Where papers lie with another engine,
there are no trends.
"""

import json
import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

ADDRESS, HOME, *without = sys.argv[1:]
HAS_TRENDS = without != ["without-trends"]
os.environ |= {"HF_ENDPOINT": ADDRESS, "HF_HOME": HOME, "HF_HUB_DISABLE_UPDATE_CHECK": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
os.environ.pop("HF_HUB_OFFLINE", None)

from huggingface_hub import HfApi  # noqa: E402  (reads the environment when imported)
from huggingface_hub.errors import HfHubHTTPError  # noqa: E402


def hf(*words):
    """What `hf papers …` prints, as JSON."""
    command = [Path(sys.executable).parent / "hf", "papers", *words, "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return json.loads(done.stdout)


def ids(papers):
    return [paper["id"] if isinstance(paper, dict) else paper.id for paper in papers]


def refused(call):
    try:
        call()
    except HfHubHTTPError as error:
        return error.response.status_code
    raise AssertionError("expected a refusal")


def day(year, month, day):
    return datetime(year, month, day, tzinfo=timezone.utc)


def main():
    api = HfApi()

    found = list(api.list_papers(query="carbon in kelp forests", limit=5))
    assert len(found) == 5 and found[0].id == "2607.00011", ids(found)
    kelp = found[0]
    assert kelp.title.startswith("Kelp forests") and kelp.summary.startswith("Kelp forests take")
    assert [author.name for author in kelp.authors] == ["Mira Sandoval"]
    assert kelp.upvotes == 5 and kelp.comments == 0
    assert kelp.published_at == day(2026, 7, 30)
    assert kelp.submitted_at.date() >= datetime(2026, 1, 1).date()
    # Old papers, papers without title, date or authors: all have what the client asks of them.
    every = list(api.list_papers(query="glaciers that sing", limit=100))
    assert every[0].id == "untitled/1" and every[0].title == "" and not every[0].authors
    assert all(paper.published_at and paper.submitted_at for paper in every)

    assert ids(api.list_daily_papers(date="2026-07-30")) == ["2607.00011", "2607.00012"]
    assert not HAS_TRENDS or ids(api.list_daily_papers(date="2026-07-30", sort="trending")) == ["2607.00012", "2607.00011"]
    assert ids(api.list_daily_papers(date="2026-07-30", limit=1, p=1)) == ["2607.00012"]
    assert ids(api.list_daily_papers(date="2026-07-29")) == []
    assert ids(api.list_daily_papers(week="2026-W31")) == ["2607.00011", "2607.00012", "2607.00013"]
    assert set(ids(api.list_daily_papers(month="2026-07", sort="publishedAt"))) >= {"2607.00011", "2607.00013"}
    assert ids(api.list_daily_papers(submitter="nobody")) == []
    latest = list(api.list_daily_papers())
    assert latest and set(ids(latest)) <= set(ids(api.list_daily_papers(date=str(latest[0].submitted_at.date()))))
    assert refused(lambda: list(api.list_daily_papers(date="30 July"))) == 400
    assert refused(lambda: list(api.list_daily_papers(date="2026-07-30", week="2026-W31"))) == 400

    slash = api.paper_info("hep-th/9901001")
    assert slash.id == "hep-th/9901001" and slash.title == "Branes wrapped on tori & their <moduli>"
    assert slash.published_at == day(1999, 1, 4) and slash.upvotes == 3
    assert api.paper_info("2607.00012v2").id == "2607.00012", "an arXiv id with a version"
    assert api.paper_info("10.5555/tides.1987").published_at == day(1987, 1, 1)
    assert refused(lambda: api.paper_info("nowhere/1")) == 404
    text = api.read_paper("hep-th/9901001")
    assert text.startswith("# Branes wrapped on tori & their <moduli>\n"), text
    assert "Ilse Quandt, R. Okonkwo" in text and "$\\mathcal{N}=4$ supersymmetry" in text
    assert refused(lambda: api.read_paper("nowhere/1")) == 404

    assert ids(hf("search", "lullabies for infants", "--limit", "3"))[0] == "2607.00012"
    assert not HAS_TRENDS or ids(hf("ls", "--date", "2026-07-30", "--sort", "trending")) == ["2607.00012", "2607.00011"]
    assert ids(hf("ls", "--week", "2026-W31", "--limit", "2")) == ["2607.00011", "2607.00012"]
    assert "2607.00013" in ids(hf("ls", "--month", "2026-07"))
    assert hf("ls")
    assert hf("info", "hep-th/9901001")["title"] == slash.title
    command = [Path(sys.executable).parent / "hf", "papers", "read", "untitled/1"]
    assert "glaciers sing" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


main()
