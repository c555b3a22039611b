#!/usr/bin/env python3
"""An independent client of the dual-mode file transfer.

Written from PROTOCOL.md alone, with nothing but the standard library, so that server and client of the
project are not each other's only witness. It shares no code with them. Section numbers are those of
PROTOCOL.md.

    python3 dft.py --to 127.0.0.1:65432 send FILE...
    python3 dft.py --to 127.0.0.1:65432 --help
"""

import argparse
import hashlib
import json
import mimetypes
import os
import select
import socket
import struct
import sys
import time
import uuid

VERSION = "2.0"
INTEGER_MAX = 2**53 - 1
LINE_BYTES_MAX = 8192
SESSION_DATA_BYTES_MAX = 65536
TICKET_BYTES_MAX = 4096
BLOCK_BYTES = 65536
PATIENCE_S = 30


class ProtocolError(Exception):
    """The server said something that PROTOCOL.md does not allow."""


class Refused(Exception):
    """The server answered with an error (section 4)."""

    def __init__(self, reply):
        self.reply = reply
        self.error = reply.header["error"]
        self.code = self.error["code"]
        self.retry = self.error["retry"]
        super().__init__(f"{self.code} (retry: {self.retry}): {self.error.get('message', '')}")


class Reply:
    """One frame from the server: header, session data, payload, trailer."""

    def __init__(self, header, session_data=b"", payload=b"", trailer=None):
        self.header = header
        self.session_data = session_data
        self.payload = payload
        self.trailer = trailer

    @property
    def status(self):
        return self.header["status"]

    def get(self, key, default=None):
        return self.header.get(key, default)

    def __repr__(self):
        return f"Reply({self.header!r}, {len(self.payload)} bytes, trailer {self.trailer!r})"


# --- digests -----------------------------------------------------------------------------------------

_IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
_ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
_CHUNK_START, _CHUNK_END, _PARENT, _ROOT = 1, 2, 4, 8
_LANES = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
)


def _compress(chaining, block, counter, length, flags):
    """BLAKE3's compression function; the first eight words of its result."""
    mask = 0xFFFFFFFF
    v = [*chaining, *_IV[:4], counter & mask, counter >> 32, length, flags]
    m = list(block)
    for turn in range(7):
        for lane, (a, b, c, d) in enumerate(_LANES):
            va, vb, vc, vd = v[a], v[b], v[c], v[d]
            va = (va + vb + m[2 * lane]) & mask
            vd ^= va
            vd = (vd >> 16 | vd << 16) & mask
            vc = (vc + vd) & mask
            vb ^= vc
            vb = (vb >> 12 | vb << 20) & mask
            va = (va + vb + m[2 * lane + 1]) & mask
            vd ^= va
            vd = (vd >> 8 | vd << 24) & mask
            vc = (vc + vd) & mask
            vb ^= vc
            vb = (vb >> 7 | vb << 25) & mask
            v[a], v[b], v[c], v[d] = va, vb, vc, vd
        if turn < 6:
            m = [m[i] for i in _ORDER]
    return tuple(v[i] ^ v[i + 8] for i in range(8))


def _words(block):
    return struct.unpack("<16I", block.ljust(64, b"\0"))


