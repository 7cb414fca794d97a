"""The Python side of the store benches: what the service that Corral replaces did, with the clients it used.

Reads commands from its input, one JSON list a line, and answers each with the seconds that it took, as a JSON list.
What only prepares a command (texts, embeddings) is not timed. Not here: which commands (bench/stores/*.rs).
"""

import json
import sys
import time
import uuid
from datetime import datetime, timezone

EXPIRATION = 3600
DIMENSIONS = 384


class Sessions:
    """A session is one JSON text in Redis, read and written as a whole."""

    def __init__(self, url):
        import redis

        self.client = redis.Redis.from_url(url, socket_timeout=60)

    def seed(self, session, turns, user, ai):
        document = self._empty(session)
        document["history"] = [{"user": user, "ai": ai}] * turns
        self._set(document)
        return []

    def create(self, times):
        return [timed(lambda: self._set(self._empty(str(uuid.uuid4())))) for _ in range(times)]

    def append(self, session, times, user, ai):
        def append():
            document = self._get(session)
            document["history"].append({"user": user, "ai": ai})
            document["metadata"]["last_updated"] = now()
            self._set(document)

        return [timed(append) for _ in range(times)]

    def all(self, session, times):
        return [timed(lambda: self._get(session)["history"]) for _ in range(times)]

    def last(self, session, times, turns):
        return [timed(lambda: self._get(session)["history"][-turns:]) for _ in range(times)]

    def _empty(self, session):
        return {"session_id": session, "history": [], "metadata": {"created_at": now(), "last_updated": now()}}

    def _get(self, session):
        return json.loads(self.client.get("session:" + session))

    def _set(self, document):
        self.client.setex("session:" + document["session_id"], EXPIRATION, json.dumps(document))


class Vectors:
    """One collection; `chat_id` in a passage's metadata names its session."""

    def __init__(self, url):
        import chromadb
        import numpy
        from chromadb.config import Settings

        host, port = url.removeprefix("http://").split(":")
        settings = Settings(anonymized_telemetry=False)
        self.client = chromadb.HttpClient(host=host, port=int(port), settings=settings)
        self.numbers = numpy.random.default_rng(7)

    def open(self, name):
        self.collection = self.client.get_collection(name, embedding_function=None)
        return []

    def upsert(self, session, first, words):
        numbers = range(first, first + len(words))
        ids = [f"{session}/{number:07}" for number in numbers]
        embeddings = self._embeddings(len(words))
        metadatas = [{"chat_id": session, "document": session, "chunk": str(number)} for number in numbers]
        upsert = lambda: self.collection.upsert(ids, embeddings, metadatas, words)
        return [timed(upsert)]

    def query(self, sessions, limit):
        questions = zip(sessions, self._embeddings(len(sessions)))

        def query(session, embedding):
            found = self.collection.query([embedding], n_results=limit, where={"chat_id": session})
            assert len(found["ids"][0]) == limit

        return [timed(lambda: query(session, embedding)) for session, embedding in questions]

    def count(self, session, times):
        count = lambda: len(self.collection.get(where={"chat_id": session}, include=[])["ids"])
        return [timed(count) for _ in range(times)]

    def delete(self, session):
        return [timed(lambda: self.collection.delete(where={"chat_id": session}))]

    def _embeddings(self, count):
        return self.numbers.uniform(-1, 1, (count, DIMENSIONS)).tolist()


def timed(action):
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def now():
    return datetime.now(timezone.utc).isoformat()


def main():
    kind, url = sys.argv[1:]
    peer = {"sessions": Sessions, "vectors": Vectors}[kind](url)
    print(json.dumps([]), flush=True)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(getattr(peer, name)(*arguments)), flush=True)


main()
