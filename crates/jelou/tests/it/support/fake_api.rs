//! A management API with prepared answers, for tests with answers that a real server cannot give on demand, such as
//! fixed dates.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

pub(crate) struct FakeApi {
    url: String,
    token: String,
    requests: Arc<Mutex<Vec<(String, Value)>>>,
}

pub(crate) struct Answer {
    /// Method and path.
    request: &'static str,
    reaction: Reaction,
}

enum Reaction {
    Body(u16, Value),
    HangUp,
    Silence,
}

pub(crate) fn answer(request: &'static str, status: u16, body: Value) -> Answer {
    let reaction = Reaction::Body(status, body);
    Answer { request, reaction }
}

/// The server disconnects in the middle of the request.
pub(crate) fn hang_up(request: &'static str) -> Answer {
    let reaction = Reaction::HangUp;
    Answer { request, reaction }
}

/// The server reads the request and does not answer.
pub(crate) fn silence(request: &'static str) -> Answer {
    let reaction = Reaction::Silence;
    Answer { request, reaction }
}

impl FakeApi {
    /// Any other request gets `NOT_FOUND`, except the question who asks: an administrator.
    pub(crate) fn start(mut answers: Vec<Answer>) -> Self {
        answers.push(answer("GET /v1/whoami", 200, administrator()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&requests);
        std::thread::spawn(move || {
            let mut silent = Vec::new();
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                if serve(&stream, &answers, &record) == Connection::Open {
                    silent.push(stream);
                }
            }
        });
        Self {
            url,
            token: jelou_token::AccessToken::mint()
                .unwrap()
                .expose()
                .to_owned(),
            requests,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Method and path of each request.
    pub(crate) fn requests(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|(line, _)| line.clone()).collect()
    }

    /// Whether every request only reads.
    pub(crate) fn is_unchanged(&self) -> bool {
        let requests = self.requests();
        requests.iter().all(|line| line.starts_with("GET "))
    }

    pub(crate) fn last_body(&self) -> Value {
        let requests = self.requests.lock().unwrap();
        requests.last().unwrap().1.clone()
    }
}

#[derive(PartialEq, Eq)]
enum Connection {
    Open,
    Closed,
}

fn serve(
    mut stream: &TcpStream,
    answers: &[Answer],
    record: &Mutex<Vec<(String, Value)>>,
) -> Connection {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request).unwrap();
    let request = request.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let header = header.trim_end().to_ascii_lowercase();
        if let Some(value) = header.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        if header.is_empty() {
            break;
        }
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body).unwrap();
    record.lock().unwrap().push((
        request.clone(),
        serde_json::from_slice(&body).unwrap_or(Value::Null),
    ));

    let not_found = problem(404, "NOT_FOUND", "there is nothing here");
    let found = answers.iter().find(|answer| answer.request == request);
    let (status, body) = match found.map(|answer| &answer.reaction) {
        None => (404, &not_found),
        Some(Reaction::Body(status, body)) => (*status, body),
        Some(Reaction::HangUp) => return Connection::Closed,
        Some(Reaction::Silence) => return Connection::Open,
    };
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let kind = if status < 400 { "json" } else { "problem+json" };
    write!(
        stream,
        "HTTP/1.1 {status} Status\r\nContent-Type: application/{kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    Connection::Closed
}

fn administrator() -> Value {
    json!({
        "accessToken": {
            "id": "pat_01arz3ndektsv4rrffq69g5fav", "name": "admin", "prefix": "jfn_pat_abc1", "scopes": ["admin"],
            "lastUsedAt": null, "createdAt": "2026-04-05T09:00:00Z", "createdBy": "system", "expiresAt": null,
        },
        "server": { "version": "0.1.0", "functions": "http://{slug}.fn.localhost", "engine": "Deno 2" },
    })
}

pub(crate) fn problem(status: u16, code: &str, detail: &str) -> Value {
    json!({
        "type": "about:blank",
        "title": code,
        "status": status,
        "detail": detail,
        "code": code,
    })
}
