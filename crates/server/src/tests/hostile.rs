//! Tokens that somebody made up, against every route.

use axum::http::HeaderValue;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto::sign};

use super::*;
use crate::routes::{May, ROUTES};

const NOW_S: i64 = NOW.0 / 1000;

fn encoded(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn header() -> Value {
    json!({"alg": "EdDSA", "typ": "JWT", "kid": "k1"})
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "tid": "acme",
        "exp": NOW_S + 900, "nbf": NOW_S, "iat": NOW_S, "jti": "1",
    })
}

/// Someone who even has the private key.
struct Forger<'a>(&'a Desk);

impl Forger<'_> {
    fn ed25519(&self) -> EncodingKey {
        EncodingKey::from_ed_pem(self.0.pair.private_pem.as_bytes()).unwrap()
    }

    /// A token of these very texts, well signed.
    fn token_of(&self, header: &str, payload: &[u8]) -> String {
        let message = format!("{}.{}", encoded(header), encoded(payload));
        let signature = sign(message.as_bytes(), &self.ed25519(), Algorithm::EdDSA).unwrap();
        format!("{message}.{signature}")
    }

    fn with_header(&self, header: &Value) -> String {
        self.token_of(&header.to_string(), claims().to_string().as_bytes())
    }

    /// With another value in the header, or without it.
    fn header(&self, name: &str, value: Value) -> String {
        self.with_header(&changed(header(), name, value))
    }

    /// With another claim, or without it.
    fn claim(&self, name: &str, value: Value) -> String {
        self.token_of(&header().to_string(), changed(claims(), name, value).to_string().as_bytes())
    }
}

/// A token with a signature that only needs what everybody knows.
fn hmac(algorithm: Algorithm, name: &str, secret: &[u8]) -> String {
    let header = changed(header(), "alg", json!(name));
    let message = format!("{}.{}", encoded(header.to_string()), encoded(claims().to_string()));
    let signature = sign(message.as_bytes(), &EncodingKey::from_secret(secret), algorithm).unwrap();
    format!("{message}.{signature}")
}

fn changed(mut object: Value, name: &str, value: Value) -> Value {
    if value.is_null() {
        object.as_object_mut().unwrap().remove(name);
    } else {
        object[name] = value;
    }
    object
}

