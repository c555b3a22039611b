"""Tickets as an independent client meets them (PROTOCOL.md section 7).

Needs a running server as `test_dft` does, but with the store `ticket`:

    DFT_ADDRESS=127.0.0.1:65432 DFT_STORAGE=./storage python3 -m unittest -v test_tickets
"""

import dft
import test_dft


class Tickets(test_dft.Case):
    def holder(self, session, ticket):
        """Somebody who has this ticket of the session, on a connection of its own."""
        other = dft.Session(self.connection())
        other.id, other.ticket = session.id, ticket
        return other

    def test_hello_names_the_store(self):
        self.assertEqual(self.stateless().hello().header["hello"]["store"], "ticket")

    def test_every_reply_of_a_session_brings_its_ticket(self):
        session = self.session()
        self.assertIsNone(session.token)
        tickets = {session.ticket}
        stored = session.transfer(test_dft.PICTURE.read_bytes(), "image/png").header["file"]["stored_as"]
        tickets.add(session.ticket)
        for ask in (session.status, session.heartbeat, session.list):
            ask()
            tickets.add(session.ticket)
        # With a payload behind it.
        self.assertEqual(session.fetch(stored).payload, test_dft.PICTURE.read_bytes())
        tickets.add(session.ticket)
        session.remove(stored)
        tickets.add(session.ticket)
        session.disconnect()
        tickets.add(session.ticket)
        self.assertEqual(len(tickets), 8)

    def test_a_session_goes_on_with_its_newest_ticket(self):
        session = self.session()
        first = session.transfer(b"one", "text/plain")
        session.connection.close()
        reply = session.continue_on(self.connection())
        self.assertEqual(reply.status, "session_resumed")
        self.assertEqual(reply.header["session"]["next_sequence"], 2)
        again = session.transfer(b"one", "text/plain", sequence=1)
        self.assertIs(again.get("replayed"), True)
        self.assertEqual(again.header["file"], first.header["file"])
        self.stored(session.transfer(b"two", "text/plain"), b"two")

    def test_the_newest_connection_wins_whatever_its_ticket_says(self):
        session = self.session()
        opened, old = session.ticket, session.connection
        session.transfer(b"one", "text/plain")
        newest = self.holder(session, opened)
        self.assertEqual(newest.connect().header["session"]["next_sequence"], 2)
        self.assertEqual(old.read_reply().header["error"]["code"], "session_moved")
        self.stored(newest.transfer(b"two", "text/plain"), b"two")

    def test_an_old_ticket_makes_no_second_file_and_takes_none_away(self):
        session = self.session()
        first = session.transfer(b"one", "text/plain").header["file"]["stored_as"]
        old = session.ticket
        second = session.transfer(b"two", "text/plain").header["file"]["stored_as"]
        # The server knows nothing of the newer ticket once this connection has ended.
        session.connection.end()
        self.assertTrue(session.connection.at_end())
        before = test_dft.visible()
        back = self.holder(session, old)
        self.assertEqual(back.connect().header["session"]["next_sequence"], 2)
        self.refused("sequence_reused", back.transfer, b"other", "text/plain")
        self.refused("sequence_reused", back.remove, first)
        self.assertEqual(back.transfer(b"two", "text/plain").header["file"]["stored_as"], second)
        self.assertEqual(test_dft.visible(), before)

    def test_a_lost_goodbye_is_said_again_to_its_ticket(self):
        session = self.session()
        session.disconnect()
        session.connection.close()
        connection = self.connection()
        header = {"version": dft.VERSION, "session": session.header("connect", data_size=len(session.ticket))}
        goodbye = connection.ask(header, session.ticket)
        self.assertEqual((goodbye.status, goodbye.get("replayed")), ("session_closed", True))

    def test_what_is_no_ticket_of_the_session_is_unknown(self):
        session, other = self.session(), self.session()
        ticket = session.ticket
        for wrong in (ticket[1:], ticket[:-1], bytes([ticket[0] ^ 1]) + ticket[1:], other.ticket,
                      bytes(dft.TICKET_BYTES_MAX), bytes(dft.TICKET_BYTES_MAX + 1)):
            self.refused("session_unknown", self.holder(session, wrong).connect)
        session.heartbeat()

    def test_a_token_is_no_proof_here(self):
        session = self.session()
        stranger = self.holder(session, b"")
        stranger.token = "A" * 43
        self.assertEqual(self.refused("bad_field", stranger.connect).error.get("field"), "session.token")
