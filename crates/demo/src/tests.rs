//! Whole desks.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use ticketscope_model::{
    Change, Fact, FieldId, FieldKind, FieldPatch, RawValue, Schema, TextClass, TicketFields, TicketKey, TicketPatch,
    Timestamp, Value,
};
use ticketscope_scope::{Directory, preset};

use crate::{
    ANA, BRUNO, CHLOE, CORMORANT, DMITRI, ERIN, FARID, GOSIA, HUGO, HelpDesk, INES, JONAS, KIRA, LANGUAGES, LUISA,
    MAREK, NIGHTJAR, NORA, OSKAR, PELICAN, PRIYA, SANDPIPER, STORIES, WRITTEN, cast, data::data,
};

const NOW: Timestamp = Timestamp(1_788_220_800_000);

fn desk(tickets: u32) -> HelpDesk {
    HelpDesk::new(7, tickets, NOW)
}

fn patches(desk: &HelpDesk) -> Vec<TicketPatch> {
    let patch = |change: Change| match change {
        Change { rev: None, gone: false, fact: Fact::Ticket(patch) } => patch,
        other => panic!("not a ticket: {other:?}"),
    };
    desk.batches(1_000).flatten().map(patch).collect()
}

/// The values of a field, as text.
fn values<'p>(patch: &'p TicketPatch, name: &str) -> Vec<&'p str> {
    let text = |raw: &'p RawValue| match raw {
        RawValue::Text(text) => Some(&**text),
        _ => None,
    };
    let found = patch.fields.iter().find(|(field, _)| **field == *name);
    match found {
        Some((_, FieldPatch::Set(RawValue::List(list)))) => list.iter().filter_map(text).collect(),
        Some((_, FieldPatch::Set(raw))) => text(raw).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn value<'p>(patch: &'p TicketPatch, name: &str) -> Option<&'p str> {
    values(patch, name).first().copied()
}

/// Runs of letters, in lower case.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// The desk's directory, as the rules see it.
fn directory(desk: &HelpDesk) -> Directory {
    let mut schema = Schema::builtin();
    let mut directory = Directory::new(Arc::new(schema.clone()));
    for change in desk.setup() {
        assert!(change.rev.is_none() && !change.gone);
        match change.fact {
            Fact::Schema(decl) => {
                schema.declare(&decl).unwrap();
                directory.set_schema(Arc::new(schema.clone()));
            }
            Fact::Role(role) => directory.set_role(&role).unwrap(),
            Fact::Value(fact) => directory.set_value(&fact),
            Fact::Principal(fact) => directory.set_principal(&fact),
            Fact::Rel(fact) => directory.set_rel(&fact),
            Fact::Member(member) => directory.set_member(&member),
            other => panic!("no part of a directory: {other:?}"),
        }
    }
    directory
}

/// A ticket as a rule looks at it.
struct Seen<'p> {
    schema: &'p Schema,
    patch: &'p TicketPatch,
}

impl TicketFields for Seen<'_> {
    fn any_value(&self, field: FieldId, test: &mut dyn FnMut(&str) -> bool) -> bool {
        values(self.patch, &self.schema.by_id(field).unwrap().name).into_iter().any(test)
    }

    fn is_unset(&self, field: FieldId) -> bool {
        values(self.patch, &self.schema.by_id(field).unwrap().name).is_empty()
    }
}

/// The ids of the tickets on which a principal may do something.
fn seen(directory: &Directory, patches: &[TicketPatch], principal: &str, verb: &str) -> BTreeSet<TicketKey> {
    let scope = directory.scope_of(principal, verb).unwrap();
    let seen = patches.iter().filter(|patch| scope.matches(&Seen { schema: directory.schema(), patch }));
    seen.map(|patch| patch.key.clone()).collect()
}

#[test]
fn the_same_seed_gives_the_same_desk_and_another_one_another() {
    let (one, same, other) = (desk(300), desk(300), HelpDesk::new(8, 300, NOW));
    assert_eq!(one.setup(), same.setup());
    assert_eq!(one.tickets(0..300), same.tickets(0..300));
    assert_ne!(one.setup(), other.setup());
    assert_ne!(one.tickets(0..300), other.tickets(0..300));
}

