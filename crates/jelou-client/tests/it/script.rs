//! A server that sends one scripted answer per connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

use jelou_client::{ApiUrl, Client};
use jelou_token::AccessToken;

pub(crate) struct Script {
    port: u16,
    requests: JoinHandle<Vec<Request>>,
}

#[derive(Debug)]
pub(crate) struct Request {
    /// Method and path.
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

impl Script {
    /// `answers` are whole HTTP answers, but without `Content-Length` and `Connection`.
    pub(crate) fn start(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
        let requests = std::thread::spawn(move || {
            answers
                .iter()
                .map(|answer| serve(&listener.accept().unwrap().0, answer))
                .collect()
        });
        Self { port, requests }
    }

    pub(crate) fn api(&self) -> ApiUrl {
        format!("http://127.0.0.1:{}", self.port).parse().unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.api(), Some(AccessToken::mint().unwrap()))
    }

    /// Waits until every answer is sent, and returns the requests.
    pub(crate) fn requests(self) -> Vec<Request> {
        self.requests.join().unwrap()
    }
}

fn serve(mut stream: &TcpStream, answer: &str) -> Request {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        match header.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
            None => break,
        }
    }
    let mut request = Request {
        line: line.trim_end().trim_end_matches(" HTTP/1.1").to_owned(),
        headers,
        body: String::new(),
    };
    let length = request
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    reader
        .take(length)
        .read_to_string(&mut request.body)
        .unwrap();

    let (head, body) = answer.split_once("\n\n").unwrap();
    let head = head.replace('\n', "\r\n");
    write!(
        stream,
        "HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    request
}
