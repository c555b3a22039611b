"""The wire as an independent client meets it: every action of PROTOCOL.md, every point of its section 9.

Needs a running server in the mode `dual` with default limits, on this machine:

    DFT_ADDRESS=127.0.0.1:65432 DFT_STORAGE=./storage python3 -m unittest -v test_dft
"""

import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import time
import unittest
import uuid

import dft

HERE = pathlib.Path(__file__).resolve().parent
PICTURE = HERE.parent.parent / "fixtures" / "picture.png"
ALL_BYTES = bytes(range(256))
DECEIVING = b'line one\nline two {"size": 3}\n{"mime_type": "text/plain", "size": 7}\nno header\n'
# The longest a reader of the storage folder waits for a file that is on its way.
PATIENCE_S = 10
# How long the wire must stay silent to count as silent; below the second after which a server may speak.
SILENCE_S = 0.6


def setUpModule():
    missing = [name for name in ("DFT_ADDRESS", "DFT_STORAGE") if name not in os.environ]
    if missing:
        raise AssertionError(f"no server to test: {', '.join(missing)} not set")


def address():
    return dft.parse_address(os.environ["DFT_ADDRESS"])


def storage():
    return pathlib.Path(os.environ["DFT_STORAGE"])


def visible():
    """Every file under a final name, as the storage folder shows it."""
    found = set()
    for folder, folders, files in os.walk(storage()):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found.update(pathlib.Path(folder, name) for name in files if not name.startswith("."))
    return {path for path in found if path.name != "README.md"}


def uuid4():
    return str(uuid.uuid4())


class Case(unittest.TestCase):
    def connection(self):
        connection = dft.Connection(address())
        self.addCleanup(connection.close)
        return connection

    def stateless(self):
        return dft.Stateless(self.connection())

    def session(self):
        session = dft.Session(self.connection())
        session.connect()
        return session

    def stored(self, reply, data, status="stored"):
        """What was stored is what was sent, by size, digest and bytes."""
        self.assertEqual(reply.status, status)
        file = reply.header["file"]
        self.assertEqual(file["size"], len(data))
        kind = file["digest"].partition(":")[0]
        self.assertEqual(file["digest"], dft.digest(kind, data))
        path = storage() / file["stored_as"]
        self.assertEqual(path.read_bytes(), data)
        return path

    def refused(self, code, ask, *arguments, **fields):
        with self.assertRaises(dft.Refused) as caught:
            ask(*arguments, **fields)
        self.assertEqual(caught.exception.code, code, caught.exception)
        return caught.exception

    def healthy(self):
        """A server that still serves others."""
        self.stored(self.stateless().transfer(b"still here", "text/plain"), b"still here")


# --- 2.0 ---------------------------------------------------------------------------------------------


class Digests(unittest.TestCase):
    def test_the_witness_itself_knows_blake3(self):
        # From the published test vectors: bytes 0, 1, … 250, 0, 1, … of these lengths.
        pattern = bytes(i % 251 for i in range(3073))
        for length, begin in ((0, "af1349b9"), (1024, "42214739f095a406"), (1025, "d00278ae47eb27b3"),
                              (3073, "7124b49501012f81")):
            self.assertTrue(dft.blake3_hex(pattern[:length]).startswith(begin), length)


