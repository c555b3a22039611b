//! A stream around another one that tells what passes. Changes nothing of it.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{Ending, Lane};

/// A stream, or a half of one, that is recorded, or not.
#[derive(Debug)]
pub struct Tap<S> {
    /// Before the stream, and so let go before it: the end is noted before the peer can know of it.
    lane: Option<Lane>,
    stream: S,
}

impl<S> Tap<S> {
    /// The stream, recorded if there is a lane for it.
    #[must_use]
    pub fn new(stream: S, lane: Option<Lane>) -> Self {
        Self { lane, stream }
    }

    /// The time at which something is about to be sent. Behind the system's back the peer may have it and answer on
    /// another connection before we have noted it down, and a trace must not show the answer first.
    fn begun(&self) -> Duration {
        self.lane.as_ref().map(Lane::now).unwrap_or_default()
    }

    fn failed(&self, error: &io::Error) {
        if let Some(lane) = &self.lane
            && matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe)
        {
            lane.received_end(Ending::Reset);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (before, room) = (buf.filled().len(), buf.remaining());
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let (Some(lane), Poll::Ready(Ok(()))) = (&self.lane, &read) {
            match buf.filled().get(before..) {
                None | Some([]) if room > 0 => lane.received_end(Ending::Finished),
                None => {}
                Some(bytes) => lane.received(bytes),
            }
        }
        if let Poll::Ready(Err(error)) = &read {
            self.failed(error);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let begun = self.begun();
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        match (&written, &self.lane) {
            (Poll::Ready(Ok(count)), Some(lane)) => lane.sent(begun, buf.get(..*count).unwrap_or(buf)),
            (Poll::Ready(Err(error)), Some(_)) => self.failed(error),
            (Poll::Ready(_), None) | (Poll::Pending, _) => {}
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let begun = self.begun();
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        if let (Some(lane), Poll::Ready(Ok(()))) = (&self.lane, &shut) {
            lane.finished(begun);
        }
        shut
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;
    use crate::{Ends, Event, Listener, Recorder, Side, What};

    #[derive(Default)]
    struct Heard(Mutex<Vec<What>>);

    impl Listener for Heard {
        fn hear(&self, event: Event) {
            self.0.lock().unwrap().push(event.what);
        }
    }

    impl Heard {
        /// What was heard, a word each: who, how much, from where.
        fn words(&self) -> Vec<String> {
            let said = self.0.lock().unwrap();
            said.iter()
                .map(|what| match what {
                    What::Opened => "opened".to_owned(),
                    What::Bytes { from, offset, heard, bytes } => {
                        format!("{from:?} {offset}+{} after {heard}", bytes.len())
                    }
                    What::Ended { by, how: Ending::Finished, offset, .. } => format!("{by:?} ends at {offset}"),
                    What::Ended { by, how: Ending::Reset, offset, .. } => format!("{by:?} resets at {offset}"),
                })
                .collect()
        }
    }

    fn tapped<S>(stream: S) -> (Tap<S>, Arc<Heard>) {
        let heard = Arc::new(Heard::default());
        let listener: Arc<dyn Listener> = heard.clone();
        let recorder = Recorder::new(|| Duration::ZERO, listener);
        let ends = Ends::new(([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into());
        (Tap::new(stream, Some(recorder.connection(ends, Side::Server))), heard)
    }

    #[tokio::test]
    async fn what_passes_is_told_with_where_it_stands_and_who_ends_first() {
        let (mut client, server) = duplex(1 << 20);
        let (mut server, heard) = tapped(server);
        client.write_all(b"hello").await.unwrap();
        let mut read = vec![0; 5];
        server.read_exact(&mut read).await.unwrap();
        server.write_all(b"ok").await.unwrap();
        client.write_all(&vec![1; Event::BYTES_MAX + 1]).await.unwrap();
        client.shutdown().await.unwrap();
        let mut rest = Vec::new();
        server.read_to_end(&mut rest).await.unwrap();
        server.shutdown().await.unwrap();
        drop(server);
        let words = heard.words();
        assert_eq!(words[..3], ["opened", "Client 0+5 after 0", "Server 0+2 after 5"]);
        // However the reads were cut, all bytes are there, in order, none in a piece that is too long.
        let sizes: usize = heard.0.lock().unwrap()[3..]
            .iter()
            .map(|what| if let What::Bytes { bytes, .. } = what { bytes.len() } else { 0 })
            .inspect(|length| assert!(*length <= Event::BYTES_MAX))
            .sum();
        assert_eq!(sizes, Event::BYTES_MAX + 1);
        assert_eq!(
            words[words.len() - 2..],
            [format!("Client ends at {}", Event::BYTES_MAX + 6), "Server ends at 2".to_owned()]
        );
    }

    #[tokio::test]
    async fn a_connection_that_is_let_go_ends_and_one_that_breaks_is_reset_by_the_other_side() {
        let (_client, server) = duplex(16);
        let (server, heard) = tapped(server);
        drop(server);
        assert_eq!(heard.words(), ["opened", "Server ends at 0"]);

        let (client, server) = duplex(16);
        let (mut server, heard) = tapped(server);
        drop(client);
        server.write_all(b"x").await.unwrap_err();
        drop(server);
        assert_eq!(heard.words(), ["opened", "Client resets at 0"]);
    }

    #[tokio::test]
    async fn without_a_lane_it_is_the_stream_and_nothing_else() {
        let (mut client, server) = duplex(16);
        let mut server = Tap::new(server, None);
        client.write_all(b"hi").await.unwrap();
        let mut read = [0; 2];
        server.read_exact(&mut read).await.unwrap();
        server.write_all(&read).await.unwrap();
        client.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"hi");
        assert!(size_of::<Tap<()>>() <= size_of::<usize>());
    }
}
