use super::*;
use crate::TokenKeyPair;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn public() -> String {
    TokenKeyPair::generate().unwrap().public_pem
}

fn states(keys: &VerificationKeys) -> Vec<(String, &'static str)> {
    keys.list().into_iter().map(|key| (key.kid, key.state.name())).collect()
}

#[test]
fn a_key_goes_from_standby_to_current_to_previous_and_to_its_end() {
    let keys = VerificationKeys::parse(r#"{"keys": []}"#).unwrap();
    keys.add("a", &public(), None).unwrap();
    let state = |kid: &str| keys.known(kid).unwrap().state;
    assert_eq!(state("a").check(NOW), Err(Disbelief::StandbyKey));
    keys.promote("a", NOW).unwrap();
    assert_eq!(state("a").check(NOW), Ok(()));
    keys.add("b", &public(), None).unwrap();
    keys.promote("b", NOW).unwrap();
    assert_eq!((state("a"), state("b")), (TokenKeyState::Previous { retired: NOW }, TokenKeyState::Current));
    // 15 minutes and the leeway.
    assert_eq!(state("a").check(Timestamp(NOW.0 + 904_999)), Ok(()));
    assert_eq!(state("a").check(Timestamp(NOW.0 + 905_000)), Err(Disbelief::RetiredKey));
    // A clock set back before the retirement is believed within the leeway.
    assert_eq!(state("a").check(Timestamp(NOW.0 - 5_000)), Ok(()));
    assert_eq!(state("a").check(Timestamp(NOW.0 - 5_001)), Err(Disbelief::RetiredKey));
    for wrong in [i64::MIN, i64::MAX] {
        assert_eq!(state("a").check(Timestamp(wrong)), Err(Disbelief::RetiredKey));
    }
    assert_eq!(state("a").check_issued(Timestamp(i64::MIN)), Ok(()));
    assert_eq!(state("a").check_issued(Timestamp(NOW.0 + 5_000)), Ok(()));
    assert_eq!(state("a").check_issued(Timestamp(NOW.0 + 5_001)), Err(Disbelief::IssuedLate));
    assert_eq!(state("b").check_issued(Timestamp(i64::MAX)), Ok(()));
    keys.revoke("a").unwrap();
    assert_eq!(state("a").check(NOW), Err(Disbelief::RevokedKey));
    keys.revoke("b").unwrap();
    assert_eq!(state("b").check(NOW), Err(Disbelief::RevokedKey));
}

#[test]
fn a_rotation_can_be_taken_back_and_a_revocation_cannot() {
    let keys = VerificationKeys::parse(r#"{"keys": []}"#).unwrap();
    for kid in ["a", "b"] {
        keys.add(kid, &public(), None).unwrap();
        keys.promote(kid, NOW).unwrap();
    }
    keys.promote("a", NOW).unwrap();
    assert_eq!(states(&keys), [("a".to_owned(), "current"), ("b".to_owned(), "previous")]);
    assert!(matches!(keys.promote("a", NOW), Err(VerificationKeysError::NotPromotable { .. })));
    keys.revoke("b").unwrap();
    assert!(matches!(keys.promote("b", NOW), Err(VerificationKeysError::NotPromotable { .. })));
    assert!(matches!(keys.add("b", &public(), None), Err(VerificationKeysError::DuplicateKid(_))));
    assert!(matches!(keys.promote("c", NOW), Err(VerificationKeysError::UnknownKid(_))));
    assert!(matches!(keys.revoke("c"), Err(VerificationKeysError::UnknownKid(_))));
    assert!(matches!(keys.add("", &public(), None), Err(VerificationKeysError::EmptyKid)));
    assert!(matches!(keys.add("c", "x", None), Err(VerificationKeysError::NotEd25519(_))));
    assert_eq!(states(&keys), [("a".to_owned(), "current"), ("b".to_owned(), "revoked")]);
}

#[test]
fn the_keys_of_a_tenant_are_rotated_among_themselves() {
    let keys = VerificationKeys::parse(r#"{"keys": []}"#).unwrap();
    let tenant = |id: &str| Some(TenantId::parse(id).unwrap());
    for (kid, of) in [("all", None), ("a1", tenant("a")), ("b1", tenant("b")), ("a2", tenant("a"))] {
        keys.add(kid, &public(), of).unwrap();
        keys.promote(kid, NOW).unwrap();
    }
    let expected = [("a1", "previous"), ("a2", "current"), ("all", "current"), ("b1", "current")];
    assert_eq!(states(&keys), expected.map(|(kid, state)| (kid.to_owned(), state)));
}

#[test]
fn what_is_changed_is_read_again_by_all_and_a_file_that_cannot_be_read_leaves_no_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tokens.json");
    assert!(matches!(VerificationKeys::open(&path), Err(VerificationKeysError::Missing(_))));
    let (here, there) =
        (VerificationKeys::open_or_create(&path).unwrap(), VerificationKeys::open_or_create(&path).unwrap());
    there.add("a", &public(), TenantId::parse("acme").ok()).unwrap();
    there.promote("a", NOW).unwrap();
    assert_eq!(here.list(), []);
    here.refresh().unwrap();
    assert_eq!(here.list(), there.list());
    here.add("b", &public(), None).unwrap();
    there.revoke("a").unwrap();
    here.refresh().unwrap();
    assert_eq!(states(&here), [("a".to_owned(), "revoked"), ("b".to_owned(), "standby")]);
    assert_eq!(VerificationKeys::open(&path).unwrap().list(), here.list());
    let whole = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, "{").unwrap();
    assert!(here.refresh().is_err());
    assert_eq!(here.list(), []);
    std::fs::write(&path, whole).unwrap();
    here.refresh().unwrap();
    assert_eq!(here.list().len(), 2);
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(here.refresh(), Err(VerificationKeysError::Missing(_))));
    assert!(here.known("b").is_none());
}

#[test]
fn the_moment_of_retirement_belongs_to_previous_keys_alone() {
    let public = serde_json::Value::from(public());
    let parse =
        |rest: &str| VerificationKeys::parse(&format!(r#"{{"keys": [{{"kid": "a", "public_key": {public}{rest}}}]}}"#));
    let state = |rest: &str| parse(rest).map(|keys| keys.list()[0].state);
    let retired = Timestamp::parse("2026-11-22T00:00:00Z").unwrap();
    assert_eq!(state("").unwrap(), TokenKeyState::Current);
    assert_eq!(state(r#", "state": "standby""#).unwrap(), TokenKeyState::Standby);
    assert_eq!(
        state(r#", "state": "previous", "retired": "2026-11-22T00:00:00Z""#).unwrap(),
        TokenKeyState::Previous { retired }
    );
    for rest in [
        r#", "state": "previous""#,
        r#", "retired": "2026-11-22T00:00:00Z""#,
        r#", "state": "revoked", "retired": "2026-11-22T00:00:00Z""#,
        r#", "state": "standby", "retired": "2026-11-22T00:00:00Z""#,
    ] {
        assert!(matches!(parse(rest), Err(VerificationKeysError::Retired(_))), "{rest}");
    }
    for rest in [r#", "state": "Current""#, r#", "state": """#, r#", "state": "previous", "retired": "then""#] {
        assert!(matches!(parse(rest), Err(VerificationKeysError::Malformed(_))), "{rest}");
    }
}