class StatelessFrames(Case):
    def test_hello_says_what_there_is(self):
        hello = self.stateless().hello().header["hello"]
        self.assertIn("2.0", hello["versions"])
        self.assertEqual(set(hello["modes"]), {"stateless", "stateful"})
        self.assertLessEqual(
            {"hello", "connect", "transfer", "status", "heartbeat", "list", "fetch", "remove", "disconnect"},
            set(hello["actions"]))
        self.assertEqual(set(hello["digests"]), {"blake3", "sha256"})
        self.assertEqual(set(hello["acks"]), {"written", "durable"})
        self.assertIsInstance(hello["limits"], dict)

    def test_files_of_every_kind_arrive_whole(self):
        stateless = self.stateless()
        for mime_type, extension, data in (
            ("text/plain", ".txt", DECEIVING),
            ("application/octet-stream", ".bin", ALL_BYTES),
            ("image/png", ".png", PICTURE.read_bytes()),
            ("image/jpeg", ".jpg", b""),
            ("image/svg+xml", ".svg", b"<svg/>"),
            ("x-of-nobody/x-known", ".bin", b"\n"),
        ):
            with self.subTest(mime_type):
                path = self.stored(stateless.transfer(data, mime_type), data)
                self.assertRegex(path.name, r"^received_[0-9a-f]{32}\.")
                self.assertEqual(path.suffix, extension)

    def test_a_header_without_session_is_a_stateless_transfer(self):
        for session in (None, {"mode": "stateless", "action": "transfer"},
                        {"mode": "stateless", "action": "transfer", "id": None}):
            reply = self.stateless().transfer(b"x", "text/plain", session=session)
            self.stored(reply, b"x")

    def test_chunks_and_trailers(self):
        stateless = self.stateless()
        data = ALL_BYTES * 100
        for kind, chunk in (("sha256", 1000), ("blake3", 1), ("sha256", None), (None, 4096), ("blake3", None)):
            small = data[:300] if chunk == 1 else data
            with self.subTest(kind=kind, chunk=chunk):
                reply = stateless.transfer(small, "application/octet-stream", trailer=kind, chunk=chunk)
                self.stored(reply, small)
                self.assertTrue(reply.header["file"]["digest"].startswith((kind or "blake3") + ":"))
        self.stored(stateless.transfer(b"", "text/plain", chunk=1, trailer="sha256"), b"")

    def test_a_digest_is_checked_before_the_file_is_visible(self):
        stateless = self.stateless()
        self.stored(stateless.transfer(b"hello", "text/plain", digest=dft.digest("blake3", b"hello")), b"hello")
        before = visible()
        self.refused("digest_mismatch", stateless.transfer, b"hello", "text/plain",
                     digest=dft.digest("sha256", b"jello"))
        header, _ = dft.transfer_frame(b"hello", "text/plain", trailer="sha256")
        self.refused("digest_mismatch", stateless.connection.ask, header, b"hello",
                     dft.encode_header({"digest": dft.digest("sha256", b"jello")}))
        self.assertEqual(visible(), before)
        self.stored(stateless.transfer(b"hello", "text/plain"), b"hello")

    def test_the_promise_is_never_weaker_than_asked(self):
        stateless = self.stateless()
        self.assertIn(stateless.transfer(b"w", "text/plain", ack="written").get("ack"), ("written", "durable"))
        self.assertEqual(stateless.transfer(b"d", "text/plain", ack="durable").get("ack"), "durable")

    def test_expect_continue_asks_before_it_sends(self):
        stateless = self.stateless()
        key = uuid4()
        reply = stateless.transfer(ALL_BYTES, "text/plain", expect="continue", transfer_id=key, trailer="sha256")
        path = self.stored(reply, ALL_BYTES)
        # A repeat is answered from the header; no payload follows, and the next frame begins at once.
        before = visible()
        again = stateless.transfer(ALL_BYTES, "text/plain", expect="continue", transfer_id=key, trailer="sha256")
        self.assertEqual(self.stored(again, ALL_BYTES), path)
        self.assertIs(again.get("replayed"), True)
        self.assertEqual(visible(), before)
        self.healthy()

    def test_a_repeated_transfer_id_finds_its_file(self):
        stateless = self.stateless()
        key = uuid4()
        first = self.stored(stateless.transfer(b"once", "text/plain", transfer_id=key), b"once")
        self.assertEqual(first.name, f"received_{key.replace('-', '')}.txt")
        before = visible()
        again = self.stateless().transfer(b"once", "text/plain", transfer_id=key)
        self.assertIs(again.get("replayed"), True)
        self.assertEqual(self.stored(again, b"once"), first)
        self.refused("transfer_reused", stateless.transfer, b"twice", "text/plain", transfer_id=key)
        self.refused("transfer_reused", stateless.transfer, b"0nce", "text/plain", transfer_id=key,
                     digest=dft.digest("sha256", b"0nce"))
        self.assertEqual(first.read_bytes(), b"once")
        self.assertEqual(visible(), before)

    def test_status_says_what_became_of_a_transfer_id(self):
        stateless = self.stateless()
        key = uuid4()
        self.refused("file_unknown", stateless.status, key)
        stateless.transfer(b"known", "image/png", transfer_id=key)
        self.stored(stateless.status(key), b"known")

    def test_fetch_brings_the_bytes_back(self):
        stateless = self.stateless()
        data = PICTURE.read_bytes()
        name = stateless.transfer(data, "image/png").header["file"]["stored_as"]
        for offset in (None, 0, 1, len(data) - 1, len(data)):
            with self.subTest(offset=offset):
                reply = stateless.fetch(name, offset)
                self.assertEqual(reply.status, "file")
                self.assertEqual(reply.payload, data[offset or 0 :])
                self.assertEqual(reply.header["file"]["size"], len(data))
                self.assertEqual(reply.get("trailer"), "blake3")
        beyond = self.refused("bad_offset", stateless.fetch, name, len(data) + 1)
        self.assertEqual(beyond.error["offset"], len(data))
        for unknown in (f"received_{'0' * 32}.png", "../etc/passwd", ".lock", "README.md", "received_0000.png"):
            with self.subTest(unknown):
                self.refused("file_unknown", stateless.fetch, unknown)

    def test_the_rest_of_an_upload_nobody_began_is_refused(self):
        refusal = self.refused("bad_offset", self.stateless().transfer, b"tail", "text/plain", offset=4,
                               transfer_id=uuid4(), digest=dft.digest("sha256", b"headtail"))
        self.assertEqual(refusal.error["offset"], 0)

    def test_eight_megabytes_arrive(self):
        data = bytes(8 << 20)
        self.stored(self.stateless().transfer(data, "application/octet-stream", trailer="sha256"), data)

    def test_too_large_is_said_before_the_payload_is_read(self):
        before = visible()
        connection = self.connection()
        refusal = self.refused("size_too_large", connection.ask,
                               {"version": "2.0", "mime_type": "text/plain", "size": 11 << 20})
        self.assertIs(refusal.reply.get("closing"), True)
        self.assertEqual(visible(), before)

    def test_replies_come_in_order_and_all_before_the_goodbye(self):
        connection = self.connection()
        for number in range(20):
            header, body = dft.transfer_frame(str(number).encode(), "text/plain")
            connection.send(dft.encode_header(header), *body)
        connection.end()
        for number in range(20):
            self.stored(connection.reply(), str(number).encode())
        self.assertTrue(connection.at_end())

    def test_the_command_line_does_the_same(self):
        script = [sys.executable, str(HERE / "dft.py"), "--to", os.environ["DFT_ADDRESS"]]
        for options in ([], ["--mode", "stateful"], ["--chunked", "--expect"]):
            with self.subTest(options):
                sent = subprocess.run([*script, "send", *options, str(PICTURE)], check=True, capture_output=True)
                path = storage() / sent.stdout.decode().strip()
                self.assertEqual(path.read_bytes(), PICTURE.read_bytes())
        tour = subprocess.run([*script, "tour", str(PICTURE)], check=True, capture_output=True)
        statuses = [json.loads(line).get("status") for line in tour.stdout.splitlines()]
        self.assertEqual(statuses, ["hello", "session_created", "stored", "session_status", "heartbeat_ack",
                                    None, "file", "session_closed"])


