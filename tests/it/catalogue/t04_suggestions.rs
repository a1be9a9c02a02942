//! T4: nothing is suggested, picked or hinted at but what visible tickets carry.

use std::fmt::Write;

use serde_json::{Value, json};

use super::desk::{
    ADMIN, Asking, GROUP_AGENT, RESTRICTED, Secret, WITHOUT_NOTES, assert_same, beginnings, chief, hidden_parts, serve,
    vault,
};
use crate::http::{Served, encoded};

/// Everything that is suggested for the beginnings of a word: in every field, by every way to ask.
fn suggested(served: &Served, principal: &str, prefixes: &[String]) -> String {
    let mut asking = Asking::new(served, principal);
    let mut told = String::new();
    for prefix in prefixes {
        writeln!(told, "{prefix}: {}", asking.get(&format!("suggest?prefix={}&limit=100", encoded(prefix))).told())
            .unwrap();
        writeln!(told, "{prefix}: {}", asking.post("suggest", &json!({"prefix": prefix, "limit": 1})).told()).unwrap();
        for field in ["tags", "group", "organization", "assignee", "requester", "cc", "external_id", "status", "brand"]
        {
            let parameters = json!({"prefix": prefix, "field": field, "limit": 100});
            writeln!(told, "{prefix} {field}: {}", asking.post("suggest", &parameters).told()).unwrap();
        }
    }
    told
}

/// The values that somebody's tickets carry, and the words of their public texts are among the desk's.
fn assert_carried(served: &Served, principal: &str) {
    let mut asking = Asking::new(served, principal);
    let rows = asking.post("search", &json!({"limit": 1000})).json();
    let carried = rows["hits"].to_string().to_lowercase();
    for letter in "abcdefghijklmnopqrstuvwxyz".chars() {
        for field in ["tags", "group", "organization", "assignee", "requester", "status"] {
            let parameters = json!({"prefix": letter.to_string(), "field": field, "limit": 100});
            for suggestion in asking.post("suggest", &parameters).json()["suggestions"].as_array().unwrap() {
                let value = Value::from(suggestion["text"].as_str().unwrap()).to_string();
                assert!(carried.contains(&value.to_lowercase()), "{principal} is suggested {suggestion}");
            }
        }
    }
}

#[test]
fn t04_nothing_is_suggested_but_what_visible_tickets_carry() {
    let secrets = [Secret::new("quarterhorse", 777, 17, 4), Secret::new("zebrafinch", 333, 3, 9)];
    let worlds = secrets.each_ref().map(|secret| serve(vault(secret)));
    let mut prefixes: Vec<String> = vec![String::new(), "g".to_owned(), "chief".to_owned(), "re".to_owned()];
    for secret in &secrets {
        prefixes.extend(beginnings(&secret.word));
        prefixes.extend([chief(secret), format!("{} ch", secret.word), format!("{}@vault", secret.word)]);
        prefixes.extend([secret.word.to_uppercase(), format!("refund {}", &secret.word[..3])]);
    }
    for principal in RESTRICTED {
        let [one, other] = worlds.each_ref().map(|served| suggested(served, principal, &prefixes));
        assert_same(&one, &other, principal);
        for secret in &secrets {
            assert!(!one.contains(&format!("\"text\":\"{}", secret.word)), "{principal} is told {}", secret.word);
        }
        assert_carried(&worlds[0], principal);
    }
    let told = suggested(&worlds[0], ADMIN, &prefixes);
    for value in ["quarterhorse", "quarterhorse-group", "chief-quarterhorse", "quarterhorse-ext"] {
        assert!(told.contains(&format!("\"text\":\"{value}\"")), "the admin is not told {value}");
    }
    // Words of notes are suggested to who reads notes.
    let worlds = secrets.map(|secret| serve(hidden_parts(&Secret { tickets: 20, ..secret })));
    for principal in WITHOUT_NOTES {
        let [one, other] = worlds.each_ref().map(|served| suggested(served, principal, &prefixes));
        assert_same(&one, &other, principal);
    }
    let [one, other] = worlds.each_ref().map(|served| suggested(served, GROUP_AGENT, &prefixes));
    assert!(one.contains("\"text\":\"quarterhorse\"") && other.contains("\"text\":\"zebrafinch\""));
}
