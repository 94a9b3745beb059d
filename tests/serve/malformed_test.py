"""Requests that are wrong in every way, by the thousand: each gets its status, the server lives on and does not grow.

usage: malformed_test.py KDQAT_INFER WRITE_SAMPLE_MODEL [COUNT]     (default: 2000)
"""

import gzip
import pathlib
import random
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from running_server import RunningServer

LIMIT = 100_000
GOOD = b'{"text": "a fine film"}'


def request(line, headers, body=b""):
    return line + b"\r\n" + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body


def post(body, *headers, path=b"/v1/classify"):
    return request(b"POST " + path + b" HTTP/1.1", [b"Host: a", b"Content-Length: %d" % len(body), *headers], body)


def random_json(chance, depth=0):
    kinds = ["null", "true", "-1e309", '"text"', "12", '""']
    if depth < 4 and chance.random() < 0.6:
        inner = [random_json(chance, depth + 1) for _ in range(chance.randrange(4))]
        if chance.random() < 0.5:
            return "[" + ",".join(inner) + "]"
        names = ["text", "texts", "pair", "model", "other"]
        return "{" + ",".join(f'"{chance.choice(names)}":{value}' for value in inner) + "}"
    return chance.choice(kinds)


def spoiled(chance):
    """A good body with one byte changed, taken away or added."""
    body = bytearray(GOOD)
    place = chance.randrange(len(body))
    kind = chance.randrange(3)
    if kind == 0:
        body[place] = chance.randrange(256)
    elif kind == 1:
        del body[place]
    else:
        body.insert(place, chance.randrange(256))
    return bytes(body)


