//! The body of a request: read within limits, unpacked within limits.

use std::io::Read as _;

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::http::{HeaderMap, header};
use flate2::read::MultiGzDecoder;
use tokio::sync::OwnedSemaphorePermit;

use super::App;
use super::limits::{BODIES_BYTES_MAX, BODY_BYTES_MAX, BODY_TIME};
use super::reply::ApiError;

/// A body, and the right to hold that many bytes.
pub(super) struct Held {
    pub(super) bytes: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

/// Reads a body. A caller is told to come again before anything is read when there is no room.
pub(super) async fn read(app: &App, headers: &HeaderMap, body: Body) -> Result<Held, ApiError> {
    let gzip = is_gzip(headers)?;
    let announced = body.size_hint().exact().and_then(|size| usize::try_from(size).ok());
    if announced.is_some_and(|size| size > BODY_BYTES_MAX) {
        return Err(too_large());
    }
    // What is packed or has no length may become as large as is allowed.
    let room = if gzip { BODY_BYTES_MAX } else { announced.unwrap_or(BODY_BYTES_MAX) };
    let permits = u32::try_from(room.clamp(1, BODIES_BYTES_MAX)).unwrap_or(u32::MAX);
    let permit = std::sync::Arc::clone(&app.bodies)
        .try_acquire_many_owned(permits)
        .map_err(|_| ApiError::later("the server is busy", 2))?;
    let bytes = match tokio::time::timeout(BODY_TIME, to_bytes(body, BODY_BYTES_MAX)).await {
        Err(_) => return Err(ApiError::slow("the body took too long to arrive")),
        Ok(Err(error)) => {
            let limited = std::error::Error::source(&error)
                .is_some_and(|source| source.to_string().contains("limit"));
            return Err(if limited { too_large() } else { ApiError::bad("the body broke off") });
        }
        Ok(Ok(bytes)) => bytes,
    };
    let bytes = if gzip { unpack(&bytes)? } else { bytes.to_vec() };
    Ok(Held { bytes, _permit: permit })
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

fn unpack(packed: &[u8]) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::with_capacity(packed.len().saturating_mul(4).min(BODY_BYTES_MAX));
    let mut unpacking = MultiGzDecoder::new(packed).take(BODY_BYTES_MAX as u64 + 1);
    unpacking.read_to_end(&mut bytes).map_err(|_| ApiError::bad("the body is no whole gzip"))?;
    if bytes.len() > BODY_BYTES_MAX { Err(too_large()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn what_unpacks_to_too_much_is_refused() {
        let pack = |bytes: &[u8]| {
            let level = flate2::Compression::best();
            let mut packing = flate2::write::GzEncoder::new(Vec::new(), level);
            packing.write_all(bytes).unwrap();
            packing.finish().unwrap()
        };
        assert_eq!(unpack(&pack(b"{}")).unwrap(), b"{}");
        let bomb = pack(&vec![b' '; 64 << 20]);
        assert!(bomb.len() < 100_000);
        assert_eq!(unpack(&bomb).unwrap_err().status().as_u16(), 413);
        assert_eq!(unpack(b"no gzip").unwrap_err().status().as_u16(), 400);
        assert_eq!(unpack(&pack(b"cut off")[..12]).unwrap_err().status().as_u16(), 400);
    }
}
