//! Commits, reads, the log and its chain, recovery and damage of the database.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use redb::{Database, TableDefinition};
use tempfile::TempDir;
use ticketscope_model::Opstamp;
use ticketscope_storage::{
    Batch, CommitError, CompactError, DataDir, Defect, MAX_CUT_ROWS, MAX_KEY_BYTES, OpenError, Place, ReadError, Row,
    Store, Table, TenantId, VerifyError,
};

const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");

fn state(table: Table) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
    TableDefinition::new(table.name())
}

struct Bench {
    dir: TempDir,
}

impl Bench {
    fn new() -> (Self, Store) {
        let bench = Self { dir: tempfile::tempdir().unwrap() };
        let store = DataDir::open(bench.dir.path()).unwrap().create(&id()).unwrap();
        (bench, store)
    }

    fn open(&self) -> Result<Store, OpenError> {
        DataDir::open(self.dir.path()).unwrap().open_tenant(&id())
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("tenants/acme/state.redb")
    }

    /// Changes the database behind the store's back.
    fn tamper(&self, change: impl FnOnce(&redb::WriteTransaction)) {
        let database = Database::open(self.file()).unwrap();
        let transaction = database.begin_write().unwrap();
        change(&transaction);
        transaction.commit().unwrap();
        database.close().unwrap();
    }
}

fn id() -> TenantId {
    TenantId::parse("acme").unwrap()
}

fn put(table: Table, key: &[u8], value: &[u8]) -> Row {
    Row { table, key: key.to_vec(), value: Some(value.to_vec()) }
}

fn commit_bodies(store: &Store, bodies: &[&[u8]]) {
    let mut opstamp = store.applied();
    let log = bodies.iter().map(|body| {
        opstamp = opstamp.next();
        (opstamp, body.to_vec())
    });
    store.commit(&Batch { log: log.collect(), rows: Vec::new() }).unwrap();
}

fn read_log(store: &Store, after: u64) -> Result<Vec<(u64, Vec<u8>)>, ReadError> {
    let mut rows = Vec::new();
    store.log_after(Opstamp(after), |opstamp, body| {
        rows.push((opstamp.0, body.to_vec()));
        Ok::<_, ReadError>(())
    })?;
    Ok(rows)
}

fn read_table(store: &Store, table: Table) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, ReadError> {
    let mut rows = BTreeMap::new();
    let mut last: Option<Vec<u8>> = None;
    store.scan(table, |key, value| {
        assert!(last.as_deref().is_none_or(|last| last < key), "keys in order");
        last = Some(key.to_vec());
        rows.insert(key.to_vec(), value.to_vec());
        Ok::<_, ReadError>(())
    })?;
    Ok(rows)
}

#[derive(Default)]
struct Model {
    tables: [BTreeMap<Vec<u8>, Vec<u8>>; 5],
    log: Vec<(u64, Vec<u8>)>,
    start: usize,
}

impl Model {
    fn check(&self, store: &Store, seed: u64) {
        assert_eq!(store.applied().0, self.log.len() as u64, "seed {seed}");
        assert_eq!(store.log_start().0, self.start as u64, "seed {seed}");
        assert_eq!(store.log_len(), (self.log.len() - self.start) as u64, "seed {seed}");
        for (number, table) in Table::ALL.into_iter().enumerate() {
            assert_eq!(read_table(store, table).unwrap(), self.tables[number], "seed {seed} {table}");
            assert_eq!(store.reader().unwrap().count(table).unwrap(), self.tables[number].len() as u64);
        }
        for after in self.start..=self.log.len() {
            assert_eq!(read_log(store, after as u64).unwrap(), self.log[after..], "seed {seed} after {after}");
        }
    }
}