#[test]
fn a_ticket_does_not_depend_on_how_many_there_are() {
    let (small, large) = (desk(400), desk(50_000));
    assert_eq!(small.setup(), large.setup());
    assert_eq!(small.tickets(0..400), large.tickets(0..400));
}

#[test]
fn batches_are_all_tickets_in_order() {
    let desk = desk(25);
    for size in [1, 24, 25, 26, u32::MAX] {
        let batches: Vec<_> = desk.batches(size).collect();
        assert_eq!(batches.len(), 25_u32.div_ceil(size) as usize, "batches of {size}");
        assert_eq!(batches.concat(), desk.tickets(0..25), "batches of {size}");
    }
    assert_eq!(desk.tickets(20..99).len(), 5);
    assert_eq!(desk.tickets(25..30).len(), 0);
    assert_eq!(HelpDesk::new(7, 0, NOW).batches(10).count(), 0);
}

#[test]
fn ids_are_unique() {
    let patches = patches(&desk(5_000));
    let ids: HashSet<_> = patches.iter().map(|patch| &patch.key).collect();
    assert_eq!(ids.len(), 5_000);
}

#[test]
fn every_field_is_known_and_holds_what_its_kind_takes() {
    let desk = desk(2_000);
    let directory = directory(&desk);
    for patch in patches(&desk) {
        assert!(patch.replace);
        let mut names = HashSet::new();
        for (name, change) in &patch.fields {
            assert!(names.insert(name), "{}: {name} twice", patch.key);
            let field = directory.schema().field(name).unwrap();
            assert_ne!(field.kind, FieldKind::Text, "{}: {name}", patch.key);
            let FieldPatch::Set(raw) = change else { panic!("{}: {name} is not set", patch.key) };
            assert!(!raw.is_unset(), "{}: {name}", patch.key);
            let values = Value::read_all(field.kind, field.many, raw).unwrap();
            if !field.order.is_empty() {
                let Value::Keyword(value) = &values[0] else { panic!("{name} is a keyword") };
                assert!(field.rank(value).is_some(), "{}: {name} {value}", patch.key);
            }
        }
    }
}

#[test]
fn whoever_a_ticket_names_is_a_principal_and_what_it_names_is_there() {
    let desk = desk(5_000);
    let directory = directory(&desk);
    for patch in patches(&desk) {
        for field in ["assignee", "requester", "cc", "follower"] {
            for id in values(&patch, field) {
                assert!(directory.principal(id).is_some(), "{}: {field} {id}", patch.key);
            }
        }
        for field in ["group", "department", "organization", "brand"] {
            for id in values(&patch, field) {
                assert!(directory.value(field, id).is_some(), "{}: {field} {id}", patch.key);
            }
        }
        let spam = value(&patch, "life") == Some("spam");
        assert_eq!(value(&patch, "requester").is_none(), spam, "{}", patch.key);
        for part in patch.text.iter().filter(|_| !spam) {
            if let Some(author) = &part.author {
                assert!(directory.principal(author).is_some(), "{}: author {author}", patch.key);
            }
        }
    }
}

#[test]
fn text_is_there_and_its_parts_have_names_of_their_own() {
    for patch in patches(&desk(5_000)) {
        let mut names = HashSet::new();
        let mut before = Timestamp(i64::MIN);
        for part in &patch.text {
            assert!(names.insert(&part.part), "{}: {} twice", patch.key, part.part);
            assert_eq!(part.body.trim(), &*part.body, "{}: {}", patch.key, part.part);
            assert!(part.body.chars().count() > 3, "{}: {}", patch.key, part.part);
            assert!(!part.body.contains(['{', '}']) && !part.body.contains("  "), "{}: {}", patch.key, part.body);
            let at = part.at.unwrap();
            assert!(before <= at && at <= NOW, "{}: {}", patch.key, part.part);
            before = at;
        }
        let classes: Vec<_> = patch.text.iter().map(|part| part.class).take(2).collect();
        assert_eq!(classes, [TextClass::Subject, TextClass::Description], "{}", patch.key);
        assert!(patch.text.len() <= 11, "{}: {} parts", patch.key, patch.text.len());
        assert!(value(&patch, "created_at") <= value(&patch, "updated_at"), "{}", patch.key);
    }
}

