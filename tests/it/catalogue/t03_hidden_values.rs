//! T3: attackers who search for a hidden value by halves, letter by letter, by exclusion and by their place in an order
//! gain nothing: in two worlds that differ in the value alone, the same attack hears the same answers.

use std::fmt::Write;

use serde_json::json;
use ticketscope_model::Change;

use super::desk::{
    ADMIN, Asking, GROUP_AGENT, RESTRICTED, Secret, WITHOUT_NOTES, assert_same, hidden_parts, serve, vault,
};
use crate::http::Served;

/// An attack: asks what it likes, remembers every answer, and makes a guess.
type Attack = fn(&mut Asking, &mut String) -> String;

/// Asks how many tickets match, and remembers the answer.
fn count(asking: &mut Asking, heard: &mut String, query: &str) -> u64 {
    let reply = asking.post("count", &json!({"query": query}));
    writeln!(heard, "{query}: {}", reply.told()).unwrap();
    reply.json()["count"].as_u64().unwrap_or_else(|| panic!("{query}: {}", reply.text))
}

/// The weight of hidden tickets, which is above those of the desk and below 1024.
fn by_range(asking: &mut Asking, heard: &mut String) -> String {
    let (mut low, mut high) = (256, 1024);
    while high - low > 1 {
        let middle = i32::midpoint(low, high);
        if count(asking, heard, &format!("weight>={middle} weight<1024")) > 0 { low = middle } else { high = middle }
    }
    low.to_string()
}

/// The same with everything turned round: what an exclusion leaves out.
fn by_exclusion(asking: &mut Asking, heard: &mut String) -> String {
    let all = count(asking, heard, "");
    let (mut low, mut high) = (256, 1024);
    while high - low > 1 {
        let middle = i32::midpoint(low, high);
        if count(asking, heard, &format!("-weight>={middle}")) < all { low = middle } else { high = middle }
    }
    low.to_string()
}

/// A day, by dates.
fn by_date(asking: &mut Asking, heard: &mut String) -> String {
    let days: Vec<u32> = (1..=31).collect();
    let found = days.partition_point(|day| {
        count(asking, heard, &format!("reviewed_at>=2026-10-{day:02}T06:00:00Z reviewed_at<2026-10-31T18:00:00Z status:open priority:urgent tags:vat weight>=256")) > 0
    });
    found.to_string()
}

const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz";

/// Grows a beginning as long as some letter makes a difference.
fn letter_by_letter(heard: &mut String, mut answers: impl FnMut(&mut String, &str) -> bool, begin: &str) -> String {
    let mut known = begin.to_owned();
    while known.len() < 20 {
        let next = LETTERS.chars().find(|letter| answers(heard, &format!("{known}{letter}")));
        match next {
            Some(letter) => known.push(letter),
            None => break,
        }
    }
    known
}

/// A word of a text, by prefixes. A prefix has two letters at least.
fn by_prefix(asking: &mut Asking, heard: &mut String) -> String {
    let pairs = LETTERS.chars().flat_map(|a| LETTERS.chars().map(move |b| format!("{a}{b}")));
    // Beginnings of words that the desk itself holds tell nothing.
    let known = ["re", "in", "pa", "pr", "ca", "ab", "th", "of", "go", "ma", "su", "co"];
    let mut guesses = String::new();
    for pair in pairs.filter(|pair| !known.contains(&&**pair)) {
        if count(asking, heard, &format!("{pair}*")) > 0 {
            guesses += &letter_by_letter(heard, |heard, begin| count(asking, heard, &format!("{begin}*")) > 0, &pair);
            guesses.push(' ');
        }
    }
    guesses
}

/// A value, by what is suggested for its beginning.
fn by_suggestion(asking: &mut Asking, heard: &mut String) -> String {
    let suggested = |heard: &mut String, begin: &str, asking: &mut Asking| {
        let reply = asking.post("suggest", &json!({"prefix": begin, "field": "group"}));
        writeln!(heard, "{begin}: {}", reply.told()).unwrap();
        !reply.json()["suggestions"].as_array().unwrap().is_empty()
    };
    let begins: Vec<String> = LETTERS.chars().filter(|letter| *letter != 's').map(String::from).collect();
    let mut guesses = String::new();
    for begin in begins {
        if suggested(heard, &begin, asking) {
            guesses += &letter_by_letter(heard, |heard, begin| suggested(heard, begin, asking), &begin);
            guesses.push(' ');
        }
    }
    guesses
}

