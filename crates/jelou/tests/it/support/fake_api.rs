//! A management API that gives prepared answers: for what a real server cannot be made to say at will, such as fixed
//! dates.

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
    status: u16,
    body: Value,
}

pub(crate) fn answer(request: &'static str, status: u16, body: Value) -> Answer {
    Answer {
        request,
        status,
        body,
    }
}

impl FakeApi {
    /// Any other request is answered with `NOT_FOUND`.
    pub(crate) fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(&stream.unwrap(), &answers, &record);
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

    pub(crate) fn last_body(&self) -> Value {
        let requests = self.requests.lock().unwrap();
        requests.last().unwrap().1.clone()
    }
}

fn serve(mut stream: &TcpStream, answers: &[Answer], record: &Mutex<Vec<(String, Value)>>) {
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
    let (status, body) = answers
        .iter()
        .find(|answer| answer.request == request)
        .map_or((404, &not_found), |answer| (answer.status, &answer.body));
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