#[test]
fn random_batches_read_back_like_a_map_across_reopens() {
    for seed in 0..12 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (bench, mut store) = Bench::new();
        let mut model = Model::default();
        for _ in 0..12 {
            let mut batch = Batch::default();
            for _ in 0..random.usize(1..5) {
                let body: Vec<u8> = (0..random.usize(0..900)).map(|_| random.u8(b'a'..b'd')).collect();
                model.log.push((model.log.len() as u64 + 1, body.clone()));
                batch.log.push((Opstamp(model.log.len() as u64), body));
            }
            for _ in 0..random.usize(0..30) {
                let number = random.usize(0..5);
                let key = vec![random.u8(b'a'..b'h'); random.usize(0..3)];
                let value = random.bool().then(|| vec![random.u8(..); random.usize(0..1500)]);
                match &value {
                    Some(value) => model.tables[number].insert(key.clone(), value.clone()),
                    None => model.tables[number].remove(&key),
                };
                batch.rows.push(Row { table: Table::ALL[number], key, value });
            }
            store.commit(&batch).unwrap();
            match random.u8(..4) {
                0 => {
                    drop(store);
                    store = bench.open().unwrap();
                }
                1 => {
                    store.mark_clean().unwrap();
                    drop(store);
                    store = bench.open().unwrap();
                }
                2 => {
                    let upto = random.usize(0..=model.log.len());
                    store.cut_log(Opstamp(upto as u64)).unwrap();
                    model.start = model.start.max(upto);
                }
                _ => {}
            }
            model.check(&store, seed);
        }
        let verification = store.verify().unwrap();
        assert!(verification.is_intact(), "{verification:?}");
        assert_eq!(verification.log_rows, store.log_len());
        assert_eq!(verification.rows, model.tables.iter().map(|table| table.len() as u64).sum::<u64>());
        store.compact().unwrap();
        model.check(&store, seed);
    }
}

#[test]
fn a_prefix_scan_visits_exactly_the_keys_with_the_prefix() {
    let (_bench, store) = Bench::new();
    let keys: [&[u8]; 7] = [b"", b"a", b"a\0", b"ab", b"a\xff\xff", b"b", b"\xff"];
    let rows = keys.iter().map(|key| put(Table::Texts, key, key)).collect();
    store.commit(&Batch { log: vec![(Opstamp(1), Vec::new())], rows }).unwrap();
    for prefix in [&b""[..], b"a", b"ab", b"c", b"\xff", b"a\xff"] {
        let mut found = Vec::new();
        let reader = store.reader().unwrap();
        reader
            .scan_prefix(Table::Texts, prefix, |key, _| {
                found.push(key.to_vec());
                Ok::<_, ReadError>(())
            })
            .unwrap();
        let mut expected: Vec<&[u8]> = keys.iter().copied().filter(|key| key.starts_with(prefix)).collect();
        expected.sort_unstable();
        assert_eq!(found, expected, "{prefix:?}");
    }
}

#[test]
fn rows_read_together_are_those_read_one_by_one() {
    let (_bench, store) = Bench::new();
    for seed in 0..50 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let rows = (0..rng.usize(0..20)).map(|_| {
            // Some long enough to be compressed.
            let value = vec![rng.u8(..); rng.usize(0..2_000)];
            Row { table: Table::Texts, key: vec![rng.u8(0..40)], value: Some(value).filter(|_| rng.u8(0..4) > 0) }
        });
        let rows = rows.collect();
        store.commit(&Batch { log: vec![(store.applied().next(), Vec::new())], rows }).unwrap();
        // In any order, some twice, some of rows that do not exist.
        let keys: Vec<[u8; 1]> = (0..rng.usize(0..60)).map(|_| [rng.u8(0..50)]).collect();
        let mut read = Vec::new();
        let reader = store.reader().unwrap();
        reader
            .get_each(Table::Texts, &keys, |key, value| {
                read.push((key.to_vec(), value.map(<[u8]>::to_vec)));
                Ok::<_, ReadError>(())
            })
            .unwrap();
        let one_by_one: Vec<_> =
            keys.iter().map(|key| (key.to_vec(), reader.get(Table::Texts, key).unwrap())).collect();
        assert_eq!(read, one_by_one, "seed {seed}");
    }
}

