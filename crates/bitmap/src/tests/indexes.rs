use model::{FieldDecl, FieldKind, Schema, SchemaDecl, TicketKey, TicketOrd, Value, fields};
use ticketscope_model as model;

use super::{
    for_seeds,
    model::{Rows, assert_field, assert_is, assert_touched, read_again, schema, sections, used},
};
use crate::{Index, ORDERED, Record, TICKETS_PER_RECORD, TicketBatch, TicketSet};

#[test]
fn an_index_says_what_rows_say_after_any_batch() {
    for_seeds(25, |rng| {
        let schema = schema();
        let (mut index, mut rows) = (Index::new(), Rows::default());
        let size = [3, 40, 400][rng.usize(..3)];
        for _ in 0..8 {
            let old = (index.clone(), rows.clone());
            let batch = rows.batch(&schema, size, rng);
            let touched = index.apply(&schema, &batch);
            assert_touched(&touched, &batch, &old.0, &index);
            assert_is(&index, &rows, &schema, rng);
            assert_is(&old.0, &old.1, &schema, rng);
        }
    });
}

#[test]
fn an_index_read_back_goes_on_like_the_one_written() {
    for_seeds(25, |rng| {
        let schema = schema();
        let (mut index, mut rows) = (Index::new(), Rows::default());
        let size = [3, 40, 400][rng.usize(..3)];
        for _ in 0..6 {
            let batch = rows.batch(&schema, size, rng);
            let mut read = read_again(&index, &schema);
            assert_eq!(sections(&read), sections(&index), "written again, it is the same");
            index.apply(&schema, &batch);
            read.apply(&schema, &batch);
            assert_is(&read, &rows, &schema, rng);
            if rng.bool() {
                index = read;
            }
        }
    });
}

#[test]
fn what_things_are_found_by_is_copied_and_columns_are_views_until_they_are_changed() {
    for_seeds(10, |rng| {
        let schema = schema();
        let (mut index, mut rows) = (Index::new(), Rows::default());
        for _ in 0..3 {
            index.apply(&schema, &rows.batch(&schema, 2000, rng));
        }
        let sections = sections(&index);
        let mut read = Index::read(&schema, |id| sections.get(&id).cloned()).unwrap();
        assert!(sections[&2].is_unique(), "nothing is a view of the keys");
        let bytes = read.part_bytes();
        assert_eq!(bytes.keys.mapped, 0);
        assert!(bytes.fields.iter().all(|(_, [dictionary, ..])| dictionary.mapped == 0));
        assert!(bytes.fields.iter().any(|(_, [.., column])| column.mapped > 0));
        let records = |index: &Index| -> Vec<Record> {
            let numbers = 0..index.ordinals().div_ceil(TICKETS_PER_RECORD);
            let of = |number| index.fields().map(move |(field, _)| Record::Field { field, number });
            numbers.flat_map(of).collect()
        };
        let mapped = records(&read).into_iter().filter(|record| read.is_mapped(*record));
        assert!(mapped.count() > 2);
        assert!(records(&index).iter().all(|record| !index.is_mapped(*record)), "it was never written");
        assert!(!read.is_mapped(Record::Keys { number: 0 }));
        let before = read.clone();
        let touched = read.apply(&schema, &rows.batch(&schema, 30, rng));
        for record in records(&before) {
            // A ticket may have been given what it had.
            let is_other = read.ticket_record(record) != before.ticket_record(record);
            assert!(!is_other || (touched.records.contains(&record) && !read.is_mapped(record)), "{record:?}");
        }
    });
}

#[test]
fn an_index_of_several_blocks_says_what_rows_say() {
    for_seeds(1, |rng| {
        let schema = schema();
        let (mut index, mut rows) = (Index::new(), Rows::default());
        while rows.keys.len() < 90_000 {
            index.apply(&schema, &rows.batch(&schema, 60_000, rng));
        }
        let old = (index.clone(), rows.clone());
        let mut read = read_again(&index, &schema);
        let batch = rows.batch(&schema, 500, rng);
        index.apply(&schema, &batch);
        read.apply(&schema, &batch);
        // Looking every erased key up in the rows takes long; what the two say of all else is compared in full.
        assert_eq!(sections(&read), sections(&index));
        assert_eq!(index.universe(), &TicketSet::from_sorted(&rows.live()));
        assert_eq!(old.0.universe(), &TicketSet::from_sorted(&old.1.live()));
        for field in used(&schema) {
            let kind = schema.by_id(field).unwrap().kind;
            assert_field(&index, &rows, field, kind);
            assert_field(&old.0, &old.1, field, kind);
        }
    });
}

