//! What follows a reply on its way to the client: a few bytes, or a stored file.

use std::sync::Arc;

use bytes::Bytes;
use shared::wire::Trailer;

use super::connection::{Connection, Ending};
use super::link::{Stream, encode};
use crate::files::Source;
use crate::handler::AnswerPayload;

impl<S: Stream> Connection<S> {
    pub(super) async fn send_payload(&mut self, payload: AnswerPayload) -> Result<(), Ending> {
        self.link.flush_some().await.map_err(|_| Ending::Lost)?;
        match payload {
            AnswerPayload::Nothing => Ok(()),
            AnswerPayload::Bytes(bytes) => self.link.write(&bytes).await.map_err(|_| Ending::Lost),
            AnswerPayload::File(source) => {
                self.link.flush().await.map_err(|_| Ending::Lost)?;
                self.send_file(source).await
            }
        }
    }

    /// Sends a file's bytes, and their digest behind them. While one chunk is sent the next is read, if there is room
    /// for two now.
    async fn send_file(&mut self, mut source: Box<dyn Source>) -> Result<(), Ending> {
        // A file that cannot be read to its end leaves a frame that cannot be finished.
        let broke_off = |error| {
            tracing::error!(%error, "a fetch broke off");
            Ending::Lost
        };
        let context = Arc::clone(&self.context);
        let mut next = source.next().await.map_err(broke_off)?;
        let length = next.as_ref().map_or(0, Bytes::len);
        let room = context.budget.room_ahead(u64::try_from(length).unwrap_or(u64::MAX));
        while let Some(chunk) = next {
            // The frame cannot be finished any other way, so the connection ends inside it.
            if self.moved().is_some_and(|moved| moved.is_cancelled()) {
                return Err(Ending::Lost);
            }
            let read = async { source.next().await.map_err(broke_off) };
            let send = async { self.link.write(&chunk).await.map_err(|_| Ending::Lost) };
            if room.is_some() {
                (next, ()) = tokio::try_join!(biased; read, send)?;
            } else {
                send.await?;
                drop(chunk);
                next = read.await?;
            }
        }
        let trailer = encode(&Trailer { digest: Some(source.digest().map_err(broke_off)?) });
        self.link.write(&trailer).await.map_err(|_| Ending::Lost)
    }
}
