//! Runs futures by hand: cut after any number of polls, and two of them in every order there is.
//!
//! Two futures of twenty polls each can be run in 10^11 orders, but most of these orders meet in the same states.
//! A state is told by how far each future has come, what each has seen of the other whenever it looked, and what
//! the world holds. From a state that was met before, nothing new can come, so each is entered once, and the
//! orders are counted, not run.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on stops"
)]

use std::collections::HashMap;
use std::future::poll_fn;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::world::{Facets, World};

/// More polls than any future here needs.
const POLLS_MAX: usize = 100_000;

/// Pending once, and ready to be polled again at once.
pub async fn give_way() {
    let mut gave_way = false;
    poll_fn(|context| {
        if std::mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Polls a future so many times and drops it; what it came to, if it ended.
pub fn poll_n<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..polls).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    })
}

/// Polls a future to its end.
pub fn finish<T>(future: impl Future<Output = T>) -> T {
    poll_n(POLLS_MAX, future).expect("the future ends")
}

/// A future that owns what it needs.
pub type Runner<T> = Pin<Box<dyn Future<Output = T>>>;

/// Two futures in one world.
pub struct Race<T> {
    /// The world.
    pub world: Arc<World>,
    /// The futures; what they come to is kept until both have ended.
    pub runners: [Runner<T>; 2],
}

/// What [`Course::every_order`] has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explored {
    /// States, no two alike.
    pub states: usize,
    /// Orders that lead through them.
    pub orders: u128,
    /// States in which nothing is left to run.
    pub ends: usize,
}

/// What must hold at the end of a race.
pub type AtEnd<'a, T> = dyn Fn(&Arc<World>, [Option<T>; 2]) + 'a;

/// A race and what must hold in it.
pub struct Course<'a, T> {
    /// Begins it anew, always the same.
    pub start: &'a dyn Fn() -> Race<T>,
    /// Looks at the world in every state, after both futures and all they came to were dropped.
    pub crashed: &'a dyn Fn(&Arc<World>),
    /// Looks at the end of every order; `None` is what a future would have come to that was cut.
    pub ended: &'a AtEnd<'a, T>,
    /// Whether the first future may also be cut, with all it came to, in any state.
    pub first_is_cut: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Choice {
    Poll(usize),
    CutFirst,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

enum Lane<T> {
    Running(Runner<T>),
    Ended(T),
    Cut,
}

struct Run<T> {
    world: Arc<World>,
    lanes: [Lane<T>; 2],
    woken: [Arc<Woken>; 2],
    steps: [usize; 2],
    seen: [u64; 2],
    state: Facets,
}

type Key = ([usize; 2], [u64; 2], [u8; 2], Facets);

impl<T> Run<T> {
    fn new(race: Race<T>) -> Self {
        let woken = [(); 2].map(|()| Arc::new(Woken(AtomicBool::new(true))));
        let lanes = race.runners.map(Lane::Running);
        Self { world: race.world, lanes, woken, steps: [0; 2], seen: [0; 2], state: Facets::default() }
    }

    fn key(&self) -> Key {
        let lanes = [0, 1].map(|lane| match &self.lanes[lane] {
            Lane::Running(_) if self.is_awake(lane) => 0,
            Lane::Running(_) => 1,
            Lane::Ended(_) => 2,
            Lane::Cut => 3,
        });
        (self.steps, self.seen, lanes, self.state)
    }

    fn is_awake(&self, lane: usize) -> bool {
        matches!(self.lanes[lane], Lane::Running(_)) && self.woken[lane].0.load(Ordering::SeqCst)
    }

    fn choices(&self, first_is_cut: bool) -> Vec<Choice> {
        let polls = [0, 1].into_iter().filter(|lane| self.is_awake(*lane)).map(Choice::Poll);
        let cut = (first_is_cut && !matches!(self.lanes[0], Lane::Cut)).then_some(Choice::CutFirst);
        polls.chain(cut).collect()
    }

    /// Does it, and notes who has seen what.
    fn go(&mut self, choice: Choice) {
        let looks = self.world.looks();
        self.act(choice);
        if let Choice::Poll(lane) = choice {
            let looked = self.world.looks().into_iter().zip(looks).zip(self.state).enumerate();
            for (facet, ((after, before), state)) in looked {
                if after != before {
                    let mut hasher = DefaultHasher::new();
                    (self.seen[lane], facet, state).hash(&mut hasher);
                    self.seen[lane] = hasher.finish();
                }
            }
        }
        self.state = self.world.state();
    }

    /// Does it. Telling states apart takes longer than this, so it is left out where nobody asks.
    fn act(&mut self, choice: Choice) {
        let Choice::Poll(lane) = choice else {
            self.lanes[0] = Lane::Cut;
            return;
        };
        let Lane::Running(runner) = &mut self.lanes[lane] else { unreachable!("only what runs is polled") };
        self.woken[lane].0.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&self.woken[lane]));
        if let Poll::Ready(value) = runner.as_mut().poll(&mut Context::from_waker(&waker)) {
            self.lanes[lane] = Lane::Ended(value);
        }
        self.steps[lane] += 1;
    }
}