# name: (bytes of a request, statuses that are right; 0 stands for a connection that is closed without a word)
KINDS = {
    "no JSON": lambda chance: (post(bytes(chance.randrange(256) for _ in range(chance.randrange(60)))), {400}),
    "other JSON": lambda chance: (post(random_json(chance).encode()), {200, 400, 404}),
    "spoiled": lambda chance: (post(spoiled(chance)), {200, 400}),
    "no UTF-8": lambda chance: (post(b'{"text": "' + bytes([chance.randrange(0x80, 0xC0)]) + b'"}'), {400}),
    "half a surrogate": lambda chance: (post(b'{"text": "\\ud83d"}'), {400}),
    "brackets": lambda chance: (post(b"[" * chance.randrange(1, LIMIT)), {400}),
    "nested objects": lambda chance: (post(b'{"texts":' * chance.randrange(9, 5000)), {400}),
    "many texts": lambda chance: (post(b'{"texts": [' + b",".join([b'""'] * chance.randrange(257, 9000)) + b"]}"), {413}),
    "embed": lambda chance: (post(spoiled(chance), path=b"/v1/embed"), {200, 400}),
    "no such path": lambda chance: (post(GOOD, path=b"/v1/" + bytes(chance.choices(range(97, 123), k=8))), {404}),
    "wrong method": lambda chance: (
        request(chance.choice([b"GET", b"PUT", b"DELETE", b"PATCH", b"OPTIONS"]) + b" /v1/classify HTTP/1.1",
                [b"Host: a", b"Content-Length: 0"]), {405}),
    "unknown method": lambda chance: (request(b"FETCH /v1/classify HTTP/1.1", [b"Host: a"]), {400}),
    "no request": lambda chance: (
        bytes(chance.randrange(256) for _ in range(chance.randrange(1, 200))) + b"\r\n\r\n", {400, 0}),
    "old version": lambda chance: (request(b"POST /v1/classify HTTP/9.9", [b"Host: a"]), {400}),
    "long address": lambda chance: (request(b"GET /" + b"a" * chance.randrange(8300, 20000) + b" HTTP/1.1", []), {414, 400}),
    "long header": lambda chance: (
        request(b"GET /healthz HTTP/1.1", [b"A: " + b"a" * chance.randrange(8300, 20000)]), {200, 400}),
    "many headers": lambda chance: (
        request(b"GET /healthz HTTP/1.1", [b"A%d: a" % i for i in range(chance.randrange(100, 2000))]), {200, 400}),
    "length too large": lambda chance: (
        request(b"POST /v1/classify HTTP/1.1", [b"Host: a", b"Content-Length: %d" % chance.randrange(LIMIT + 1, 2**66)],
                GOOD), {413}),
    "length below zero": lambda chance: (
        request(b"POST /v1/classify HTTP/1.1", [b"Host: a", b"Content-Length: -5"], GOOD), {400, 413}),
    "length of letters": lambda chance: (
        request(b"POST /v1/classify HTTP/1.1", [b"Host: a", b"Content-Length: five"], GOOD), {400}),
    "chunks too large": lambda chance: (
        request(b"POST /v1/classify HTTP/1.1", [b"Host: a", b"Transfer-Encoding: chunked"],
                b"1000\r\n" + b" " * 4096 + b"\r\n" + (b"1000\r\n" + b" " * 4096 + b"\r\n") * (LIMIT // 4096 + 1)), {413}),
    "no chunks": lambda chance: (
        request(b"POST /v1/classify HTTP/1.1", [b"Host: a", b"Transfer-Encoding: chunked"], b"zz\r\n" + GOOD), {400}),
    "no gzip": lambda chance: (post(GOOD, b"Content-Encoding: gzip"), {400}),
    "gzip of much": lambda chance: (post(gzip.compress(b" " * 10_000_000), b"Content-Encoding: gzip"), {413}),
    "multipart": lambda chance: (post(b"--a\r\n", b"Content-Type: multipart/form-data; boundary=a"), {415}),
    "a file of the system": lambda chance: (request(b"GET /../../../../etc/passwd HTTP/1.1", [b"Host: a"]), {404, 400}),
}
# These wait for the server's patience: few of them.
SLOW = {
    "half a body": (request(b"POST /v1/classify HTTP/1.1", [b"Host: a", b"Content-Length: 100"], GOOD), {408}),
    "half a head": (b"POST /v1/classify HTTP/1.1\r\nHost: a\r\n", {408, 0}),
    "half a line": (b"POST /v1/cl", {408, 0}),
    "no length": (request(b"POST /v1/classify HTTP/1.1", [b"Host: a"], b""), {400, 408, 411}),
}


def status_of(answer):
    found = re.match(rb"HTTP/1\.1 (\d+) ", answer)
    return int(found[1]) if found else 0


def resident_bytes(server):
    return float(re.search(rb"\nprocess_resident_memory_bytes (\S+)", server.send(b"GET /metrics HTTP/1.1\r\n\r\n"))[1])


def main():
    program, write_sample_model = sys.argv[1:3]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 2000
    chance = random.Random(1)
    failures = []

    def check(server, name, data, statuses, finish=False):
        status = status_of(server.send(data, finish))
        if status not in statuses:
            failures.append(f"{name}: expected {sorted(statuses)}, found {status} for {data[:200]!r}")

    with RunningServer(program, write_sample_model, "--max-body-bytes", str(LIMIT), "--request-timeout", "0.5",
                       "--connections", "4") as server:
        names = list(KINDS)
        grown_from = 0.0
        for i in range(count):
            if i == count // 2:
                grown_from = resident_bytes(server)
            check(server, names[i % len(names)], *KINDS[names[i % len(names)]](chance))
        for name, (data, statuses) in SLOW.items():
            check(server, name, data, statuses)
            check(server, name + ", then gone", data, statuses | {0, 400}, finish=True)
        grown = resident_bytes(server) - grown_from
        if grown > 20e6:
            failures.append(f"memory: grew by {grown / 1e6:.1f} MB in the second half")
        check(server, "a good one", post(GOOD), {200})
        if (code := server.end()) != 0:
            failures.append(f"expected exit code 0, found {code}: {server.messages}")
    print(f"{count} requests of {len(KINDS)} kinds; memory grew by {grown / 1e6:.1f} MB in the second half")
    print("\n".join(failures[:20]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
