//! Counters for operators. Labels are route templates and classes of statuses: no tenant, no principal, no id.

use std::{fmt, time::Duration};

use axum::http::StatusCode;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::{Family, MetricConstructor},
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use ticketscope_engine::Ailing;

/// What a route is called that is none.
pub(crate) const NO_ROUTE: &str = "other";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Debug, Clone, Copy)]
struct Buckets;

impl MetricConstructor<Histogram> for Buckets {
    /// From a quarter of a millisecond to eight seconds.
    fn new_metric(&self) -> Histogram {
        Histogram::new(exponential_buckets(0.00025, 2.0, 16))
    }
}

/// Every metric of a server.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    latency: Family<RouteLabels, Histogram, Buckets>,
    /// Requests being answered.
    pub(crate) in_flight: Gauge,
    /// Requests refused because too much was asked at once.
    pub(crate) refused: Counter,
    /// Changes that took effect.
    pub(crate) changes: Counter,
    /// Answers withheld because a canary was in them.
    pub(crate) canary_alarms: Counter,
    /// Connections open.
    pub(crate) connections: Gauge,
    tenants_damaged: Gauge,
    tenants_full: Gauge,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("ticketscope");
        let requests = Family::default();
        let latency = Family::new_with_constructor(Buckets);
        let (in_flight, connections) = (Gauge::default(), Gauge::default());
        let (tenants_damaged, tenants_full) = (Gauge::default(), Gauge::default());
        let (refused, changes, canary_alarms) = (Counter::default(), Counter::default(), Counter::default());
        registry.register("http_requests", "Requests answered, by route and class of status", requests.clone());
        let about = "Time from the headers of a request to its answer, by route";
        registry.register_with_unit("http_request_duration", about, Unit::Seconds, latency.clone());
        registry.register("http_requests_in_flight", "Requests being answered", in_flight.clone());
        registry.register("http_requests_refused", "Requests refused because too much was asked", refused.clone());
        registry.register("http_connections_open", "Connections open", connections.clone());
        registry.register("changes_applied", "Changes that took effect", changes.clone());
        let about = "Answers withheld because a canary was in them that the asker may not see";
        registry.register("canary_alarms", about, canary_alarms.clone());
        let about = "Tenants that are not answered, because their data is damaged";
        registry.register("tenants_damaged", about, tenants_damaged.clone());
        registry.register("tenants_full", "Open tenants that take no batches for want of room", tenants_full.clone());
        Self {
            registry,
            requests,
            latency,
            in_flight,
            refused,
            changes,
            canary_alarms,
            connections,
            tenants_damaged,
            tenants_full,
        }
    }

    /// Notes how many tenants are not as they should be.
    pub(crate) fn see(&self, ailing: Ailing) {
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.tenants_damaged.set(gauge(ailing.damaged));
        self.tenants_full.set(gauge(ailing.full));
    }

    /// Notes an answered request.
    pub(crate) fn answered(&self, route: &str, status: StatusCode, took: Duration) {
        let status = match status.as_u16() / 100 {
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            5 => "5xx",
            _ => "1xx",
        };
        self.requests.get_or_create(&RequestLabels { route: route.to_owned(), status }).inc();
        self.latency.get_or_create(&RouteLabels { route: route.to_owned() }).observe(took.as_secs_f64());
    }

    /// All of them in the text format of Prometheus.
    pub(crate) fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Counts something for as long as it lasts.
#[derive(Debug)]
pub(crate) struct Counting(Gauge);

impl Counting {
    pub(crate) fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.0.dec();
    }
}
