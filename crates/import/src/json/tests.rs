use serde_json::{Map, Value as Json, json};

use super::*;

/// The value at the cursor as a tree, in `serde_json`'s terms.
fn tree(cursor: &mut Cursor<'_>) -> Result<Json, Fault> {
    Ok(match cursor.peek() {
        Some(b'{') => {
            let mut map = Map::new();
            object(cursor, |cursor, key, _| {
                map.insert(key.into_owned(), tree(cursor)?);
                Ok(())
            })?;
            Json::Object(map)
        }
        Some(b'[') => {
            let mut items = Vec::new();
            array(cursor, |cursor, _| {
                items.push(tree(cursor)?);
                Ok(())
            })?;
            Json::Array(items)
        }
        Some(b'"') => Json::String(cursor.string()?.into_owned()),
        Some(b'-' | b'0'..=b'9') => match cursor.number()? {
            Number::Int(number) => json!(number),
            Number::Big(digits) => {
                digits.parse::<u64>().map_or_else(|_| json!(digits.parse::<f64>().unwrap()), |n| json!(n))
            }
            Number::Float(number) => json!(number),
        },
        Some(b't' | b'f') => Json::Bool(cursor.boolean()?),
        _ => {
            cursor.literal("null")?;
            Json::Null
        }
    })
}

fn whole(text: &str) -> Result<Json, Fault> {
    let mut cursor = Cursor::new(text);
    let value = tree(&mut cursor)?;
    cursor.end()?;
    Ok(value)
}

fn raw_accepts(text: &str) -> bool {
    let mut cursor = Cursor::new(text);
    cursor.raw().and_then(|_| cursor.end()).is_ok()
}

fn random_json(rng: &mut fastrand::Rng, depth: usize) -> String {
    let space = |rng: &mut fastrand::Rng| *rng.choice(&["", "", "", " ", "\t", "\r\n"]).unwrap();
    let shape = if depth == 0 { rng.u8(0..6) } else { rng.u8(0..8) };
    let value = match shape {
        0 => (*rng.choice(&["null", "true", "false"]).unwrap()).to_owned(),
        1 => rng.i64(..).to_string(),
        2 => format!("{:?}", f64::from_bits(rng.u64(..)) % 1e30).replace("NaN", "-0.5E+2"),
        3 => format!("{}{}", rng.u64(..), rng.u32(..)),
        4 | 5 => {
            let runs = [
                "a",
                "\\n",
                "\\\"",
                "\\u00e9",
                "\\ud83d\\ude00",
                "\u{e9}\u{1f600}",
                "seven77",
                "eighty88",
                "\\\\",
                "\u{7f}",
            ];
            let text: String = (0..rng.usize(0..6)).map(|_| *rng.choice(&runs).unwrap()).collect();
            format!("\"{text}\"")
        }
        6 => {
            let items: Vec<_> = (0..rng.usize(0..4)).map(|_| random_json(rng, depth - 1)).collect();
            format!("[{}]", items.join(","))
        }
        _ => {
            let items: Vec<_> =
                (0..rng.usize(0..4)).map(|at| format!("\"{at}\":{}", random_json(rng, depth - 1))).collect();
            format!("{{{}}}", items.join(", "))
        }
    };
    format!("{}{value}{}", space(rng), space(rng))
}

/// A tree without the differences that `serde_json` makes and we do not: it reads `-0` as a float.
fn same(ours: &Json, theirs: &Json) -> bool {
    match (ours, theirs) {
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        (Json::Number(a), Json::Number(b)) => {
            // Its default float parser may be one unit in the last place off.
            let (x, y) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            a == b || (x - y).abs() <= x.abs() * 1e-15
        }
        _ => ours == theirs,
    }
}

#[test]
fn agrees_with_serde_json_on_random_texts_and_on_damaged_ones() {
    for seed in 0..30_000 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut text = random_json(&mut rng, 3);
        if seed % 3 > 0 && !text.is_empty() {
            let at = text.floor_char_boundary(rng.usize(0..text.len()));
            let junk =
                ["", "\"", "\\", "{", "}", "[", "]", ",", ":", "0", "-", ".", "e", "\u{1}", "\\u12", "\\ud800", " "];
            let end = text.ceil_char_boundary((at + rng.usize(0..2)).min(text.len()));
            text.replace_range(at..end.max(at), rng.choice(&junk).unwrap());
        }
        let theirs = serde_json::from_str::<Json>(&text);
        assert_eq!(raw_accepts(&text), theirs.is_ok(), "seed {seed}: {text:?}, {theirs:?}");
        match (whole(&text), theirs) {
            (Ok(ours), Ok(theirs)) => assert!(same(&ours, &theirs), "seed {seed}: {text:?}\n{ours}\n{theirs}"),
            (Err(Fault { problem: Problem::DuplicateKey { .. }, .. }), _) | (Err(_), Err(_)) => {}
            (ours, theirs) => panic!("seed {seed}: {text:?}\n{ours:?}\n{theirs:?}"),
        }
    }
}