class Sessions(Case):
    def test_a_whole_conversation(self):
        session = self.session()
        files = [(b"", "text/plain", "empty.txt"), (PICTURE.read_bytes(), "image/png", "a b/picture ü.png"),
                 (ALL_BYTES, "application/octet-stream", None)]
        stored = []
        for number, (data, mime_type, name) in enumerate(files, 1):
            reply = session.transfer(data, mime_type, name=name, trailer="sha256")
            stored.append(self.stored(reply, data))
            self.assertEqual(reply.get("sequence"), number)
            self.assertEqual(reply.header["session"]["next_sequence"], number + 1)
            self.assertRegex(reply.header["file"]["stored_as"],
                             rf"^session_{session.id}/file_{number}_[0-9]+\.[a-z]+$")
        listed = session.list()
        self.assertEqual([entry["sequence"] for entry in listed], [1, 2, 3])
        self.assertEqual([storage() / entry["stored_as"] for entry in listed], stored)
        self.assertEqual([entry["size"] for entry in listed], [len(data) for data, _, _ in files])
        self.assertEqual([entry.get("name") for entry in listed], [name for _, _, name in files])

        status = session.status()
        self.assertEqual(status.status, "session_status")
        record = status.header["record"]
        self.assertEqual(record["files_transferred"], 3)
        self.assertEqual(record["total_bytes"], sum(len(data) for data, _, _ in files))
        self.assertGreaterEqual(record["message_count"], 3)
        self.assertLessEqual(record["created_at"], record["last_activity"])
        self.assertIn("client_address", record)

        beat = session.heartbeat()
        self.assertEqual(beat.status, "heartbeat_ack")
        self.assertGreater(beat.header["session"]["expires_in_s"], 0)

        self.assertEqual(session.fetch(listed[1]["stored_as"]).payload, files[1][0])
        self.assertEqual(session.fetch(listed[2]["stored_as"], 250).payload, ALL_BYTES[250:])
        self.refused("bad_offset", session.fetch, listed[2]["stored_as"], 257)

        self.assertEqual(session.remove(listed[0]["stored_as"]).status, "removed")
        self.assertFalse(stored[0].exists())
        self.assertEqual([entry["sequence"] for entry in session.list()], [2, 3])
        self.refused("file_unknown", session.fetch, listed[0]["stored_as"])

        self.assertEqual(session.disconnect().status, "session_closed")
        self.assertTrue(stored[1].exists() and stored[2].exists())

    def test_chunks_expect_and_digest_work_in_a_session(self):
        session = self.session()
        self.stored(session.transfer(ALL_BYTES, "text/plain", chunk=100, trailer="sha256"), ALL_BYTES)
        self.stored(session.transfer(ALL_BYTES, "text/plain", expect="continue"), ALL_BYTES)
        self.refused("digest_mismatch", session.transfer, b"a", "text/plain", digest=dft.digest("sha256", b"b"))
        # An error uses up no sequence.
        self.assertEqual(session.transfer(b"a", "text/plain").get("sequence"), 3)

    def test_the_same_request_gets_the_same_answer(self):
        session = self.session()
        first = session.transfer(b"one", "text/plain", name="one")
        session.transfer(b"two", "text/plain")
        before = visible()
        again = session.transfer(b"one", "text/plain", sequence=1, name="one")
        self.assertIs(again.get("replayed"), True)
        self.assertEqual(again.header["file"], first.header["file"])
        waiting = session.transfer(b"one", "text/plain", sequence=1, name="one", expect="continue")
        self.assertIs(waiting.get("replayed"), True)
        self.assertEqual(visible(), before)

    def test_another_request_under_a_used_sequence_learns_nothing(self):
        session = self.session()
        session.transfer(b"one", "text/plain", name="one")
        for data, mime_type, name in ((b"one", "text/plain", "other"), (b"one", "image/png", "one"),
                                      (b"other", "text/plain", "one")):
            refusal = self.refused("sequence_reused", session.transfer, data, mime_type, sequence=1, name=name)
            self.assertNotIn("file", refusal.reply.header)
        self.refused("sequence_reused", session.disconnect, sequence=1)
        self.assertEqual(session.transfer(b"two", "text/plain").get("sequence"), 2)

    def test_a_gap_names_the_sequence_that_is_due(self):
        session = self.session()
        refusal = self.refused("sequence_gap", session.transfer, b"later", "text/plain", sequence=3)
        self.assertEqual(refusal.error["expected_sequence"], 1)
        self.stored(session.transfer(b"now", "text/plain"), b"now")

    def test_replies_are_kept_for_the_last_64(self):
        session = self.session()
        for number in range(66):
            session.transfer(b"x", "text/plain", name=str(number), ack="written")
        self.refused("sequence_too_old", session.transfer, b"x", "text/plain", sequence=1, name="0")
        self.assertIs(session.transfer(b"x", "text/plain", sequence=66, name="65").get("replayed"), True)

    def test_frames_may_be_sent_without_waiting(self):
        session = self.session()
        connection = session.connection
        for number in range(1, 21):
            header, body = dft.transfer_frame(
                b"%d" % number, "text/plain", session=session.header("transfer", sequence=number))
            connection.send(dft.encode_header(header), *body)
        for number in range(1, 21):
            reply = connection.reply()
            self.assertEqual(reply.get("sequence"), number)
            self.stored(reply, b"%d" % number)

    def test_a_session_goes_on_over_a_new_connection(self):
        session = self.session()
        first = session.transfer(b"one", "text/plain")
        session.connection.close()
        reply = session.continue_on(self.connection())
        self.assertEqual(reply.status, "session_resumed")
        self.assertEqual(reply.header["session"]["next_sequence"], 2)
        self.assertNotIn("token", reply.header["session"])
        again = session.transfer(b"one", "text/plain", sequence=1)
        self.assertEqual(again.header["file"], first.header["file"])
        self.stored(session.transfer(b"two", "text/plain"), b"two")

    def test_the_newest_connection_wins(self):
        session = self.session()
        old = session.connection
        epoch = session.heartbeat().header["session"]["epoch"]
        self.assertEqual(session.continue_on(self.connection()).header["session"]["epoch"], epoch + 1)
        goodbye = old.read_reply()
        self.assertEqual(goodbye.header["error"]["code"], "session_moved")
        self.assertEqual(goodbye.header["error"]["retry"], "never")
        self.assertIs(goodbye.get("closing"), True)
        self.stored(session.transfer(b"mine", "text/plain"), b"mine")

    def test_id_without_its_token_opens_nothing(self):
        session = self.session()
        unknown = dft.Session(self.connection())
        for id_, token in ((session.id, "A" * 43), (uuid4(), session.token)):
            unknown.id, unknown.token = id_, token
            self.refused("session_unknown", unknown.connect)
        session.heartbeat()

    def test_a_lost_goodbye_is_said_again(self):
        session = self.session()
        session.transfer(b"one", "text/plain")
        first = session.disconnect()
        # On the same connection, and on a new one, where only `connect` can ask.
        again = session.disconnect(sequence=first.get("sequence"))
        self.assertIs(again.get("replayed"), True)
        gone = self.refused("session_gone", session.heartbeat)
        self.assertEqual((gone.error["reason"], gone.retry), ("closed", "new_session"))
        connection = self.connection()
        header = {"version": "2.0", "session": {**session.header("connect"), "token": session.token}}
        goodbye = connection.ask(header)
        self.assertEqual((goodbye.status, goodbye.get("replayed")), ("session_closed", True))
        header["session"]["token"] = "A" * 43
        self.refused("session_unknown", connection.ask, header)
        self.stored(dft.Stateless(connection).transfer(b"on", "text/plain"), b"on")

    def test_a_session_must_be_named_and_be_the_bound_one(self):
        session = self.session()
        other = self.session()
        lost = dft.Session(self.connection())
        self.refused("session_required", lost.heartbeat)
        lost.id = session.id
        self.refused("session_required", lost.heartbeat)
        session.id, right = other.id, session.id
        self.refused("session_required", session.heartbeat)
        session.id = right
        self.refused("illegal_action", session.connect)
        session.heartbeat()

    def test_modes_mix_on_one_connection(self):
        connection = self.connection()
        stateless, session = dft.Stateless(connection), dft.Session(connection)
        self.stored(stateless.transfer(b"before", "text/plain"), b"before")
        session.connect()
        self.stored(session.transfer(b"one", "text/plain"), b"one")
        between = stateless.transfer(b"between", "text/plain")
        self.stored(between, b"between")
        self.assertIsNone(between.get("session"))
        stateless.hello()
        self.assertEqual(session.transfer(b"two", "text/plain").get("sequence"), 2)
        session.disconnect()
        self.stored(stateless.transfer(b"after", "text/plain"), b"after")
        again = dft.Session(connection)
        again.connect()
        self.assertNotEqual(again.id, session.id)
        again.disconnect()


