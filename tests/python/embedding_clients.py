"""Speaks to a running cognate as to OpenAI, with `openai`, and as to text-embeddings-inference.

embedding_clients.py ADDRESS VECTORS: VECTORS are those of TEXTS by `cognate embed`, one `{"embedding"}` a line. Ends with
an assertion at the first answer that is not as it should be.
"""

import concurrent.futures
import json
import sys
import urllib.error
import urllib.request

import openai

ADDRESS, VECTORS = sys.argv[1:]
MODEL = "all-MiniLM-L6-v2"
TEXTS = ["kelp forests", "Lullabies slow the breathing of premature infants.", "naïve $x^2$ 日本"]


def near(found, expected):
    return len(found) == len(expected) and all(abs(a - b) < 1e-6 for a, b in zip(found, expected))


def refused(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"expected {kind.__name__}")


def check_openai(expected):
    client = openai.OpenAI(base_url=f"{ADDRESS}/v1", api_key="none", max_retries=0)
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).owned_by == "cognate"

    # Without a format the client asks for base64, and decodes it itself.
    for options in [{}, {"encoding_format": "float"}, {"dimensions": len(expected[0])}]:
        answer = client.embeddings.create(model=MODEL, input=TEXTS, **options)
        assert [item.index for item in answer.data] == [0, 1, 2] and answer.model == MODEL
        assert all(near(item.embedding, vector) for item, vector in zip(answer.data, expected)), options
    raw = client.embeddings.create(model=f"sentence-transformers/{MODEL}", input=TEXTS[0], encoding_format="base64")
    assert isinstance(raw.data[0].embedding, str)
    # [CLS], ke, ##lp, forests, [SEP]; and a long text counts as far as the model reads it.
    assert raw.usage.prompt_tokens == raw.usage.total_tokens == len(tokens(TEXTS[0])) == 5
    assert client.embeddings.create(model=MODEL, input=["word " * 1000]).usage.prompt_tokens == 256

    error = refused(openai.NotFoundError, lambda: client.embeddings.create(model="another", input="x"))
    assert MODEL in error.body["message"] and error.body["code"] == "model_not_found"
    assert error.body["type"] == "invalid_request_error"
    refused(openai.NotFoundError, lambda: client.models.retrieve("another/model"))
    for wrong in ["", [], ["x", " "], [1, 2, 3], ["x"] * 2049]:
        refused(openai.BadRequestError, lambda: client.embeddings.create(model=MODEL, input=wrong))
    refused(openai.BadRequestError, lambda: client.embeddings.create(model=MODEL, input="x", dimensions=8))


def check_queue():
    """Sixteen threads lose none of 48 calls, although fewer are answered at a time."""
    client = openai.OpenAI(base_url=f"{ADDRESS}/v1", api_key="none", max_retries=0, timeout=300)
    texts = lambda call: [f"{text} {call}" for text in TEXTS]
    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda call: client.embeddings.create(model=MODEL, input=texts(call)), range(48)))
    assert [len(answer.data) for answer in answers] == [len(TEXTS)] * 48
    # Each call has its own answer.
    for call in [0, 23, 47]:
        alone = client.embeddings.create(model=MODEL, input=texts(call)[0]).data[0].embedding
        assert near(answers[call].data[0].embedding, alone), call


def post(path, body):
    request = urllib.request.Request(ADDRESS + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def tokens(text):
    return post("/tokenize", {"inputs": text})[0]


def check_text_embeddings_inference(expected):
    assert all(near(found, vector) for found, vector in zip(post("/embed", {"inputs": TEXTS}), expected))
    assert near(post("/embed", {"inputs": TEXTS[0], "truncate": True, "normalize": True})[0], expected[0])
    scores = post("/similarity", {"inputs": {"source_sentence": TEXTS[0], "sentences": ["seaweed", "tax law"]}})
    assert 1 > scores[0] > scores[1], scores

    found = tokens("Kelp forests")
    assert [token["text"] for token in found] == ["[CLS]", "ke", "##lp", "forests", "[SEP]"]
    assert [(token["start"], token["stop"]) for token in found] == [(None, None), (0, 2), (2, 4), (5, 12), (None, None)]
    assert [token["special"] for token in found] == [True, False, False, False, True]
    assert len(post("/tokenize", {"inputs": ["word " * 1000], "add_special_tokens": False})[0]) == 1000
    with urllib.request.urlopen(ADDRESS + "/info") as answer:
        info = json.load(answer)
    assert info["model_id"] == MODEL and info["max_input_length"] == 256

    assert near(post("/", {"inputs": TEXTS[0]})[0], expected[0])
    texts = ["tax law", "forests of seaweed", "spoons"]
    ranked = post("/rerank", {"query": "kelp", "texts": texts, "raw_scores": False, "return_text": True})
    assert ranked[0]["index"] == 1 and ranked[0]["text"] == texts[1] and sorted(rank["index"] for rank in ranked) == [0, 1, 2]
    assert ranked[0]["score"] > ranked[1]["score"] > ranked[2]["score"] >= -1
    request = urllib.request.Request(ADDRESS + "/rerank", json.dumps({"query": "kelp", "texts": texts}).encode())
    with urllib.request.urlopen(request) as answer:
        assert answer.headers["x-ranked-by"] == "cosine" and "text" not in json.load(answer)[0]

    for path, body, status in [
        ("/rerank", {"query": "x", "texts": []}, 400),
        ("/rerank", {"query": "x", "texts": ["y"], "colour": 1}, 400),
        ("/embed", {"inputs": "x", "colour": 1}, 400),
        ("/embed", {"inputs": []}, 400),
        ("/embed", {"inputs": "word " * 1000, "truncate": False}, 413),
        ("/embed", {"inputs": "x", "normalize": False}, 400),
        ("/similarity", {"inputs": {"source_sentence": "x"}}, 400),
        ("/tokenize", {}, 400),
    ]:
        error = refused(urllib.error.HTTPError, lambda: post(path, body))
        answer = json.load(error)
        assert (error.code, answer["error_type"]) == (status, "Validation") and answer["error"], (path, answer)


def main():
    with open(VECTORS) as file:
        expected = [json.loads(line)["embedding"] for line in file]
    check_openai(expected)
    check_queue()
    check_text_embeddings_inference(expected)


main()
