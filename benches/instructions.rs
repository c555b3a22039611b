//! What a frame and a KiB cost in instructions: `cargo bench -p benches --bench instructions`. Counted by callgrind, so
//! the figures hardly depend on the machine and not at all on its mood. Ends with an error when one is above its budget.
//!
//! A whole connection is served over a stream in memory, with the storage of a real folder. Each work is done twice,
//! once with more frames; the difference is what the frames cost. What the kernel does is not counted.
#![expect(clippy::expect_used, reason = "a bench that fails says where, and ends")]

use std::env;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use benches::script::{Script, Work};
use server::config::{Exclusive, Naming, Week01Ack};
use server::dispatch::Dispatch;
use server::env::{SystemClock, SystemDice};
use server::files::{Keeping, LocalStorage};
use server::handler::{Services, StatefulHandler, StatelessHandler};
use server::net::{Connection, Context};
use server::sessions::MemoryStore;
use shared::limits::Limits;
use shared::wire::{Ack, Mode};
use tokio_util::sync::CancellationToken;

const SMALL: u64 = 4 * 1_024;
const LARGE: u64 = 64 * 1_024 * 1_024;

/// In the folder where the counted program runs.
const STORAGE: &str = "storage";

struct Case {
    name: &'static str,
    work: Work,
    /// Frames of the two runs.
    frames: [u64; 2],
    per: Unit,
    /// Instructions per unit that it may take.
    budget: u64,
}

#[derive(Clone, Copy)]
enum Unit {
    Frame,
    KiB,
}

const fn small(name: &'static str, mode: Mode, repeatable: bool, at_once: u64, budget: u64) -> Case {
    Case {
        name,
        work: Work { mode, repeatable, bytes: SMALL, at_once },
        frames: [200, 1_200],
        per: Unit::Frame,
        budget,
    }
}

const CASES: [Case; 7] = [
    small("stateless-turn", Mode::Stateless, false, 1, 51_000),
    small("repeatable-turn", Mode::Stateless, true, 1, 65_000),
    small("stateful-turn", Mode::Stateful, false, 1, 82_500),
    small("stateless-flight", Mode::Stateless, false, 32, 50_000),
    small("repeatable-flight", Mode::Stateless, true, 32, 64_500),
    small("stateful-flight", Mode::Stateful, false, 32, 73_500),
    Case {
        name: "large",
        work: Work { mode: Mode::Stateful, repeatable: false, bytes: LARGE, at_once: 1 },
        frames: [1, 2],
        per: Unit::KiB,
        budget: 4_000,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().collect();
    if let [_, mark, name, frames] = &arguments[..]
        && mark == "serve"
    {
        let case = CASES.iter().find(|case| case.name == name).expect("a case of this name");
        serve(case.work, frames.parse().expect("a number of frames"));
        return ExitCode::SUCCESS;
    }
    let mut kept = true;
    println!("{:<18} {:>12} {:>12}", "", "instructions", "budget");
    for case in &CASES {
        let [few, more] = case.frames.map(|frames| instructions(case.name, frames));
        let frames = case.frames[1] - case.frames[0];
        let (unit, units) = match case.per {
            Unit::Frame => ("frame", frames),
            Unit::KiB => ("KiB", frames * case.work.bytes / 1_024),
        };
        let each = (more - few) / units;
        let verdict = if each > case.budget { "  ABOVE" } else { "" };
        println!("{:<18} {each:>12} {:>12}  per {unit}{verdict}", case.name, case.budget);
        kept &= each <= case.budget;
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How many instructions it takes to serve so many frames, with all that is before and after them.
fn instructions(name: &str, frames: u64) -> u64 {
    let program = env::current_exe().expect("this program");
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    let ran = command.args(["serve", name, &frames.to_string()]).current_dir(folder.path()).output();
    let ran = ran.expect("valgrind, which Debian has in the package of that name");
    let told = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{name} was not served: {told}");
    let stored = harness::names(&folder.path().join(STORAGE)).len();
    assert_eq!(u64::try_from(stored).expect("a number"), frames, "{name}: every frame has left its file");
    let collected = told.lines().find_map(|line| line.split_once("Collected : "));
    collected.and_then(|(_, number)| number.trim().parse().ok()).expect("what callgrind counted")
}

fn serve(work: Work, frames: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let limits = Limits { stateless_request_bytes_max: LARGE, ..Limits::default() };
        let files = LocalStorage::open(Path::new(STORAGE), Keeping::of(&limits)).expect("a storage");
        let services = Services {
            clock: Arc::new(SystemClock::start()),
            dice: Arc::new(SystemDice),
            limits: Arc::new(limits.clone()),
            files: Arc::new(files),
            naming: Naming::SessionAware,
            ack: Ack::Written,
            exclusive: Exclusive::None,
        };
        let stateless = StatelessHandler::new(services.clone());
        let stateful = StatefulHandler::new(services.clone(), Arc::new(MemoryStore::new(limits.sessions_max)));
        let dispatch = Dispatch::new(services, Some(stateless), Some(stateful));
        let context = Arc::new(Context::new(dispatch, Week01Ack::Deferred, CancellationToken::new()));
        Connection::new(Script::new(work, frames), (Ipv4Addr::LOCALHOST, 0).into(), context).serve().await;
    });
}
