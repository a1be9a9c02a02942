//! Development mode trusts whoever reaches it, so it must be reached from this machine by programs of this machine's
//! user. A page of another site could send requests here, also under a name that it makes resolve to loopback: the names
//! in `Host` and `Origin` tell.

use std::net::IpAddr;

use axum::http::{HeaderMap, Uri, header, uri::Authority};

use crate::{code::Code, failure::Failure};

/// # Errors
/// [`Code::ForeignHost`] and [`Code::ForeignOrigin`].
pub(crate) fn check_local(headers: &HeaderMap, uri: &Uri) -> Result<(), Failure> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok()).filter(|_| hosts.next().is_none());
    let named = uri.authority().is_none_or(|authority| is_loopback(authority.as_str()));
    if !named || !host.is_some_and(is_loopback) {
        return Err(Failure::of(Code::ForeignHost));
    }
    let is_own = |origin: &str| origin.split_once("://").is_some_and(|(_, authority)| is_loopback(authority));
    if headers.get_all(header::ORIGIN).iter().all(|origin| origin.to_str().is_ok_and(is_own)) {
        Ok(())
    } else {
        Err(Failure::of(Code::ForeignOrigin))
    }
}

/// Whether an authority like `localhost:7700` names this machine, without asking anybody.
fn is_loopback(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    if authority.as_str().contains('@') {
        return false;
    }
    let host = authority.host();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_cannot_lead_elsewhere_are_loopback() {
        for name in ["localhost", "LocalHost:7700", "127.0.0.1", "127.9.9.9:1", "[::1]", "[::1]:7700"] {
            assert!(is_loopback(name), "{name}");
        }
        for name in [
            "",
            "example.org",
            "localhost.example.org",
            "127.0.0.1.example.org",
            "127.0.0.1@example.org",
            "example.org@127.0.0.1",
            "10.0.0.1",
            "0.0.0.0",
            "[::]",
            "localhost/",
            "localhost:x y",
        ] {
            assert!(!is_loopback(name), "{name}");
        }
    }

    #[test]
    fn host_target_and_origin_must_all_be_local() {
        let check = |uri: &str, pairs: &[(header::HeaderName, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(name, value.parse().unwrap());
            }
            check_local(&headers, &uri.parse().unwrap()).map_err(|failure| failure.code)
        };
        let (host, origin) = (header::HOST, header::ORIGIN);
        assert_eq!(check("/", &[(host.clone(), "localhost:1")]), Ok(()));
        assert_eq!(check("/", &[(host.clone(), "localhost:1"), (origin.clone(), "http://127.0.0.1:3000")]), Ok(()));
        assert_eq!(check("/", &[]), Err(Code::ForeignHost));
        assert_eq!(check("/", &[(host.clone(), "evil.example")]), Err(Code::ForeignHost));
        assert_eq!(check("/", &[(host.clone(), "localhost"), (host.clone(), "localhost")]), Err(Code::ForeignHost));
        assert_eq!(check("http://evil.example/", &[(host.clone(), "localhost")]), Err(Code::ForeignHost));
        for foreign in ["http://evil.example", "null", "http://localhost.evil.example", "file://"] {
            let headers = [(host.clone(), "localhost"), (origin.clone(), foreign)];
            assert_eq!(check("/", &headers), Err(Code::ForeignOrigin), "{foreign}");
        }
    }
}
