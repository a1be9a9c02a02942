use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;

const ISSUER: &str = "https://desk.example";
const AUDIENCE: &str = "ticketscope";
const NOW_S: u64 = 1_800_000_000;

struct World {
    pair: TokenKeyPair,
    policy: TokenPolicy,
}

fn now() -> Timestamp {
    at(NOW_S)
}

fn at(seconds: u64) -> Timestamp {
    Timestamp(i64::try_from(seconds * 1000).unwrap())
}

fn world() -> World {
    let pair = TokenKeyPair::generate().unwrap();
    let list = json!({"keys": [{"kid": "k1", "public_key": pair.public_pem}]});
    let keys = VerificationKeys::parse(&list.to_string()).unwrap();
    World { pair, policy: TokenPolicy { issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned(), keys } }
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "tid": "acme",
        "exp": NOW_S + 900, "nbf": NOW_S, "iat": NOW_S, "jti": "1",
    })
}

fn header() -> Header {
    Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::EdDSA) }
}

impl World {
    fn sign(&self, header: &Header, claims: &Value) -> String {
        encode(header, claims, &EncodingKey::from_ed_pem(self.pair.private_pem.as_bytes()).unwrap()).unwrap()
    }

    fn verify(&self, claims: &Value) -> Result<Identity, Disbelief> {
        self.policy.verify(&self.sign(&header(), claims), now())
    }

    /// What becomes of a token with one claim changed, or taken away by `null`.
    fn with(&self, claim: &str, value: Value) -> Result<Identity, Disbelief> {
        let mut claims = claims();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(claim);
        } else {
            claims[claim] = value;
        }
        self.verify(&claims)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with what may be an error")]
fn ann() -> Result<Identity, Disbelief> {
    Ok(Identity { tenant: TenantId::parse("acme").unwrap(), principal: "ann".to_owned(), issued: now() })
}

#[test]
fn an_issued_token_is_believed() {
    let world = world();
    let tenant = TenantId::parse("acme").unwrap();
    let request = TokenRequest {
        issuer: ISSUER,
        audience: AUDIENCE,
        tenant: &tenant,
        principal: "ann",
        issued: now(),
        lifetime: MAX_TOKEN_LIFETIME,
    };
    let token = issue_token(&world.pair.private_pem, "k1", &request).unwrap();
    assert_eq!(world.policy.verify(&token, now()), ann());
    assert!(matches!(issue_token(&world.pair.public_pem, "k1", &request), Err(IssueError::NotEd25519)));
}

#[test]
fn times_hold_within_the_leeway_on_both_sides() {
    let world = world();
    let token = world.sign(&header(), &claims());
    let verify = |seconds: u64| world.policy.verify(&token, at(seconds));
    assert_eq!(verify(NOW_S - 5), ann());
    assert_eq!(verify(NOW_S - 6), Err(Disbelief::NotYet));
    assert_eq!(verify(NOW_S + 904), ann());
    assert_eq!(verify(NOW_S + 905), Err(Disbelief::Expired));
    assert_eq!(world.with("nbf", json!(NOW_S + 5)), ann());
    assert_eq!(world.with("nbf", json!(NOW_S + 6)), Err(Disbelief::NotYet));
    assert_eq!(world.policy.verify(&token, Timestamp(-1)), Err(Disbelief::NotYet));
}

#[test]
fn no_token_lives_longer_than_fifteen_minutes() {
    let world = world();
    assert_eq!(world.with("exp", json!(NOW_S + 901)), Err(Disbelief::Lifetime));
    assert_eq!(world.with("exp", json!(NOW_S + 960)), Err(Disbelief::Lifetime));
    assert_eq!(world.with("exp", json!(NOW_S - 1)), Err(Disbelief::Lifetime));
    assert_eq!(world.with("exp", json!(u64::MAX)), Err(Disbelief::Lifetime));
    assert_eq!(world.with("exp", json!(NOW_S)), ann());
}

#[test]
fn every_claim_is_required_and_of_its_type() {
    let world = world();
    for claim in ["iss", "aud", "sub", "tid", "exp", "nbf", "iat", "jti"] {
        for value in [Value::Null, json!([]), json!({}), json!(true), json!(1.5), json!(-1), json!(1e30)] {
            let expected =
                if claim == "aud" && value == json!([]) { Disbelief::Audience } else { Disbelief::Signature };
            assert_eq!(world.with(claim, value.clone()), Err(expected), "{claim}: {value}");
        }
    }
    for claim in ["exp", "nbf", "iat"] {
        assert_eq!(world.with(claim, json!(NOW_S.to_string())), Err(Disbelief::Signature), "{claim}");
    }
}

#[test]
fn issuer_audience_tenant_and_subject_are_compared_exactly() {
    let world = world();
    for issuer in ["", "https://desk.example/", "HTTPS://desk.example", "https://evil.example"] {
        assert_eq!(world.with("iss", json!(issuer)), Err(Disbelief::Issuer), "{issuer}");
    }
    assert_eq!(world.with("aud", json!(["other", AUDIENCE])), ann());
    for audience in [json!("other"), json!(["other"]), json!("")] {
        assert_eq!(world.with("aud", audience.clone()), Err(Disbelief::Audience), "{audience}");
    }
    // The third begins with a Cyrillic letter.
    for tenant in ["", "..", "\u{430}cme", "ACME", "acme/x"] {
        assert_eq!(world.with("tid", json!(tenant)), Err(Disbelief::Tenant), "{tenant}");
    }
    assert_eq!(world.with("sub", json!("")), Err(Disbelief::Id));
    assert_eq!(world.with("sub", json!("x".repeat(MAX_ID_BYTES + 1))), Err(Disbelief::Id));
    assert!(world.with("sub", json!("x".repeat(MAX_ID_BYTES))).is_ok());
    assert_eq!(world.with("jti", json!("")), Err(Disbelief::Id));
}

#[test]
fn claims_that_speak_of_rights_are_not_read() {
    let world = world();
    for (claim, value) in [
        ("role", json!("admin")),
        ("scope", json!("all")),
        ("filter", json!("status:open")),
        ("as_admin", json!(true)),
        ("tenants", json!(["other"])),
    ] {
        assert_eq!(world.with(claim, value), ann(), "{claim}");
    }
}

#[test]
fn a_claim_given_twice_is_not_believed() {
    let world = world();
    let doubled = claims().to_string().replacen('{', "{\"sub\":\"bob\",", 1);
    let sign = |payload: &str| {
        let signed = world.sign(&header(), &json!({}));
        let head = signed.split('.').next().unwrap().to_owned();
        let message = format!("{head}.{}", base64(payload.as_bytes()));
        let key = EncodingKey::from_ed_pem(world.pair.private_pem.as_bytes()).unwrap();
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::EdDSA).unwrap();
        format!("{message}.{signature}")
    };
    assert_eq!(world.policy.verify(&sign(&claims().to_string()), now()), ann());
    assert_eq!(world.policy.verify(&sign(&doubled), now()), Err(Disbelief::Signature));
}