#[test]
fn damage_and_a_visitors_error_end_the_reading_of_rows() {
    let (bench, store) = Bench::new();
    let rows = (0..3).map(|key| put(Table::Texts, &[key], b"text")).collect();
    store.commit(&Batch { log: vec![(Opstamp(1), Vec::new())], rows }).unwrap();
    let mut seen = Vec::new();
    let stopped = store.reader().unwrap().get_each(Table::Texts, [[0], [9], [1], [2]], |key, _| {
        seen.push(key[0]);
        if key == [1] { Err(ReadError::Poisoned) } else { Ok(()) }
    });
    assert!(matches!(stopped, Err(ReadError::Poisoned)));
    assert_eq!(seen, [0, 9, 1]);
    store.mark_clean().unwrap();
    drop(store);
    bench.tamper(|transaction| {
        let mut table = transaction.open_table(state(Table::Texts)).unwrap();
        table.insert([1].as_slice(), b"no envelope".as_slice()).unwrap();
    });
    let store = bench.open().unwrap();
    let read = store.reader().unwrap().get_each(Table::Texts, [[0], [1]], |_, _| Ok::<_, ReadError>(()));
    let Err(ReadError::Damaged(damaged)) = read else { panic!("not found") };
    assert_eq!(damaged.place, Place::Row { table: Table::Texts, key: vec![1] });
}

#[test]
fn a_visitors_error_ends_the_scan_and_comes_back() {
    let (_bench, store) = Bench::new();
    let rows = [b"a", b"b"].map(|key| put(Table::Facts, key, b"")).into();
    store.commit(&Batch { log: vec![(Opstamp(1), Vec::new())], rows }).unwrap();
    let mut visits = 0;
    let ended = store.scan(Table::Facts, |_, _| {
        visits += 1;
        Err(ReadError::Poisoned)
    });
    assert!(matches!(ended, Err(ReadError::Poisoned)));
    assert_eq!(visits, 1);
    assert!(store.get(Table::Facts, b"a").is_ok());
}

#[test]
fn a_table_opened_once_answers_as_one_opened_for_each_row() {
    let (_bench, store) = Bench::new();
    // Short and long values, so that some are compressed; one after the other reads into the same buffers.
    let values: Vec<Vec<u8>> = [0, 1, 5_000, 3, 90_000, 511, 512].map(|len| vec![b'v'; len]).into();
    let rows = (0u8..).zip(&values).map(|(key, value)| put(Table::Texts, &[key], value)).collect();
    store.commit(&Batch { log: vec![(Opstamp(1), Vec::new())], rows }).unwrap();
    let reader = store.reader().unwrap();
    let mut texts = reader.rows(Table::Texts).unwrap();
    for key in (0u8..9).chain([3, 2, 2, 0]) {
        let found = texts.get(&[key], <[u8]>::to_vec).unwrap();
        assert_eq!(found, reader.get(Table::Texts, &[key]).unwrap(), "{key}");
        assert_eq!(found.as_ref(), values.get(usize::from(key)), "{key}");
    }
    assert_eq!(reader.rows(Table::Facts).unwrap().get(&[0], <[u8]>::len).unwrap(), None);
}

#[test]
fn a_reader_keeps_its_moment() {
    let (_bench, store) = Bench::new();
    store.commit(&Batch { log: vec![(Opstamp(1), Vec::new())], rows: vec![put(Table::Facts, b"k", b"old")] }).unwrap();
    let reader = store.reader().unwrap();
    store.commit(&Batch { log: vec![(Opstamp(2), Vec::new())], rows: vec![put(Table::Facts, b"k", b"new")] }).unwrap();
    assert_eq!(reader.applied(), Opstamp(1));
    assert_eq!(reader.get(Table::Facts, b"k").unwrap().unwrap(), b"old");
    assert_eq!(store.get(Table::Facts, b"k").unwrap().unwrap(), b"new");
    assert!(matches!(store.compact(), Err(CompactError::Busy)));
    assert!(matches!(store.verify(), Err(VerifyError::Busy)));
    drop(reader);
    store.compact().unwrap();
    assert!(store.verify().unwrap().is_intact());
}

#[test]
fn readers_beside_a_writer_see_whole_batches_only() {
    let (_bench, store) = Bench::new();
    let last = 60;
    let rows = |n: u64| [Table::Tickets, Table::Facts].map(|table| put(table, b"k", &n.to_le_bytes())).into();
    store.commit(&Batch { log: vec![(Opstamp(1), Vec::new())], rows: rows(1) }).unwrap();
    std::thread::scope(|scope| {
        let read = || {
            let mut seen = 0;
            while seen < last {
                let reader = store.reader().unwrap();
                let rows = [Table::Tickets, Table::Facts].map(|table| reader.get(table, b"k").unwrap().unwrap());
                assert!(reader.applied().0 >= seen, "time goes back");
                seen = reader.applied().0;
                assert_eq!(rows, [seen.to_le_bytes(), seen.to_le_bytes()]);
            }
        };
        scope.spawn(read);
        scope.spawn(read);
        for n in 2..=last {
            store.commit(&Batch { log: vec![(Opstamp(n), Vec::new())], rows: rows(n) }).unwrap();
            assert_eq!(store.applied(), Opstamp(n));
        }
    });
}

