//! The body of a request: read within limits, unpacked within limits.

use std::future::poll_fn;
use std::io::Read as _;
use std::pin::Pin;

use axum::body::{Body, HttpBody as _};
use axum::http::{HeaderMap, header};
use flate2::read::MultiGzDecoder;
use tokio::time::{Instant, timeout_at};

use super::limits::{BODY_BYTES_MAX, BODY_PAUSE, BODY_SMALL, BODY_TIME};
use super::reply::ApiError;
use super::room::Part;
use super::{App, Call};

/// Bytes that are unpacked at a time, and room taken for.
const STEP: usize = 64 << 10;

/// A body, and the right to hold that many bytes.
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    _part: Part,
}

/// Reads the body of a call. A caller is told to come again before anything is read when there is
/// no room for what he announces.
pub(super) async fn read(app: &App, call: &mut Call) -> Result<Held, ApiError> {
    let body = std::mem::take(&mut call.body);
    let gzip = is_gzip(&call.headers)?;
    let announced = body.size_hint().exact().and_then(|size| usize::try_from(size).ok());
    if announced.is_some_and(|size| size > BODY_BYTES_MAX) {
        return Err(too_large());
    }
    let part = app.room.enter(call.caller, announced.unwrap_or(0)).ok_or_else(no_room)?;
    let (bytes, mut part) = arrive(body, announced.unwrap_or(0), part).await?;
    if !gzip {
        return Ok(Held { bytes, _part: part });
    }
    // Who packs much in little must not hold up those who share this thread.
    let bytes = tokio::task::block_in_place(|| unpack(&bytes, &mut part))?;
    Ok(Held { bytes, _part: part })
}

/// Takes what arrives, in time.
async fn arrive(
    mut body: Body,
    announced: usize,
    mut part: Part,
) -> Result<(Vec<u8>, Part), ApiError> {
    let mut bytes = Vec::with_capacity(announced.min(BODY_SMALL));
    let end = Instant::now() + BODY_TIME;
    loop {
        let pause = if bytes.len() > BODY_SMALL { Instant::now() + BODY_PAUSE } else { end };
        let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context));
        let frame = match timeout_at(pause.min(end), frame).await {
            Err(_) => return Err(ApiError::slow("the body took too long to arrive")),
            Ok(None) => return Ok((bytes, part)),
            Ok(Some(Err(_))) => return Err(ApiError::bad("the body broke off")),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > BODY_BYTES_MAX {
            return Err(too_large());
        }
        if !part.grow(data.len()) {
            return Err(no_room());
        }
        bytes.extend_from_slice(&data);
    }
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, ApiError> {
    let Some(encoding) = headers.get(header::CONTENT_ENCODING) else { return Ok(false) };
    match encoding.to_str().unwrap_or("?").trim() {
        "" | "identity" => Ok(false),
        "gzip" | "x-gzip" => Ok(true),
        _ => Err(ApiError::bad("Content-Encoding must be gzip or identity")),
    }
}

fn too_large() -> ApiError {
    ApiError::large(format!("the body must be at most {BODY_BYTES_MAX} bytes, unpacked"))
}

fn no_room() -> ApiError {
    ApiError::later("the server is busy", 2)
}

/// Unpacks what has arrived, which stays in `part` until all is unpacked.
pub(super) fn unpack(packed: &[u8], part: &mut Part) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::with_capacity(packed.len().saturating_mul(4).min(STEP));
    let mut unpacking = MultiGzDecoder::new(packed);
    loop {
        let before = bytes.len();
        let step = unpacking.by_ref().take(STEP as u64).read_to_end(&mut bytes);
        step.map_err(|_| ApiError::bad("the body is no whole gzip"))?;
        let more = bytes.len() - before;
        if more == 0 {
            return Ok(bytes);
        }
        if bytes.len() > BODY_BYTES_MAX {
            return Err(too_large());
        }
        if !part.grow(more) {
            return Err(no_room());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::http::room::Room;

    fn pack(bytes: &[u8]) -> Vec<u8> {
        let level = flate2::Compression::best();
        let mut packing = flate2::write::GzEncoder::new(Vec::new(), level);
        packing.write_all(bytes).unwrap();
        packing.finish().unwrap()
    }

    fn status(packed: &[u8], room: usize) -> Result<Vec<u8>, u16> {
        let room = Room::new(room);
        let mut part = room.enter(IpAddr::V4(Ipv4Addr::LOCALHOST), 0).unwrap();
        unpack(packed, &mut part).map_err(|error| error.status().as_u16())
    }

    #[test]
    fn what_unpacks_to_too_much_is_refused() {
        const ROOM: usize = 64 << 20;
        assert_eq!(status(&pack(b"{}"), ROOM).unwrap(), b"{}");
        let bomb = pack(&vec![b' '; 64 << 20]);
        assert!(bomb.len() < 100_000);
        assert_eq!(status(&bomb, ROOM), Err(413));
        assert_eq!(status(b"no gzip", ROOM), Err(400));
        assert_eq!(status(&pack(b"cut off")[..12], ROOM), Err(400));
        // Several members are one body; a bomb in the last of them is one as well.
        let members = [pack(b"[1"), pack(b""), pack(b"]")].concat();
        assert_eq!(status(&members, ROOM).unwrap(), b"[1]");
        assert_eq!(status(&[pack(b"["), bomb].concat(), ROOM), Err(413));
        // What is packed twice is unpacked once.
        assert_eq!(status(&pack(&pack(b"{}")), ROOM).unwrap(), pack(b"{}"));
    }

    #[test]
    fn unpacking_takes_room_and_ends_where_there_is_none() {
        let packed = pack(&vec![b' '; 1 << 20]);
        assert_eq!(status(&packed, 4 << 20).map(|bytes| bytes.len()), Ok(1 << 20));
        assert_eq!(status(&packed, 1 << 20), Err(429));
    }

    #[test]
    fn a_body_of_empty_members_takes_no_time() {
        let packed = pack(b"").repeat(BODY_BYTES_MAX / pack(b"").len());
        let begun = std::time::Instant::now();
        assert_eq!(status(&packed, BODY_BYTES_MAX).unwrap(), b"");
        let took = begun.elapsed();
        assert!(took.as_secs_f64() < 2.0, "{took:?}");
    }
}
