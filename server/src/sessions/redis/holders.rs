//! Who holds which session: one key for each holder, with the id of its live session. Written after the record, so
//! that what a key names is there, and believed only as far as the record says so too.

use redis::aio::ConnectionManager;
use redis::{Script, cmd};
use shared::id::{Holder, SessionId};

use super::link::Failure;
use super::records;

/// How often a key is tried that names a session which is not alive.
const GHOSTS_MAX: usize = 8;

/// Takes the key if nobody has it, or who is named; otherwise says who has it. ARGV: the session, who may be thrown
/// out, milliseconds.
const HOLD: &str = r"
local there = redis.call('GET', KEYS[1])
if there and there ~= ARGV[1] and there ~= ARGV[2] then return there end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return ''
";

const RELEASE: &str = r"
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
";

#[derive(Debug)]
pub(super) struct Holders {
    hold: Script,
    release: Script,
}

impl Default for Holders {
    fn default() -> Self {
        Self { hold: Script::new(HOLD), release: Script::new(RELEASE) }
    }
}

fn key(holder: Holder) -> String {
    format!("dft:holder:{}", blake3::Hash::from_bytes(*holder.as_bytes()).to_hex())
}

async fn is_alive(link: &mut ConnectionManager, session: SessionId) -> Result<bool, Failure> {
    let ended: Option<String> = cmd("HGET").arg(records::key(session)).arg("ended").query_async(link).await?;
    // Empty: it has not ended. None: there is no such record any more.
    Ok(ended.is_some_and(|ended| ended.is_empty()))
}

impl Holders {
    /// The live session of this holder. Only a look: another one may take the key after it.
    pub(super) async fn living(
        &self,
        link: &mut ConnectionManager,
        holder: Holder,
    ) -> Result<Option<SessionId>, Failure> {
        let there: Option<String> = cmd("GET").arg(key(holder)).query_async(link).await?;
        match there.as_deref().and_then(SessionId::from_wire) {
            Some(session) if is_alive(link, session).await? => Ok(Some(session)),
            Some(_) | None => Ok(None),
        }
    }

    /// Takes the key for `session`, whose record is written; says which live session has it instead.
    pub(super) async fn hold(
        &self,
        link: &mut ConnectionManager,
        holder: Holder,
        session: SessionId,
        lives_ms: u64,
    ) -> Result<Option<SessionId>, Failure> {
        let mut ghost = String::new();
        for _ in 0..GHOSTS_MAX {
            let mut call = self.hold.key(key(holder));
            let there: String = call.arg(session.to_wire()).arg(&ghost).arg(lives_ms).invoke_async(link).await?;
            let Some(other) = SessionId::from_wire(&there) else { return Ok(None) };
            if is_alive(link, other).await? {
                return Ok(Some(other));
            }
            ghost = there;
        }
        Ok(SessionId::from_wire(&ghost))
    }

    /// Gives the key back, if `session` has it.
    pub(super) async fn release(
        &self,
        link: &mut ConnectionManager,
        holder: Holder,
        session: SessionId,
    ) -> Result<(), Failure> {
        let mut call = self.release.key(key(holder));
        call.arg(session.to_wire()).invoke_async::<()>(link).await.map_err(Failure::from)
    }
}
