//! Pairs of an agent and a query on a tenant that was imported from files.
//!
//! `TICKETSCOPE_FILES` names other files than the fixture, with `:` between them, in the order of import, and
//! `TICKETSCOPE_PAIRS` says how many pairs are asked. Custom roles are imported and nobody of them is asked: the oracle
//! parses no expressions.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fs::File,
};

use fastrand::Rng;
use ticketscope_import::{Chunks, Parser};
use ticketscope_model::{Change, Fact, FieldDef, FieldKind, Timestamp, Value};
use ticketscope_testkit::oracle::{Op, Operand, Query, Sort, SortBy, Term, Test, Unit, World, needs_quotes, presets};

use crate::{
    answers::{Published, Questions, compare},
    changes::principal,
    world::{Twin, seeds},
};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/policy/tenant.jsonl");

/// Changes of one batch.
const BATCH: usize = 5_000;

/// Imports a file into both tenants, but roles into the engine only.
fn import(twin: &mut Twin, path: &str) {
    let file = File::open(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut chunks = Chunks::new(file).unwrap();
    let Some(format) = chunks.detect().unwrap() else { return };
    let schema = twin.world.schema().clone();
    let many = |field: &str| schema.field(field).is_some_and(|field| field.many);
    let parser = Parser::new(format, &many);
    let (mut batch, mut roles) = (Vec::new(), Vec::new());
    for chunk in chunks {
        for line in parser.lines(&chunk.unwrap()) {
            let change = line.change.unwrap_or_else(|error| panic!("{path}: {error}"));
            if matches!(change.fact, Fact::Role(_)) {
                roles.push(change);
            } else {
                batch.push(change);
            }
            if batch.len() == BATCH {
                twin.import(&std::mem::take(&mut batch)).unwrap();
            }
        }
    }
    twin.import(&batch).unwrap();
    twin.tenant().submit(roles).unwrap();
}

/// Values that occur, by field: queries ask for these.
struct Values {
    fields: Vec<(FieldDef, Vec<String>)>,
    now: Timestamp,
}

/// Values that are remembered of a field at most.
const KNOWN: usize = 500;

impl Values {
    fn of(world: &World) -> Self {
        let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut now = Timestamp(0);
        for (_, row) in world.tickets() {
            for (name, values) in &row.fields {
                let known = known.entry(name.clone()).or_default();
                for value in values {
                    if let Value::Date(moment) = value {
                        now = now.max(*moment);
                    }
                    if known.len() < KNOWN {
                        known.insert(match value {
                            Value::Keyword(text) => text.to_string(),
                            Value::Number(number) => number.to_string(),
                            Value::Date(moment) => moment.to_string(),
                        });
                    }
                }
            }
        }
        let def = |name: String| world.schema().field(&name).cloned();
        let fields = known.into_iter().filter_map(|(name, values)| Some((def(name)?, values.into_iter().collect())));
        Self { fields: fields.collect(), now }
    }

    fn query(&self, rng: &mut Rng) -> (Query, Sort) {
        let terms = (0..[0, 1, 1, 2, 2, 3][rng.usize(..6)]).map(|_| {
            let term = self.term(rng);
            if rng.u32(..5) == 0 { term.negate() } else { term }
        });
        let query = Query::of(terms.collect());
        let sortable: Vec<_> = self.fields.iter().map(|(def, _)| def).filter(|def| !def.many).collect();
        let sort = match rng.u32(..4) {
            0 => Sort::default(),
            1 => Sort { by: SortBy::Key, descending: rng.bool() },
            _ => Sort::by_field(&sortable[rng.usize(..sortable.len())].name, rng.bool()),
        };
        (query, sort)
    }

    fn term(&self, rng: &mut Rng) -> Term {
        let (def, values) = &self.fields[rng.usize(..self.fields.len())];
        let value = values[rng.usize(..values.len())].clone();
        let compare = [Op::Less, Op::AtMost, Op::Greater, Op::AtLeast][rng.usize(..4)];
        let test = match (rng.u32(..10), def.kind) {
            (0, _) => Test::None,
            (1, _) => Test::Any,
            (2, FieldKind::Date) => Test::Compare(compare, Operand::Ago(rng.u32(1..30), Unit::Days)),
            (3..7, FieldKind::Date) => Test::Compare(compare, Operand::Literal(value.chars().take(10).collect())),
            (2..7, FieldKind::Number) => Test::Compare(compare, Operand::Literal(value)),
            (_, FieldKind::Date) => Test::Is { value: value.chars().take(10).collect(), quoted: false },
            (_, FieldKind::Number) => Test::Is { value, quoted: false },
            (2..5, FieldKind::Principal) => Test::Me,
            (2..5, _) if def.rank(&value).is_some() => Test::Compare(compare, Operand::Literal(value)),
            (2, _) => Test::Is { value: value.to_uppercase(), quoted: true },
            _ => Test::Is { quoted: needs_quotes(&value) || rng.bool(), value },
        };
        Term::field(&def.name, test)
    }
}

/// The people whose role the oracle knows.
fn askers(world: &World) -> Vec<String> {
    let known = presets::all();
    let asked = world
        .principals()
        .filter(|person| person.role.as_deref().is_none_or(|role| known.iter().any(|(name, _)| *name == role)));
    asked.map(|person| person.id.to_string()).collect()
}

#[test]
fn a_tenant_from_a_file_answers_each_pair_of_agent_and_query_as_the_oracle_does() {
    let files = env::var("TICKETSCOPE_FILES").unwrap_or_else(|_| FIXTURE.to_owned());
    let pairs: usize = env::var("TICKETSCOPE_PAIRS").map_or(1_000, |pairs| pairs.parse().unwrap());
    let seed = seeds(1).start;
    let mut rng = Rng::with_seed(seed);
    let mut twin = Twin::new();
    twin.begin_import();
    files.split(':').for_each(|path| import(&mut twin, path));
    if askers(&twin.world).is_empty() {
        // People without a role of their own: every one of the presets is given to one in turn.
        let people: BTreeSet<String> = ["ann", "bob", "eve"].map(str::to_owned).into();
        for (preset, _) in presets::all() {
            let people: Vec<Change> = people.iter().map(|id| principal(id, preset)).collect();
            twin.import(&people).unwrap();
            ask(&twin, &mut rng, pairs.div_ceil(presets::all().len()), seed);
        }
        return;
    }
    ask(&twin, &mut rng, pairs, seed);
}

/// Asks `pairs` pairs, a few queries for each agent in turn.
fn ask(twin: &Twin, rng: &mut Rng, pairs: usize, seed: u64) {
    let values = Values::of(&twin.world);
    let people = askers(&twin.world);
    let found = Published::new(twin.tenant(), values.now);
    // The queries of nobody in particular, who is asked each time, count as well.
    let each = pairs.div_ceil(people.len()).clamp(1, 10);
    let mut asked = 0;
    while asked < pairs {
        let person = people[rng.usize(..people.len())].clone();
        let questions = Questions {
            askers: vec![person],
            queries: each,
            query: &|rng| values.query(rng),
            judged: 20,
            rows: asked == 0,
        };
        let same = compare(&found, &twin.world, values.now, rng, &questions);
        same.unwrap_or_else(|difference| panic!("TICKETSCOPE_SEED={seed}, after {asked} pairs: {difference}"));
        asked += 2 * each;
    }
}
