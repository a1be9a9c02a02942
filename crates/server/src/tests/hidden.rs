//! What is hidden is answered as what does not exist.

use serde_json::json;

use super::*;

/// Ids of tickets that ann may not see: of others, deleted, of nobody, and such as no ticket can have.
const UNSEEN: [&str; 5] = ["3", "4", "5", "999", "A-8"];

/// An answer without its tag, which names the question.
fn untagged(reply: &Reply) -> (StatusCode, Vec<(String, String)>, String) {
    let (status, mut headers, text) = reply.without_request();
    headers.retain(|(name, _)| name != "etag");
    (status, headers, text)
}

#[tokio::test]
async fn a_hidden_ticket_is_answered_byte_for_byte_like_an_absent_one() {
    let desk = Desk::new();
    let (ann, search) = (desk.token("acme", "ann"), desk.key_of(KeyClass::Search, "acme"));
    for (credential, asked) in [(&ann, ""), (&search, "as=ann")] {
        let absent = desk.get(credential, &format!("/v1/tenants/acme/tickets/absent?{asked}")).await;
        assert_eq!((absent.status, absent.code()), (StatusCode::NOT_FOUND, "no_such_ticket"));
        let checked = desk.get(credential, &format!("/v1/tenants/acme/check?ticket=absent&{asked}")).await;
        assert_eq!(*checked.ok(), json!({"visible": false}));
        for id in UNSEEN {
            let hidden = desk.get(credential, &format!("/v1/tenants/acme/tickets/{id}?{asked}")).await;
            assert_eq!(hidden.without_request(), absent.without_request(), "{id}");
            let hidden = desk.get(credential, &format!("/v1/tenants/acme/check?ticket={id}&{asked}")).await;
            assert_eq!(untagged(&hidden), untagged(&checked), "{id}");
        }
    }
    let too_long = format!("/v1/tenants/acme/tickets/{}", "x".repeat(600));
    assert_eq!(desk.get(&ann, &too_long).await.code(), "no_such_ticket");
}

#[tokio::test]
async fn no_answer_to_an_agent_changes_with_the_hidden_tickets() {
    let (desk, pruned) = (Desk::new(), Desk::new());
    let admin = pruned.key(KeyClass::Admin);
    let gone: String = ["3", "4", "5"].map(|id| format!("{{\"k\":\"del\",\"ticket\":{id}}}\n")).concat();
    pruned.change(&admin, "", &gone).await.ok();
    let more = (100..200).fold(String::new(), |lines, id| {
        lines
            + &format!(
                "{{\"k\":\"ticket\",\"id\":{id},\"group\":\"support\",\"status\":\"open\",\"tags\":[\"x{id}\"]}}\n"
            )
    });
    desk.change(&desk.key(KeyClass::Admin), "", &more).await.ok();
    for path in [
        "count",
        "count?query=status:open",
        "count?query=tags:secret",
        "count?query=tags:SECRET",
        "facets?field=tags&field=status&field=group",
        "check?ticket=3",
        "check?ticket=100",
        "fields",
        "suggest?prefix=sec&field=tags",
        "suggest?prefix=sup&field=group",
        "suggest?field=assignee&prefix=",
        "tickets/1",
        "tickets/3",
        "search?query=%22unclosed",
        "search?query=unknown:1",
        "search?limit=0",
        "facets?field=weight",
        "why?principal=ann&ticket=3",
        "who?ticket=3",
        "stats",
        "scopes/bob",
    ] {
        let path = format!("/v1/tenants/acme/{path}");
        let (a, b) =
            (desk.get(&desk.token("acme", "ann"), &path).await, pruned.get(&pruned.token("acme", "ann"), &path).await);
        assert_eq!(a.without_request(), b.without_request(), "{path}");
    }
    for query in ["", "query=id:3", "query=status:open", "query=group:support", "sort=status:asc", "limit=3"] {
        let path = format!("/v1/tenants/acme/search?{query}");
        let answer = async |desk: &Desk| {
            let mut answer = desk.get(&desk.token("acme", "ann"), &path).await.ok().clone();
            answer["took_us"].take();
            answer
        };
        assert_eq!(answer(&desk).await, answer(&pruned).await, "{query}");
    }
}

#[tokio::test]
async fn who_is_known_and_sees_nothing_gets_empty_answers_and_who_is_unknown_is_told() {
    let desk = Desk::new();
    let search = desk.key_of(KeyClass::Search, "acme");
    for principal in ["sue", "zed"] {
        let token = desk.token("acme", principal);
        assert_eq!(desk.get(&token, "/v1/tenants/acme/count").await.ok()["count"], 0, "{principal}");
        assert_eq!(desk.get(&token, "/v1/tenants/acme/search").await.ok()["hits"], json!([]), "{principal}");
        assert_eq!(desk.get(&token, "/v1/tenants/acme/check?ticket=1").await.ok()["visible"], false, "{principal}");
        assert_eq!(desk.get(&token, "/v1/tenants/acme/tickets/1").await.code(), "no_such_ticket", "{principal}");
    }
    for path in ["count", "search", "facets", "check?ticket=1", "tickets/1"] {
        let path = format!("/v1/tenants/acme/{path}");
        assert_eq!(desk.get(&desk.token("acme", "nobody"), &path).await.code(), "unknown_principal", "{path}");
        let asked = [("authorization", &*search), ("x-ticketscope-as", "nobody")];
        assert_eq!(desk.ask(Method::GET, &path, &asked, Body::empty()).await.code(), "unknown_principal", "{path}");
    }
}

#[tokio::test]
async fn a_change_of_membership_is_in_force_for_a_token_that_was_issued_before() {
    let desk = Desk::new();
    let (ann, admin) = (desk.token("acme", "ann"), desk.key(KeyClass::Admin));
    assert_eq!(desk.get(&ann, "/v1/tenants/acme/count").await.ok()["count"], 3);
    desk.change(&admin, "", r#"{"k":"rel","principal":"ann","rel":"groups","value":"billing","gone":true}"#).await.ok();
    assert_eq!(desk.get(&ann, "/v1/tenants/acme/count").await.ok()["count"], 0);
    assert_eq!(desk.get(&ann, "/v1/tenants/acme/tickets/1").await.code(), "no_such_ticket");
}