#[test]
fn no_other_algorithm_is_believed_whatever_it_is_keyed_with() {
    let world = world();
    let hmac = |secret: &[u8]| {
        let header = Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::HS256) };
        encode(&header, &claims(), &EncodingKey::from_secret(secret)).unwrap()
    };
    let public = world.pair.public_pem.as_bytes();
    let der = pem::parse(public).unwrap();
    for secret in [public, der.contents(), b"", b"secret"] {
        assert_eq!(world.policy.verify(&hmac(secret), now()), Err(Disbelief::Header));
    }
    for alg in ["none", "None", "nOnE", ""] {
        let head = base64(json!({"alg": alg, "typ": "JWT", "kid": "k1"}).to_string().as_bytes());
        let body = base64(claims().to_string().as_bytes());
        let signed = world.sign(&header(), &claims());
        let signature = signed.rsplit('.').next().unwrap();
        for token in [format!("{head}.{body}."), format!("{head}.{body}"), format!("{head}.{body}.{signature}")] {
            assert_eq!(world.policy.verify(&token, now()), Err(Disbelief::Malformed), "{alg}");
        }
    }
    let critical = Header { crit: Some(vec!["exp".to_owned()]), ..header() };
    assert_eq!(world.policy.verify(&world.sign(&critical, &claims()), now()), Err(Disbelief::Header));
}

