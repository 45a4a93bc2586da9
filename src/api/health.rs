//! `/livez`, `/readyz`, `/health`, `/metrics`.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::state::Front;
use crate::{base::time::rfc3339, observe::metrics::StoreReadings, runtime::clock};

/// The process answers.
pub async fn live() -> &'static str {
    "ok\n"
}

/// New users may come: database, shards, not draining.
pub async fn ready(State(front): State<Front>) -> Response {
    let report = check(&front).await;
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let text = if report.ready {
        "ready\n".to_owned()
    } else {
        format!("not ready: {}\n", report.failing.join(", "))
    };
    (status, text).into_response()
}

/// The state of each part.
pub async fn health(State(front): State<Front>) -> Response {
    let report = check(&front).await;
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(report.body)).into_response()
}

/// Prometheus text.
pub async fn metrics(State(front): State<Front>) -> Response {
    let (sessions, attached, queued) = front.registry.counts();
    front.metrics.ws_sessions.set(as_i64(sessions));
    front.metrics.ws_connections.set(as_i64(attached));
    front.metrics.ws_queue_depth.set(as_i64(queued));
    front.metrics.connections.set(as_i64(front.connections.total()));
    front.metrics.whip_resources.set(as_i64(front.resources.len()));
    let shards = front.hub.stats().await;
    let text = front.metrics.render(store_readings(&front), &shards, front.hub.tcp_stats().as_ref());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

fn store_readings(front: &Front) -> StoreReadings {
    let stats = front.services.store_stats();
    let seconds = |micros: u64| Duration::from_micros(micros).as_secs_f64();
    StoreReadings {
        queue_depth: stats.queue_depth as u64,
        commits: stats.commits,
        writes: stats.writes,
        failed_writes: stats.failed_writes,
        commit_seconds: seconds(stats.commit_us_total),
        longest_commit_seconds: seconds(stats.commit_us_max),
        search_lag_seconds: seconds(stats.search_lag_us),
        search_indexed: stats.search_indexed,
        search_failures: stats.search_failures,
        cleared: stats.cleared,
        lost_notifications: front.services.lost_notifications(),
    }
}

struct Report {
    ready: bool,
    failing: Vec<&'static str>,
    body: Value,
}

async fn check(front: &Front) -> Report {
    let started = clock::now();
    let database = matches!(timeout(PATIENCE, front.services.ping()).await, Ok(Ok(())));
    let database_ms = clock::now().saturating_duration_since(started).as_millis();
    let expected = front.hub.local_addrs().len();
    let shards = timeout(PATIENCE, front.hub.stats()).await.unwrap_or_default();
    let media = shards.len() >= expected && expected > 0;
    let draining = front.is_draining();
    let mut failing = Vec::new();
    for (name, fine) in [("database", database), ("media", media), ("draining", !draining)] {
        if !fine {
            failing.push(name);
        }
    }
    let (sessions, attached, queued) = front.registry.counts();
    let word = |fine: bool| if fine { "ok" } else { "failing" };
    let body = json!({
        "status": if draining { "draining" } else { word(failing.is_empty()) },
        "version": env!("CARGO_PKG_VERSION"),
        "time": rfc3339(clock::wall_ms()),
        "components": {
            "database": { "status": word(database), "roundTripMs": u64::try_from(database_ms).unwrap_or(u64::MAX) },
            "media": {
                "status": word(media), "shards": shards.len(), "expectedShards": expected,
                "rooms": shards.iter().map(|s| s.rooms).sum::<u64>(),
                "sessions": shards.iter().map(|s| s.sessions).sum::<u64>(),
            },
            "signalling": {
                "status": word(!draining), "sessions": sessions, "connections": attached, "queuedFrames": queued,
            },
        },
    });
    Report { ready: failing.is_empty(), failing, body }
}

fn as_i64(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A part that takes longer is not well.
const PATIENCE: Duration = Duration::from_millis(1500);
