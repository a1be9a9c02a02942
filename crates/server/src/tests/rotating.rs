//! Keys and tokens that are rotated, revoked and signed out while the server runs.

use std::sync::atomic::{AtomicI64, Ordering};

use super::*;

const COUNT: &str = "/v1/tenants/acme/count?as=ann";
const OWN_COUNT: &str = "/v1/tenants/acme/count";

/// A desk, and the moment of its clock.
fn desk() -> (Desk, Arc<AtomicI64>) {
    let at = Arc::new(AtomicI64::new(NOW.0));
    let clock = Clock::new({
        let at = Arc::clone(&at);
        move || Timestamp(at.load(Ordering::Relaxed))
    });
    (Desk::with(Limits::default(), clock), at)
}

fn token_keys(desk: &Desk) -> &VerificationKeys {
    let Access::Checked { tokens: Some(tokens), .. } = &desk.app.config.access else { panic!("no tokens") };
    &tokens.keys
}

async fn is_let_in(desk: &Desk, credential: &str, path: &str) -> bool {
    let reply = desk.get(credential, path).await;
    if reply.status.is_success() {
        return true;
    }
    assert_eq!(reply.code(), "unauthenticated");
    false
}

#[tokio::test]
async fn a_rotated_key_lets_both_secrets_in_until_the_old_one_ends() {
    let (desk, at) = desk();
    let first = desk.keys.create(KeyClass::Search, Some(id("acme"))).unwrap();
    let second = desk.keys.rotate(&first.id, Duration::from_hours(1), NOW).unwrap().unwrap();
    let [first, second] = [first.text, second.text].map(|text| format!("Bearer {text}"));
    assert!(is_let_in(&desk, &first, COUNT).await && is_let_in(&desk, &second, COUNT).await);
    at.fetch_add(3_600_000, Ordering::Relaxed);
    assert!(!is_let_in(&desk, &first, COUNT).await && is_let_in(&desk, &second, COUNT).await);
}

#[tokio::test]
async fn what_a_signing_key_signs_is_believed_in_its_time() {
    let (desk, at) = desk();
    let pair = TokenKeyPair::generate().unwrap();
    let tenant = id("acme");
    let sign = |issued: i64| {
        let request = TokenRequest {
            issuer: ISSUER,
            audience: AUDIENCE,
            tenant: &tenant,
            principal: "ann",
            issued: Timestamp(issued),
            lifetime: Duration::from_mins(15),
        };
        format!("Bearer {}", issue_token(&pair.private_pem, "k2", &request).unwrap())
    };
    token_keys(&desk).add("k2", &pair.public_pem, None).unwrap();
    let old = desk.token("acme", "ann");
    assert!(!is_let_in(&desk, &sign(NOW.0), OWN_COUNT).await, "standby");
    token_keys(&desk).promote("k2", NOW).unwrap();
    assert!(is_let_in(&desk, &sign(NOW.0), OWN_COUNT).await, "current");
    assert!(is_let_in(&desk, &old, OWN_COUNT).await, "previous");
    // What the retired key signs later, by a clock that may differ by the leeway, was never believed.
    let signed_after = |seconds: i64| desk.token_issued("acme", "ann", Timestamp(NOW.0 + seconds * 1000));
    at.fetch_add(6_000, Ordering::Relaxed);
    assert!(is_let_in(&desk, &signed_after(5), OWN_COUNT).await);
    assert!(!is_let_in(&desk, &signed_after(6), OWN_COUNT).await);
    at.store(NOW.0 + 899_000, Ordering::Relaxed);
    assert!(is_let_in(&desk, &old, OWN_COUNT).await);
    assert!(!is_let_in(&desk, &signed_after(899), OWN_COUNT).await);
    // By a clock that is set back it would never end.
    at.store(NOW.0 - 5_000, Ordering::Relaxed);
    assert!(is_let_in(&desk, &signed_after(-5), OWN_COUNT).await);
    at.store(NOW.0 - 6_000, Ordering::Relaxed);
    assert!(!is_let_in(&desk, &signed_after(-6), OWN_COUNT).await);
    at.store(NOW.0 + 905_000, Ordering::Relaxed);
    assert!(!is_let_in(&desk, &old, OWN_COUNT).await);
    assert!(!is_let_in(&desk, &signed_after(5), OWN_COUNT).await);
    let now = at.load(Ordering::Relaxed);
    assert!(is_let_in(&desk, &sign(now), OWN_COUNT).await);
    token_keys(&desk).revoke("k2").unwrap();
    assert!(!is_let_in(&desk, &sign(now), OWN_COUNT).await, "revoked");
}

#[tokio::test]
async fn who_is_signed_out_is_refused_from_the_acknowledgement_on_until_signing_in_again() {
    let (desk, at) = desk();
    let admin = desk.key_of(KeyClass::Admin, "acme");
    let (ann, bob) = (desk.token("acme", "ann"), desk.token("acme", "bob"));
    let elsewhere = desk.token("other", "ann");
    let sign_out = async |body: Value| desk.post(&admin, "/v1/tenants/acme/sign-out", &body).await;
    assert_eq!(*sign_out(json!({"principal": "ann"})).await.ok(), json!({"signed_out": "ann"}));
    assert!(!is_let_in(&desk, &ann, OWN_COUNT).await);
    assert!(is_let_in(&desk, &bob, OWN_COUNT).await);
    assert_eq!(desk.get(&elsewhere, "/v1/tenants/other/count").await.code(), "unknown_principal");
    at.fetch_add(6_000, Ordering::Relaxed);
    assert!(!is_let_in(&desk, &ann, OWN_COUNT).await);
    let again = desk.token_issued("acme", "ann", Timestamp(at.load(Ordering::Relaxed)));
    assert!(is_let_in(&desk, &again, OWN_COUNT).await);
    assert_eq!(*sign_out(json!({"everybody": true})).await.ok(), json!({"signed_out": null}));
    for token in [&again, &bob] {
        assert!(!is_let_in(&desk, token, OWN_COUNT).await);
    }
    // Keys are no tokens.
    let search = desk.key(KeyClass::Search);
    assert!(is_let_in(&desk, &search, COUNT).await);
    for body in [json!({}), json!({"principal": "ann", "everybody": true}), json!({"who": "ann"})] {
        assert_eq!(sign_out(body).await.code(), "bad_parameter");
    }
    let foreign = desk.post(&admin, "/v1/tenants/other/sign-out", &json!({"everybody": true})).await;
    assert_eq!(foreign.code(), "no_such_tenant");
    let absent =
        desk.post(&desk.key(KeyClass::Admin), "/v1/tenants/absent/sign-out", &json!({"everybody": true})).await;
    assert_eq!(absent.code(), "no_such_tenant");
}