class Faults(Case):
    def answer(self, line):
        """The error code that a header line gets as the second frame of a connection."""
        connection = self.connection()
        dft.Stateless(connection).hello()
        connection.send(line + b"\n")
        return self.refused_by(connection)

    def refused_by(self, connection):
        with self.assertRaises(dft.Refused) as caught:
            connection.reply()
        return caught.exception

    def test_framing_errors_are_named_and_close(self):
        good = '"version":"2.0","mime_type":"text/plain"'
        for code, line in (
            ("bad_header", b"hello"),
            ("bad_header", b"[]"),
            ("bad_header", f"{{{good},\"size\":5".encode()),
            ("bad_header", f"{{{good},\"size\":-1}}".encode()),
            ("bad_header", f"{{{good},\"size\":1.0}}".encode()),
            ("bad_header", f"{{{good},\"size\":1e1}}".encode()),
            ("bad_header", f"{{{good},\"size\":01}}".encode()),
            ("bad_header", f"{{{good},\"size\":9007199254740992}}".encode()),
            ("bad_header", f"{{{good},\"size\":[]}}".encode()),
            ("bad_header", f'{{{good},"size":0,"ext":{{"a":{{"b":{{}}}}}}}}'.encode()),
            ("bad_header", f"{{{good},\"size\":0}}x".encode()),
            ("duplicate_key", f"{{{good},\"size\":0,\"size\":0}}".encode()),
            ("duplicate_key", f'{{{good},"size":0,"s\\u0069ze":0}}'.encode()),
            ("bad_encoding", b'{"version":"2.0","mime_type":"text/\xff","size":0}'),
            ("bad_encoding", b'{"version":"2.0",\t"mime_type":"text/plain","size":0}'),
            ("unknown_field", f"{{{good},\"size\":0,\"colour\":\"blue\"}}".encode()),
            ("unsupported_version", b'{"version":"3.0","mime_type":"text/plain","size":0}'),
            ("unsupported_version", dft.week01_frame(b"", "text/plain").rstrip()),
            ("header_too_large", b'{"version":"2.0","name":"' + b"n" * 9000 + b'"}'),
        ):
            with self.subTest(line[:90]):
                refusal = self.answer(line)
                self.assertEqual(refusal.code, code, refusal)
                self.assertIs(refusal.reply.get("closing"), True)
                if code == "unsupported_version":
                    self.assertIn("2.0", refusal.error["supported"])
        self.healthy()

    def test_a_bad_field_is_named_and_the_connection_goes_on(self):
        base = {"version": "2.0", "mime_type": "text/plain", "size": 0}
        stateless = {"mode": "stateless", "action": "transfer"}
        for field, header in (
            ("mime_type", {**base, "mime_type": "text"}),
            ("mime_type", {"version": "2.0", "size": 0}),
            ("digest", {**base, "digest": "md5:00"}),
            ("trailer", {**base, "trailer": "crc32"}),
            ("transfer_id", {**base, "transfer_id": "me"}),
            ("ack", {**base, "ack": "later"}),
            ("expect", {**base, "expect": "100"}),
            ("ext", {**base, "ext": "yes"}),
            ("auth", {**base, "auth": {"client": "me"}}),
            ("digest", {**base, "offset": 1}),
            ("digest", {**base, "digest": dft.digest("sha256", b""), "trailer": "sha256"}),
            ("size", {"version": "2.0", "mime_type": "text/plain"}),
            ("session.mode", {**base, "session": {"action": "transfer"}}),
            ("session.action", {**base, "session": {"mode": "stateless"}}),
            ("session.action", {**base, "session": {**stateless, "action": "dance"}}),
            ("session.sequence", {**base, "session": {**stateless, "sequence": 1}}),
            ("file", {"version": "2.0", "session": {"mode": "stateless", "action": "fetch"}}),
            ("transfer_id", {"version": "2.0", "session": {"mode": "stateless", "action": "status"}}),
        ):
            with self.subTest(header):
                connection = self.connection()
                # What the header announces follows it, refused or not.
                body = [b"{}\n"] if header.get("trailer") == "sha256" else []
                refusal = self.refused("bad_field", connection.ask, header, *body)
                self.assertEqual(refusal.error.get("field"), field)
                if not connection.closing:
                    self.stored(dft.Stateless(connection).transfer(b"on", "text/plain"), b"on")

    def test_a_ticket_belongs_to_connect_where_tickets_are_the_proof(self):
        connection = self.connection()
        header = {"version": "2.0",
                  "session": {"mode": "stateful", "action": "connect", "id": uuid4(), "data_size": 16}}
        refusal = self.refused("bad_field", connection.ask, header, bytes(16))
        self.assertEqual(refusal.error.get("field"), "session.data_size")
        for count in (1, 65536, 65537):
            with self.subTest(count):
                connection = self.connection()
                header = {"version": "2.0", "mime_type": "text/plain", "size": 0,
                          "session": {"mode": "stateless", "action": "transfer", "data_size": count}}
                refusal = self.refused("bad_field", connection.ask, header, bytes(count))
                self.assertEqual(refusal.error.get("field"), "session.data_size")

    def test_a_payload_must_be_where_one_belongs(self):
        connection = self.connection()
        refusal = self.refused("bad_field", connection.ask,
                               {"version": "2.0", "size": 2, "session": {"mode": "stateless", "action": "hello"}}, b"hi")
        self.assertEqual(refusal.error.get("field"), "size")

    def test_actions_of_the_other_mode_are_illegal(self):
        for action in ("connect", "heartbeat", "list", "remove", "disconnect"):
            with self.subTest(action):
                header = {"version": "2.0", "session": {"mode": "stateless", "action": action}}
                if action == "remove":
                    header["file"] = f"received_{'0' * 32}.txt"
                self.refused("illegal_action", self.connection().ask, header)

    def test_names_that_could_harm_are_refused_and_others_are_only_names(self):
        stateless = self.stateless()
        for bad in ("", "/etc/passwd", "../x", "a/../b", "a//b", "a\\b", "a\x1fb", "n" * 256):
            with self.subTest(bad):
                self.refused("bad_name", stateless.transfer, b"x", "text/plain", name=bad)
        before = visible()
        for good in ("n" * 255, "-rf", ".hidden", "a b/ü", "CON"):
            path = self.stored(stateless.transfer(b"x", "text/plain", name=good), b"x")
            self.assertEqual(path.parent, storage())
            self.assertRegex(path.name, r"^received_[0-9a-f]{32}\.txt$")
        self.assertEqual(len(visible() - before), 5)

    def test_an_upload_cut_anywhere_leaves_nothing(self):
        header, body = dft.transfer_frame(ALL_BYTES, "text/plain")
        line = dft.encode_header(header)
        whole = line + body[0]
        before = visible()
        # Before the version is whole, nobody can tell a 2.0 client from a Week 01 client.
        version = line.index(b'"version"') + len(b'"version"')
        for cut in (version, len(line) - 1, len(line), len(line) + 1, len(whole) - 1):
            with self.subTest(cut=cut):
                connection = self.connection()
                connection.send(whole[:cut])
                connection.end()
                refusal = self.refused_by(connection)
                self.assertEqual(refusal.code, "truncated")
                self.assertTrue(connection.at_end())
        self.assertEqual(visible(), before)
        self.healthy()

    def test_a_refused_frame_is_dropped_and_the_next_one_read(self):
        connection = self.connection()
        header, body = dft.transfer_frame(bytes(1 << 20), "text/plain", name="../x")
        self.refused("bad_name", connection.ask, header, *body)
        self.stored(dft.Stateless(connection).transfer(b"next", "text/plain"), b"next")