#[test]
fn an_index_built_at_once_equals_one_built_batch_by_batch() {
    for_seeds(20, |rng| {
        let schema = schema();
        let (mut index, mut rows) = (Index::new(), Rows::default());
        for _ in 0..8 {
            index.apply(&schema, &rows.batch(&schema, 60, rng));
        }
        let mut rebuilt = Index::new();
        let mut once = TicketBatch { created: rows.keys.clone(), ..TicketBatch::default() };
        let mut ids: Vec<_> = rows.rows.iter().flatten().flat_map(|row| row.keys().copied()).collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            let sets = rows.live().into_iter().map(|ord| (ord, rows.values(ord, id).to_vec())).collect();
            once.sets.push((id, sets));
        }
        // The keys of erased tickets may be taken again: they are erased in the batch that makes them.
        once.erased = (0..).zip(&rows.rows).filter(|(_, row)| row.is_none()).map(|(ord, _)| ord).collect();
        let first = TicketBatch { erased: Vec::new(), sets: Vec::new(), ..once.clone() };
        rebuilt.apply(&schema, &first);
        once.created.clear();
        rebuilt.apply(&schema, &once);
        assert_is(&rebuilt, &rows, &schema, rng);
        assert_is(&index, &rows, &schema, rng);
    });
}

#[test]
fn the_order_of_a_scope_follows_its_tickets() {
    for_seeds(30, |rng| {
        let schema = schema();
        let (mut index, mut rows) = (Index::new(), Rows::default());
        let scope = |index: &Index| {
            let group = index.field(fields::GROUP);
            group.map_or_else(TicketSet::empty, |group| {
                let codes = ["Open", "b"].into_iter().filter_map(|text| group.code_of(text));
                TicketSet::union(&codes.map(|code| group.tickets(code)).collect::<Vec<_>>())
            })
        };
        let mut orders = ORDERED.map(|field| index.sort_newest_first(field, &TicketSet::empty()));
        for _ in 0..8 {
            let before = index.clone();
            let touched = index.apply(&schema, &rows.batch(&schema, 100, rng));
            for (field, order) in ORDERED.iter().zip(&mut orders) {
                let among = |index: &Index| -> Vec<u32> {
                    let scope = scope(index);
                    touched.ords.iter().copied().filter(|ord| scope.contains(TicketOrd(*ord))).collect()
                };
                *order = index.follow(&before, *field, order, &mut among(&before), &mut among(&index));
                let sorted = index.sort_newest_first(*field, &scope(&index));
                assert!(order.iter_from(0).eq(sorted.iter_from(0)));
                assert!(order.iter_from(0).is_sorted_by(|a, b| index.compare_newest(*field, *a, *b).is_lt()));
            }
        }
    });
}

fn keyword(text: &str) -> Value {
    Value::Keyword(text.into())
}

#[test]
fn a_field_redeclared_to_hold_several_keeps_its_codes() {
    let mut schema = Schema::builtin();
    let mut index = Index::new();
    let created = vec![TicketKey::Int(1), TicketKey::Int(2)];
    let sets = vec![(fields::ASSIGNEE, vec![(0, vec![keyword("ann")]), (1, vec![keyword("bob")])])];
    index.apply(&schema, &TicketBatch { created, erased: vec![], sets });
    let unset = vec![(fields::ASSIGNEE, vec![(0, vec![])])];
    index.apply(&schema, &TicketBatch { created: vec![], erased: vec![], sets: unset });
    let decl = FieldDecl { name: "assignee".into(), kind: FieldKind::Principal, many: true };
    schema.declare(&SchemaDecl { fields: vec![decl], ..SchemaDecl::default() }).unwrap();
    for mut index in [read_again(&index, &schema), index] {
        let sets = vec![(fields::ASSIGNEE, vec![(0, vec![keyword("bob"), keyword("cid")])])];
        index.apply(&schema, &TicketBatch { created: vec![], erased: vec![], sets });
        let index = read_again(&index, &schema);
        let field = index.field(fields::ASSIGNEE).unwrap();
        let tickets = |name: &str| field.tickets(field.code_of(name).unwrap()).iter().collect::<Vec<_>>();
        assert_eq!((tickets("ann"), tickets("bob"), tickets("cid")), (vec![], vec![0, 1], vec![0]));
        assert_eq!(["ann", "bob", "cid"].map(|name| field.code_of(name)), [Some(0), Some(1), Some(2)]);
        let mut codes = Vec::new();
        field.for_each_code(1, |code| codes.push(code));
        assert_eq!(codes, [1]);
    }
}

#[test]
fn a_field_that_is_only_unset_stays_unborn() {
    let mut index = Index::new();
    let batch = TicketBatch {
        created: vec![TicketKey::Int(1)],
        erased: vec![],
        sets: vec![(fields::GROUP, vec![(0, vec![])]), (fields::CREATED_AT, vec![(0, vec![])])],
    };
    let touched = index.apply(&Schema::builtin(), &batch);
    assert_eq!(index.fields().count(), 0);
    assert_eq!(touched.fields, []);
    assert_eq!(index.order(fields::CREATED_AT).map(crate::Order::len), Some(1));
}

#[test]
fn ticket_numbers_at_both_ends_of_64_bits_live_side_by_side() {
    let mut index = Index::new();
    let keys = [i64::MAX, i64::MIN, 0, 999_999_999_999_999_999].map(TicketKey::Int);
    index.apply(&Schema::builtin(), &TicketBatch { created: keys.to_vec(), ..TicketBatch::default() });
    for (ord, key) in (0..).zip(&keys) {
        assert_eq!((index.find(key), index.key(TicketOrd(ord))), (Some(TicketOrd(ord)), key.clone()));
    }
    assert!(index.order(fields::CREATED_AT).unwrap().iter_from(0).eq([1, 2, 3, 0]));
}
