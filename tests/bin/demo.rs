//! The main job in one go, for somebody who sees it for the first time: a server with both modes, one
//! picture stateless, three files in one session, every frame explained, and a look at what was stored. Then an
//! upload whose server is killed in the middle, and which goes on with the next server where it was cut.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use client::{Console, Environment};
use harness::{Patience, ServerProcess, noise};
use server::config::{Config, LogLevel};
use tokio::sync::oneshot;

const PICTURE: &[u8] = include_bytes!("../fixtures/picture.png");
const NOTES: &str = "TCP keeps a connection alive.\nA session keeps a conversation alive.\n";

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Bytes of the file that is cut, how many of them are passed on to the server that is killed, and how many it has
/// at least written when it is.
const LARGE_BYTES: usize = 8 * 1024 * 1024;
const CUT_BYTES: usize = 5 * 1024 * 1024;
const RECEIVED_BYTES_MIN: u64 = 4 * 1024 * 1024;

fn main() -> ExitCode {
    // The server that is killed is this program too, started with a server's arguments.
    if std::env::args_os().len() > 1 {
        return server::program::main();
    }
    let done = tokio::runtime::Runtime::new().map_err(Into::into).and_then(|runtime| runtime.block_on(demo()));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the demo failed: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn demo() -> Outcome<()> {
    let fresh = tempfile::tempdir()?;
    let files = files_to_send(&fresh.path().join("mine"))?;
    let storage = fresh.path().join("storage");

    let mut config = Config { port: 0, storage: storage.clone(), ..Config::default() };
    // The frames are the show; the server's log would stand between them.
    config.log.level = LogLevel::Warn;
    let server = server::Server::start(&config).await?;
    let address = server.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(async {
        // A demo that fails drops its end, and the server stops all the same.
        let _ = stopped.await;
    }));
    say(&format!(
        "A server in dual mode listens on {address}; it stores below {}.\n\
         The same without the demo: cargo run --release --bin server -- --mode dual",
        storage.display()
    ));

    let [picture, rest @ ..] = files.as_slice() else { return Err("no files".into()) };
    say(
        "1. Stateless: the request carries all it needs, and the server forgets it.\n   client send --mode stateless picture.png",
    );
    send(&fresh, &address.to_string(), "stateless", std::slice::from_ref(picture)).await?;
    say(
        "2. Stateful: a session is opened, three files follow in sequence, the session is closed.\n   client send --mode stateful --close notes.txt empty.bin picture-2.png",
    );
    send(&fresh, &address.to_string(), "stateful", rest).await?;

    say("3. What is in the storage folder now, compared byte by byte with what was sent:");
    compare(&files, &storage)?;
    drop(stop);
    serving.await?;
    say("The server has stopped; all four files arrived whole.");
    cut_and_continued(&fresh).await
}

/// One upload, two servers: the first is killed while it receives.
async fn cut_and_continued(fresh: &tempfile::TempDir) -> Outcome<()> {
    let file = fresh.path().join("mine").join("large.bin");
    std::fs::write(&file, noise(7, LARGE_BYTES))?;
    let storage = fresh.path().join("survives");
    say(&format!(
        "4. Cut: of {LARGE_BYTES} bytes {CUT_BYTES} are on their way when the server is killed (kill -9). Another one is started\n   over the same folder; its sessions are in SQLite. The client continues session and file.\n   \
         server --persistence sqlite\n   client send --mode stateful --close large.bin"
    ));
    let way = Way::open(std::env::current_exe()?, storage.clone())?;
    send(fresh, &way.address.to_string(), "stateful", std::slice::from_ref(&file)).await?;
    drop(way);
    say("5. What is in that folder now:");
    compare(&[file], &storage)?;
    say("One file, whole, stored once, although the first server never finished it.");
    Ok(())
}

/// The way to a server that is killed in the middle of its first connection, and then to the next one. Dropped, it
/// ends the server that runs.
struct Way {
    address: SocketAddr,
    server: Arc<Mutex<Option<ServerProcess>>>,
}

