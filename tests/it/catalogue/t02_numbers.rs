//! T2: no number counts what is hidden.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::desk::{
    ADMIN, Asking, RESTRICTED, Secret, assert_same, hidden_parts, queries_about, serve, transcript, vault, visible,
};

/// Every number of an answer with its place in it.
fn numbers(place: &str, value: &Value, found: &mut Vec<(String, f64)>) {
    match value {
        Value::Number(number) => found.push((place.to_owned(), number.as_f64().unwrap())),
        Value::Array(values) => {
            for (at, value) in values.iter().enumerate() {
                numbers(&format!("{place}[{at}]"), value, found);
            }
        }
        Value::Object(values) => {
            for (name, value) in values {
                if name != "took_us" {
                    numbers(&format!("{place}.{name}"), value, found);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

fn numbers_of(asking: &mut Asking, query: &str) -> Vec<(String, f64)> {
    let mut found = Vec::new();
    let fields = json!({"query": query, "top": 1000, "field": ["tags", "group", "assignee", "organization", "status"]});
    numbers("facets", &asking.post("facets", &fields).json(), &mut found);
    numbers("count", &asking.post("count", &json!({"query": query})).json(), &mut found);
    numbers("search", &asking.post("search", &json!({"query": query, "limit": 1000})).json(), &mut found);
    found
}

/// The badge, the pages, the count and the facets of a query say the same number, and it is that of the hits.
fn assert_badges(asking: &mut Asking, query: &str, place: &str) {
    let (ids, _) = asking.pages(&json!({"query": query, "limit": 2}));
    let hits = ids.len() as u64;
    let list = asking.post("search", &json!({"query": query, "limit": 1000})).json();
    assert_eq!((list["total"].as_u64(), asking.count(query)), (Some(hits), hits), "{place}");
    let single = ["status", "group", "organization", "assignee", "requester"];
    let counted = [&single[..], &["tags"]].concat();
    let facets = asking.post("facets", &json!({"query": query, "top": 1000, "field": counted}));
    let facets = facets.json();
    assert_eq!(facets["total"].as_u64(), Some(hits), "{place}");
    for name in single.iter().chain(&["tags"]) {
        // Recounted from the rows that the asker may read.
        let mut carried: BTreeMap<Option<String>, u64> = BTreeMap::from([(None, 0)]);
        for hit in list["hits"].as_array().unwrap() {
            match &hit["fields"][name] {
                Value::Null => *carried.entry(None).or_default() += 1,
                Value::Array(values) => {
                    for value in values {
                        *carried.entry(value.as_str().map(str::to_owned)).or_default() += 1;
                    }
                }
                value => *carried.entry(value.as_str().map(str::to_owned)).or_default() += 1,
            }
        }
        let told: BTreeMap<Option<String>, u64> = facets["facets"][name]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (row["value"].as_str().map(str::to_owned), row["count"].as_u64().unwrap()))
            .collect();
        assert_eq!(told, carried, "{place}: {name}");
    }
}

#[test]
fn t02_no_number_in_an_answer_counts_what_is_hidden() {
    let secret = Secret::new("quarterhorse", 777, 17, 7);
    let more = Secret { tickets: 60, ..secret.clone() };
    let (bare, full) = (serve(Vec::new()), serve(vault(&secret)));
    let fuller = serve([vault(&more), hidden_parts(&Secret::new("zebrafinch", 1, 1, 0))].concat());
    let mut queries = queries_about(&secret.word);
    // A count under any range.
    queries.extend((0..30).map(|step| format!("weight>={} weight<{}", step * 37, step * 37 + 60)));
    queries.extend((1..30).map(|day| format!("reviewed_at>=2026-10-{day:02}")));
    for principal in RESTRICTED {
        let asking = |served| Asking::new(served, principal);
        let (mut bare_asks, mut full_asks, mut fuller_asks) = (asking(&bare), asking(&full), asking(&fuller));
        for query in &queries {
            let place = format!("{principal} asks {query}");
            let expected = numbers_of(&mut bare_asks, query);
            assert_eq!(numbers_of(&mut full_asks, query), expected, "{place}");
            assert_eq!(numbers_of(&mut fuller_asks, query), expected, "{place}");
            assert_badges(&mut full_asks, query, &place);
        }
        assert_eq!(full_asks.count(""), visible(principal).len() as u64, "{principal}");
        let told = |served| transcript(served, principal, &queries[..10], &["q".to_owned(), "va".to_owned()]);
        assert_same(&told(&bare), &told(&full), principal);
    }
    // The worlds do differ for who may see it.
    let counts = [&bare, &full, &fuller].map(|served| Asking::new(served, ADMIN).count("tags:vat"));
    assert_eq!([counts[1] - counts[0], counts[2] - counts[0]], [7, 60]);
}