# --- Week 01 -----------------------------------------------------------------------------------------


class Week01(Case):
    def open(self, *frames):
        raw = socket.create_connection(address(), timeout=PATIENCE_S)
        self.addCleanup(raw.close)
        for frame in frames:
            raw.sendall(frame)
        return raw

    def rest(self, raw):
        """What the server says until it closes."""
        said = b""
        while piece := raw.recv(4096):
            said += piece
        return said

    def answer(self, *frames):
        raw = self.open(*frames)
        raw.shutdown(socket.SHUT_WR)
        return self.rest(raw)

    def arrived(self, before, contents):
        """Waits for exactly these new files."""
        deadline = time.monotonic() + PATIENCE_S
        while len(new := visible() - before) < len(contents) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(sorted(path.read_bytes() for path in new), sorted(contents))
        for path in new:
            self.assertRegex(path.name, r"^received_[0-9a-f]{4,}\.[a-z0-9]+$")
        return new

    def test_01_no_version_or_the_first_means_week_01(self):
        for version in ("", '"version": "1.0", ', '"version": "1", '):
            with self.subTest(version):
                before = visible()
                frame = f'{{{version}"mime_type": "text/plain", "size": 2}}\nhi'.encode()
                self.assertEqual(self.answer(frame), b"OK\n")
                self.arrived(before, [b"hi"])

    def test_02_any_spelling_of_a_header_will_do(self):
        for line, data, suffix in (
            ('{"size":2,"mime_type":"text/plain"}', b"hi", ".txt"),
            ('{"x":1}', b"", ".bin"),
            ('{ "mime_type" : "image/png" , "size" : 2 , "colour" : "blue", "n": -1.5e3 }', b"hi", ".png"),
            ('{"size": 2}', b"hi", ".bin"),
            ('{"mime_type": "text/plain"}', b"", ".txt"),
            ("{}", b"", ".bin"),
            ('{"mime_type": "text/plain", "size": 2}\r', b"hi", ".txt"),
        ):
            with self.subTest(line):
                before = visible()
                self.assertEqual(self.answer(line.encode() + b"\n" + data), b"OK\n")
                self.assertEqual([path.suffix for path in self.arrived(before, [data])], [suffix])

    def test_03_any_number_of_frames_without_waiting(self):
        before = visible()
        contents = [DECEIVING, b"", ALL_BYTES, *(b"%d" % number for number in range(50))]
        dft.week01_send(address(), (dft.week01_frame(data, "application/octet-stream") for data in contents))
        self.arrived(before, contents)

    def test_04_the_server_is_silent_until_the_client_is_done(self):
        before = visible()
        raw = self.open(dft.week01_frame(b"one", "text/plain"))
        raw.settimeout(SILENCE_S)
        with self.assertRaises(TimeoutError):
            raw.recv(1)
        raw.settimeout(PATIENCE_S)
        raw.sendall(dft.week01_frame(b"two", "text/plain"))
        raw.shutdown(socket.SHUT_WR)
        self.assertEqual(self.rest(raw), b"OK\nOK\n")
        self.arrived(before, [b"one", b"two"])

    def test_04_a_client_that_never_reads_loses_no_file(self):
        # A small file before a large one: an early OK in the receive buffer would turn the close into a
        # reset, and the end of the large one would be lost.
        contents = [b"a" * 1024, os.urandom(8 << 20), b"z" * 1024]
        for _ in range(3):
            before = visible()
            dft.week01_send(address(), (dft.week01_frame(data, "application/octet-stream") for data in contents))
            self.arrived(before, contents)

    def test_04_a_client_that_vanishes_with_a_reset_loses_no_whole_file(self):
        before = visible()
        raw = self.open(dft.week01_frame(b"one", "text/plain"), dft.week01_frame(b"two", "text/plain"))
        self.arrived(before, [b"one", b"two"])
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.close()
        self.healthy()

    def test_05_errors_are_the_exact_line_and_a_lingering_close(self):
        before = visible()
        said = self.answer(dft.week01_frame(b"one", "text/plain"), b"no header\n", b"x" * 100_000)
        self.assertEqual(said, b"OK\nERROR: Invalid header\n")
        self.arrived(before, [b"one"])
        self.assertEqual(self.answer(b'{"size": }\n'), b"ERROR: Invalid header\n")

    def test_05_a_later_version_is_no_week_01_header(self):
        header, body = dft.transfer_frame(b"two", "text/plain")
        before = visible()
        said = self.answer(dft.week01_frame(b"one", "text/plain"), dft.encode_header(header), *body)
        self.assertEqual(said, b"OK\nERROR: Invalid header\n")
        self.arrived(before, [b"one"])

    def test_06_no_file_is_ever_overwritten(self):
        # 400 names of four digits meet each other in seven of ten runs.
        before = visible()
        contents = [b"%d" % number for number in range(400)]
        said = self.answer(*(dft.week01_frame(data, "text/plain") for data in contents))
        self.assertEqual(said, b"OK\n" * 400)
        self.arrived(before, contents)

    def test_06_the_extension_is_harmless(self):
        before = visible()
        for mime_type in ("x/../../evil", "image/svg+xml", "text", "", "../x"):
            self.assertEqual(self.answer(f'{{"mime_type": "{mime_type}", "size": 0}}\n'.encode()), b"OK\n")
        suffixes = sorted(path.suffix for path in self.arrived(before, [b""] * 5))
        self.assertEqual(suffixes, [".bin", ".bin", ".bin", ".bin", ".svg"])
        self.assertEqual(self.answer(b'{"mime_type": 5, "size": 0}\n'), b"ERROR: Invalid header\n")

    def test_07_a_truncated_payload_stores_nothing(self):
        before = visible()
        frame = dft.week01_frame(ALL_BYTES, "text/plain")
        for cut in (1, 128, 255):
            self.answer(frame[:-cut])
        self.assertEqual(visible(), before)

    def test_08_a_size_that_is_none_is_an_invalid_header(self):
        before = visible()
        for size in ("-1", "1.5", "1.0", "1e3", "01", "null", '"2"', "[2]", "true", "9" * 15, "9" * 30):
            with self.subTest(size):
                said = self.answer(f'{{"mime_type": "text/plain", "size": {size}}}\n'.encode())
                self.assertEqual(said, b"ERROR: Invalid header\n")
        self.assertEqual(visible(), before)

    def test_09_no_file_is_held_back(self):
        before = visible()
        raw = self.open(dft.week01_frame(b"patient", "text/plain"))
        self.arrived(before, [b"patient"])
        # After a second of silence a client that does wait hears its OK, with its end still open.
        self.assertEqual(raw.recv(16), b"OK\n")
        raw.sendall(dft.week01_frame(b"once more", "text/plain"))
        raw.shutdown(socket.SHUT_WR)
        self.assertEqual(self.rest(raw), b"OK\n")

    def test_10_a_connection_without_a_byte_is_no_error(self):
        for _ in range(20):
            self.open().close()
        self.assertEqual(self.answer(), b"")
        self.healthy()

    def test_11_what_is_no_header_is_answered_at_once(self):
        before = visible()
        for name, said in (
            ("ping", b"PING\n"),
            ("hello", b"Hello, world"),
            ("http", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            ("tls", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64)),
            ("empty line", b"\n"),
            ("array", b"[]\n"),
            ("no json", b"{mime_type: text}\n"),
        ):
            with self.subTest(name):
                # The client's side stays open: the answer must not wait for it.
                begun = time.monotonic()
                self.assertEqual(self.rest(self.open(said)), b"ERROR: Invalid header\n")
                self.assertLess(time.monotonic() - begun, PATIENCE_S / 2)
        self.assertEqual(visible(), before)

    def test_11_half_a_megabyte_without_a_newline(self):
        raw = self.open()
        try:
            raw.sendall(b"X" * (500 << 10))
        except OSError:
            pass  # The server may have closed before all of it was sent.
        self.assertEqual(self.rest(raw), b"ERROR: Invalid header\n")
        # The same behind a brace, where only the limit can tell.
        self.assertEqual(self.rest(self.open(b'{"' + b"X" * 20_000)), b"ERROR: Invalid header\n")
        self.healthy()

    def test_12_a_last_header_without_its_newline_stores_nothing(self):
        before = visible()
        self.answer(b'{"mime_type": "text/plain", "size": 0}')
        self.answer(dft.week01_frame(b"one", "text/plain"), b'{"mime_type": "text/plain", "size": 0}')
        self.arrived(before, [b"one"])


if __name__ == "__main__":
    unittest.main()
