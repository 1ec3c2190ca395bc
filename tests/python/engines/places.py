"""Where papers lie, and how they are asked for: data folders, milvus-lite, and servers of cognate before either."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request


def ask(address, path, body=None, method=None, timeout=120):
    """The status of an answer, and what it holds: JSON, or text where it is none."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address + path, data=data, method=method, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, held(answer)
    except urllib.error.HTTPError as error:
        body = held(error)
        body = body if isinstance(body, dict) else {"text": body}
        return error.code, {**body, "retry_after": error.headers.get("Retry-After")}


def held(answer):
    text = answer.read()
    if not text:
        return None
    is_json = "json" in answer.headers.get("Content-Type", "")
    return json.loads(text) if is_json else text.decode(errors="replace")


def lines(address, path, body):
    """The values of an answer that has one a line."""
    request = urllib.request.Request(address + path, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return [json.loads(line) for line in answer]


def query(**params):
    return "/v1/search?" + urllib.parse.urlencode(params)


def ids(answer):
    return [hit["id"] for hit in answer["data"]]


def quoted(key):
    return urllib.parse.quote(key, safe="")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Listening:
    """A program that listens on a port, over a folder that stays."""

    def __init__(self, command, log, port):
        self.command, self.log, self.port, self.process = [str(part) for part in command], log, port, None

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, start_new_session=True)
        for _ in range(1200):
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.command[0]} ended with {self.process.returncode}; see {self.log}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.1)
        raise RuntimeError(f"{self.command[0]} does not listen; see {self.log}")

    def signal(self, number):
        os.killpg(self.process.pid, number)

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            self.signal(signal.SIGKILL)
        self.process.wait()

    def address(self, collection, options=""):
        return f"milvus://127.0.0.1:{self.port}/{collection}{options}"

    def place(self, collection, options=""):
        return ["--engine", self.address(collection, options)]


def milvus_lite(program, folder):
    port = free_port()
    command = [program, "server", "--data-dir", folder, "--host", "127.0.0.1", "--port", port]
    return Listening(command, folder.with_suffix(".log"), port)


class Run:
    """What is run and where, and what failed."""

    def __init__(self, options, milvus):
        self.options, self.milvus = options, milvus
        self.binary, self.work = str(options.binary), options.work
        self.failures = []

    def expect(self, what, holds, found=""):
        if not holds:
            self.failures.append(what)
            print(f"FAILED {what}: {found}"[:2000], flush=True)

    def command(self, place, *args):
        return [self.binary, *place, "--json", *(str(arg) for arg in args)]

    def ended(self, place, *args, **options):
        """A command of cognate that ended, whatever came of it."""
        return subprocess.run(self.command(place, *args), capture_output=True, text=True, **options)

    def cognate(self, place, *args, check=True):
        """The exit code of a command, and the last value that it printed."""
        done = self.ended(place, *args)
        if check and done.returncode != 0:
            raise RuntimeError(f"{args} ended with {done.returncode}: {done.stderr[-2000:]} {done.stdout[-500:]}")
        return done.returncode, json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else None

    def begin(self, place, *args):
        """A command that goes on."""
        return subprocess.Popen(self.command(place, *args), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @contextlib.contextmanager
    def serving(self, place):
        """The address of a server before a place."""
        command = [self.binary, *place, "serve", "--bind", "127.0.0.1:0"]
        with open(self.work / "serve.log", "a") as log:
            server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        try:
            yield server.stdout.readline().decode().strip().removeprefix("listening on ")
        finally:
            server.terminate()
            server.wait()

    def contents(self, place):
        """All papers of a place as it exports them, in order."""
        done = subprocess.run([self.binary, *place, "export", "--format", "jsonl"], stdout=subprocess.PIPE, text=True, check=True)
        return sorted(done.stdout.splitlines())

    def write(self, name, records):
        """A file of records."""
        path = self.work / name
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        return path
