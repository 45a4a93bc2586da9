//! The accept loop: connection caps and HTTP/1 with deadlines, in front of the router.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{Router, extract::Request, http::HeaderMap};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tower::ServiceExt;

use super::{limits::Permit, state::Front};

/// Who is at the other end. Rides on every request; its clones keep the connection counted.
#[derive(Debug, Clone)]
pub struct Peer {
    pub ip: IpAddr,
    _permit: Arc<Permit>,
}

/// Accepts until `stop` turns true. Connections end by themselves.
pub async fn run(listener: TcpListener, router: Router, front: Front, mut stop: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            // Both arms are cancel-safe.
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, address)) => {
                let Some(permit) = front.connections.admit(address.ip().to_canonical()) else {
                    tracing::debug!("connection refused: too many");
                    continue;
                };
                tokio::spawn(connection(
                    stream,
                    router.clone(),
                    front.clone(),
                    permit,
                    address.ip(),
                    stop.clone(),
                ));
            }
            Err(error) => {
                // Out of file descriptors: others must close first.
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    router: Router,
    front: Front,
    permit: Permit,
    ip: IpAddr,
    mut stop: watch::Receiver<bool>,
) {
    // Small frames, answered at once.
    let _ = stream.set_nodelay(true);
    let permit = Arc::new(permit);
    let trusted: Arc<[IpAddr]> = front.config.server.trusted_proxies.as_slice().into();
    let service = tower::service_fn(move |request: hyper::Request<Incoming>| {
        let ip = client_ip(ip.to_canonical(), request.headers(), &trusted);
        let mut request: Request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(Peer { ip, _permit: Arc::clone(&permit) });
        router.clone().oneshot(request)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADER)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .with_upgrades();
    tokio::pin!(connection);
    let mut stopping = false;
    loop {
        tokio::select! {
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::trace!(%error, "connection ended");
                }
                return;
            }
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// The address the request came from: the socket's, or behind trusted proxies the last one they vouch for.
fn client_ip(socket: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    if !trusted.contains(&socket) {
        return socket;
    }
    let hops = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<IpAddr> =
        hops.flat_map(|value| value.split(',')).map_while(|hop| hop.trim().parse().ok()).collect();
    hops.into_iter().rev().find(|hop| !trusted.contains(hop)).unwrap_or(socket)
}

/// Half-open connections are gone after this, also while they wait for the next request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Request line and headers; an 8 KiB token must fit.
const MAX_HEADER: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwarded_addresses_count_only_behind_trusted_proxies() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let proxy = ip("10.0.0.1");
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "198.51.100.1, 203.0.113.9, 10.0.0.2".parse().unwrap());
        assert_eq!(client_ip(ip("192.0.2.1"), &headers, &[proxy]), ip("192.0.2.1"));
        assert_eq!(client_ip(proxy, &headers, &[proxy, ip("10.0.0.2")]), ip("203.0.113.9"));
        assert_eq!(client_ip(proxy, &headers, &[proxy]), ip("10.0.0.2"));
        assert_eq!(client_ip(proxy, &HeaderMap::new(), &[proxy]), proxy);
        headers.insert("x-forwarded-for", "nonsense".parse().unwrap());
        assert_eq!(client_ip(proxy, &headers, &[proxy]), proxy);
    }
}