/// What each hostile token is, and the token.
fn hostile(desk: &Desk) -> Vec<(String, String)> {
    let forger = Forger(desk);
    let mut tokens: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, token: String| tokens.push((name.to_owned(), token));
    let good = forger.with_header(&header());
    let parts: Vec<&str> = good.split('.').collect();
    let (head, body, signature) = (parts[0], parts[1], parts[2]);

    // Algorithms.
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let head = encoded(changed(header(), "alg", json!(alg)).to_string());
        add(&format!("alg {alg:?}, no signature"), format!("{head}.{body}."));
        add(&format!("alg {alg:?}, the signature kept"), format!("{head}.{body}.{signature}"));
    }
    for alg in ["RS256", "RS512", "PS256", "ES256", "ES384", "ES256K", "Ed448", "eddsa", "HS256"] {
        add(&format!("alg {alg}, signed with Ed25519"), forger.header("alg", json!(alg)));
    }
    add("no alg", forger.header("alg", Value::Null));
    add("alg a list", forger.header("alg", json!(["EdDSA"])));
    let public = desk.pair.public_pem.as_bytes();
    let der = pem::parse(public).unwrap();
    let raw = &der.contents()[der.contents().len() - 32..];
    for (name, secret) in [("pem", public), ("der", der.contents()), ("raw", raw), ("empty", b"")] {
        add(&format!("HS256 with the public key as secret, {name}"), hmac(Algorithm::HS256, "HS256", secret));
        add(&format!("HS512 with the public key as secret, {name}"), hmac(Algorithm::HS512, "HS512", secret));
        add(&format!("EdDSA in name, HMAC with {name}"), hmac(Algorithm::HS256, "EdDSA", secret));
    }

    // Headers.
    for kid in ["", "k2", "K1", "k1 ", "../k1", "../../../../dev/null", "k1\0", "k1' OR '1'='1", "/etc/hosts"] {
        add(&format!("kid {kid:?}"), forger.header("kid", json!(kid)));
    }
    for kid in [Value::Null, json!(1), json!(["k1"]), json!({"kid": "k1"})] {
        add(&format!("kid {kid}"), forger.header("kid", kid));
    }
    add("crit", forger.header("crit", json!(["exp"])));
    let own = TokenKeyPair::generate().unwrap();
    let strange = EncodingKey::from_ed_pem(own.private_pem.as_bytes()).unwrap();
    let embedded = changed(header(), "jwk", json!({"kty": "OKP", "crv": "Ed25519", "x": encoded([7; 32])}));
    for header in [header(), embedded, changed(header(), "jku", json!("https://evil.example/keys"))] {
        let message = format!("{}.{body}", encoded(header.to_string()));
        let signature = sign(message.as_bytes(), &strange, Algorithm::EdDSA).unwrap();
        add(&format!("a key of one's own, {header}"), format!("{message}.{signature}"));
    }

    // Signatures.
    let altered = encoded(changed(claims(), "sub", json!("bob")).to_string());
    add("another body", format!("{head}.{altered}.{signature}"));
    add("no signature", format!("{head}.{body}."));
    add("two parts", format!("{head}.{body}"));
    add("a cut signature", format!("{head}.{body}.{}", &signature[..signature.len() - 4]));
    add("a long signature", format!("{good}AAAA"));
    add("a signature of zeros", format!("{head}.{body}.{}", encoded([0; 64])));
    add("four parts", format!("{good}.{signature}"));
    add("a padded signature", format!("{good}=="));
    add("a blank before", format!(" {good}"));
    add("a blank within", format!("{head}. {body}.{signature}"));
    add("dots", "..".to_owned());
    add("64 KiB", "x".repeat(65_536));
    add("64 KiB of claims", forger.claim("more", json!("x".repeat(65_536))));

    // Times.
    for exp in [json!(NOW_S - 5), json!(0), json!(-1), json!(NOW_S + 901), json!(u64::MAX), json!(1e300)] {
        add(&format!("exp {exp}"), forger.claim("exp", exp));
    }
    for name in ["exp", "nbf", "iat"] {
        for value in [Value::Null, json!((NOW_S + 60).to_string()), json!([NOW_S]), json!(1.5), json!(true), json!({})]
        {
            add(&format!("{name} {value}"), forger.claim(name, value));
        }
    }
    add("nbf in the future", forger.claim("nbf", json!(NOW_S + 6)));
    add("iat in the future", forger.claim("iat", json!(NOW_S + 6)));
    add("iat long ago", forger.claim("iat", json!(NOW_S - 100_000)));

    // Who, where, for whom.
    for (name, values) in [
        ("iss", vec![Value::Null, json!(""), json!("https://evil.example"), json!([ISSUER]), json!(1)]),
        ("aud", vec![Value::Null, json!(""), json!("other"), json!([]), json!(["other"]), json!({})]),
        ("sub", vec![Value::Null, json!(""), json!(["ann"]), json!({"$ne": ""}), json!("x".repeat(513))]),
        ("tid", vec![Value::Null, json!(""), json!("..%2Facme"), json!("\u{430}cme"), json!(["acme"]), json!("ACME")]),
        ("jti", vec![Value::Null, json!(""), json!(1)]),
    ] {
        for value in values {
            let shown: String = value.to_string().chars().take(30).collect();
            add(&format!("{name} {shown}"), forger.claim(name, value));
        }
    }
    let doubled = claims().to_string().replacen('{', "{\"sub\":\"bob\",", 1);
    add("sub twice", forger.token_of(&header().to_string(), doubled.as_bytes()));
    let doubled = claims().to_string().replacen('{', "{\"exp\":9999999999,", 1);
    add("exp twice", forger.token_of(&header().to_string(), doubled.as_bytes()));
    for payload in [&b"[]"[..], b"null", b"", b"{", b"\xff\xfe", b"\"ann\""] {
        add(&format!("claims {payload:?}"), forger.token_of(&header().to_string(), payload));
    }
    tokens
}

