//! A fetched file on its way, over as many connections as it takes. What has come is kept from one to the next only
//! where the server said what the whole file is: a frame's own digest tells nothing of the bytes before it. Asks for
//! nothing.

use std::path::PathBuf;

use shared::digest::{Digest, DigestKind, Hasher};
use shared::wire::{FileInfo, Reply};

use crate::commands::Context;
use crate::event::{Event, Resumed};
use crate::failure::Failure;
use crate::landing::{Landing, Overwrite};
use crate::reading::shown;
use crate::transport::{Body, Connection};

/// Where fetched bytes go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Output,
    File(PathBuf),
}

/// A file of which a part may be here.
pub(super) struct Arriving<'a> {
    context: &'a Context,
    stored_as: &'a str,
    target: &'a Target,
    overwrite: Overwrite,
    landing: Option<Landing>,
    /// Of the whole file.
    size: u64,
    /// The whole file's digest, as the server stated it before the first byte.
    stated: Option<Digest>,
    /// Over what is here.
    hasher: Hasher,
    here: u64,
    /// The most that was ever here.
    furthest: u64,
}

impl<'a> Arriving<'a> {
    /// Takes a place for the file before anybody is asked for it.
    pub(super) fn prepare(
        context: &'a Context,
        stored_as: &'a str,
        target: &'a Target,
        overwrite: Overwrite,
    ) -> Result<Self, Failure> {
        let landing = land(target, overwrite)?;
        let hasher = DigestKind::Blake3.hasher();
        let (size, stated, here, furthest) = (0, None, 0, 0);
        Ok(Self { context, stored_as, target, overwrite, landing, size, stated, hasher, here, furthest })
    }

    /// Where the next frame is to begin.
    pub(super) fn offset(&self) -> u64 {
        if self.stated.is_some() { self.here } else { 0 }
    }

    /// Bytes that are here.
    pub(super) fn here(&self) -> u64 {
        self.here
    }

    /// Whether another connection can help: what went to standard output cannot be taken back.
    pub(super) fn can_go_on(&self) -> bool {
        self.landing.is_some() || self.offset() == self.here
    }

    /// Whether more is here than ever before, since this was asked last.
    pub(super) fn has_moved(&mut self) -> bool {
        let moved = self.here > self.furthest;
        self.furthest = self.furthest.max(self.here);
        moved
    }

    /// Takes the frame that was asked for at [`Self::offset`], and compares the digests at its end.
    pub(super) async fn take(&mut self, connection: &mut Connection, reply: &Reply) -> Result<Digest, Failure> {
        let offset = self.offset();
        self.listen(reply, offset)?;
        // The digest of the whole file is that of its only frame.
        let twice = offset > 0 || self.stated.is_some_and(|stated| Some(stated.kind()) != reply.trailer);
        let mut frame = reply.trailer.filter(|_| twice).map(DigestKind::hasher);
        let mut trailer = None;
        // The end of an empty frame was taken with its header.
        while reply.size > 0 || reply.trailer.is_some() {
            match connection.body().await? {
                Body::Bytes(bytes) => {
                    if let Some(frame) = &mut frame {
                        frame.update(&bytes);
                    }
                    self.write(&bytes)?;
                }
                Body::End(end) => {
                    trailer = end.digest;
                    break;
                }
            }
        }
        self.compare(frame, trailer)
    }

    /// Gives the file its name; says where it is.
    pub(super) fn finish(self) -> Result<String, Failure> {
        match (self.landing, self.target) {
            (Some(landing), Target::File(path)) => landing.finish().map(|()| shown(path)),
            (Some(_) | None, Target::Output | Target::File(_)) => Ok("-".to_owned()),
        }
    }

    /// Hears which file the frame is of, and where it begins.
    fn listen(&mut self, reply: &Reply, offset: u64) -> Result<(), Failure> {
        let info = match &reply.file {
            Some(info) if info.stored_as == self.stored_as => info,
            Some(_) => return Err(Failure::Broken("the bytes of another file".to_owned())),
            None => return Err(Failure::Broken("a file's bytes and not its size".to_owned())),
        };
        if reply.size.checked_add(offset) != Some(info.size) {
            return Err(Failure::Broken("another part of the file than was asked for".to_owned()));
        }
        if offset > 0 { self.go_on(info, offset) } else { self.begin(info, reply.trailer) }
    }

    fn begin(&mut self, info: &FileInfo, trailer: Option<DigestKind>) -> Result<(), Failure> {
        let report = &self.context.report;
        if self.here > 0 {
            report.talk(&format!("{}: fetching it again from its beginning", self.stored_as));
            self.landing = land(self.target, self.overwrite)?;
        }
        (self.size, self.stated, self.here) = (info.size, info.digest, 0);
        let kind = info.digest.map(Digest::kind).or(trailer).unwrap_or(DigestKind::Blake3);
        self.hasher = kind.hasher();
        report.end_bar();
        self.context.start_bar(Some(info.size));
        Ok(())
    }

    fn go_on(&self, info: &FileInfo, offset: u64) -> Result<(), Failure> {
        if info.size != self.size || info.digest.is_some_and(|digest| Some(digest) != self.stated) {
            return Err(Failure::Broken("another file than the one that was cut".to_owned()));
        }
        self.context.report.event(&Event::Resumed(Resumed {
            path: self.stored_as.to_owned(),
            offset,
            size: self.size,
            sent_again: 0,
            session: None,
            expires_in_s: None,
        }));
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let report = &self.context.report;
        match &mut self.landing {
            Some(landing) => landing.write(bytes)?,
            None => report.raw(bytes).map_err(|error| Failure::local("standard output", &error))?,
        }
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.hasher.update(bytes);
        self.here = self.here.saturating_add(count);
        report.advance(count);
        Ok(())
    }

    /// Whether what is here is what the server says it is; of the last frame, and of the whole.
    fn compare(&self, frame: Option<Hasher>, trailer: Option<Digest>) -> Result<Digest, Failure> {
        if self.landing.is_none() {
            self.context.report.flush().map_err(|error| Failure::local("standard output", &error))?;
        }
        let whole = self.hasher.clone().finish();
        let frame = frame.map_or(whole, Hasher::finish);
        let mut compared = false;
        for (stated, got) in [(trailer, frame), (self.stated, whole)] {
            let Some(stated) = stated.filter(|stated| stated.kind() == got.kind()) else { continue };
            if stated != got {
                return Err(Failure::integrity("the bytes that came are not the bytes stored", stated, got));
            }
            compared = true;
        }
        if compared { Ok(whole) } else { Err(Failure::Broken("a file's bytes without their digest".to_owned())) }
    }
}

fn land(target: &Target, overwrite: Overwrite) -> Result<Option<Landing>, Failure> {
    match target {
        Target::Output => Ok(None),
        Target::File(path) => Landing::prepare(path, overwrite).map(Some),
    }
}