#[test]
fn only_keys_that_are_known_sign_and_only_what_they_signed_counts() {
    let (world, other) = (world(), world());
    for kid in [None, Some(""), Some("k2"), Some("../../k1"), Some("k1' OR '1'='1"), Some("K1")] {
        let header = Header { kid: kid.map(str::to_owned), ..header() };
        let verified = world.policy.verify(&world.sign(&header, &claims()), now());
        assert_eq!(verified, Err(Disbelief::UnknownKey), "{kid:?}");
    }
    assert_eq!(world.policy.verify(&other.sign(&header(), &claims()), now()), Err(Disbelief::Signature));
    let token = world.sign(&header(), &claims());
    let (head, rest) = token.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    let mut forged = claims();
    forged["sub"] = json!("bob");
    let forged = base64(forged.to_string().as_bytes());
    for token in [
        format!("{head}.{forged}.{signature}"),
        format!("{head}.{body}."),
        format!("{head}.{body}.{}", &signature[..signature.len() - 4]),
        format!("{head}.{body}.{}", "A".repeat(signature.len())),
        format!("{token}.{signature}"),
        format!("{token}="),
        format!(" {token}"),
        String::new(),
        "..".to_owned(),
        "x".repeat(65_536),
    ] {
        assert!(world.policy.verify(&token, now()).is_err(), "{token:.80}");
    }
}

#[test]
fn a_key_of_one_tenant_signs_for_no_other() {
    let pair = TokenKeyPair::generate().unwrap();
    let list = json!({"keys": [{"kid": "k1", "public_key": pair.public_pem, "tenant": "acme"}]});
    let keys = VerificationKeys::parse(&list.to_string()).unwrap();
    let world = World { pair, policy: TokenPolicy { issuer: ISSUER.into(), audience: AUDIENCE.into(), keys } };
    assert_eq!(world.verify(&claims()), ann());
    assert_eq!(world.with("tid", json!("other")), Err(Disbelief::Tenant));
}

#[test]
fn several_keys_are_known_at_once_so_that_they_can_be_rotated() {
    let (old, new) = (TokenKeyPair::generate().unwrap(), TokenKeyPair::generate().unwrap());
    let list = json!({"keys": [
        {"kid": "old", "public_key": old.public_pem},
        {"kid": "new", "public_key": new.public_pem},
    ]});
    let keys = VerificationKeys::parse(&list.to_string()).unwrap();
    let policy = TokenPolicy { issuer: ISSUER.into(), audience: AUDIENCE.into(), keys };
    for (kid, pair, is_right) in [("old", &old, true), ("new", &new, true), ("old", &new, false)] {
        let header = Header { kid: Some(kid.to_owned()), ..header() };
        let key = EncodingKey::from_ed_pem(pair.private_pem.as_bytes()).unwrap();
        let token = encode(&header, &claims(), &key).unwrap();
        assert_eq!(policy.verify(&token, now()).is_ok(), is_right, "{kid}");
    }
}

#[test]
fn a_file_of_keys_is_taken_whole_or_not_at_all() {
    let pair = TokenKeyPair::generate().unwrap();
    let parse = |list: Value| VerificationKeys::parse(&list.to_string()).unwrap_err().to_string();
    let (public, private) = (&pair.public_pem, &pair.private_pem);
    for (list, part) in [
        (json!({}), "missing field `keys`"),
        (json!({"keys": [{"kid": "a"}]}), "missing field `public_key`"),
        (json!({"keys": [{"kid": "a", "public_key": public, "role": "x"}]}), "unknown field `role`"),
        (json!({"keys": [{"kid": "", "public_key": public}]}), "empty kid"),
        (json!({"keys": [{"kid": "a", "public_key": public}, {"kid": "a", "public_key": public}]}), "`a`"),
        (json!({"keys": [{"kid": "a", "public_key": private}]}), "no Ed25519 public key"),
        (json!({"keys": [{"kid": "a", "public_key": "x"}]}), "no Ed25519 public key"),
        (json!({"keys": [{"kid": "a", "public_key": public, "tenant": ""}]}), "which can be none"),
    ] {
        let error = parse(list.clone());
        assert!(error.contains(part), "{list}: {error}");
    }
}

#[test]
fn no_debug_output_holds_a_private_key() {
    let pair = TokenKeyPair::generate().unwrap();
    let secret = pair.private_pem.lines().nth(1).unwrap();
    assert!(!format!("{pair:?}").contains(secret));
}

/// Base64 for URLs, without padding.
fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