#[test]
fn a_special_byte_is_found_wherever_it_stands_among_any_other_bytes() {
    for length in 0..40 {
        for at in 0..length {
            for special in ['"', '\\', '\u{0}', '\u{1f}'] {
                for filler in [' ', '!', '#', '[', ']', '\u{7f}', '\u{e9}', '\u{2022}', '\u{1f600}'] {
                    let text: String = (0..length).map(|place| if place == at { special } else { filler }).collect();
                    let mut cursor = Cursor::new(&text);
                    cursor.plain();
                    assert_eq!(Some(cursor.at), text.find(special), "{text:?}");
                }
            }
        }
    }
}

#[test]
fn integers_keep_every_digit() {
    for (text, number) in [
        ("0", Number::Int(0)),
        ("-0", Number::Int(0)),
        ("567588278875213824", Number::Int(567_588_278_875_213_824)),
        ("9223372036854775807", Number::Int(i64::MAX)),
        ("9223372036854775808", Number::Big("9223372036854775808")),
        ("-9223372036854775808", Number::Int(i64::MIN)),
        ("-9223372036854775809", Number::Big("-9223372036854775809")),
        ("18446744073709551615", Number::Big("18446744073709551615")),
        ("1.0", Number::Float(1.0)),
        ("1e3", Number::Float(1000.0)),
    ] {
        assert_eq!(Cursor::new(text).number().unwrap(), number, "{text}");
    }
}

#[test]
fn numbers_are_bounded_in_length_and_size() {
    fn code(text: &str) -> Result<Number<'_>, Problem> {
        Cursor::new(text).number().map_err(|fault| fault.problem)
    }
    assert!(code(&"9".repeat(MAX_NUMBER_BYTES)).is_ok());
    assert_eq!(code(&"9".repeat(MAX_NUMBER_BYTES + 1)), Err(Problem::Number));
    assert!(code("1e308").is_ok());
    assert_eq!(code("1e309"), Err(Problem::Number));
    assert_eq!(code("-1e309"), Err(Problem::Number));
    assert_eq!(code("1e-400"), Ok(Number::Float(0.0)));
}

#[test]
fn depth_is_bounded_on_both_sides() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
        assert!(raw_accepts(&nested(MAX_DEPTH)));
        let deep = nested(MAX_DEPTH + 1);
        assert_eq!(Cursor::new(&deep).raw().unwrap_err().problem, Problem::TooDeep);
    }
}

#[test]
fn a_repeated_key_is_found_among_few_and_among_many() {
    for count in [1, 2, 31, 32, 33, 34, 500] {
        let keys: Vec<_> = (0..count).map(|at| format!("\"k{at}\":1")).collect();
        assert!(whole(&format!("{{{}}}", keys.join(","))).is_ok());
        for again in [0, count / 2, count - 1] {
            let text = format!("{{{},\"\\u006b{again}\":2}}", keys.join(","));
            let problem = whole(&text).unwrap_err().problem;
            assert_eq!(problem, Problem::DuplicateKey { key: format!("k{again}") }, "{count} keys");
        }
    }
}

#[test]
fn keys_and_items_are_bounded_on_both_sides() {
    let object_of = |count: usize| {
        let keys: Vec<_> = (0..count).map(|at| format!("\"{at}\":1")).collect();
        whole(&format!("{{{}}}", keys.join(","))).map_err(|fault| fault.problem)
    };
    assert!(object_of(MAX_KEYS).is_ok());
    assert_eq!(object_of(MAX_KEYS + 1), Err(Problem::TooManyKeys));
    let list_of = |count: usize| whole(&format!("[{}]", vec!["1"; count].join(","))).map_err(|fault| fault.problem);
    assert!(list_of(MAX_ITEMS).is_ok());
    assert_eq!(list_of(MAX_ITEMS + 1), Err(Problem::TooManyItems));
}
