//! Messages as datagrams, one each, over UDP or a Unix socket: what a thread sends and receives without JavaScript.

use std::io::{self, Error, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// The longest message that is received: no UDP datagram is longer.
pub const LONGEST: usize = 1 << 16;

/// Where datagrams go, or come: `udp://HOST:PORT` (an address, no name) or `unix:///PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Udp(SocketAddr),
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(address) = text.strip_prefix("udp://").and_then(|rest| rest.parse().ok()) {
            return Ok(Self::Udp(address));
        }
        match text.strip_prefix("unix://") {
            Some(path) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            _ => Err(format!(
                "error[datagram/address]: \"{text}\" is no address: udp://127.0.0.1:7400 or unix:///PATH is"
            )),
        }
    }
}

enum Socket {
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

impl Socket {
    fn fd(&self) -> RawFd {
        match self {
            Self::Udp(socket) => socket.as_raw_fd(),
            Self::Unix(socket) => socket.as_raw_fd(),
        }
    }
}

/// Sends messages to one address.
pub struct DatagramSender(Socket);

impl DatagramSender {
    /// Connects; to a Unix socket, somebody must have bound it.
    pub fn to(address: &Address) -> io::Result<Self> {
        let socket = match address {
            Address::Udp(address) => {
                let any: SocketAddr = if address.is_ipv4() { ([0; 4], 0).into() } else { ([0_u16; 8], 0).into() };
                let socket = UdpSocket::bind(any)?;
                socket.connect(address)?;
                socket.set_nonblocking(true)?;
                Socket::Udp(socket)
            }
            Address::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                socket.set_nonblocking(true)?;
                Socket::Unix(socket)
            }
        };
        Ok(Self(socket))
    }

    /// Sends a message, whole; false where the system does not take it now. Waits for nothing.
    ///
    /// Real-time, but for the one system call.
    pub fn send(&self, message: &[u8]) -> bool {
        let sent = match &self.0 {
            Socket::Udp(socket) => socket.send(message),
            Socket::Unix(socket) => socket.send(message),
        };
        sent.is_ok_and(|bytes| bytes == message.len())
    }
}

/// What came of a wait for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    Message,
    /// It was longer than is received.
    TooLong,
    /// None, for a while.
    Nothing,
}

/// Receives messages at one address.
pub struct DatagramReceiver {
    socket: Socket,
    path: Option<PathBuf>,
}

impl DatagramReceiver {
    /// Binds the address; fails where another has it. A wait for a message ends after `patience` without one.
    pub fn at(address: &Address, patience: Duration) -> io::Result<Self> {
        match address {
            Address::Udp(address) => {
                let socket = UdpSocket::bind(address)?;
                socket.set_read_timeout(Some(patience))?;
                Ok(Self { socket: Socket::Udp(socket), path: None })
            }
            Address::Unix(path) => {
                let socket = UnixDatagram::bind(path)?;
                socket.set_read_timeout(Some(patience))?;
                Ok(Self { socket: Socket::Unix(socket), path: Some(path.clone()) })
            }
        }
    }

    /// The port, of UDP: the system's choice where 0 was asked for.
    pub fn port(&self) -> Option<u16> {
        match &self.socket {
            Socket::Udp(socket) => socket.local_addr().ok().map(|address| address.port()),
            Socket::Unix(_) => None,
        }
    }

    /// Waits for a message and puts it in the place of what is in `message`.
    ///
    /// After the first call it allocates nothing.
    pub fn receive(&self, message: &mut Vec<u8>) -> io::Result<Came> {
        message.clear();
        message.reserve(LONGEST);
        // SAFETY: the buffer has room for so many bytes; the socket lives through the call. MSG_TRUNC tells the length of what
        // was sent, however much of it there was room for.
        let came = unsafe { libc::recv(self.socket.fd(), message.as_mut_ptr().cast(), LONGEST, libc::MSG_TRUNC) };
        let Ok(bytes) = usize::try_from(came) else {
            let error = Error::last_os_error();
            return match error.kind() {
                // What a datagram of ours found closed is told here, too.
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted | ErrorKind::ConnectionRefused => {
                    Ok(Came::Nothing)
                }
                _ => Err(error),
            };
        };
        if bytes > LONGEST {
            return Ok(Came::TooLong);
        }
        // SAFETY: the system has written so many bytes.
        unsafe { message.set_len(bytes) };
        Ok(Came::Message)
    }
}

impl Drop for DatagramReceiver {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // It may have been removed already.
            let _removed = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_millis(20);

    fn receive(receiver: &DatagramReceiver, message: &mut Vec<u8>) -> Came {
        receiver.receive(message).expect("the socket is sound")
    }

    #[test]
    fn a_message_comes_whole_over_udp_into_memory_that_is_used_again() {
        let receiver = DatagramReceiver::at(&"udp://127.0.0.1:0".parse().unwrap(), PATIENCE).expect("a port is free");
        let to = format!("udp://127.0.0.1:{}", receiver.port().expect("it has one"));
        let sender = DatagramSender::to(&to.parse().unwrap()).expect("it is connected");
        let mut message = Vec::new();
        assert_eq!(receive(&receiver, &mut message), Came::Nothing);
        let place = message.as_ptr();
        for length in [1, 60_000, 0, 7] {
            let sent: Vec<u8> = (0..length).map(|at| at as u8).collect();
            assert!(sender.send(&sent));
            assert_eq!((receive(&receiver, &mut message), &message), (Came::Message, &sent));
            assert_eq!(message.as_ptr(), place);
        }
        assert!(!sender.send(&[0; LONGEST]), "no datagram of UDP is so long");
    }

    #[test]
    fn a_message_that_is_too_long_is_told_and_passed_over_and_the_socket_is_removed_at_the_end() {
        let path = std::env::temp_dir().join(format!("isochron-datagram-{}", std::process::id()));
        let address: Address = format!("unix://{}", path.display()).parse().unwrap();
        let receiver = DatagramReceiver::at(&address, PATIENCE).expect("the name is free");
        assert!(DatagramReceiver::at(&address, PATIENCE).is_err(), "another has the name");
        let sender = DatagramSender::to(&address).expect("it is connected");
        let mut message = Vec::new();
        assert!(sender.send(&vec![1; LONGEST + 1]) && sender.send(&[5]));
        assert_eq!(receive(&receiver, &mut message), Came::TooLong);
        assert_eq!((receive(&receiver, &mut message), message), (Came::Message, vec![5]));
        drop(receiver);
        assert!(!path.exists() && !sender.send(&[5]));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["udp://robot:7400", "udp://127.0.0.1", "unix://relative", "tcp://127.0.0.1:7400", ""] {
            assert!(text.parse::<Address>().unwrap_err().starts_with("error[datagram/address]"), "{text}");
        }
    }
}