#[test]
fn a_fifth_of_the_tickets_has_private_notes_that_say_something_else() {
    let patches = patches(&desk(10_000));
    let mut public: HashMap<&str, &str> = HashMap::new();
    let mut noted = 0;
    for patch in &patches {
        noted += u32::from(patch.text.iter().any(|part| part.class == TextClass::Private));
        for part in patch.text.iter().filter(|part| part.class.is_public()) {
            public.insert(&part.body, &part.part);
        }
    }
    assert!((1_800..=2_200).contains(&noted), "{noted} of 10,000 tickets have notes");
    for part in patches.iter().flat_map(|patch| &patch.text).filter(|part| part.class == TextClass::Private) {
        assert!(!public.contains_key(&*part.body), "also said in public: {}", part.body);
    }
}

#[test]
fn every_language_has_its_share() {
    let patches = patches(&desk(10_000));
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for patch in &patches {
        *counts.entry(value(patch, "language").unwrap()).or_default() += 1;
    }
    assert_eq!(counts.len(), WRITTEN.len());
    assert!(LANGUAGES.iter().all(|tag| WRITTEN.contains(tag)));
    for (tag, percent) in
        [("en", 60), ("es", 8), ("fr", 7), ("de", 7), ("pl", 5), ("it", 4), ("pt", 4), ("nl", 2), ("ja", 2)]
    {
        let expected = percent * 100;
        let slack = 100 + expected / 20;
        assert!(counts[tag].abs_diff(expected) < slack, "{tag}: {} of 10,000, not {expected}", counts[tag]);
    }
}

#[test]
fn most_parts_declare_their_language_and_some_do_not() {
    let patches = patches(&desk(2_000));
    let (mut declared, mut all) = (0, 0);
    for patch in &patches {
        let language = value(patch, "language");
        for part in &patch.text {
            all += 1;
            declared += u32::from(part.lang.is_some());
            assert!(part.lang.is_none() || part.lang.as_deref() == language, "{}", patch.key);
        }
    }
    assert!((80..90).contains(&(declared * 100 / all)), "{declared} of {all} parts");
}

#[test]
fn the_text_is_varied() {
    let patches = patches(&desk(5_000));
    let texts = || patches.iter().flat_map(|patch| &patch.text);
    let distinct: HashSet<_> = texts().flat_map(|part| words(&part.body)).collect();
    assert!(distinct.len() >= 3_000, "{} distinct words of letters", distinct.len());
    let descriptions: HashSet<_> =
        texts().filter(|part| part.class == TextClass::Description).map(|part| &part.body).collect();
    assert!(descriptions.len() > 4_900, "{} distinct descriptions", descriptions.len());
}

#[test]
fn words_come_in_several_forms_for_stemmers_to_find() {
    let patches = patches(&desk(5_000));
    let public = patches.iter().flat_map(|patch| &patch.text).filter(|part| part.class.is_public());
    let distinct: HashSet<_> = public.flat_map(|part| words(&part.body)).collect();
    for forms in [
        ["invoice", "invoices"],
        ["reembolso", "reembolsos"],
        ["facture", "factures"],
        ["rechnung", "rechnungen"],
        ["zwrot", "zwrotu"],
        ["rimborso", "rimborsi"],
        ["fatura", "faturas"],
        ["factuur", "facturen"],
    ] {
        for form in forms {
            assert!(distinct.contains(form), "{form}");
        }
    }
}

