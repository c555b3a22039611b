//! Where to find sessions without their ids: sorted sets of what is due, alive, ended, and alive at an address. They
//! are hints. A change may be lost between a record and its hints, so the record is the truth: what is due is looked
//! up in the index and believed only after the record said so, and what the record contradicts is put right.

use redis::aio::ConnectionManager;
use redis::{Pipeline, Script, cmd, pipe};
use shared::id::{SessionId, Timestamp};

use super::link::Failure;
use super::records::{Facts, key};
use crate::sessions::Stats;

const DUE: &str = "dft:index:due";
const LIVE: &str = "dft:index:live";
const ENDED: &str = "dft:index:ended";

/// Scores are floating point numbers, exact up to here.
const SCORE_MAX: u64 = (1 << 53) - 1;

/// Adds a member if there is room. One that is there already needs none.
const RESERVE: &str = r"
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 1 end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
return 1
";

#[derive(Debug)]
pub(super) struct Index {
    reserve: Script,
}

impl Default for Index {
    fn default() -> Self {
        Self { reserve: Script::new(RESERVE) }
    }
}

/// An entry of the due index: what it says, which need not be so.
struct Hint {
    member: String,
    score: u64,
    id: Option<SessionId>,
}

/// A page of what is due.
pub(super) struct Page {
    /// Records that are due, the longest overdue first.
    pub(super) due: Vec<SessionId>,
    /// Hints that were put right; there may be others behind them.
    pub(super) corrected: usize,
}

fn of(address: &str) -> String {
    format!("dft:index:of:{address}")
}

/// The address stands in the member, so that a hint whose record is gone can be taken out of every set.
fn member(facts: &Facts) -> String {
    format!("{} {}", facts.id.to_wire(), facts.address)
}

fn score(millis: u64) -> u64 {
    millis.min(SCORE_MAX)
}