/// The rank of own tickets in every order, on every page.
fn by_order(asking: &mut Asking, heard: &mut String) -> String {
    let mut guess = String::new();
    for key in ["weight", "reviewed_at", "updated_at", "priority", "external_id", "group", "id"] {
        for direction in ["asc", "desc"] {
            for rank in [0, 1, 3, 8] {
                let sort = format!("{key}:{direction}");
                let reply = asking.post("search", &json!({"sort": sort, "rank": rank, "limit": 2}));
                writeln!(heard, "{sort} {rank}: {}", reply.told()).unwrap();
                guess += &reply.ids().join(",");
                guess.push(' ');
            }
        }
    }
    guess
}

/// Which of two guesses is right, by values matched exactly, folded, as words, and as every kind of field.
fn by_guess(asking: &mut Asking, heard: &mut String) -> String {
    let mut right = String::new();
    for word in ["quarterhorse", "zebrafinch", "QUARTERHORSE", "Zebrafinch"] {
        for query in [
            format!("tags:{word}"),
            format!("-tags:{word}"),
            format!("group:{word}-group"),
            format!("-group:{word}-group status:open"),
            format!("assignee:chief-{word}"),
            format!("requester:chief-{word}"),
            format!("external_id:{word}-ext"),
            format!("organization:{word}-org"),
            format!("-organization:{word}-org"),
            word.to_owned(),
            format!("refund -{word}"),
            format!("subject:{word}"),
            format!("note:{word}"),
            format!("-note:{word}"),
        ] {
            if count(asking, heard, &query) > 0 {
                write!(right, "{query}; ").unwrap();
            }
        }
    }
    right
}

const ATTACKS: [(&str, Attack); 7] = [
    ("by range", by_range),
    ("by exclusion", by_exclusion),
    ("by date", by_date),
    ("by prefix", by_prefix),
    ("by suggestion", by_suggestion),
    ("by order", by_order),
    ("by guess", by_guess),
];

fn attack(served: &Served, principal: &str, attack: Attack) -> (String, String) {
    let mut heard = String::new();
    let guess = attack(&mut Asking::new(served, principal), &mut heard);
    (guess, heard)
}

#[test]
fn t03_a_search_for_a_hidden_value_by_halves_gains_nothing() {
    let secrets = [Secret::new("quarterhorse", 777, 17, 3), Secret::new("zebrafinch", 333, 3, 3)];
    let worlds = secrets.each_ref().map(|secret| serve(vault(secret)));
    for (name, run) in ATTACKS {
        for principal in RESTRICTED {
            let [(_, one), (_, other)] = worlds.each_ref().map(|served| attack(served, principal, run));
            assert_same(&one, &other, &format!("{principal} attacks {name}"));
        }
        // Whoever may see the value finds it: the attacks are no blunt ones.
        let [(one, _), (other, _)] = worlds.each_ref().map(|served| attack(served, ADMIN, run));
        assert_ne!(one, other, "the admin searches {name}");
        if ["by range", "by exclusion"].contains(&name) {
            assert_eq!([one, other], ["777", "333"], "the admin searches {name}");
        } else if ["by prefix", "by suggestion"].contains(&name) {
            assert!(one.contains("quarterhorse") && other.contains("zebrafinch"), "{name}: {one} {other}");
        }
    }
    // Notes on tickets that are seen are no less hidden.
    let worlds: [Served; 2] = secrets.map(|secret| {
        let parts: Vec<Change> = hidden_parts(&Secret { tickets: 20, ..secret });
        serve(parts)
    });
    for (name, run) in [("by prefix", by_prefix as Attack), ("by guess", by_guess)] {
        for principal in WITHOUT_NOTES {
            let [(_, one), (_, other)] = worlds.each_ref().map(|served| attack(served, principal, run));
            assert_same(&one, &other, &format!("{principal} attacks notes {name}"));
        }
        let [(one, _), (other, _)] = worlds.each_ref().map(|served| attack(served, GROUP_AGENT, run));
        assert_ne!(one, other, "who reads notes searches {name}");
    }
}