#[test]
fn a_wrong_batch_is_refused_and_changes_nothing() {
    let (_bench, store) = Bench::new();
    commit_bodies(&store, &[b"one"]);
    for log in [vec![1], vec![3], vec![0], vec![2, 2], vec![2, 4], vec![3, 2]] {
        let log = log.into_iter().map(|opstamp| (Opstamp(opstamp), Vec::new())).collect();
        let refused = store.commit(&Batch { log, rows: vec![put(Table::Facts, b"k", b"v")] });
        assert!(matches!(refused, Err(CommitError::NotConsecutive { .. })));
    }
    let refused = store.commit(&Batch { log: Vec::new(), rows: vec![put(Table::Facts, b"k", b"v")] });
    assert!(matches!(refused, Err(CommitError::RowsWithoutLog { rows: 1 })));
    let log = vec![(Opstamp(2), Vec::new())];
    let key = vec![b'k'; MAX_KEY_BYTES + 1];
    let refused = store.commit(&Batch { log: log.clone(), rows: vec![put(Table::Facts, &key, b"v")] });
    assert!(matches!(refused, Err(CommitError::TooLong { part: "key", .. })));
    assert!(matches!(store.cut_log(Opstamp(2)), Err(CommitError::CutPastApplied { .. })));
    assert_eq!((store.applied(), read_table(&store, Table::Facts).unwrap().len()), (Opstamp(1), 0));

    store.commit(&Batch::default()).unwrap();
    store.commit(&Batch { log, rows: vec![put(Table::Facts, &key[1..], b"v")] }).unwrap();
    assert_eq!(store.get(Table::Facts, &key[1..]).unwrap().unwrap(), b"v");
}

#[test]
fn the_log_is_cut_over_several_transactions() {
    let (bench, store) = Bench::new();
    let rows = MAX_CUT_ROWS + 5;
    let log = (1..=rows).map(|opstamp| (Opstamp(opstamp), opstamp.to_le_bytes().to_vec())).collect();
    store.commit(&Batch { log, rows: Vec::new() }).unwrap();
    store.cut_log(Opstamp(rows - 2)).unwrap();
    assert_eq!((store.log_start(), store.log_len()), (Opstamp(rows - 2), 2));
    let kept: Vec<_> = (rows - 1..=rows).map(|opstamp| (opstamp, opstamp.to_le_bytes().to_vec())).collect();
    assert_eq!(read_log(&store, rows - 2).unwrap(), kept);
    assert!(matches!(read_log(&store, rows - 3), Err(ReadError::NotInLog { .. })));
    assert!(matches!(read_log(&store, rows + 1), Err(ReadError::NotInLog { .. })));
    store.cut_log(Opstamp(rows)).unwrap();
    drop(store);
    let store = bench.open().unwrap();
    assert_eq!((store.applied(), store.log_len()), (Opstamp(rows), 0));
    assert_eq!(read_log(&store, rows).unwrap(), []);
    commit_bodies(&store, &[b"next"]);
    assert_eq!(read_log(&store, rows).unwrap(), [(rows + 1, b"next".to_vec())]);
}

