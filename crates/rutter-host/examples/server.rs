//! A server that renders: `POST /NAMESPACE/NAME` with a values document gives manifests, or what is wrong.
//!
//! ```text
//! cargo run --release -p rutter-host --example server -- dist/etcd.wasm 127.0.0.1:8080
//! curl --data-binary @examples/page.yaml http://127.0.0.1:8080/shop/orders
//! ```
//!
//! It shows how a process that stays up embeds packages: one pooled [`Host`], one [`Package`] that all threads share, and
//! a call for each request, in an instance of its own. It speaks just enough of HTTP/1.1 for that. A server for more than
//! this machine has its own HTTP library, and authentication.

use std::env;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZero;
use std::thread;
use std::time::Duration;

use rutter::Request;
use rutter_host::{Host, Limits, Package};

/// Largest request that is read, in bytes.
const MOST: u64 = 1 << 20;

/// How long a client may say nothing, or take nothing.
const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [component, address] = arguments.as_slice() else {
        return Err("usage: server COMPONENT.wasm ADDRESS:PORT".into());
    };
    let calls = NonZero::<u32>::try_from(thread::available_parallelism()?)?;
    let package = Host::pooled(Limits::default(), calls)?.load(component)?;
    let listener = TcpListener::bind(address)?;
    announce(&format!("listening on {}", listener.local_addr()?));
    // Rendering keeps a processor busy, and clients may be slow: twice as many threads as calls keep both at work.
    thread::scope(|scope| {
        for _ in 0..2 * calls.get() {
            scope.spawn(|| {
                for stream in listener.incoming().flatten() {
                    // A client that has gone away needs no answer.
                    let _ = serve(&package, &stream);
                }
            });
        }
    });
    Ok(())
}

/// Answers the one request of a connection.
fn serve(package: &Package, stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let (status, text) = match read(&mut BufReader::new(stream.take(MOST))) {
        Some(request) => match package.render(&request) {
            Ok(Ok(rendering)) => {
                let documents = rendering.manifests.iter().map(|manifest| manifest.document.as_str());
                ("200 OK", documents.flat_map(|document| ["---\n", document]).collect())
            }
            Ok(Err(diagnostics)) => {
                let lines = diagnostics
                    .iter()
                    .map(|diagnostic| diagnostic.display("values").to_string());
                ("422 Unprocessable Content", lines.collect())
            }
            Err(error) => ("500 Internal Server Error", format!("{error}\n")),
        },
        None => (
            "400 Bad Request",
            "POST /NAMESPACE/NAME with values, of at most 1 MiB\n".to_owned(),
        ),
    };
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    )
}

/// The request, if it is one that can be answered.
fn read(stream: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    let path = line.strip_prefix("POST /")?.split(' ').next()?;
    let (namespace, name) = path
        .split_once('/')
        .map(|(namespace, name)| (namespace.to_owned(), name.to_owned()))?;
    // Without it the body might be in chunks, which this server does not read.
    let mut length: Option<u64> = None;
    loop {
        line.clear();
        stream.read_line(&mut line).ok()?;
        let Some((field, value)) = line.trim_end().split_once(':') else {
            break;
        };
        if field.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse().ok()?);
        }
    }
    let mut values = Vec::new();
    let length = length?;
    stream.take(length).read_to_end(&mut values).ok()?;
    let is_whole = u64::try_from(values.len()).is_ok_and(|read| read == length);
    Some(Request {
        name,
        namespace,
        values: String::from_utf8(values).ok().filter(|_| is_whole)?,
        release: None,
        capabilities: None,
        installed: None,
    })
}

#[allow(clippy::print_stderr, reason = "whoever starts a server wants to know where it is")]
fn announce(text: &str) {
    eprintln!("{text}");
}
