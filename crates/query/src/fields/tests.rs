use model::{FieldDecl, FieldKind, Schema, SchemaDecl, Timestamp, fields as builtin};

use super::*;
use crate::{
    parse::{Context, parse},
    scene::{Scene, Ticket},
};

fn schema() -> Schema {
    let field = |name: &str| FieldDecl { name: name.into(), kind: FieldKind::Keyword, many: false };
    let fields = ["product", "merger", "unused"].map(field).to_vec();
    let mut schema = Schema::builtin();
    schema.declare(&SchemaDecl { fields, ..SchemaDecl::default() }).unwrap();
    schema
}

/// Anna sees the first ticket, with a product, and not the second, with a merger.
fn scene() -> (Scene, FieldId, FieldId) {
    let schema = schema();
    let [product, merger] = ["product", "merger"].map(|name| schema.field(name).unwrap().id);
    let ticket = |group, field, value| Ticket {
        values: vec![(builtin::LIFE, vec!["live"]), (builtin::GROUP, vec![group]), (field, vec![value])],
        parts: vec![],
    };
    (Scene::new(schema, &[ticket("g1", product, "bike"), ticket("g2", merger, "initech")]), product, merger)
}

#[test]
fn only_fields_that_a_visible_ticket_holds_are_listed() {
    let (scene, product, merger) = scene();
    assert_eq!(fields(&scene.snapshot, scene.anna()), [builtin::LIFE, builtin::GROUP, product].sorted());
    assert_eq!(fields(&scene.snapshot, Access::admin()), [builtin::LIFE, builtin::GROUP, product, merger].sorted());
    assert_eq!(fields(&scene.snapshot, scene.snapshot.access("u2").unwrap()), []);
}

#[test]
fn no_error_names_a_field_that_only_hidden_tickets_hold() {
    let (scene, product, _) = scene();
    let near = |access, name| nearest_field(&scene.snapshot, access, name);
    assert_eq!(near(scene.anna(), "produkt"), Some("product"));
    assert_eq!(near(scene.anna(), "gruop"), Some("group"));
    assert_eq!(near(scene.anna(), "mergr"), None);
    assert_eq!(near(Access::admin(), "mergr"), Some("merger"));
    assert_eq!(near(Access::admin(), "unusde"), None);

    let known = [product];
    let context = Context::new(scene.snapshot.schema(), Timestamp(0));
    let told = |text: &str, context: &Context<'_>| parse(text, context).unwrap_err().to_string();
    for text in ["mergr:x", "order_by:mergr", "produkt:x"] {
        assert!(!told(text, &context).contains("did you mean"), "{text}");
    }
    let context = context.naming(&known);
    assert!(told("produkt:x", &context).contains("did you mean `product`"));
    assert!(!told("mergr:x", &context).contains("did you mean"));
    for text in ["tags>x", "nothing:1"] {
        assert!(!told(text, &context).contains("merger"), "{text}");
    }
}

trait Sorted {
    fn sorted(self) -> Vec<FieldId>;
}

impl<const N: usize> Sorted for [FieldId; N] {
    fn sorted(mut self) -> Vec<FieldId> {
        self.sort_unstable();
        self.to_vec()
    }
}
