//! A connection on which the test controls every byte.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// The longest time that the next byte may take before the test fails.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Wire {
    stream: TcpStream,
    /// Received bytes that no method has returned yet.
    received: Vec<u8>,
}

/// A response, with its body if it was read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Wire {
    pub(crate) fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            received: Vec::new(),
        }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self
    }

    /// Sends as much as the other side accepts.
    pub(crate) fn send_until_refused(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.stream.write_all(bytes.as_ref());
        self
    }

    /// A second handle, to send while the test reads answers.
    pub(crate) fn writer(&self) -> TcpStream {
        self.stream.try_clone().unwrap()
    }

    /// Closes the sending side.
    pub(crate) fn end(&mut self) -> &mut Self {
        self.stream.shutdown(Shutdown::Write).unwrap();
        self
    }

    /// Sends a request without a body, and returns its response.
    pub(crate) fn request(&mut self, request_line: &str, headers: &[&str]) -> Answer {
        let method = request_line
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_owned();
        let lines: String = headers.iter().flat_map(|header| [header, "\r\n"]).collect();
        self.send(format!("{request_line} HTTP/1.1\r\n{lines}\r\n"));
        if method == "HEAD" {
            self.head()
        } else {
            self.answer()
        }
    }

    /// The head of the next response.
    pub(crate) fn head(&mut self) -> Answer {
        let head = self.until("\r\n\r\n");
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        Answer {
            status: status.unwrap_or_else(|| panic!("no response: {head:?}")),
            head: head.to_ascii_lowercase(),
            body: String::new(),
        }
    }

    /// The next response with its body.
    pub(crate) fn answer(&mut self) -> Answer {
        let mut answer = self.head();
        let bodiless = matches!(answer.status, 100..200 | 204 | 304);
        if bodiless {
            return answer;
        }
        let body = if answer.header("transfer-encoding") == Some("chunked") {
            let mut body = Vec::new();
            loop {
                let chunk = self.chunk();
                if chunk.is_empty() {
                    break body;
                }
                body.extend(chunk);
            }
        } else {
            let length = answer.header("content-length");
            let length = length.unwrap_or_else(|| panic!("no length: {answer:?}"));
            let length = length.parse().unwrap();
            self.exactly(length)
        };
        answer.body = String::from_utf8(body).unwrap();
        answer
    }

    /// One chunk of a body (RFC 9112, section 7.1); empty at the end.
    pub(crate) fn chunk(&mut self) -> Vec<u8> {
        let size = self.until("\r\n");
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let mut chunk = self.exactly(size + 2);
        chunk.truncate(size);
        chunk
    }

    pub(crate) fn until(&mut self, end: &str) -> String {
        loop {
            let found = self
                .received
                .windows(end.len())
                .position(|window| window == end.as_bytes());
            if let Some(at) = found {
                let taken: Vec<u8> = self.received.drain(..at + end.len()).collect();
                return String::from_utf8(taken).unwrap();
            }
            assert!(
                self.receive() > 0,
                "closed after {:?}",
                String::from_utf8_lossy(&self.received)
            );
        }
    }

    fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.received.len() < length {
            assert!(
                self.receive() > 0,
                "closed {} bytes early",
                length - self.received.len()
            );
        }
        self.received.drain(..length).collect()
    }

    /// Waits for the other side to close, and returns all bytes before that.
    pub(crate) fn rest(&mut self) -> String {
        while self.receive() > 0 {}
        String::from_utf8_lossy(&std::mem::take(&mut self.received)).into_owned()
    }

    /// Receives bytes and returns their number; 0 if the other side has closed.
    fn receive(&mut self) -> usize {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                count
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            Err(error) => panic!("{error}"),
        }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