impl Index {
    /// Takes a place among the live, in all and of its address; whether there was one. The due index knows of it
    /// before, so that a place nobody took in the end is found there and freed.
    pub(super) async fn reserve(
        &self,
        link: &mut ConnectionManager,
        facts: &Facts,
        sessions_max: usize,
        per_address_max: Option<usize>,
    ) -> Result<bool, Failure> {
        let (member, score) = (member(facts), score(facts.due));
        cmd("ZADD").arg(DUE).arg(score).arg(&member).query_async::<()>(link).await?;
        let bounds = [(LIVE.to_owned(), sessions_max), (of(&facts.address), per_address_max.unwrap_or(usize::MAX))];
        for (set, max) in bounds {
            let room: bool = self.reserve.key(set).arg(&member).arg(score).arg(max).invoke_async(link).await?;
            if !room {
                let mut lines = pipe();
                take_out(&mut lines, &member, &facts.address);
                lines.query_async::<()>(link).await?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Follows a record from what it was to what it is. A record that is only due later is left to be found.
    pub(super) async fn follow(
        &self,
        link: &mut ConnectionManager,
        before: Option<&Facts>,
        now: Option<&Facts>,
    ) -> Result<(), Failure> {
        let same = |a: &Facts, b: &Facts| a.address == b.address && a.ended == b.ended && a.due <= b.due;
        if before.zip(now).is_some_and(|(before, now)| same(before, now)) {
            return Ok(());
        }
        let mut lines = pipe();
        // In this order: cut in between, the record is found twice, and not no more.
        if let Some(now) = now {
            put_in(&mut lines, now);
        }
        if let Some(before) = before
            && now.is_none_or(|now| member(now) != member(before))
        {
            take_out(&mut lines, &member(before), &before.address);
        }
        lines.query_async::<()>(link).await.map_err(Failure::from)
    }

    /// At most `at_most` of what is due at `moment`, after a look at the records.
    pub(super) async fn due_at(
        &self,
        link: &mut ConnectionManager,
        moment: Timestamp,
        at_most: usize,
    ) -> Result<Page, Failure> {
        let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
        let found: Vec<(String, f64)> = cmd("ZRANGEBYSCORE")
            .arg(DUE)
            .arg("-inf")
            .arg(score(moment.as_millis()))
            .arg("WITHSCORES")
            .arg("LIMIT")
            .arg(0)
            .arg(at_most)
            .query_async(link)
            .await?;
        let hints: Vec<Hint> = found.into_iter().map(|(member, score)| Hint::read(member, score)).collect();
        let mut questions = pipe();
        for hint in hints.iter().filter_map(|hint| hint.id) {
            questions.cmd("HMGET").arg(key(hint)).arg("due").arg("ended").arg("address");
        }
        let records: Vec<Vec<Option<String>>> =
            if questions.is_empty() { Vec::new() } else { questions.query_async(link).await? };
        let mut records = records.into_iter();
        let mut page = Page { due: Vec::new(), corrected: 0 };
        let mut corrections = pipe();
        for hint in &hints {
            let facts = hint.id.and_then(|id| Facts::read(id, &records.next()?));
            match facts {
                Some(facts) if member(&facts) == hint.member && score(facts.due) == hint.score => {
                    page.due.push(facts.id);
                }
                facts => {
                    page.corrected = page.corrected.saturating_add(1);
                    let address = hint.member.split_once(' ').map_or("", |(_, address)| address);
                    if facts.as_ref().is_none_or(|facts| member(facts) != hint.member) {
                        take_out(&mut corrections, &hint.member, address);
                    }
                    if let Some(facts) = facts {
                        put_in(&mut corrections, &facts);
                    }
                }
            }
        }
        if page.corrected > 0 {
            corrections.query_async::<()>(link).await?;
        }
        Ok(page)
    }

    /// Takes a session whose record cannot be read out of every index. The record stays until it expires.
    pub(super) async fn give_up(&self, link: &mut ConnectionManager, facts: &Facts) -> Result<(), Failure> {
        self.follow(link, Some(facts), None).await
    }

    /// The session that ended first, if more than `max` have ended.
    pub(super) async fn oldest_ended(
        &self,
        link: &mut ConnectionManager,
        max: usize,
    ) -> Result<Option<Facts>, Failure> {
        let count: usize = cmd("ZCARD").arg(ENDED).query_async(link).await?;
        if count <= max {
            return Ok(None);
        }
        let oldest: Vec<String> = cmd("ZRANGE").arg(ENDED).arg(0).arg(0).query_async(link).await?;
        let facts = oldest.into_iter().next().and_then(|member| {
            let (id, address) = member.split_once(' ')?;
            let id = SessionId::from_wire(id)?;
            Some(Facts { id, due: 0, ended: Some(0), address: address.to_owned() })
        });
        Ok(facts)
    }

    pub(super) async fn stats(&self, link: &mut ConnectionManager) -> Result<Stats, Failure> {
        let (live, tombstones) = pipe().cmd("ZCARD").arg(LIVE).cmd("ZCARD").arg(ENDED).query_async(link).await?;
        Ok(Stats { live, tombstones })
    }
}

impl Hint {
    fn read(member: String, score: f64) -> Self {
        let id = member.split_once(' ').and_then(|(id, _)| SessionId::from_wire(id));
        // What Redis shows of a whole number is that number.
        let score = format!("{score:.0}").parse().unwrap_or(SCORE_MAX);
        Self { member, score, id }
    }
}

fn put_in(lines: &mut Pipeline, facts: &Facts) {
    let member = member(facts);
    lines.cmd("ZADD").arg(DUE).arg(score(facts.due)).arg(&member).ignore();
    if let Some(at) = facts.ended {
        lines.cmd("ZADD").arg(ENDED).arg(score(at)).arg(&member).ignore();
        lines.cmd("ZREM").arg(LIVE).arg(&member).ignore();
        lines.cmd("ZREM").arg(of(&facts.address)).arg(&member).ignore();
    } else {
        lines.cmd("ZADD").arg(LIVE).arg(score(facts.due)).arg(&member).ignore();
        lines.cmd("ZADD").arg(of(&facts.address)).arg(score(facts.due)).arg(&member).ignore();
        lines.cmd("ZREM").arg(ENDED).arg(&member).ignore();
    }
}

fn take_out(lines: &mut Pipeline, member: &str, address: &str) {
    for set in [DUE, LIVE, ENDED, &of(address)] {
        lines.cmd("ZREM").arg(set).arg(member).ignore();
    }
}
