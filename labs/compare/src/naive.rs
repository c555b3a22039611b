//! A client that remembers nothing and gives its uploads no id: whatever was not answered is sent anew.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::PATIENCE;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use trace::{Ends, Recorder, Side, Tap};

use crate::Outcome;

/// How often one file is sent.
const TRIES_MAX: u32 = 40;

/// How long it waits before it tries again, the first time; then twice as long, up to the second.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(2);

type Stream = BufReader<Tap<TcpStream>>;

/// Sends all files, one after the other; `false` when one of them was never answered.
pub(crate) async fn send(address: &str, recorder: &Recorder, files: &[PathBuf]) -> Outcome<bool> {
    let address: SocketAddr = address.parse()?;
    let mut connection = None;
    for file in files {
        let content = std::fs::read(file)?;
        let mut pause = PAUSE;
        let mut tries = 0;
        while !matches!(timeout(PATIENCE, upload(&mut connection, address, recorder, file, &content)).await, Ok(Ok(())))
        {
            connection = None;
            tries += 1;
            if tries == TRIES_MAX {
                return Ok(false);
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
    Ok(true)
}

async fn upload(
    connection: &mut Option<Stream>,
    address: SocketAddr,
    recorder: &Recorder,
    file: &Path,
    content: &[u8],
) -> Outcome<()> {
    let stream = if let Some(stream) = connection {
        stream
    } else {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let ends = Ends::new(stream.local_addr()?, address);
        let lane = recorder.connection(ends, Side::Client);
        connection.insert(BufReader::new(Tap::new(stream, Some(lane))))
    };
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let header = serde_json::json!({
        "version": "2.0", "mime_type": "application/octet-stream", "name": name, "size": content.len(),
    });
    stream.write_all(format!("{header}\n").as_bytes()).await?;
    stream.write_all(content).await?;
    stream.flush().await?;
    let mut reply = String::new();
    stream.read_line(&mut reply).await?;
    let reply: serde_json::Value = serde_json::from_str(&reply)?;
    if reply.get("status").is_some_and(|status| status == "stored") {
        Ok(())
    } else {
        Err(format!("not stored: {reply}").into())
    }
}