#[test]
fn rows_swapped_flipped_or_gone_are_found() {
    let table = Table::Tickets;
    let found = |change: fn(&mut redb::Table<'_, &'static [u8], &'static [u8]>)| {
        let (bench, store) = Bench::new();
        let rows = [b"1", b"2", b"3"].map(|key| put(table, key, key)).into();
        store.commit(&Batch { log: vec![(Opstamp(1), Vec::new())], rows }).unwrap();
        store.mark_clean().unwrap();
        drop(store);
        bench.tamper(|transaction| change(&mut transaction.open_table(state(table)).unwrap()));
        let store = bench.open().unwrap();
        let Err(ReadError::Damaged(damaged)) = read_table(&store, table) else { panic!("not found") };
        let verification = store.verify().unwrap();
        assert_eq!(verification.damaged, std::slice::from_ref(&damaged));
        damaged
    };
    let swapped = found(|rows| {
        let one = rows.remove(b"1".as_slice()).unwrap().unwrap().value().to_vec();
        let two = rows.insert(b"2".as_slice(), one.as_slice()).unwrap().unwrap().value().to_vec();
        rows.insert(b"1".as_slice(), two.as_slice()).unwrap();
    });
    assert_eq!(swapped.place, Place::Row { table, key: b"1".to_vec() });
    assert!(matches!(swapped.defect, Defect::Checksum { .. }));
    let flipped = found(|rows| {
        let mut row = rows.remove(b"2".as_slice()).unwrap().unwrap().value().to_vec();
        *row.last_mut().unwrap() ^= 1;
        rows.insert(b"2".as_slice(), row.as_slice()).unwrap();
    });
    assert_eq!(flipped.place, Place::Row { table, key: b"2".to_vec() });
    let foreign = found(|rows| {
        rows.insert(b"4".as_slice(), b"".as_slice()).unwrap();
    });
    assert_eq!(foreign.defect, Defect::Length(0));
}

#[test]
fn gaps_swaps_and_foreign_rows_in_the_log_are_found() {
    type Change = fn(&mut redb::Table<'_, u64, &'static [u8]>);
    let found = |change: Change| {
        let (bench, store) = Bench::new();
        commit_bodies(&store, &[b"a", b"b", b"c", b"d"]);
        commit_bodies(&store, &[b"e"]);
        store.mark_clean().unwrap();
        drop(store);
        bench.tamper(|transaction| change(&mut transaction.open_table(LOG).unwrap()));
        match bench.open() {
            Err(OpenError::Damaged(damaged)) => damaged,
            Ok(store) => match read_log(&store, 0) {
                Err(ReadError::Damaged(damaged)) => damaged,
                other => panic!("not found: {other:?}"),
            },
            Err(other) => panic!("{other}"),
        }
    };
    let gap = found(|rows| {
        rows.remove(3).unwrap();
    });
    assert_eq!((gap.place, gap.defect), (Place::Log(Opstamp(3)), Defect::Missing));
    let first = found(|rows| {
        rows.remove(1).unwrap();
    });
    assert_eq!((first.place, first.defect), (Place::Log(Opstamp(1)), Defect::Missing));
    let last = found(|rows| {
        rows.remove(5).unwrap();
    });
    assert_eq!((last.place, last.defect), (Place::Log(Opstamp(5)), Defect::Missing));
    let swapped = found(|rows| {
        let two = rows.remove(2).unwrap().unwrap().value().to_vec();
        let three = rows.insert(3, two.as_slice()).unwrap().unwrap().value().to_vec();
        rows.insert(2, three.as_slice()).unwrap();
    });
    assert!(matches!(swapped.defect, Defect::Checksum { .. }));
    let beyond = found(|rows| {
        let five = rows.remove(5).unwrap().unwrap().value().to_vec();
        rows.insert(5, five.as_slice()).unwrap();
        rows.insert(6, five.as_slice()).unwrap();
    });
    assert_eq!(beyond.place, Place::Log(Opstamp(6)));
}

#[test]
fn a_log_row_of_another_history_is_found() {
    let (bench, store) = Bench::new();
    commit_bodies(&store, &[b"a", b"b", b"c"]);
    store.mark_clean().unwrap();
    drop(store);
    let (other_bench, other) = Bench::new();
    commit_bodies(&other, &[b"x", b"b", b"c"]);
    other.mark_clean().unwrap();
    drop(other);
    let mut foreign = Vec::new();
    other_bench.tamper(|transaction| {
        foreign = transaction.open_table(LOG).unwrap().remove(2).unwrap().unwrap().value().to_vec();
    });
    bench.tamper(|transaction| {
        transaction.open_table(LOG).unwrap().insert(2, foreign.as_slice()).unwrap();
    });
    let store = bench.open().unwrap();
    let Err(ReadError::Damaged(damaged)) = read_log(&store, 0) else { panic!("not found") };
    assert_eq!(damaged.place, Place::Log(Opstamp(2)));
    assert!(matches!(damaged.defect, Defect::Chain { .. }));
    let Err(ReadError::Damaged(damaged)) = read_log(&store, 2) else { panic!("not found") };
    assert_eq!(damaged.place, Place::Log(Opstamp(3)));
}