def _node(data, counter):
    """The last compression of a subtree, not yet done: the root is flagged differently."""
    if len(data) > 1024:
        chunks = -(-len(data) // 1024)
        left = 1 << ((chunks - 1).bit_length() - 1)
        halves = _node(data[: left * 1024], counter), _node(data[left * 1024 :], counter + left)
        return _IV, _compress(*halves[0]) + _compress(*halves[1]), 0, 64, _PARENT
    blocks = [data[i : i + 64] for i in range(0, len(data), 64)] or [b""]
    chaining = _IV
    for index, block in enumerate(blocks):
        flags = (_CHUNK_START if index == 0 else 0) | (_CHUNK_END if index == len(blocks) - 1 else 0)
        if index == len(blocks) - 1:
            return chaining, _words(block), counter, len(block), flags
        chaining = _compress(chaining, _words(block), counter, 64, flags)
    raise AssertionError("a chunk has a last block")


def blake3_hex(data):
    """BLAKE3 in plain Python: slow, but nobody else's."""
    chaining, block, _, length, flags = _node(bytes(data), 0)
    return struct.pack("<8I", *_compress(chaining, block, 0, length, flags | _ROOT)).hex()


def digest(kind, data):
    """A digest as the wire writes it (section 2)."""
    if kind == "sha256":
        return "sha256:" + hashlib.sha256(data).hexdigest()
    if kind == "blake3":
        return "blake3:" + blake3_hex(data)
    raise ValueError(kind)


# --- a connection ------------------------------------------------------------------------------------


def parse_address(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]") or "127.0.0.1", int(port)


def encode_header(header):
    """One line; the JSON escapes keep every LF out of it."""
    return json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def encode_chunks(pieces):
    """A payload of unknown length (section 1); empty pieces would end it early."""
    for piece in pieces:
        if piece:
            yield str(len(piece)).encode() + b"\n" + piece
    yield b"0\n"


def _refuse_duplicates(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ProtocolError(f"a key stands twice: {keys}")
    return dict(pairs)


class Connection:
    """Frames over one TCP connection. Knows nothing of sessions."""

    def __init__(self, address, patience=PATIENCE_S):
        self.socket = socket.create_connection(address, timeout=patience)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.early = []
        self.closing = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def end(self):
        """No more frames from here; replies may still come."""
        self.socket.shutdown(socket.SHUT_WR)

    # reading

    def _more(self):
        piece = self.socket.recv(BLOCK_BYTES)
        if not piece:
            raise EOFError("the server closed inside a frame" if self.buffer else "the server closed")
        self.buffer += piece

    def read_line(self):
        while b"\n" not in self.buffer:
            if len(self.buffer) > LINE_BYTES_MAX:
                raise ProtocolError("a line without end")
            self._more()
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line

    def read_exactly(self, count):
        while len(self.buffer) < count:
            self._more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def read_json(self):
        line = self.read_line()
        try:
            value = json.loads(line.decode("utf-8"), object_pairs_hook=_refuse_duplicates)
        except ValueError as fault:
            raise ProtocolError(f"not a header: {line[:80]!r}") from fault
        if not isinstance(value, dict):
            raise ProtocolError(f"not an object: {line[:80]!r}")
        return value

    def receive(self):
        """The next frame off the socket."""
        header = self.read_json()
        for key in ("version", "status", "mime_type", "size"):
            if key not in header:
                raise ProtocolError(f"a reply without {key}: {header}")
        if header["version"] != VERSION:
            raise ProtocolError(f"a reply in version {header['version']}")
        data_size = (header.get("session") or {}).get("data_size") or 0
        if data_size > SESSION_DATA_BYTES_MAX:
            raise ProtocolError("too much session data")
        session_data = self.read_exactly(data_size)
        if header["size"] is None:
            pieces = []
            while (length := int(self.read_line())) != 0:
                pieces.append(self.read_exactly(length))
            payload = b"".join(pieces)
        else:
            payload = self.read_exactly(header["size"])
        trailer = self.read_json() if header["size"] is None or "trailer" in header else None
        if "trailer" in header and trailer.get("digest") != digest(header["trailer"], payload):
            raise ProtocolError("the payload is not the one its trailer names")
        self.closing = self.closing or header.get("closing") is True
        return Reply(header, session_data, payload, trailer)

    def read_reply(self):
        """The next reply, as it is."""
        return self.early.pop(0) if self.early else self.receive()

    def reply(self):
        """The next reply; an error is raised."""
        reply = self.read_reply()
        if reply.status == "error":
            raise Refused(reply)
        return reply

    def at_end(self):
        """Whether the server closes now, with nothing more to say."""
        return not self.early and not self.buffer and self.socket.recv(1) == b""

    # writing

    def send(self, *parts):
        """Sends all parts and reads meanwhile. Stops when an early answer says that the server closes;
        after any other the frame is finished, so that the next one begins where it should (section 4)."""
        for part in parts:
            view = memoryview(part)
            while view:
                readable, writable, _ = select.select([self.socket], [self.socket], [], PATIENCE_S)
                if readable:
                    self.early.append(self.receive())
                    if self.closing:
                        return
                elif writable:
                    try:
                        view = view[self.socket.send(view[:BLOCK_BYTES]) :]
                    except (BrokenPipeError, ConnectionResetError):
                        return
                else:
                    raise TimeoutError("the server neither reads nor writes")

    def ask(self, header, *parts):
        """One request, one reply."""
        self.send(encode_header(header), *parts)
        return self.reply()


# --- requests ----------------------------------------------------------------------------------------


def guess_type(path):
    return mimetypes.guess_type(path)[0] or "application/octet-stream"


def transfer_frame(data, mime_type, *, trailer=None, chunk=None, **fields):
    """Header and body of one `transfer`: sized, or in chunks of `chunk` bytes."""
    header = {"version": VERSION, "mime_type": mime_type, "size": len(data) if chunk is None else None}
    header.update((key, value) for key, value in fields.items() if value is not None)
    body = [data]
    if chunk is not None:
        body = list(encode_chunks(data[i : i + chunk] for i in range(0, len(data), chunk)))
    if trailer is not None:
        header["trailer"] = trailer
        body.append(encode_header({"digest": digest(trailer, data)}))
    elif chunk is not None:
        body.append(b"{}\n")
    return header, body


def _transfer(connection, data, mime_type, **fields):
    header, body = transfer_frame(data, mime_type, **fields)
    if header.get("expect") != "continue":
        return connection.ask(header, *body)
    reply = connection.ask(header)
    if reply.status != "continue":
        return reply
    connection.send(*body)
    return connection.reply()


class Stateless:
    """Requests that carry everything they need."""

    def __init__(self, connection):
        self.connection = connection

    def hello(self):
        return self.connection.ask(
            {"version": VERSION, "session": {"mode": "stateless", "action": "hello"}})

    def transfer(self, data, mime_type, **fields):
        """Stores one file. See `transfer_frame` for what may be said about it."""
        return _transfer(self.connection, data, mime_type, **fields)

    def status(self, transfer_id):
        return self.connection.ask(
            {"version": VERSION, "transfer_id": transfer_id,
             "session": {"mode": "stateless", "action": "status"}})

    def fetch(self, stored_as, offset=None):
        header = {"version": VERSION, "file": stored_as, "session": {"mode": "stateless", "action": "fetch"}}
        if offset is not None:
            header["offset"] = offset
        return self.connection.ask(header)


class Session:
    """A conversation. It can move to a new connection, and repeats what got no answer. Its proof is the token, or
    the ticket of the newest reply where the server keeps no sessions (section 7)."""

    def __init__(self, connection):
        self.connection = connection
        self.id = None
        self.token = None
        self.ticket = b""
        self.next_sequence = 1

    def header(self, action, **session):
        return {"mode": "stateful", "action": action, "id": self.id, **session}

    def connect(self):
        """Opens the session, or continues it on this connection."""
        session = self.header("connect")
        if self.ticket:
            session["data_size"] = len(self.ticket)
        elif self.id is not None:
            session["token"] = self.token
        reply = self._ask({"version": VERSION, "session": session}, self.ticket)
        if reply.status != ("session_created" if self.id is None else "session_resumed"):
            raise ProtocolError(f"connect was answered with {reply.status}")
        told = reply.get("session")
        self.id = told["id"]
        self.token = told.get("token", self.token)
        if (self.token is None) != bool(self.ticket):
            raise ProtocolError("a session has a token or a ticket")
        if told["next_sequence"] < self.next_sequence:
            raise ProtocolError("the server forgot requests it had answered")
        self.next_sequence = told["next_sequence"]
        return reply

    def continue_on(self, connection):
        self.connection = connection
        return self.connect()

    def _ask(self, header, *parts):
        return self._heard(self.connection.ask(header, *parts))

    def _heard(self, reply):
        if len(reply.session_data) > TICKET_BYTES_MAX:
            raise ProtocolError("a ticket is too long")
        self.ticket = reply.session_data or self.ticket
        return reply

    def _counted(self, reply, sequence):
        if reply.get("sequence") != sequence:
            raise ProtocolError(f"sequence {sequence} was answered as {reply.get('sequence')}")
        self.next_sequence = max(self.next_sequence, sequence + 1)
        return reply

    def transfer(self, data, mime_type, sequence=None, **fields):
        sequence = sequence or self.next_sequence
        session = self.header("transfer", sequence=sequence)
        reply = _transfer(self.connection, data, mime_type, session=session, **fields)
        return self._counted(self._heard(reply), sequence)

    def remove(self, stored_as, sequence=None):
        sequence = sequence or self.next_sequence
        session = self.header("remove", sequence=sequence)
        return self._counted(
            self._ask({"version": VERSION, "file": stored_as, "session": session}), sequence)

    def disconnect(self, sequence=None):
        sequence = sequence or self.next_sequence
        session = self.header("disconnect", sequence=sequence)
        return self._counted(self._ask({"version": VERSION, "session": session}), sequence)

    def status(self):
        return self._ask({"version": VERSION, "session": self.header("status")})

    def heartbeat(self):
        return self._ask({"version": VERSION, "session": self.header("heartbeat")})

    def fetch(self, stored_as, offset=None):
        header = {"version": VERSION, "file": stored_as, "session": self.header("fetch")}
        if offset is not None:
            header["offset"] = offset
        return self._ask(header)

    def list(self):
        """Every file of the session, page by page."""
        files, offset = [], None
        while True:
            header = {"version": VERSION, "session": self.header("list")}
            if offset is not None:
                header["offset"] = offset
            reply = self._ask(header)
            files.extend(json.loads(line) for line in reply.payload.splitlines())
            following = reply.get("next_offset")
            if following is None:
                return files
            if offset is not None and following <= offset:
                raise ProtocolError("next_offset does not move on")
            offset = following


# --- Week 01 -----------------------------------------------------------------------------------------


def week01_frame(data, mime_type):
    """A frame as the Week 01 client writes it: these two fields, this order, this spacing."""
    return json.dumps({"mime_type": mime_type, "size": len(data)}).encode("utf-8") + b"\n" + data


def week01_send(address, frames):
    """What the Week 01 client does: connect, send everything, close. It never reads."""
    connection = socket.create_connection(address, timeout=PATIENCE_S)
    try:
        for frame in frames:
            connection.sendall(frame)
    finally:
        connection.close()


# --- command line ------------------------------------------------------------------------------------


def _read(path):
    if path == "-":
        return sys.stdin.buffer.read()
    with open(path, "rb") as file:
        return file.read()


def _name(path):
    """The file's name, if the wire carries it (section 2)."""
    name = os.path.basename(path)
    if path == "-":
        return None
    fits = len(name.encode(errors="surrogateescape")) <= 255 and "\\" not in name
    if not fits or any(ord(letter) < 32 or 127 <= ord(letter) < 160 or 0xD800 <= ord(letter) < 0xE000 for letter in name):
        print(f"sent without its name: {name!r}", file=sys.stderr)
        return None
    return name


def _verified(reply, data):
    stored = reply.header["file"]
    kind = stored["digest"].partition(":")[0]
    if stored["size"] != len(data) or stored["digest"] != digest(kind, data):
        raise ProtocolError(f"stored something else: {stored}")
    return stored


class Delivery:
    """Files on their way: comes back after a lost connection, and goes on where an upload was cut (section 5)."""

    def __init__(self, address, options):
        self.address = address
        self.options = options
        self.connection = None
        self.session = Session(None) if options.mode == "stateful" else None
        self.tries = 0

    def send(self, path, data):
        """Stores one file; the reply that says so."""
        transfer_id = self.options.transfer_id or str(uuid.uuid4())
        sequence, again, anew = None, False, False
        while True:
            try:
                self._be_connected()
                sequence = sequence or (self.session.next_sequence if self.session else None)
                offset = 0
                if again and not anew:
                    stored, offset = self._there(data, transfer_id, sequence)
                    if stored:
                        return stored
                again, anew = True, False
                return self._once(path, data, offset, transfer_id, sequence)
            except Refused as refusal:
                if refusal.retry not in ("resume", "later", "same"):
                    raise
                self._try_again(refusal, refusal.error.get("retry_after_ms", 0) / 1000)
                anew = refusal.code == "digest_mismatch"
                if self.connection.closing:
                    self._lose()
            except (EOFError, OSError) as lost:
                self._try_again(lost, 0.1 * self.tries)
                self._lose()

    def end(self):
        if self.session:
            self._be_connected()
            self.session.disconnect()
        self._lose()

    def _be_connected(self):
        if self.connection is None:
            self.connection = Connection(self.address)
            if self.session:
                self.session.continue_on(self.connection)

    def _lose(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def _try_again(self, why, wait):
        self.tries += 1
        if self.tries > self.options.retries:
            raise why
        time.sleep(wait)

    def _there(self, data, transfer_id, sequence):
        """What became of an upload without an answer: the reply if it is stored, else where it goes on."""
        if self.session:
            # One that was counted is answered again under its number, without its payload.
            reply = self.session.status() if sequence == self.session.next_sequence else None
        else:
            try:
                reply = Stateless(self.connection).status(transfer_id)
            except Refused as refusal:
                if refusal.code != "file_unknown":
                    raise
                return None, 0
            if reply.status == "stored":
                return reply, 0
        part = reply.get("partial") if reply else None
        if part and part["offset"] <= len(data) and part["prefix_digest"] == digest("blake3", data[: part["offset"]]):
            return None, part["offset"]
        return None, 0

    def _once(self, path, data, offset, transfer_id, sequence):
        options = self.options
        fields = {"name": _name(path), "ack": options.ack, "expect": "continue" if options.expect else None}
        if offset:
            fields.update(offset=offset, digest=digest("sha256", data))
        else:
            fields.update(trailer="sha256", chunk=BLOCK_BYTES if options.chunked else None)
        if self.session:
            return self.session.transfer(data[offset:], guess_type(path), sequence, **fields)
        return Stateless(self.connection).transfer(
            data[offset:], guess_type(path), transfer_id=transfer_id, **fields)


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Independent client of the dual-mode file transfer.")
    parser.add_argument("--to", default="127.0.0.1:65432", metavar="HOST:PORT")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("hello", help="what the server can do")
    send = commands.add_parser("send", help="store files")
    send.add_argument("path", nargs="+", help="a file, or - for standard input")
    send.add_argument("--mode", choices=("stateless", "stateful", "week01"), default="stateless")
    send.add_argument("--retries", type=int, default=0, help="how often to come back after a lost connection")
    send.add_argument("--chunked", action="store_true", help="payload of unknown length")
    send.add_argument("--expect", action="store_true", help="wait for `continue`")
    send.add_argument("--transfer-id", help="repeat this upload (stateless, one file)")
    send.add_argument("--ack", choices=("written", "durable"))
    status = commands.add_parser("status", help="what became of a stateless upload")
    status.add_argument("transfer_id")
    fetch = commands.add_parser("fetch", help="bytes of a stored file, to standard output")
    fetch.add_argument("stored_as")
    fetch.add_argument("--offset", type=int)
    tour = commands.add_parser("tour", help="one session with every action, as JSON lines")
    tour.add_argument("path", nargs="+")
    week01 = commands.add_parser("week01", help="send as the Week 01 client does; never reads")
    week01.add_argument("path", nargs="+")
    options = parser.parse_args(arguments)
    address = parse_address(options.to)

    if options.command == "week01" or options.command == "send" and options.mode == "week01":
        week01_send(address, (week01_frame(_read(path), guess_type(path)) for path in options.path))
        return 0
    if options.command == "send":
        return _send(address, options)
    with Connection(address) as connection:
        try:
            return _run(options, connection)
        except Refused as refusal:
            print(refusal, file=sys.stderr)
            return 1


def _send(address, options):
    delivery = Delivery(address, options)
    try:
        for path in options.path:
            data = _read(path)
            print(_verified(delivery.send(path, data), data)["stored_as"])
        delivery.end()
        return 0
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 1


def _run(options, connection):
    stateless = Stateless(connection)
    if options.command == "hello":
        print(json.dumps(stateless.hello().header, indent=2))
    elif options.command == "status":
        print(json.dumps(stateless.status(options.transfer_id).header, indent=2))
    elif options.command == "fetch":
        sys.stdout.buffer.write(stateless.fetch(options.stored_as, options.offset).payload)
    elif options.command == "tour":
        session = Session(connection)

        def show(reply):
            print(json.dumps(reply.header))
            return reply

        show(stateless.hello())
        # The token stays out of what is shown.
        opened = session.connect()
        opened.header["session"].pop("token", None)
        show(opened)
        for path in options.path:
            show(session.transfer(_read(path), guess_type(path), name=_name(path), trailer="sha256"))
        show(session.status())
        show(session.heartbeat())
        for entry in session.list():
            print(json.dumps(entry))
            show(session.fetch(entry["stored_as"]))
        show(session.disconnect())
    return 0


if __name__ == "__main__":
    sys.exit(main())
