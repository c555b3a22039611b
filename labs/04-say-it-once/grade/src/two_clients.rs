//! A phone and a laptop with one session, three files each, and a network that loses a connection or lets a request
//! arrive twice: every order in which this can happen, and the shortest that a gate does not get right.

use std::collections::VecDeque;
use std::rc::Rc;

use lab_kit::Failure;

use crate::orders::Way;
use crate::world::{Line, Outcome, World};
use crate::{Admission, Fresh, Refusal, Sequence, Upload};

/// Connections that are lost, and requests that are sent again on the same connection. With two there are millions of
/// orders.
const FAULTS_MAX: usize = 1;

/// Tries all orders.
pub(crate) fn every_order(fresh: &Fresh) -> Outcome {
    let files = files();
    let mut shortest: Option<Box<Failure>> = None;
    let mut length_max = usize::MAX;
    let mut way = Way::default();
    loop {
        let mut course = Course::new(fresh, &files)?;
        if let Err(failure) = course.run(&mut way, length_max) {
            length_max = way.length().saturating_sub(1);
            shortest = Some(failure);
        }
        if !way.turn() {
            return shortest.map_or(Ok(()), Err);
        }
    }
}

fn files() -> [Vec<Rc<Upload>>; 2] {
    ["phone", "laptop"].map(|who| {
        let file = |number| Rc::new(Upload::new(&format!("{who}{number}.txt"), &format!("{who} {number}")));
        (1..=3).map(file).collect()
    })
}

/// One order of things.
struct Course {
    world: World,
    clients: [Client; 2],
    pipes: Vec<Pipe>,
    faults: usize,
}

/// Somebody with files, who sends the next when the last is answered.
struct Client {
    who: &'static str,
    /// Those that have no answer, the next one first.
    files: VecDeque<Rc<Upload>>,
    /// The number of the one that was sent.
    sent: Option<Sequence>,
    /// Its pipe, by number.
    pipe: Option<usize>,
    /// It was told that another one goes on.
    over: bool,
}

/// A connection: what is on its way, and what the server receives.
struct Pipe {
    line: Line,
    client: usize,
    coming: VecDeque<(Sequence, Rc<Upload>)>,
    receiving: Option<(Sequence, Rc<Upload>)>,
}

/// What can happen next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Connect(usize),
    Arrive(usize),
    End(usize),
    Lose(usize),
    Repeat(usize),
}

impl Course {
    fn new(fresh: &Fresh, [phone, laptop]: &[Vec<Rc<Upload>>; 2]) -> Outcome<Self> {
        let client = |who, files: &[Rc<Upload>]| {
            let files = files.iter().cloned().collect();
            Client { who, files, sent: None, pipe: None, over: false }
        };
        let clients = [client("phone", phone), client("laptop", laptop)];
        Ok(Self { world: World::new(fresh)?, clients, pipes: Vec::new(), faults: 0 })
    }

    /// Goes this way, until nothing can happen any more or it is too long.
    fn run(&mut self, way: &mut Way, length_max: usize) -> Outcome {
        self.connect(0)?;
        while way.length() < length_max {
            let acts = self.acts();
            // A network that only fails brings nothing about.
            if acts.iter().all(|act| matches!(act, Act::Lose(_) | Act::Repeat(_))) {
                return Ok(());
            }
            let Some(act) = acts.get(way.choose(acts.len())) else { return Ok(()) };
            self.act(*act)?;
        }
        Ok(())
    }

    fn acts(&self) -> Vec<Act> {
        let mut acts = Vec::new();
        for (number, pipe) in self.pipes.iter().enumerate() {
            // A connection is read one frame at a time.
            if pipe.receiving.is_some() {
                acts.push(Act::End(number));
            } else if !pipe.coming.is_empty() {
                acts.push(Act::Arrive(number));
            }
        }
        for (number, client) in self.clients.iter().enumerate() {
            let goes_on = !client.over && !client.files.is_empty();
            match client.pipe {
                None if goes_on => acts.push(Act::Connect(number)),
                Some(_) if goes_on && self.faults < FAULTS_MAX => acts.extend([Act::Lose(number), Act::Repeat(number)]),
                None | Some(_) => {}
            }
        }
        acts
    }

