"""Parses what a saved query gives, with parsers that are not ours.

check_saved.py feeds ADDRESS ID: its feeds have the same papers, which are printed as a JSON list of ids.
check_saved.py messages FILE: prints the messages of tests/python/smtp_server.py as JSON.
"""

import email
import email.policy
import json
import sys
import urllib.parse
import urllib.request

import feedparser


def feeds(address, saved):
    base = f"{address}/v1/saved/{saved}/feed"
    atom = feedparser.parse(f"{base}.atom")
    assert not atom.bozo and atom.version == "atom10", atom.get("bozo_exception")
    assert any(link.rel == "self" and link.href == f"{base}.atom" for link in atom.feed.links)
    ids = [urllib.parse.unquote(entry.id.removeprefix("urn:cognate:paper:")) for entry in atom.entries]
    assert len(set(ids)) == len(ids) and all(entry.title and entry.updated_parsed for entry in atom.entries)
    with urllib.request.urlopen(f"{base}.json") as answer:
        assert answer.headers["Content-Type"] == "application/feed+json"
        feed = json.load(answer)
    assert feed["version"] == "https://jsonfeed.org/version/1.1" and feed["feed_url"] == f"{base}.json"
    assert [item["id"] for item in feed["items"]] == ids
    assert all(item["content_text"] and item.get("date_published", "Z").endswith("Z") and item["date_modified"].endswith("Z") for item in feed["items"])
    return ids


def messages(path):
    with open(path, "rb") as file:
        parts = file.read().split(b"\n" + b"-" * 60 + b"\n")
    found = []
    for part in parts[:-1]:
        message = email.message_from_bytes(part, policy=email.policy.default)
        found.append({
            "to": message["To"],
            "subject": message["Subject"],
            "message_id": message["Message-ID"],
            "text": message.get_body(("plain",)).get_content(),
            "html": message.get_body(("html",)).get_content(),
        })
    return found


print(json.dumps({"feeds": feeds, "messages": messages}[sys.argv[1]](*sys.argv[2:])))
