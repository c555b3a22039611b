//! The congestion control of a socket, where it can be chosen.

use std::io;

use tokio::net::TcpStream;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn set(stream: &TcpStream, name: &str) -> io::Result<()> {
    socket2::SockRef::from(stream).set_tcp_congestion(name.as_bytes())
}

/// Elsewhere the system's own is used.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn set(_stream: &TcpStream, _name: &str) -> io::Result<()> {
    Ok(())
}
