"""Reads all rows of a collection with Milvus's own client, and prints how many there are, with a hash of each field but
`first_indexed`, of the rows in order of id.

Usage: rows.py ADDRESS COLLECTION
"""

import hashlib
import json
import sys

from pymilvus import MilvusClient


def plain(value):
    """A value as JSON takes it, to the bit."""
    if isinstance(value, dict):
        return sorted((str(key), float(weight).hex()) for key, weight in value.items())
    if isinstance(value, (list, tuple)) or hasattr(value, "tolist"):
        return [float(item).hex() if isinstance(item, float) or hasattr(item, "dtype") else item for item in list(value)]
    return value


def main(address, collection):
    client = MilvusClient(uri=address)
    rows, last = {}, ""
    while True:
        # In order of id, some at a time: what is doubled would be there twice.
        page = client.query(collection, filter=f'id > {json.dumps(last)}', output_fields=["*"], limit=1000,
                            iterator="True", reduce_stop_for_best="True", consistency_level="Strong")
        if not page:
            break
        for row in page:
            assert row["id"] > last, (row["id"], last)
            last = row["id"]
            rows[last] = row
    count = client.query(collection, filter="", output_fields=["count(*)"], consistency_level="Strong")[0]["count(*)"]
    fields = sorted({name for row in rows.values() for name in row} - {"first_indexed"})
    hashes = {}
    for name in fields:
        of_field = hashlib.sha256()
        for key in sorted(rows):
            of_field.update(json.dumps([key, plain(rows[key][name])]).encode())
        hashes[name] = of_field.hexdigest()
    print(json.dumps({"n_rows": len(rows), "count": count, "fields": hashes}))


main(*sys.argv[1:])