    fn act(&mut self, act: Act) -> Outcome {
        match act {
            Act::Connect(client) => self.connect(client),
            Act::Arrive(pipe) => self.arrive(pipe),
            Act::End(pipe) => self.end(pipe),
            Act::Lose(client) => {
                self.faults = self.faults.saturating_add(1);
                let pipe = self.clients.get_mut(client).and_then(|client| client.pipe.take());
                if let Some(pipe) = pipe.and_then(|pipe| self.pipes.get(pipe)) {
                    self.world.lose(pipe.line);
                }
                Ok(())
            }
            Act::Repeat(client) => {
                self.faults = self.faults.saturating_add(1);
                self.put(client);
                Ok(())
            }
        }
    }

    fn connect(&mut self, number: usize) -> Outcome {
        let Some(client) = self.clients.get_mut(number) else { return Ok(()) };
        let (line, next) = self.world.connect(client.who)?;
        client.pipe = Some(self.pipes.len());
        // What got no answer is repeated under its own number.
        client.sent.get_or_insert(next);
        self.pipes.push(Pipe { line, client: number, coming: VecDeque::new(), receiving: None });
        self.put(number);
        Ok(())
    }

    /// The client sends what is to be answered next.
    fn put(&mut self, client: usize) {
        let Some(Client { files, sent: Some(sequence), pipe: Some(pipe), .. }) = self.clients.get(client) else {
            return;
        };
        if let (Some(file), Some(pipe)) = (files.front(), self.pipes.get_mut(*pipe)) {
            pipe.coming.push_back((*sequence, Rc::clone(file)));
        }
    }

    fn arrive(&mut self, number: usize) -> Outcome {
        let Some(pipe) = self.pipes.get_mut(number) else { return Ok(()) };
        let Some((sequence, file)) = pipe.coming.pop_front() else { return Ok(()) };
        match self.world.begin(pipe.line, sequence, &file)? {
            Ok(Admission::Proceed) => pipe.receiving = Some((sequence, file)),
            Ok(Admission::Replay(_)) => self.answer(number, sequence, Ok(())),
            Err(refusal) => self.answer(number, sequence, Err(refusal)),
        }
        Ok(())
    }

    fn end(&mut self, number: usize) -> Outcome {
        let Some(pipe) = self.pipes.get_mut(number) else { return Ok(()) };
        let Some((sequence, file)) = pipe.receiving.take() else { return Ok(()) };
        let outcome = self.world.end(pipe.line, sequence, &file)?;
        self.answer(number, sequence, outcome);
        Ok(())
    }

    /// The answer reaches the client, if this is still its connection and it waits for this number.
    fn answer(&mut self, number: usize, sequence: Sequence, outcome: Result<(), Refusal>) {
        let Some(pipe) = self.pipes.get(number) else { return };
        let Some(client) = self.clients.get_mut(pipe.client) else { return };
        if client.pipe != Some(number) || client.sent != Some(sequence) {
            return;
        }
        if outcome.is_err() {
            client.over = true;
            return;
        }
        client.files.pop_front();
        client.sent = (!client.files.is_empty()).then(|| sequence.next());
        let client = pipe.client;
        self.put(client);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::model::{Mistake, Model};

    #[test]
    fn whatever_happens_a_file_is_stored_once_and_whoever_is_not_moved_has_stored_all() {
        let files = files();
        let mut way = Way::default();
        let mut orders = 0;
        let mut epochs = 0;
        loop {
            let mut course = Course::new(&|| Box::new(Model::default()), &files).unwrap();
            course.run(&mut way, usize::MAX).unwrap();
            let stored: Vec<_> = course.world.moments().iter().filter_map(|moment| moment.stored()).collect();
            let names: HashSet<&crate::Receipt> = stored.iter().map(|(receipt, _)| *receipt).collect();
            let once: HashSet<&str> = stored.iter().map(|(_, file)| file.request.name.as_str()).collect();
            assert_eq!((names.len(), once.len()), (stored.len(), stored.len()));
            for client in course.clients.iter().filter(|client| !client.over) {
                assert!(
                    client.files.is_empty() && (1..=3).all(|file| once.contains(&*format!("{}{file}.txt", client.who)))
                );
            }
            epochs = epochs.max(course.pipes.len());
            orders += 1;
            if !way.turn() {
                break;
            }
        }
        assert_eq!(epochs, 3);
        assert!(orders > 10_000, "{orders}");
    }

    #[test]
    fn the_shortest_way_into_a_mistake_is_found() {
        let failure = every_order(&|| Box::new(Model::with(Mistake::FinishesOlder))).unwrap_err();
        let steps: Vec<_> = failure.steps.iter().map(|step| step.did.split(',').next().unwrap().to_owned()).collect();
        assert_eq!(steps, ["phone: connect", "phone: admit epoch 1", "laptop: connect", "phone: commit epoch 1"]);
    }
}