#[test]
fn flipped_bits_in_an_unclean_database_never_change_an_answer() {
    // A killed process leaves a file that redb has not closed.
    flip_bits(|file, store| {
        drop(store);
        fs::read(file).unwrap()
    });
    flip_bits(|file, store| {
        let open = fs::read(file).unwrap();
        drop(store);
        open
    });
}

#[expect(clippy::panic, reason = "a test")]
fn flip_bits(left: impl Fn(&Path, Store) -> Vec<u8>) {
    let (bench, store) = Bench::new();
    let rows: Vec<Row> = (0..200u32).map(|n| put(Table::Tickets, &n.to_be_bytes(), &[7; 60])).collect();
    store.commit(&Batch { log: vec![(Opstamp(1), b"made".to_vec())], rows }).unwrap();
    let table = read_table(&store, Table::Tickets).unwrap();
    let good = left(&bench.file(), store);
    let used: Vec<usize> = (0..good.len()).filter(|at| good[*at] != 0).collect();
    let mut random = fastrand::Rng::with_seed(5);
    let mut found = 0;
    for round in 0..150 {
        let mut bytes = good.clone();
        let (at, bit) = (used[random.usize(..used.len())], random.u8(..8));
        bytes[at] ^= 1 << bit;
        fs::write(bench.file(), &bytes).unwrap();
        let _gone = fs::remove_file(bench.file().with_file_name("CHECK"));
        let Ok(store) = bench.open() else {
            found += 1;
            continue;
        };
        match (store.applied(), read_table(&store, Table::Tickets), read_log(&store, 0)) {
            (Opstamp(1), Ok(rows), Ok(log)) => {
                assert_eq!((rows, log), (table.clone(), vec![(1, b"made".to_vec())]), "round {round}: {at} bit {bit}");
            }
            (_, Err(_), _) | (_, _, Err(_)) => found += 1,
            (applied, ..) => panic!("round {round}: {at} bit {bit} goes back to {applied}"),
        }
    }
    assert!(found > 20, "{found}");
}

#[test]
fn a_clean_open_of_a_large_database_trusts_the_mark_and_any_other_checks_every_page() {
    for (clean, large) in [(true, true), (true, false), (false, true), (false, false)] {
        let (bench, store) = Bench::new();
        commit_bodies(&store, &[b"a"]);
        store.mark_clean().unwrap();
        store.mark_clean().unwrap();
        let rows = (0..100u32).map(|n| put(Table::Values, &n.to_be_bytes(), b"MARKED VALUE")).collect();
        store.commit(&Batch { log: vec![(Opstamp(2), b"b".to_vec())], rows }).unwrap();
        if clean {
            store.mark_clean().unwrap();
        }
        drop(store);
        let mut bytes = fs::read(bench.file()).unwrap();
        let mut at = 0;
        while let Some(next) = bytes[at..].windows(12).position(|window| window == b"MARKED VALUE") {
            at += next + 1;
            bytes[at] ^= 1;
        }
        assert!(at > 0);
        fs::write(bench.file(), bytes).unwrap();
        let len = fs::metadata(bench.file()).unwrap().len();
        let data = DataDir::open(bench.dir.path()).unwrap().with_check_bytes(if large { len - 1 } else { len });
        let opened = data.open_tenant(&id());
        drop(data);
        if clean && large {
            let store = opened.unwrap();
            assert!(matches!(store.get(Table::Values, &[0; 4]), Err(ReadError::Damaged(_))));
            let reader = store.reader().unwrap();
            let read = reader.rows(Table::Values).unwrap().get(&[0; 4], <[u8]>::len);
            assert!(matches!(read, Err(ReadError::Damaged(_))), "{read:?}");
            drop(reader);
            assert!(!store.verify().unwrap().is_intact());
            assert!(matches!(store.get(Table::Values, &[0; 4]), Err(ReadError::Poisoned)));
            assert!(matches!(store.mark_clean(), Err(CommitError::Poisoned)));
            assert!(matches!(store.verify(), Err(VerifyError::Poisoned)));
        } else {
            assert!(matches!(opened, Err(OpenError::Damaged(_))));
        }
        assert!(bench.open().is_err(), "damage does not go away by itself");
    }
}

