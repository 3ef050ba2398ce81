//! The part of the Lambda Runtime API that one event needs, with the times of the requests.
//!
//! See [Using the Lambda runtime API](https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html).

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Serves one event.
pub struct RuntimeApi {
    address: SocketAddr,
    answers: mpsc::Receiver<Answered>,
}

/// The times and the result of the event.
pub struct Answered {
    /// When the function asked for it.
    pub asked_at: Instant,
    /// When its answer arrived.
    pub at: Instant,
    /// Whether the function answered without an error.
    pub is_answer: bool,
    pub body: String,
}

impl RuntimeApi {
    /// Starts serving `event` to a function that is not started yet.
    pub fn serve(event: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, answers) = mpsc::channel();
        std::thread::spawn(move || {
            let mut asked_at = None;
            // The runtime may ask on one connection and answer on another.
            for connection in listener.incoming() {
                let connection = connection.unwrap();
                if converse(connection, &event, &mut asked_at, &sender).is_none() {
                    return;
                }
            }
        });
        Self { address, answers }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the answer.
    pub fn answered(&self) -> Answered {
        self.answers.recv_timeout(Duration::from_secs(20)).unwrap()
    }
}

/// Serves one connection to its end; `None` once there is an answer.
fn converse(
    connection: TcpStream,
    event: &str,
    asked_at: &mut Option<Instant>,
    answers: &mpsc::Sender<Answered>,
) -> Option<()> {
    let mut writer = connection.try_clone().unwrap();
    let mut reader = BufReader::new(connection);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return Some(());
        }
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).unwrap();
            if header.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = header.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap();
            }
        }
        if line.starts_with("GET ") {
            asked_at.get_or_insert_with(Instant::now);
            write!(
                writer,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nLambda-Runtime-Aws-Request-Id: start\r\n\
                 Lambda-Runtime-Deadline-Ms: 4102444800000\r\nLambda-Runtime-Invoked-Function-Arn: start\r\n\r\n{event}",
                event.len()
            )
            .unwrap();
        } else {
            let at = Instant::now();
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let answered = Answered {
                asked_at: asked_at.unwrap_or(at),
                at,
                is_answer: line.contains("/response "),
                body: String::from_utf8_lossy(&body).into_owned(),
            };
            // The receiver is gone if the benchmark has given up.
            let _ = answers.send(answered);
            return None;
        }
    }
}
