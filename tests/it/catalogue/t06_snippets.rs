//! T6: snippets and rows hold no byte of a part that the asker may not read.

use serde_json::json;
use ticketscope_model::{Change, Fact, TextClass, TextPart, TicketKey};

use super::desk::{Asking, GROUP_AGENT, RESTRICTED, TICKETS, WITHOUT_NOTES, assert_same, serve};
use crate::http::Served;

/// Parts beside the public ones with words that the public parts have too: before, behind and around them.
fn parts(word: &str) -> Vec<Change> {
    let part = |number: i64, name: &str, class, body: &str| {
        let part = TextPart {
            part: name.into(),
            class,
            lang: None,
            body: body.into(),
            author: Some(format!("{word}-author").into()),
            at: None,
        };
        Change::state(Fact::Text { ticket: TicketKey::Int(number), part })
    };
    let all = (1..=TICKETS).flat_map(|number| {
        [
            part(number, "a-note", TextClass::Private, &format!("refund invoice {word} parcel printer {word} case")),
            part(number, "z-side", TextClass::Side, &format!("{word} refused invited {word} refund")),
        ]
    });
    all.collect()
}

const QUERIES: [&str; 12] = [
    "refund",
    "invoice",
    "parcel",
    "printer",
    "re*",
    "in*",
    "\"about the\"",
    "refund case1",
    "subject:refund",
    "description:invoice",
    "comment:parcel",
    "refund order_by:id",
];

/// Hits whose snippet was cut from a part of a class.
fn classes(served: &Served, principal: &str, query: &str) -> Vec<String> {
    let reply = Asking::new(served, principal).post("search", &json!({"query": query, "limit": 1000})).json();
    let hits = reply["hits"].as_array().unwrap().iter();
    hits.filter_map(|hit| hit["snippet"]["class"].as_str().map(str::to_owned)).collect()
}

#[test]
fn t06_no_snippet_and_no_row_holds_a_byte_of_a_hidden_part() {
    let worlds = ["quarterhorse", "zebrafinch"].map(|word| serve(parts(word)));
    for query in QUERIES {
        for principal in WITHOUT_NOTES {
            let [one, other] = worlds.each_ref().map(|served| Asking::new(served, principal).all_of(query, 2));
            assert_same(&one, &other, &format!("{principal} asks {query}"));
            assert!(!one.contains("quarterhorse"), "{principal} asks {query}: {one}");
            for class in classes(&worlds[0], principal, query) {
                assert!(["subject", "description", "public"].contains(&&*class), "{principal} {query}: {class}");
            }
        }
    }
    let shown: usize = WITHOUT_NOTES.iter().map(|principal| classes(&worlds[0], principal, "refund").len()).sum();
    assert!(shown > 0, "there are snippets");
    // Who reads notes is shown them, and nobody is shown who wrote them.
    assert!(classes(&worlds[0], GROUP_AGENT, "quarterhorse").iter().any(|class| class == "private"));
    for principal in RESTRICTED {
        for number in 1..=TICKETS {
            let row = Asking::new(&worlds[0], principal).get(&format!("tickets/{number}"));
            assert!(!row.text.contains("quarterhorse"), "{principal}: {}", row.text);
            let is_row = row.json()["fields"]["subject"].is_string();
            assert!(is_row || row.json()["code"] == "no_such_ticket", "{}", row.text);
        }
    }
}
