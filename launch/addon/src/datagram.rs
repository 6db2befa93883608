//! Datagrams to Unix sockets, which Node does not send: what a service tells its manager.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use napi_derive::napi;

use crate::{failure, guarded};

/// Sends one datagram to a Unix socket; a name that begins with `@` is an abstract one.
#[napi]
pub fn send_datagram(socket: String, text: String) -> napi::Result<()> {
    guarded(|| {
        let sent = || {
            let address = match socket.strip_prefix('@') {
                Some(name) => SocketAddr::from_abstract_name(name)?,
                None => SocketAddr::from_pathname(&socket)?,
            };
            UnixDatagram::unbound()?.send_to_addr(text.as_bytes(), &address)
        };
        sent().map(|_| ()).map_err(|error| failure(format!("error[service/notify]: {socket} takes nothing: {error}")))
    })
}