impl Way {
    fn open(program: PathBuf, storage: PathBuf) -> Outcome<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let server = Arc::new(Mutex::new(None));
        let running = Arc::clone(&server);
        thread::spawn(move || -> io::Result<()> {
            let program = program.to_string_lossy();
            let start = || {
                let server = ServerProcess::start(&program, &storage, &["--persistence", "sqlite"]);
                let address = server.address;
                // One that is there already is killed, and gives the folder free.
                *slot(&running) = Some(server);
                address
            };
            let first = start();
            let (client, _) = listener.accept()?;
            pass_on(&client, first, CUT_BYTES)?;
            let patience = Patience::fresh();
            while received(&storage) < RECEIVED_BYTES_MIN && patience.lasts() {
                thread::yield_now();
            }
            drop(slot(&running).take());
            client.shutdown(Shutdown::Both)?;
            let next = start();
            for client in listener.incoming() {
                pass_on(&client?, next, usize::MAX)?;
            }
            Ok(())
        });
        Ok(Self { address, server })
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        drop(slot(&self.server).take());
    }
}

fn slot(server: &Mutex<Option<ServerProcess>>) -> MutexGuard<'_, Option<ServerProcess>> {
    server.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes of uploads under way that are on the disk.
fn received(storage: &Path) -> u64 {
    let staged = std::fs::read_dir(storage.join(".staging")).into_iter().flatten().flatten();
    staged.filter_map(|entry| entry.metadata().ok()).map(|file| file.len()).sum()
}

/// Passes bytes on, both ways, until the client ends or `bytes_max` have come from it.
fn pass_on(mut client: &TcpStream, server: SocketAddr, bytes_max: usize) -> io::Result<()> {
    let mut server = TcpStream::connect(server)?;
    let (mut answers, mut reader) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        // Either end may be gone by then.
        let _ = io::copy(&mut answers, &mut reader);
    });
    let mut buffer = vec![0; 64 * 1024];
    let mut left = bytes_max;
    while left > 0 {
        let count = client.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        server.write_all(buffer.get(..count).unwrap_or_default())?;
        left = left.saturating_sub(count);
    }
    Ok(())
}

/// A picture for the stateless part, and three files for the session.
fn files_to_send(folder: &Path) -> Outcome<Vec<PathBuf>> {
    std::fs::create_dir_all(folder)?;
    let mut paths = Vec::new();
    for (name, content) in
        [("picture.png", PICTURE), ("notes.txt", NOTES.as_bytes()), ("empty.bin", b""), ("picture-2.png", PICTURE)]
    {
        let path = folder.join(name);
        std::fs::write(&path, content)?;
        paths.push(path);
    }
    Ok(paths)
}

/// Runs the real client with `--explain`.
async fn send(fresh: &tempfile::TempDir, address: &str, mode: &str, files: &[PathBuf]) -> Outcome<()> {
    let mut arguments: Vec<OsString> =
        ["client", "send", "--explain", "--to", address, "--mode", mode].map(OsString::from).to_vec();
    if mode == "stateful" {
        arguments.push("--close".into());
    }
    arguments.extend(files.iter().map(OsString::from));
    // What the client remembers goes with the demo.
    let home = fresh.path().as_os_str();
    let colour = std::env::var_os("NO_COLOR").map(|value| ("NO_COLOR", value));
    let variables = [("HOME", home.to_owned())].into_iter().chain(colour);
    let console = Console::of_process_in_one();
    let exit = client::run(arguments, Environment::new(variables), console).await;
    if exit == shared::exit::ExitCode::Success {
        Ok(())
    } else {
        Err(format!("the client ended with exit code {}: {}", exit.code(), exit.meaning()).into())
    }
}

/// Every file sent is in the storage under some name, whole, and nothing else is.
fn compare(sent: &[PathBuf], storage: &Path) -> Outcome<()> {
    let mut stored = Vec::new();
    visible(storage, &mut stored)?;
    stored.sort();
    let mut unmatched = sent.to_vec();
    for path in &stored {
        let bytes = std::fs::read(path)?;
        let twin = unmatched.iter().position(|file| std::fs::read(file).is_ok_and(|original| original == bytes));
        let twin = twin.ok_or_else(|| format!("{} is like nothing that was sent", path.display()))?;
        let original = unmatched.remove(twin);
        let name = original.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let shown = path.strip_prefix(storage)?.display();
        writeln!(io::stdout(), "   {shown}\n      identical to {name}, {} bytes", bytes.len())?;
    }
    if unmatched.is_empty() { Ok(()) } else { Err(format!("{unmatched:?} did not arrive").into()) }
}

/// The files below `folder` that are not the server's own.
fn visible(folder: &Path, found: &mut Vec<PathBuf>) -> Outcome<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            continue;
        }
        if path.is_dir() {
            visible(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

fn say(text: &str) {
    // Nobody may be left to read it.
    let _ = writeln!(io::stdout(), "\n{text}\n");
}
