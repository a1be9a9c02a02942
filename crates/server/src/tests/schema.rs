//! Fields, values and people that an asker may learn of.

use super::*;

#[tokio::test]
async fn only_fields_of_visible_tickets_are_listed() {
    let desk = Desk::new();
    let names = async |credential: &str, more: &str| -> Vec<String> {
        let reply = desk.get(credential, &format!("/v1/tenants/acme/fields{more}")).await;
        reply.ok()["fields"]
            .as_array()
            .unwrap()
            .iter()
            .map(|field| field["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let ann = names(&desk.token("acme", "ann"), "").await;
    for name in ["status", "group", "tags", "assignee", "weight"] {
        assert!(ann.contains(&name.to_owned()), "{name} is not in {ann:?}");
    }
    let bob = names(&desk.token("acme", "bob"), "").await;
    for name in ["assignee", "weight", "priority"] {
        assert!(!bob.contains(&name.to_owned()), "{name} is in {bob:?}");
    }
    assert!(bob.contains(&"tags".to_owned()), "{bob:?}");
    assert!(names(&desk.token("acme", "sue"), "").await.is_empty());
    assert_eq!(names(&desk.key(KeyClass::Search), "?as=bob").await, bob);
    assert!(names(&desk.key(KeyClass::Admin), "?as_admin=true").await.contains(&"weight".to_owned()));
    let whole = desk.get(&desk.token("acme", "ann"), "/v1/tenants/acme/fields").await;
    let weight =
        whole.ok()["fields"].as_array().unwrap().iter().find(|field| field["name"] == "weight").unwrap().clone();
    assert_eq!(weight, json!({"name": "weight", "kind": "number", "many": false}));
}

#[tokio::test]
async fn no_hint_names_a_field_that_only_hidden_tickets_hold() {
    let desk = Desk::new();
    let (ann, bob) = (desk.token("acme", "ann"), desk.token("acme", "bob"));
    for path in
        ["facets?field=wieght", "suggest?prefix=a&field=wieght", "count?query=wieght:1", "search?sort=wieght:asc"]
    {
        let path = format!("/v1/tenants/acme/{path}");
        let told = desk.get(&ann, &path).await;
        assert!(told.body.to_string().contains("did you mean `weight`"), "{path}: {}", told.body);
        let told = desk.get(&bob, &path).await;
        assert!(!told.body.to_string().contains("`weight`"), "{path}: {}", told.body);
        let built_in = desk.get(&bob, &path.replace("wieght", "prioirty")).await;
        assert!(built_in.body.to_string().contains("did you mean `priority`"), "{path}: {}", built_in.body);
    }
    let comparable =
        async |credential: &str| desk.get(credential, "/v1/tenants/acme/count?query=tags%3Ea").await.body.to_string();
    assert!(!comparable(&bob).await.contains("weight"));
}

#[tokio::test]
async fn people_are_suggested_from_visible_tickets_alone() {
    let desk = Desk::new();
    let suggest = async |principal: &str, query: &str| {
        let path = format!("/v1/tenants/acme/suggest?{query}");
        desk.get(&desk.token("acme", principal), &path).await.ok()["suggestions"].clone()
    };
    let people = suggest("ann", "field=assignee&prefix=").await;
    assert_eq!(people, json!([{"text": "ann", "kind": "person", "count": 1}]));
    for query in ["field=assignee&prefix=", "field=assignee&prefix=an", "field=assignee&prefix=bob"] {
        assert_eq!(suggest("bob", query).await, json!([]), "{query}");
    }
}
