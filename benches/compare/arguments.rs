//! The command line.

use std::path::PathBuf;

use clap::Parser;
use clap::builder::PossibleValuesParser;

use crate::peer::Peer;
use crate::{growing, rows};

const EXAMPLES: &str = "\
Everything, for figures that can be claimed (about twenty minutes, on a machine that does nothing else):
  cargo bench -p benches --bench compare -- --json $PWD/docs/performance/results.json --charts $PWD/docs/performance --page $PWD/docs/performance.md
A trial:
  cargo bench -p benches --bench compare -- --quick --rows turn,large --peers nginx,rsync
Tables and charts again, from what was measured:
  cargo bench -p benches --bench compare -- --from $PWD/docs/performance/results.json --charts $PWD/docs/performance --page $PWD/docs/performance.md
Cargo runs it in the folder benches/, so give whole paths.";

/// Compares this server with others, with itself and with what the machine can do, on the same files.
#[derive(Parser, Debug)]
#[command(name = "compare", after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Small works and three rounds, to see whether everything works; nothing can be claimed from it
    #[arg(long)]
    pub(crate) quick: bool,
    /// Rounds that count [default: 9]; one more comes first and does not
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u8).range(1..))]
    rounds: Option<u8>,
    /// Only these works
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(names()))]
    rows: Vec<String>,
    /// Only these others, and this server
    #[arg(long, value_delimiter = ',')]
    peers: Vec<Peer>,
    /// Congestion control of the raw client's sockets
    #[arg(long, default_value = "cubic")]
    pub(crate) congestion: String,
    /// A folder in memory (tmpfs)
    #[arg(long, value_name = "FOLDER", default_value = "/dev/shm")]
    pub(crate) memory_folder: PathBuf,
    /// A folder on a disk
    #[arg(long, value_name = "FOLDER", default_value = env!("CARGO_TARGET_TMPDIR"))]
    pub(crate) disk_folder: PathBuf,
    /// Write what was measured to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Draw a chart of each work into this folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) charts: Option<PathBuf>,
    /// Fill the place for results in this page
    #[arg(long, value_name = "FILE")]
    pub(crate) page: Option<PathBuf>,
    /// Measure nothing; take what an earlier run wrote with --json
    #[arg(long, value_name = "FILE", conflicts_with_all = ["quick", "rounds", "rows", "peers", "json"])]
    pub(crate) from: Option<PathBuf>,
    /// What cargo says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn names() -> impl Iterator<Item = &'static str> {
    rows::NAMES.into_iter().chain(growing::ALL.map(|(name, _)| name))
}

impl Arguments {
    /// Rounds that count.
    pub(crate) fn rounds(&self) -> usize {
        self.rounds.map_or(if self.quick { 3 } else { 9 }, usize::from)
    }

    /// Whether a row is to be measured.
    pub(crate) fn wants(&self, row: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|name| name == row)
    }

    /// Whether somebody is to take part.
    pub(crate) fn invites(&self, peer: Peer) -> bool {
        self.peers.is_empty() || self.peers.contains(&peer)
    }
}
