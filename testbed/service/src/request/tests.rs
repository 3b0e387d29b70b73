use super::*;

fn read(text: &str) -> Result<Request, RequestError> {
    Request::read(&mut text.as_bytes())
}

fn get(path: &str) -> Request {
    Request {
        method: "GET".into(),
        path: path.into(),
        wants_text: false,
        keep_alive: true,
        has_body: false,
    }
}

#[test]
fn heads_are_read() {
    let close = |request: Request| Request { keep_alive: false, ..request };
    let table = [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", get("/")),
        ("\r\nGET / HTTP/1.1\r\n\r\n", get("/")),
        ("GET /readyz?x=1 HTTP/1.1\n\n", get("/readyz")),
        ("GET / HTTP/1.0\r\n\r\n", close(get("/"))),
        ("GET / HTTP/1.1\r\ncOnNection: Close\r\n\r\n", close(get("/"))),
        ("GET / HTTP/1.1\r\nAccept: text/plain\r\n\r\n", Request { wants_text: true, ..get("/") }),
        (
            "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            Request { method: "POST".into(), has_body: true, ..get("/") },
        ),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            Request { method: "POST".into(), has_body: true, ..get("/") },
        ),
    ];
    for (text, expected) in table {
        assert_eq!(read(text).unwrap(), expected, "{text:?}");
    }
}

#[test]
fn two_requests_follow_each_other_on_one_connection() {
    let mut connection = &b"GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n"[..];
    assert_eq!(Request::read(&mut connection).unwrap().path, "/a");
    assert_eq!(Request::read(&mut connection).unwrap().path, "/b");
    assert!(matches!(Request::read(&mut connection), Err(RequestError::Closed)));
}

#[test]
fn what_is_no_request_is_refused() {
    for text in [
        "GET /\r\n\r\n",
        "GET / HTTP/2\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "G(T / HTTP/1.1\r\n\r\n",
        "GET http://x/ HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n",
    ] {
        assert!(matches!(read(text), Err(RequestError::Malformed)), "{text:?}");
    }
    let endless = format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(20_000));
    assert!(matches!(read(&endless), Err(RequestError::TooLarge)));
}
