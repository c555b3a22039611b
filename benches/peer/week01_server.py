#!/usr/bin/env python3
"""A small file server as Week 01 had it: a thread for each connection, a file for each frame, `OK` for each file.

A measure to compare with, nothing to use. It checks no limits, makes nothing durable and answers at once.
"""

import argparse
import json
import mimetypes
import secrets
import socketserver
from pathlib import Path

PIECE_BYTES = 256 * 1024


class Connection(socketserver.StreamRequestHandler):
    """Serves frames until the client ends: a header line, then as many bytes as it says."""

    disable_nagle_algorithm = True

    def handle(self):
        while line := self.rfile.readline():
            try:
                header = json.loads(line)
                size = int(header.get("size", 0))
                extension = mimetypes.guess_extension(header.get("mime_type", "")) or ".bin"
            except (ValueError, AttributeError):
                self.wfile.write(b"ERROR: Invalid header\n")
                return
            if not self.store(size, extension):
                return
            self.wfile.write(b"OK\n")

    def store(self, size, extension):
        path, file = self.server.create(extension)
        with file:
            while size > 0:
                piece = self.rfile.read(min(size, PIECE_BYTES))
                if not piece:
                    path.unlink()
                    return False
                file.write(piece)
                size -= len(piece)
        return True


class Server(socketserver.ThreadingTCPServer):
    """Listens, and gives out names nobody has."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 1024

    def create(self, extension):
        digits = 4
        while True:
            path = Path(self.storage) / f"received_{secrets.token_hex(digits // 2)}{extension}"
            try:
                return path, open(path, "xb")
            except FileExistsError:
                digits += 2


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=65432)
    parser.add_argument("--storage", default="storage")
    arguments = parser.parse_args()
    Path(arguments.storage).mkdir(parents=True, exist_ok=True)
    with Server((arguments.host, arguments.port), Connection) as server:
        server.storage = arguments.storage
        print("listening on {}:{}".format(*server.server_address), flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
