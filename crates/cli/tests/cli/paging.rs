use std::collections::BTreeSet;

use serde_json::Value;

use crate::desk::{Desk, many_tickets};

/// Every page of a list, by cursors.
fn pages(desk: &Desk, limit: &str, args: &[&str]) -> Vec<Vec<u64>> {
    let mut pages = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let mut all = vec!["search", "--tenant", "desk", "--limit", limit];
        all.extend(after.iter().flat_map(|cursor| ["--page-after", cursor]));
        all.extend(args);
        let found = desk.json(&all);
        pages.push(found["hits"].as_array().expect("hits").iter().filter_map(|hit| hit["id"].as_u64()).collect());
        after = found["next"].as_str().map(str::to_owned);
        if after.is_none() {
            assert_eq!(found["next"], Value::Null);
            return pages;
        }
    }
}

#[test]
fn cursors_lead_to_each_ticket_once() {
    let desk = Desk::with_lines(&many_tickets(50, 0));
    for args in [
        ["--as", "ana"].as_slice(),
        &["--as-admin", "status:open"],
        &["--as-admin", "--sort", "status:asc"],
        &["--as", "ana", "--now", "2026-01-20", "updated>1week"],
    ] {
        let expected = desk.json(&[&["search", "--tenant", "desk", "--limit", "1000"], args].concat());
        let expected: Vec<u64> =
            expected["hits"].as_array().expect("hits").iter().filter_map(|hit| hit["id"].as_u64()).collect();
        for limit in ["7", "1", "1000"] {
            let listed: Vec<u64> = pages(&desk, limit, args).concat();
            assert_eq!(listed, expected, "{args:?} by {limit}");
            assert_eq!(listed.iter().collect::<BTreeSet<_>>().len(), listed.len(), "{args:?} by {limit}");
        }
    }
}

#[test]
fn a_cursor_from_before_a_revocation_goes_on_with_what_is_left() {
    let desk = Desk::with_lines(
        &["a", "b", "a", "b", "a", "b"]
            .iter()
            .enumerate()
            .map(|(id, group)| {
                format!(
                    "{{\"k\":\"ticket\",\"id\":{id},\"group\":\"{group}\",\"updated_at\":\"2026-01-0{}\"}}\n",
                    9 - id
                )
            })
            .chain([
                "{\"k\":\"role\",\"id\":\"r\",\"view\":\"group in my.groups\"}\n".to_owned(),
                "{\"k\":\"principal\",\"id\":\"ann\",\"role\":\"r\"}\n".to_owned(),
                "{\"k\":\"rel\",\"principal\":\"ann\",\"rel\":\"groups\",\"value\":\"a\"}\n".to_owned(),
                "{\"k\":\"rel\",\"principal\":\"ann\",\"rel\":\"groups\",\"value\":\"b\"}\n".to_owned(),
            ])
            .collect::<String>(),
    );
    let page =
        |after: &[&str]| desk.json(&[&["search", "--tenant", "desk", "--as", "ann", "--limit", "2"], after].concat());
    let ids = |page: &Value| {
        page["hits"].as_array().expect("hits").iter().filter_map(|hit| hit["id"].as_u64()).collect::<Vec<_>>()
    };
    let first = page(&[]);
    assert_eq!(ids(&first), [0, 1]);
    let cursor = first["next"].as_str().expect("a cursor").to_owned();
    let second = page(&["--page-after", &cursor]);
    assert_eq!(ids(&second), [2, 3]);
    let gone = "{\"k\":\"rel\",\"principal\":\"ann\",\"rel\":\"groups\",\"value\":\"b\",\"gone\":true}\n";
    desk.import(gone, &[]).expect(0);
    let second = page(&["--page-after", &cursor]);
    assert_eq!((ids(&second), &second["total"]), (vec![2, 4], &Value::from(3)));
}

#[test]
fn a_rank_begins_where_the_pages_before_it_end() {
    let desk = Desk::with_lines(&many_tickets(50, 0));
    let all = pages(&desk, "10", &["--as-admin"]);
    for (number, page) in all.iter().enumerate() {
        let rank = (number * 10).to_string();
        let found = desk.json(&["search", "--tenant", "desk", "--as-admin", "--limit", "10", "--page-rank", &rank]);
        let ids: Vec<u64> =
            found["hits"].as_array().expect("hits").iter().filter_map(|hit| hit["id"].as_u64()).collect();
        assert_eq!(&ids, page);
    }
    let past = desk.json(&["search", "--tenant", "desk", "--as-admin", "--page-rank", "50"]);
    assert_eq!((&past["total"], past["hits"].as_array().map(Vec::len)), (&Value::from(50), Some(0)));
}

#[test]
fn a_cursor_is_good_for_its_own_question_only() {
    let desk = Desk::with_lines(&many_tickets(50, 0));
    let first = desk.json(&["search", "--tenant", "desk", "--as", "ana", "--limit", "5"]);
    let next = first["next"].as_str().expect("a cursor");
    for args in [["--as", "ana", "status:open"].as_slice(), &["--as-admin"], &["--as", "ana", "--sort", "id:asc"]] {
        let all = [&["search", "--tenant", "desk", "--page-after", next], args].concat();
        assert_eq!(desk.json_error(&all, 2)["type"], "bad_cursor", "{args:?}");
    }
    for cursor in ["", "x", "00", &next[2..]] {
        let all = ["search", "--tenant", "desk", "--as", "ana", "--page-after", cursor];
        assert_eq!(desk.json_error(&all, 2)["type"], "bad_cursor", "{cursor}");
    }
    desk.run(&["search", "--tenant", "desk", "--as", "ana", "--page-after", next, "--page-rank", "1"]).expect(2);
}

#[test]
fn a_page_has_one_to_a_thousand_rows() {
    let desk = Desk::with_lines(&many_tickets(3, 0));
    for (limit, code) in [("0", 2), ("1", 0), ("1000", 0), ("1001", 2), ("-1", 2), ("many", 2)] {
        desk.run(&["search", "--tenant", "desk", "--as-admin", "--limit", limit]).expect(code);
    }
}

#[test]
fn a_list_that_nobody_reads_on_is_no_error() {
    let desk = Desk::with_lines(&many_tickets(1000, 200));
    let mut child = desk.spawn(&["search", "--tenant", "desk", "--as-admin", "--limit", "1000", "--json"]);
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
