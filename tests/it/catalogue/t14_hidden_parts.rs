//! T14: of notes and side conversations that one may not read there is no text, id, author, date or number in any answer.

use ticketscope_model::TextClass;

use super::desk::{
    ACME, Asking, GROUP_AGENT, Secret, TICKETS, WITHOUT_NOTES, assert_same, beginnings, hidden_parts, queries_about,
    serve, transcript,
};
use crate::{answers::PATIENCE, changes::text, http::Served};

fn told(served: &Served, principal: &str) -> String {
    let mut queries = queries_about("quarterhorse");
    queries.extend(["note:*", "-note:*", "note:refund", "goodwill", "comment:*", "note:none"].map(str::to_owned));
    queries.extend((1..=TICKETS).map(|number| format!("id:{number} refund")));
    transcript(served, principal, &queries, &beginnings("quarterhorse"))
}

#[test]
fn t14_nothing_tells_of_notes_and_side_conversations_that_one_may_not_read() {
    let bare = serve(Vec::new());
    let secret = Secret::new("quarterhorse", 0, 1, 0);
    let worlds = [3, 24].map(|tickets| serve(hidden_parts(&Secret { tickets, ..secret.clone() })));
    // Parts that were public and are private now: of the words they had nothing is left.
    let turned = serve(Vec::new());
    let tenant = turned.tenant(ACME);
    for number in 1..=TICKETS {
        tenant.submit(vec![text(number, "t", TextClass::Public, "quarterhorse refund refund")]).unwrap();
    }
    assert!(tenant.wait_for_text(tenant.snapshot().opstamp(), PATIENCE));
    assert!(told(&turned, "ash") != told(&bare, "ash"), "public parts are told of");
    for number in 1..=TICKETS {
        let class = if number % 2 == 0 { TextClass::Private } else { TextClass::Side };
        tenant.submit(vec![text(number, "t", class, "quarterhorse refund refund")]).unwrap();
    }
    // At once nothing of them is found; once the text is indexed all is as it was without them.
    for principal in WITHOUT_NOTES {
        assert_eq!(Asking::new(&turned, principal).count("quarterhorse"), 0, "{principal}");
    }
    assert!(tenant.wait_for_text(tenant.snapshot().opstamp(), PATIENCE));
    for principal in WITHOUT_NOTES {
        let expected = told(&bare, principal);
        for served in worlds.iter().chain([&turned]) {
            assert_same(&told(served, principal), &expected, principal);
        }
    }
    assert_ne!(told(&worlds[1], GROUP_AGENT), told(&bare, GROUP_AGENT), "who reads notes is told of them");
}
