//! The world around the program: variables, time, dice, the user's Ctrl-C. Nothing else in the client
//! asks the system for any of these.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;
use trace::Recorder;

/// Environment variables and the wish to stop, as the program is to see them.
#[derive(Debug, Clone)]
pub struct Environment {
    variables: BTreeMap<String, OsString>,
    interrupt: Interrupt,
    clock: Clock,
    recorder: Option<Recorder>,
}

impl Environment {
    /// An environment of exactly these variables, which nobody interrupts.
    pub fn new<K: Into<String>, V: Into<OsString>>(variables: impl IntoIterator<Item = (K, V)>) -> Self {
        let variables = variables.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        Self { variables, interrupt: Interrupt::never(), clock: Clock::real(), recorder: None }
    }

    /// The environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self::new(std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value))))
    }

    /// The same environment, which `interrupt` may stop.
    #[must_use]
    pub fn interrupted_by(self, interrupt: Interrupt) -> Self {
        Self { interrupt, ..self }
    }

    /// The same environment, in which waiting before another try takes no time and chance always decides for the
    /// longest wait.
    #[must_use]
    pub fn in_virtual_time(self) -> Self {
        Self { clock: Clock { skipped: Some(watch::Sender::default()), ..self.clock }, ..self }
    }

    /// The same environment, in which every connection is recorded, for those who study what a client does.
    #[must_use]
    pub fn recorded_by(self, recorder: Recorder) -> Self {
        Self { recorder: Some(recorder), ..self }
    }

    pub(crate) fn recorder(&self) -> Option<Recorder> {
        self.recorder.clone()
    }

    /// A variable's value; an empty one counts as none.
    pub(crate) fn variable(&self, key: &str) -> Option<&OsString> {
        self.variables.get(key).filter(|value| !value.is_empty())
    }

    /// Every variable's name.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    /// A folder of the XDG base directory specification: its variable, else `fallback` below the home folder.
    pub(crate) fn folder(&self, variable: &str, fallback: &str) -> Option<PathBuf> {
        // The specification tells programs to ignore relative paths.
        let stated = self.variable(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        stated.or_else(|| {
            self.variable("HOME")
                .or_else(|| self.variable("USERPROFILE"))
                .map(|home| PathBuf::from(home).join(fallback))
        })
    }

    pub(crate) fn interrupt(&self) -> Interrupt {
        self.interrupt.clone()
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock.clone()
    }
}

/// Time for everything that waits on purpose, and the dice that spread such waits.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    start: Stopwatch,
    /// Time waited for without waiting; `None` where waits are real.
    skipped: Option<watch::Sender<Duration>>,
}

impl Clock {
    fn real() -> Self {
        Self { start: Stopwatch::start(), skipped: None }
    }

    /// Time since the program began.
    pub(crate) fn now(&self) -> Duration {
        let skipped = self.skipped.as_ref().map_or(Duration::ZERO, |skipped| *skipped.borrow());
        self.start.elapsed().saturating_add(skipped)
    }

    /// Returns when so much time has passed.
    pub(crate) async fn sleep(&self, time: Duration) {
        match &self.skipped {
            None => tokio::time::sleep(time).await,
            Some(skipped) => {
                skipped.send_modify(|skipped| *skipped = skipped.saturating_add(time));
                tokio::task::yield_now().await;
            }
        }
    }

    /// Returns when so much time has passed beside whatever else is waited for. Where waits are not real, nothing is
    /// skipped for its sake.
    pub(crate) async fn alarm(&self, time: Duration) {
        let Some(skipped) = &self.skipped else { return tokio::time::sleep(time).await };
        let mut skipped = skipped.subscribe();
        let due = skipped.borrow().saturating_add(time);
        // The sender is this clock's own and outlives it.
        let _ = skipped.wait_for(|skipped| *skipped >= due).await;
    }

    /// Skips so much time once somebody waits for an alarm.
    #[cfg(test)]
    pub(crate) async fn pass(&self, time: Duration) {
        let skipped = self.skipped.as_ref().expect("virtual time");
        while skipped.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
        skipped.send_modify(|skipped| *skipped += time);
    }

    /// Milliseconds since 1970, for what another run is to understand.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub(crate) fn wall_ms() -> u64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// Tells the time since 1970, counted on from now: a correction of the machine's time changes no order.
    pub(crate) fn steady() -> impl Fn() -> Duration + Send + Sync {
        let (begun, watch) = (Duration::from_millis(Self::wall_ms()), Stopwatch::start());
        move || begun.saturating_add(watch.elapsed())
    }

    /// A throw of the dice. Without any it is the highest: the longest wait is never wrong.
    pub(crate) fn roll(&self) -> u64 {
        let thrown = if self.skipped.is_some() { None } else { random().ok() };
        thrown.map_or(u64::MAX, |[a, b, c, d, e, f, g, h, ..]| u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
}

/// Hears that the user wants to stop.
#[derive(Debug, Clone)]
pub struct Interrupt(Option<watch::Receiver<bool>>);

impl Interrupt {
    /// Never comes.
    #[must_use]
    pub fn never() -> Self {
        Self(None)
    }

    /// Comes when `true` is sent.
    #[must_use]
    pub fn pair() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(Some(receiver)))
    }

    /// Returns once the user wants to stop.
    pub(crate) async fn wait(&mut self) {
        if let Some(receiver) = &mut self.0
            && receiver.wait_for(|stop| *stop).await.is_ok()
        {
            return;
        }
        // Nobody is left who could interrupt.
        std::future::pending::<()>().await;
    }
}

/// Measures how long something takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// Whole microseconds since the start.
    pub(crate) fn micros(self) -> u64 {
        u64::try_from(self.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Whole milliseconds since the start.
    pub(crate) fn millis(self) -> u64 {
        u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Bytes nobody can guess.
#[expect(clippy::disallowed_methods, reason = "the one place that rolls dice")]
pub(crate) fn random() -> std::io::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(bytes)
}
