//! A client of the server, as small as one can be: what is measured is the other side.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
};

/// Room for an answer of the usual length.
const BUFFER: usize = 64 << 10;

/// A connection that is kept alive.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

impl Client {
    /// Connects to a server.
    ///
    /// # Errors
    /// Those of the system.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::with_capacity(BUFFER, stream), line: String::new(), body: Vec::new() })
    }

    /// Sends a request and reads the answer to its end; its status.
    ///
    /// # Errors
    /// Those of the system; [`io::ErrorKind::InvalidData`] for what is no answer with a length.
    pub fn ask(&mut self, request: &[u8]) -> io::Result<u16> {
        self.stream.get_mut().write_all(request)?;
        let wrong = || io::Error::from(io::ErrorKind::InvalidData);
        self.read_line()?;
        let status = self.line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(wrong)?;
        let mut length = None;
        loop {
            self.read_line()?;
            if self.line.is_empty() {
                break;
            }
            if let Some((name, value)) = self.line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse::<usize>().ok();
            }
        }
        self.body.resize(length.ok_or_else(wrong)?, 0);
        self.stream.read_exact(&mut self.body)?;
        Ok(status)
    }

    /// The body of the last answer.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    fn read_line(&mut self) -> io::Result<()> {
        self.line.clear();
        if self.stream.read_line(&mut self.line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.line.truncate(self.line.trim_end().len());
        Ok(())
    }
}

/// A question by GET, with the holder of `key` asking for `principal`.
pub fn get(key: &str, principal: &str, path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\nx-ticketscope-as: {principal}\r\n\r\n"
    )
    .into_bytes()
}

/// The same by POST.
pub fn post(key: &str, principal: &str, path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\nx-ticketscope-as: {principal}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len(),
    )
    .into_bytes()
}