#[test]
fn the_work_is_mostly_done_with_an_open_tail_and_some_of_it_is_out_of_sight() {
    let patches = patches(&desk(10_000));
    let count = |field, wanted: &[&str]| {
        patches.iter().filter(|patch| value(patch, field).is_some_and(|value| wanted.contains(&value))).count()
    };
    let done = count("status", &["solved", "closed"]);
    assert!((8_500..9_700).contains(&done), "{done} done");
    for status in ["new", "open", "pending", "hold", "solved", "closed"] {
        assert!(count("status", &[status]) > 0, "{status}");
    }
    for (life, range) in [("live", 3_000..6_000), ("archived", 4_000..7_000), ("spam", 50..200), ("deleted", 30..150)] {
        let found = count("life", &[life]);
        assert!(range.contains(&found), "{found} {life}");
    }
    let groups = data().groups.iter().map(|group| count("group", &[&group.id]));
    let groups: Vec<_> = groups.collect();
    assert!(groups.iter().all(|tickets| *tickets > 0), "{groups:?}");
    assert!(groups[0] > 3 * groups[12], "the busiest group is far busier than the one in the middle: {groups:?}");
}

#[test]
fn every_role_is_known_and_used() {
    let desk = desk(0);
    let directory = directory(&desk);
    let used: BTreeSet<_> = directory.principals().filter_map(|principal| principal.role.clone()).collect();
    for role in &used {
        assert!(directory.role(role).is_some() || preset(role).is_some(), "{role} is unknown");
    }
    for role in directory.custom_roles() {
        assert!(used.contains(role.id()), "nobody has the role {}", role.id());
    }
    assert!(used.len() >= 12, "{used:?}");
    let agents = directory.principals().filter(|principal| principal.role.as_deref() != Some("zendesk.end_user"));
    assert_eq!(agents.count(), 120);
}

#[test]
fn every_relation_of_the_cast_names_something_there_is() {
    let directory = directory(&desk(0));
    for member in cast() {
        let principal = directory.principal(member.id).unwrap();
        assert_eq!((principal.role.as_deref(), principal.active), (Some(member.role), member.active), "{}", member.id);
        for (rel, value, _) in &member.relations {
            let field = match *rel {
                "groups" | "groups_graded" | "led_groups" => "group",
                "organizations" | "shared_organizations" => "organization",
                "departments" => "department",
                "brands" => "brand",
                other => panic!("{}: {other} relates to nothing", member.id),
            };
            assert!(directory.value(field, value).is_some(), "{}: {rel} {value}", member.id);
        }
        assert!(member.line.ends_with('.') && member.line.is_ascii(), "{}", member.id);
    }
}

#[test]
fn everybody_of_the_cast_sees_some_tickets_and_only_the_unrestricted_all() {
    let desk = desk(5_000);
    let (directory, patches) = (directory(&desk), patches(&desk));
    let all = seen(&directory, &patches, ANA, "view");
    assert_eq!(seen(&directory, &patches, OSKAR, "view"), all);
    assert!(seen(&directory, &patches, JONAS, "view").is_empty());
    for id in [BRUNO, CHLOE, DMITRI, ERIN, FARID, GOSIA, HUGO, INES, KIRA, LUISA, MAREK, NORA, PRIYA] {
        let view = seen(&directory, &patches, id, "view");
        assert!(view.len() >= 15 && view.len() < all.len() * 9 / 10, "{id} sees {} of {}", view.len(), all.len());
        assert!(view.is_subset(&all), "{id}");
    }
}

#[test]
fn bruno_and_erin_see_the_same_tickets_but_only_he_reads_notes() {
    let desk = desk(5_000);
    let (directory, patches) = (directory(&desk), patches(&desk));
    let bruno = seen(&directory, &patches, BRUNO, "view");
    assert_eq!(bruno, seen(&directory, &patches, ERIN, "view"));
    assert_eq!(bruno, seen(&directory, &patches, BRUNO, "view_private"));
    assert!(seen(&directory, &patches, ERIN, "view_private").is_empty());
}

#[test]
fn the_word_of_a_story_stands_in_one_part_of_its_ticket_and_nowhere_else() {
    let patches = patches(&desk(5_000));
    for (story, patch) in STORIES.iter().zip(&patches) {
        assert_eq!(patch.key, TicketKey::Int(story.ticket));
        assert_eq!(value(patch, "group"), Some(story.group));
        assert_eq!(value(patch, "life"), Some("live"));
        let texts = patches.iter().flat_map(|patch| patch.text.iter().map(|part| (&patch.key, part)));
        let found: Vec<_> = texts.filter(|(_, part)| words(&part.body).any(|word| word == story.word)).collect();
        let [(key, part)] = found[..] else { panic!("{} stands in {} parts", story.word, found.len()) };
        assert_eq!((key, part.class), (&patch.key, story.class));
    }
}

