//! Lab 03, Goldfish or Elephant. This file is yours; README.md says what it must do, and `cargo lab check 03` whether it
//! does.

use grade_03::{Build, ErrorCode, Key, Progress, Request, StatefulHandler, StatelessHandler, World};

/// Remembers nothing.
pub struct Goldfish {
    key: Key,
}

impl StatelessHandler for Goldfish {
    fn answer(&self, request: &Request, world: &mut World) -> Result<Progress, ErrorCode> {
        todo!("Goldfish::answer")
    }
}

/// Remembers every upload.
pub struct Elephant {
    key: Key,
    sessions_max: usize,
    // What must you remember from one request to the next?
}

impl StatefulHandler for Elephant {
    fn answer(&mut self, request: &Request, world: &mut World) -> Result<Progress, ErrorCode> {
        todo!("Elephant::answer")
    }
}

/// How the checks start your servers, and restart them.
pub struct Mine;

impl Build for Mine {
    fn stateless(&self, key: Key) -> Box<dyn StatelessHandler> {
        Box::new(Goldfish { key })
    }

    fn stateful(&self, key: Key, sessions_max: usize) -> Box<dyn StatefulHandler> {
        Box::new(Elephant { key, sessions_max })
    }
}
