//! A thread that owns a connection to the database. What waits for it is done together, in one transaction: many
//! changes cost one sync of the disk. Nobody is answered before the transaction is whole.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use crate::env::Clock;
use crate::sessions::{Cause, StoreError};

/// Jobs that wait for the thread. Who comes when it is full waits for room.
const QUEUE_MAX: usize = 1_024;

/// Jobs in one transaction, so that the first does not wait for ever more.
const BATCH_MAX: usize = 256;

/// How long an answer is waited for, the wait for room included. Longer than the database waits for a lock.
pub(super) const ANSWER_TIMEOUT_MS: u64 = 2_000;

/// What a job comes to.
pub(super) enum Failure {
    /// The store's answer is no; the transaction goes on.
    Refused(StoreError),
    /// The database did not do it; nothing of the transaction is kept.
    Sql(rusqlite::Error),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// Nobody answered in time, or nobody is there to answer.
#[derive(Debug, thiserror::Error)]
enum Silence {
    #[error("the database did not answer within {ANSWER_TIMEOUT_MS} ms")]
    TimedOut,
    #[error("the thread of the database has ended")]
    Ended,
}

impl Silence {
    fn unavailable(self) -> StoreError {
        StoreError::Unavailable(Arc::new(self))
    }
}

/// The thread, seen from outside. It ends when this is dropped, after the transaction under way.
#[derive(Debug)]
pub(super) struct Worker {
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread.
    pub(super) fn start(name: &str, connection: Connection, behavior: TransactionBehavior) -> io::Result<Self> {
        let (jobs, waiting) = mpsc::channel(QUEUE_MAX);
        let work = move || serve(connection, behavior, waiting);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Has the thread do something. Dropped while it waits, nothing is done; dropped later, all of it or nothing.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        clock: &dyn Clock,
        work: impl Fn(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Asked { work, outcome: None, reply });
        let answered = async {
            let jobs = self.jobs.as_ref().ok_or(Silence::Ended)?;
            jobs.send(job).await.map_err(|_| Silence::Ended)?;
            answer.await.map_err(|_| Silence::Ended)
        };
        tokio::select! {
            biased;
            answered = answered => answered.map_err(Silence::unavailable)?,
            () = clock.wait(ANSWER_TIMEOUT_MS) => Err(Silence::TimedOut.unavailable()),
        }
    }
}

impl Drop for Worker {
    /// Waits for the end of the thread, so that whoever opens the database next finds it closed.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // Its panic was printed by itself; here is nobody left to tell.
            let _ = thread.join();
        }
    }
}

/// Something to do inside a transaction, and whom to answer after it.
trait Job: Send {
    /// Whether somebody still waits for it.
    fn is_wanted(&self) -> bool;
    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()>;
    fn answer(self: Box<Self>, end: Result<(), Cause>);
}

struct Asked<T, W> {
    work: W,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, W: Fn(&Connection) -> Result<T, Failure> + Send> Job for Asked<T, W> {
    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn run(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.outcome = Some(match (self.work)(connection) {
            Ok(value) => Ok(value),
            Err(Failure::Refused(error)) => Err(error),
            Err(Failure::Sql(error)) => return Err(error),
        });
        Ok(())
    }

    fn answer(self: Box<Self>, end: Result<(), Cause>) {
        let outcome = match end {
            Ok(()) => self.outcome.unwrap_or_else(|| Err(Silence::Ended.unavailable())),
            Err(cause) => Err(StoreError::Unavailable(cause)),
        };
        // Whoever does not wait any more reads the record again.
        let _ = self.reply.send(outcome);
    }
}

fn serve(mut connection: Connection, behavior: TransactionBehavior, mut waiting: mpsc::Receiver<Box<dyn Job>>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX
            && let Ok(next) = waiting.try_recv()
        {
            batch.push(next);
        }
        batch.retain(|job| job.is_wanted());
        for (job, end) in together(&mut connection, behavior, batch) {
            job.answer(end);
        }
    }
}

/// Does all jobs in one transaction. When one of them cannot be done, each is tried by itself, so that it fails
/// alone; when the transaction itself cannot be, all fail.
fn together(
    connection: &mut Connection,
    behavior: TransactionBehavior,
    mut batch: Vec<Box<dyn Job>>,
) -> Vec<(Box<dyn Job>, Result<(), Cause>)> {
    match transact(connection, behavior, &mut batch) {
        Ok(()) => batch.into_iter().map(|job| (job, Ok(()))).collect(),
        Err(Broken::Job(_)) if batch.len() > 1 => {
            let alone = batch.into_iter().map(|job| {
                let mut alone = [job];
                let end = transact(connection, behavior, &mut alone).map_err(Broken::cause);
                let [job] = alone;
                (job, end)
            });
            alone.collect()
        }
        Err(broken) => {
            let cause = broken.cause();
            batch.into_iter().map(|job| (job, Err(Arc::clone(&cause)))).collect()
        }
    }
}

/// What a transaction failed at.
enum Broken {
    Job(rusqlite::Error),
    Transaction(rusqlite::Error),
}

impl Broken {
    fn cause(self) -> Cause {
        match self {
            Self::Job(error) | Self::Transaction(error) => Arc::new(error),
        }
    }
}

fn transact(
    connection: &mut Connection,
    behavior: TransactionBehavior,
    batch: &mut [Box<dyn Job>],
) -> Result<(), Broken> {
    // Dropped before the commit, it is rolled back.
    let transaction = connection.transaction_with_behavior(behavior).map_err(Broken::Transaction)?;
    for job in batch {
        job.run(&transaction).map_err(Broken::Job)?;
    }
    transaction.commit().map_err(Broken::Transaction)
}