/// Where an order leaves the ones that were run before it.
struct Branch {
    path: Vec<Choice>,
    /// The state before the last choice: its number, what had been seen and what the world held.
    from: Option<(usize, [u64; 2], Facets)>,
}

/// The states met, and from which others each is reached.
#[derive(Default)]
struct Map {
    numbers: HashMap<Key, usize>,
    after: Vec<Vec<usize>>,
}

impl Map {
    /// The number of a state, and whether it is new.
    fn enter(&mut self, key: Key, from: Option<usize>) -> (usize, bool) {
        let fresh = self.after.len();
        let number = *self.numbers.entry(key).or_insert(fresh);
        if number == fresh {
            self.after.push(Vec::new());
        }
        if let Some(from) = from {
            self.after[from].push(number);
        }
        (number, number == fresh)
    }

    fn orders(&self) -> u128 {
        let mut known: Vec<Option<u128>> = vec![None; self.after.len()];
        let mut stack = vec![0];
        while let Some(&state) = stack.last() {
            let open: Vec<usize> = self.after[state].iter().copied().filter(|next| known[*next].is_none()).collect();
            if !open.is_empty() {
                stack.extend(open);
                continue;
            }
            stack.pop();
            let ways = self.after[state].iter().map(|next| known[*next].unwrap_or(0)).sum::<u128>();
            known[state] = Some(ways.max(1));
        }
        known[0].unwrap_or(0)
    }
}

impl<T> Course<'_, T> {
    /// Runs the race in every order.
    #[must_use]
    pub fn every_order(&self) -> Explored {
        let mut map = Map::default();
        let mut ends = 0;
        let mut open = vec![Branch { path: Vec::new(), from: None }];
        while let Some(branch) = open.pop() {
            let mut run = self.along(&branch);
            let Branch { mut path, from } = branch;
            let mut from = from.map(|(number, ..)| number);
            loop {
                let (state, fresh) = map.enter(run.key(), from);
                if !fresh {
                    break;
                }
                from = Some(state);
                let world = {
                    let crashed = self.after(&path);
                    Arc::clone(&crashed.world)
                };
                (self.crashed)(&world);
                let choices = run.choices(self.first_is_cut);
                let Some((first, others)) = choices.split_first() else {
                    ends += 1;
                    self.end(run);
                    break;
                };
                for other in others {
                    let path = path.iter().chain([other]).copied().collect();
                    open.push(Branch { path, from: Some((state, run.seen, run.state)) });
                }
                // What has ended can still be cut, and is an end all the same.
                if !choices.iter().any(|choice| matches!(choice, Choice::Poll(_))) {
                    ends += 1;
                    self.end(self.after(&path));
                }
                run.go(*first);
                path.push(*first);
            }
        }
        Explored { states: map.after.len(), orders: map.orders(), ends }
    }

    fn along(&self, branch: &Branch) -> Run<T> {
        if let (Some((last, before)), Some((_, seen, state))) = (branch.path.split_last(), branch.from) {
            let mut run = Run { seen, state, ..self.after(before) };
            run.go(*last);
            run
        } else {
            let run = self.after(&branch.path);
            Run { state: run.world.state(), ..run }
        }
    }

    fn after(&self, path: &[Choice]) -> Run<T> {
        let mut run = Run::new((self.start)());
        for choice in path {
            run.act(*choice);
        }
        run
    }

    fn end(&self, run: Run<T>) {
        let results = run.lanes.map(|lane| match lane {
            Lane::Ended(value) => Some(value),
            Lane::Cut => None,
            Lane::Running(_) => unreachable!("a future waits for what never comes"),
        });
        (self.ended)(&run.world, results);
    }
}