#[test]
fn after_a_failed_commit_every_commit_and_read_is_refused() {
    let (bench, store) = Bench::new();
    commit_bodies(&store, &[b"a"]);
    drop(store);
    let data = DataDir::open(bench.dir.path()).unwrap().with_cache_bytes(0);
    let store = data.open_tenant(&id()).unwrap();
    let reader = store.reader().unwrap();
    let len = fs::metadata(bench.file()).unwrap().len();
    let file = fs::OpenOptions::new().write(true).open(bench.file()).unwrap();
    file.set_len(0).unwrap();
    file.set_len(len).unwrap();
    let batch = Batch { log: vec![(Opstamp(2), b"b".to_vec())], rows: vec![put(Table::Facts, b"k", b"v")] };
    let mut rows = reader.rows(Table::Facts).unwrap();
    let failed = store.commit(&batch);
    assert!(matches!(failed, Err(CommitError::Damaged(_) | CommitError::Database(_))), "{failed:?}");
    assert_eq!(store.applied(), Opstamp(1), "what failed is not applied");
    assert!(matches!(store.commit(&batch), Err(CommitError::Poisoned)));
    assert!(matches!(store.commit(&Batch::default()), Err(CommitError::Poisoned)));
    assert!(matches!(store.cut_log(Opstamp(1)), Err(CommitError::Poisoned)));
    assert!(matches!(store.mark_clean(), Err(CommitError::Poisoned)));
    assert!(matches!(store.get(Table::Facts, b"k"), Err(ReadError::Poisoned)));
    assert!(matches!(read_log(&store, 0), Err(ReadError::Poisoned)));
    assert!(matches!(store.compact(), Err(CompactError::Poisoned)));
    assert!(store.open_snapshot().is_err());
    assert!(matches!(reader.get(Table::Facts, b"k"), Err(ReadError::Poisoned)));
    assert!(matches!(rows.get(b"k", <[u8]>::len), Err(ReadError::Poisoned)));
    assert!(matches!(reader.rows(Table::Facts), Err(ReadError::Poisoned)));
}

#[test]
fn a_database_that_was_never_closed_opens_with_everything_committed() {
    for clean in [true, false] {
        let (bench, store) = Bench::new();
        let rows: Vec<Row> = (0..200u32).map(|n| put(Table::Tickets, &n.to_be_bytes(), &[7; 60])).collect();
        store.commit(&Batch { log: vec![(Opstamp(1), b"made".to_vec())], rows }).unwrap();
        if clean {
            store.mark_clean().unwrap();
        }
        let table = read_table(&store, Table::Tickets).unwrap();
        let open = fs::read(bench.file()).unwrap();
        drop(store);
        for _ in 0..2 {
            fs::write(bench.file(), &open).unwrap();
            let store = bench.open().unwrap();
            assert_eq!(store.applied(), Opstamp(1));
            assert_eq!(read_table(&store, Table::Tickets).unwrap(), table);
            commit_bodies(&store, &[b"more"]);
            assert!(store.verify().unwrap().is_intact());
        }
    }
}

#[test]
fn two_histories_are_told_apart_wherever_the_log_was_cut() {
    let (bench, store) = Bench::new();
    commit_bodies(&store, &[b"a", b"b"]);
    store.mark_clean().unwrap();
    drop(store);
    let common = fs::read(bench.file()).unwrap();
    let histories = |bodies: &[&[u8]], cut: u64| -> Vec<Option<u32>> {
        fs::write(bench.file(), &common).unwrap();
        let store = bench.open().unwrap();
        commit_bodies(&store, bodies);
        store.cut_log(Opstamp(cut)).unwrap();
        let reader = store.reader().unwrap();
        (0..6).map(|opstamp| reader.history(Opstamp(opstamp)).ok()).collect()
    };
    let (one, other) = (histories(&[b"c", b"d"], 0), histories(&[b"x", b"d"], 0));
    assert_eq!(one[..3], other[..3], "until they part");
    assert!(one[3] != other[3] && one[4] != other[4], "{one:?} {other:?}");
    assert!(one[..5].iter().all(Option::is_some) && one[5].is_none(), "{one:?}");
    for cut in 1..=4 {
        let known = histories(&[b"c", b"d"], cut);
        let first = usize::try_from(cut).unwrap();
        assert_eq!(known[first..], one[first..], "cut up to {cut}");
        assert!(known[..first].iter().all(Option::is_none), "cut up to {cut}: {known:?}");
    }
}