async fn refused(desk: &Desk, name: &str, values: &[HeaderValue], none: &Reply) {
    for route in ROUTES.iter().filter(|route| route.may != May::Anybody) {
        let path = route.path.replace("{tenant}", "acme").replace("{id}", "1").replace("{principal}", "ann");
        for method in methods(route) {
            let mut request = Request::builder().method(method.clone()).uri(&path).header("x-ticketscope-as", "ann");
            for value in values {
                request = request.header("authorization", value);
            }
            let reply = desk.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(reply.without_request(), none.without_request(), "{name}: {method} {path}");
        }
    }
}

#[tokio::test]
async fn no_hostile_token_is_accepted_by_any_route_and_all_are_refused_alike() {
    let desk = Desk::new();
    let none = desk.ask(Method::GET, "/v1/tenants/acme/count", &[], Body::empty()).await;
    assert_eq!((none.status, none.code()), (StatusCode::UNAUTHORIZED, "unauthenticated"));
    // The forger can make good ones, so what is refused below is refused for what is wrong with it.
    let good = Forger(&desk).with_header(&header());
    desk.get(&format!("Bearer {good}"), "/v1/tenants/acme/count").await.ok();
    let tokens = hostile(&desk);
    assert!(tokens.len() >= 60, "{}", tokens.len());
    for (name, token) in &tokens {
        let value = HeaderValue::from_bytes(format!("Bearer {token}").as_bytes());
        let Ok(value) = value else { panic!("{name} is no header") };
        refused(&desk, name, &[value], &none).await;
    }
}

#[tokio::test]
async fn no_hostile_header_is_accepted_by_any_route() {
    let desk = Desk::new();
    let none = desk.ask(Method::GET, "/v1/tenants/acme/count", &[], Body::empty()).await;
    let good = Forger(&desk).with_header(&header());
    let headers: [(&str, Vec<Vec<u8>>); 8] = [
        ("not UTF-8", vec![b"Bearer \xff\xfe".to_vec()]),
        ("not UTF-8 behind a good token", vec![[format!("Bearer {good}").as_bytes(), b"\xff"].concat()]),
        ("two headers", vec![format!("Bearer {good}").into_bytes(), format!("Bearer {good}").into_bytes()]),
        ("two in one", vec![format!("Bearer {good}, Bearer {good}").into_bytes()]),
        ("another scheme", vec![format!("Token {good}").into_bytes()]),
        ("no scheme", vec![good.clone().into_bytes()]),
        ("a tab", vec![format!("Bearer\t{good}").into_bytes()]),
        ("two blanks", vec![format!("Bearer  {good}").into_bytes()]),
    ];
    for (name, values) in headers {
        let values: Vec<_> = values.iter().map(|value| HeaderValue::from_bytes(value).unwrap()).collect();
        refused(&desk, name, &values, &none).await;
    }
}

#[tokio::test]
async fn claims_that_speak_of_rights_grant_nothing() {
    let desk = Desk::new();
    let forger = Forger(&desk);
    for (name, value) in [
        ("role", json!("admin")),
        ("scope", json!("admin")),
        ("as", json!("bob")),
        ("as_admin", json!(true)),
        ("class", json!("admin")),
        ("tenants", json!(["other"])),
        ("filter", json!("status:open")),
    ] {
        let token = format!("Bearer {}", forger.claim(name, value));
        assert_eq!(*desk.get(&token, "/v1/tenants/acme/count").await.ok(), json!({"count": 3}), "{name}");
        for route in ROUTES.iter().filter(|route| ![May::Anybody, May::Ask].contains(&route.may)) {
            let path = route.path.replace("{tenant}", "acme").replace("{principal}", "ann");
            let method = methods(route).swap_remove(0);
            let reply = desk.ask(method, &path, &[("authorization", &token)], Body::empty()).await;
            assert_eq!(reply.code(), "wrong_class", "{name}: {path}");
        }
        assert_eq!(desk.get(&token, "/v1/tenants/other/count").await.code(), "no_such_tenant", "{name}");
    }
}