#[test]
fn the_stories_are_seen_by_those_they_are_about() {
    let desk = desk(4);
    let (directory, patches) = (directory(&desk), patches(&desk));
    let everybody: Vec<_> = directory.principals().map(|principal| Arc::clone(&principal.id)).collect();
    let who = |ticket: i64, verb: &str| -> BTreeSet<&str> {
        let sees = |id: &&Arc<str>| seen(&directory, &patches, id, verb).contains(&TicketKey::Int(ticket));
        everybody.iter().filter(sees).map(|id| &**id).collect()
    };
    let can = |id, story: crate::Story, verb| who(story.ticket, verb).contains(id);
    assert!(can(BRUNO, SANDPIPER, "view_private") && can(ERIN, SANDPIPER, "view"));
    assert!(!can(ERIN, SANDPIPER, "view_private"));
    assert!(can(BRUNO, PELICAN, "view") && can(ERIN, PELICAN, "view"));
    assert!(!can(BRUNO, CORMORANT, "view") && can(DMITRI, CORMORANT, "view"));

    let at = data().groups.iter().position(|group| &*group.id == NIGHTJAR.group).unwrap();
    let mut expected: BTreeSet<&str> = desk.people.crews[at].iter().map(|member| &*member.id).collect();
    expected.extend([ANA, OSKAR]);
    assert_eq!(who(NIGHTJAR.ticket, "view"), expected);
}

#[test]
fn every_section_of_every_language_can_be_written() {
    use crate::{
        draw::source,
        mentions::Mentions,
        phrases::{SectionId, Topic},
        writer::Writer,
    };
    let topics = data().tags.of.len();
    for (language, phrases) in data().phrases.iter().enumerate() {
        let codes = Mentions::codes();
        let names = &data().names[language];
        let mentions = Mentions::draw(&mut source(1, 2, 3), &codes, NOW, ["Customer", "Agent"], names);
        for section in (0..phrases.len()).map(SectionId) {
            let mut writer = Writer::new(phrases, &mentions, source(4, 5, 6));
            for _ in &phrases.list(section).lines {
                let mut out = String::new();
                assert!(writer.sentence(section, &mut out) && !out.is_empty(), "{}", WRITTEN[language]);
            }
            assert!(!writer.sentence(section, &mut String::new()), "no sentence twice");
        }
        let english = language == 0;
        assert_eq!(english, phrases.spam.is_some() && (0..topics).all(|at| phrases.topic(Topic(at)).is_some()));
    }
}

#[test]
fn every_seed_makes_a_desk_with_notes_and_stories_that_are_seen_as_they_should() {
    for seed in [0, 1, 42, u64::MAX] {
        let desk = HelpDesk::new(seed, 3_000, NOW);
        let (directory, patches) = (directory(&desk), patches(&desk));
        let noted = patches.iter().filter(|patch| patch.text.iter().any(|part| part.class == TextClass::Private));
        let noted = noted.count();
        assert!((540..=660).contains(&noted), "seed {seed}: {noted} of 3,000 tickets have notes");
        let bruno = seen(&directory, &patches, BRUNO, "view");
        assert_eq!(bruno, seen(&directory, &patches, ERIN, "view"), "seed {seed}");
        assert!(bruno.contains(&TicketKey::Int(SANDPIPER.ticket)), "seed {seed}");
        for id in [BRUNO, CHLOE, DMITRI, ERIN, FARID, GOSIA, KIRA, LUISA, MAREK, PRIYA, NORA] {
            let view = seen(&directory, &patches, id, "view");
            assert!(!view.contains(&TicketKey::Int(NIGHTJAR.ticket)), "seed {seed}: {id}");
        }
    }
}
