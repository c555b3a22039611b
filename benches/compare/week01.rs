//! Week 01's wire, spoken by clients that send all they have and then read their answers.

use std::path::Path;
use std::time::Duration;

use benches::week01;
use server::config::Persistence;
use shared::wire::Ack;

use crate::contestant::{Contestant, Scene};
use crate::peer::Installed;
use crate::program::Program;
use crate::row::Work;
use crate::source::Content;

struct Week01 {
    program: Program,
    version: Option<String>,
    scene: Scene,
}

/// This server.
pub(crate) fn this(scene: Scene) -> Result<Box<dyn Contestant>, String> {
    let program = Program::start(Persistence::Memory, Ack::Written, &scene.folder, &scene.disk)?;
    Ok(Box::new(Week01 { program, version: None, scene }))
}

/// A small one in Python.
pub(crate) fn python(scene: Scene) -> Result<Box<dyn Contestant>, String> {
    let python = Installed::find("python3", &["--version"], "Debian has it in the package python3")?;
    let program = Program::start_python(&scene.folder)?;
    Ok(Box::new(Week01 { program, version: Some(python.version), scene }))
}

impl Contestant for Week01 {
    fn turn(&mut self, _number: usize) -> Duration {
        let Content::Bytes(payload) = &self.scene.source.content else { return Duration::MAX };
        let Work { connections, files, .. } = self.scene.work;
        week01(self.program.server.address, benches::Work { connections, files, payload })
    }

    fn folder(&self) -> Option<&Path> {
        Some(&self.program.storage)
    }

    fn process(&self) -> Option<u32> {
        Some(self.program.server.number())
    }

    fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }
}