#[test]
fn a_tenant_that_lost_a_commit_stays_closed() {
    let (bench, store) = Bench::new();
    commit_bodies(&store, &[b"a"]);
    store.mark_clean().unwrap();
    drop(store);
    let older = fs::read(bench.file()).unwrap();
    let store = bench.open().unwrap();
    commit_bodies(&store, &[b"b"]);
    drop(store);
    // What a check that was interrupted leaves: the note of the log's end, and redb gone back behind it.
    let note = [&2u64.to_le_bytes()[..], &[0; 4]].concat();
    fs::write(bench.file().with_file_name("CHECK"), note).unwrap();
    fs::write(bench.file(), older).unwrap();
    for _ in 0..2 {
        let Err(OpenError::Damaged(damaged)) = bench.open() else { panic!("opened") };
        assert_eq!(damaged.defect, Defect::RolledBack);
    }
}

#[test]
fn a_missing_or_foreign_database_is_damage_and_nothing_is_made() {
    let (bench, store) = Bench::new();
    drop(store);
    for content in [Some(&b""[..]), Some(b"no database"), Some(&[0; 8192]), None] {
        match content {
            Some(bytes) => fs::write(bench.file(), bytes).unwrap(),
            None => fs::remove_file(bench.file()).unwrap(),
        }
        assert!(matches!(bench.open(), Err(OpenError::Damaged(_))), "{content:?}");
        assert_eq!(fs::read(bench.file()).ok().as_deref(), content);
    }
}

#[test]
fn what_was_deleted_is_gone_from_the_file_after_cutting_and_compacting() {
    let (bench, store) = Bench::new();
    let secret = b"SECRET-OF-TICKET-17";
    let key = |n: u64| n.to_be_bytes().to_vec();
    let value = |n: u64| if n.is_multiple_of(3) { secret.to_vec() } else { format!("kept {n}").into_bytes() };
    for n in 1..=400 {
        let rows = vec![Row { table: Table::Texts, key: key(n), value: Some(value(n)) }];
        store.commit(&Batch { log: vec![(Opstamp(n), value(n))], rows }).unwrap();
    }
    let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret);
    assert!(holds(&fs::read(bench.file()).unwrap()));
    let rows =
        (1..=400).filter(|n: &u64| n.is_multiple_of(3)).map(|n| Row { table: Table::Texts, key: key(n), value: None });
    store.commit(&Batch { log: vec![(Opstamp(401), b"erase".to_vec())], rows: rows.collect() }).unwrap();
    store.cut_log(Opstamp(401)).unwrap();
    store.compact().unwrap();
    assert!(!holds(&fs::read(bench.file()).unwrap()));
    assert_eq!(read_table(&store, Table::Texts).unwrap().len(), 400 - 133);
    drop(store);
    assert!(bench.open().unwrap().verify().unwrap().is_intact());
}

/// redb writes once more when it is closed, over pages that nobody read before.
#[test]
fn no_changed_byte_makes_opening_or_closing_panic() {
    let (bench, store) = Bench::new();
    let mut opstamp = store.applied();
    for _ in 0..3 {
        opstamp = opstamp.next();
        let rows = vec![put(Table::Tickets, &[1], &[7; 100])];
        store.commit(&Batch { log: vec![(opstamp, vec![1; 30])], rows }).unwrap();
    }
    store.mark_clean().unwrap();
    drop(store);
    let path = bench.file();
    let whole = fs::read(&path).unwrap();
    let used: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] != 0).collect();
    let mut refused = 0;
    for at in used.iter().step_by(used.len() / 400 + 1) {
        let mut changed = whole.clone();
        changed[*at] ^= 0x90;
        fs::write(&path, changed).unwrap();
        match bench.open() {
            Ok(store) => drop(store),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 0, "damage is seen");
}
